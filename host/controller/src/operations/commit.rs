//! The controller's commit: `controller-commit`, and the replies of the services daemon.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use confine_netconf::{
    ActionsKind, Datastore, EventStream, PushMode, TransactionOutcome, TransactionState, XmlWriter,
};
use confine_tree::{CONTROLLER, QName, Tree};

use super::input::{datastore_named, unreadable, unwritable};

use crate::datastore::trees;
use crate::datastore::trees::child_value;
use crate::refusal::{self, RpcRefusal};
use crate::services;
use crate::state::{ControllerState, OkReply, Reply, RequestContext, SideEffect, entries_under_devices};

impl ControllerState {
    /// `controller-commit`: begins a transaction, notifies the services daemon of the changed instances, and
    /// pushes the result to the devices.
    pub(super) fn controller_commit(&mut self, request: &RequestContext<'_>) -> Reply {
        let source = request.text("source")?.as_deref().and_then(datastore_named);
        let source = source
            .filter(|&source| source != Datastore::Actions)
            .ok_or_else(|| refusal::failed("sourcedb not supported"))?;
        let actions = request.text("actions")?;
        let push = request.text("push")?;
        let description = [("actions", &actions), ("push", &push)].into_iter();
        let description =
            description.filter_map(|(name, value)| Some(format!(" {name}:{}", value.as_ref()?)));
        let description = format!("Controller commit{}", description.collect::<String>());
        let actions = request.enumeration("actions", ActionsKind::parse)?.unwrap_or(ActionsKind::None);
        let push = request.enumeration("push", PushMode::parse)?.unwrap_or(PushMode::None);
        let instance = request.text("service-instance")?;
        let selected = self.selected_devices(request)?;

        if source == Datastore::Candidate {
            self.check_datastore(Datastore::Candidate)?;
        }
        let tid = self.begin_transaction(request, description, actions, push)?;
        if let Err(error) = self.run_commit(tid, source, selected, instance) {
            self.end_transaction(tid, TransactionOutcome::Failed, None, None);
            return Err(error);
        }
        tid_reply(tid)
    }

    /// Runs the part of the commit that follows the beginning of the transaction.
    fn run_commit(
        &mut self,
        tid: u64,
        source: Datastore,
        selected: Vec<String>,
        instance: Option<String>,
    ) -> Result<(), RpcRefusal> {
        let Some(transaction) = self.transaction(tid) else { return Ok(()) };
        let (actions, push) = (transaction.actions, transaction.push);
        transaction.devices.clone_from(&selected);
        if selected.is_empty() && push != PushMode::None {
            return Err(refusal::failed(
                "No devices are selected (or no devices exist) and you have requested commit PUSH",
            ));
        }
        if push != PushMode::None {
            self.check_closed(&selected)?;
        }
        self.check_local_changes(&selected)?;
        if actions == ActionsKind::None {
            return match self.start_push(tid, Datastore::Running)? {
                true => Ok(()),
                false => Err(refusal::failed("No changes to push")),
            };
        }
        if source != Datastore::Candidate {
            return Err(refusal::failed("Only candidates db supported if actions"));
        }
        self.run_actions(tid, instance)
    }

    /// Refuses if the candidate changes a device without a connection.
    fn check_closed(&self, devices: &[String]) -> Result<(), RpcRefusal> {
        let (running, candidate) =
            (self.device_configs(Datastore::Running), self.device_configs(Datastore::Candidate));
        let is_changed = |name: &&String| match (running.get(*name), candidate.get(*name)) {
            (Some(before), Some(after)) => !before.is_same(after, &self.models),
            _ => false,
        };
        let is_closed = |name: &&String| self.devices.get(*name).is_some_and(|device| !device.is_open);
        match devices.iter().filter(is_closed).find(is_changed) {
            Some(name) => Err(refusal::failed(format!(
                "Device is closed: '{name}' (try 'connection open' or edit, local commit, and connect)"
            ))),
            None => Ok(()),
        }
    }

