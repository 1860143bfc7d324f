//! What is known of one module.

use std::{path::PathBuf, sync::Arc};

use confine_sandbox::{Digest, Module};

use crate::{
    modules::{
        files::FileStamp,
        quarantine::FaultHistory,
        registry::{NotLoaded, SuspendReason},
        statistics::RunStatistics,
        store::StoredIndex,
    },
    status::{self, KeptVersion, LoadingFile, ModuleState, ModuleStatus, RefusedFile},
};

/// One module.
pub(crate) struct ModuleSlot {
    pub(crate) path: PathBuf,
    /// The version that runs, or would if the module were not suspended.
    pub(crate) module: Option<Module>,
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
    /// The digest of the file of which was logged that a commit ran an older version.
    pub(crate) passed_by: Option<Digest>,
    pub(crate) index: StoredIndex,
    pub(crate) faults: FaultHistory,
    pub(crate) statistics: RunStatistics,
    since: String,
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
            restoring: false,
            pending: None,
            reserved: 0,
            refused: None,
            retired: false,
            stamp: None,
            file_digest: None,
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
        self.restoring = false;
        self.reserved = 0;
        self.statistics.version_changed();
        self.changed();
    }

    /// Returns whether a version of the module is being loaded, or waits for it, while none runs.
    pub(crate) fn is_awaited(&self) -> bool {
        self.module.is_none() && (self.restoring || self.pending.is_some())
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

    fn state(&self) -> ModuleState {
        if self.is_awaited() {
            return ModuleState::Loading;
        }
        if self.module.is_none() {
            let error = self.refused.as_ref().map(|(error, _)| error.reason()).unwrap_or_default();
            return ModuleState::Broken { error };
        }
        match self.suspended() {
            None => ModuleState::Active,
            Some(SuspendReason::Disabled) => ModuleState::Disabled,
            Some(SuspendReason::Quarantined { reason }) => ModuleState::Quarantined { reason },
            Some(SuspendReason::Retired) => ModuleState::Retired,
        }
    }

    pub(crate) fn status(&self, name: &str, has_store: bool) -> ModuleStatus {
        let RunStatistics { runs, failures, hook_runs, hook_failures, .. } = self.statistics;
        let description = self.module.as_ref().map(Module::description);
        let kept = self.index.versions.iter().rev().filter(|_| has_store).map(|version| KeptVersion {
            version: version.version.clone(),
            digest: version.digest.clone(),
            running: self.index.running.as_ref() == Some(&version.digest),
        });
        ModuleStatus {
            name: name.to_owned(),
            file: self.path.to_string_lossy().escape_debug().to_string(),
            state: self.state(),
            version: description.map(|description| description.version.to_string()),
            digest: self.module.as_ref().map(|module| module.digest().to_string()),
            resident: self.module.as_ref().map(Module::resident),
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
}
