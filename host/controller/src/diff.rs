//! The difference of two places as text: XML with a line for each node, marked with `-`, `+` or a blank.

use std::collections::{HashMap, HashSet};

use confine_tree::{Error, Kind, NodeId, Schema, xml};

use crate::compare::{Identity, Place};

/// Blanks for each level.
const INDENT: usize = 3;

/// What stands below one place and not below the other; empty where both hold the same. The lines and their
/// indentation are those of the real controller.
pub(crate) fn diff(before: Place<'_>, after: Place<'_>, schema: &dyn Schema) -> Result<String, Error> {
    let mut text = String::new();
    Diff { schema, text: &mut text }.children(before, after, 0)?;
    Ok(text)
}

struct Diff<'d> {
    schema: &'d dyn Schema,
    text: &'d mut String,
}

impl Diff<'_> {
    /// The children of two nodes at `level`. The nodes themselves are shown around what is different.
    fn children(&mut self, before: Place<'_>, after: Place<'_>, level: usize) -> Result<(), Error> {
        let (old, new) = (before.children(self.schema), after.children(self.schema));
        let known: HashMap<&Identity<'_>, Place<'_>> =
            new.iter().map(|(identity, place)| (identity, *place)).collect();
        let kept: HashSet<&Identity<'_>> = old.iter().map(|(identity, _)| identity).collect();
        let start = self.text.len();
        // What came is shown where it stands: before the next node that both have.
        let mut coming = new.iter().peekable();
        for (identity, old) in &old {
            let Some(&new) = known.get(identity) else {
                self.whole('-', *old, level + 1)?;
                continue;
            };
            while let Some((other, came)) = coming.next_if(|(other, _)| other != identity) {
                if !kept.contains(other) {
                    self.whole('+', *came, level + 1)?;
                }
            }
            coming.next();
            self.node(*old, new, level + 1)?;
        }
        for (other, came) in coming {
            if !kept.contains(other) {
                self.whole('+', *came, level + 1)?;
            }
        }
        if level > 0 && self.text.len() > start {
            let around = self.text.split_off(start);
            self.open(before, level);
            self.text.push_str(&around);
            let name = before.tree.qname(before.node).local;
            self.text.push_str(&format!("{}</{name}>\n", blanks(level)));
        }
        Ok(())
    }

    /// A node that both have.
    fn node(&mut self, old: Place<'_>, new: Place<'_>, level: usize) -> Result<(), Error> {
        if old.tree.first_child(old.node).is_some() || new.tree.first_child(new.node).is_some() {
            return self.children(old, new, level);
        }
        let value = |place: Place<'_>| place.tree.value(place.node).unwrap_or_default().to_owned();
        if value(old) != value(new) {
            for (mark, place) in [('-', old), ('+', new)] {
                // A leaf that changed stands one blank to the left of where it would stand alone.
                let line = xml::write(place.tree, place.node)?;
                let line = without_namespace(&line);
                self.text.push_str(&format!("{mark}{}{line}\n", " ".repeat(level * INDENT - 2)));
            }
        }
        Ok(())
    }

    /// The start tag of a node around something different, with its keys.
    fn open(&mut self, place: Place<'_>, level: usize) {
        let name = place.tree.qname(place.node);
        self.text.push_str(&format!("{}<{} xmlns=\"{}\">\n", blanks(level), name.local, name.namespace));
        let Some(list) = place.model.filter(|&model| self.schema.kind(model) == Kind::List) else { return };
        for key in self.schema.keys(list) {
            let value = crate::created::child_value(place.tree, place.node, key).unwrap_or_default();
            self.text.push_str(&format!("{}<{key}>{value}</{key}>\n", blanks(level + 1)));
        }
    }

    /// A node that only one side has, with all below it.
    fn whole(&mut self, mark: char, place: Place<'_>, level: usize) -> Result<(), Error> {
        let parent = place.tree.parent(place.node);
        let same =
            |parent: NodeId| place.tree.qname(parent).namespace == place.tree.qname(place.node).namespace;
        let xml = xml::Writer::new().indent(INDENT).write(place.tree, [place.node])?;
        let xml = if parent.is_some_and(same) { without_namespace(&xml) } else { xml };
        for line in xml.lines() {
            self.text.push_str(&format!("{mark}{}{line}\n", blanks(level)));
        }
        Ok(())
    }
}

fn blanks(level: usize) -> String {
    " ".repeat(level * INDENT)
}

/// An element without the default namespace that it declares at its beginning: where it stands, that is
/// declared already.
fn without_namespace(xml: &str) -> String {
    let declared = xml.split_once(" xmlns=\"").filter(|(name, _)| !name.contains(['>', ' ']));
    let without = declared.and_then(|(name, rest)| Some(format!("{name}{}", rest.split_once('"')?.1)));
    without.unwrap_or_else(|| xml.to_owned())
}