    /// Refuses if the controller's own settings of a device have changed: those need a local commit.
    fn check_local_changes(&self, devices: &[String]) -> Result<(), RpcRefusal> {
        let (running, candidate) =
            (self.datastores.tree(Datastore::Running), self.datastores.tree(Datastore::Candidate));
        if Arc::ptr_eq(running, candidate) {
            return Ok(());
        }
        let settings = |tree: &Tree, entry| {
            let config = QName::new(CONTROLLER, "config");
            let settings = tree.children(entry).filter(|&child| tree.qname(child) != config);
            let leaf = |child| (tree.qname(child).local.to_owned(), tree.value(child).map(str::to_owned));
            settings.map(leaf).collect::<Vec<_>>()
        };
        let before: HashMap<_, _> = entries_under_devices(running, "device").into_iter().collect();
        let devices: HashSet<&str> = devices.iter().map(String::as_str).collect();
        for (name, changed) in entries_under_devices(candidate, "device") {
            let Some(&unchanged) = before.get(name) else {
                return Err(refusal::failed(format!("device {name} not found in transaction")));
            };
            if devices.contains(name) && settings(running, unchanged) != settings(candidate, changed) {
                return Err(refusal::failed(format!(
                    "Device '{name}': local fields are changed (try 'commit local' instead)"
                )));
            }
        }
        Ok(())
    }

    /// Copies the candidate to `actions`. If service instances have changed or are forced, removes what they
    /// had created and notifies the services daemon.
    fn run_actions(&mut self, tid: u64, instance: Option<String>) -> Result<(), RpcRefusal> {
        let Some(transaction) = self.transaction(tid) else { return Ok(()) };
        let (actions, push) = (transaction.actions, transaction.push);
        let changed = services::changed_instances(
            self.datastores.tree(Datastore::Running),
            self.datastores.tree(Datastore::Candidate),
            &self.models.model(),
        );
        self.datastores.copy(Datastore::Candidate, Datastore::Actions);
        let Some(changed) = changed else { return self.continue_after_actions(tid) };
        match actions {
            ActionsKind::Force | ActionsKind::Delete => {
                let instances: Vec<String> = instance.into_iter().collect();
                if actions == ActionsKind::Delete {
                    self.remove_created(&instances)?;
                    return self.continue_after_actions(tid);
                }
                self.notify_services(tid, &instances, push)
            }
            _ if changed.is_empty() => self.continue_after_actions(tid),
            _ => self.notify_services(tid, &changed, push),
        }
    }

    /// Removes what these instances had created. If two of them had created the same object, the real controller removes it
    /// twice and crashes, as it does if one of them names a leaf with a default that is gone; this one refuses the commit
    /// with the text `xmldb_put failed`.
    fn remove_created(&mut self, instances: &[String]) -> Result<(), RpcRefusal> {
        let (running, actions) =
            (self.datastores.tree(Datastore::Running), self.datastores.tree(Datastore::Actions));
        let created = services::created_nodes(running, actions, instances);
        let (model, schema) = (self.models.model(), &self.models.schema);
        if services::names_missing_default(running, actions, instances, &model, schema) {
            return Err(refusal::failed("strip_service_data_from_device_config: xmldb_put failed"));
        }
        let mut seen = HashSet::new();
        if !created.iter().all(|node| seen.insert(node)) {
            return Err(refusal::failed("xmldb_put failed"));
        }
        if created.is_empty() {
            return Ok(());
        }
        let tree = trees::without(actions, &created, &self.models.model());
        self.datastores.replace(Datastore::Actions, tree);
        Ok(())
    }

