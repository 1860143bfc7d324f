//! From a changed module file to a new version that runs.
//!
//! A version is loaded while the previous one keeps running. It replaces that only after it has passed every check,
//! and between two commits. One change is made at a time.

use std::{collections::HashSet, path::PathBuf, sync::Arc, time::Duration};

use confine_sandbox::{Digest, Module};

use crate::{
    EventKind,
    error_chain::error_chain,
    modules::{
        files::{
            self, DirectoryScan, FileStamp, ModuleFileError, ReportedProblems, ScanOptions, ScannedFile,
        },
        manager::ModuleManager,
        registry::NotLoaded,
        slots::ModuleSlot,
        store::{StoredIndex, VersionStore, VersionStoreError},
    },
    status,
};

/// A file that was written within this time is ignored for now: it may still be copied.
pub(crate) const SETTLE: Duration = Duration::from_millis(200);

/// The result of scanning the module directories.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RefreshReport {
    /// A file is being written: scan again soon.
    pub(crate) unsettled: bool,
}

/// Why a version begins to run.
pub(crate) enum StartReason {
    /// It is in a module directory.
    File { path: PathBuf, stamp: Option<FileStamp> },
    /// An operator rolled back to it.
    Rollback,
    /// It ran before the daemon was restarted.
    Restart,
}

impl ModuleManager {
    /// Finds and loads all modules, in the state that was stored before the restart.
    pub(super) async fn restore(&self) {
        let mut reported = self.changing.lock().await;
        let scan = self.scan(Duration::ZERO).await;
        let mut found = HashSet::new();
        for file in self.distinct(scan, &mut reported) {
            found.insert(file.name.clone());
            self.restore_one(file).await;
        }
        let Some(store) = &self.slots.library.store else { return };
        let names = store.names().unwrap_or_else(|error| {
            tracing::error!(error = error_chain(&error), "cannot read the stored modules");
            Vec::new()
        });
        for name in names {
            if found.contains(&name) || self.slots.library.exclude.contains(&name) {
                continue;
            }
            let index = self.index(&name);
            self.slots.slots().insert(name.clone(), ModuleSlot::new(PathBuf::new(), index));
            if self.run_stored(&name).await {
                self.retire(&name);
            } else {
                self.slots.slots().remove(&name);
            }
        }
        self.update_registry();
    }

    /// Loads a file that was found at the start.
    async fn restore_one(&self, ScannedFile { name, path, stamp, content }: ScannedFile) {
        let index = self.index(&name);
        let (passed_over, current) = (index.passed_over.clone(), index.current().cloned());
        let mut slot = ModuleSlot::new(path.clone(), index);
        slot.stamp = stamp;
        self.slots.slots().insert(name.clone(), slot);
        let content = content.unwrap_or(Err(ModuleFileError::Changing));
        let digest = content.as_ref().ok().map(|bytes| Digest::of(bytes).to_string());
        if let Some(slot) = self.slots.slots().get_mut(&name) {
            slot.file_digest.clone_from(&digest);
        }
        // An operator has rolled back, and the file is still the one that was passed over.
        if passed_over.is_some() && passed_over == digest && self.run_stored(&name).await {
            return;
        }
        let quarantined = {
            let slots = self.slots.slots();
            let index = slots.get(&name).map(|slot| &slot.index);
            index.filter(|index| index.running == digest).and_then(|index| index.quarantined.clone())
        };
        match self.load_if_changed(&name, path, stamp, content).await {
            // The same version as before stays quarantined.
            Ok(()) if quarantined.is_some() => {
                if let Some(slot) = self.slots.slots().get_mut(&name) {
                    slot.index.quarantined = quarantined;
                }
                self.persist_or_warn(&name);
                self.update_registry();
            }
            Ok(()) => {}
            Err(_) if current.is_some() => drop(self.run_stored(&name).await),
            Err(_) => {}
        }
    }

    /// Reads what is stored of a module.
    fn index(&self, name: &str) -> StoredIndex {
        let Some(store) = &self.slots.library.store else { return StoredIndex::default() };
        store.index(name).unwrap_or_else(|error| {
            tracing::error!(
                module = name,
                error = error_chain(&error),
                "cannot read the stored state of a module"
            );
            StoredIndex::default()
        })
    }

