//! Which nodes a filter selects.

use std::collections::HashSet;

use confine_tree::{NodeId, QName, Tree};

use super::parse::{Expression, Operand, Path, Step, Test};

/// The nodes that a path leads to from the root, in document order.
pub(crate) fn nodes(tree: &Tree, path: &Path) -> Vec<NodeId> {
    follow(tree, vec![Tree::ROOT], path)
}

fn follow(tree: &Tree, from: Vec<NodeId>, path: &Path) -> Vec<NodeId> {
    path.steps.iter().fold(from, |nodes, step| self::step(tree, &nodes, step))
}

fn step(tree: &Tree, from: &[NodeId], step: &Step) -> Vec<NodeId> {
    let mut reached = Vec::new();
    let mut seen = HashSet::new();
    for &node in from {
        let mut consider = |node: NodeId| {
            for found in tested(tree, node, &step.test) {
                if seen.insert(found) && step.predicates.iter().all(|holds| expression(tree, found, holds)) {
                    reached.push(found);
                }
            }
        };
        match step.deep {
            true => tree.descendants(node).for_each(|(node, _)| consider(node)),
            false => consider(node),
        }
    }
    reached
}

fn tested(tree: &Tree, node: NodeId, test: &Test) -> Vec<NodeId> {
    match test {
        Test::Itself => vec![node],
        Test::Parent => tree.parent(node).into_iter().collect(),
        Test::Any => tree.children(node).collect(),
        Test::Name { namespace, local } => match tree.names().get(QName::new(namespace, local)) {
            Some(name) => tree.children_named(node, name).collect(),
            None => Vec::new(),
        },
    }
}

fn expression(tree: &Tree, node: NodeId, holds: &Expression) -> bool {
    match holds {
        Expression::Or(left, right) => expression(tree, node, left) || expression(tree, node, right),
        Expression::And(left, right) => expression(tree, node, left) && expression(tree, node, right),
        Expression::Not(inner) => !expression(tree, node, inner),
        Expression::Equal(left, right) => compare(tree, node, left, right, |a, b| a == b),
        Expression::Different(left, right) => compare(tree, node, left, right, |a, b| a != b),
        Expression::Exists(path) => !follow(tree, vec![node], path).is_empty(),
    }
}

/// Whether some value on the left and some on the right compare so (XPath 1.0, section 3.4).
fn compare(
    tree: &Tree,
    node: NodeId,
    left: &Operand,
    right: &Operand,
    holds: fn(&str, &str) -> bool,
) -> bool {
    let right = values(tree, node, right);
    values(tree, node, left).iter().any(|left| right.iter().any(|right| holds(left, right)))
}

fn values<'v>(tree: &'v Tree, node: NodeId, operand: &'v Operand) -> Vec<&'v str> {
    match operand {
        Operand::Literal(literal) => vec![literal],
        Operand::Path(path) => {
            let nodes = follow(tree, vec![node], path).into_iter();
            nodes.map(|node| tree.value(node).unwrap_or_default()).collect()
        }
    }
}
