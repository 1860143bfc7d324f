//! The datastores and who has locked them.

pub(crate) mod defaults;
pub(crate) mod edit;
mod insert;
pub(crate) mod running_file;
pub(crate) mod trees;
pub(crate) mod validate;

use std::fmt;
use std::sync::Arc;

use confine_tree::Tree;

/// A datastore of the controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatastoreName {
    /// The configuration of the controller, and of the devices as the controller knows it.
    Running,
    /// The datastore that users edit.
    Candidate,
    /// The datastore that the services daemon edits during a transaction. It keeps its content afterwards.
    Actions,
}

impl fmt::Display for DatastoreName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Candidate => "candidate",
            Self::Actions => "actions",
        })
    }
}

impl DatastoreName {
    /// Returns the datastore of this name, with or without a prefix (`ds:running`).
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let name = name.rsplit_once(':').map_or(name, |(_, name)| name);
        [Self::Running, Self::Candidate, Self::Actions]
            .into_iter()
            .find(|datastore| datastore.to_string() == name)
    }
}

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

    fn store(&self, datastore: DatastoreName) -> &DatastoreContent {
        match datastore {
            DatastoreName::Running => &self.running,
            DatastoreName::Candidate => &self.candidate,
            DatastoreName::Actions => &self.actions,
        }
    }

    fn store_mut(&mut self, datastore: DatastoreName) -> &mut DatastoreContent {
        match datastore {
            DatastoreName::Running => &mut self.running,
            DatastoreName::Candidate => &mut self.candidate,
            DatastoreName::Actions => &mut self.actions,
        }
    }

    pub(crate) fn tree(&self, datastore: DatastoreName) -> &Arc<Tree> {
        &self.store(datastore).tree
    }

    pub(crate) fn replace(&mut self, datastore: DatastoreName, tree: Tree) {
        self.store_mut(datastore).tree = Arc::new(tree);
    }

    pub(crate) fn copy(&mut self, from: DatastoreName, to: DatastoreName) {
        self.store_mut(to).tree = Arc::clone(&self.store(from).tree);
    }

    /// Copies the candidate to `running`.
    pub(crate) fn commit(&mut self) {
        self.copy(DatastoreName::Candidate, DatastoreName::Running);
        self.is_candidate_modified = false;
    }

    /// Copies `running` to the candidate.
    pub(crate) fn discard(&mut self) {
        self.copy(DatastoreName::Running, DatastoreName::Candidate);
        self.is_candidate_modified = false;
    }

    /// Returns the session that has locked the datastore.
    pub(crate) fn lock_holder(&self, datastore: DatastoreName) -> Option<u32> {
        self.store(datastore).lock
    }

    /// Returns the session other than `session` that has locked the datastore.
    pub(crate) fn other_lock_holder(&self, datastore: DatastoreName, session: u32) -> Option<u32> {
        self.lock_holder(datastore).filter(|&holder| holder != session)
    }

    pub(crate) fn lock(&mut self, datastore: DatastoreName, session: u32) {
        self.store_mut(datastore).lock = Some(session);
    }

    pub(crate) fn unlock(&mut self, datastore: DatastoreName) {
        self.store_mut(datastore).lock = None;
    }

    /// Releases all locks of a session.
    pub(crate) fn release_locks(&mut self, session: u32) {
        for datastore in [DatastoreName::Running, DatastoreName::Candidate, DatastoreName::Actions] {
            if self.lock_holder(datastore) == Some(session) {
                self.unlock(datastore);
            }
        }
    }
}
