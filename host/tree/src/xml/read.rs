//! Reading XML text into a tree.

mod scope;

use std::borrow::Cow;

use quick_xml::{
    XmlVersion,
    events::{BytesRef, BytesStart, Event, attributes::Attribute},
};

use self::scope::PrefixScope;
use super::{
    error::{XmlError, XmlFault},
    is_blank, is_representable, unrepresentable,
};
use crate::{Error, Name, NodeId, QName, Tree, name::is_name};

/// How many characters of the text an error shows.
const EXCERPT: usize = 40;

/// Limits of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XmlLimits {
    /// The depth of nested elements. The known YANG models stay below 40.
    pub depth: usize,
    /// The number of elements. Each takes 36 bytes of memory.
    pub nodes: usize,
    /// The number of attributes and namespace declarations of one element, which are compared with each
    /// other.
    pub attributes: usize,
    /// The bytes of a namespace. The path of a node has one in each step.
    pub namespace: usize,
    /// The total bytes of the prefixes that values use and of their namespaces. They are kept with each
    /// value, which can refer to a long namespace by a prefix of one letter.
    pub bindings: usize,
}

impl Default for XmlLimits {
    fn default() -> Self {
        Self { depth: 256, nodes: 100_000_000, attributes: 256, namespace: 4 << 10, bindings: 1 << 30 }
    }
}

/// Reads a whole text into a new tree.
pub fn parse(text: &str) -> Result<Tree, Error> {
    let mut tree = Tree::new();
    XmlTreeReader::new().read(&mut tree, Tree::ROOT, text)?;
    Ok(tree)
}

/// Reads XML text into a tree.
///
/// Elements become nodes and text becomes values. Whitespace between elements, comments and an XML
/// declaration at the start are skipped. A document type declaration, processing instructions, entities other
/// than the five predefined ones and text next to elements are rejected. `<a/>` and `<a></a>` are the same: a
/// node without a value.
///
/// If a value contains something that looks like a name with a prefix (`p:name`) and the prefix is bound, the
/// binding is kept with the value.
///
/// A [tolerant](Self::tolerant) reader gets over what devices answer.
#[derive(Clone, Copy, Debug, Default)]
pub struct XmlTreeReader<'s> {
    scope: &'s [(&'s str, &'s str)],
    limits: XmlLimits,
    is_tolerant: bool,
}

impl<'s> XmlTreeReader<'s> {
    /// Returns a reader with the default limits.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the prefixes and namespaces that are declared around the text, for a fragment of a larger one.
    /// The prefix of the default namespace is empty.
    pub fn scope(self, scope: &'s [(&'s str, &'s str)]) -> Self {
        Self { scope, ..self }
    }

    /// Sets the limits; text that exceeds them is rejected.
    pub fn limits(self, limits: XmlLimits) -> Self {
        Self { limits, ..self }
    }

    /// Makes the reader get over what only concerns one node, so that one odd node of a device does not cost a whole
    /// reply. Control characters and unknown entities become part of the value. Text next to elements, and elements that
    /// have no name with a namespace, are skipped, and the node has a [fault](Tree::fault). Comments of Junos are skipped,
    /// as are attributes that are not bound and processing instructions.
    pub fn tolerant(self) -> Self {
        Self { is_tolerant: true, ..self }
    }

    /// Reads any number of elements and appends them to the children of `parent`. After an error none of them
    /// is added.
    pub fn read(&self, tree: &mut Tree, parent: NodeId, text: &str) -> Result<(), Error> {
        let before = tree.last_child(parent);
        let result = TreeReading::new(self, tree, text).and_then(|mut reading| reading.run(parent));
        if result.is_err() {
            while let Some(child) = tree.last_child(parent).filter(|&child| Some(child) != before) {
                tree.detach(child);
            }
        }
        result.map_err(|stop| match stop {
            ReadStop::Tree(error) => error,
            ReadStop::Text(offset, fault) => Error::Xml(Box::new(locate(text, offset, fault))),
        })
    }
}

