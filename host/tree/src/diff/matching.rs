//! Which children of two nodes are the same.

use std::collections::HashMap;

use crate::{
    Error, ModelPlace, NodeId, QName, SiblingKey, SiblingKeyError, Tree, TreeModel, model::KeyedNode,
    same_value,
};

/// A child, and what tells it apart from its siblings.
#[derive(Clone)]
pub(super) struct MatchedChild<'t> {
    pub(super) node: NodeId,
    pub(super) place: ModelPlace,
    pub(super) identity: SiblingKey<'t>,
}

/// A child of one node, of the other, or of both.
pub(super) enum ChildPair<'t> {
    OnlyA(MatchedChild<'t>),
    OnlyB(MatchedChild<'t>, Option<InsertAt>),
    /// An entry that the user orders has moved where it is said where to.
    Both(MatchedChild<'t>, MatchedChild<'t>, Option<InsertAt>),
    /// Where an entry that has moved stood in `a`.
    Moved(MatchedChild<'t>),
}

/// Where an entry that the user orders goes.
#[derive(Clone, Copy)]
pub(super) enum InsertAt {
    First,
    After(NodeId),
}

/// The children of two nodes at a place: in the order of `b`, with those that are only in `a` before what
/// they stood before there.
pub(super) fn pairs<'t>(
    (a, x): (&'t Tree, NodeId),
    (b, y): (&'t Tree, NodeId),
    model: &TreeModel<'_>,
    place: ModelPlace,
) -> Result<Vec<ChildPair<'t>>, Error> {
    let (from, unnamed) = named(model.children(place, a, x));
    let (to, other_unnamed) = named(model.children(place, b, y));
    // What can't be told apart must be the same, one after the other.
    let mut both = unnamed.iter().zip(&other_unnamed);
    if unnamed.len() != other_unnamed.len() || !both.all(|(x, y)| same_subtree((a, x.0), (b, y.0))) {
        let error = unnamed.into_iter().chain(other_unnamed).map(|(_, error)| error).next();
        error.map_or(Ok(()), Err)?;
    }

    let partners = partners((a, &from), (b, &to));
    let inserts = inserts(b, &to, &partners, model);
    let mut stays = vec![false; from.len()];
    for (partner, insert) in partners.iter().zip(&inserts) {
        if let Some(stays) = partner.and_then(|at| stays.get_mut(at)) {
            *stays = insert.is_none();
        }
    }
    let mut is_in_b = vec![false; from.len()];
    for at in partners.iter().flatten() {
        if let Some(is_in_b) = is_in_b.get_mut(*at) {
            *is_in_b = true;
        }
    }
    let gone = from.iter().zip(stays).zip(is_in_b).enumerate().filter(|(_, ((_, stays), _))| !stays);
    let mut gone = gone.map(|(at, ((child, _), is_in_b))| {
        (at, if is_in_b { ChildPair::Moved(child.clone()) } else { ChildPair::OnlyA(child.clone()) })
    });

    let mut pairs = Vec::with_capacity(to.len());
    let mut next = gone.next();
    for ((child, partner), insert) in to.into_iter().zip(partners).zip(inserts) {
        let Some((at, other)) = partner.and_then(|at| Some((at, from.get(at)?.clone()))) else {
            pairs.push(ChildPair::OnlyB(child, insert));
            continue;
        };
        if insert.is_none() {
            while let Some((_, pair)) = next.take_if(|(gone, _)| *gone < at) {
                pairs.push(pair);
                next = gone.next();
            }
        }
        pairs.push(ChildPair::Both(other, child, insert));
    }
    pairs.extend(next.into_iter().chain(gone).map(|(_, pair)| pair));
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

/// For each child of `b` where to put it, where it is an entry that the user orders and would not come
/// to stand there by itself.
fn inserts(
    b: &Tree,
    to: &[MatchedChild<'_>],
    partners: &[Option<usize>],
    model: &TreeModel<'_>,
) -> Vec<Option<InsertAt>> {
    let mut inserts = vec![None; to.len()];
    let mut lists: HashMap<QName<'_>, Vec<usize>> = HashMap::new();
    for (at, child) in to.iter().enumerate() {
        if model.ordered_by_user(child.place) {
            lists.entry(b.qname(child.node)).or_default().push(at);
        }
    }
    for entries in lists.into_values() {
        let partner = |at: usize| partners.get(at).copied().flatten();
        let known: Vec<(usize, usize)> = entries.iter().filter_map(|&at| Some((at, partner(at)?))).collect();
        let staying = longest_increasing(&known);
        let mut staying = staying.iter().copied().peekable();
        let mut before = None;
        // New entries after all others are appended anyway.
        let last = known.last().map(|&(at, _)| at);
        for at in entries {
            let stays = staying.next_if_eq(&at).is_some();
            let is_appended = last.is_none_or(|last| at > last);
            if let Some(insert) = inserts.get_mut(at)
                && !stays
                && !is_appended
            {
                *insert = Some(before.map_or(InsertAt::First, InsertAt::After));
            }
            before = to.get(at).map(|child| child.node);
        }
    }
    inserts
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
