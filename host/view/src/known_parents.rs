//! The nodes above those that calls have named: most calls are about siblings, or about entries of one list, whose paths are the
//! same up to their last steps.

use std::sync::Arc;

use confine_tree::{
    HashMap, LocatedPath, Overlay, Path, PathStep, Pattern, PatternStep, PrefixMap, SchemaLocation,
    path::MAX_STEPS,
};

use crate::patterns::size;

/// How many paths are remembered.
const REMEMBERED: usize = 256;

/// The bytes of the longest one, as written and as resolved.
const LONGEST: usize = 1024;

/// How many names of children are remembered, and the bytes of the longest one.
const REMEMBERED_CHILDREN: usize = 1024;
const LONGEST_CHILD: usize = 128;

/// So many slashes are tried, the last one first.
const TRIED: usize = 8;

/// The parents that a module has named lately, as far as the models explain them: what a path leads to then depends on nothing that
/// may change while the commit runs.
#[derive(Default)]
pub(crate) struct KnownParents {
    /// By the path as it was written, up to and with a slash between two steps.
    absolute: HashMap<Box<str>, KnownParent>,
    /// The same, of relative paths; the empty one leads to the instance.
    relative: HashMap<Box<str>, KnownParent>,
    /// What a step without predicates leads to, by where it starts in the models and as it was written: the same in all entries
    /// of a list.
    children: HashMap<SchemaLocation, HashMap<Box<str>, (PatternStep, SchemaLocation)>>,
    known_children: usize,
    /// Whose paths they are.
    prefixes: Option<Arc<PrefixMap>>,
}

struct KnownParent {
    path: LocatedPath,
    /// Where its children are defined.
    inside: SchemaLocation,
}

impl KnownParents {
    /// Forgets what does not hold for another instance, and another module.
    pub(crate) fn begin(&mut self, prefixes: &Arc<PrefixMap>) {
        self.relative.clear();
        if !self.prefixes.as_ref().is_some_and(|known| Arc::ptr_eq(known, prefixes)) {
            self.absolute.clear();
            self.children.clear();
            self.known_children = 0;
            self.prefixes = Some(prefixes.clone());
        }
    }

    /// Resolves a path if something above is known, and models explain all that is below that.
    pub(crate) fn resolve(
        &mut self,
        path: &str,
        base: &Pattern,
        overlay: &Overlay,
        prefixes: &PrefixMap,
    ) -> Option<LocatedPath> {
        let known = if path.starts_with('/') { &self.absolute } else { &self.relative };
        let mut above = path;
        for _ in 0..TRIED {
            let slash = above.rfind('/');
            let (known_text, rest) = path.split_at_checked(slash.map_or(0, |slash| slash + 1))?;
            if let Some(parent) = known.get(known_text) {
                if let Some((step, spot)) = self.child(parent.inside, rest) {
                    return Some(parent.path.child(step.clone(), *spot));
                }
                let below =
                    Path::parse(rest).ok().filter(|below| !below.absolute && !below.steps.is_empty())?;
                let (parent, inside) = (parent.path.clone(), parent.inside);
                let located = self.resolve_below(parent, inside, &below.steps, overlay, prefixes)?;
                if below.steps.len() > 1 {
                    self.remember(path, &located, base, overlay);
                }
                return Some(located);
            }
            above = above.get(..slash?)?;
        }
        None
    }

    /// Resolves more steps of a path.
    fn resolve_below(
        &mut self,
        mut above: LocatedPath,
        mut inside: SchemaLocation,
        steps: &[PathStep],
        overlay: &Overlay,
        prefixes: &PrefixMap,
    ) -> Option<LocatedPath> {
        if above.spots().len() + steps.len() > MAX_STEPS {
            return None;
        }
        for step in steps {
            let is_bare = step.prefix.is_none() && step.predicates.is_empty();
            match self.child(inside, &step.name).filter(|_| is_bare) {
                Some((step, spot)) => above.push(step.clone(), *spot),
                None => {
                    above = overlay.resolve_below(above, step, prefixes)?;
                    if step.predicates.is_empty() {
                        self.remember_child(inside, step, &above);
                    }
                }
            }
            inside = overlay.inside(&above);
        }
        Some(above)
    }

    /// Returns what a step without predicates leads to, if it is remembered as it is written.
    fn child(&self, inside: SchemaLocation, written: &str) -> Option<&(PatternStep, SchemaLocation)> {
        self.children.get(&inside)?.get(written)
    }

    /// Remembers what is above a path that was resolved: its parent, and the parent of the last list entry on the way there.
    pub(crate) fn remember(&mut self, path: &str, located: &LocatedPath, base: &Pattern, overlay: &Overlay) {
        let known = if path.starts_with('/') { &mut self.absolute } else { &mut self.relative };
        // A relative path begins at the instance.
        let before = if path.starts_with('/') { 0 } else { base.steps.len() };
        let steps = starts_of_steps(path);
        let entry = steps.iter().rposition(|&(_, is_entry)| is_entry);
        for index in [steps.len().checked_sub(1), entry].into_iter().flatten() {
            let text = steps.get(index).and_then(|&(start, _)| path.get(..start));
            let Some(text) = text.filter(|text| text.len() <= LONGEST && !known.contains_key(*text)) else {
                continue;
            };
            let above = located.above(before + index).filter(LocatedPath::is_modelled);
            if let Some(mut above) = above.filter(|above| size(above.pattern()) <= LONGEST) {
                if known.len() >= REMEMBERED {
                    known.clear();
                }
                overlay.note_exact(&mut above);
                let inside = overlay.inside(&above);
                known.insert(text.into(), KnownParent { path: above, inside });
            }
        }
    }