/// Why reading stopped: a fault at an offset of the text, or an error of the tree itself.
enum ReadStop {
    Text(usize, XmlFault),
    Tree(Error),
}

impl From<Error> for ReadStop {
    fn from(error: Error) -> Self {
        Self::Tree(error)
    }
}

fn locate(text: &str, offset: usize, fault: XmlFault) -> XmlError {
    let offset = text.floor_char_boundary(offset);
    let (before, after) = text.split_at_checked(offset).unwrap_or((text, ""));
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let shown = after.chars().take(EXCERPT);
    XmlError {
        line: before.matches('\n').count() + 1,
        column: before.get(start..).unwrap_or_default().chars().count() + 1,
        excerpt: shown.map(|c| if c.is_control() { '·' } else { c }).collect(),
        fault,
    }
}

/// Shortens a name for a message.
fn clip(text: &str) -> String {
    const MOST: usize = 200;
    let mut characters = text.chars();
    let mut clipped: String = characters.by_ref().take(MOST).collect();
    if characters.next().is_some() {
        clipped.push('…');
    }
    clipped
}

/// An element that is open.
struct OpenElement {
    node: NodeId,
    has_children: bool,
}

struct TreeReading<'a, 't> {
    limits: XmlLimits,
    is_tolerant: bool,
    /// The number of open elements that are skipped.
    skipped: usize,
    tree: &'t mut Tree,
    reader: quick_xml::Reader<&'a [u8]>,
    /// The offset in the input at which the current markup starts.
    offset: usize,
    /// Whether the input has a carriage return: if not, no line ends need normalizing.
    has_returns: bool,
    nodes: usize,
    /// The bytes of bindings in values so far.
    bindings: usize,
    open: Vec<OpenElement>,
    scope: PrefixScope,
    /// The text since the last tag.
    text: Cow<'a, str>,
}

impl<'a, 't> TreeReading<'a, 't> {
    fn new(options: &XmlTreeReader<'_>, tree: &'t mut Tree, input: &'a str) -> Result<Self, ReadStop> {
        if let Some(character) = unrepresentable(input).filter(|_| !options.is_tolerant) {
            let offset = input.find(character).unwrap_or_default();
            return Err(ReadStop::Text(offset, XmlFault::Character(character)));
        }
        // At most half of the tags are start tags, unless elements are empty.
        let tags = memchr::memchr_iter(b'<', input.as_bytes()).count();
        tree.reserve((tags / 2 + 1).min(options.limits.nodes));
        let scope = PrefixScope::new(options.scope, tree.names_mut());
        Ok(Self {
            limits: options.limits,
            is_tolerant: options.is_tolerant,
            skipped: 0,
            tree,
            reader: quick_xml::Reader::from_str(input),
            offset: 0,
            has_returns: memchr::memchr(b'\r', input.as_bytes()).is_some(),
            nodes: 0,
            bindings: 0,
            open: Vec::new(),
            scope,
            text: Cow::default(),
        })
    }

    fn stop<T>(&self, fault: XmlFault) -> Result<T, ReadStop> {
        Err(ReadStop::Text(self.offset, fault))
    }

    fn malformed<T>(&self, error: impl ToString) -> Result<T, ReadStop> {
        self.stop(XmlFault::Malformed(clip(&error.to_string())))
    }

