//! The chunked framing: reads of any size, many chunks, and invalid headers.

use confine_netconf::{FrameDecoder, FramingError, encode};
use proptest::prelude::*;

/// Returns the messages that a decoder makes of `parts`, and the result of the end.
fn decode<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, Result<(), FramingError>) {
    let mut decoder = FrameDecoder::with_limit(1000);
    let mut messages = Vec::new();
    for part in parts {
        decoder.push(part);
        while let Some(Ok(message)) = decoder.next() {
            messages.push(message);
        }
    }
    (messages, decoder.finish())
}

/// Frames a message in chunks of the given sizes, the last one as large as needed.
fn chunked(message: &[u8], sizes: &[usize]) -> Vec<u8> {
    let mut framed = Vec::new();
    let mut rest = message;
    for size in sizes.iter().copied().chain([usize::MAX]) {
        let (chunk, left) = rest.split_at(size.min(rest.len()));
        if !chunk.is_empty() {
            framed.extend_from_slice(format!("\n#{}\n", chunk.len()).as_bytes());
            framed.extend_from_slice(chunk);
        }
        rest = left;
    }
    framed.extend_from_slice(b"\n##\n");
    framed
}

#[test]
fn message_is_encoded_as_one_chunk() {
    let framed = encode("<a>\u{e5}</a>".as_bytes()).unwrap();
    assert_eq!(String::from_utf8(framed).unwrap(), "\n#9\n<a>\u{e5}</a>\n##\n");
    assert_eq!(encode(b""), Err(FramingError::Empty));
}

#[test]
fn decoder_result_does_not_depend_on_read_sizes() {
    // The first message is split inside a character and before octets that look like an end.
    let first = "<a>\u{20ac}\n##\n</a>".as_bytes();
    let mut stream = chunked(first, &[4, 2, 1]);
    stream.extend(chunked(b"<b/>", &[]));
    let expected = (vec![first.to_vec(), b"<b/>".to_vec()], Ok(()));
    for one in 0..=stream.len() {
        for other in one..=stream.len() {
            let parts = [&stream[..one], &stream[one..other], &stream[other..]];
            assert_eq!(decode(parts), expected, "cut at {one} and {other}");
        }
    }
    assert_eq!(decode(stream.chunks(1)), expected);
}

#[test]
fn stream_end_inside_message_is_an_error() {
    let stream = b"\n#3\n<a>\n#4\n</a>\n##\n";
    for end in 1..stream.len() {
        let (messages, end_of_stream) = decode([&stream[..end]]);
        assert_eq!(messages, Vec::<Vec<u8>>::new());
        assert!(matches!(end_of_stream, Err(FramingError::Truncated { .. })), "ended after {end}");
    }
    assert_eq!(decode([&stream[..8]]).1, Err(FramingError::Truncated { received: 3 }));
    assert_eq!(decode([]), (vec![], Ok(())));
}

#[test]
fn invalid_chunk_headers_are_refused_at_their_offset() {
    let refusal = |stream: &[u8]| {
        let (messages, end) = decode([stream]);
        assert_eq!((messages, end.clone()), decode(stream.chunks(1)), "the cut matters");
        end.unwrap_err().to_string()
    };
    insta::assert_snapshot!(refusal(b"<rpc/>"), @"expected a newline before the header of a message but found `<` at octet 0 of the stream");
    insta::assert_snapshot!(refusal(b"<rpc/>]]>]]>"), @"expected a newline before the header of a message but found `<` at octet 0 of the stream");
    insta::assert_snapshot!(refusal(b"\n4\n<a/>"), @"expected `#` after the newline of a header but found `4` at octet 1 of the stream");
    insta::assert_snapshot!(refusal(b"\n#04\n<a/>"), @"expected the size of a chunk without leading zero but found `0` at octet 2 of the stream");
    insta::assert_snapshot!(refusal(b"\n#-4\n<a/>"), @"expected the size of a chunk without leading zero but found `-` at octet 2 of the stream");
    insta::assert_snapshot!(refusal(b"\n##\n"), @"expected the size of a chunk without leading zero but found `#` at octet 2 of the stream");
    insta::assert_snapshot!(refusal(b"\n#0\n"), @"expected the size of a chunk without leading zero but found `0` at octet 2 of the stream");
    insta::assert_snapshot!(refusal(b"\n#4 \n<a/>"), @"expected a digit or a newline in the size of a chunk but found ` ` at octet 3 of the stream");
    insta::assert_snapshot!(refusal(b"\n#4\r\n<a/>"), @r"expected a digit or a newline in the size of a chunk but found `\r` at octet 3 of the stream");
    insta::assert_snapshot!(refusal(b"\n#4\n<a/>##\n"), @"expected a newline after a chunk but found `#` at octet 8 of the stream");
    insta::assert_snapshot!(refusal(b"\n#4\n<a/>\n#0\n"), @"expected the size of a chunk without leading zero, or `#` but found `0` at octet 10 of the stream");
    insta::assert_snapshot!(refusal(b"\n#4\n<a/>\n##<"), @"expected a newline at the end of a message but found `<` at octet 11 of the stream");
    insta::assert_snapshot!(refusal(b"\n#4294967296\n"), @"the chunk size at octet 11 of the stream is more than 4294967295");
    insta::assert_snapshot!(refusal(&[b"\n#".as_slice(), &[b'9'; 100_000]].concat()), @"the chunk size at octet 11 of the stream is more than 4294967295");
    insta::assert_snapshot!(refusal(b"\n#4294967295\n"), @"a message of 4294967295 octets or more exceeds the limit of 1000");
}

