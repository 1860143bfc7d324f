use proptest::prelude::*;
use quick_xml::events::Event;

use super::*;

/// Returns what a text consists of, with the position after each, and the error.
fn ours(text: &str, leaves: bool) -> Vec<String> {
    let mut reader = MarkupReader::new(text);
    let mut read = Vec::new();
    loop {
        let markup = match if leaves { reader.read_leaves() } else { reader.read() } {
            Ok(markup) => markup,
            Err(MarkupError { offset, problem }) => {
                read.push(format!("error at {offset}: {problem}"));
                return read;
            }
        };
        let after = reader.position();
        let tag = |tag: StartTag<'_>| format!("`{}` `{}`", tag.name(), tag.attributes());
        match markup {
            Markup::Start(start) => read.push(format!("start {} {after}", tag(start))),
            Markup::Empty(start) => read.push(format!("empty {} {after}", tag(start))),
            Markup::Leaf { tag: start, value, end } => {
                read.push(format!("start {} {}", tag(start), end - value.len()));
                if !value.is_empty() {
                    read.push(format!("text `{value}` {end}"));
                }
                read.push(format!("end {after}"));
            }
            Markup::End => read.push(format!("end {after}")),
            Markup::Text(text) => read.push(format!("text `{text}` {after}")),
            Markup::CData(text) => read.push(format!("cdata `{text}` {after}")),
            Markup::Reference(name) => read.push(format!("reference `{name}` {after}")),
            Markup::Comment => read.push(format!("comment {after}")),
            Markup::Instruction => read.push(format!("instruction {after}")),
            Markup::Declaration => read.push(format!("declaration {after}")),
            Markup::Doctype => read.push(format!("doctype {after}")),
            Markup::EndOfText => {
                read.push(format!("end of text {after}"));
                return read;
            }
        }
    }
}

/// Returns the same of `quick_xml`.
fn theirs(text: &str) -> Vec<String> {
    let mut reader = quick_xml::Reader::from_str(text);
    let mut read = Vec::new();
    loop {
        let event = match reader.read_event() {
            Ok(event) => event,
            Err(problem) => {
                read.push(format!("error at {}: {problem}", reader.error_position()));
                return read;
            }
        };
        let after = reader.buffer_position();
        let tag =
            |start: &BytesStart<'_>| format!("`{}` `{}`", start.name().as_ref(), start.attributes_raw());
        match event {
            Event::Start(start) => read.push(format!("start {} {after}", tag(&start))),
            Event::Empty(start) => read.push(format!("empty {} {after}", tag(&start))),
            Event::End(_) => read.push(format!("end {after}")),
            Event::Text(text) => read.push(format!("text `{}` {after}", text.into_inner())),
            Event::CData(text) => read.push(format!("cdata `{}` {after}", text.into_inner())),
            Event::GeneralRef(reference) => read.push(format!("reference `{}` {after}", &*reference)),
            Event::Comment(_) => read.push(format!("comment {after}")),
            Event::PI(_) => read.push(format!("instruction {after}")),
            Event::Decl(_) => read.push(format!("declaration {after}")),
            Event::DocType(_) => read.push(format!("doctype {after}")),
            Event::Eof => {
                read.push(format!("end of text {after}"));
                return read;
            }
        }
    }
}

/// Parts of texts, well-formed and not.
const PARTS: [&str; 64] = [
    "<a>",
    "</a>",
    "<b>",
    "</b>",
    "<ab>",
    "</ab>",
    "<a/>",
    "<a />",
    "<a/ >",
    "</a/>",
    "<a x='1'>",
    "<a x=\"'>\">",
    "<a x='\">'/>",
    "<p:a>",
    "</p:a>",
    "</a >",
    "</a\t\r\n>",
    "</a x>",
    "</a '>'>",
    "<a'>'>",
    "</a'>'>",
    "<>",
    "</>",
    "</ >",
    "< >",
    "< a>",
    "<\u{e4}>",
    "</\u{e4}>",
    "<a",
    "</a",
    "<",
    "</",
    "<!",
    "<?",
    "text",
    "\u{20ac}",
    " ",
    "\n",
    "\r\n",
    ">",
    "]]>",
    "'",
    "\"",
    "/",
    "&amp;",
    "&#65;",
    "&;",
    "&",
    "&x",
    ";",
    "<!-- c -->",
    "<!--->",
    "<!-->",
    "<!--",
    "<![CDATA[x<y]]>",
    "<![CDATA[",
    "<?pi x?>",
    "<?xml version='1.0'?>",
    "<??>",
    "<!DOCTYPE a>",
    "<!DOCTYPE",
    "<!ELEMENT>",
    "\u{feff}",
    "<a\u{feff}>",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn any_parts_are_read_as_by_quick_xml(parts in proptest::collection::vec(proptest::sample::select(&PARTS[..]), 0..12)) {
        let text = parts.concat();
        prop_assert_eq!(ours(&text, true), theirs(&text));
        prop_assert_eq!(ours(&text, false), theirs(&text));
    }

    #[test]
    fn any_text_is_read_as_by_quick_xml(text in "[<>/&;!?a:x='\" \n\u{e4}\u{feff}\\[\\]-]{0,24}") {
        prop_assert_eq!(ours(&text, true), theirs(&text));
        prop_assert_eq!(ours(&text, false), theirs(&text));
    }

    #[test]
    fn elements_are_read_as_by_quick_xml(text in elements()) {
        let read = ours(&text, true);
        prop_assert!(read.last().unwrap().starts_with("end of text"));
        prop_assert_eq!(&read, &theirs(&text));
        prop_assert_eq!(ours(&text, false), read);
    }
}

/// Returns well-formed text.
fn elements() -> impl Strategy<Value = String> {
    let name = "[ab]{1,2}(:c)?";
    let leaf = (
        name,
        "( [x-z]='[^'<&]{0,3}'){0,2}[ \n]?",
        "[a-c \n'\">\u{e4}]{0,3}(&amp;|<!-- -->|<!\\[CDATA\\[<\\]\\]>)?d?",
        "[ \n]?",
    );
    let leaf = leaf
        .prop_map(|(name, attributes, text, space)| format!("<{name}{attributes}>{text}</{name}{space}>"));
    let empty =
        (name, "( x=\"[^\"<&]{0,3}\")?").prop_map(|(name, attributes)| format!("<{name}{attributes}/>"));
    prop_oneof![leaf, empty].prop_recursive(4, 40, 5, move |inner| {
        let inside = proptest::collection::vec(inner, 0..5);
        (name, "( x='1')?", inside, "[ \n]?").prop_map(|(name, attributes, inside, space)| {
            format!("<{name}{attributes}>{}</{name}>", inside.join(&space))
        })
    })
}

#[test]
fn open_element_takes_as_much_memory_as_an_offset() {
    let text = "<a>".repeat(1000);
    let mut reader = MarkupReader::new(&text);
    while reader.read().unwrap() != Markup::EndOfText {}
    assert_eq!(reader.open.len(), 1000);
    assert!(size_of_val(&*reader.open) <= 8 * 1000);
}
