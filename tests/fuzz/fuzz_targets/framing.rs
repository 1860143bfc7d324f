//! Whatever the octets and however they are cut: the same messages, the same end, and never more payload
//! than octets.
#![no_main]

use confine_netconf::{Decoder, FramingError, encode};
use libfuzzer_sys::fuzz_target;

fn decode<'a>(parts: impl Iterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, Result<(), FramingError>) {
    let mut decoder = Decoder::with_limit(1 << 16);
    let mut messages = Vec::new();
    for part in parts {
        decoder.push(part);
        while let Some(Ok(message)) = decoder.next() {
            messages.push(message);
        }
    }
    (messages, decoder.finish())
}

fuzz_target!(|input: (u8, &[u8])| {
    let (cut, stream) = input;
    let whole = decode(std::iter::once(stream));
    assert_eq!(whole, decode(stream.chunks(usize::from(cut).max(1))));
    assert!(whole.0.iter().map(Vec::len).sum::<usize>() <= stream.len());
    if let Ok(framed) = encode(stream)
        && stream.len() <= 1 << 16
        && stream.last() != Some(&0)
    {
        assert_eq!(decode(std::iter::once(framed.as_slice())), (vec![stream.to_vec()], Ok(())));
    }
});
