//! The view that one call of a module is handed.

use std::sync::Arc;

use confine_tree::PrefixMap;

use crate::{Draft, Error, InstanceRef, Meter, Refusal, Scope, Tag};

/// One node of a subtree, as [`View::read`] returns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// 0 for the node that was asked for, 1 for its children, and so on.
    pub depth: u32,
    /// The name without a prefix.
    pub name: String,
    /// The namespace where it is not the parent's. Always there at depth 0.
    pub namespace: Option<String>,
    /// The value of a leaf or a leaf-list entry; none for a node that has children.
    pub value: Option<String>,
}

/// One edit of a batch, as [`View::edit`] takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// `set`, `create` or `remove`.
    pub operation: String,
    /// What to edit.
    pub path: String,
    /// The value to `set`.
    pub value: Option<String>,
}

/// What one module sees and does during one call: the methods are those of the contract, and mean what
/// it says.
pub struct View {
    draft: Draft,
    scope: Arc<Scope>,
    instance: InstanceRef,
    prefixes: Arc<PrefixMap>,
    meter: Meter,
    read_only: bool,
}

impl View {
    /// The view of `instance` on a draft, for a module that may do what `scope` says and whose paths use
    /// `prefixes`.
    pub fn new(
        draft: Draft,
        scope: Arc<Scope>,
        instance: InstanceRef,
        prefixes: Arc<PrefixMap>,
        meter: Meter,
    ) -> Self {
        Self { draft, scope, instance, prefixes, meter, read_only: false }
    }

    /// A view that reads and does not write, as hooks are handed.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// The draft, with what was done, and the meter.
    pub fn into_parts(self) -> (Draft, Meter) {
        (self.draft, self.meter)
    }

    /// The value of a leaf; none where there is no such node.
    pub async fn get(&mut self, path: &str) -> Result<Option<String>, Error> {
        Err(self.later(path))
    }

    /// Whether at least one node matches.
    pub async fn exists(&mut self, path: &str) -> Result<bool, Error> {
        Err(self.later(path))
    }

    /// The paths of all nodes that match, in document order, each with its keys filled in.
    pub async fn find(&mut self, path: &str) -> Result<Vec<String>, Error> {
        Err(self.later(path))
    }

    /// The subtrees of all nodes that match, in document order.
    pub async fn read(&mut self, path: &str) -> Result<Vec<Node>, Error> {
        Err(self.later(path))
    }

    /// The same as XML.
    pub async fn read_xml(&mut self, path: &str) -> Result<String, Error> {
        Err(self.later(path))
    }

    /// Sets a leaf; creates what is missing above it.
    pub async fn set(&mut self, path: &str, _value: &str) -> Result<(), Error> {
        Err(self.later(path))
    }

    /// Makes a presence container, an empty leaf, or a list entry with its keys.
    pub async fn create(&mut self, path: &str) -> Result<(), Error> {
        Err(self.later(path))
    }

    /// Takes away every node that matches, with all below it.
    pub async fn remove(&mut self, path: &str) -> Result<(), Error> {
        Err(self.later(path))
    }

    /// Many edits: all of them or, after an error, none.
    pub async fn edit(&mut self, edits: &[Edit]) -> Result<(), Error> {
        Err(self.later(edits.first().map_or("", |edit| &edit.path)))
    }

    /// An edit-config fragment: all of it or, after an error, none.
    pub async fn edit_xml(&mut self, config: &str) -> Result<(), Error> {
        Err(self.later(config))
    }

    fn later(&self, path: &str) -> Error {
        let _ = (&self.scope, &self.instance, &self.prefixes, self.read_only);
        Refusal::new(Tag::OperationNotSupported, "not offered yet").at(path).into()
    }
}
