//! Who owns what, kept from one commit to the next for as long as it is true.
//!
//! The backend tells the daemon of its own transactions, and of nothing else that changes `running`: a
//! local commit or one of another client is none. What tells is the file in which it keeps `running`. Where
//! that is seen to be written with the daemon's own commits, the books hold until it is written by somebody
//! else; where it is not, every commit reads them anew.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use confine_backend::{ControllerTransaction, Outcome, Stamp};
use confine_view::{Created, InstanceRef, Owners};

/// The books.
#[derive(Debug, Default)]
pub(crate) struct Books(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    known: Option<Known>,
    /// Whether the file was written with the last commit that must have written it.
    file_tells: bool,
    /// What the commit that was answered last changes, once it is through.
    pending: Option<Pending>,
}

/// What was read of `running`.
#[derive(Debug)]
struct Known {
    owners: Arc<Owners>,
    /// What its file was like then; none where it was written meanwhile, or could not be seen.
    stamp: Option<Stamp>,
}

/// What a commit changes in the books.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) tid: u64,
    /// Whether the devices get it, and so `running` does.
    pub(crate) push: bool,
    /// Whether anything was written, so that `running` changes.
    pub(crate) edited: bool,
    /// The new list of each instance that ran; empty for one that is gone.
    pub(crate) created: Vec<(InstanceRef, Vec<Created>)>,
}

impl Books {
    /// Who owns what, if that is known to be true: the file is like this now.
    pub(crate) fn owners(&self, now: Option<Stamp>) -> Option<Arc<Owners>> {
        let state = self.lock();
        let known = state.known.as_ref().filter(|known| state.file_tells && known.is_of(now))?;
        Some(known.owners.clone())
    }

    /// Whether it is time to read them while there is nothing else to do: a commit would not have to. Not
    /// while one is on its way to the devices, which may have been written to `running` already.
    pub(crate) fn want_reading(&self, now: Option<Stamp>) -> bool {
        let State { known, file_tells, pending } = &*self.lock();
        pending.is_none() && known.as_ref().is_none_or(|known| *file_tells && !known.is_of(now))
    }

    /// Takes what was read of `running`, with the stamps of before and after.
    pub(crate) fn keep(&self, owners: Arc<Owners>, before: Option<Stamp>, after: Option<Stamp>) {
        self.lock().known = Some(Known { owners, stamp: after.filter(|_| before == after) });
    }

    /// Whether `running` was written since a commit of ours began, when its file was like `then`.
    pub(crate) fn outdated(&self, then: Option<Stamp>, now: Option<Stamp>) -> bool {
        self.lock().file_tells && then != now
    }

    /// There are other modules, so there are other lists to know the owners of.
    pub(crate) fn forget(&self) {
        let mut state = self.lock();
        (state.known, state.pending) = (None, None);
    }

    /// There is another controller, or the same one after who knows what.
    pub(crate) fn begin(&self) {
        *self.lock() = State::default();
    }

    /// A commit was answered with "done": this is what it changes once it is through.
    pub(crate) fn expect(&self, pending: Pending) {
        self.lock().pending = Some(pending);
    }

    /// A transaction is over. Returns whether it was the one of [`expect`](Self::expect) and has succeeded.
    pub(crate) fn transaction_over(&self, over: &ControllerTransaction, now: Option<Stamp>) -> bool {
        let mut state = self.lock();
        let State { known, file_tells, pending } = &mut *state;
        let ours = pending.take_if(|pending| pending.tid == over.tid);
        let Some(ours) = ours.filter(|ours| ours.push && over.result == Outcome::Success) else {
            // What it has changed in `running`, a failure among them, the file tells.
            *pending = None;
            return false;
        };
        let Some(known) = known else { return true };
        let written = now.is_some() && !known.is_of(now);
        if ours.edited {
            if *file_tells && !written {
                tracing::warn!(
                    tid = over.tid,
                    "the file of `running` that the settings name was not written with a commit: the controller keeps it elsewhere, and each commit reads who owns what"
                );
            }
            *file_tells = written;
        }
        let owners = Arc::make_mut(&mut known.owners);
        for (instance, created) in ours.created {
            owners.replace(&instance, created);
        }
        known.stamp = now;
        true
    }

