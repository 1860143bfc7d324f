//! Who owns what, kept from one commit to the next for as long as it is true.
//!
//! The backend tells the daemon of its own transactions, and of nothing else that changes `running`: a
//! local commit or one of another client is none. What tells is the file in which it keeps `running`, which
//! each commit writes equally often (twice, with 1.8.0). Where that is seen to be written with the daemon's own
//! commits, the books hold until somebody else has written it; where it is not, every commit reads them anew.

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use confine_backend::{ControllerTransaction, TransactionOutcome};
use confine_view::{CreatedObject, InstanceRef, OwnerIndex};

use crate::controller::running_file::RunningFileWatch;

/// The books.
#[derive(Debug, Default)]
pub(crate) struct OwnerIndexCache(Mutex<CacheState>);

#[derive(Debug, Default)]
struct CacheState {
    known: Option<CachedOwners>,
    file: Option<RunningFileWatch>,
    /// How often a commit writes the file: the fewest writes that came with one of ours. None where it was
    /// not seen to be written with the last one that must have done so.
    each: Option<u64>,
    /// What the commit that was answered last changes, once it is through.
    pending: Option<PendingOwnerChange>,
}

/// What was read of `running`.
#[derive(Debug)]
struct CachedOwners {
    owners: Arc<OwnerIndex>,
    /// How often its file had been written then; none where somebody may have changed it since.
    writes: Option<u64>,
}

/// What a commit changes in the books.
#[derive(Debug)]
pub(crate) struct PendingOwnerChange {
    pub(crate) tid: u64,
    /// Whether the devices get it, and so `running` does.
    pub(crate) push: bool,
    /// Whether anything was written, so that `running` changes.
    pub(crate) edited: bool,
    /// The new list of each instance that ran; empty for one that is gone.
    pub(crate) created: Vec<(InstanceRef, Vec<CreatedObject>)>,
}

impl OwnerIndexCache {
    /// There is another controller, or the same one after who knows what. It keeps `running` in this file.
    pub(crate) fn begin(&self, file: Option<&Path>) {
        let watch = |path: &Path| {
            RunningFileWatch::watch(path)
                .inspect_err(|error| {
                    tracing::warn!(file = %path.display(), %error, "the file of `running` cannot be watched: each commit reads who owns what");
                })
                .ok()
        };
        *self.lock() = CacheState { file: file.and_then(watch), ..CacheState::default() };
    }

    /// How often `running` was written until now, where that is known.
    pub(crate) fn writes(&self) -> Option<u64> {
        self.lock().writes()
    }

    /// Who owns what, if that is known to be true.
    pub(crate) fn owners(&self) -> Option<Arc<OwnerIndex>> {
        let mut state = self.lock();
        if !state.is_current() {
            return None;
        }
        state.known.as_ref().map(|known| known.owners.clone())
    }

    /// Whether it is time to read them while there is nothing else to do: a commit would not have to. Not
    /// while one is on its way to the devices, which may have been written to `running` already.
    pub(crate) fn want_reading(&self) -> bool {
        let mut state = self.lock();
        state.pending.is_none() && (state.known.is_none() || state.each.is_some() && !state.is_current())
    }

    /// Takes what was read of `running` when its file had been written so often.
    pub(crate) fn keep(&self, owners: Arc<OwnerIndex>, writes: Option<u64>) {
        self.lock().known = Some(CachedOwners { owners, writes });
    }

    /// Whether `running` was written since a commit of ours began, when its file had been so often.
    pub(crate) fn outdated(&self, then: Option<u64>) -> bool {
        let mut state = self.lock();
        state.each.is_some() && state.writes() != then
    }

    /// There are other modules, so there are other lists to know the owners of.
    pub(crate) fn forget(&self) {
        let mut state = self.lock();
        (state.known, state.pending) = (None, None);
    }

