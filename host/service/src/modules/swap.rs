//! Changing which version of a module runs: what is found in the directories, and what operators want.
//!
//! A version is loaded aside, while the one before it goes on. Only when it has passed every check does
//! it take its place, between two commits. One change is made after the other.

use std::{collections::HashSet, path::PathBuf, sync::Arc, time::Duration};

use confine_sandbox::{Digest, Module};

use crate::{
    EventKind, Host, ModuleFileError, NotLoaded, VersionStore, VersionStoreError,
    error::chain,
    modules::{
        files::{self, DirectoryScan, FileStamp, ScanOptions, ScannedFile},
        slots::ModuleSlot,
        store::StoredIndex,
    },
    status,
};

/// A file that was written to within this time is left alone for now: somebody may be copying it.
pub(crate) const SETTLE: Duration = Duration::from_millis(200);

/// What a look at the directories came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RefreshReport {
    /// A file is being written: look again soon.
    pub(crate) unsettled: bool,
}

/// What is told once, until it has changed.
#[derive(Default)]
pub(crate) struct ReportedProblems {
    duplicates: HashSet<PathBuf>,
    unreadable: HashSet<PathBuf>,
}

/// Why a version begins to run.
pub(crate) enum StartReason {
    /// It stands in a module directory.
    File { path: PathBuf, stamp: Option<FileStamp> },
    /// An operator went back to it.
    Rollback,
    /// It ran when the daemon last ran.
    Restart,
}

impl Host {
    /// Finds and loads all modules, and takes up what was decided about them before the last end.
    pub(crate) async fn restore(&self) {
        let mut told = self.changing.lock().await;
        let look = self.look(Duration::ZERO).await;
        let mut found = HashSet::new();
        for seen in self.distinct(look, &mut told) {
            found.insert(seen.name.clone());
            self.restore_one(seen).await;
        }
        let Some(store) = &self.modules.library.store else { return };
        let names = store.names().unwrap_or_else(|error| {
            tracing::error!(error = chain(&error), "what is kept of modules cannot be read");
            Vec::new()
        });
        for name in names {
            if found.contains(&name) || self.modules.library.exclude.contains(&name) {
                continue;
            }
            let index = self.index(&name);
            self.modules.slots().insert(name.clone(), ModuleSlot::new(PathBuf::new(), index));
            if self.run_kept(&name).await {
                self.retire(&name);
            } else {
                self.modules.slots().remove(&name);
            }
        }
        self.update_registry();
    }

    /// A file that was found at the start.
    async fn restore_one(&self, ScannedFile { name, path, stamp, content }: ScannedFile) {
        let index = self.index(&name);
        let (passed_over, current) = (index.passed_over.clone(), index.current().cloned());
        let mut slot = ModuleSlot::new(path.clone(), index);
        slot.stamp = stamp;
        self.modules.slots().insert(name.clone(), slot);
        let content = content.unwrap_or(Err(ModuleFileError::Changing));
        let digest = content.as_ref().ok().map(|bytes| Digest::of(bytes).to_string());
        if let Some(slot) = self.modules.slots().get_mut(&name) {
            slot.file_digest.clone_from(&digest);
        }
        // An operator has gone back to an older version, and the file is still the same.
        if passed_over.is_some() && passed_over == digest && self.run_kept(&name).await {
            return;
        }
        let quarantined = {
            let slots = self.modules.slots();
            let index = slots.get(&name).map(|slot| &slot.index);
            index.filter(|index| index.running == digest).and_then(|index| index.quarantined.clone())
        };
        match self.take(&name, path, stamp, content).await {
            // The same version as before: what was decided about it still holds.
            Ok(()) if quarantined.is_some() => {
                if let Some(slot) = self.modules.slots().get_mut(&name) {
                    slot.index.quarantined = quarantined;
                }
                self.persist_or_warn(&name);
                self.update_registry();
            }
            Ok(()) => {}
            Err(_) if current.is_some() => drop(self.run_kept(&name).await),
            Err(_) => {}
        }
    }

    /// What was decided about a module.
    fn index(&self, name: &str) -> StoredIndex {
        let Some(store) = &self.modules.library.store else { return StoredIndex::default() };
        store.index(name).unwrap_or_else(|error| {
            tracing::error!(module = name, error = chain(&error), "what is kept of a module cannot be read");
            StoredIndex::default()
        })
    }

