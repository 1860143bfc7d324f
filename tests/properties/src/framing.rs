use confine_netconf::{FrameDecoder, FramingError, encode};

/// How long messages may be.
const LIMIT: usize = 1 << 16;

fn decode<'a>(parts: impl Iterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, Result<(), FramingError>) {
    let mut decoder = FrameDecoder::with_limit(LIMIT);
    let mut messages = Vec::new();
    for part in parts {
        decoder.push(part);
        while let Some(Ok(message)) = decoder.next() {
            messages.push(message);
        }
    }
    (messages, decoder.finish())
}

/// However the octets are split, the decoder returns the same messages and the same end, and never more payload than octets.
/// The first octet determines the split.
pub fn framing(octets: &[u8]) {
    let Some((&cut, stream)) = octets.split_first() else { return };
    let whole = decode(std::iter::once(stream));
    assert_eq!(whole, decode(stream.chunks(usize::from(cut).max(1))));
    assert!(whole.0.iter().map(Vec::len).sum::<usize>() <= stream.len());
    assert!(whole.0.iter().all(|message| message.len() <= LIMIT));
    if let Ok(framed) = encode(stream)
        && stream.len() <= LIMIT
        && stream.last() != Some(&0)
    {
        assert_eq!(decode(std::iter::once(framed.as_slice())), (vec![stream.to_vec()], Ok(())));
    }
}
