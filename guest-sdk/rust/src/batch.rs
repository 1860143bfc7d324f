//! Batches: many edits in one call of the host.

use std::fmt;

use crate::{Path, Result, View, bindings::confine::service::types::Edit, error::from_host};

/// Edits that [`send`](Self::send) makes together: all of them, or none if one fails.
///
/// A batch pays off from hundreds of edits on. For a few, [`View::set`] reads better and costs the same.
///
/// ```no_run
/// # use confine_sdk::prelude::*;
/// # fn apply(view: &View) -> Result<()> {
/// let mut edits = view.batch();
/// for vlan in 1..=4094 {
///     edits.set(path!("vlans/vlan[vlan-id={}]/config/name", vlan), format_args!("customer {vlan}"));
/// }
/// edits.send()
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a batch edits nothing until `send`"]
pub struct Batch<'a> {
    view: &'a View,
    edits: Vec<Edit>,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(view: &'a View) -> Self {
        Self { view, edits: Vec::new() }
    }

    /// Adds an edit as by [`View::set`].
    pub fn set(&mut self, path: impl AsRef<str>, value: impl fmt::Display) -> &mut Self {
        self.add("set", path, Some(value.to_string()))
    }

    /// Adds an edit as by [`View::create`].
    pub fn create(&mut self, path: impl AsRef<str>) -> &mut Self {
        self.add("create", path, None)
    }

    /// Adds an edit as by [`View::remove`].
    pub fn remove(&mut self, path: impl AsRef<str>) -> &mut Self {
        self.add("remove", path, None)
    }

    /// Makes the edits in the order in which they were added.
    ///
    /// # Errors
    /// Fails with the error of the first edit that the host refuses. The error has the path of that edit.
    pub fn send(self) -> Result<()> {
        self.view.host().edit(&self.edits).map_err(from_host)
    }

    fn add(&mut self, operation: &str, path: impl AsRef<str>, value: Option<String>) -> &mut Self {
        let path = Path::to_string(&self.view.path().join(path));
        self.edits.push(Edit { operation: operation.to_owned(), path, value, options: Vec::new() });
        self
    }
}
