//! The controller's commit: `controller-commit`, and the answers of the services daemon.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use confine_netconf::{XmlElement, XmlWriter};
use confine_tree::{CONTROLLER, QName, Tree};

use super::{input, text, unreadable, unwritable};
use crate::created::child_value;
use crate::datastore::DatastoreName;
use crate::refusal::{self, RpcRefusal};
use crate::services;
use crate::state::{ControllerState, OkReply, RequestContext, SideEffect, StreamName, entries};
use crate::store;
use crate::transaction::{ActionsParameter, PushParameter, TransactionResult, TransactionStage};
use crate::validate;

impl ControllerState {
    /// `controller-commit`: begins a transaction, tells the services daemon what changed, and pushes what
    /// comes of it to the devices.
    pub(super) fn controller_commit(
        &mut self,
        caller: &RequestContext<'_>,
        input: &XmlElement<'_>,
    ) -> Result<OkReply, RpcRefusal> {
        let source = text(input, "source")?.as_deref().and_then(DatastoreName::parse);
        let source = source
            .filter(|&source| source != DatastoreName::Actions)
            .ok_or_else(|| refusal::failed("sourcedb not supported"))?;
        let actions = text(input, "actions")?;
        let push = text(input, "push")?;
        let description = [("actions", &actions), ("push", &push)].into_iter();
        let description =
            description.filter_map(|(name, value)| Some(format!(" {name}:{}", value.as_ref()?)));
        let description = format!("Controller commit{}", description.collect::<String>());
        let actions =
            input::enumeration(input, "actions", ActionsParameter::parse)?.unwrap_or(ActionsParameter::None);
        let push = input::enumeration(input, "push", PushParameter::parse)?.unwrap_or(PushParameter::None);
        let instance = text(input, "service-instance")?;
        let selected = self.selected_devices(input)?;

        if source == DatastoreName::Candidate {
            validate::datastore(self.datastores.tree(DatastoreName::Candidate), self.models.schema())?;
        }
        let tid = self.begin(caller, description, actions, push)?;
        if let Err(error) = self.run_commit(tid, source, selected, instance) {
            self.end(tid, TransactionResult::Failed, None, None);
            return Err(error);
        }
        tid_reply(tid)
    }

    /// What may fail after the transaction has begun.
    fn run_commit(
        &mut self,
        tid: u64,
        source: DatastoreName,
        selected: Vec<String>,
        instance: Option<String>,
    ) -> Result<(), RpcRefusal> {
        let Some(transaction) = self.transaction(tid) else { return Ok(()) };
        let (actions, push) = (transaction.actions, transaction.push);
        transaction.devices.clone_from(&selected);
        if selected.is_empty() && push != PushParameter::None {
            return Err(refusal::failed(
                "No devices are selected (or no devices exist) and you have requested commit PUSH",
            ));
        }
        self.check_local_changes(&selected)?;
        if actions == ActionsParameter::None {
            return match self.start_push(tid, DatastoreName::Running)? {
                true => Ok(()),
                false => Err(refusal::failed("No changes to push")),
            };
        }
        if source != DatastoreName::Candidate {
            return Err(refusal::failed("Only candidates db supported if actions"));
        }
        self.run_actions(tid, instance)
    }

    /// Refuses where the controller's own settings of a device have changed: they go by a local commit.
    fn check_local_changes(&self, devices: &[String]) -> Result<(), RpcRefusal> {
        let (running, candidate) =
            (self.datastores.tree(DatastoreName::Running), self.datastores.tree(DatastoreName::Candidate));
        if Arc::ptr_eq(running, candidate) {
            return Ok(());
        }
        let settings = |tree: &Tree, entry| {
            let config = QName::new(CONTROLLER, "config");
            let settings = tree.children(entry).filter(|&child| tree.qname(child) != config);
            let leaf = |child| (tree.qname(child).local.to_owned(), tree.value(child).map(str::to_owned));
            settings.map(leaf).collect::<Vec<_>>()
        };
        let before: HashMap<_, _> = entries(running, "device").into_iter().collect();
        let devices: HashSet<&str> = devices.iter().map(String::as_str).collect();
        for (name, now) in entries(candidate, "device") {
            let Some(&then) = before.get(name) else {
                return Err(refusal::failed(format!("device {name} not found in transaction")));
            };
            if devices.contains(name) && settings(running, then) != settings(candidate, now) {
                return Err(refusal::failed(format!(
                    "Device '{name}': local fields are changed (try 'commit local' instead)"
                )));
            }
        }
        Ok(())
    }

    /// Copies the candidate to `actions` and, where services have changed or are forced, tells the services
    /// daemon and takes away what they had created.
    fn run_actions(&mut self, tid: u64, instance: Option<String>) -> Result<(), RpcRefusal> {
        let Some(transaction) = self.transaction(tid) else { return Ok(()) };
        let (actions, push) = (transaction.actions, transaction.push);
        let changed = services::changed(
            self.datastores.tree(DatastoreName::Running),
            self.datastores.tree(DatastoreName::Candidate),
            &self.models.model(),
        );
        self.datastores.copy(DatastoreName::Candidate, DatastoreName::Actions);
        let Some(changed) = changed else { return self.after_actions(tid) };
        match actions {
            ActionsParameter::Force | ActionsParameter::Delete => {
                let instances: Vec<String> = instance.into_iter().collect();
                if actions == ActionsParameter::Delete {
                    self.strip(&instances)?;
                    return self.after_actions(tid);
                }
                self.ask_services(tid, &instances, push)
            }
            _ if changed.is_empty() => self.after_actions(tid),
            _ => self.ask_services(tid, &changed, push),
        }
    }

