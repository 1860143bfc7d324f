//! Which entries of a list move so that all are in another order.

use crate::{HashMap, HashSet, NodeId};

/// An entry of a list whose order may change.
#[derive(Clone, Copy, Debug)]
pub(super) struct RankedEntry {
    /// Where it is now, from 1.
    pub(super) rank: usize,
    pub(super) node: NodeId,
    /// Whether it may move.
    pub(super) moves: bool,
}

/// Returns the entries that are in a list now, each with where it is.
pub(super) fn ranked(
    entries: &[NodeId],
    before: &[NodeId],
    may_move: &dyn Fn(NodeId) -> bool,
) -> Vec<RankedEntry> {
    let ranks: HashMap<NodeId, usize> =
        before.iter().enumerate().map(|(rank, &node)| (node, rank + 1)).collect();
    let ranked = entries
        .iter()
        .filter_map(|&node| Some(RankedEntry { rank: *ranks.get(&node)?, node, moves: may_move(node) }));
    ranked.collect()
}

/// Returns which entries must move so that all are in this order. Those that may not move are in the same order now.
pub(super) fn moved_among(ranked: &[RankedEntry]) -> HashSet<NodeId> {
    // What comes before an entry that may not move, and after it in the other order, moves.
    let (mut least, mut after) = (0, Vec::with_capacity(ranked.len()));
    for &RankedEntry { rank, moves, .. } in ranked {
        after.push(least);
        least = if moves { least } else { least.max(rank) };
    }
    let (mut most, mut backwards) = (usize::MAX, Vec::with_capacity(ranked.len()));
    for (&RankedEntry { rank, node, moves }, least) in ranked.iter().zip(after).rev() {
        if !moves || (rank > least && rank < most) {
            // Of two parts of the same length, the one stays that was made first.
            backwards.push((usize::MAX - rank, node));
        }
        most = if moves { most } else { most.min(rank) };
    }
    let kept: HashSet<NodeId> = longest_increasing(&backwards).into_iter().collect();
    let moved = ranked.iter().filter(|entry| entry.moves && !kept.contains(&entry.node));
    moved.map(|entry| entry.node).collect()
}

/// Returns the entries of a longest part of a sequence in which the ranks increase.
pub(super) fn longest_increasing(sequence: &[(usize, NodeId)]) -> Vec<NodeId> {
    // The last entry of the best part of each length, and the entry before each one in its part.
    let mut ends: Vec<(usize, usize)> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(sequence.len());
    for (index, &(rank, _)) in sequence.iter().enumerate() {
        let length = ends.partition_point(|&(end, _)| end < rank);
        before.push(length.checked_sub(1).and_then(|last| ends.get(last)).map(|&(_, index)| index));
        match ends.get_mut(length) {
            Some(end) => *end = (rank, index),
            None => ends.push((rank, index)),
        }
    }
    let last = ends.last().map(|&(_, index)| index);
    let part = std::iter::successors(last, |&index| before.get(index).copied().flatten());
    part.filter_map(|index| sequence.get(index)).map(|&(_, node)| node).collect()
}
