//! Pushes to the devices, and pulls from them.

use std::collections::{HashMap, HashSet};

use super::commit::tid_reply;

use crate::datastore::trees::child_value;
use crate::datastore::trees::copy_children;
use crate::device::name_pattern::matches_pattern;
use crate::device::{DeviceSnapshot, PushPhase};
use crate::refusal::{self, RpcRefusal};
use crate::state::{ControllerState, Reply, RequestContext, SideEffect, entries_under_devices};
use confine_netconf::{ActionsKind, Datastore, PushMode, TransactionOutcome, TransactionState};

/// The reason of a transaction without anything to push. The two blanks are the real controller's.
const NOTHING_TO_PUSH: &str = "No device  configuration changed, no push necessary";

impl ControllerState {
    /// Returns the enabled devices that a request names by `device` or `device-group`.
    pub(super) fn selected_devices(&self, request: &RequestContext<'_>) -> Result<Vec<String>, RpcRefusal> {
        let devices = self.named_devices(request)?.unwrap_or_else(|| self.devices.keys().cloned().collect());
        let running = self.datastores.tree(Datastore::Running);
        let entries: HashMap<_, _> = entries_under_devices(running, "device").into_iter().collect();
        let is_enabled = |name: &String| {
            let entry = entries.get(name.as_str());
            entry.is_some_and(|&entry| child_value(running, entry, "enabled") != Some("false"))
        };
        Ok(devices.into_iter().filter(|name| self.devices.contains_key(name) && is_enabled(name)).collect())
    }

    /// Returns the devices of `running` that a request names; `None` if it names neither devices nor groups.
    pub(super) fn named_devices(
        &self,
        request: &RequestContext<'_>,
    ) -> Result<Option<Vec<String>>, RpcRefusal> {
        let running = self.datastores.tree(Datastore::Running);
        let all = entries_under_devices(running, "device");
        let matching = |pattern: &str| {
            let names = all.iter().map(|(name, _)| *name);
            names.filter(|name| matches_pattern(pattern, name)).map(str::to_owned).collect::<Vec<_>>()
        };
        if let Some(pattern) = request.text("device")? {
            return Ok(Some(matching(&pattern)));
        }
        let Some(pattern) = request.text("device-group")? else { return Ok(None) };
        let groups = entries_under_devices(running, "device-group");
        let mut patterns = vec![pattern];
        let mut entered = HashSet::new();
        let mut seen = HashSet::new();
        let mut named = Vec::new();
        while let Some(pattern) = patterns.pop() {
            for &(group, entry) in groups.iter().filter(|(name, _)| matches_pattern(&pattern, name)) {
                if !entered.insert(group) {
                    continue;
                }
                for member in running.children(entry) {
                    let value = running.value(member).unwrap_or_default();
                    match running.qname(member).local {
                        "device-name" => {
                            named
                                .extend(matching(value).into_iter().filter(|name| seen.insert(name.clone())));
                        }
                        "device-group" => patterns.push(value.to_owned()),
                        _ => {}
                    }
                }
            }
        }
        Ok(Some(named))
    }

    /// Continues the transaction when the services daemon is done or was not needed: pushes `actions` if the
    /// commit asks for a push and something differs from the devices.
    pub(super) fn continue_after_actions(&mut self, tid: u64) -> Result<(), RpcRefusal> {
        let Some(transaction) = self.transaction(tid) else { return Ok(()) };
        if transaction.push == PushMode::None {
            self.end_transaction(tid, TransactionOutcome::Success, None, None);
            return Ok(());
        }
        if !self.start_push(tid, Datastore::Actions)? {
            // The real controller commits here even if the push was to be validated only.
            self.commit_actions()?;
            self.end_transaction(tid, TransactionOutcome::Success, None, Some(NOTHING_TO_PUSH));
        }
        Ok(())
    }

    fn commit_actions(&mut self) -> Result<(), RpcRefusal> {
        self.check_datastore(Datastore::Actions)?;
        self.datastores.copy(Datastore::Actions, Datastore::Candidate);
        self.datastores.commit();
        Ok(())
    }

    /// Starts a push if one of the transaction's devices differs from the datastore, and returns whether it
    /// did.
    pub(super) fn start_push(&mut self, tid: u64, datastore: Datastore) -> Result<bool, RpcRefusal> {
        let targets = self.push_targets(tid, datastore)?;
        let is_open = |name: &String| self.devices.get(name).is_none_or(|device| device.is_open);
        // The real controller waits for the lock of a device without a connection, and the candidate stays locked.
        let is_answered = targets.iter().all(|(name, _)| is_open(name));
        if !targets.is_empty() && is_answered {
            self.effects_after_reply.push(SideEffect::Push { tid });
        }
        Ok(!targets.is_empty())
    }