    /// Loads the stored version that ran before the restart. Returns whether it runs.
    async fn run_stored(&self, name: &str) -> bool {
        let current = self.slots.slots().get(name).and_then(|slot| slot.index.current().cloned());
        let Some(current) = current else { return false };
        let loaded = match self.stored(name, &current.digest).await {
            Ok(bytes) => self.load_version(name, &bytes).await.map_err(|error| error.reason()),
            Err(error) => Err(error_chain(&error)),
        };
        match loaded {
            Ok(module) => {
                self.install(name, module, StartReason::Restart);
                true
            }
            Err(error) => {
                tracing::error!(
                    module = name,
                    version = current.version,
                    error,
                    "cannot load the version that ran before the restart"
                );
                false
            }
        }
    }

    /// Scans the module directories and loads what has changed.
    pub async fn refresh(&self) {
        self.refresh_settled().await;
    }

    /// Like [`refresh`](Self::refresh). Returns whether a file is still being written.
    pub(super) async fn refresh_settled(&self) -> RefreshReport {
        let mut reported = self.changing.lock().await;
        let scan = self.scan(SETTLE).await;
        let unreadable: Vec<PathBuf> = scan.errors.iter().map(|(path, _)| path.clone()).collect();
        let mut refreshed = RefreshReport::default();
        let (mut present, mut loaded) = (HashSet::new(), false);
        for ScannedFile { name, path, stamp, content } in self.distinct(scan, &mut reported) {
            present.insert(name.clone());
            match content {
                None => {}
                Some(Err(ModuleFileError::Changing)) => refreshed.unsettled = true,
                Some(content) => {
                    drop(self.load_if_changed(&name, path, stamp, content).await);
                    loaded = true;
                }
            }
        }
        if loaded {
            self.tidy_cache();
        }
        // Files below a directory that cannot be read may still exist.
        let gone: Vec<String> = {
            let slots = self.slots.slots();
            let is_gone = |(name, slot): &(&String, &ModuleSlot)| {
                !slot.retired
                    && !present.contains(*name)
                    && !slot.path.as_os_str().is_empty()
                    && self.slots.library.directories.iter().any(|top| slot.path.starts_with(top))
                    && !unreadable.iter().any(|directory| slot.path.starts_with(directory))
            };
            slots.iter().filter(is_gone).map(|(name, _)| name.clone()).collect()
        };
        for name in gone {
            self.retire(&name);
        }
        // A YANG file may come without its module.
        self.directories_scanned();
        refreshed
    }

    /// Scans the module directories.
    pub(super) async fn scan(&self, settled: Duration) -> DirectoryScan {
        let directories = self.slots.library.directories.clone();
        let size_limit = self.slots.library.limits.largest_file();
        let slots = self.slots.clone();
        let scanned = tokio::task::spawn_blocking(move || {
            let known = |path: &std::path::Path| slots.stamp(path);
            files::scan(&directories, &ScanOptions { size_limit, settled, known: &known })
        });
        scanned.await.unwrap_or_default()
    }

    /// Returns each module once: of two files with the same name, the first. Excluded modules are left out.
    pub(super) fn distinct(&self, scan: DirectoryScan, reported: &mut ReportedProblems) -> Vec<ScannedFile> {
        for (directory, error) in &scan.errors {
            if reported.unreadable.insert(directory.clone()) {
                tracing::error!(directory = %directory.display(), %error, "cannot read a module directory");
            }
        }
        reported.unreadable.retain(|directory| scan.errors.iter().any(|(path, _)| path == directory));
        let mut distinct: Vec<ScannedFile> = Vec::with_capacity(scan.files.len());
        let mut duplicates = HashSet::new();
        for mut file in scan.files {
            if matches!(file.content, Some(Err(ModuleFileError::Name))) {
                // The name is shown, and operators enter it.
                file.name = file.name.escape_debug().to_string();
            }
            if self.slots.library.exclude.contains(&file.name) {
                continue;
            }
            match distinct.last().filter(|last| last.name == file.name) {
                None => distinct.push(file),
                Some(incumbent) => {
                    if reported.duplicates.insert(file.path.clone()) {
                        let error = NotLoaded::Duplicate { incumbent: incumbent.path.clone() };
                        self.audit.record(EventKind::Refusal {
                            module: file.name.clone(),
                            file: file.path.to_string_lossy().into_owned(),
                            error: error.to_string(),
                        });
                    }
                    duplicates.insert(file.path);
                }
            }
        }
        reported.duplicates.retain(|path| duplicates.contains(path));
        distinct
    }

