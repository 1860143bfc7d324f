//! Which nodes are in the choices of a parent.

use crate::{HashMap, NodeId, SchemaNode};

/// What is in the choices of one parent: for each choice, every node that is in it, with its case.
pub(super) type ChoiceMembers<T> = HashMap<SchemaNode, Vec<(SchemaNode, T)>>;

/// The nodes in the choices of those parents that were looked at.
pub(super) type NodesInChoices = HashMap<NodeId, ChoiceMembers<NodeId>>;
