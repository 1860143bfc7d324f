//! Which module claims which list.
//!
//! A claim is the name of a list under `/services`, without its namespace: a notification gives only the name, so a
//! list of the same name in another namespace would be run, and refused, with it.

use std::collections::{BTreeMap, BTreeSet};

use confine_sandbox::Module;

/// Names in a text, the most that are shown.
pub(crate) const SHOWN: usize = 5;

/// Returns the lists that a module claims.
pub(crate) fn claims_of(module: &Module) -> BTreeSet<String> {
    module.description().services.iter().map(|list| list.local.to_string()).collect()
}

/// The modules that wait for the decision about lists that nobody serves yet, by list.
#[derive(Debug, Default)]
pub(crate) struct WaitingClaims(BTreeMap<String, Vec<WaitingClaim>>);

/// A module that claims a list that nobody serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WaitingClaim {
    /// The module.
    pub(crate) module: String,
    /// The number of the scan that has found its file.
    pub(crate) found: u64,
}

impl WaitingClaims {
    /// Adds the claims of a module.
    pub(crate) fn add(&mut self, claims: BTreeSet<String>, claim: &WaitingClaim) {
        for list in claims {
            self.0.entry(list).or_default().push(claim.clone());
        }
    }

    /// Returns the other modules that claim a list and were not found later.
    pub(crate) fn rivals<'a>(
        &'a self,
        list: &str,
        claim: &'a WaitingClaim,
    ) -> impl Iterator<Item = &'a WaitingClaim> {
        let claims = self.0.get(list).map_or(&[][..], Vec::as_slice);
        claims.iter().filter(|other| other.module != claim.module && other.found <= claim.found)
    }
}

/// Returns names for a message: each in backticks, and how many more there are if there are many.
pub(crate) fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut names = names.into_iter();
    let shown: Vec<String> = names.by_ref().take(SHOWN).map(|name| format!("`{name}`")).collect();
    match (shown.split_last(), names.count()) {
        (None, _) => String::new(),
        (Some((only, [])), 0) => only.clone(),
        (Some((last, before)), 0) => format!("{} and {last}", before.join(", ")),
        (Some(_), more) => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_a_message_are_few() {
        let names = ["a", "b", "c", "d", "e", "f", "g"];
        let shown = [0, 1, 2, 3, 5, 7].map(|count| quoted(names.into_iter().take(count)));
        insta::assert_snapshot!(shown.join("\n"), @r"

        `a`
        `a` and `b`
        `a`, `b` and `c`
        `a`, `b`, `c`, `d` and `e`
        `a`, `b`, `c`, `d`, `e` and 2 more
        ");
    }

    #[test]
    fn rivals_were_found_no_later() {
        let claim = |module: &str, found| WaitingClaim { module: module.into(), found };
        let (a, b, c) = (claim("a", 1), claim("b", 1), claim("c", 2));
        let mut claims = WaitingClaims::default();
        [&a, &b, &c].into_iter().for_each(|claim| claims.add(["x".to_owned()].into(), claim));
        let rivals = |claim: &WaitingClaim| {
            claims.rivals("x", claim).map(|rival| rival.module.clone()).collect::<String>()
        };
        assert_eq!([rivals(&a), rivals(&b), rivals(&c)], ["b", "a", "ab"]);
        assert_eq!(claims.rivals("y", &a).count(), 0);
    }
}