    /// Loads a file, unless it holds a version that is known.
    async fn load_if_changed(
        &self,
        name: &str,
        path: PathBuf,
        stamp: Option<FileStamp>,
        content: Result<Vec<u8>, ModuleFileError>,
    ) -> Result<(), Arc<NotLoaded>> {
        let bytes = match content {
            Ok(bytes) => bytes,
            Err(error) => return Err(self.refuse(name, path, stamp, None, error.into())),
        };
        let digest = Digest::of(&bytes).to_string();
        if self.is_known(name, &path, stamp, &digest) {
            return Ok(());
        }
        self.load_file(name, path, stamp, digest, bytes).await
    }

    /// Returns whether a file holds the version that runs, or the one that an operator rolled back from.
    fn is_known(&self, name: &str, path: &std::path::Path, stamp: Option<FileStamp>, digest: &str) -> bool {
        let mut slots = self.slots.slots();
        let Some(slot) = slots.get_mut(name) else { return false };
        let Some(module) = &slot.module else { return false };
        let runs = module.digest().to_string() == digest;
        if !runs && slot.index.passed_over.as_deref() != Some(digest) {
            return false;
        }
        let is_back = std::mem::take(&mut slot.retired);
        slot.path = path.to_owned();
        slot.stamp = stamp;
        slot.file_digest = Some(digest.to_owned());
        if runs {
            slot.refused = None;
        }
        if is_back {
            let version = module.description().version.to_string();
            let digest = module.digest().to_string();
            slot.changed();
            drop(slots);
            self.update_registry();
            self.audit.record(EventKind::Load { module: name.to_owned(), version, digest });
        }
        true
    }

    pub(super) async fn load_file(
        &self,
        name: &str,
        path: PathBuf,
        stamp: Option<FileStamp>,
        digest: String,
        bytes: Vec<u8>,
    ) -> Result<(), Arc<NotLoaded>> {
        let bytes: Arc<[u8]> = bytes.into();
        let module = match self.load_version(name, &bytes).await {
            Ok(module) => module,
            Err(error) => return Err(self.refuse(name, path, stamp, Some(digest), error)),
        };
        let stored = self.store(name, &digest, bytes).await;
        self.slots
            .slots()
            .entry(name.to_owned())
            .or_insert_with(|| ModuleSlot::new(path.clone(), StoredIndex::default()))
            .file_digest = Some(digest);
        self.install(name, module, StartReason::File { path, stamp });
        if let Err(error) = stored {
            tracing::warn!(
                module = name,
                error = error_chain(&error),
                "cannot store a version: a rollback to it will not be possible"
            );
        }
        Ok(())
    }

    /// Loads a version, which does not run yet.
    pub(super) async fn load_version(&self, name: &str, bytes: &Arc<[u8]>) -> Result<Module, NotLoaded> {
        let limits = self.slots.library.limits.of(name);
        let compiled = self.runner.compile(name, bytes.clone(), limits).await?;
        self.slots.check_total(name, compiled.resident())?;
        Ok(self.runner.bind(compiled, limits).await?)
    }

    /// Makes a version the one that runs, and stores that.
    pub(super) fn install(&self, name: &str, module: Module, reason: StartReason) {
        let shown = |module: &Module| format!("{} ({})", module.description().version, module.digest());
        let (version, digest) = (module.description().version.to_string(), module.digest().to_string());
        let to = shown(&module);
        let (from, dropped) = {
            let mut slots = self.slots.slots();
            let Some(slot) = slots.get_mut(name) else { return };
            let from = slot.module.as_ref().map(shown);
            let mut dropped = Vec::new();
            match &reason {
                StartReason::File { path, stamp } => {
                    slot.path.clone_from(path);
                    slot.stamp = *stamp;
                    slot.refused = None;
                    slot.retired = false;
                    dropped = slot.index.run(digest.clone(), version.clone());
                    slot.index.passed_over = None;
                    slot.index.quarantined = None;
                }
                StartReason::Rollback => {
                    slot.index.running = Some(digest.clone());
                    slot.index.passed_over.clone_from(&slot.file_digest);
                    slot.index.quarantined = None;
                }
                StartReason::Restart => {}
            }
            slot.install(module);
            (from, dropped)
        };
        self.update_registry();
        if let Some(store) = &self.slots.library.store {
            dropped.iter().for_each(|version| store.drop(name, &version.digest));
        }
        if !matches!(reason, StartReason::Restart) {
            self.persist_or_warn(name);
        }
        let module = name.to_owned();
        self.audit.record(match (from, reason) {
            (Some(from), StartReason::Rollback) => EventKind::Rollback { module, from, to },
            (Some(from), _) => EventKind::Swap { module, from, to },
            (None, _) => EventKind::Load { module, version, digest },
        });
    }

