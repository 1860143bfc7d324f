//! Writing a tree as XML text.

use std::borrow::Cow;

use super::{XML, is_representable};
use crate::{Error, NETCONF, NodeId, QName, Tree, YANG, name::is_name};

/// The usual prefixes of the namespaces of attributes.
const WELL_KNOWN: [(&str, &str); 4] =
    [("nc", NETCONF), ("yang", YANG), ("cl", "http://clicon.org/lib"), ("xml", XML)];

/// Writes a node with its descendants, without whitespace between elements; for the root, writes all
/// top-level nodes.
pub fn write(tree: &Tree, node: NodeId) -> Result<String, Error> {
    XmlTreeWriter::new().write(tree, [node])
}

/// Returns the most bytes that a value takes in the text.
pub fn escaped(value: &str) -> usize {
    let special = value.bytes().filter(|byte| matches!(byte, b'&' | b'<' | b'>' | b'\r')).count();
    value.len() + special * "amp;".len()
}

/// Writes nodes as XML text.
///
/// Elements are in the default namespace, which is declared where it changes. The top elements always declare
/// theirs unless [`scope`](Self::scope) sets it. Attributes get prefixes. A prefix that a value uses is
/// declared at its element unless it is bound to the same namespace there already.
#[derive(Clone, Copy, Debug, Default)]
pub struct XmlTreeWriter<'s> {
    scope: &'s [(&'s str, &'s str)],
    indent: Option<usize>,
}

impl<'s> XmlTreeWriter<'s> {
    /// Returns a writer of compact, self-contained text.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the prefixes that are declared around the text; the writer does not declare them. The prefix of
    /// the default namespace is empty.
    pub fn scope(self, scope: &'s [(&'s str, &'s str)]) -> Self {
        Self { scope, ..self }
    }

    /// Writes one element per line, indented by this many spaces per level. Only whitespace between elements
    /// is added, so the text reads back as the same tree.
    pub fn indent(self, blanks: usize) -> Self {
        Self { indent: Some(blanks), ..self }
    }

    /// Writes nodes with their descendants, one after the other. The root stands for all top-level nodes.
    ///
    /// # Errors
    /// [`Error::Unwritable`] if a name is invalid or a value contains a character that XML cannot represent.
    pub fn write(&self, tree: &Tree, nodes: impl IntoIterator<Item = NodeId>) -> Result<String, Error> {
        let mut writing = TreeWriting {
            tree,
            indent: self.indent,
            text: String::new(),
            scope: self.scope.iter().map(|&(prefix, namespace)| (prefix.into(), namespace)).collect(),
            open: Vec::new(),
            valid_names: Vec::new(),
        };
        for node in nodes {
            if node == Tree::ROOT {
                tree.children(node).try_for_each(|child| writing.subtree(child))?;
            } else {
                writing.subtree(node)?;
            }
        }
        Ok(writing.text)
    }
}

/// An element that is open.
struct OpenTag<'t> {
    /// The default namespace inside the element.
    namespace: &'t str,
    /// The number of bindings in scope outside the element.
    scope: usize,
}

struct TreeWriting<'t> {
    tree: &'t Tree,
    indent: Option<usize>,
    text: String,
    /// The bound prefixes and their namespaces, outermost first.
    scope: Vec<(Cow<'t, str>, &'t str)>,
    open: Vec<OpenTag<'t>>,
    /// Indexed by name: whether it was checked and is valid.
    valid_names: Vec<bool>,
}

impl<'t> TreeWriting<'t> {
    fn subtree(&mut self, top: NodeId) -> Result<(), Error> {
        let mut node = top;
        loop {
            self.element(node)?;
            if let Some(child) = self.tree.first_child(node) {
                node = child;
                continue;
            }
            // Continues with the next node in document order, closing elements that end on the way.
            loop {
                if node == top {
                    return Ok(());
                }
                if let Some(sibling) = self.tree.next_sibling(node) {
                    node = sibling;
                    break;
                }
                let Some(parent) = self.tree.parent(node) else { return Ok(()) };
                node = parent;
                self.close(node);
            }
        }
    }

    /// Writes an element without children, or the start tag of one that has children.
    fn element(&mut self, node: NodeId) -> Result<(), Error> {
        let name = self.name(node)?;
        if name.namespace == XML {
            return self.unwritable(node, "an element cannot be in the namespace of the prefix `xml`".into());
        }
        let scope = self.scope.len();
        self.new_line();
        self.text.push('<');
        self.text.push_str(name.local);
        let default = self.open.last().map_or_else(|| self.bound(""), |open| Some(open.namespace));
        if default != Some(name.namespace) {
            self.attribute(node, "xmlns", name.namespace)?;
        }
        for (prefix, namespace) in self.tree.bindings(node) {
            self.declare(node, prefix.as_ref().into(), namespace, scope)?;
        }
        for (attribute, value) in self.tree.attributes(node) {
            self.check_name(node, attribute.local)?;
            if attribute.namespace.is_empty() {
                self.attribute(node, attribute.local, value)?;
            } else {
                let prefix = self.prefix(node, attribute.namespace, scope)?;
                self.attribute(node, &format!("{prefix}:{}", attribute.local), value)?;
            }
        }
        if self.tree.first_child(node).is_some() {
            self.text.push('>');
            self.open.push(OpenTag { namespace: name.namespace, scope });
            return Ok(());
        }
        match self.tree.value(node) {
            None | Some("") => self.text.push_str("/>"),
            Some(value) => {
                self.text.push('>');
                self.escape(node, value, false)?;
                self.end_tag(name.local);
            }
        }
        self.scope.truncate(scope);
        Ok(())
    }

