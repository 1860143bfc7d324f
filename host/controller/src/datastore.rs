//! The datastores and who has locked them.

use std::fmt;
use std::sync::Arc;

use confine_tree::Tree;

/// A datastore of the controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatastoreName {
    /// What the controller has, and believes that the devices have.
    Running,
    /// What users edit.
    Candidate,
    /// What the services daemon edits during a transaction. It outlives the transaction.
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
    /// The datastore of this name, without a prefix or with one (`ds:running`).
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let name = name.rsplit_once(':').map_or(name, |(_, name)| name);
        [Self::Running, Self::Candidate, Self::Actions].into_iter().find(|known| known.to_string() == name)
    }
}

/// One datastore. Copying one to another shares the tree until either is edited.
#[derive(Debug, Default)]
struct DatastoreContent {
    tree: Arc<Tree>,
    /// The session that has locked it.
    lock: Option<u32>,
}

/// All datastores.
#[derive(Debug, Default)]
pub(crate) struct Datastores {
    running: DatastoreContent,
    candidate: DatastoreContent,
    actions: DatastoreContent,
    /// Whether the candidate has edits that were neither committed nor discarded.
    pub(crate) modified: bool,
}

impl Datastores {
    /// All three with the same content.
    pub(crate) fn new(tree: Tree) -> Self {
        let tree = Arc::new(tree);
        let store = || DatastoreContent { tree: Arc::clone(&tree), lock: None };
        Self { running: store(), candidate: store(), actions: store(), modified: false }
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

    /// Makes the candidate what is running.
    pub(crate) fn commit(&mut self) {
        self.copy(DatastoreName::Candidate, DatastoreName::Running);
        self.modified = false;
    }

    /// Makes what is running the candidate.
    pub(crate) fn discard(&mut self) {
        self.copy(DatastoreName::Running, DatastoreName::Candidate);
        self.modified = false;
    }

    /// The session that has locked the datastore.
    pub(crate) fn holder(&self, datastore: DatastoreName) -> Option<u32> {
        self.store(datastore).lock
    }

    /// The session other than `session` that has locked the datastore.
    pub(crate) fn other_holder(&self, datastore: DatastoreName, session: u32) -> Option<u32> {
        self.holder(datastore).filter(|&holder| holder != session)
    }

    pub(crate) fn lock(&mut self, datastore: DatastoreName, session: u32) {
        self.store_mut(datastore).lock = Some(session);
    }

    pub(crate) fn unlock(&mut self, datastore: DatastoreName) {
        self.store_mut(datastore).lock = None;
    }

    /// Releases all that a session has locked.
    pub(crate) fn release(&mut self, session: u32) {
        for datastore in [DatastoreName::Running, DatastoreName::Candidate, DatastoreName::Actions] {
            if self.holder(datastore) == Some(session) {
                self.unlock(datastore);
            }
        }
    }
}
