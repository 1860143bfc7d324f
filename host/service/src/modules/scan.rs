//! From module directories to what is to be loaded.

use std::{
    collections::{BTreeMap, HashSet},
    path::{Path, PathBuf},
    sync::atomic::Ordering,
    time::Duration,
};

use confine_sandbox::Digest;

use crate::{
    EventKind,
    error_chain::error_chain,
    modules::{
        approvals::Approvals,
        files::{
            self, DirectoryScan, FileStamp, ModuleFileError, ReportedProblems, ScanOptions, ScannedFile,
        },
        manager::ModuleManager,
        registry::NotLoaded,
        slot::{ModuleSlot, PendingFile},
        store::{StoredIndex, VersionStore},
    },
};

/// A file that was written within this time is ignored for now: it may still be copied.
pub(crate) const SETTLE: Duration = Duration::from_millis(200);

/// How often a refresh looks for files that are being written.
const SETTLING_SCANS: usize = 10;

impl ModuleManager {
    /// Finds out, once, which modules there are: those that are stored and those that have a file. Loads none.
    pub(super) async fn find_modules(&self) {
        let _finding = self.finding.lock().await;
        if self.is_known() {
            return;
        }
        let stored = self.with_store(|store| {
            let names = store.names().unwrap_or_else(|error| {
                tracing::error!(error = error_chain(&error), "cannot read the stored modules");
                Vec::new()
            });
            let refusals = store.refusals().unwrap_or_else(|error| {
                tracing::error!(error = error_chain(&error), "cannot read which files are refused");
                Default::default()
            });
            let index = |name: String| {
                let index = store.index(&name).unwrap_or_else(|error| {
                    let error = error_chain(&error);
                    tracing::error!(module = name, error, "cannot read the stored state of a module");
                    StoredIndex::default()
                });
                (name, index)
            };
            let approvals = stored_approvals(store);
            (names.into_iter().map(index).collect::<Vec<_>>(), refusals, approvals)
        });
        let (indices, refusals, approvals) = stored.await.unwrap_or_default();
        (*self.slots.refusals(), *self.slots.approvals()) = (refusals, approvals);
        for (name, index) in indices {
            if !self.library().exclude.contains(&name) {
                let mut slot = ModuleSlot::new(PathBuf::new(), index);
                slot.restoring = slot.index.current().is_some();
                self.slots.slots().insert(name, slot);
            }
        }
        self.scan(Duration::ZERO).await;
        self.slots.slots().retain(|_, slot| {
            let is_there = !slot.path.as_os_str().is_empty();
            slot.retired = !is_there;
            is_there || slot.restoring
        });
        self.carry_over();
        self.update_registry();
        self.known.send_replace(true);
    }

    /// Scans the module directories, and waits until every file that is there is loaded or refused.
    pub async fn refresh(&self) {
        self.find_modules().await;
        for _ in 0..SETTLING_SCANS {
            if !self.scan(SETTLE).await {
                break;
            }
            tokio::time::sleep(SETTLE).await;
        }
        if !self.is_watched() {
            return self.load_pending().await;
        }
        let pending = |slot: &ModuleSlot| slot.pending.as_ref().map(|file| file.digest);
        let slots = |slots: &BTreeMap<String, ModuleSlot>| -> HashSet<(String, Digest)> {
            slots.iter().filter_map(|(name, slot)| Some((name.clone(), pending(slot)?))).collect()
        };
        let found = slots(&self.slots.slots());
        let is_undecided = || self.slots.slots().values().any(ModuleSlot::is_undecided);
        self.until(|| found.is_disjoint(&slots(&self.slots.slots())) && !is_undecided()).await;
    }

    /// Scans the module directories. What was found is loaded later.
    pub async fn rescan(&self) {
        self.find_modules().await;
        self.scan(SETTLE).await;
    }

    /// Scans the module directories for files to load and for modules whose file is gone. Returns whether a file is being
    /// written: it is found later.
    pub(super) async fn scan(&self, settled: Duration) -> bool {
        let mut reported = self.scanning.lock().await;
        let number = self.scans.fetch_add(1, Ordering::Relaxed) + 1;
        let scan = self.read_directories(settled).await;
        let unreadable: Vec<PathBuf> = scan.errors.iter().map(|(path, _)| path.clone()).collect();
        let (mut is_unsettled, mut present) = (false, HashSet::new());
        for ScannedFile { name, path, stamp, content } in self.distinct(scan, &mut reported) {
            present.insert(name.clone());
            match content {
                None => {}
                Some(Err(ModuleFileError::Changing)) => is_unsettled = true,
                Some(Ok(digest)) => self.file_found(&name, path, stamp, (digest, number)),
                Some(Err(error)) => {
                    self.see_file(&name, &path, stamp, None, |slot| (slot.pending, slot.held) = (None, None));
                    self.refuse(&name, None, error.into());
                }
            }
        }
        // Files below a directory that cannot be read may still exist.
        let gone: Vec<String> = {
            let slots = self.slots.slots();
            let is_gone = |(name, slot): &(&String, &ModuleSlot)| {
                !slot.retired
                    && !present.contains(*name)
                    && !slot.path.as_os_str().is_empty()
                    && self.library().directories.iter().any(|top| slot.path.starts_with(top))
                    && !unreadable.iter().any(|directory| slot.path.starts_with(directory))
            };
            slots.iter().filter(is_gone).map(|(name, _)| name.clone()).collect()
        };
        for name in gone {
            self.retire(&name);
        }
        self.carry_over();
        self.readmit().await;
        // A YANG file may come without its module.
        self.directories_scanned();
        self.work.notify_one();
        is_unsettled
    }

