//! Reading XML text into a tree.

mod attributes;
mod known;
mod scope;

use std::borrow::Cow;

use confine_markup::{Markup, MarkupReader, StartTag};
use quick_xml::events::{BytesCData, BytesRef, BytesText};

use self::{
    known::{KnownBindings, KnownDeclarations, KnownNames, NamePlace},
    scope::PrefixScope,
};
use super::{
    error::{XmlError, XmlFault},
    is_blank, is_representable, unrepresentable,
};
use crate::{Error, Name, NodeId, QName, Tree, name::is_name, tree::BindingsId};

/// How many characters of the text an error shows.
const EXCERPT: usize = 40;

/// From so many bytes of values on, memory is reserved for all of them.
const FORECAST_FROM: usize = 64 << 10;

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
    name: Name,
    /// The name of its last child.
    last: Option<Name>,
}

struct TreeReading<'a, 't> {
    limits: XmlLimits,
    is_tolerant: bool,
    /// The number of open elements that are skipped.
    skipped: usize,
    tree: &'t mut Tree,
    reader: MarkupReader<'a>,
    /// The length of the input.
    length: usize,
    /// The offset in the input at which the current markup starts.
    offset: usize,
    /// Whether the input has a carriage return: if not, no line ends need normalizing.
    has_returns: bool,
    nodes: usize,
    /// The bytes of bindings in values so far.
    bindings: usize,
    open: Vec<OpenElement>,
    scope: PrefixScope,
    known_names: KnownNames<'a>,
    known_declarations: KnownDeclarations<'a>,
    known_bindings: KnownBindings,
    /// The text since the last tag.
    text: Cow<'a, str>,
}

