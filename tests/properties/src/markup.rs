use confine_markup::{Markup, MarkupError, MarkupReader};
use quick_xml::events::Event;

/// Text is read as `quick_xml` reads it, up to the same end or the same error, with and without leaves.
pub fn markup(octets: &[u8]) {
    let Ok(text) = str::from_utf8(octets) else { return };
    let (mut ours, mut theirs) = (MarkupReader::new(text), quick_xml::Reader::from_str(text));
    let end = loop {
        let (markup, event) = (ours.read(), theirs.read_event());
        match (&markup, &event) {
            (Ok(Markup::Start(tag)), Ok(Event::Start(start)))
            | (Ok(Markup::Empty(tag)), Ok(Event::Empty(start))) => {
                assert_eq!((tag.name(), tag.attributes()), (start.name().as_ref(), start.attributes_raw()));
            }
            (Ok(Markup::Text(ours)), Ok(Event::Text(theirs))) => assert_eq!(*ours, &**theirs),
            (Ok(Markup::CData(ours)), Ok(Event::CData(theirs))) => assert_eq!(*ours, &**theirs),
            (Ok(Markup::Reference(ours)), Ok(Event::GeneralRef(theirs))) => assert_eq!(*ours, &**theirs),
            (Ok(Markup::End), Ok(Event::End(_)))
            | (Ok(Markup::Comment), Ok(Event::Comment(_)))
            | (Ok(Markup::Instruction), Ok(Event::PI(_)))
            | (Ok(Markup::Declaration), Ok(Event::Decl(_)))
            | (Ok(Markup::Doctype), Ok(Event::DocType(_))) => {}
            (Ok(Markup::EndOfText), Ok(Event::Eof)) => break (ours.position(), None),
            (Err(MarkupError { offset, problem }), Err(error)) => {
                assert_eq!(
                    (*offset as u64, problem.to_string()),
                    (theirs.error_position(), error.to_string())
                );
                break (*offset, Some(problem.to_string()));
            }
            _ => panic!("{markup:?} is not {event:?}"),
        }
        assert_eq!(ours.position() as u64, theirs.buffer_position());
    };
    let mut leaves = MarkupReader::new(text);
    let found = loop {
        match leaves.read_leaves() {
            Ok(Markup::EndOfText) => break (leaves.position(), None),
            Ok(_) => {}
            Err(MarkupError { offset, problem }) => break (offset, Some(problem.to_string())),
        }
    };
    assert_eq!(found, end);
}
