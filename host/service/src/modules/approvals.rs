//! Which modules serve which list, as it was decided once. It is stored, so that a restart decides nothing anew.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// The most lists that modules serve, counted once for each module.
const MOST_LISTS: usize = 10_000;
/// The most bytes of the names of all these lists.
const MOST_BYTES: usize = 1 << 20;

/// The modules of each list under `/services`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Approvals {
    lists: BTreeMap<String, BTreeSet<String>>,
    /// Whether what ran before the restart serves what it claims, whoever else does.
    #[serde(skip)]
    pub(crate) adopts: bool,
}

impl Approvals {
    /// Nothing is stored: what ran before the restart serves what it claims.
    pub(crate) fn adopting() -> Self {
        Self { adopts: true, ..Self::default() }
    }

    /// Returns the modules that serve a list.
    pub(crate) fn of(&self, list: &str) -> impl Iterator<Item = &str> {
        self.lists.get(list).into_iter().flatten().map(String::as_str)
    }

    /// Returns every list with its modules.
    pub(crate) fn lists(&self) -> impl Iterator<Item = (&str, &BTreeSet<String>)> {
        self.lists.iter().map(|(list, modules)| (list.as_str(), modules))
    }

    /// Returns whether a module serves a list.
    pub(crate) fn has(&self, list: &str, module: &str) -> bool {
        self.lists.get(list).is_some_and(|modules| modules.contains(module))
    }

    /// Returns whether a module may serve these lists without all modules together serving too many.
    pub(crate) fn have_room_for(&self, module: &str, claims: &BTreeSet<String>) -> bool {
        let others = self.lists.iter().map(|(list, modules)| {
            let count = modules.iter().filter(|other| *other != module).count();
            (count, count * list.len())
        });
        let own = claims.iter().map(|list| (1, list.len()));
        let (lists, bytes) =
            others.chain(own).fold((0, 0), |(lists, bytes), (more, size)| (lists + more, bytes + size));
        lists <= MOST_LISTS && bytes <= MOST_BYTES
    }

    /// Makes a module serve these lists and no others. Of the modules that serve them too, those that are not known any more
    /// are left out. Returns whether anything has changed.
    pub(crate) fn serve(
        &mut self,
        module: &str,
        claims: &BTreeSet<String>,
        is_known: impl Fn(&str) -> bool,
    ) -> bool {
        let mut changed = self.release(module, |list| !claims.contains(list));
        for list in claims {
            let modules = self.lists.entry(list.clone()).or_default();
            if modules.insert(module.to_owned()) {
                modules.retain(|other| other == module || is_known(other));
                changed = true;
            }
        }
        changed
    }

    /// Removes a module from all lists. Returns whether it served any.
    pub(crate) fn remove(&mut self, module: &str) -> bool {
        self.release(module, |_| true)
    }

    /// Gives a module another name.
    pub(crate) fn rename(&mut self, from: &str, to: &str) {
        for modules in self.lists.values_mut() {
            if modules.remove(from) {
                modules.insert(to.to_owned());
            }
        }
    }

    fn release(&mut self, module: &str, is_released: impl Fn(&str) -> bool) -> bool {
        let mut changed = false;
        self.lists.retain(|list, modules| {
            changed |= is_released(list) && modules.remove(module);
            !modules.is_empty()
        });
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(lists: &[&str]) -> BTreeSet<String> {
        lists.iter().map(|&list| list.to_owned()).collect()
    }

    fn shown(approvals: &Approvals) -> String {
        let list = |(list, modules): (&str, &BTreeSet<String>)| {
            format!("{list}: {}", modules.iter().map(String::as_str).collect::<Vec<_>>().join(" "))
        };
        approvals.lists().map(list).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn module_serves_what_its_version_claims() {
        let mut approvals = Approvals::default();
        let known = |_: &str| true;
        assert!(approvals.serve("a", &claims(&["x", "y"]), known));
        assert!(!approvals.serve("a", &claims(&["x", "y"]), known));
        assert!(approvals.serve("b", &claims(&["x"]), known));
        assert_eq!(shown(&approvals), "x: a b; y: a");
        // A version that stops claiming a list gives it up.
        assert!(approvals.serve("a", &claims(&["x"]), known));
        assert_eq!(shown(&approvals), "x: a b");
        approvals.rename("b", "c");
        assert!(approvals.has("x", "c") && !approvals.has("x", "b"));
        // A module that is not known any more gives way to the next.
        assert!(approvals.serve("d", &claims(&["x"]), |other| other != "c"));
        assert_eq!(shown(&approvals), "x: a d");
        assert!(approvals.remove("a") && !approvals.remove("a"));
        assert_eq!(shown(&approvals), "x: d");
    }

    #[test]
    fn number_of_served_lists_is_limited() {
        let mut approvals = Approvals::default();
        let many: BTreeSet<String> = (0..MOST_LISTS).map(|number| number.to_string()).collect();
        assert!(approvals.have_room_for("a", &many));
        approvals.serve("a", &many, |_| true);
        // Its own lists are replaced.
        assert!(approvals.have_room_for("a", &many));
        assert!(!approvals.have_room_for("b", &claims(&["x"])));
        assert!(!Approvals::default().have_room_for("a", &claims(&[&"x".repeat(MOST_BYTES + 1)])));
    }

    #[test]
    fn approvals_are_read_back() {
        let mut approvals = Approvals::default();
        approvals.serve("a", &claims(&["x"]), |_| true);
        let text = serde_json::to_string(&approvals).unwrap();
        assert_eq!(text, r#"{"lists":{"x":["a"]}}"#);
        assert_eq!(serde_json::from_str::<Approvals>(&text).unwrap(), approvals);
    }
}