impl<'a, 't> TreeReading<'a, 't> {
    fn new(options: &XmlTreeReader<'_>, tree: &'t mut Tree, input: &'a str) -> Result<Self, ReadStop> {
        if !options.is_tolerant
            && let Some(character) = unrepresentable(input)
        {
            let offset = input.find(character).unwrap_or_default();
            return Err(ReadStop::Text(offset, XmlFault::Character(character)));
        }
        tree.reserve(most_elements(input).min(options.limits.nodes));
        let scope = PrefixScope::new(options.scope, tree.names_mut());
        Ok(Self {
            limits: options.limits,
            is_tolerant: options.is_tolerant,
            skipped: 0,
            tree,
            reader: MarkupReader::new(input),
            length: input.len(),
            offset: 0,
            has_returns: memchr::memchr(b'\r', input.as_bytes()).is_some(),
            nodes: 0,
            bindings: 0,
            open: Vec::new(),
            scope,
            known_names: KnownNames::default(),
            known_declarations: KnownDeclarations::default(),
            known_bindings: KnownBindings::default(),
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
            self.offset = self.reader.position();
            let markup = match self.reader.read_leaves() {
                Ok(markup) => markup,
                Err(error) => {
                    self.offset = error.offset;
                    return self.malformed(error.problem);
                }
            };
            match markup {
                Markup::Start(_) if self.skipped > 0 => self.skipped += 1,
                Markup::End if self.skipped > 0 => self.skipped -= 1,
                Markup::EndOfText => return self.finish(),
                Markup::Doctype => return self.stop(XmlFault::Doctype),
                _ if self.skipped > 0 => {}
                Markup::Start(tag) => match self.start(tag, parent)? {
                    Some((node, name)) => self.open.push(OpenElement { node, name, last: None }),
                    None => self.skipped = 1,
                },
                Markup::Leaf { tag, value, end } => {
                    if let Some((node, _)) = self.start(tag, parent)? {
                        self.offset = end;
                        self.leaf(node, value)?;
                        self.scope.leave();
                    }
                }
                Markup::Empty(tag) => {
                    if self.start(tag, parent)?.is_some() {
                        self.scope.leave();
                    }
                }
                Markup::End => self.end()?,
                Markup::Text(text) if self.has_returns => {
                    self.push(BytesText::from_escaped(text).xml10_content());
                }
                Markup::CData(text) if self.has_returns => self.push(BytesCData::new(text).xml10_content()),
                Markup::Text(text) | Markup::CData(text) => self.push(text.into()),
                Markup::Reference(name) => self.push_reference(&BytesRef::new(name))?,
                Markup::Comment => {}
                Markup::Declaration if self.offset == 0 => {}
                Markup::Instruction if self.is_tolerant => {}
                Markup::Declaration | Markup::Instruction => return self.stop(XmlFault::Instruction),
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

    fn push_reference(&mut self, reference: &BytesRef<'_>) -> Result<(), ReadStop> {
        match self.reference(reference) {
            Ok(character) => self.text.to_mut().push(character),
            Err(ReadStop::Text(_, XmlFault::Character(character))) if self.is_tolerant => {
                self.text.to_mut().push(character);
            }
            Err(_) if self.is_tolerant => self.text.to_mut().extend(["&", &**reference, ";"]),
            Err(stop) => return Err(stop),
        }
        Ok(())
    }

    /// Checks that the text before or after an element is blank.
    fn check_blank_text(&mut self) -> Result<(), ReadStop> {
        if self.text.is_empty() {
            return Ok(());
        }
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

    /// Adds the node of an element, and enters its scope. Returns none if the element is to be skipped.
    #[inline]
    fn start(&mut self, tag: StartTag<'a>, parent: NodeId) -> Result<Option<(NodeId, Name)>, ReadStop> {
        self.check_blank_text()?;
        if self.open.len() == self.limits.depth {
            return self.stop(XmlFault::TooDeep(self.limits.depth));
        }
        if self.nodes == self.limits.nodes {
            return self.stop(XmlFault::TooManyNodes(self.limits.nodes));
        }
        self.nodes += 1;
        self.scope.enter();
        let has_attributes = !is_blank(tag.attributes());
        let has_others = has_attributes && self.declare(tag)?;
        let parent = self.open.last().map_or(parent, |open| open.node);
        let Some(name) = self.name(tag, parent)? else { return Ok(None) };
        if let Some(open) = self.open.last_mut() {
            open.last = Some(name);
        }
        let node = self.tree.append(parent, name)?;
        if has_others {
            self.attributes(&tag.to_bytes(), node)?;
        }
        Ok(Some((node, name)))
    }

    /// Returns the name of an element, or none if the element is to be skipped.
    #[inline]
    fn name(&mut self, tag: StartTag<'a>, parent: NodeId) -> Result<Option<Name>, ReadStop> {
        let place = match self.open.last() {
            None => NamePlace::Top,
            Some(OpenElement { last: Some(name), .. }) => NamePlace::After(*name),
            Some(OpenElement { name, .. }) => NamePlace::FirstIn(*name),
        };
        let default = self.scope.default_namespace();
        if let Some(name) = self.known_names.get(place, default, tag.name()) {
            return Ok(Some(name));
        }
        match self.element_name(tag.name()) {
            Ok(name) if !self.is_tolerant || !is_junos_comment(self.tree.names().resolve(name)) => {
                self.known_names.add(place, default, tag.name(), name);
                return Ok(Some(name));
            }
            skipped => {
                self.nodes -= 1;
                self.scope.leave();
                match skipped {
                    Err(_) if tag.name() == UNBOUND_JUNOS_COMMENT && self.is_tolerant => {}
                    Err(ReadStop::Text(_, fault)) => self.tolerate(parent, fault)?,
                    skipped => drop(skipped?),
                }
            }
        }
        Ok(None)
    }

    fn end(&mut self) -> Result<(), ReadStop> {
        // The reader has checked that the tags match.
        let Some(OpenElement { node, last, .. }) = self.open.pop() else { return Ok(()) };
        if self.text.is_empty() {
        } else if last.is_some() {
            if !is_blank(&std::mem::take(&mut self.text)) {
                self.tolerate(node, XmlFault::MixedContent)?;
            }
        } else {
            let text = std::mem::take(&mut self.text);
            self.set_value(node, &text)?;
        }
        self.scope.leave();
        Ok(())
    }

    #[inline]
    fn leaf(&mut self, node: NodeId, value: &str) -> Result<(), ReadStop> {
        if value.is_empty() {
            return Ok(());
        }
        if self.has_returns {
            return self.set_value(node, &BytesText::from_escaped(value).xml10_content());
        }
        self.set_value(node, value)
    }

    #[inline]
    fn set_value(&mut self, node: NodeId, value: &str) -> Result<(), ReadStop> {
        let bindings = match memchr::memchr(b':', value.as_bytes()) {
            Some(_) => self.bindings_of(value)?,
            None => BindingsId::NONE,
        };
        let (stored, room) = self.tree.text_room();
        if room < value.len() && stored >= FORECAST_FROM {
            self.reserve_text(stored, value.len());
        }
        Ok(self.tree.set_value_of(node, value, bindings)?)
    }

    /// Reserves memory for a value and those that follow it. If they are as long as those before, it is enough, and none of
    /// them is copied once more. It is never more than there is text.
    fn reserve_text(&mut self, stored: usize, more: usize) {
        let read = self.reader.position().max(1);
        let left = self.length.saturating_sub(read);
        let forecast = stored.saturating_mul(left) / read;
        let forecast = forecast.saturating_add(forecast / 16).max(stored / 2);
        self.tree.reserve_text(forecast.min(left).saturating_add(more));
    }

    /// Returns the bindings of the prefixes that a value with colons may use.
    fn bindings_of(&mut self, value: &str) -> Result<BindingsId, ReadStop> {
        let used = self.scope.used_by(value, self.limits.attributes);
        // Writing declares these prefixes at the element.
        if used.len() > self.limits.attributes {
            return self.stop(XmlFault::TooManyAttributes(self.limits.attributes));
        }
        let names = self.tree.names();
        self.bindings +=
            used.iter().map(|used| used.text.len() + names.namespace(used.namespace).len()).sum::<usize>();
        if self.bindings > self.limits.bindings {
            return self.stop(XmlFault::TooManyBindings(self.limits.bindings));
        }
        if let Some(bindings) = self.known_bindings.get(&used) {
            return Ok(bindings);
        }
        let texts: Vec<(&str, String)> =
            used.iter().map(|used| (used.text, names.namespace(used.namespace).to_owned())).collect();
        let texts: Vec<(&str, &str)> =
            texts.iter().map(|(prefix, namespace)| (*prefix, &**namespace)).collect();
        let bindings = self.tree.intern_bindings(&texts);
        self.known_bindings.add(&used, bindings);
        Ok(bindings)
    }

    fn element_name(&mut self, name: &str) -> Result<Name, ReadStop> {
        let (prefix, local) = match name.split_once(':') {
            None => ("", name),
            Some(("", _)) => return self.stop(XmlFault::Name(clip(name))),
            Some(("xml", _)) => return self.stop(XmlFault::Reserved(clip(name))),
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
            return self.stop(XmlFault::Name(clip(name)));
        }
        Ok(self.tree.names_mut().intern_in(namespace, local))
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

/// Returns how many elements a text has at most.
fn most_elements(text: &str) -> usize {
    const CHUNK: usize = 128;
    const SHORTEST: usize = "<a/>".len();
    let text = text.as_bytes();
    let after = text.get(1..).unwrap_or_default();
    // Sums of a byte each are computed many at a time. They stay below 256.
    let starts = text.chunks(CHUNK).zip(after.chunks(CHUNK)).map(|(text, after)| {
        let starts = text.iter().zip(after).map(|(&byte, &next)| u8::from(byte == b'<' && next != b'/'));
        usize::from(starts.fold(0_u8, u8::wrapping_add))
    });
    starts.sum::<usize>().min(text.len() / SHORTEST + 1)
}

/// The name of a comment of Junos if a reply does not declare its prefix.
const UNBOUND_JUNOS_COMMENT: &str = "junos:comment";

/// Returns whether an element is a comment in the configuration of Junos, next to what it is about.
fn is_junos_comment(name: QName<'_>) -> bool {
    name.local == "comment"
        && name.namespace.strip_prefix("http://xml.juniper.net/").is_some_and(|rest| rest.ends_with("junos"))
}
