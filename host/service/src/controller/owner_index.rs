//! Who owns what, kept from one commit to the next as long as it is known to be true.
//!
//! The backend notifies the daemon of its own transactions and of nothing else that changes `running`: not of a
//! local commit, nor of one by another client. What shows a change is the file in which the backend keeps
//! `running`: every commit writes it the same number of times (twice, in controller 1.8.0). Once the file was seen
//! to be written with the daemon's own commits, the owner index holds until somebody else has written the file. If
//! the file cannot be watched, every commit reads the owners anew.

use std::{
    any::Any,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use confine_backend::{ControllerTransaction, TransactionOutcome};
use confine_view::{CreatedObject, InstanceRef, OriginalChange, OwnerIndex};

use crate::{controller::running_file::RunningFileWatch, modules::registry::ModuleRegistry};

/// The owner index and whether it is still true.
#[derive(Debug, Default)]
pub(crate) struct OwnerIndexCache(Mutex<CacheState>);

#[derive(Debug, Default)]
struct CacheState {
    cached: Option<CachedOwners>,
    /// What commits have changed in the cached owners since. It is applied by whoever needs the owners: that may take long,
    /// and whoever learns of a commit's end must not wait.
    changes: OwnerChanges,
    /// What is no longer needed. Dropping it may take long, so that is left to whoever needs the owners next.
    discarded: Vec<Box<dyn Any + Send>>,
    /// Counts connections. What was taken out of the cache during an earlier one is not put back.
    connection: u64,
    file: Option<RunningFileWatch>,
    /// How many times one commit writes the file: the fewest writes seen with a commit of ours. `None` if the file
    /// was not written with the last commit that should have written it.
    writes_per_commit: Option<u64>,
    /// What the commit that was answered last changes, once it has succeeded.
    pending: Option<PendingOwnerChange>,
}

/// The owners as they were read from `running`.
#[derive(Debug)]
struct CachedOwners {
    owners: Arc<OwnerIndex>,
    /// The modules whose services they are of: other modules, other `created` lists.
    registry: Weak<ModuleRegistry>,
    /// The writes of the file before it was read; `None` if somebody may have changed it since.
    writes: Option<u64>,
}

/// What a commit changes in the owner index.
#[derive(Debug)]
pub(crate) struct PendingOwnerChange {
    pub(crate) tid: u64,
    /// Whether the commit is pushed to devices, and so changes `running`.
    pub(crate) push: bool,
    /// Whether anything was written, so that `running` changes.
    pub(crate) edited: bool,
    /// The new `created` list of each instance that ran; empty for a deleted one.
    pub(crate) created: Vec<(InstanceRef, Vec<CreatedObject>)>,
    /// How the originals change.
    pub(crate) originals: Vec<OriginalChange>,
}

/// What commits have changed in the cached owners.
#[derive(Debug, Default)]
pub(crate) struct OwnerChanges {
    pub(crate) created: Vec<(InstanceRef, Vec<CreatedObject>)>,
    originals: Vec<OriginalChange>,
    /// What instances would have created by commits that have failed on their way to the devices.
    pub(crate) failed: Vec<(InstanceRef, Vec<CreatedObject>)>,
}

impl OwnerIndexCache {
    /// A connection begins, to another controller or to the same one after an unknown time. The controller keeps
    /// `running` in `file`.
    pub(crate) fn begin(&self, file: Option<&Path>) {
        let watch = |path: &Path| {
            RunningFileWatch::watch(path)
                .inspect_err(|error| {
                    tracing::warn!(file = %path.display(), %error, "cannot watch the file of `running`: each commit reads all `created` lists");
                })
                .ok()
        };
        let mut state = self.lock();
        let before = std::mem::take(&mut *state);
        let connection = before.connection + 1;
        let mut discarded = before.discarded;
        discarded.push(Box::new((before.cached, before.pending, before.changes)));
        *state = CacheState { connection, discarded, file: file.and_then(watch), ..CacheState::default() };
    }

    /// Returns the number of writes of `running` until now, if it is known.
    pub(crate) fn writes(&self) -> Option<u64> {
        self.lock().writes()
    }

    /// Returns the owners of objects of these modules' services, if they are known to be true. Only one caller at a time: see
    /// [`KnownController::owner_reading`](super::known::KnownController::owner_reading).
    /// `record` gets what commits have changed since the last call, and the owners before these changes if they are known.
    pub(crate) fn owners(
        &self,
        registry: &Arc<ModuleRegistry>,
        record: impl FnOnce(&OwnerChanges, Option<&OwnerIndex>),
    ) -> Option<Arc<OwnerIndex>> {
        let discarded = std::mem::take(&mut self.lock().discarded);
        drop(discarded);
        let (cached, changes, connection) = {
            let mut state = self.lock();
            let is_known = state.is_current() && state.cached_for(registry).is_some();
            // They are no use for owners that are not true: these are read anew.
            (state.cached.take_if(|_| is_known), std::mem::take(&mut state.changes), state.connection)
        };
        record(&changes, cached.as_ref().map(|cached| &*cached.owners));
        let mut cached = cached?;
        // No commit has the owners now, so nothing is copied.
        let OwnerChanges { created, originals, .. } = changes;
        if !created.is_empty() || !originals.is_empty() {
            let owners = Arc::make_mut(&mut cached.owners);
            created.into_iter().for_each(|(instance, created)| owners.replace(&instance, created));
            owners.change_originals(originals);
        }
        let owners = cached.owners.clone();
        let mut state = self.lock();
        if state.connection == connection {
            state.cached = Some(cached);
        }
        Some(owners)
    }

    /// Returns whether the owners should be read while nothing else is to be done, so that the next commit need
    /// not. False while a commit is on its way to the devices, which may have changed `running` already.
    pub(crate) fn wants_reading(&self, registry: &Arc<ModuleRegistry>) -> bool {
        let mut state = self.lock();
        let now = state.writes();
        let then = state.cached.as_ref().and_then(|cached| cached.writes);
        let was_written = now.is_some() && then != now;
        state.pending.is_none() && (state.cached_for(registry).is_none() || was_written)
    }

    /// Keeps owners that were read after this number of writes.
    pub(crate) fn keep(&self, owners: Arc<OwnerIndex>, registry: &Arc<ModuleRegistry>, writes: Option<u64>) {
        let mut state = self.lock();
        let cached = CachedOwners { owners, registry: Arc::downgrade(registry), writes };
        let failed = std::mem::take(&mut state.changes.failed);
        let changes = OwnerChanges { failed, ..OwnerChanges::default() };
        let before = (state.cached.replace(cached), std::mem::replace(&mut state.changes, changes));
        drop(state);
        drop(before);
    }

    /// Returns whether `running` was written since a commit of ours began, after this number of writes.
    pub(crate) fn is_outdated(&self, writes: Option<u64>) -> bool {
        let mut state = self.lock();
        state.writes_per_commit.is_some() && state.writes() != writes
    }

    /// A commit was answered with "done": this is what it changes once it has succeeded.
    pub(crate) fn expect(&self, pending: PendingOwnerChange) {
        self.lock().pending = Some(pending);
    }

    /// A transaction is over. Returns whether it is the [expected](Self::expect) one and has succeeded.
    pub(crate) fn transaction_over(&self, over: &ControllerTransaction) -> bool {
        let mut state = self.lock();
        let Some(ours) = state.pending.take() else { return false };
        let succeeded = ours.tid == over.tid && ours.push && over.result == TransactionOutcome::Success;
        if !succeeded {
            // If it has changed `running`, even by failing, the file shows it.
            if ours.tid == over.tid && ours.push {
                state.changes.failed.extend(ours.created);
                state.discarded.push(Box::new(ours.originals));
            } else {
                state.discarded.push(Box::new(ours));
            }
            return false;
        }
        let now = state.writes();
        let CacheState { cached: Some(cached), writes_per_commit, .. } = &mut *state else { return true };
        let ours_writes = now.zip(cached.writes).map(|(now, then)| now.saturating_sub(then));
        match ours_writes {
            Some(0) | None if ours.edited => {
                if writes_per_commit.take().is_some() {
                    let problem = match now {
                        Some(_) => "was not written by a commit",
                        None => "is no longer watched",
                    };
                    tracing::warn!(
                        tid = over.tid,
                        "the file of `running` {problem}: each commit reads all `created` lists"
                    );
                }
            }
            Some(0) | None => {}
            Some(writes) => {
                // More writes than a commit makes: somebody else has written it before this notification.
                cached.writes = now.filter(|_| *writes_per_commit == Some(writes));
                *writes_per_commit = Some(writes_per_commit.map_or(writes, |each| each.min(writes)));
            }
        }
        state.changes.created.extend(ours.created);
        state.changes.originals.extend(ours.originals);
        true
    }

    fn lock(&self) -> MutexGuard<'_, CacheState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CacheState {
    fn writes(&mut self) -> Option<u64> {
        self.file.as_mut()?.writes()
    }

    fn cached_for(&self, registry: &Arc<ModuleRegistry>) -> Option<&CachedOwners> {
        self.cached.as_ref().filter(|cached| std::ptr::eq(cached.registry.as_ptr(), Arc::as_ptr(registry)))
    }

    /// Returns whether nobody has changed `running` since it was read.
    fn is_current(&mut self) -> bool {
        let now = self.writes();
        let then = self.cached.as_ref().and_then(|cached| cached.writes);
        self.writes_per_commit.is_some() && then.is_some() && then == now
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use super::*;

    /// A cache and the file of `running`, which each commit writes twice.
    struct CacheFixture {
        cache: OwnerIndexCache,
        registry: Arc<ModuleRegistry>,
        file: PathBuf,
        _directory: tempfile::TempDir,
    }

    impl CacheFixture {
        /// After the first reading.
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let file = directory.path().join("running_db");
            fs::write(&file, "").unwrap();
            let registry = Arc::default();
            let fixture = Self { cache: OwnerIndexCache::default(), registry, file, _directory: directory };
            fixture.cache.begin(Some(&fixture.file));
            fixture.read();
            fixture
        }

        /// After the first commit of ours and a reading: the file is relied upon.
        fn relied_upon() -> Self {
            let fixture = Self::new();
            fixture.commit(1);
            fixture.read();
            assert!(fixture.is_known());
            fixture
        }

        fn write(&self) {
            for _ in 0..2 {
                fs::write(&self.file, "").unwrap();
            }
        }

        fn read(&self) {
            let writes = self.cache.writes();
            self.cache.keep(Arc::default(), &self.registry, writes);
        }

        fn is_known(&self) -> bool {
            self.cache.owners(&self.registry, |_, _| {}).is_some()
        }

        fn wants_reading(&self) -> bool {
            self.cache.wants_reading(&self.registry)
        }

        /// Answers a commit of ours.
        fn answer(&self, tid: u64, push: bool, edited: bool) {
            self.cache.expect(PendingOwnerChange {
                tid,
                push,
                edited,
                created: Vec::new(),
                originals: Vec::new(),
            });
        }

        fn over(&self, tid: u64, result: TransactionOutcome) {
            let over = ControllerTransaction { tid, username: None, result, origin: None, reason: None };
            self.cache.transaction_over(&over);
        }

        /// Plays a commit of ours that succeeds.
        fn commit(&self, tid: u64) {
            self.answer(tid, true, true);
            self.write();
            self.over(tid, TransactionOutcome::Success);
        }
    }

    #[test]
    fn running_file_is_relied_upon_once_a_commit_wrote_it() {
        let mut fixture = CacheFixture::new();
        assert!(!fixture.is_known() && !fixture.wants_reading());
        // It is not known yet whether all these writes were the commit's own.
        fixture.commit(1);
        assert!(!fixture.is_known() && fixture.wants_reading());
        fixture.read();
        assert!(fixture.is_known() && !fixture.wants_reading());
        fixture.commit(2);
        assert!(fixture.is_known() && !fixture.wants_reading());
        // Somebody else writes.
        fixture.write();
        assert!(!fixture.is_known() && fixture.wants_reading());
        fixture.read();
        assert!(fixture.is_known() && !fixture.wants_reading());
        // Other modules, other `created` lists.
        fixture.registry = Arc::default();
        assert!(!fixture.is_known() && fixture.wants_reading());
        fixture.cache.begin(Some(&fixture.file));
        fixture.read();
        assert!(!fixture.is_known());
        fixture.cache.begin(None);
        fixture.commit(3);
        fixture.read();
        assert!(!fixture.is_known() && !fixture.wants_reading());
    }

    #[test]
    fn writes_of_pending_commit_do_not_outdate_owners() {
        let fixture = CacheFixture::relied_upon();
        fixture.answer(2, true, true);
        // The backend writes it before the devices have committed.
        fixture.write();
        assert!(!fixture.wants_reading());
        fixture.over(2, TransactionOutcome::Success);
        assert!(fixture.is_known());
    }

    #[test]
    fn foreign_write_before_commit_ends_outdates_owners() {
        let fixture = CacheFixture::relied_upon();
        fixture.answer(2, true, true);
        fixture.write();
        fixture.write();
        fixture.over(2, TransactionOutcome::Success);
        assert!(!fixture.is_known() && fixture.wants_reading());
        fixture.read();
        fixture.commit(3);
        assert!(fixture.is_known());

        // The same with the first commit, which shows how many writes a commit makes.
        let fixture = CacheFixture::new();
        fixture.answer(1, true, true);
        fixture.write();
        fixture.write();
        fixture.over(1, TransactionOutcome::Success);
        fixture.read();
        fixture.commit(2);
        fixture.read();
        fixture.answer(3, true, true);
        fixture.write();
        fixture.write();
        fixture.over(3, TransactionOutcome::Success);
        assert!(!fixture.is_known());
    }

    #[test]
    fn failed_commit_keeps_owners_unless_it_wrote_running() {
        let fixture = CacheFixture::relied_upon();
        fixture.answer(2, true, true);
        fixture.over(2, TransactionOutcome::Failed);
        assert!(fixture.is_known());
        fixture.answer(3, true, true);
        fixture.write();
        fixture.over(3, TransactionOutcome::Failed);
        assert!(!fixture.is_known() && fixture.wants_reading());
        fixture.read();
        fixture.answer(4, false, true);
        fixture.over(4, TransactionOutcome::Success);
        assert!(fixture.is_known());
        // The end of another transaction: ours is no longer expected.
        fixture.answer(5, true, true);
        fixture.over(6, TransactionOutcome::Success);
        assert!(fixture.cache.lock().pending.is_none());
    }

    #[test]
    fn ended_transaction_leaves_no_pending_change() {
        let fixture = CacheFixture::relied_upon();
        for (tid, result) in
            (2..).zip([TransactionOutcome::Success, TransactionOutcome::Failed, TransactionOutcome::Error])
        {
            fixture.answer(tid, true, true);
            assert!(fixture.cache.lock().pending.is_some());
            fixture.over(tid, result);
            assert!(fixture.cache.lock().pending.is_none());
        }
    }

    #[test]
    fn running_file_that_a_commit_did_not_write_is_dropped() {
        let fixture = CacheFixture::relied_upon();
        fixture.answer(2, true, false);
        fixture.over(2, TransactionOutcome::Success);
        // A commit without an edit need not write it.
        assert!(fixture.is_known());
        fixture.answer(3, true, true);
        fixture.over(3, TransactionOutcome::Success);
        assert!(!fixture.is_known() && !fixture.wants_reading());

        let fixture = CacheFixture::relied_upon();
        fs::remove_file(&fixture.file).unwrap();
        fixture.answer(2, true, true);
        fixture.over(2, TransactionOutcome::Success);
        assert!(!fixture.is_known());
    }

    #[test]
    fn running_written_during_a_commit_is_outdated() {
        let fixture = CacheFixture::relied_upon();
        let before = fixture.cache.writes();
        assert!(!fixture.cache.is_outdated(before));
        fixture.write();
        assert!(fixture.cache.is_outdated(before));
        fixture.cache.keep(Arc::default(), &fixture.registry, before);
        assert!(!fixture.is_known());
        fixture.cache.begin(Some(&fixture.file));
        assert!(!fixture.cache.is_outdated(before));
    }
}
