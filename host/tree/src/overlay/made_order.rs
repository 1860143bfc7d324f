//! The order of what services make in a list that is `ordered-by user`: of each, the order in which it makes the entries.
//!
//! Entries that are made again stay where they were, as many as can. One that cannot goes next to those that do.

use super::ranked_entries::{RankedEntry, longest_increasing, moved_among};
use crate::{Error, HashMap, HashSet, NodeId, StepCounter};

/// An entry that a run has made or set.
#[derive(Clone, Copy, Debug)]
pub(super) struct MadeEntry {
    pub(super) node: NodeId,
    /// When it was made.
    pub(super) at: u32,
    pub(super) kind: MadeKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MadeKind {
    New,
    /// It was there, and may be elsewhere now.
    Again,
    /// It does not move.
    Stays,
}

/// Returns the entries of a list in the order that the services give them. `made` are those which were made for one service
/// each, in the order in which they were, each once; the rest stays where it is. What is new is at the end, and stays there
/// unless it is made before an entry that stays. Each service begins with what the one before it has left.
///
/// # Errors
/// [`Error::Stopped`].
pub(super) fn order_made(
    list: &[NodeId],
    made: &[Vec<MadeEntry>],
    steps: &mut StepCounter,
) -> Result<Vec<NodeId>, Error> {
    let mut entries = list.to_vec();
    let mut positions = positions_of(&entries);
    for made in made {
        let moves = EntryMoves::new(made, &positions);
        if !moves.all.is_empty() {
            steps.steps(entries.len())?;
            entries = moves.apply(&entries);
            positions = positions_of(&entries);
        }
    }
    Ok(entries)
}

fn positions_of(entries: &[NodeId]) -> HashMap<NodeId, usize> {
    entries.iter().copied().zip(0..).collect()
}

/// What does not stay where it is.
#[derive(Default)]
struct EntryMoves {
    all: HashSet<NodeId>,
    /// What goes before an entry that stays.
    before: HashMap<NodeId, Vec<NodeId>>,
    /// What goes behind the last one that stays.
    after: Option<(NodeId, Vec<NodeId>)>,
    /// What goes to the end.
    last: Vec<NodeId>,
}

impl EntryMoves {
    fn new(made: &[MadeEntry], positions: &HashMap<NodeId, usize>) -> Self {
        let staying = staying(made, positions);
        let is_skipped = |made: &&MadeEntry| made.kind == MadeKind::Stays && !staying.contains(&made.node);
        let (mut moves, mut waiting, mut previous) = (Self::default(), Vec::<MadeEntry>::new(), None);
        for made in made.iter().filter(|made| !is_skipped(made)) {
            if staying.contains(&made.node) {
                let before: Vec<NodeId> = waiting.drain(..).map(|made| made.node).collect();
                moves.all.extend(&before);
                moves.before.insert(made.node, before);
                previous = Some(made.node);
            } else {
                waiting.push(*made);
            }
        }
        // What is behind a new one is behind it at the end of the list, where that is already.
        let is_again = |made: &MadeEntry| made.kind == MadeKind::Again;
        let beside = previous.map_or(0, |_| waiting.iter().take_while(|made| is_again(made)).count());
        let last = waiting.split_off(beside);
        if last.iter().any(is_again) {
            moves.last = last.iter().map(|made| made.node).collect();
            moves.all.extend(&moves.last);
        }
        let after: Vec<NodeId> = waiting.into_iter().map(|made| made.node).collect();
        moves.all.extend(&after);
        moves.after = previous.map(|previous| (previous, after));
        moves
    }

