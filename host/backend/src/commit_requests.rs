//! The requests of a user of the controller: commits, locks and diffs.

use confine_netconf::{ActionsKind, Datastore, DeviceConfigType, PushMode, XmlWriter};
use confine_tree::CONTROLLER;

use crate::{Backend, Error, RequestUser, requests::datastore, transaction::parse_tid};

/// The services that a commit runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActionsMode<'a> {
    /// No service.
    None,
    /// The changed services.
    Change,
    /// This service, `name` or `name[key='value']`, changed or not; all services if `None`.
    Force(Option<&'a str>),
    /// No service. The configuration that this service has created is removed, or that of all services if `None`.
    Delete(Option<&'a str>),
}

/// A commit of the controller, which may run services and push to devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ControllerCommit<'a> {
    /// A pattern of device names; `*` for all.
    pub device: &'a str,
    /// What the commit does with the devices.
    pub push: PushMode,
    /// The services to run.
    pub actions: ActionsMode<'a>,
    /// The datastore to commit: the candidate or `running`.
    pub source: Datastore,
}

/// The two sides of [`Backend::datastore_diff`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatastoreDiff<'a> {
    /// Two datastores.
    Datastores(Datastore, Datastore),
    /// Two configurations of the devices that match a pattern.
    Devices(&'a str, DeviceConfigType, DeviceConfigType),
}

/// Returns the identity of a datastore in the controller's own operations.
fn reference(datastore: Datastore) -> &'static str {
    match datastore {
        Datastore::Running => "ds:running",
        Datastore::Candidate => "ds:candidate",
        Datastore::Actions => "actions",
    }
}

impl Backend {
    /// Starts a commit and returns its transaction id. A [`ControllerTransaction`](crate::ControllerTransaction) notifies the
    /// result: subscribe first.
    pub async fn controller_commit(
        &mut self,
        commit: ControllerCommit<'_>,
        user: &RequestUser,
    ) -> Result<u64, Error> {
        const OPERATION: &str = "controller-commit";
        let (actions, instance) = match commit.actions {
            ActionsMode::None => (ActionsKind::None, None),
            ActionsMode::Change => (ActionsKind::Change, None),
            ActionsMode::Force(instance) => (ActionsKind::Force, instance),
            ActionsMode::Delete(instance) => (ActionsKind::Delete, instance),
        };
        let content = |xml: &mut XmlWriter| {
            xml.leaf("device", &[], commit.device)?;
            xml.leaf("push", &[], commit.push.as_str())?;
            xml.leaf("actions", &[], actions.as_str())?;
            if let Some(instance) = instance {
                xml.leaf("service-instance", &[], instance)?;
            }
            xml.leaf("source", &[], reference(commit.source))
        };
        let tids = self.output(user, OPERATION, content).await?;
        let tid = tids.first().ok_or_else(|| Error::invalid_answer(OPERATION, "it has no `tid`"))?;
        parse_tid(OPERATION, tid)
    }

    /// Returns the differences as text: one text for two datastores, one per device otherwise. Returns nothing if there is no
    /// difference.
    pub async fn datastore_diff(
        &mut self,
        diff: DatastoreDiff<'_>,
        user: &RequestUser,
    ) -> Result<Vec<String>, Error> {
        let content = |xml: &mut XmlWriter| match diff {
            DatastoreDiff::Datastores(one, other) => {
                xml.leaf("dsref1", &[], reference(one))?;
                xml.leaf("dsref2", &[], reference(other))
            }
            DatastoreDiff::Devices(device, one, other) => {
                xml.leaf("device", &[], device)?;
                xml.leaf("config-type1", &[], one.as_str())?;
                xml.leaf("config-type2", &[], other.as_str())
            }
        };
        let mut texts = self.output(user, "datastore-diff", content).await?;
        // The reply has one empty text for equal datastores, and none for equal devices.
        texts.retain(|text| !text.is_empty());
        Ok(texts)
    }

    /// Commits the candidate to `running`, without services or devices (RFC 6241 section 8.3.4.1).
    pub async fn commit(&mut self, user: &RequestUser) -> Result<(), Error> {
        self.command(user, "commit", &[], |_| Ok(())).await
    }

    /// Resets the candidate to `running` (RFC 6241 section 8.3.4.2).
    pub async fn discard_changes(&mut self, user: &RequestUser) -> Result<(), Error> {
        self.command(user, "discard-changes", &[], |_| Ok(())).await
    }

    /// Locks a datastore for this connection (RFC 6241 section 7.5). The lock ends with the connection.
    pub async fn lock(&mut self, target: Datastore, user: &RequestUser) -> Result<(), Error> {
        self.command(user, "lock", &[], |xml| xml.element("target", &[], |xml| datastore(xml, target))).await
    }

    /// Unlocks a datastore (RFC 6241 section 7.6).
    pub async fn unlock(&mut self, target: Datastore, user: &RequestUser) -> Result<(), Error> {
        self.command(user, "unlock", &[], |xml| xml.element("target", &[], |xml| datastore(xml, target)))
            .await
    }

    /// Calls an operation of the controller. Returns the texts of the leaves in its output.
    async fn output(
        &mut self,
        user: &RequestUser,
        operation: &'static str,
        content: impl FnOnce(&mut XmlWriter) -> Result<(), confine_netconf::Error>,
    ) -> Result<Vec<String>, Error> {
        let reply = self.call(user, operation, &[("xmlns", CONTROLLER)], content).await?;
        let output = reply.into_output().map_err(Error::session(operation))?;
        let texts = output.children().map(|leaf| leaf.and_then(|leaf| leaf.text()));
        texts.map(|text| text.map_err(Error::session(operation))).collect()
    }
}
