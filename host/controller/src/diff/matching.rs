//! Which children of two nodes are the same.

use std::collections::HashMap;

use confine_tree::{NodeId, QName, SchemaNode, Tree};

use super::value::same_value;
use crate::tree_model::{KeyedNode, SiblingKey, SiblingKeyError, TreeModel};

/// A child, and what tells it apart from its siblings.
#[derive(Clone)]
pub(super) struct MatchedChild<'t> {
    pub(super) node: NodeId,
    pub(super) place: Option<SchemaNode>,
    pub(super) identity: SiblingKey<'t>,
}

/// A child of one node, of the other, or of both.
pub(super) enum ChildPair<'t> {
    OnlyA(MatchedChild<'t>),
    OnlyB(MatchedChild<'t>),
    Both(MatchedChild<'t>, MatchedChild<'t>),
    /// An entry that the user orders, where it stood in `a` before it moved.
    MovedFrom(MatchedChild<'t>),
    /// The same entry, where it stands in `b`.
    MovedTo(MatchedChild<'t>),
}

/// The children of two nodes at a place: in the order of `b`, with those that are only in `a` before what
/// they stood before there.
pub(super) fn pairs<'t>(
    (a, x): (&'t Tree, NodeId),
    (b, y): (&'t Tree, NodeId),
    model: &TreeModel<'_>,
    place: Option<SchemaNode>,
) -> Result<Vec<ChildPair<'t>>, SiblingKeyError> {
    let (from, unnamed) = named(model.children(place, a, x));
    let (to, other_unnamed) = named(model.children(place, b, y));
    // What can't be told apart must be the same, one after the other.
    let mut both = unnamed.iter().zip(&other_unnamed);
    if unnamed.len() != other_unnamed.len() || !both.all(|(x, y)| same_subtree((a, x.0), (b, y.0))) {
        let error = unnamed.into_iter().chain(other_unnamed).map(|(_, error)| error).next();
        error.map_or(Ok(()), Err)?;
    }

    let partners = partners((a, &from), (b, &to));
    let moved = moved(b, &to, &partners, model);
    // For each child of `a` that `b` has, too: whether it has moved.
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

type Unnamed = (NodeId, SiblingKeyError);

fn named(children: Vec<KeyedNode<'_>>) -> (Vec<MatchedChild<'_>>, Vec<Unnamed>) {
    let (mut named, mut unnamed) = (Vec::with_capacity(children.len()), Vec::new());
    for KeyedNode { node, place, identity } in children {
        match identity {
            Ok(identity) => named.push(MatchedChild { node, place, identity }),
            Err(error) => unnamed.push((node, error)),
        }
    }
    (named, unnamed)
}

/// For each child of `b` the number of the same one of `a`.
fn partners(
    (a, from): (&Tree, &[MatchedChild<'_>]),
    (b, to): (&Tree, &[MatchedChild<'_>]),
) -> Vec<Option<usize>> {
    let key = |tree, child| -> (QName<'_>, &SiblingKey<'_>) { named_key(tree, child) };
    // Most of the time nothing has changed, and no table is needed.
    let same = from.iter().zip(to).take_while(|(x, y)| key(a, x) == key(b, y)).count();
    let mut others: HashMap<_, usize> =
        from.iter().enumerate().skip(same).rev().map(|(at, child)| (key(a, child), at)).collect();
    let rest = to.iter().skip(same).map(|child| others.remove(&key(b, child)));
    (0..same).map(Some).chain(rest).collect()
}

fn named_key<'n>(tree: &'n Tree, child: &'n MatchedChild<'_>) -> (QName<'n>, &'n SiblingKey<'n>) {
    (tree.qname(child.node), &child.identity)
}

/// For each child of `b` whether it is an entry that the user orders and stands elsewhere than in `a`. As few as
/// possible have moved.
fn moved(b: &Tree, to: &[MatchedChild<'_>], partners: &[Option<usize>], model: &TreeModel<'_>) -> Vec<bool> {
    let mut moved = vec![false; to.len()];
    let mut lists: HashMap<QName<'_>, Vec<(usize, usize)>> = HashMap::new();
    for (at, (child, partner)) in to.iter().zip(partners).enumerate() {
        if let Some(partner) = partner.filter(|_| model.ordered_by_user(child.place)) {
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

/// The first numbers of the most pairs whose second numbers increase (patience sorting).
fn longest_increasing(pairs: &[(usize, usize)]) -> Vec<usize> {
    // For each length the pair that ends a run of it with the least number; for each pair the one before.
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

/// Whether two nodes hold the same, in the same order.
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