    fn apply(mut self, entries: &[NodeId]) -> Vec<NodeId> {
        let mut ordered = Vec::with_capacity(entries.len());
        for entry in entries.iter().filter(|entry| !self.all.contains(entry)) {
            ordered.extend(self.before.remove(entry).unwrap_or_default());
            ordered.push(*entry);
            if let Some((_, after)) = self.after.take_if(|(previous, _)| previous == entry) {
                ordered.extend(after);
            }
        }
        ordered.extend(self.last);
        ordered
    }
}

/// Returns what stays where it is of what a run has made: as many as can that are in the right order, among those that do not
/// move.
fn staying(made: &[MadeEntry], positions: &HashMap<NodeId, usize>) -> HashSet<NodeId> {
    if made.iter().all(|made| made.kind == MadeKind::New) {
        return HashSet::default();
    }
    let ranked = made.iter().filter(|made| made.kind != MadeKind::New);
    let ranked = ranked.filter_map(|made| {
        let rank = *positions.get(&made.node)? + 1;
        Some(RankedEntry { rank, node: made.node, moves: made.kind == MadeKind::Again })
    });
    let mut ranked: Vec<RankedEntry> = ranked.collect();
    let fixed = ranked.iter().filter(|entry| !entry.moves).map(|entry| (entry.rank, entry.node));
    let fixed: HashSet<NodeId> = longest_increasing(&fixed.collect::<Vec<_>>()).into_iter().collect();
    ranked.retain(|entry| entry.moves || fixed.contains(&entry.node));
    let moved = moved_among(&ranked);
    ranked.into_iter().map(|entry| entry.node).filter(|node| !moved.contains(node)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{QName, Tree};

    /// Nodes that stand for the entries `0` to `9`.
    fn nodes(count: usize) -> Vec<NodeId> {
        let mut tree = Tree::new();
        let name = tree.intern(QName::new("urn:x", "l"));
        (0..count).map(|_| tree.append(Tree::ROOT, name).unwrap()).collect()
    }

    /// Plays lists of digits: those before, and what each service makes, one after the other. Some do not move.
    fn play(before: &str, services: &[&str], staying: &str) -> String {
        let nodes = nodes(10);
        let index = |entry: char| entry.to_digit(10).unwrap() as usize;
        let mut at = 0;
        let made: Vec<Vec<MadeEntry>> = services
            .iter()
            .map(|made| {
                let made = made.chars().map(|entry| {
                    at += 1;
                    let kind = match before.find(entry) {
                        None => MadeKind::New,
                        Some(_) if staying.contains(entry) => MadeKind::Stays,
                        Some(_) => MadeKind::Again,
                    };
                    MadeEntry { node: nodes[index(entry)], at, kind }
                });
                made.collect()
            })
            .collect();
        let new = made.iter().flatten().filter(|made| made.kind == MadeKind::New).map(|made| made.node);
        let list: Vec<NodeId> = before.chars().map(|entry| nodes[index(entry)]).chain(new).collect();
        let name = |entry: NodeId| nodes.iter().position(|&node| node == entry).unwrap().to_string();
        order_made(&list, &made, &mut StepCounter::default()).unwrap().into_iter().map(name).collect()
    }

    #[test]
    fn entries_are_in_the_order_of_their_service() {
        for (before, made, staying, expected) in [
            ("012", "12", "", "012"),
            ("012", "123", "", "0123"),
            ("012", "312", "", "0312"),
            ("012", "132", "", "0132"),
            ("012", "21", "", "021"),
            ("1203", "213", "", "2013"),
            ("1203", "41", "", "41203"),
            ("1203", "1423", "", "14203"),
            ("0", "12", "", "012"),
            ("120", "21", "", "210"),
            ("1205", "2314", "", "205314"),
            // What does not move.
            ("012", "32", "2", "0132"),
            ("012", "31425", "12", "031425"),
            ("01234", "403", "4", "12403"),
            ("0123", "213", "13", "0213"),
        ] {
            let ordered = play(before, &[made], staying);
            assert_eq!(ordered, expected, "{before} {made} {staying}");
            assert_eq!(play(&ordered, &[made], staying), ordered, "{before} {made}");
        }
    }

    proptest! {
        #[test]
        fn each_service_has_its_order_and_a_second_run_moves_nothing(
            before in Just((0..7).collect::<Vec<usize>>()).prop_shuffle(),
            makes in Just((0..10).collect::<Vec<usize>>()).prop_shuffle(),
            (first, second) in (0usize..5, 0usize..5),
        ) {
            let text = |entries: &[usize]| entries.iter().map(ToString::to_string).collect::<String>();
            let (one, two) = (text(&makes[..first]), text(&makes[first..first + second]));
            let ordered = play(&text(&before), &[&one, &two], "");
            let only = |made: &str| ordered.chars().filter(|entry| made.contains(*entry)).collect::<String>();
            prop_assert_eq!((only(&one), only(&two)), (one.clone(), two.clone()));
            // What they do not make keeps its order.
            let others = |text: &str| text.chars().filter(|entry| !one.contains(*entry) && !two.contains(*entry)).collect::<String>();
            prop_assert_eq!(others(&ordered), others(&text(&before)));
            prop_assert_eq!(play(&ordered, &[&one, &two], ""), ordered);
        }

        #[test]
        fn what_stays_keeps_its_order_and_nothing_is_lost(
            before in Just((0..7).collect::<Vec<usize>>()).prop_shuffle(),
            (one, two) in (Just((0..10).collect::<Vec<usize>>()).prop_shuffle(), Just((0..10).collect::<Vec<usize>>()).prop_shuffle()),
            (first, second) in (0usize..8, 0usize..8),
            staying in prop::collection::hash_set(0usize..7, 0..4),
        ) {
            let text = |entries: &[usize]| entries.iter().map(ToString::to_string).collect::<String>();
            let (before, one) = (text(&before), text(&one[..first]));
            // The second one only sets what the first one has made.
            let two: Vec<usize> = two[..second].iter().copied().filter(|&entry| entry < 7 || !one.contains(&entry.to_string())).collect();
            let two = text(&two);
            let staying: String = before.chars().filter(|entry| staying.contains(&(entry.to_digit(10).unwrap() as usize)) || one.contains(*entry) && two.contains(*entry)).collect();
            let ordered = play(&before, &[&one, &two], &staying);
            let stays = |text: &str| text.chars().filter(|entry| staying.contains(*entry)).collect::<String>();
            prop_assert_eq!(stays(&ordered), stays(&before));
            let mut all: Vec<char> = format!("{before}{one}{two}").chars().collect();
            all.sort_unstable();
            all.dedup();
            let mut found: Vec<char> = ordered.chars().collect();
            found.sort_unstable();
            prop_assert_eq!(found, all);
            if two.is_empty() {
                // In the order of the service, where what stays allows it.
                let free = |text: &str| text.chars().filter(|entry| one.contains(*entry) && !staying.contains(*entry)).collect::<String>();
                prop_assert_eq!(free(&ordered), free(&one));
            }
        }
    }
}