    fn run(&mut self, parent: NodeId) -> Result<(), ReadStop> {
        loop {
            self.offset = usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX);
            let event = match self.reader.read_event() {
                Ok(event) => event,
                Err(error) => {
                    self.offset = usize::try_from(self.reader.error_position()).unwrap_or(usize::MAX);
                    return self.malformed(error);
                }
            };
            match event {
                Event::Start(_) if self.skipped > 0 => self.skipped += 1,
                Event::End(_) if self.skipped > 0 => self.skipped -= 1,
                Event::Eof => return self.finish(),
                Event::DocType(_) => return self.stop(XmlFault::Doctype),
                _ if self.skipped > 0 => {}
                Event::Start(tag) => self.start(&tag, parent)?,
                Event::End(_) => self.end()?,
                Event::Empty(tag) => {
                    self.start(&tag, parent)?;
                    match self.skipped {
                        0 => self.end()?,
                        _ => self.skipped = 0,
                    }
                }
                Event::Text(text) if self.has_returns => self.push(text.xml10_content()),
                Event::Text(text) => self.push(text.into_inner()),
                Event::CData(text) if self.has_returns => self.push(text.xml10_content()),
                Event::CData(text) => self.push(text.into_inner()),
                Event::GeneralRef(reference) => match self.reference(&reference) {
                    Ok(character) => self.text.to_mut().push(character),
                    Err(ReadStop::Text(_, XmlFault::Character(character))) if self.is_tolerant => {
                        self.text.to_mut().push(character);
                    }
                    Err(_) if self.is_tolerant => {
                        let text = self.text.to_mut();
                        text.extend(["&", &*reference, ";"]);
                    }
                    Err(stop) => return Err(stop),
                },
                Event::Comment(_) => {}
                Event::Decl(_) if self.offset == 0 => {}
                Event::PI(_) if self.is_tolerant => {}
                Event::Decl(_) | Event::PI(_) => return self.stop(XmlFault::Instruction),
            }
        }
    }

    fn finish(&self) -> Result<(), ReadStop> {
        if self.skipped > 0 {
            return self.malformed("the text ends inside an element");
        }
        match self.open.last() {
            Some(open) => self.stop(XmlFault::Unclosed(clip(self.tree.qname(open.node).local))),
            None if is_blank(&self.text) => Ok(()),
            None => self.stop(XmlFault::OutsideText),
        }
    }

    fn push(&mut self, piece: Cow<'a, str>) {
        if self.text.is_empty() {
            self.text = piece;
        } else {
            self.text.to_mut().push_str(&piece);
        }
    }

    /// Checks that the text before or after an element is blank.
    fn check_blank_text(&mut self) -> Result<(), ReadStop> {
        let text = std::mem::take(&mut self.text);
        match (is_blank(&text), self.open.last()) {
            (true, _) => Ok(()),
            (false, None) => self.stop(XmlFault::OutsideText),
            (false, Some(open)) => self.tolerate(open.node, XmlFault::MixedContent),
        }
    }

    /// Marks a node with a fault, or stops if the reader is not tolerant.
    fn tolerate(&mut self, node: NodeId, fault: XmlFault) -> Result<(), ReadStop> {
        if !self.is_tolerant {
            return self.stop(fault);
        }
        self.tree.set_fault(node, fault);
        Ok(())
    }

    fn start(&mut self, tag: &BytesStart<'a>, parent: NodeId) -> Result<(), ReadStop> {
        self.check_blank_text()?;
        if self.open.len() == self.limits.depth {
            return self.stop(XmlFault::TooDeep(self.limits.depth));
        }
        if self.nodes == self.limits.nodes {
            return self.stop(XmlFault::TooManyNodes(self.limits.nodes));
        }
        self.nodes += 1;
        self.scope.enter();
        let has_attributes = !is_blank(tag.attributes_raw());
        if has_attributes {
            self.declarations(tag)?;
        }
        let parent = self.open.last().map_or(parent, |open| open.node);
        let name = match self.element_name(tag) {
            Ok(name) if !self.is_tolerant || !is_junos_comment(self.tree.names().resolve(name)) => name,
            skipped => {
                self.nodes -= 1;
                self.scope.leave();
                self.skipped = 1;
                return match skipped {
                    Err(_) if tag.name().as_ref() == UNBOUND_JUNOS_COMMENT && self.is_tolerant => Ok(()),
                    Err(ReadStop::Text(_, fault)) => self.tolerate(parent, fault),
                    skipped => skipped.map(drop),
                };
            }
        };
        if let Some(open) = self.open.last_mut() {
            open.has_children = true;
        }
        let node = self.tree.append(parent, name)?;
        if has_attributes {
            self.attributes(tag, node)?;
        }
        self.open.push(OpenElement { node, has_children: false });
        Ok(())
    }

    fn end(&mut self) -> Result<(), ReadStop> {
        // The library has checked that the tags match.
        let Some(OpenElement { node, has_children }) = self.open.pop() else { return Ok(()) };
        if has_children {
            if !is_blank(&std::mem::take(&mut self.text)) {
                self.tolerate(node, XmlFault::MixedContent)?;
            }
        } else if !self.text.is_empty() {
            let text = std::mem::take(&mut self.text);
            self.set_value(node, &text)?;
        }
        self.scope.leave();
        Ok(())
    }

    fn set_value(&mut self, node: NodeId, value: &str) -> Result<(), ReadStop> {
        let used = self.scope.used_by(value, self.limits.attributes);
        // Writing declares these prefixes at the element.
        if used.len() > self.limits.attributes {
            return self.stop(XmlFault::TooManyAttributes(self.limits.attributes));
        }
        let used = used.into_iter().map(|(prefix, id)| (prefix, self.tree.names().namespace(id).to_owned()));
        let used: Vec<(&str, String)> = used.collect();
        self.bindings += used.iter().map(|(prefix, namespace)| prefix.len() + namespace.len()).sum::<usize>();
        if self.bindings > self.limits.bindings {
            return self.stop(XmlFault::TooManyBindings(self.limits.bindings));
        }
        let bindings: Vec<(&str, &str)> = used.iter().map(|(prefix, ns)| (*prefix, &**ns)).collect();
        Ok(self.tree.set_value(node, value, &bindings)?)
    }

    fn element_name(&mut self, tag: &BytesStart<'a>) -> Result<Name, ReadStop> {
        let name = tag.name();
        let (prefix, local) = match name.as_ref().split_once(':') {
            None => ("", name.as_ref()),
            Some(("", _)) => return self.stop(XmlFault::Name(clip(name.as_ref()))),
            Some(("xml", _)) => return self.stop(XmlFault::Reserved(clip(name.as_ref()))),
            Some((prefix, local)) => (prefix, local),
        };
        let Some(namespace) = self.scope.resolve(prefix) else {
            return self.stop(XmlFault::UnboundPrefix(clip(prefix)));
        };
        // Most names occurred before and are known to be valid; the empty one is that of the root.
        if let Some(name) = self.tree.names().get_in(namespace, local).filter(|_| !local.is_empty()) {
            return Ok(name);
        }
        if !is_name(local) {
            return self.stop(XmlFault::Name(clip(name.as_ref())));
        }
        Ok(self.tree.names_mut().intern_in(namespace, local))
    }

    /// Calls `each` for the tag's attributes as written, up to the limit.
    fn each_attribute(
        &mut self,
        tag: &BytesStart<'_>,
        mut each: impl FnMut(&mut Self, &str, &Attribute<'_>) -> Result<(), ReadStop>,
    ) -> Result<(), ReadStop> {
        let mut attributes = tag.attributes();
        // The library would compare them with each other before their number is known to be small.
        attributes.with_checks(false);
        for (index, attribute) in attributes.enumerate() {
            if index == self.limits.attributes {
                return self.stop(XmlFault::TooManyAttributes(self.limits.attributes));
            }
            match attribute {
                Ok(attribute) => match each(self, attribute.key.as_ref(), &attribute) {
                    // What an attribute of a reply says is not configuration.
                    Err(ReadStop::Text(..)) if self.is_tolerant => {}
                    result => result?,
                },
                Err(error) => return self.malformed(error),
            }
        }
        Ok(())
    }

    fn declarations(&mut self, tag: &BytesStart<'_>) -> Result<(), ReadStop> {
        self.each_attribute(tag, |this, key, attribute| {
            let Some(prefix) = declared_prefix(key) else { return Ok(()) };
            if !prefix.is_empty() && !is_name(prefix) {
                return this.stop(XmlFault::Name(clip(prefix)));
            }
            let namespace = this.attribute_value(attribute)?;
            if namespace.len() > this.limits.namespace {
                return this.stop(XmlFault::LongNamespace(this.limits.namespace));
            }
            let reserved = prefix == "xmlns" || (prefix == "xml") != (*namespace == *super::XML);
            if reserved || (namespace.is_empty() && !prefix.is_empty()) {
                return this.stop(XmlFault::Declaration(clip(prefix)));
            }
            let namespace = this.tree.names_mut().intern_namespace(&namespace);
            if !this.scope.declare(prefix, namespace) {
                return this.stop(XmlFault::DuplicateAttribute(clip(key)));
            }
            Ok(())
        })
    }

    fn attributes(&mut self, tag: &BytesStart<'_>, node: NodeId) -> Result<(), ReadStop> {
        self.each_attribute(tag, |this, key, attribute| {
            if declared_prefix(key).is_some() {
                return Ok(());
            }
            // An attribute without a prefix is in no namespace, whatever the default namespace is.
            let (namespace, local) = match key.split_once(':') {
                None => (this.tree.names_mut().intern_namespace(""), key),
                Some((prefix, local)) => match this.scope.resolve(prefix) {
                    Some(namespace) if !prefix.is_empty() => (namespace, local),
                    _ => return this.stop(XmlFault::UnboundPrefix(clip(prefix))),
                },
            };
            if !is_name(local) {
                return this.stop(XmlFault::Name(clip(key)));
            }
            let name = this.tree.names_mut().intern_in(namespace, local);
            let value = this.attribute_value(attribute)?;
            if !this.tree.add_attribute(node, name, &value) {
                return this.stop(XmlFault::DuplicateAttribute(clip(key)));
            }
            Ok(())
        })
    }

    fn attribute_value<'v>(&self, attribute: &Attribute<'v>) -> Result<Cow<'v, str>, ReadStop> {
        if attribute.value.contains('<') {
            return self.malformed("`<` is not allowed in an attribute value: write `&lt;`");
        }
        let value = match attribute.normalized_value(XmlVersion::Explicit1_0) {
            Ok(value) => value,
            Err(error) => return self.malformed(error),
        };
        match unrepresentable(&value) {
            Some(character) => self.stop(XmlFault::Character(character)),
            None => Ok(value),
        }
    }

    fn reference(&self, reference: &BytesRef<'_>) -> Result<char, ReadStop> {
        let character = match &**reference {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "apos" => '\'',
            "quot" => '"',
            entity => match reference.resolve_char_ref() {
                Ok(Some(character)) => character,
                Ok(None) => return self.stop(XmlFault::Entity(clip(entity))),
                Err(error) => return self.malformed(error),
            },
        };
        if is_representable(character) { Ok(character) } else { self.stop(XmlFault::Character(character)) }
    }
}

/// The name of a comment of Junos if a reply does not declare its prefix.
const UNBOUND_JUNOS_COMMENT: &str = "junos:comment";

/// Returns whether an element is a comment in the configuration of Junos, next to what it is about.
fn is_junos_comment(name: QName<'_>) -> bool {
    name.local == "comment"
        && name.namespace.strip_prefix("http://xml.juniper.net/").is_some_and(|rest| rest.ends_with("junos"))
}

/// Returns the prefix that an attribute declares, if it is a namespace declaration; empty for the default
/// namespace.
fn declared_prefix(key: &str) -> Option<&str> {
    match key.strip_prefix("xmlns")? {
        "" => Some(""),
        rest => rest.strip_prefix(':'),
    }
}