    /// Refuses a file: the current version keeps running.
    pub(super) fn refuse(
        &self,
        name: &str,
        path: PathBuf,
        stamp: Option<FileStamp>,
        digest: Option<String>,
        error: NotLoaded,
    ) -> Arc<NotLoaded> {
        let error = Arc::new(error);
        let text = error.reason();
        let is_new = {
            let mut slots = self.slots.slots();
            let slot = slots
                .entry(name.to_owned())
                .or_insert_with(|| ModuleSlot::new(path.clone(), StoredIndex::default()));
            // A file without a stamp is read at each scan; the same error is reported once.
            let is_new = slot.refused.as_ref().is_none_or(|(old, _)| stamp.is_some() || old.reason() != text);
            slot.path.clone_from(&path);
            slot.stamp = stamp;
            slot.file_digest = digest;
            if is_new {
                slot.refused = Some((error.clone(), status::now()));
            }
            is_new
        };
        if is_new {
            self.update_registry();
            let file = path.to_string_lossy().into_owned();
            self.audit.record(EventKind::Refusal { module: name.to_owned(), file, error: text });
        }
        error
    }

    /// Removes the compiled code of versions that are no longer kept. Nothing waits for it.
    pub(super) fn tidy_cache(&self) {
        let (slots, runner) = (self.slots.clone(), self.runner.clone());
        tokio::task::spawn_blocking(move || match slots.kept_digests() {
            Ok(kept) => runner.retain_cached(&|digest| kept.contains(digest)),
            Err(error) => {
                let error = error_chain(&error);
                tracing::warn!(
                    error,
                    "the compile cache is not tidied: it is not known which versions are kept"
                );
            }
        });
    }

    /// Retires a module whose file is gone.
    fn retire(&self, name: &str) {
        {
            let mut slots = self.slots.slots();
            let Some(slot) = slots.get_mut(name) else { return };
            if slot.module.is_none() {
                // It never ran, so nothing on devices depends on it.
                slots.remove(name);
            } else {
                slot.retired = true;
                slot.stamp = None;
                slot.file_digest = None;
                slot.refused = None;
                slot.changed();
            }
        }
        self.update_registry();
        self.audit.record(EventKind::Retire { module: name.to_owned() });
    }

    /// Stores the file of a version.
    async fn store(&self, name: &str, digest: &str, bytes: Arc<[u8]>) -> Result<(), VersionStoreError> {
        let (name, digest) = (name.to_owned(), digest.to_owned());
        self.with_store(move |store| store.keep(&name, &digest, &bytes)).await.unwrap_or(Ok(()))
    }

    /// Reads the file of a stored version.
    pub(super) async fn stored(&self, name: &str, digest: &str) -> Result<Arc<[u8]>, VersionStoreError> {
        let limit = self.slots.library.limits.of(name).component;
        let (module, digest) = (name.to_owned(), digest.to_owned());
        let bytes = self.with_store(move |store| store.get(&module, &digest, limit)).await;
        let no_store =
            || VersionStoreError { path: name.into(), source: std::io::ErrorKind::NotFound.into() };
        Ok(bytes.ok_or_else(no_store)??.into())
    }

    /// Uses the store, if there is one, on a thread that may block.
    pub(super) async fn with_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&VersionStore) -> T + Send + 'static,
    ) -> Option<T> {
        let slots = self.slots.clone();
        let done = tokio::task::spawn_blocking(move || slots.library.store.as_ref().map(work));
        done.await.ok().flatten()
    }
}
