//! The one door that every request passes: may this user do that?

use confine_tree::{NodeId, QName, Tree};

use crate::refusal::{self, Refusal};

/// Who may do what. Everything is permitted unless a controller is built with something stricter.
///
/// `user` is whom a request is made for, none where it names nobody. The words of a refusal are the real
/// controller's.
pub trait AccessControl: Send {
    /// Whether the user may execute an operation such as `transaction-actions-done`.
    fn may_execute(&self, user: Option<&str>, operation: QName<'_>) -> bool {
        let _ = (user, operation);
        true
    }

    /// Whether the user sees a node and what is below it. A node that is denied reads as absent.
    fn may_read(&self, user: Option<&str>, tree: &Tree, node: NodeId) -> bool {
        let _ = (user, tree, node);
        true
    }

    /// Whether the user may make this edit of a datastore, given as the tree of `edit-config`.
    fn may_write(&self, user: Option<&str>, datastore: &Tree, edit: &Tree) -> bool {
        let _ = (user, datastore, edit);
        true
    }
}

/// All may do all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Everything;

impl AccessControl for Everything {}

/// Checks the right to execute an operation.
pub(crate) fn execute(
    access: &dyn AccessControl,
    user: Option<&str>,
    operation: QName<'_>,
) -> Result<(), Refusal> {
    // Everybody may leave (RFC 8341, section 3.4.4).
    if operation.local == "close-session" || access.may_execute(user, operation) {
        return Ok(());
    }
    Err(refusal::access_denied("access denied"))
}

/// Checks the right to make an edit.
pub(crate) fn write(
    access: &dyn AccessControl,
    user: Option<&str>,
    datastore: &Tree,
    edit: &Tree,
) -> Result<(), Refusal> {
    match access.may_write(user, datastore, edit) {
        true => Ok(()),
        false => Err(refusal::access_denied("default deny")),
    }
}

/// Takes what the user may not read out of what was read.
pub(crate) fn prune(access: &dyn AccessControl, user: Option<&str>, mut read: Tree) -> Tree {
    let mut denied = Vec::new();
    let mut todo: Vec<NodeId> = read.children(Tree::ROOT).collect();
    while let Some(node) = todo.pop() {
        match access.may_read(user, &read, node) {
            true => todo.extend(read.children(node)),
            false => denied.push(node),
        }
    }
    for node in denied {
        read.detach(node);
    }
    read
}