    /// Where two instances have created the same object, the real controller takes it away twice, and dies
    /// of it; this one refuses the commit in its words.
    fn strip(&mut self, instances: &[String]) -> Result<(), RpcRefusal> {
        let actions = self.datastores.tree(DatastoreName::Actions);
        let stripped = services::stripped(self.datastores.tree(DatastoreName::Running), actions, instances);
        let mut seen = HashSet::new();
        if !stripped.iter().all(|node| seen.insert(node)) {
            return Err(refusal::failed("xmldb_put failed"));
        }
        if stripped.is_empty() {
            return Ok(());
        }
        let tree = store::without(actions, &stripped, &self.models.model());
        self.datastores.replace(DatastoreName::Actions, tree);
        Ok(())
    }

    /// Notifies the services daemon, whether or not there is one, and begins to wait for it.
    fn ask_services(
        &mut self,
        tid: u64,
        instances: &[String],
        push: PushParameter,
    ) -> Result<(), RpcRefusal> {
        self.strip(instances)?;
        let mut xml = XmlWriter::new();
        xml.element("services-commit", &[("xmlns", CONTROLLER)], |xml| {
            xml.leaf("tid", &[], &tid.to_string())?;
            xml.leaf("source", &[], "actions")?;
            xml.leaf("target", &[], "actions")?;
            if push == PushParameter::None {
                xml.leaf("diff", &[], "true")?;
            }
            instances.iter().try_for_each(|instance| xml.leaf("service", &[], instance))
        })
        .map_err(unwritable)?;
        let time = self.clock.now();
        self.before.push(SideEffect::Notify {
            stream: StreamName::ServicesCommit,
            time,
            event: xml.finish(),
        });
        self.advance(tid, TransactionStage::Actions);
        let limit = self.configured_service_timeout();
        self.before.push(SideEffect::Wait { tid, limit });
        Ok(())
    }

    fn configured_service_timeout(&self) -> Duration {
        let running = self.datastores.tree(DatastoreName::Running);
        let services = running.child(Tree::ROOT, QName::new(CONTROLLER, "services"));
        let configured = services.and_then(|services| child_value(running, services, "service-timeout"));
        let seconds = configured.and_then(|seconds| seconds.parse().ok());
        seconds.map_or(self.service_timeout, Duration::from_secs)
    }

    /// `transaction-actions-done`: the services daemon has written what there was to write.
    pub(super) fn transaction_actions_done(
        &mut self,
        _caller: &RequestContext<'_>,
        input: &XmlElement<'_>,
    ) -> Result<OkReply, RpcRefusal> {
        let (tid, state) = self.named_transaction(input)?;
        match state {
            TransactionStage::Init => return Err(refusal::failed("Transaction in unexpected state")),
            TransactionStage::Done => {
                return Err(refusal::failed("Transaction already completed(timeout?)"));
            }
            TransactionStage::Actions => {}
        }
        if let Err(error) =
            validate::datastore(self.datastores.tree(DatastoreName::Actions), self.models.schema())
        {
            let reason = error.reason();
            self.end(tid, TransactionResult::Failed, Some("controller"), Some(&reason));
            return Ok(OkReply::Ok);
        }
        self.advance(tid, TransactionStage::Init);
        self.after.push(SideEffect::StopWaiting { tid });
        if let Err(error) = self.after_actions(tid) {
            let reason = error.message().to_owned();
            self.end(tid, TransactionResult::Failed, Some("controller"), Some(&reason));
        }
        Ok(OkReply::Ok)
    }

    /// `transaction-error`: the services daemon, or anyone, ends the transaction.
    pub(super) fn transaction_error(
        &mut self,
        _caller: &RequestContext<'_>,
        input: &XmlElement<'_>,
    ) -> Result<OkReply, RpcRefusal> {
        let origin = input.child_text("origin").map_err(unreadable)?;
        let reason = input::reason(input)?;
        let (tid, state) = self.named_transaction(input)?;
        if state == TransactionStage::Done {
            return Err(refusal::failed("Transaction already completed"));
        }
        self.end(tid, TransactionResult::Failed, origin.as_deref(), Some(&reason));
        Ok(OkReply::Ok)
    }

    /// The time for the services daemon is over.
    pub(crate) fn time_out(&mut self, tid: u64) {
        if self.transaction(tid).is_some_and(|waiting| waiting.state == TransactionStage::Actions) {
            let reason = "Timeout waiting for service daemon";
            self.end(tid, TransactionResult::Failed, Some("Actions"), Some(reason));
        }
    }

    fn named_transaction(&mut self, input: &XmlElement<'_>) -> Result<(u64, TransactionStage), RpcRefusal> {
        let tid = input::tid(input)?;
        let transaction = self.transaction(tid).ok_or_else(|| refusal::failed("No such transaction"))?;
        Ok((tid, transaction.state))
    }
}

/// The answer of what begins a transaction.
pub(super) fn tid_reply(tid: u64) -> Result<OkReply, RpcRefusal> {
    let mut xml = XmlWriter::new();
    xml.leaf("tid", &[("xmlns", CONTROLLER)], &tid.to_string()).map_err(unwritable)?;
    Ok(OkReply::Output(xml.finish()))
}
