//! Reads XML as slices of a message, with the namespaces in scope.
//!
//! [`ChildElements`] iterates over one level of a document and skips the content of each child. So reading the envelope
//! of a message is one pass over its text, and its content is not copied.

use std::borrow::Cow;
use std::ops::Range;

use confine_markup::{Markup, MarkupError, MarkupReader, StartTag};
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesCData, BytesRef, BytesText};
use quick_xml::name::{Namespace, NamespaceResolver, PrefixDeclaration, ResolveResult};

use crate::Error;

/// The namespace declarations in scope: pairs of prefix and namespace, innermost last, each prefix once. The default
/// namespace has the empty prefix.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PrefixBindings(Vec<(String, String)>);

impl PrefixBindings {
    /// Returns the prefix and the namespace of each declaration.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(prefix, namespace)| (prefix.as_str(), namespace.as_str()))
    }

    /// Returns the namespace of a prefix, or the default namespace for the empty prefix.
    pub fn resolve(&self, prefix: &str) -> Option<&str> {
        self.iter().find(|(bound, _)| *bound == prefix).map(|(_, namespace)| namespace)
    }

    fn of(resolver: &NamespaceResolver) -> Self {
        let prefix = |declaration: PrefixDeclaration<'_>| match declaration {
            PrefixDeclaration::Default => String::new(),
            PrefixDeclaration::Named(prefix) => prefix.to_owned(),
        };
        Self(resolver.bindings().map(|(name, Namespace(uri))| (prefix(name), uri.to_owned())).collect())
    }

    fn resolver(&self) -> NamespaceResolver {
        let mut resolver = NamespaceResolver::default();
        resolver.set_max_namespace_bindings(usize::MAX);
        for (prefix, namespace) in self.iter() {
            let prefix = match prefix {
                "" => PrefixDeclaration::Default,
                prefix => PrefixDeclaration::Named(prefix),
            };
            // Another resolver has accepted these declarations, so this one accepts them too.
            let _ = resolver.add(prefix, Namespace(namespace));
        }
        resolver
    }
}

/// A slice of XML: the content of an element, byte for byte.
///
/// It is `'static` if it owns the message it is part of.
#[derive(Debug, Clone)]
pub struct Payload<'a> {
    text: Cow<'a, str>,
    range: Range<usize>,
    scope: PrefixBindings,
}

impl<'a> Payload<'a> {
    /// Returns the XML. Its prefixes may be declared outside: see [`bindings`](Self::bindings).
    pub fn as_str(&self) -> &str {
        self.text.get(self.range.clone()).unwrap_or_default()
    }

    /// Returns whether the slice is empty, without even white space.
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// Returns the namespace declarations of the enclosing elements.
    pub fn bindings(&self) -> &PrefixBindings {
        &self.scope
    }

    /// Returns the elements at the top level of the slice, in order.
    pub fn children(&self) -> ChildElements<'_> {
        ChildElements::new(self.as_str(), self.scope.resolver(), ElementEnd::OfText)
    }

    /// Returns the slice without the message it is part of. [`attach`](Self::attach) adds the message again.
    pub(crate) fn detach(self) -> Payload<'static> {
        Payload { text: Cow::Borrowed(""), range: self.range, scope: self.scope }
    }

    /// Gives the slice ownership of the message it is part of.
    pub(crate) fn attach(&mut self, text: String) {
        self.text = Cow::Owned(text);
    }
}

/// An attribute other than a namespace declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XmlAttribute {
    /// The name without prefix.
    pub name: String,
    /// The namespace; empty for an attribute without prefix.
    pub namespace: String,
    /// The value, unescaped.
    pub value: String,
}

/// An element: its name, its attributes, and its unparsed content.
#[derive(Debug, Clone)]
pub struct XmlElement<'a> {
    name: String,
    namespace: String,
    attributes: Vec<XmlAttribute>,
    content: Payload<'a>,
}

impl<'a> XmlElement<'a> {
    /// Returns the name without prefix.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the namespace; empty for none.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Returns whether the element has this namespace and name.
    pub fn is_named(&self, namespace: &str, name: &str) -> bool {
        self.name == name && self.namespace == namespace
    }

    /// Returns the attributes, in order.
    pub fn attributes(&self) -> &[XmlAttribute] {
        &self.attributes
    }