    /// Notifies the services daemon, whether or not one is connected, and starts the timer for its reply.
    fn notify_services(&mut self, tid: u64, instances: &[String], push: PushMode) -> Result<(), RpcRefusal> {
        self.remove_created(instances)?;
        let mut xml = XmlWriter::new();
        xml.element("services-commit", &[("xmlns", CONTROLLER)], |xml| {
            xml.leaf("tid", &[], &tid.to_string())?;
            xml.leaf("source", &[], "actions")?;
            xml.leaf("target", &[], "actions")?;
            if push == PushMode::None {
                xml.leaf("diff", &[], "true")?;
            }
            instances.iter().try_for_each(|instance| xml.leaf("service", &[], instance))
        })
        .map_err(unwritable)?;
        let time = self.clock.now();
        self.effects_before_reply.push(SideEffect::Notify {
            stream: EventStream::ServicesCommit,
            time,
            event: xml.finish(),
        });
        self.set_stage(tid, TransactionState::Actions);
        let limit = self.configured_service_timeout();
        self.effects_before_reply.push(SideEffect::StartTimer { tid, limit });
        Ok(())
    }

    fn configured_service_timeout(&self) -> Duration {
        let running = self.datastores.tree(Datastore::Running);
        let services = running.child(Tree::ROOT, QName::new(CONTROLLER, "services"));
        let configured = services.and_then(|services| child_value(running, services, "service-timeout"));
        let seconds = configured.and_then(|seconds| seconds.parse().ok());
        seconds.map_or(self.service_timeout, Duration::from_secs)
    }

    /// `transaction-actions-done`: the services daemon has written its edits to `actions`.
    pub(super) fn transaction_actions_done(&mut self, request: &RequestContext<'_>) -> Reply {
        let (tid, state) = self.named_transaction(request)?;
        match state {
            TransactionState::Actions => {}
            TransactionState::Done => {
                return Err(refusal::failed("Transaction already completed(timeout?)"));
            }
            _ => return Err(refusal::failed("Transaction in unexpected state")),
        }
        if let Err(error) = self.check_datastore(Datastore::Actions) {
            let reason = error.reason();
            self.end_transaction(tid, TransactionOutcome::Failed, Some("controller"), Some(&reason));
            return Ok(OkReply::Ok);
        }
        self.set_stage(tid, TransactionState::Init);
        self.effects_after_reply.push(SideEffect::StopTimer { tid });
        if let Err(error) = self.continue_after_actions(tid) {
            let reason = error.message().to_owned();
            self.end_transaction(tid, TransactionOutcome::Failed, Some("controller"), Some(&reason));
        }
        Ok(OkReply::Ok)
    }

    /// `transaction-error`: the services daemon, or any other client, fails the transaction.
    pub(super) fn transaction_error(&mut self, request: &RequestContext<'_>) -> Reply {
        let origin = request.input.child_text("origin").map_err(unreadable)?;
        let reason = request.reason()?;
        let (tid, state) = self.named_transaction(request)?;
        if state == TransactionState::Done {
            return Err(refusal::failed("Transaction already completed"));
        }
        self.end_transaction(tid, TransactionOutcome::Failed, origin.as_deref(), Some(&reason));
        Ok(OkReply::Ok)
    }

    /// Fails the transaction if the services daemon has not replied by now.
    pub(crate) fn time_out_services(&mut self, tid: u64) {
        if self.transaction(tid).is_some_and(|transaction| transaction.state == TransactionState::Actions) {
            let reason = "Timeout waiting for service daemon";
            self.end_transaction(tid, TransactionOutcome::Failed, Some("Actions"), Some(reason));
        }
    }

    /// Returns the transaction that the input names, and its stage.
    fn named_transaction(
        &mut self,
        request: &RequestContext<'_>,
    ) -> Result<(u64, TransactionState), RpcRefusal> {
        let tid = request.tid()?;
        let transaction = self.transaction(tid).ok_or_else(|| refusal::failed("No such transaction"))?;
        Ok((tid, transaction.state))
    }
}

/// Returns the reply of an operation that begins a transaction.
pub(super) fn tid_reply(tid: u64) -> Reply {
    let mut xml = XmlWriter::new();
    xml.leaf("tid", &[("xmlns", CONTROLLER)], &tid.to_string()).map_err(unwritable)?;
    Ok(OkReply::Output(xml.finish()))
}
