//! The datastores and who has locked them.

pub(crate) mod defaults;
pub(crate) mod edit;
mod insert;
pub(crate) mod running_file;
pub(crate) mod trees;
pub(crate) mod validate;

use std::sync::Arc;

use confine_netconf::Datastore;
use confine_tree::Tree;

/// One datastore. Copying one to another shares the tree until either is edited.
#[derive(Debug, Default)]
struct DatastoreContent {
    tree: Arc<Tree>,
    /// The session that holds the lock.
    lock: Option<u32>,
}

/// All datastores.
#[derive(Debug, Default)]
pub(crate) struct Datastores {
    running: DatastoreContent,
    candidate: DatastoreContent,
    actions: DatastoreContent,
    /// Whether the candidate has edits that were neither committed nor discarded.
    pub(crate) is_candidate_modified: bool,
}

impl Datastores {
    /// Returns all three datastores with the same content.
    pub(crate) fn new(tree: Tree) -> Self {
        let tree = Arc::new(tree);
        let store = || DatastoreContent { tree: Arc::clone(&tree), lock: None };
        Self { running: store(), candidate: store(), actions: store(), is_candidate_modified: false }
    }

    fn store(&self, datastore: Datastore) -> &DatastoreContent {
        match datastore {
            Datastore::Running => &self.running,
            Datastore::Candidate => &self.candidate,
            Datastore::Actions => &self.actions,
        }
    }

    fn store_mut(&mut self, datastore: Datastore) -> &mut DatastoreContent {
        match datastore {
            Datastore::Running => &mut self.running,
            Datastore::Candidate => &mut self.candidate,
            Datastore::Actions => &mut self.actions,
        }
    }

    pub(crate) fn tree(&self, datastore: Datastore) -> &Arc<Tree> {
        &self.store(datastore).tree
    }

    pub(crate) fn replace(&mut self, datastore: Datastore, tree: Tree) {
        self.store_mut(datastore).tree = Arc::new(tree);
    }

    pub(crate) fn copy(&mut self, from: Datastore, to: Datastore) {
        self.store_mut(to).tree = Arc::clone(&self.store(from).tree);
    }

    /// Copies the candidate to `running`.
    pub(crate) fn commit(&mut self) {
        self.copy(Datastore::Candidate, Datastore::Running);
        self.is_candidate_modified = false;
    }

    /// Copies `running` to the candidate.
    pub(crate) fn discard(&mut self) {
        self.copy(Datastore::Running, Datastore::Candidate);
        self.is_candidate_modified = false;
    }

    /// Returns the session that has locked the datastore.
    pub(crate) fn lock_holder(&self, datastore: Datastore) -> Option<u32> {
        self.store(datastore).lock
    }

    /// Returns the session other than `session` that has locked the datastore.
    pub(crate) fn other_lock_holder(&self, datastore: Datastore, session: u32) -> Option<u32> {
        self.lock_holder(datastore).filter(|&holder| holder != session)
    }

    pub(crate) fn lock(&mut self, datastore: Datastore, session: u32) {
        self.store_mut(datastore).lock = Some(session);
    }

    pub(crate) fn unlock(&mut self, datastore: Datastore) {
        self.store_mut(datastore).lock = None;
    }

    /// Releases all locks of a session.
    pub(crate) fn release_locks(&mut self, session: u32) {
        for datastore in [Datastore::Running, Datastore::Candidate, Datastore::Actions] {
            if self.lock_holder(datastore) == Some(session) {
                self.unlock(datastore);
            }
        }
    }
}