    /// A commit was answered with "done": this is what it changes once it is through.
    pub(crate) fn expect(&self, pending: PendingOwnerChange) {
        self.lock().pending = Some(pending);
    }

    /// A transaction is over. Returns whether it was the one of [`expect`](Self::expect) and has succeeded.
    pub(crate) fn transaction_over(&self, over: &ControllerTransaction) -> bool {
        let mut state = self.lock();
        let ours = state.pending.take().filter(|ours| ours.tid == over.tid);
        let Some(ours) = ours.filter(|ours| ours.push && over.result == TransactionOutcome::Success) else {
            // What it has changed in `running`, a failure among them, the file tells.
            return false;
        };
        let now = state.writes();
        let CacheState { known: Some(known), each, .. } = &mut *state else { return true };
        let ours_writes = now.zip(known.writes).map(|(now, then)| now.saturating_sub(then));
        match ours_writes {
            Some(0) | None if ours.edited => {
                if each.take().is_some() {
                    let how =
                        if now.is_some() { "was not written with a commit" } else { "is watched no more" };
                    tracing::warn!(
                        tid = over.tid,
                        "the file of `running` {how}: the controller keeps it elsewhere, and each commit reads who owns what"
                    );
                }
            }
            Some(0) | None => {}
            Some(writes) => {
                // If it was written more often, somebody else has written it before this was heard of.
                known.writes = now.filter(|_| *each == Some(writes));
                *each = Some(each.map_or(writes, |each| each.min(writes)));
            }
        }
        let owners = Arc::make_mut(&mut known.owners);
        for (instance, created) in ours.created {
            owners.replace(&instance, created);
        }
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

    /// Whether nobody has changed `running` since it was read.
    fn is_current(&mut self) -> bool {
        let now = self.writes();
        let known = self.known.as_ref().and_then(|known| known.writes);
        self.each.is_some() && known.is_some() && known == now
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use super::*;

    /// Books, and the file of `running`, which each commit writes twice.
    struct Play {
        books: OwnerIndexCache,
        file: PathBuf,
        _directory: tempfile::TempDir,
    }

    impl Play {
        /// As after the first reading.
        fn begin() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let file = directory.path().join("running_db");
            fs::write(&file, "").unwrap();
            let play = Self { books: OwnerIndexCache::default(), file, _directory: directory };
            play.books.begin(Some(&play.file));
            play.read();
            play
        }

        /// As after the first commit of ours, and a reading.
        fn believed() -> Self {
            let play = Self::begin();
            play.commit(1);
            play.read();
            assert!(play.is_known());
            play
        }

        fn write(&self) {
            for _ in 0..2 {
                fs::write(&self.file, "").unwrap();
            }
        }

        fn read(&self) {
            let writes = self.books.writes();
            self.books.keep(Arc::default(), writes);
        }

        fn is_known(&self) -> bool {
            self.books.owners().is_some()
        }

        fn wants_reading(&self) -> bool {
            self.books.want_reading()
        }

        /// A commit of ours is answered.
        fn answer(&self, tid: u64, push: bool, edited: bool) {
            self.books.expect(PendingOwnerChange { tid, push, edited, created: Vec::new() });
        }

        fn over(&self, tid: u64, result: TransactionOutcome) {
            let over = ControllerTransaction { tid, username: None, result, origin: None, reason: None };
            self.books.transaction_over(&over);
        }

        /// A commit of ours that succeeds.
        fn commit(&self, tid: u64) {
            self.answer(tid, true, true);
            self.write();
            self.over(tid, TransactionOutcome::Success);
        }
    }

    #[test]
    fn the_file_is_believed_once_it_was_written_with_a_commit() {
        let play = Play::begin();
        assert!(!play.is_known() && !play.wants_reading());
        // Whether that was all of the commit's own is not known yet.
        play.commit(1);
        assert!(!play.is_known() && play.wants_reading());
        play.read();
        assert!(play.is_known() && !play.wants_reading());
        play.commit(2);
        assert!(play.is_known() && !play.wants_reading());
        // Somebody else.
        play.write();
        assert!(!play.is_known() && play.wants_reading());
        play.read();
        assert!(play.is_known() && !play.wants_reading());
        play.books.forget();
        assert!(!play.is_known() && play.wants_reading());
        play.books.begin(Some(&play.file));
        play.read();
        assert!(!play.is_known());
        play.books.begin(None);
        play.commit(3);
        play.read();
        assert!(!play.is_known() && !play.wants_reading());
    }

    #[test]
    fn what_is_on_its_way_is_not_taken_for_somebody_elses() {
        let play = Play::believed();
        play.answer(2, true, true);
        // The backend writes it before the devices have committed.
        play.write();
        assert!(!play.wants_reading());
        play.over(2, TransactionOutcome::Success);
        assert!(play.is_known());
    }

    #[test]
    fn who_writes_before_the_end_of_a_commit_is_heard_of_is_seen() {
        let play = Play::believed();
        play.answer(2, true, true);
        play.write();
        play.write();
        play.over(2, TransactionOutcome::Success);
        assert!(!play.is_known() && play.wants_reading());
        play.read();
        play.commit(3);
        assert!(play.is_known());

        // Even with the first, by which it is learnt how often that is.
        let play = Play::begin();
        play.answer(1, true, true);
        play.write();
        play.write();
        play.over(1, TransactionOutcome::Success);
        play.read();
        play.commit(2);
        play.read();
        play.answer(3, true, true);
        play.write();
        play.write();
        play.over(3, TransactionOutcome::Success);
        assert!(!play.is_known());
    }

    #[test]
    fn a_commit_that_failed_leaves_the_books_if_it_left_running() {
        let play = Play::believed();
        play.answer(2, true, true);
        play.over(2, TransactionOutcome::Failed);
        assert!(play.is_known());
        play.answer(3, true, true);
        play.write();
        play.over(3, TransactionOutcome::Failed);
        assert!(!play.is_known() && play.wants_reading());
        play.read();
        play.answer(4, false, true);
        play.over(4, TransactionOutcome::Success);
        assert!(play.is_known());
        // Another's, after whose end nothing of ours is expected any more.
        play.answer(5, true, true);
        play.over(6, TransactionOutcome::Success);
        assert!(play.books.lock().pending.is_none());
    }

    #[test]
    fn nothing_is_kept_of_a_transaction_that_is_over() {
        let play = Play::believed();
        for (tid, result) in
            (2..).zip([TransactionOutcome::Success, TransactionOutcome::Failed, TransactionOutcome::Error])
        {
            play.answer(tid, true, true);
            assert!(play.books.lock().pending.is_some());
            play.over(tid, result);
            assert!(play.books.lock().pending.is_none());
        }
    }

    #[test]
    fn a_file_that_a_commit_did_not_write_is_believed_no_more() {
        let play = Play::believed();
        play.answer(2, true, false);
        play.over(2, TransactionOutcome::Success);
        // It need not have been written for nothing.
        assert!(play.is_known());
        play.answer(3, true, true);
        play.over(3, TransactionOutcome::Success);
        assert!(!play.is_known() && !play.wants_reading());

        let play = Play::believed();
        fs::remove_file(&play.file).unwrap();
        play.answer(2, true, true);
        play.over(2, TransactionOutcome::Success);
        assert!(!play.is_known());
    }

    #[test]
    fn what_changed_while_it_was_read_or_worked_with_is_outdated() {
        let play = Play::believed();
        let before = play.books.writes();
        assert!(!play.books.outdated(before));
        play.write();
        assert!(play.books.outdated(before));
        play.books.keep(Arc::default(), before);
        assert!(!play.is_known());
        play.books.begin(Some(&play.file));
        assert!(!play.books.outdated(before));
    }
}