    /// Loads the version that ran when the daemon last ran.
    async fn run_kept(&self, name: &str) -> bool {
        let current = self.modules.slots().get(name).and_then(|slot| slot.index.current().cloned());
        let Some(current) = current else { return false };
        let loaded = match self.kept(name, &current.digest).await {
            Ok(bytes) => self.load(name, &bytes).await.map_err(|error| error.reason()),
            Err(error) => Err(chain(&error)),
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
                    "the version that ran last cannot be loaded"
                );
                false
            }
        }
    }

    /// Looks at the module directories, and takes in what has changed there.
    pub async fn refresh(&self) {
        self.refresh_settled().await;
    }

    pub(crate) async fn refresh_settled(&self) -> RefreshReport {
        let mut told = self.changing.lock().await;
        let look = self.look(SETTLE).await;
        let unreadable: Vec<PathBuf> = look.errors.iter().map(|(path, _)| path.clone()).collect();
        let mut refreshed = RefreshReport::default();
        let mut present = HashSet::new();
        for ScannedFile { name, path, stamp, content } in self.distinct(look, &mut told) {
            present.insert(name.clone());
            match content {
                None => {}
                Some(Err(ModuleFileError::Changing)) => refreshed.unsettled = true,
                Some(content) => drop(self.take(&name, path, stamp, content).await),
            }
        }
        // What is below a directory that cannot be read may still be there.
        let gone: Vec<String> = {
            let slots = self.modules.slots();
            let is_gone = |(name, slot): &(&String, &ModuleSlot)| {
                !slot.retired
                    && !present.contains(*name)
                    && !slot.path.as_os_str().is_empty()
                    && self.modules.library.directories.iter().any(|top| slot.path.starts_with(top))
                    && !unreadable.iter().any(|directory| slot.path.starts_with(directory))
            };
            slots.iter().filter(is_gone).map(|(name, _)| name.clone()).collect()
        };
        for name in gone {
            self.retire(&name);
        }
        // A model may come without its module.
        self.knowledge.packages_may_have_changed();
        refreshed
    }

    /// What stands in the module directories.
    pub(super) async fn look(&self, settled: Duration) -> DirectoryScan {
        let directories = self.modules.library.directories.clone();
        let size_limit = self.modules.library.limits.largest_file();
        let modules = self.modules.clone();
        let looked = tokio::task::spawn_blocking(move || {
            let known = |path: &std::path::Path| modules.stamp(path);
            files::look(&directories, &ScanOptions { size_limit, settled, known: &known })
        });
        looked.await.unwrap_or_default()
    }

    /// Each module once: of two files with the same name, the first. Those that are excluded are left out.
    pub(super) fn distinct(&self, look: DirectoryScan, told: &mut ReportedProblems) -> Vec<ScannedFile> {
        for (directory, error) in &look.errors {
            if told.unreadable.insert(directory.clone()) {
                tracing::error!(directory = %directory.display(), %error, "a module directory cannot be read");
            }
        }
        told.unreadable.retain(|directory| look.errors.iter().any(|(path, _)| path == directory));
        let mut distinct: Vec<ScannedFile> = Vec::with_capacity(look.files.len());
        let mut duplicates = HashSet::new();
        for mut seen in look.files {
            if matches!(seen.content, Some(Err(ModuleFileError::Name))) {
                // It is shown, and asked for.
                seen.name = seen.name.escape_debug().to_string();
            }
            if self.modules.library.exclude.contains(&seen.name) {
                continue;
            }
            match distinct.last().filter(|last| last.name == seen.name) {
                None => distinct.push(seen),
                Some(incumbent) => {
                    if told.duplicates.insert(seen.path.clone()) {
                        let error = NotLoaded::Duplicate { incumbent: incumbent.path.clone() };
                        self.audit.tell(EventKind::Refusal {
                            module: seen.name.clone(),
                            file: seen.path.to_string_lossy().into_owned(),
                            error: error.to_string(),
                        });
                    }
                    duplicates.insert(seen.path);
                }
            }
        }
        told.duplicates.retain(|path| duplicates.contains(path));
        distinct
    }

    /// Takes in a file that is new or has changed.
    async fn take(
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
        if self.is_same(name, &path, stamp, &digest) {
            return Ok(());
        }
        self.load_file(name, path, stamp, digest, bytes).await
    }

    /// Whether a file says nothing new: it holds the version that runs, or the one that an operator went
    /// back from.
    fn is_same(&self, name: &str, path: &std::path::Path, stamp: Option<FileStamp>, digest: &str) -> bool {
        let mut slots = self.modules.slots();
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
            self.audit.tell(EventKind::Load { module: name.to_owned(), version, digest });
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
        let module = match self.load(name, &bytes).await {
            Ok(module) => module,
            Err(error) => return Err(self.refuse(name, path, stamp, Some(digest), error)),
        };
        let kept = self.keep(name, &digest, bytes).await;
        self.modules
            .slots()
            .entry(name.to_owned())
            .or_insert_with(|| ModuleSlot::new(path.clone(), StoredIndex::default()))
            .file_digest = Some(digest);
        self.install(name, module, StartReason::File { path, stamp });
        if let Err(error) = kept {
            tracing::warn!(
                module = name,
                error = chain(&error),
                "this version cannot be gone back to: it could not be kept"
            );
        }
        Ok(())
    }

    /// Loads a version aside.
    pub(super) async fn load(&self, name: &str, bytes: &Arc<[u8]>) -> Result<Module, NotLoaded> {
        Ok(self.runner.load(name, bytes.clone(), self.modules.library.limits.of(name)).await?)
    }

    /// Makes a version the one that runs, and writes that down.
    pub(super) fn install(&self, name: &str, module: Module, reason: StartReason) {
        let shown = |module: &Module| format!("{} ({})", module.description().version, module.digest());
        let (version, digest) = (module.description().version.to_string(), module.digest().to_string());
        let to = shown(&module);
        let (from, dropped) = {
            let mut slots = self.modules.slots();
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
        if let Some(store) = &self.modules.library.store {
            dropped.iter().for_each(|version| store.drop(name, &version.digest));
        }
        if !matches!(reason, StartReason::Restart) {
            self.persist_or_warn(name);
        }
        let module = name.to_owned();
        self.audit.tell(match (from, reason) {
            (Some(from), StartReason::Rollback) => EventKind::Rollback { module, from, to },
            (Some(from), _) => EventKind::Swap { module, from, to },
            (None, _) => EventKind::Load { module, version, digest },
        });
    }

    /// A file is not taken: what ran goes on.
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
        let news = {
            let mut slots = self.modules.slots();
            let slot = slots
                .entry(name.to_owned())
                .or_insert_with(|| ModuleSlot::new(path.clone(), StoredIndex::default()));
            // What cannot even be looked at is looked at each time, and told once.
            let news = slot.refused.as_ref().is_none_or(|(old, _)| stamp.is_some() || old.reason() != text);
            slot.path.clone_from(&path);
            slot.stamp = stamp;
            slot.file_digest = digest;
            if news {
                slot.refused = Some((error.clone(), status::now()));
            }
            news
        };
        if news {
            self.update_registry();
            let file = path.to_string_lossy().into_owned();
            self.audit.tell(EventKind::Refusal { module: name.to_owned(), file, error: text });
        }
        error
    }

    /// A module's file is gone.
    fn retire(&self, name: &str) {
        {
            let mut slots = self.modules.slots();
            let Some(slot) = slots.get_mut(name) else { return };
            if slot.module.is_none() {
                // It never ran: nothing is lost.
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
        self.audit.tell(EventKind::Retire { module: name.to_owned() });
    }

    /// Keeps the file of a version.
    async fn keep(&self, name: &str, digest: &str, bytes: Arc<[u8]>) -> Result<(), VersionStoreError> {
        let (name, digest) = (name.to_owned(), digest.to_owned());
        self.with_store(move |store| store.keep(&name, &digest, &bytes)).await.unwrap_or(Ok(()))
    }

    /// The file of a version that is kept.
    pub(super) async fn kept(&self, name: &str, digest: &str) -> Result<Arc<[u8]>, VersionStoreError> {
        let limit = self.modules.library.limits.of(name).component;
        let (module, digest) = (name.to_owned(), digest.to_owned());
        let bytes = self.with_store(move |store| store.get(&module, &digest, limit)).await;
        let nowhere = || VersionStoreError { path: name.into(), source: std::io::ErrorKind::NotFound.into() };
        Ok(bytes.ok_or_else(nowhere)??.into())
    }

    /// Does something with the store, if there is one, where it holds up nobody.
    pub(super) async fn with_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&VersionStore) -> T + Send + 'static,
    ) -> Option<T> {
        let modules = self.modules.clone();
        let done = tokio::task::spawn_blocking(move || modules.library.store.as_ref().map(work));
        done.await.ok().flatten()
    }

    pub(crate) fn persist_or_warn(&self, name: &str) {
        if let Err(error) = self.modules.persist(name) {
            tracing::warn!(
                module = name,
                error = chain(&error),
                "a restart will undo this: it could not be written down"
            );
        }
    }
}
