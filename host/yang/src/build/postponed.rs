//! What is left to do inside operations and notifications while data nodes are built.

use crate::{link::ModuleId, node_arena::SchemaNodeId, statement::StatementRef};

/// What all nodes of one expansion have in common.
#[derive(Clone, Copy)]
pub(super) struct ExpansionContext {
    /// The module whose namespace the nodes get: that of the `uses` (RFC 7950, section 7.13).
    pub(super) module: ModuleId,
    pub(super) depth: usize,
}

impl ExpansionContext {
    pub(super) fn deeper(self) -> Self {
        Self { depth: self.depth + 1, ..self }
    }
}

/// Something to do inside an operation or a notification.
pub(super) enum Postponed<'a> {
    /// Build the children that a statement defines.
    Children(SchemaNodeId, StatementRef<'a>, ExpansionContext),
    /// Apply a refinement whose path begins at a node.
    Refine(SchemaNodeId, StatementRef<'a>, ExpansionContext),
    /// Apply an augment whose path begins at a node.
    Augment(SchemaNodeId, StatementRef<'a>, ExpansionContext),
    Deviation(StatementRef<'a>),
}

/// The node that a path leads to.
pub(super) enum TargetNode {
    Found(SchemaNodeId),
    /// It is an operation or a notification that is not built yet, or inside one.
    InOperation,
    /// None: the problem is reported.
    None,
}