    /// Remembers what a step leads to, the last one of a path.
    fn remember_child(&mut self, inside: SchemaLocation, written: &PathStep, located: &LocatedPath) {
        let child = located.pattern().steps.last().zip(located.spots().last());
        // What is known of a name that has not been met yet may change.
        let Some((step, &spot)) = child.filter(|(_, spot)| spot.is_met()) else { return };
        let text = match &written.prefix {
            Some(prefix) => format!("{prefix}:{}", written.name).into(),
            None => written.name.clone(),
        };
        if text.len() > LONGEST_CHILD {
            return;
        }
        if self.known_children >= REMEMBERED_CHILDREN {
            self.children.clear();
            self.known_children = 0;
        }
        self.known_children += 1;
        self.children.entry(inside).or_default().insert(text, (step.clone(), spot));
    }
}

/// Returns where each step of a path begins, and whether it has predicates.
fn starts_of_steps(path: &str) -> Vec<(usize, bool)> {
    let mut steps = Vec::with_capacity(8);
    let mut quote = None;
    for (at, byte) in path.bytes().enumerate() {
        if at == 0 && byte != b'/' {
            steps.push((0, false));
        }
        match (quote, byte) {
            (Some(open), _) if open == byte => quote = None,
            (Some(_), _) => {}
            (None, b'\'' | b'"') => quote = Some(byte),
            (None, b'/') => steps.push((at + 1, false)),
            (None, b'[') => {
                if let Some((_, is_entry)) = steps.last_mut() {
                    *is_entry = true;
                }
            }
            (None, _) => {}
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use confine_tree::{QName, xml};
    use confine_yang::{ModuleSet, MountedSchema};
    use proptest::prelude::*;

    use super::*;

    fn models() -> Arc<MountedSchema> {
        let modules = [
            "module c { namespace urn:c; prefix c; container top {
               leaf a { type string; } container b { leaf a { type string; } leaf b { type string; } }
               list l { key k; leaf k { type string; } leaf a { type int8; } container b { leaf a { type string; } } } } }",
            "module d { namespace urn:d; prefix d; import c { prefix c; }
               augment /c:top/c:b { leaf a { type string; } leaf d { type string; } } }",
        ];
        let mut set = ModuleSet::default();
        modules.iter().for_each(|module| drop(set.add("test.yang", module.as_bytes()).unwrap()));
        Arc::new(MountedSchema::new(Arc::new(set.compile()), "none"))
    }

    fn path() -> impl Strategy<Value = String> {
        let step = prop::sample::select(vec![
            "a",
            "b",
            "d",
            "c:b",
            "d:a",
            "x",
            "l",
            "l[k='1']",
            "l[k='a/b']",
            "l[k=\"'/a\"]",
            ".",
            "",
            "l[k='1'",
            "b]",
        ]);
        let start = prop::sample::select(vec!["/c:top/", "/c:top/b/", "", "/"]);
        (start, prop::collection::vec(step, 1..4))
            .prop_map(|(start, steps)| format!("{start}{}", steps.join("/")))
    }

    proptest! {
        #[test]
        fn path_of_a_known_parent_leads_to_the_same_node(paths in prop::collection::vec(path(), 1..20)) {
            let mut overlay = Overlay::new(models());
            let data = "<top xmlns='urn:c'><a>1</a><b><a>1</a><b>1</b><a xmlns='urn:d'>1</a><d xmlns='urn:d'>1</d></b>\
                        <l><k>1</k><a>1</a><b><a>1</a></b></l></top>";
            overlay.load(&xml::parse(data).unwrap(), &[Pattern::default()]).unwrap();
            let prefixes = PrefixMap::new([("c", "urn:c"), ("d", "urn:d")]).unwrap();
            let base = Pattern { steps: ["top", "b"].map(|local| PatternStep::new(QName::new("urn:c", local))).into() };
            let mut parents = KnownParents::default();
            parents.begin(&Arc::new(prefixes.clone()));
            for path in paths {
                let whole = Path::parse(&path).ok();
                let whole = whole.and_then(|path| overlay.resolve_seeing(&path, &base, &prefixes, &mut |_, _| true).ok());
                if let Some(located) = parents.resolve(&path, &base, &overlay, &prefixes) {
                    prop_assert_eq!(Some(located.pattern()), whole.as_ref().map(LocatedPath::pattern), "{}", path);
                    prop_assert_eq!(Some(located.spots()), whole.as_ref().map(LocatedPath::spots), "{}", path);
                }
                if let Some(located) = &whole {
                    parents.remember(&path, located, &base, &overlay);
                    let is_modelled = located.is_modelled() && located.pattern().steps.len() > 1 && path != ".";
                    prop_assert!(!is_modelled || parents.resolve(&path, &base, &overlay, &prefixes).is_some(), "{}", path);
                }
            }
        }
    }
}