    fn push_targets(
        &mut self,
        tid: u64,
        datastore: Datastore,
    ) -> Result<Vec<(String, DeviceSnapshot)>, RpcRefusal> {
        let devices =
            self.transaction(tid).map(|transaction| transaction.devices.clone()).unwrap_or_default();
        let mut configs = self.device_configs(datastore);
        let mut targets = Vec::new();
        for name in devices {
            let config = configs.remove(&name).ok_or_else(|| refusal::failed("Device not configured"))?;
            let synced = self.devices.get(&name).map(|device| &device.synced);
            if synced.is_some_and(|synced| !synced.is_same(&config, &self.models)) {
                targets.push((name, config));
            }
        }
        Ok(targets)
    }

    /// Ends a push after the latency of the devices: they accept it or refuse it.
    pub(crate) fn finish_push(&mut self, tid: u64) {
        let Some(transaction) = self.transaction(tid) else { return };
        if transaction.state != TransactionState::Init {
            return; // a client has ended the transaction in the meantime
        }
        let (actions, push) = (transaction.actions, transaction.push);
        let datastore = match actions {
            ActionsKind::None => Datastore::Running,
            _ => Datastore::Actions,
        };
        match self.push_to_devices(tid, datastore, actions, push) {
            Ok(()) => self.end_transaction(tid, TransactionOutcome::Success, None, None),
            Err((origin, reason)) => {
                self.end_transaction(tid, TransactionOutcome::Failed, Some(&origin), Some(&reason));
            }
        }
    }

    fn push_to_devices(
        &mut self,
        tid: u64,
        datastore: Datastore,
        actions: ActionsKind,
        push: PushMode,
    ) -> Result<(), (String, String)> {
        let failed = |error: RpcRefusal| ("controller".to_owned(), error.message().to_owned());
        let targets = self.push_targets(tid, datastore).map_err(failed)?;
        for (name, _) in &targets {
            let Some(device) = self.devices.get_mut(name) else { continue };
            let in_sync = device.check_sync(name, &self.models);
            in_sync
                .and_then(|()| device.run_phase(PushPhase::Validate))
                .map_err(|reason| (name.clone(), reason))?;
        }
        if push != PushMode::Commit {
            return Ok(());
        }
        if actions != ActionsKind::None {
            self.commit_actions()
                .map_err(|error| ("controller".to_owned(), format!("Validation: {}", error.reason())))?;
        }
        for (name, config) in targets {
            let Some(device) = self.devices.get_mut(&name) else { continue };
            device.run_phase(PushPhase::Commit).map_err(|reason| (name.clone(), reason))?;
            device.accept(config);
        }
        Ok(())
    }

    /// `config-pull`: copies the configuration of devices into `running` or, with `transient`, only records it
    /// for `datastore-diff`.
    pub(super) fn config_pull(&mut self, request: &RequestContext<'_>) -> Reply {
        let transient = request.text("transient")?.as_deref() == Some("true");
        let devices =
            self.named_devices(request)?.ok_or_else(|| refusal::failed("No device or device-group"))?;
        let tid = self.begin_transaction(request, "pull".to_owned(), ActionsKind::None, PushMode::None)?;
        let devices: Vec<_> = devices.into_iter().filter(|name| self.devices.contains_key(name)).collect();
        if let Some(transaction) = self.transaction(tid) {
            transaction.devices.clone_from(&devices);
        }
        for name in &devices {
            let Some(device) = self.devices.get_mut(name) else { continue };
            if transient {
                device.transient = Some(device.config.clone());
            } else {
                device.synced = device.config.clone();
            }
        }
        if !transient {
            self.copy_to_running(&devices).map_err(refusal::internal_error)?;
        }
        self.end_transaction(tid, TransactionOutcome::Success, None, None);
        tid_reply(tid)
    }

    /// Replaces the configuration of devices in `running`, and in an unmodified candidate, by what the devices
    /// have.
    fn copy_to_running(&mut self, devices: &[String]) -> Result<(), confine_tree::Error> {
        let running = self.datastores.tree(Datastore::Running);
        let mut changed = running.as_ref().clone();
        let configs = self.device_configs(Datastore::Running);
        for name in devices {
            let (Some(device), Some(current)) = (self.devices.get(name), configs.get(name)) else { continue };
            if device.config.is_same(current, &self.models) {
                continue;
            }
            while let Some(child) = changed.first_child(current.node) {
                changed.detach(child);
            }
            copy_children(&device.config.tree, device.config.node, &mut changed, current.node)?;
        }
        self.datastores.replace(Datastore::Running, changed);
        if !self.datastores.is_candidate_modified {
            self.datastores.discard();
        }
        Ok(())
    }
}
