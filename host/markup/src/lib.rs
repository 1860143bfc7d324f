//! Reads XML as tags and texts, which are slices of it.
//!
//! [`MarkupReader`] reads what `quick_xml::Reader` reads with its defaults, and refuses what that refuses, with the same
//! errors. It is several times as fast on configuration, most of which is leaves: those are read in one go, and nothing of
//! them is copied or checked to be UTF-8 once more. What is rare in configuration, and all errors, are left to `quick_xml`.
//!
//! ```
//! use confine_markup::{Markup, MarkupReader};
//!
//! let mut reader = MarkupReader::new("<a><b>1</b></a>");
//! assert!(matches!(reader.read()?, Markup::Start(tag) if tag.name() == "a"));
//! assert!(matches!(reader.read_leaves()?, Markup::Leaf { tag, value: "1", .. } if tag.name() == "b"));
//! assert!(matches!(reader.read()?, Markup::End));
//! assert!(matches!(reader.read()?, Markup::EndOfText));
//! # Ok::<(), confine_markup::MarkupError>(())
//! ```

use memchr::{memchr, memchr2, memchr3};
use quick_xml::{
    errors::{Error, IllFormedError},
    events::{BytesStart, Event},
};

/// A byte order mark, which is read over and not counted.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Text that is not well-formed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{problem}")]
pub struct MarkupError {
    /// The offset in bytes.
    pub offset: usize,
    /// What is wrong.
    pub problem: Error,
}

/// A start tag: the name, and the attributes as they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartTag<'a> {
    content: &'a str,
    name: &'a str,
}

impl<'a> StartTag<'a> {
    /// Returns the name as it is written, with its prefix.
    #[inline]
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Returns what follows the name: white space and attributes.
    #[inline]
    pub fn attributes(&self) -> &'a str {
        self.content.get(self.name.len()..).unwrap_or_default()
    }

    /// Returns the tag for the functions of `quick_xml`.
    pub fn to_bytes(&self) -> BytesStart<'a> {
        BytesStart::from_content(self.content, self.name.len())
    }
}