    /// Whether a transaction is still to be heard of.
    pub(crate) fn is_pending(&self) -> bool {
        self.lock().pending.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn is_of(&self, now: Option<Stamp>) -> bool {
        self.stamp.is_some() && self.stamp == now
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use super::*;

    /// Books, and the file of `running`.
    struct Play {
        books: Books,
        file: PathBuf,
        writes: usize,
        _directory: tempfile::TempDir,
    }

    impl Play {
        /// As after the first reading.
        fn begin() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let file = directory.path().join("running_db");
            let mut play = Self { books: Books::default(), file, writes: 0, _directory: directory };
            play.write();
            play.read();
            play
        }

        fn now(&self) -> Option<Stamp> {
            Stamp::of(&self.file).ok()
        }

        fn write(&mut self) {
            self.writes += 1;
            fs::write(&self.file, " ".repeat(self.writes)).unwrap();
        }

        fn read(&self) {
            self.books.keep(Arc::default(), self.now(), self.now());
        }

        fn is_known(&self) -> bool {
            self.books.owners(self.now()).is_some()
        }

        fn wants_reading(&self) -> bool {
            self.books.want_reading(self.now())
        }

        /// A commit of ours is answered.
        fn answer(&self, tid: u64, push: bool, edited: bool) {
            self.books.expect(Pending { tid, push, edited, created: Vec::new() });
        }

        fn over(&self, tid: u64, result: Outcome) {
            let over = ControllerTransaction { tid, username: None, result, origin: None, reason: None };
            self.books.transaction_over(&over, self.now());
        }

        /// A commit of ours that succeeds.
        fn commit(&mut self, tid: u64) {
            self.answer(tid, true, true);
            self.write();
            self.over(tid, Outcome::Success);
        }
    }

    #[test]
    fn the_file_is_believed_once_it_was_written_with_a_commit() {
        let mut play = Play::begin();
        assert!(!play.is_known() && !play.wants_reading());
        play.commit(1);
        assert!(play.is_known() && !play.wants_reading());
        // Somebody else.
        play.write();
        assert!(!play.is_known() && play.wants_reading());
        play.read();
        assert!(play.is_known() && !play.wants_reading());
        play.books.forget();
        assert!(!play.is_known() && play.wants_reading());
        play.books.begin();
        play.read();
        assert!(!play.is_known());
    }

    #[test]
    fn what_is_on_its_way_is_not_taken_for_somebody_elses() {
        let mut play = Play::begin();
        play.commit(1);
        play.answer(2, true, true);
        // The backend writes it before the devices have committed.
        play.write();
        assert!(!play.wants_reading());
        play.over(2, Outcome::Success);
        assert!(play.is_known());
    }

    #[test]
    fn a_commit_that_failed_leaves_the_books_if_it_left_running() {
        let mut play = Play::begin();
        play.commit(1);
        play.answer(2, true, true);
        play.over(2, Outcome::Failed);
        assert!(play.is_known());
        play.answer(3, true, true);
        play.write();
        play.over(3, Outcome::Failed);
        assert!(!play.is_known() && play.wants_reading());
        play.read();
        play.answer(4, false, true);
        play.over(4, Outcome::Success);
        assert!(play.is_known());
        // Another's, after whose end nothing of ours is expected any more.
        play.answer(5, true, true);
        play.over(6, Outcome::Success);
        assert!(!play.books.is_pending());
    }

    #[test]
    fn a_file_that_a_commit_did_not_write_is_believed_no_more() {
        let mut play = Play::begin();
        play.commit(1);
        play.answer(2, true, false);
        play.over(2, Outcome::Success);
        // It need not have been written for nothing.
        assert!(play.is_known());
        play.answer(3, true, true);
        play.over(3, Outcome::Success);
        assert!(!play.is_known());
        fs::remove_file(&play.file).unwrap();
        play.answer(4, true, true);
        play.over(4, Outcome::Success);
        assert!(!play.is_known());
    }

    #[test]
    fn what_changed_while_it_was_read_or_worked_with_is_outdated() {
        let mut play = Play::begin();
        play.commit(1);
        let before = play.now();
        assert!(!play.books.outdated(before, play.now()));
        play.write();
        assert!(play.books.outdated(before, play.now()));
        play.books.keep(Arc::default(), before, play.now());
        assert!(!play.is_known());
        play.books.begin();
        assert!(!play.books.outdated(before, play.now()));
    }
}
