//! The source of a view's data.

use std::{future::Future, pin::Pin};

use confine_tree::{Pattern, Tree};

use crate::SourceError;

/// The future of [`Source::fetch`], boxed so that a source can be a trait object.
pub type Fetch<'a> = Pin<Box<dyn Future<Output = Result<Tree, SourceError>> + Send + 'a>>;

/// The datastore that a commit works on, as the committing user may read it.
pub trait Source: Send + Sync {
    /// Reads everything that any of these patterns matches in one request: the nodes with their subtrees, and
    /// their ancestors with their keys. Nodes that do not exist or may not be read are missing without an error.
    /// The result may have more nodes.
    fn fetch<'a>(&'a self, wanted: &'a [Pattern]) -> Fetch<'a>;
}