    /// Scans the module directories on a thread that may block.
    pub(super) async fn read_directories(&self, settled: Duration) -> DirectoryScan {
        let directories = self.library().directories.clone();
        let size_limit = self.library().limits.largest_file();
        let slots = self.slots.clone();
        let scanned = tokio::task::spawn_blocking(move || {
            let known = |path: &Path| slots.stamp(path);
            let options = ScanOptions { size_limit, settled, known: &known };
            files::scan(&directories, &options, &|bytes| Digest::of(&bytes))
        });
        scanned.await.unwrap_or(DirectoryScan { files: Vec::new(), errors: Vec::new() })
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
            if self.library().exclude.contains(&file.name) {
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

    /// Notes a file that has changed, which the scan with this number has found.
    fn file_found(
        &self,
        name: &str,
        path: PathBuf,
        stamp: Option<FileStamp>,
        (digest, number): (Digest, u64),
    ) {
        let returned = self.see_file(name, &path, stamp, Some(digest), |slot| {
            slot.found = number;
            slot.held.take_if(|held| held.module.digest() != digest);
            let runs = slot.runs(digest);
            slot.pending = slot.wants(digest).then(|| PendingFile::new(path.clone(), digest));
            if runs {
                slot.refused = None;
            }
            let is_back = std::mem::take(&mut slot.retired);
            let module = slot.module.clone().filter(|_| is_back)?;
            slot.changed();
            Some(module)
        });
        if let Some(module) = returned {
            self.update_registry();
            let (version, digest) = (module.description().version.to_string(), module.digest().to_string());
            self.audit.record(EventKind::Load { module: name.to_owned(), version, digest });
        }
        self.progressed();
    }

    /// Notes what was read of a module's file.
    fn see_file<T>(
        &self,
        name: &str,
        path: &Path,
        stamp: Option<FileStamp>,
        digest: Option<Digest>,
        note: impl FnOnce(&mut ModuleSlot) -> T,
    ) -> T {
        let mut slots = self.slots.slots();
        let new = || ModuleSlot::new(path.to_owned(), StoredIndex::default());
        let slot = slots.entry(name.to_owned()).or_insert_with(new);
        slot.path = path.to_owned();
        (slot.stamp, slot.file_digest) = (stamp, digest);
        note(slot)
    }

    /// Retires a module whose file is gone.
    fn retire(&self, name: &str) {
        {
            let mut slots = self.slots.slots();
            let Some(slot) = slots.get_mut(name) else { return };
            if !slot.has_served() {
                // It never ran, so nothing on devices depends on it.
                slots.remove(name);
            } else {
                slot.retired = true;
                slot.gone = slot.file_digest.take();
                (slot.pending, slot.held, slot.refused) = (None, None, None);
                slot.stamp = None;
                slot.changed();
            }
        }
        self.update_registry();
        self.audit.record(EventKind::Retire { module: name.to_owned() });
    }

    /// Carries the state of modules over whose files were renamed.
    fn carry_over(&self) {
        while let Some((from, to)) = self.slots.renamed() {
            self.rename(&from, &to);
        }
    }

    /// Gives a module the name that its file has now.
    pub(super) fn rename(&self, from: &str, to: &str) {
        if let Err(error) = self.slots.rename(from, to) {
            let error = error_chain(&error);
            tracing::warn!(
                module = to,
                from,
                error,
                "cannot rename the stored versions of a module: a rollback to them will not be possible"
            );
        }
        self.persist_or_warn(to);
        self.persist_approvals_or_warn();
        self.audit.record(EventKind::Rename { module: to.to_owned(), from: from.to_owned() });
        self.update_registry();
    }
}

/// Reads which modules serve which list. If that was never stored, or cannot be read, what ran before the restart serves
/// what it claims.
fn stored_approvals(store: &VersionStore) -> Approvals {
    match store.approvals() {
        Ok(stored) => stored.unwrap_or_else(Approvals::adopting),
        Err(error) => {
            let error = error_chain(&error);
            tracing::error!(
                error,
                "cannot read who serves which list: each module that ran before serves what it claims, and the file is written anew; see `confine modules`"
            );
            Approvals::adopting()
        }
    }
}
