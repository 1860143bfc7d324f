//! What is known of one module.

use std::{path::PathBuf, sync::Arc};

use confine_sandbox::{Digest, Limits, Module};

use crate::{
    modules::{
        files::FileStamp,
        hold_reason::HoldReason,
        membership::{ServingState, SuspendReason},
        quarantine::FaultHistory,
        registry::NotLoaded,
        statistics::RunStatistics,
        store::StoredIndex,
    },
    status::{self, HeldFile, KeptVersion, LoadingFile, ModuleState, ModuleStatus, RefusedFile},
};

/// One module.
pub(crate) struct ModuleSlot {
    pub(crate) path: PathBuf,
    /// The version that runs, or would if the module were not suspended.
    pub(crate) module: Option<Module>,
    /// A version that may not serve the lists that it claims, or of which this is not decided yet.
    pub(crate) held: Option<HeldVersion>,
    /// Whether the version that ran before the restart is still to be loaded.
    pub(crate) restoring: bool,
    /// The module's file, if it is still to be loaded.
    pub(crate) pending: Option<PendingFile>,
    /// The memory that a version takes that is being loaded.
    pub(crate) reserved: u64,
    /// Why the file was refused, and when.
    pub(crate) refused: Option<(Arc<NotLoaded>, String)>,
    /// Whether the module's file is gone.
    pub(crate) retired: bool,
    /// The stamp of the file when it was last read.
    pub(crate) stamp: Option<FileStamp>,
    /// The digest of the file when it was last read.
    pub(crate) file_digest: Option<Digest>,
    /// The number of the scan that has found the file.
    pub(crate) found: u64,
    /// The digest of the file that is gone.
    pub(crate) gone: Option<Digest>,
    /// The digest of the file of which was logged that a commit ran an older version.
    pub(crate) passed_by: Option<Digest>,
    pub(crate) index: StoredIndex,
    pub(crate) faults: FaultHistory,
    pub(crate) statistics: RunStatistics,
    since: String,
}

/// Why a version begins to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartReason {
    /// It is in a module directory.
    File,
    /// An operator rolled back to it.
    Rollback,
    /// It ran before the daemon was restarted.
    Restart,
}

/// A version that is loaded and does not serve.
#[derive(Clone, Debug)]
pub(crate) struct HeldVersion {
    pub(crate) module: Module,
    /// Why it would begin to run.
    pub(crate) reason: StartReason,
    /// Why it is held; none while that is not decided, and once it may serve.
    pub(crate) why: Option<HoldReason>,
    /// Whether it may serve: it begins to run once its file is stored.
    pub(crate) is_starting: bool,
    pub(crate) since: String,
}

/// A module file that is to be loaded.
#[derive(Clone, Debug)]
pub(crate) struct PendingFile {
    pub(crate) path: PathBuf,
    pub(crate) digest: Digest,
    /// Whether it is loaded even if it is known to be refused.
    pub(crate) anew: bool,
    /// Whether it is being loaded now.
    pub(crate) taken: bool,
    since: String,
}

impl PendingFile {
    pub(crate) fn new(path: PathBuf, digest: Digest) -> Self {
        Self { path, digest, anew: false, taken: false, since: status::now() }
    }

    /// The same file, taken by somebody who loads it even if it is known to be refused.
    pub(crate) fn taken_anew(self) -> Self {
        Self { anew: true, taken: true, ..self }
    }
}

impl ModuleSlot {
    pub(crate) fn new(path: PathBuf, index: StoredIndex) -> Self {
        Self {
            path,
            module: None,
            held: None,
            restoring: false,
            pending: None,
            reserved: 0,
            refused: None,
            retired: false,
            stamp: None,
            file_digest: None,
            found: 0,
            gone: None,
            passed_by: None,
            index,
            since: status::now(),
            faults: FaultHistory::default(),
            statistics: RunStatistics::default(),
        }
    }

    /// Records that the version or the state has changed.
    pub(crate) fn changed(&mut self) {
        self.since = status::now();
        self.faults.clear();
    }