    /// Writes the end tag of an element with children.
    fn close(&mut self, node: NodeId) {
        if let Some(open) = self.open.pop() {
            self.scope.truncate(open.scope);
        }
        self.new_line();
        self.end_tag(self.tree.qname(node).local);
    }

    fn end_tag(&mut self, local: &str) {
        self.text.push_str("</");
        self.text.push_str(local);
        self.text.push('>');
    }

    fn new_line(&mut self) {
        if let Some(blanks) = self.indent {
            if !self.text.is_empty() {
                self.text.push('\n');
            }
            self.text.extend(std::iter::repeat_n(' ', blanks * self.open.len()));
        }
    }

    fn name(&mut self, node: NodeId) -> Result<QName<'t>, Error> {
        let index = self.tree.name(node).index();
        let name = self.tree.qname(node);
        if !self.valid_names.get(index).is_some_and(|good| *good) {
            self.check_name(node, name.local)?;
            if self.valid_names.len() <= index {
                self.valid_names.resize(index + 1, false);
            }
            if let Some(good) = self.valid_names.get_mut(index) {
                *good = true;
            }
        }
        Ok(name)
    }

    fn check_name(&self, node: NodeId, name: &str) -> Result<(), Error> {
        if is_name(name) { Ok(()) } else { self.unwritable(node, format!("`{name}` is not a name")) }
    }

    fn unwritable<T>(&self, node: NodeId, reason: String) -> Result<T, Error> {
        Err(Error::Unwritable { node: self.tree.location(node), reason })
    }

    /// Returns the namespace to which a prefix is bound innermost.
    fn bound(&self, prefix: &str) -> Option<&'t str> {
        self.scope.iter().rev().find(|(other, _)| other == prefix).map(|(_, namespace)| *namespace)
    }

    /// Binds a prefix at an element whose own bindings start at `own` in the scope, unless it is bound to the
    /// same namespace there already.
    fn declare(
        &mut self,
        node: NodeId,
        prefix: Cow<'t, str>,
        namespace: &'t str,
        own: usize,
    ) -> Result<(), Error> {
        if self.bound(&prefix) == Some(namespace) {
            return Ok(());
        }
        let clash = self.scope.iter().skip(own).any(|(other, _)| *other == prefix);
        let reserved = matches!(&*prefix, "xml" | "xmlns") || namespace == XML;
        if clash || reserved || !is_name(&prefix) || namespace.is_empty() {
            return self.unwritable(node, format!("the prefix `{prefix}` cannot be bound to `{namespace}`"));
        }
        self.attribute(node, &format!("xmlns:{prefix}"), namespace)?;
        self.scope.push((prefix, namespace));
        Ok(())
    }

    /// Returns a prefix for the namespace of an attribute, binding one at this element if necessary.
    fn prefix(&mut self, node: NodeId, namespace: &'t str, own: usize) -> Result<Cow<'t, str>, Error> {
        // The default namespace does not apply to attributes.
        let bound = self.scope.iter().rev().find(|(prefix, other)| {
            *other == namespace && !prefix.is_empty() && self.bound(prefix) == Some(namespace)
        });
        if let Some((prefix, _)) = bound {
            return Ok(prefix.clone());
        }
        let known = WELL_KNOWN.iter().find(|(_, other)| *other == namespace).map(|(prefix, _)| *prefix);
        if namespace == XML {
            return Ok("xml".into());
        }
        let generated = (1..).map(|number| Cow::from(format!("a{number}")));
        let mut candidates = known.map(Cow::from).into_iter().chain(generated);
        let Some(prefix) = candidates.find(|prefix| self.bound(prefix).is_none()) else {
            return self.unwritable(node, "too many prefixes".into());
        };
        self.declare(node, prefix.clone(), namespace, own)?;
        Ok(prefix)
    }

    fn attribute(&mut self, node: NodeId, name: &str, value: &str) -> Result<(), Error> {
        self.text.push(' ');
        self.text.push_str(name);
        self.text.push_str("=\"");
        self.escape(node, value, true)?;
        self.text.push('"');
        Ok(())
    }

    /// Writes text with references for everything that a reader would not return unchanged: markup, the
    /// carriage return, and in attributes all whitespace except the space.
    fn escape(&mut self, node: NodeId, text: &str, in_attribute: bool) -> Result<(), Error> {
        let special = |byte: u8| match byte {
            b'&' | b'<' | b'>' | 0xef | ..=0x08 | 0x0b..=0x1f => true,
            b'"' | b'\t' | b'\n' => in_attribute,
            _ => false,
        };
        let mut rest = text;
        while let Some(at) = rest.bytes().position(special) {
            let (plain, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
            self.text.push_str(plain);
            let mut characters = from.chars();
            let Some(character) = characters.next() else { break };
            rest = characters.as_str();
            match character {
                '&' => self.text.push_str("&amp;"),
                '<' => self.text.push_str("&lt;"),
                '>' => self.text.push_str("&gt;"),
                '"' => self.text.push_str("&quot;"),
                '\t' => self.text.push_str("&#9;"),
                '\n' => self.text.push_str("&#10;"),
                '\r' => self.text.push_str("&#13;"),
                character if is_representable(character) => self.text.push(character),
                character => {
                    let reason = format!(
                        "it contains the character `{}`, which XML cannot carry",
                        character.escape_unicode()
                    );
                    return self.unwritable(node, reason);
                }
            }
        }
        self.text.push_str(rest);
        Ok(())
    }
}