#[test]
fn message_limit_covers_all_chunks_of_a_message() {
    let at_the_limit = chunked(&[b'x'; 1000], &[1; 999]);
    assert_eq!(decode([at_the_limit.as_slice()]), (vec![vec![b'x'; 1000]], Ok(())));
    let above = chunked(&[b'x'; 1001], &[1; 999]);
    let refusal = FramingError::MessageTooLarge { size: 1001, limit: 1000 };
    assert_eq!(decode([above.as_slice()]), (vec![], Err(refusal)));
}

#[test]
fn decoder_delivers_messages_before_a_framing_error_only() {
    let mut decoder = FrameDecoder::new();
    decoder.push(b"\n#4\n<a/>\n##\n\n#4\n<b/>\n##\n<c/>\n#4\n<d/>\n##\n");
    assert_eq!(decoder.ready_count(), 2);
    assert_eq!(decoder.next(), Some(Ok(b"<a/>".to_vec())));
    assert_eq!(decoder.next(), Some(Ok(b"<b/>".to_vec())));
    let broken = decoder.next();
    assert!(matches!(broken, Some(Err(FramingError::Unexpected { found: b'<', offset: 24, .. }))));
    decoder.push(b"\n#4\n<e/>\n##\n");
    assert_eq!(decoder.next(), broken);
}

#[test]
fn trailing_nul_of_older_releases_is_dropped() {
    let stream = b"\n#5\n<a/>\0\n##\n\0\n#4\n<b/>\n##\n\0";
    assert_eq!(decode([stream.as_slice()]), (vec![b"<a/>".to_vec(), b"<b/>".to_vec()], Ok(())));
}

/// Generates a message and the sizes of its chunks.
fn message() -> impl Strategy<Value = (Vec<u8>, Vec<usize>)> {
    let octet = prop_oneof![Just(b'\n'), Just(b'#'), Just(b'1'), any::<u8>()];
    let message = prop::collection::vec(octet, 1..200)
        .prop_filter("a trailing NUL is dropped", |message| message.last() != Some(&0));
    (message, prop::collection::vec(1_usize..20, 0..20))
}

proptest! {
    #[test]
    fn encoded_messages_decode_in_any_chunks(
        messages in prop::collection::vec(message(), 0..5),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
    ) {
        let stream: Vec<u8> = messages.iter().flat_map(|(message, sizes)| chunked(message, sizes)).collect();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let parts = cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]]);
        let expected: Vec<_> = messages.iter().map(|(message, _)| message.clone()).collect();
        prop_assert_eq!(decode(parts), (expected, Ok(())));
    }

    #[test]
    fn encode_and_decode_round_trip(message in message()) {
        let framed = encode(&message.0).unwrap();
        prop_assert_eq!(decode([framed.as_slice()]), (vec![message.0], Ok(())));
    }

    #[test]
    fn read_sizes_never_change_the_result(
        stream in prop::collection::vec(
            prop_oneof![Just(b'\n'), Just(b'#'), Just(b'0'), Just(b'2'), Just(0), any::<u8>()], 0..60),
        part in 1_usize..10,
    ) {
        prop_assert_eq!(decode([stream.as_slice()]), decode(stream.chunks(part)));
    }
}