    /// Makes a version the one that runs.
    pub(crate) fn install(&mut self, module: Module) {
        self.module = Some(module);
        self.held = None;
        self.restoring = false;
        self.reserved = 0;
        self.statistics.version_changed();
        self.changed();
    }

    /// Holds a version. The one that runs goes on.
    pub(crate) fn hold(&mut self, held: HeldVersion) {
        if held.reason == StartReason::Restart {
            self.restoring = false;
        }
        self.reserved = 0;
        self.pending.take_if(|file| file.digest == held.module.digest());
        if self.file_digest == Some(held.module.digest()) {
            self.refused = None;
        }
        if self.module.is_none() {
            self.changed();
        }
        self.held = Some(held);
    }

    /// Returns why the module is held, if no version of it runs for that reason.
    pub(crate) fn held_alone(&self, name: &str) -> Option<String> {
        let held = self.held.as_ref().filter(|_| self.module.is_none())?;
        Some(held.why.as_ref()?.text(name))
    }

    /// Returns whether a version of the module has ever served.
    pub(crate) fn has_served(&self) -> bool {
        self.module.is_some() || self.restoring || self.index.running.is_some()
    }

    /// Returns the digests of all files that the module has had, as far as they are known.
    pub(crate) fn file_digests(&self) -> impl Iterator<Item = String> + '_ {
        self.index.digests().chain(self.gone.map(|digest| digest.to_string()))
    }

    /// Returns the bytes of memory that the loaded versions of the module take, or will.
    pub(crate) fn resident(&self) -> u64 {
        let held = self.held.as_ref().map(|held| held.module.resident()).unwrap_or_default();
        let runs = self.module.as_ref().map(Module::resident).unwrap_or_default();
        held + if self.reserved > 0 { self.reserved } else { runs }
    }

    /// Returns whether a version of the module is being loaded, or waits for it, while none runs.
    pub(crate) fn is_awaited(&self) -> bool {
        self.module.is_none() && (self.restoring || self.pending.is_some() || self.is_undecided())
    }

    /// Lets the held version serve. Returns it; none if there is none, or if it was let already.
    pub(crate) fn start_held(&mut self) -> Option<(Module, StartReason)> {
        let held = self.held.as_mut().filter(|held| !held.is_starting)?;
        (held.why, held.is_starting) = (None, true);
        Some((held.module.clone(), held.reason))
    }

    /// Returns whether a version is loaded, and does not run yet only because others are being loaded or its file is being
    /// stored.
    pub(crate) fn is_undecided(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.why.is_none())
    }

    /// Returns whether a file is to be loaded. It is not if it holds the version that runs or is held, or the one that an
    /// operator rolled back from.
    pub(crate) fn wants(&self, digest: Digest) -> bool {
        let is_held = self.held.as_ref().is_some_and(|held| held.module.digest() == digest);
        let is_passed_over = self.index.passed_over == Some(digest.to_string());
        !self.runs(digest) && !is_held && !(is_passed_over && (self.module.is_some() || self.restoring))
    }

    /// Continues under another name, with the file that was found there.
    pub(crate) fn renamed(&mut self, from: &str, to: &str, found: Self, limits: &Limits) {
        self.module = self.module.take().map(|module| module.renamed(to, limits));
        (self.path, self.stamp) = (found.path, found.stamp);
        (self.file_digest, self.found, self.refused) = (found.file_digest, found.found, found.refused);
        (self.held, self.gone, self.passed_by, self.retired) = (None, None, None, false);
        let wanted = self.file_digest.filter(|&digest| self.wants(digest));
        self.pending = wanted.map(|digest| PendingFile::new(self.path.clone(), digest));
        self.index.former.retain(|former| former != to && former != from);
        self.index.former.push(from.to_owned());
        self.index.disabled |= found.index.disabled;
        self.since = status::now();
    }

    /// Returns whether the module runs, given that it serves lists. None if nothing is known of it.
    pub(crate) fn serving_state(&self, name: &str) -> Option<ServingState> {
        let version = self.module.as_ref().map(|module| module.description().version.to_string());
        let version = version.or_else(|| Some(self.index.current()?.version.clone()));
        if let Some(reason) = self.suspended() {
            return Some(ServingState::Suspended { module: self.module.clone(), version, reason });
        }
        if let Some(module) = &self.module {
            return Some(ServingState::Active(module.clone()));
        }
        if self.is_awaited() {
            return Some(ServingState::Unready { problem: None });
        }
        // What it declares has no effect.
        if let Some(reason) = self.held_alone(name) {
            let reason = SuspendReason::Held { reason };
            return Some(ServingState::Suspended { module: None, version, reason });
        }
        let (error, _) = self.refused.as_ref()?;
        Some(ServingState::Unready { problem: Some(error.reason()) })
    }

    /// Returns whether this is the digest of the version that runs, or will once it is restored.
    pub(crate) fn runs(&self, digest: Digest) -> bool {
        match &self.module {
            Some(module) => module.digest() == digest,
            None => self.restoring && self.index.running == Some(digest.to_string()),
        }
    }

    /// Returns why the module is suspended, if it is.
    pub(crate) fn suspended(&self) -> Option<SuspendReason> {
        if self.retired {
            return Some(SuspendReason::Retired);
        }
        if self.index.disabled {
            return Some(SuspendReason::Disabled);
        }
        let reason = self.index.quarantined.clone()?;
        Some(SuspendReason::Quarantined { reason })
    }

    fn state(&self, name: &str) -> ModuleState {
        if self.is_awaited() {
            return ModuleState::Loading;
        }
        if let Some(reason) = self.held_alone(name) {
            return ModuleState::Held { reason };
        }
        if self.module.is_none() && !self.retired {
            let error = self.refused.as_ref().map(|(error, _)| error.reason()).unwrap_or_default();
            return ModuleState::Broken { error };
        }
        match self.suspended() {
            None => ModuleState::Active,
            Some(SuspendReason::Disabled) => ModuleState::Disabled,
            Some(SuspendReason::Quarantined { reason }) => ModuleState::Quarantined { reason },
            Some(SuspendReason::Retired) => ModuleState::Retired,
            Some(SuspendReason::Held { reason }) => ModuleState::Held { reason },
        }
    }

    pub(crate) fn status(&self, name: &str, has_store: bool) -> ModuleStatus {
        let RunStatistics { runs, failures, hook_runs, hook_failures, .. } = self.statistics;
        let description = self.module.as_ref().map(Module::description);
        let shown = self.module.as_ref().or(self.held.as_ref().map(|held| &held.module));
        let kept = self.index.versions.iter().rev().filter(|_| has_store).map(|version| KeptVersion {
            version: version.version.clone(),
            digest: version.digest.clone(),
            running: self.index.running.as_ref() == Some(&version.digest),
        });
        ModuleStatus {
            name: name.to_owned(),
            file: self.path.to_string_lossy().escape_debug().to_string(),
            state: self.state(name),
            version: shown.map(|module| module.description().version.to_string()),
            digest: shown.map(|module| module.digest().to_string()),
            resident: shown.map(Module::resident),
            services: description
                .map(|description| description.services.iter().map(|list| list.local.to_string()).collect())
                .unwrap_or_default(),
            since: self.since.clone(),
            loading: self
                .pending
                .as_ref()
                .map(|file| LoadingFile { since: file.since.clone(), digest: file.digest.to_string() }),
            refused: self
                .refused
                .as_ref()
                .map(|(error, at)| RefusedFile { at: at.clone(), error: error.reason() }),
            held: self.held_beside(name),
            kept: kept.collect(),
            runs,
            failures,
            hook_runs,
            hook_failures,
            log_dropped: self.statistics.log_dropped.clone(),
            last_error: self.statistics.last_error.clone(),
            last_run: self.statistics.last_run.clone(),
            worst_run: self.statistics.worst_run.clone(),
        }
    }

    /// Returns the version that is held while another one runs.
    fn held_beside(&self, name: &str) -> Option<HeldFile> {
        let held = self.held.as_ref().filter(|_| self.module.is_some())?;
        Some(HeldFile {
            at: held.since.clone(),
            version: held.module.description().version.to_string(),
            digest: held.module.digest().to_string(),
            reason: held.why.as_ref()?.text(name),
        })
    }
}
