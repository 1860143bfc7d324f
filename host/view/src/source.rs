//! Where a view's data comes from.

use std::{future::Future, pin::Pin};

use confine_tree::{Pattern, Tree};

use crate::SourceError;

/// What [`Source::fetch`] gives: boxed, so that a source can be a trait object.
pub type Fetch<'a> = Pin<Box<dyn Future<Output = Result<Tree, SourceError>> + Send + 'a>>;

/// The datastore that a commit works on, as the user who commits may read it.
pub trait Source: Send + Sync {
    /// Reads everything that any of these patterns matches, with all that is below and the ancestors
    /// with their keys, in one request. What is not there, or may not be read, is missing from the
    /// answer without an error. More than was asked for does no harm.
    fn fetch<'a>(&'a self, wanted: &'a [Pattern]) -> Fetch<'a>;
}
