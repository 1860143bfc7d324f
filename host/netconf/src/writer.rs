//! Writes XML with everything escaped.

use std::borrow::Cow;

use quick_xml::Writer;
use quick_xml::escape::partial_escape;
use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};

use crate::{Error, reader};

/// Writes XML that is well-formed whatever text it is given.
///
/// Names are checked, attributes and text escaped, and what XML 1.0 can't carry is refused with
/// [`Error::Character`]: a value must arrive as it was meant or not at all. Pass prose through
/// [`replace_invalid_characters`] first. Prefixes are taken as they are; declare them as attributes (`xmlns:…`).
/// After an error what was written is of no use.
///
/// ```
/// # use confine_netconf::{Error, XmlWriter};
/// # fn main() -> Result<(), Error> {
/// let mut xml = XmlWriter::new();
/// xml.element("reason", &[], |xml| xml.leaf("text", &[("by", "a\"b")], "1 < 2"))?;
/// assert_eq!(xml.finish(), r#"<reason><text by="a&quot;b">1 &lt; 2</text></reason>"#);
/// # Ok(())
/// # }
/// ```
pub struct XmlWriter {
    writer: Writer<Vec<u8>>,
    /// A start tag not written yet: if nothing follows before its end, it is that of an empty element.
    pending: Option<BytesStart<'static>>,
}

impl XmlWriter {
    /// A writer that has written nothing.
    pub fn new() -> Self {
        Self { writer: Writer::new(Vec::new()), pending: None }
    }

    /// An element with whatever `content` writes in it.
    pub fn element<E: From<Error>>(
        &mut self,
        name: &str,
        attributes: &[(&str, &str)],
        content: impl FnOnce(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        let start = start(name, attributes)?.into_owned();
        self.flush()?;
        self.pending = Some(start);
        content(self)?;
        let end = match self.pending.take() {
            Some(start) => Event::Empty(start),
            None => Event::End(BytesEnd::new(name)),
        };
        Ok(self.event(end)?)
    }

    /// An element with nothing in it.
    pub fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) -> Result<(), Error> {
        self.element(name, attributes, |_| Ok(()))
    }

    /// An element with text in it.
    pub fn leaf(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) -> Result<(), Error> {
        check_characters(name, text)?;
        self.element(name, attributes, |xml| xml.raw(&partial_escape(text)))
    }

    /// XML that was written elsewhere, byte for byte. It must be whole elements, which is checked; the
    /// namespaces of its names are the caller's matter.
    pub fn fragment(&mut self, xml: &str) -> Result<(), Error> {
        reader::check_fragment(xml)?;
        self.raw(xml)
    }

    /// What was written.
    pub fn finish(self) -> String {
        // All that was ever written is `&str`.
        String::from_utf8(self.writer.into_inner()).unwrap_or_default()
    }

    /// Text that is escaped, or XML that is known to be whole elements.
    pub(crate) fn raw(&mut self, xml: &str) -> Result<(), Error> {
        if xml.is_empty() {
            return Ok(());
        }
        self.flush()?;
        self.event(Event::Text(BytesText::from_escaped(xml)))
    }

    fn flush(&mut self) -> Result<(), Error> {
        match self.pending.take() {
            Some(start) => self.event(Event::Start(start)),
            None => Ok(()),
        }
    }

    fn event(&mut self, event: Event<'_>) -> Result<(), Error> {
        Ok(self.writer.write_event(event)?)
    }
}

impl Default for XmlWriter {
    fn default() -> Self {
        Self::new()
    }
}

fn start<'n>(name: &'n str, attributes: &[(&str, &str)]) -> Result<BytesStart<'n>, Error> {
    check_name(name)?;
    let mut start = BytesStart::new(name);
    for (index, (attribute, value)) in attributes.iter().enumerate() {
        check_name(attribute)?;
        if attributes.iter().take(index).any(|(earlier, _)| earlier == attribute) {
            return Err(Error::DuplicateAttribute { name: (*attribute).to_owned() });
        }
        check_characters(attribute, value)?;
        start.push_attribute((*attribute, *value));
    }
    Ok(start)
}

/// A name as YANG identifiers and prefixes are (RFC 7950 section 6.2), or two of them with a colon.
fn check_name(name: &str) -> Result<(), Error> {
    let identifier = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
    };
    let mut parts = name.splitn(2, ':');
    match parts.all(identifier) {
        true => Ok(()),
        false => Err(Error::Name { name: name.to_owned() }),
    }
}

fn check_characters(place: &str, text: &str) -> Result<(), Error> {
    match text.chars().find(|character| !is_xml_character(*character)) {
        None => Ok(()),
        Some(character) => Err(Error::Character { character, place: place.to_owned() }),
    }
}

/// Whether XML 1.0 can carry `character` (section 2.2, `Char`).
pub fn is_xml_character(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// `prose` with each character that XML can't carry replaced by U+FFFD. For texts that people read; a
/// value of the configuration must be refused instead.
pub fn replace_invalid_characters(prose: &str) -> Cow<'_, str> {
    match prose.chars().all(is_xml_character) {
        true => Cow::Borrowed(prose),
        false => prose.chars().map(|c| if is_xml_character(c) { c } else { '\u{FFFD}' }).collect(),
    }
}