    /// Returns the value of the first attribute of this name, in any namespace. The controller and its clients write the
    /// same attribute with different prefixes or none.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        attribute(&self.attributes, name)
    }

    /// Returns the content of the element.
    pub fn content(&self) -> &Payload<'a> {
        &self.content
    }

    /// Returns the content and drops the element.
    pub fn into_content(self) -> Payload<'a> {
        self.content
    }

    /// Returns the child elements, in order.
    pub fn children(&self) -> ChildElements<'_> {
        self.content.children()
    }

    /// Returns the first child of this name, in any namespace.
    pub fn child(&self, name: &str) -> Result<Option<XmlElement<'_>>, Error> {
        self.children().find(|child| child.as_ref().map_or(true, |child| child.name == name)).transpose()
    }

    /// Returns the text of the first child of this name, in any namespace.
    pub fn child_text(&self, name: &str) -> Result<Option<String>, Error> {
        self.child(name)?.map(|child| child.text()).transpose()
    }

    /// Returns the text of an element without child elements, unescaped and otherwise unchanged.
    pub fn text(&self) -> Result<String, Error> {
        let mut reader = MarkupReader::new(self.content.as_str());
        let mut text = String::new();
        loop {
            match read(&mut reader)? {
                Markup::Text(part) => text.push_str(&BytesText::from_escaped(part).xml10_content()),
                Markup::CData(part) => text.push_str(&BytesCData::new(part).xml10_content()),
                Markup::Reference(name) => push_reference(&mut text, &BytesRef::new(name), &reader)?,
                Markup::Comment | Markup::Instruction => {}
                Markup::EndOfText => return Ok(text),
                _ => return Err(Error::invalid(format!("`{}` has elements where text belongs", self.name))),
            }
        }
    }

    pub(crate) fn detach(self) -> XmlElement<'static> {
        let Self { name, namespace, attributes, content } = self;
        XmlElement { name, namespace, attributes, content: content.detach() }
    }

    pub(crate) fn attach(&mut self, text: String) {
        self.content.attach(text);
    }
}

/// The root element of a message, after its start tag.
pub(crate) struct RootElement<'a> {
    pub(crate) name: String,
    pub(crate) namespace: String,
    attributes: Vec<XmlAttribute>,
    scope: PrefixBindings,
    children: ChildElements<'a>,
}

impl<'a> RootElement<'a> {
    /// Reads up to the end of the first start tag of `text`.
    pub(crate) fn open(text: &'a str) -> Result<Self, Error> {
        let mut children = ChildElements::new(text, PrefixBindings::default().resolver(), ElementEnd::OfRoot);
        let tag = loop {
            match read(&mut children.reader)? {
                Markup::Start(tag) => break tag,
                Markup::Empty(tag) => {
                    children.is_empty_root = true;
                    break tag;
                }
                Markup::EndOfText => return Err(Error::invalid("it has no root element")),
                markup => check_between_elements(markup, &children.reader)?,
            }
        };
        let (name, namespace, attributes) = children.enter(tag)?;
        children.start = children.reader.position();
        let scope = PrefixBindings::of(&children.resolver);
        Ok(Self { name, namespace, attributes, scope, children })
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        attribute(&self.attributes, name)
    }

    /// Returns the children. After the last one, the text after the root is checked too.
    pub(crate) fn children(&mut self) -> &mut ChildElements<'a> {
        &mut self.children
    }

    /// Returns the content of the root, up to the child that was read last.
    pub(crate) fn content(&self) -> Payload<'a> {
        let range = self.children.start..self.children.event_start;
        Payload { text: Cow::Borrowed(self.children.text), range, scope: self.scope.clone() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ElementEnd {
    /// The level ends with the text.
    OfText,
    /// The level ends with the end tag of the root element. Only white space and comments may follow.
    OfRoot,
}

/// Iterates over the elements of one level, in order. Ends after the first error.
pub struct ChildElements<'a> {
    reader: MarkupReader<'a>,
    text: &'a str,
    resolver: NamespaceResolver,
    end: ElementEnd,
    done: bool,
    /// Whether the level ends at once, because the tag of the root is all there is of it.
    is_empty_root: bool,
    /// The offset of the level in `text`.
    start: usize,
    /// The offset of the event that was read last: at the end, the end of the level.
    event_start: usize,
}

impl<'a> ChildElements<'a> {
    fn new(text: &'a str, resolver: NamespaceResolver, end: ElementEnd) -> Self {
        let reader = MarkupReader::new(text);
        Self { reader, text, resolver, end, done: false, is_empty_root: false, start: 0, event_start: 0 }
    }

