//! What a user of the controller asks of it: commits, locks and differences.

use confine_netconf::XmlWriter;

use crate::transaction::parse_tid;
use crate::{Backend, CONTROLLER, Datastore, Error, RequestUser};

/// What a commit does with the devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushMode {
    /// Nothing is sent to them.
    None,
    /// They are asked whether they would accept it.
    Validate,
    /// They get it.
    Commit,
}

impl PushMode {
    fn as_str(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Validate => "VALIDATE",
            Self::Commit => "COMMIT",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::None, Self::Validate, Self::Commit].into_iter().find(|push| push.as_str() == text)
    }
}

/// Which services a commit runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActionsMode<'a> {
    /// None.
    None,
    /// Those that have changed.
    Change,
    /// This one, `name` or `name[key='value']`, whether or not it has changed; all of them if `None`.
    Force(Option<&'a str>),
    /// None; the configuration that this one has created is removed, or that of all if `None`.
    Delete(Option<&'a str>),
}

/// A commit by the controller, which may run services and push to devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ControllerCommit<'a> {
    /// Pattern of device names; `*` for all.
    pub device: &'a str,
    /// What to do with the devices.
    pub push: PushMode,
    /// Which services to run.
    pub actions: ActionsMode<'a>,
    /// What to commit: the candidate or `running`.
    pub source: Datastore,
}

/// A device's configuration as the controller has it in one place or another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceConfigType {
    /// In the controller's `running`.
    Running,
    /// In the controller's candidate.
    Candidate,
    /// In the datastore of the actions.
    Actions,
    /// As it was last pulled or pushed.
    Synced,
    /// As it was pulled last without being kept.
    Transient,
}

impl DeviceConfigType {
    fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Candidate => "CANDIDATE",
            Self::Actions => "ACTIONS",
            Self::Synced => "SYNCED",
            Self::Transient => "TRANSIENT",
        }
    }
}

/// What [`Backend::datastore_diff`] compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatastoreDiff<'a> {
    /// Two datastores.
    Datastores(Datastore, Datastore),
    /// Two configurations of the devices that match a pattern.
    Devices(&'a str, DeviceConfigType, DeviceConfigType),
}

impl Datastore {
    /// The identity that names it in the controller's own operations.
    fn reference(self) -> &'static str {
        match self {
            Self::Running => "ds:running",
            Self::Candidate => "ds:candidate",
            Self::Actions => "actions",
        }
    }
}

impl Backend {
    /// Starts a commit; returns the number of its transaction. How it ends is told by a
    /// [`ControllerTransaction`](crate::ControllerTransaction): subscribe before.
    pub async fn controller_commit(
        &mut self,
        commit: ControllerCommit<'_>,
        identity: &RequestUser,
    ) -> Result<u64, Error> {
        const OPERATION: &str = "controller-commit";
        let (actions, instance) = match commit.actions {
            ActionsMode::None => ("NONE", None),
            ActionsMode::Change => ("CHANGE", None),
            ActionsMode::Force(instance) => ("FORCE", instance),
            ActionsMode::Delete(instance) => ("DELETE", instance),
        };
        let content = |xml: &mut XmlWriter| {
            xml.leaf("device", &[], commit.device)?;
            xml.leaf("push", &[], commit.push.as_str())?;
            xml.leaf("actions", &[], actions)?;
            if let Some(instance) = instance {
                xml.leaf("service-instance", &[], instance)?;
            }
            xml.leaf("source", &[], commit.source.reference())
        };
        let tids = self.output(identity, OPERATION, content).await?;
        let tid = tids.first().ok_or_else(|| Error::answer(OPERATION, "it has no `tid`"))?;
        parse_tid(OPERATION, tid)
    }

    /// The differences, printed for people: one text for two datastores, one for each device; none where
    /// there is no difference.
    pub async fn datastore_diff(
        &mut self,
        diff: DatastoreDiff<'_>,
        identity: &RequestUser,
    ) -> Result<Vec<String>, Error> {
        let content = |xml: &mut XmlWriter| match diff {
            DatastoreDiff::Datastores(one, other) => {
                xml.leaf("dsref1", &[], one.reference())?;
                xml.leaf("dsref2", &[], other.reference())
            }
            DatastoreDiff::Devices(device, one, other) => {
                xml.leaf("device", &[], device)?;
                xml.leaf("config-type1", &[], one.as_str())?;
                xml.leaf("config-type2", &[], other.as_str())
            }
        };
        let mut texts = self.output(identity, "datastore-diff", content).await?;
        // Equal datastores are answered with one empty text, equal devices with none.
        texts.retain(|text| !text.is_empty());
        Ok(texts)
    }

    /// Commits the candidate to `running`, without services or devices (RFC 6241 section 8.3.4.1).
    pub async fn commit(&mut self, identity: &RequestUser) -> Result<(), Error> {
        self.command(identity, "commit", &[], |_| Ok(())).await
    }

    /// Makes the candidate what `running` is (RFC 6241 section 8.3.4.2).
    pub async fn discard_changes(&mut self, identity: &RequestUser) -> Result<(), Error> {
        self.command(identity, "discard-changes", &[], |_| Ok(())).await
    }

    /// Locks a datastore for this connection (RFC 6241 section 7.5). The lock ends with the connection.
    pub async fn lock(&mut self, target: Datastore, identity: &RequestUser) -> Result<(), Error> {
        self.command(identity, "lock", &[], |xml| xml.element("target", &[], |xml| target.write(xml))).await
    }

    /// Gives the lock back (RFC 6241 section 7.6).
    pub async fn unlock(&mut self, target: Datastore, identity: &RequestUser) -> Result<(), Error> {
        self.command(identity, "unlock", &[], |xml| xml.element("target", &[], |xml| target.write(xml))).await
    }

    /// Calls an operation of the controller's; returns the texts of the leaves that it answers with.
    async fn output(
        &mut self,
        identity: &RequestUser,
        operation: &'static str,
        content: impl FnOnce(&mut XmlWriter) -> Result<(), confine_netconf::Error>,
    ) -> Result<Vec<String>, Error> {
        let reply = self.call(identity, operation, &[("xmlns", CONTROLLER)], content).await?;
        let unreadable = |source| Error::Session { operation, source };
        let output = reply.into_output().map_err(unreadable)?;
        output.children().map(|leaf| leaf.and_then(|leaf| leaf.text()).map_err(unreadable)).collect()
    }
}
