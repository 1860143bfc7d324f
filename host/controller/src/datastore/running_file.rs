//! The file that holds `running`.

use std::path::PathBuf;
use std::sync::Arc;

use confine_tree::Tree;

use crate::datastore::trees;
use crate::error::Error;

/// The file that the datastore `running` is written to on each change, as the real controller does, so that
/// other processes notice the change.
pub(crate) struct RunningDatastoreFile {
    path: PathBuf,
    /// The content of the file.
    tree: Arc<Tree>,
}

impl RunningDatastoreFile {
    /// Writes the file for the first time.
    pub(crate) fn create(path: PathBuf, running: &Arc<Tree>) -> Result<Self, Error> {
        let file = Self { path, tree: running.clone() };
        file.write()?;
        Ok(file)
    }

    /// Writes the file again if `running` has changed.
    pub(crate) fn update(&mut self, running: &Arc<Tree>) {
        if Arc::ptr_eq(&self.tree, running) {
            return;
        }
        self.tree = running.clone();
        if let Err(error) = self.write() {
            tracing::error!(%error, file = %self.path.display(), "cannot write `running` to its file");
        }
    }

    fn write(&self) -> Result<(), Error> {
        let config = format!("<config>{}</config>", trees::to_xml(&self.tree, Tree::ROOT)?);
        let failed = |source| Error::RunningFile { file: self.path.clone(), source };
        std::fs::write(&self.path, config).map_err(failed)
    }
}
