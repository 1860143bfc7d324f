//! The modules of a daemon and the registry that commits run.
//!
//! [`ModuleSlots`] change whenever something happens to a module. Commits see a [`ModuleRegistry`], which does
//! not change; a new one takes effect between two commits.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, AtomicUsize},
};

use confine_sandbox::{EntryPoint, Limits, Module, RunReport, Runner, text::grouped};
use confine_tree::Schema;
use confine_view::InstanceRef;
use tokio::sync::{Notify, watch};

use crate::{
    audit::{Audit, EventKind},
    error_chain::error_chain,
    modules::{
        files::ReportedProblems, library::ModuleLibrary, registry::ModuleRegistry, slots::ModuleSlots,
    },
    status::ModuleStatus,
};

/// The modules of a daemon. Every operation takes effect between two commits.
pub struct ModuleManager {
    pub(crate) runner: Arc<Runner>,
    /// What identifies the engine.
    pub(super) engine: String,
    pub(super) slots: Arc<ModuleSlots>,
    /// Held by whoever finds out which modules there are.
    pub(super) finding: tokio::sync::Mutex<()>,
    /// How many scans have begun.
    pub(super) scans: AtomicU64,
    /// Held by whoever scans the module directories.
    pub(super) scanning: tokio::sync::Mutex<ReportedProblems>,
    /// Held by whoever loads modules of the lanes [`Known`](crate::modules::slots::LoadLane) and `New`.
    pub(super) lanes: (tokio::sync::Mutex<()>, tokio::sync::Mutex<()>),
    /// How many watch the directories, and load what is found there.
    pub(super) watchers: AtomicUsize,
    pub(super) audit: Arc<Audit>,
    active: Mutex<ActiveRegistry>,
    /// Notified when modules, and so the YANG files beside them, may have changed.
    scanned: Arc<Notify>,
    /// Notified when something may be to load.
    pub(super) work: Notify,
    /// Changes whenever something was loaded, refused or found.
    pub(super) progress: watch::Sender<()>,
    /// Whether it is known which modules there are.
    pub(super) known: watch::Sender<bool>,
}

/// The registry that commits run.
struct ActiveRegistry {
    current: Arc<ModuleRegistry>,
    /// Replaces `current` when the commit in progress is over.
    next: Option<Arc<ModuleRegistry>>,
    /// Whether a commit is in progress.
    in_use: bool,
}

impl ModuleManager {
    /// The modules of a library, which are loaded by [`load`](Self::load) or [`watch`](Self::watch).
    pub(crate) fn new(runner: Runner, library: ModuleLibrary, audit: Arc<Audit>) -> Self {
        Self::with_slots(runner, ModuleSlots::new(library), audit)
    }

    /// The modules of a registry, which are loaded already: nothing is watched or stored.
    pub(crate) fn of_registry(runner: Runner, registry: &ModuleRegistry, audit: Arc<Audit>) -> Self {
        let manager = Self::with_slots(runner, ModuleSlots::of_registry(registry), audit);
        manager.known.send_replace(true);
        manager
    }

    fn with_slots(runner: Runner, slots: ModuleSlots, audit: Arc<Audit>) -> Self {
        let current = Arc::new(slots.registry());
        Self {
            engine: runner.engine_id(),
            runner: Arc::new(runner),
            slots: Arc::new(slots),
            finding: tokio::sync::Mutex::default(),
            scans: AtomicU64::new(0),
            scanning: tokio::sync::Mutex::default(),
            lanes: Default::default(),
            watchers: AtomicUsize::new(0),
            audit,
            active: Mutex::new(ActiveRegistry { current, next: None, in_use: false }),
            scanned: Arc::default(),
            work: Notify::new(),
            progress: watch::Sender::default(),
            known: watch::Sender::new(false),
        }
    }

    /// Returns whether it is known which modules there are.
    pub(crate) fn is_known(&self) -> bool {
        *self.known.borrow()
    }

    /// Waits until it is known which modules there are. They need not be loaded.
    pub async fn wait_until_known(&self) {
        // Cannot fail: the sender lives as long as `self`.
        let _ = self.known.subscribe().wait_for(|&known| known).await;
    }

    /// Waits until the versions that ran before the restart are loaded.
    pub(crate) async fn wait_until_restored(&self) {
        self.wait_until_known().await;
        self.until(|| !self.slots.is_restoring()).await;
    }

    /// Returns whether a module is to be loaded or is being loaded.
    pub(crate) fn is_loading(&self) -> bool {
        !self.is_known() || self.slots.is_loading()
    }

    /// Returns what changes whenever something was loaded, refused or found.
    pub(crate) fn progress(&self) -> watch::Receiver<()> {
        self.progress.subscribe()
    }

    pub(super) fn progressed(&self) {
        self.progress.send_replace(());
    }

    /// Returns what tells of changed modules and of scanned module directories.
    pub(crate) fn scanned(&self) -> Arc<Notify> {
        self.scanned.clone()
    }

    /// Returns the limits of the module of this name.
    pub fn limits_of(&self, module: &str) -> &Limits {
        self.library().limits.of(module)
    }