/// What a text consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Markup<'a> {
    /// A start tag.
    Start(StartTag<'a>),
    /// An element that ends where it starts: `<a/>`.
    Empty(StartTag<'a>),
    /// An element with nothing but text without references, which may be empty, if [leaves](MarkupReader::read_leaves) are
    /// read.
    Leaf {
        /// Its start tag.
        tag: StartTag<'a>,
        /// The text.
        value: &'a str,
        /// The offset of its end tag.
        end: usize,
    },
    /// The end tag of the element that was [started](Self::Start) last.
    End,
    /// Text without references.
    Text(&'a str),
    /// The text of a CDATA section.
    CData(&'a str),
    /// The name of an entity, or the number of a character after `#`.
    Reference(&'a str),
    /// A comment.
    Comment,
    /// A processing instruction.
    Instruction,
    /// An XML declaration.
    Declaration,
    /// A document type declaration.
    Doctype,
    /// The end of the text, whether or not elements are open.
    EndOfText,
}

/// Reads a text from its beginning to its end, or to its first error.
#[derive(Clone, Debug)]
pub struct MarkupReader<'a> {
    text: &'a str,
    /// Where what is read next starts.
    at: usize,
    /// The bytes at the beginning that are not counted.
    uncounted: usize,
    /// Where the names of the open elements start, outermost first. They are read again when the elements end, so that an
    /// element takes as little memory as it can.
    open: Vec<usize>,
}

impl<'a> MarkupReader<'a> {
    /// Creates a reader of a text.
    pub fn new(text: &'a str) -> Self {
        let uncounted = if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        Self { text, at: uncounted, uncounted, open: Vec::new() }
    }

    /// Returns the offset of what is read next. A byte order mark at the beginning is not counted.
    #[inline]
    pub fn position(&self) -> usize {
        self.at - self.uncounted
    }

    /// Reads on. After an error, nothing more can be read.
    #[inline]
    pub fn read(&mut self) -> Result<Markup<'a>, MarkupError> {
        self.read_next(false)
    }

    /// As [`read`](Self::read), but reads the start tag, the text and the end tag of a leaf in one go.
    #[inline]
    pub fn read_leaves(&mut self) -> Result<Markup<'a>, MarkupError> {
        self.read_next(true)
    }

    #[inline(always)]
    fn read_next(&mut self, leaves: bool) -> Result<Markup<'a>, MarkupError> {
        match *self.rest(self.at) {
            [] => Ok(Markup::EndOfText),
            [b'<', b'/', ..] => self.end_tag(),
            [b'<', b'!' | b'?', ..] | [b'<'] => self.uncommon(),
            [b'<', ..] => self.start_tag(leaves),
            [b'&', ..] => self.reference(),
            _ => {
                let length = memchr2(b'<', b'&', self.rest(self.at)).unwrap_or(self.text.len() - self.at);
                Ok(Markup::Text(self.take(self.at, self.at + length, 0)))
            }
        }
    }

    #[inline]
    fn rest(&self, from: usize) -> &'a [u8] {
        self.text.as_bytes().get(from..).unwrap_or_default()
    }

    /// Returns a part of the text, and goes on after it and so many bytes more.
    #[inline]
    fn take(&mut self, from: usize, to: usize, more: usize) -> &'a str {
        self.at = to + more;
        self.text.get(from..to).unwrap_or_default()
    }

    #[inline]
    fn start_tag(&mut self, leaves: bool) -> Result<Markup<'a>, MarkupError> {
        let start = self.at + 1;
        let (length, byte) = name_length(self.rest(start));
        let (tag, is_empty) = if byte == Some(b'>') {
            let name = self.take(start, start + length, 1);
            (StartTag { content: name, name }, false)
        } else {
            let Some(end) = self.tag_end(start + length) else { return self.uncommon() };
            let content = self.take(start, end, 1);
            let (content, is_empty) = match content.strip_suffix('/') {
                Some(content) => (content, true),
                None => (content, false),
            };
            let name = match byte {
                Some(byte) if is_space(byte) => content.get(..length).unwrap_or(content),
                _ => first_word(content),
            };
            (StartTag { content, name }, is_empty)
        };
        if is_empty {
            return Ok(Markup::Empty(tag));
        }
        let inside = self.at;
        // Between the start tags of two elements there is often nothing.
        let is_parent = matches!(*self.rest(inside), [b'<', next, ..] if next != b'/');
        if leaves
            && !is_parent
            && let Some(length) = memchr2(b'<', b'&', self.rest(inside))
            && let Some(after) = self.rest(inside + length).strip_prefix(b"</")
            && after.strip_prefix(tag.name.as_bytes()).is_some_and(|after| after.first() == Some(&b'>'))
        {
            let end = inside + length - self.uncounted;
            let value = self.take(inside, inside + length, tag.name.len() + "</>".len());
            return Ok(Markup::Leaf { tag, value, end });
        }
        self.open.push(start);
        Ok(Markup::Start(tag))
    }

    #[inline]
    fn end_tag(&mut self) -> Result<Markup<'a>, MarkupError> {
        let start = self.at + "</".len();
        if let Some(&opened) = self.open.last()
            && let (length, Some(b'>')) = name_length(self.rest(start))
            && let Some(name) = self.rest(start).get(..length)
            && let Some(after) = self.rest(opened).strip_prefix(name)
            && after.first().is_some_and(|&byte| byte == b'>' || is_space(byte))
        {
            self.open.pop();
            self.at = start + length + 1;
            return Ok(Markup::End);
        }
        self.odd_end_tag(start)
    }

    /// Reads an end tag with white space, or one that does not match.
    #[cold]
    fn odd_end_tag(&mut self, start: usize) -> Result<Markup<'a>, MarkupError> {
        let offset = self.position();
        let Some(end) = self.tag_end(self.at) else { return self.uncommon() };
        let content = self.take(start, end, 1);
        let name =
            match content.trim_end_matches(|character: char| u8::try_from(character).is_ok_and(is_space)) {
                "" => content,
                name => name,
            };
        let found = name.to_owned();
        let problem = match self.open.pop() {
            Some(opened) => {
                let end = self.tag_end(opened).unwrap_or(opened);
                let expected = first_word(self.text.get(opened..end).unwrap_or_default());
                if name == expected {
                    return Ok(Markup::End);
                }
                IllFormedError::MismatchedEndTag { expected: expected.to_owned(), found }
            }
            None => IllFormedError::UnmatchedEndTag(found),
        };
        Err(MarkupError { offset, problem: problem.into() })
    }

    #[inline]
    fn reference(&mut self) -> Result<Markup<'a>, MarkupError> {
        let start = self.at + 1;
        let rest = self.rest(start);
        match memchr3(b';', b'&', b'<', rest) {
            Some(length) if rest.get(length) == Some(&b';') => {
                Ok(Markup::Reference(self.take(start, start + length, 1)))
            }
            _ => self.uncommon(),
        }
    }

    /// Returns where the `>` of a tag is, outside of quotes.
    fn tag_end(&self, from: usize) -> Option<usize> {
        let mut at = from;
        loop {
            let rest = self.rest(at);
            // It is often right behind a quote.
            let found = if rest.first() == Some(&b'>') { 0 } else { memchr3(b'>', b'\'', b'"', rest)? };
            at += found;
            match *rest.get(found)? {
                b'>' => return Some(at),
                quote => at += 1 + memchr(quote, self.rest(at + 1))? + 1,
            }
        }
    }

    /// Lets `quick_xml` read what is rare, or not well-formed.
    #[cold]
    fn uncommon(&mut self) -> Result<Markup<'a>, MarkupError> {
        let (offset, start) = (self.position(), self.at);
        let mut reader = quick_xml::Reader::from_str(self.text.get(start..).unwrap_or_default());
        let count = |position: u64| usize::try_from(position).unwrap_or(usize::MAX);
        let event = reader.read_event();
        let event = event.map_err(|problem| {
            let offset = offset.saturating_add(count(reader.error_position()));
            MarkupError { offset, problem }
        })?;
        let end = start.saturating_add(count(reader.buffer_position()));
        self.at = end;
        Ok(match event {
            Event::CData(_) => {
                let content = start + "<![CDATA[".len()..end.saturating_sub("]]>".len());
                Markup::CData(self.text.get(content).unwrap_or_default())
            }
            Event::Comment(_) => Markup::Comment,
            Event::PI(_) => Markup::Instruction,
            Event::Decl(_) => Markup::Declaration,
            Event::DocType(_) => Markup::Doctype,
            // Only called for what is one of these.
            _ => Markup::EndOfText,
        })
    }
}

/// Returns where the name in a tag may end, and what is there.
#[inline]
fn name_length(tag: &[u8]) -> (usize, Option<u8>) {
    let is_special =
        |&byte: &u8| byte <= b'>' && (matches!(byte, b'>' | b'/' | b'\'' | b'"') || is_space(byte));
    let length = tag.iter().position(is_special).unwrap_or(tag.len());
    (length, tag.get(length).copied())
}

#[inline]
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

fn first_word(content: &str) -> &str {
    let end = content.bytes().position(is_space).unwrap_or(content.len());
    content.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests;
