//! Matches the children of two nodes.

use std::collections::HashMap;

use confine_tree::{NodeId, QName, SchemaNode, Tree};

use super::value::same_value;
use crate::models::tree_model::{KeyedNode, SiblingKey, SiblingKeyError, TreeModel};

/// A child, with what distinguishes it from its siblings.
#[derive(Clone)]
pub(super) struct MatchedChild<'t> {
    pub(super) node: NodeId,
    pub(super) schema_node: Option<SchemaNode>,
    pub(super) identity: SiblingKey<'t>,
}

/// A child of one node, of the other, or of both.
pub(super) enum ChildPair<'t> {
    OnlyA(MatchedChild<'t>),
    OnlyB(MatchedChild<'t>),
    Both(MatchedChild<'t>, MatchedChild<'t>),
    /// An entry that has moved in a list that is `ordered-by user`, at its position in `a`.
    MovedFrom(MatchedChild<'t>),
    /// The same entry at its position in `b`.
    MovedTo(MatchedChild<'t>),
}

/// Matches the children of two nodes with the same schema node. The result is in the order of `b`; a child
/// that is only in `a` comes before the sibling that follows it there.
pub(super) fn match_children<'t>(
    (a, x): (&'t Tree, NodeId),
    (b, y): (&'t Tree, NodeId),
    model: &TreeModel<'_>,
    schema_node: Option<SchemaNode>,
) -> Result<Vec<ChildPair<'t>>, SiblingKeyError> {
    let (from, unidentified) = split_identified(model.children(schema_node, a, x));
    let (to, other_unidentified) = split_identified(model.children(schema_node, b, y));
    // Children that cannot be distinguished must be equal, in the same order.
    let mut both = unidentified.iter().zip(&other_unidentified);
    if unidentified.len() != other_unidentified.len() || !both.all(|(x, y)| same_subtree((a, x.0), (b, y.0)))
    {
        let error = unidentified.into_iter().chain(other_unidentified).map(|(_, error)| error).next();
        error.map_or(Ok(()), Err)?;
    }

    let partners = partners((a, &from), (b, &to));
    let moved = moved(b, &to, &partners, model);
    // For each child of `a` that `b` has as well: whether it has moved.
    let mut has_moved: Vec<Option<bool>> = vec![None; from.len()];
    for (partner, &moved) in partners.iter().zip(&moved) {
        if let Some(has_moved) = partner.and_then(|at| has_moved.get_mut(at)) {
            *has_moved = Some(moved);
        }
    }
    let gone =
        from.iter().zip(has_moved).enumerate().filter_map(|(at, (child, has_moved))| match has_moved {
            None => Some((at, ChildPair::OnlyA(child.clone()))),
            Some(true) => Some((at, ChildPair::MovedFrom(child.clone()))),
            Some(false) => None,
        });
    let mut gone = gone.peekable();

    let mut pairs = Vec::with_capacity(to.len());
    for ((child, partner), moved) in to.into_iter().zip(partners).zip(moved) {
        match partner.and_then(|at| Some((at, from.get(at)?.clone()))) {
            None => pairs.push(ChildPair::OnlyB(child)),
            Some(_) if moved => pairs.push(ChildPair::MovedTo(child)),
            Some((at, other)) => {
                while let Some((_, pair)) = gone.next_if(|(gone, _)| *gone < at) {
                    pairs.push(pair);
                }
                pairs.push(ChildPair::Both(other, child));
            }
        }
    }
    pairs.extend(gone.map(|(_, pair)| pair));
    Ok(pairs)
}

type UnidentifiedChild = (NodeId, SiblingKeyError);

fn split_identified(children: Vec<KeyedNode<'_>>) -> (Vec<MatchedChild<'_>>, Vec<UnidentifiedChild>) {
    let (mut identified, mut unidentified) = (Vec::with_capacity(children.len()), Vec::new());
    for KeyedNode { node, schema_node, identity } in children {
        match identity {
            Ok(identity) => identified.push(MatchedChild { node, schema_node, identity }),
            Err(error) => unidentified.push((node, error)),
        }
    }
    (identified, unidentified)
}

/// Returns, for each child of `b`, the index of the same child in `a`.
fn partners(
    (a, from): (&Tree, &[MatchedChild<'_>]),
    (b, to): (&Tree, &[MatchedChild<'_>]),
) -> Vec<Option<usize>> {
    let key = |tree, child| -> (QName<'_>, &SiblingKey<'_>) { named_key(tree, child) };
    // Usually most children are equal and need no table.
    let same = from.iter().zip(to).take_while(|(x, y)| key(a, x) == key(b, y)).count();
    let mut others: HashMap<_, usize> =
        from.iter().enumerate().skip(same).rev().map(|(at, child)| (key(a, child), at)).collect();
    let rest = to.iter().skip(same).map(|child| others.remove(&key(b, child)));
    (0..same).map(Some).chain(rest).collect()
}

fn named_key<'n>(tree: &'n Tree, child: &'n MatchedChild<'_>) -> (QName<'n>, &'n SiblingKey<'n>) {
    (tree.qname(child.node), &child.identity)
}

/// Returns, for each child of `b`, whether it is an entry of an `ordered-by user` list that has moved. As few
/// as possible count as moved.
fn moved(b: &Tree, to: &[MatchedChild<'_>], partners: &[Option<usize>], model: &TreeModel<'_>) -> Vec<bool> {
    let mut moved = vec![false; to.len()];
    let mut lists: HashMap<QName<'_>, Vec<(usize, usize)>> = HashMap::new();
    for (at, (child, partner)) in to.iter().zip(partners).enumerate() {
        if let Some(partner) = partner.filter(|_| model.ordered_by_user(child.schema_node)) {
            lists.entry(b.qname(child.node)).or_default().push((at, partner));
        }
    }
    for entries in lists.into_values() {
        let mut staying = longest_increasing(&entries).into_iter().peekable();
        for (at, _) in entries {
            if let Some(moved) = moved.get_mut(at) {
                *moved = staying.next_if_eq(&at).is_none();
            }
        }
    }
    moved
}

/// Returns the first numbers of the longest run of pairs whose second numbers increase (patience sorting).
fn longest_increasing(pairs: &[(usize, usize)]) -> Vec<usize> {
    // For each length, the pair with the least number that ends a run of that length; for each pair, its
    // predecessor in the run.
    let mut ends: Vec<usize> = Vec::new();
    let mut previous: Vec<Option<usize>> = Vec::with_capacity(pairs.len());
    let value = |at: &usize| pairs.get(*at).map(|&(_, value)| value);
    for (at, &(_, number)) in pairs.iter().enumerate() {
        let length = ends.partition_point(|end| value(end) < Some(number));
        previous.push(length.checked_sub(1).and_then(|shorter| ends.get(shorter)).copied());
        match ends.get_mut(length) {
            Some(end) => *end = at,
            None => ends.push(at),
        }
    }
    let mut run = Vec::with_capacity(ends.len());
    let mut next = ends.last().copied();
    while let Some(at) = next {
        run.extend(pairs.get(at).map(|&(first, _)| first));
        next = previous.get(at).copied().flatten();
    }
    run.reverse();
    run
}

/// Whether two subtrees are equal, including the order of their nodes.
pub(super) fn same_subtree((a, x): (&Tree, NodeId), (b, y): (&Tree, NodeId)) -> bool {
    let (mut these, mut those) = (a.descendants(x), b.descendants(y));
    loop {
        match (these.next(), those.next()) {
            (None, None) => return true,
            (Some((x, depth)), Some((y, other))) => {
                if depth != other || a.qname(x) != b.qname(y) || !same_value(a, x, b, y) {
                    return false;
                }
            }
            _ => return false,
        }
    }
}