    pub(super) fn library(&self) -> &ModuleLibrary {
        &self.slots.library
    }

    pub(crate) fn status(&self) -> Vec<ModuleStatus> {
        self.slots.status()
    }

    /// Returns the modules that commits run now. A commit keeps the registry that it began with.
    pub fn registry(&self) -> Arc<ModuleRegistry> {
        self.active().current.clone()
    }

    /// As [`registry`](Self::registry), with the keys of lists that these models have.
    pub(crate) fn registry_by_model(&self, schema: &dyn Schema) -> Arc<ModuleRegistry> {
        let registry = self.registry();
        let Some(known) = registry.with_model_keys(schema) else { return registry };
        let known = Arc::new(known);
        let mut active = self.active();
        // Not if it was replaced meanwhile: whoever needs that one asks again.
        if Arc::ptr_eq(&active.current, &registry) {
            active.current = known.clone();
        }
        known
    }

    /// A commit begins: the registry stays as it is until [`commit_ended`](Self::commit_ended).
    pub(crate) fn commit_began(&self) {
        self.active().in_use = true;
    }

    /// The commit is over: changes made meanwhile take effect.
    pub(crate) fn commit_ended(&self) {
        let mut active = self.active();
        active.in_use = false;
        if let Some(next) = active.next.take() {
            active.current = next;
        }
    }

    /// Makes the next commit run the modules as they are now.
    pub(super) fn update_registry(&self) {
        self.scanned.notify_one();
        let mut active = self.active();
        let registry = Arc::new(self.slots.registry());
        match active.in_use {
            true => active.next = Some(registry),
            false => active.current = registry,
        }
        drop(active);
        self.progressed();
    }

    pub(super) fn directories_scanned(&self) {
        self.scanned.notify_one();
    }

    /// Records a run: statistics, events and, if the module has failed too often, its quarantine. A failure counts for that
    /// only if it is the module's fault.
    pub(crate) fn record(
        &self,
        tid: u64,
        module: &Module,
        entry: EntryPoint,
        instance: &InstanceRef,
        run: &RunReport,
        is_fault: bool,
    ) {
        let (events, is_quarantined) = self.slots.record(tid, module, entry, instance, run, is_fault);
        if is_quarantined {
            self.update_registry();
            self.persist_or_warn(module.name());
        }
        events.into_iter().for_each(|event| self.audit.record(event));
        // Also of a module that was forgotten meanwhile, which has no slot any more.
        if let (EntryPoint::Hook(hook), Err(failure)) = (entry, &run.outcome) {
            self.audit.record(EventKind::HookFailure {
                module: module.name().to_string(),
                hook: hook.name().to_owned(),
                instance: instance.to_string(),
                error: failure.to_string(),
            });
        }
    }

    /// Logs how many log lines the modules of a commit have lost since this was logged: once for all their runs.
    pub(crate) fn report_dropped_lines(&self, tid: u64) {
        for (module, lines) in self.slots.take_dropped_lines(tid) {
            let dropped = grouped(lines);
            tracing::warn!(
                tid,
                module,
                "log lines dropped: {dropped}, because the limit `log` of the module was reached"
            );
        }
    }

    pub(super) fn persist_or_warn(&self, name: &str) {
        if let Err(error) = self.slots.persist(name) {
            tracing::warn!(
                module = name,
                error = error_chain(&error),
                "the state of a module cannot be stored: a restart will undo this change"
            );
        }
    }

    pub(super) fn persist_approvals_or_warn(&self) {
        if let Err(error) = self.slots.persist_approvals() {
            tracing::warn!(
                error = error_chain(&error),
                "cannot store who serves which list: a restart decides it anew"
            );
        }
    }

    pub(super) fn persist_refusals_or_warn(&self) {
        if let Err(error) = self.slots.persist_refusals() {
            tracing::warn!(
                error = error_chain(&error),
                "cannot store which files are refused: they are compiled again after a restart"
            );
        }
    }

    fn active(&self) -> MutexGuard<'_, ActiveRegistry> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        path::PathBuf,
        pin::pin,
        task::{Context, Waker},
    };

    use confine_sandbox::{Compiler, HostSecret};

    use super::*;
    use crate::modules::{library::ModuleLibrary, slot::ModuleSlot, store::StoredIndex};

    /// The owners of what others have created are not looked for among a part of the modules.
    #[test]
    fn what_ran_before_a_restart_is_waited_for() {
        let runner = Runner::new(&Limits::default(), Compiler::in_process(), HostSecret::known()).unwrap();
        let modules = ModuleManager::new(runner, ModuleLibrary::default(), Arc::new(Audit::new()));
        let mut slot = ModuleSlot::new(PathBuf::new(), StoredIndex::default());
        slot.restoring = true;
        modules.slots.slots().insert("m".into(), slot);
        modules.known.send_replace(true);
        let mut waiting = pin!(modules.wait_until_restored());
        let mut is_over = || waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
        assert!(!is_over());
        modules.slots.slots().values_mut().for_each(|slot| slot.restoring = false);
        modules.progressed();
        assert!(is_over());
    }
}
