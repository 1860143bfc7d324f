//! The order of what services make in a list that is `ordered-by user`: of each, the order in which it makes the entries.
//!
//! Entries that are made again stay where they were, as many as can. One that cannot goes next to those that do.

use super::order::longest_increasing;
use crate::{HashMap, HashSet, NodeId};

/// An entry that a run has made.
#[derive(Clone, Copy, Debug)]
pub(super) struct MadeEntry {
    pub(super) node: NodeId,
    /// When it was made.
    pub(super) at: u32,
    /// Where it is in the list, if it was there before.
    pub(super) position: Option<usize>,
}

/// Returns the entries of a list in the order that the services give them. `made` are those which were made for one service
/// each, in the order in which they were; the rest stays where it is. What is new goes to the end, unless it is made
/// before an entry that stays.
pub(super) fn order_made(list: &[NodeId], made: &[Vec<MadeEntry>]) -> Vec<NodeId> {
    let mut moved = Moved::default();
    made.iter().for_each(|made| moved.add(made));
    let mut entries = Vec::with_capacity(list.len());
    for entry in list.iter().filter(|entry| !moved.all.contains(entry)) {
        entries.extend(moved.before.remove(entry).unwrap_or_default());
        entries.push(*entry);
        entries.extend(moved.after.remove(entry).unwrap_or_default());
    }
    moved.last.sort_unstable();
    entries.extend(moved.last.into_iter().map(|(_, entry)| entry));
    entries
}

/// What does not stay where it was, or was not there.
#[derive(Default)]
struct Moved {
    all: HashSet<NodeId>,
    /// What goes before an entry that stays, and what goes behind it.
    before: HashMap<NodeId, Vec<NodeId>>,
    after: HashMap<NodeId, Vec<NodeId>>,
    /// What goes to the end, by when it was made.
    last: Vec<(u32, NodeId)>,
}

impl Moved {
    fn add(&mut self, made: &[MadeEntry]) {
        let ranked: Vec<(usize, NodeId)> =
            made.iter().filter_map(|made| Some((made.position?, made.node))).collect();
        let staying: HashSet<NodeId> = longest_increasing(&ranked).into_iter().collect();
        let (mut waiting, mut previous) = (Vec::new(), None);
        for made in made {
            if staying.contains(&made.node) {
                self.before.insert(made.node, waiting.drain(..).map(|made: MadeEntry| made.node).collect());
                previous = Some(made.node);
            } else {
                self.all.insert(made.node);
                waiting.push(*made);
            }
        }
        // What is behind a new one is behind it at the end of the list.
        let beside = waiting.iter().take_while(|made| made.position.is_some()).count();
        let last = waiting.split_off(beside);
        self.last.extend(last.into_iter().map(|made| (made.at, made.node)));
        if let Some(previous) = previous {
            self.after.insert(previous, waiting.into_iter().map(|made| made.node).collect());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{QName, Tree};

    /// Entries that are told from each other.
    fn nodes(count: usize) -> Vec<NodeId> {
        let mut tree = Tree::new();
        let name = tree.intern(QName::new("urn:x", "l"));
        (0..count).map(|_| tree.append(Tree::ROOT, name).unwrap()).collect()
    }

    /// Plays lists of digits: those before, and what each service makes, one after the other.
    fn play(before: &str, services: &[&str]) -> String {
        let nodes = nodes(10);
        let index = |entry: char| entry.to_digit(10).unwrap() as usize;
        let mut at = 0;
        let made: Vec<Vec<MadeEntry>> = services
            .iter()
            .map(|made| {
                let made = made.chars().map(|entry| {
                    at += 1;
                    MadeEntry { node: nodes[index(entry)], at, position: before.find(entry) }
                });
                made.collect()
            })
            .collect();
        let new = made.iter().flatten().filter(|made| made.position.is_none()).map(|made| made.node);
        let list: Vec<NodeId> = before.chars().map(|entry| nodes[index(entry)]).chain(new).collect();
        let name = |entry: NodeId| nodes.iter().position(|&node| node == entry).unwrap().to_string();
        order_made(&list, &made).into_iter().map(name).collect()
    }

    #[test]
    fn entries_are_in_the_order_of_their_service() {
        for (before, made, expected) in [
            ("012", "12", "012"),
            ("012", "123", "0123"),
            ("012", "312", "0312"),
            ("012", "132", "0132"),
            ("012", "21", "021"),
            ("1203", "213", "2103"),
            ("1203", "41", "41203"),
            ("1203", "1423", "142 03".replace(' ', "").as_str()),
            ("0", "12", "012"),
            ("120", "21", "210"),
            ("120", "2314", "21034"),
        ] {
            let ordered = play(before, &[made]);
            let found: String = ordered.chars().filter(|entry| made.contains(*entry)).collect();
            assert_eq!((&*found, ordered.len()), (made, expected.len()), "{before} {made} {ordered}");
            assert_eq!(play(&ordered, &[made]), ordered, "{before} {made}");
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
            let ordered = play(&text(&before), &[&one, &two]);
            let only = |made: &str| ordered.chars().filter(|entry| made.contains(*entry)).collect::<String>();
            prop_assert_eq!((only(&one), only(&two)), (one.clone(), two.clone()));
            // What they do not make keeps its order.
            let others = |text: &str| text.chars().filter(|entry| !one.contains(*entry) && !two.contains(*entry)).collect::<String>();
            prop_assert_eq!(others(&ordered), others(&text(&before)));
            prop_assert_eq!(play(&ordered, &[&one, &two]), ordered);
        }
    }
}