    /// Adds the declarations of a start tag to the scope and resolves its name and attributes.
    fn enter(&mut self, tag: StartTag<'_>) -> Result<(String, String, Vec<XmlAttribute>), Error> {
        let offset = self.reader.position() as u64;
        let start = tag.to_bytes();
        self.resolver.push(&start).map_err(|error| Error::xml(offset, error))?;
        let (namespace, name) = self.resolver.resolve_element(start.name());
        let namespace = resolved_namespace(namespace)?;
        let name = name.into_inner().to_owned();
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| Error::xml(offset, error))?;
            if attribute.key.as_namespace_binding().is_some() {
                continue;
            }
            let (namespace, name) = self.resolver.resolve_attribute(attribute.key);
            let value = attribute.normalized_value(XmlVersion::Explicit1_0);
            attributes.push(XmlAttribute {
                name: name.into_inner().to_owned(),
                namespace: resolved_namespace(namespace)?,
                value: value.map_err(|error| Error::xml(offset, error))?.into_owned(),
            });
        }
        Ok((name, namespace, attributes))
    }

    /// Skips the content of the element whose start tag was read last. Returns the offset of its end.
    fn skip_element(&mut self) -> Result<usize, Error> {
        let mut depth = 1_usize;
        loop {
            let before = self.reader.position();
            match self.reader.read_leaves().map_err(malformed)? {
                Markup::Start(_) => depth += 1,
                Markup::End if depth == 1 => return Ok(before),
                Markup::End => depth -= 1,
                Markup::EndOfText => return Err(Error::invalid("it ends inside an element")),
                Markup::Doctype => return Err(doctype()),
                _ => {}
            }
        }
    }

    fn next_element(&mut self) -> Result<Option<XmlElement<'a>>, Error> {
        loop {
            self.event_start = self.reader.position();
            let markup = if self.is_empty_root { Markup::End } else { read(&mut self.reader)? };
            match markup {
                Markup::Start(tag) | Markup::Empty(tag) => {
                    let (name, namespace, attributes) = self.enter(tag)?;
                    let scope = PrefixBindings::of(&self.resolver);
                    let start = self.reader.position();
                    let end = if matches!(markup, Markup::Start(_)) { self.skip_element()? } else { start };
                    let range = start..end;
                    self.resolver.pop();
                    let content = Payload { text: Cow::Borrowed(self.text), range, scope };
                    return Ok(Some(XmlElement { name, namespace, attributes, content }));
                }
                Markup::End => {
                    loop {
                        match read(&mut self.reader)? {
                            Markup::EndOfText => break,
                            Markup::Start(_) | Markup::Empty(_) => {
                                return Err(Error::invalid("it has more than one root element"));
                            }
                            markup => check_between_elements(markup, &self.reader)?,
                        }
                    }
                    return Ok(None);
                }
                Markup::EndOfText if self.end == ElementEnd::OfText => return Ok(None),
                Markup::EndOfText => return Err(Error::invalid("it ends inside an element")),
                markup => check_between_elements(markup, &self.reader)?,
            }
        }
    }
}

impl<'a> Iterator for ChildElements<'a> {
    type Item = Result<XmlElement<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = self.next_element().transpose();
        self.done = !matches!(next, Some(Ok(_)));
        next
    }
}

/// Checks that `xml` is a sequence of complete elements, with only white space and comments between them.
pub(crate) fn check_fragment(xml: &str) -> Result<(), Error> {
    let mut reader = ChildElements::new(xml, NamespaceResolver::default(), ElementEnd::OfText);
    loop {
        match read(&mut reader.reader)? {
            Markup::Start(_) => {
                reader.skip_element()?;
            }
            Markup::Empty(_) => {}
            Markup::EndOfText => return Ok(()),
            markup => check_between_elements(markup, &reader.reader)?,
        }
    }
}

fn attribute<'e>(attributes: &'e [XmlAttribute], name: &str) -> Option<&'e str> {
    attributes.iter().find(|attribute| attribute.name == name).map(|attribute| attribute.value.as_str())
}

fn read<'a>(reader: &mut MarkupReader<'a>) -> Result<Markup<'a>, Error> {
    reader.read().map_err(malformed)
}

fn malformed(error: MarkupError) -> Error {
    Error::xml(error.offset as u64, error.problem)
}

/// Refuses what is not allowed between elements.
fn check_between_elements(markup: Markup<'_>, reader: &MarkupReader<'_>) -> Result<(), Error> {
    match markup {
        Markup::Text(text) if text.trim_ascii().is_empty() => Ok(()),
        Markup::Comment | Markup::Instruction | Markup::Declaration => Ok(()),
        Markup::Doctype => Err(doctype()),
        _ => Err(Error::invalid(format!("it has text between elements, before byte {}", reader.position()))),
    }
}

fn doctype() -> Error {
    Error::invalid("it has a document type declaration, which RFC 6241 section 3 forbids")
}

fn resolved_namespace(namespace: ResolveResult<'_>) -> Result<String, Error> {
    match namespace {
        ResolveResult::Bound(Namespace(namespace)) => Ok(namespace.to_owned()),
        ResolveResult::Unbound => Ok(String::new()),
        ResolveResult::Unknown(prefix) => Err(Error::invalid(format!("the prefix `{prefix}` is not bound"))),
    }
}

/// The meaning of a reference in text.
enum ResolvedReference {
    Character(char),
    Entity(&'static str),
}

fn resolve_reference(
    reference: &BytesRef<'_>,
    reader: &MarkupReader<'_>,
) -> Result<ResolvedReference, Error> {
    let offset = reader.position() as u64;
    if let Some(character) = reference.resolve_char_ref().map_err(|error| Error::xml(offset, error))? {
        return Ok(ResolvedReference::Character(character));
    }
    resolve_predefined_entity(reference)
        .map(ResolvedReference::Entity)
        .ok_or_else(|| Error::invalid(format!("the entity `{}` is not declared", &**reference)))
}

fn push_reference(
    text: &mut String,
    reference: &BytesRef<'_>,
    reader: &MarkupReader<'_>,
) -> Result<(), Error> {
    match resolve_reference(reference, reader)? {
        ResolvedReference::Character(character) => text.push(character),
        ResolvedReference::Entity(entity) => text.push_str(entity),
    }
    Ok(())
}
