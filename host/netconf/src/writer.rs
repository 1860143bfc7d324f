//! Writes XML with all text escaped.

use std::borrow::Cow;

use quick_xml::Writer;
use quick_xml::escape::partial_escape;
use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};

use crate::{Error, reader};

/// Writes XML that is well-formed for any text.
///
/// Names are checked, attributes and text are escaped, and characters that XML 1.0 does not allow are refused with
/// [`Error::Character`]: a value must arrive unchanged or not at all. Pass prose through
/// [`replace_invalid_characters`] first. Prefixes are not checked; declare them as attributes (`xmlns:…`). After an
/// error the output is unusable.
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
    /// A start tag that is not written yet: it becomes an empty-element tag if its end follows directly.
    pending: Option<BytesStart<'static>>,
}

impl XmlWriter {
    /// Creates an empty writer.
    pub fn new() -> Self {
        Self { writer: Writer::new(Vec::new()), pending: None }
    }

    /// Writes an element with the content that `content` writes.
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

    /// Writes an empty element.
    pub fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) -> Result<(), Error> {
        self.element(name, attributes, |_| Ok(()))
    }

    /// Writes an element with text.
    pub fn leaf(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) -> Result<(), Error> {
        check_characters(name, text)?;
        self.element(name, attributes, |xml| xml.raw(&partial_escape(text)))
    }

    /// Writes XML byte for byte. It must be complete elements, which is checked. The caller is responsible for the
    /// namespaces of its names.
    pub fn fragment(&mut self, xml: &str) -> Result<(), Error> {
        reader::check_fragment(xml)?;
        self.raw(xml)
    }

    /// Returns the output.
    pub fn finish(self) -> String {
        // Only `&str` was written.
        String::from_utf8(self.writer.into_inner()).unwrap_or_default()
    }

    /// Writes escaped text, or XML that is known to be complete elements.
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

/// Checks a name: a YANG identifier (RFC 7950 section 6.2) with an optional prefix.
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

fn check_characters(name: &str, text: &str) -> Result<(), Error> {
    match text.chars().find(|character| !is_xml_character(*character)) {
        None => Ok(()),
        Some(character) => Err(Error::Character { character, name: name.to_owned() }),
    }
}

/// Returns whether XML 1.0 allows the character (section 2.2, `Char`).
pub fn is_xml_character(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// Replaces each character that XML does not allow by U+FFFD. Use it for text that people read. A value of the
/// configuration must be refused instead.
pub fn replace_invalid_characters(prose: &str) -> Cow<'_, str> {
    match prose.chars().all(is_xml_character) {
        true => Cow::Borrowed(prose),
        false => prose.chars().map(|c| if is_xml_character(c) { c } else { '\u{FFFD}' }).collect(),
    }
}
