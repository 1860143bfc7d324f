//! The chunked framing of RFC 6242, section 4.2: one codec for both directions.
//!
//! ```text
//! message = 1*("\n#" size "\n" size-octets) "\n##\n"
//! size    = 1..4294967295 in decimal, no leading zero
//! ```
//!
//! One deviation from the grammar is tolerated: older releases of the controller end a message with a NUL, inside its
//! last chunk or after it. XML does not allow that character, so dropping it loses nothing.

use std::collections::VecDeque;

/// The largest chunk that the grammar allows, in octets.
pub const MAX_CHUNK: u32 = u32::MAX;

/// The default limit of [`FrameDecoder`] for a message: 1 GiB, about a hundred times the largest known configuration.
pub const DEFAULT_MESSAGE_LIMIT: usize = 1 << 30;

/// For how many more octets room is made, for each that was received, if so many are announced. Room that is not used takes no
/// memory of the system.
const GROWTH: usize = 16;

/// A violation of the framing. The stream cannot be resynchronised after it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FramingError {
    /// An octet that the grammar does not allow at its position.
    #[error("expected {expected} but found `{}` at octet {offset} of the stream", found.escape_ascii())]
    Unexpected {
        /// What the grammar allows.
        expected: &'static str,
        /// The received octet.
        found: u8,
        /// Its offset from the first octet of the session.
        offset: u64,
    },
    /// A chunk size of more than [`MAX_CHUNK`] octets.
    #[error("the chunk size at octet {offset} of the stream is more than {MAX_CHUNK}")]
    ChunkTooLarge {
        /// The offset of the digit that makes it too large.
        offset: u64,
    },
    /// The chunks of one message exceed the decoder's limit.
    #[error("a message of {size} octets or more exceeds the limit of {limit}")]
    MessageTooLarge {
        /// The octets of the message, with the chunk that was announced last.
        size: u64,
        /// The limit passed to [`FrameDecoder::with_limit`].
        limit: usize,
    },
    /// The stream ended inside a message.
    #[error("the stream ended inside a message, after {received} octets of it")]
    Truncated {
        /// Octets of payload received so far.
        received: usize,
    },
    /// An empty message cannot be framed: at least one chunk of one octet is required.
    #[error("an empty message cannot be framed")]
    Empty,
}

/// The expected next octet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DecoderState {
    /// The newline that opens a message's first header.
    Start,
    /// The newline that opens the header after a chunk.
    Header,
    /// The `#` after that newline; `first` before the first chunk.
    Hash { first: bool },
    /// The size's first digit, or the second `#` of the end; `first` before the first chunk.
    Size { first: bool },
    /// A further digit of the size, or the newline after it.
    Digits { size: u32 },
    /// Payload of a chunk.
    Data { left: u32 },
    /// The newline after `\n##`.
    End,
}

/// Decodes octets to messages, in reads of any size.
///
/// Each octet is processed once. Memory is allocated in proportion to received octets, never for the size in a header.
///
/// ```
/// # use confine_netconf::FrameDecoder;
/// let mut decoder = FrameDecoder::new();
/// decoder.push(b"\n#4\n<a/>\n#");
/// assert_eq!(decoder.next(), None);
/// decoder.push(b"#\n");
/// assert_eq!(decoder.next(), Some(Ok(b"<a/>".to_vec())));
/// ```
#[derive(Debug)]
pub struct FrameDecoder {
    limit: usize,
    state: DecoderState,
    /// Octets consumed since the start of the session.
    offset: u64,
    /// Payload of the message that is being received.
    message: Vec<u8>,
    ready: VecDeque<Vec<u8>>,
    broken: Option<FramingError>,
}

impl FrameDecoder {
    /// Creates a decoder for messages of up to [`DEFAULT_MESSAGE_LIMIT`] octets.
    pub fn new() -> Self {
        Self::with_limit(DEFAULT_MESSAGE_LIMIT)
    }

    /// Creates a decoder for messages of up to `limit` octets of payload. Headers are not counted.
    pub fn with_limit(limit: usize) -> Self {
        Self {
            limit,
            state: DecoderState::Start,
            offset: 0,
            message: Vec::new(),
            ready: VecDeque::new(),
            broken: None,
        }
    }

    /// Adds octets read from the stream. After a framing error they are ignored.
    pub fn push(&mut self, mut octets: &[u8]) {
        while !octets.is_empty() && self.broken.is_none() {
            match self.step(octets) {
                Ok(consumed) => {
                    self.offset += consumed as u64;
                    octets = octets.get(consumed..).unwrap_or_default();
                }
                Err(error) => self.broken = Some(error),
            }
        }
    }

    /// Returns the next complete message, without its framing. After a framing error, returns the messages before it, then
    /// always the error.
    #[expect(clippy::should_implement_trait, reason = "`None` is not the end: more may be pushed")]
    pub fn next(&mut self) -> Option<Result<Vec<u8>, FramingError>> {
        self.ready.pop_front().map(Ok).or_else(|| self.broken.clone().map(Err))
    }

    /// Returns the number of complete messages that [`next`](Self::next) will return.
    pub fn ready_count(&self) -> usize {
        self.ready.len()
    }

    /// Checks the end of the stream. Fails if it is inside a message.
    pub fn finish(&self) -> Result<(), FramingError> {
        match (&self.broken, self.state) {
            (Some(error), _) => Err(error.clone()),
            (None, DecoderState::Start) => Ok(()),
            (None, _) => Err(FramingError::Truncated { received: self.message.len() }),
        }
    }

    /// Consumes one octet of a header, or all octets of the current chunk. Returns how many.
    fn step(&mut self, octets: &[u8]) -> Result<usize, FramingError> {
        let Some(&octet) = octets.first() else { return Ok(0) };
        self.state = match (self.state, octet) {
            (DecoderState::Data { left }, _) => return Ok(self.data(octets, left)),
            (DecoderState::Start, 0) => DecoderState::Start,
            (DecoderState::Start, b'\n') => DecoderState::Hash { first: true },
            (DecoderState::Header, b'\n') => DecoderState::Hash { first: false },
            (DecoderState::Hash { first }, b'#') => DecoderState::Size { first },
            (DecoderState::Size { first: false }, b'#') => DecoderState::End,
            (DecoderState::Size { .. }, b'1'..=b'9') => {
                DecoderState::Digits { size: u32::from(octet - b'0') }
            }
            (DecoderState::Digits { size }, b'0'..=b'9') => {
                let size = size.checked_mul(10).and_then(|size| size.checked_add(u32::from(octet - b'0')));
                DecoderState::Digits {
                    size: size.ok_or(FramingError::ChunkTooLarge { offset: self.offset })?,
                }
            }
            (DecoderState::Digits { size }, b'\n') => {
                let total = self.message.len() as u64 + u64::from(size);
                if total > self.limit as u64 {
                    return Err(FramingError::MessageTooLarge { size: total, limit: self.limit });
                }
                DecoderState::Data { left: size }
            }
            (DecoderState::End, b'\n') => {
                self.complete();
                DecoderState::Start
            }
            (state, found) => {
                return Err(FramingError::Unexpected {
                    expected: state.expected(),
                    found,
                    offset: self.offset,
                });
            }
        };
        Ok(1)
    }

    fn data(&mut self, octets: &[u8], left: u32) -> usize {
        let count = octets.len().min(left as usize);
        self.make_room(count, left as usize);
        self.message.extend_from_slice(octets.get(..count).unwrap_or_default());
        // `count` is at most `left`, so it fits.
        self.state = match left - count as u32 {
            0 => DecoderState::Header,
            left => DecoderState::Data { left },
        };
        count
    }

    /// Makes room for octets of a chunk of which so much is left, in proportion to what was received. A vector would grow in
    /// more steps, each of which copies the message, and the last one would make up to twice as much room as is needed.
    fn make_room(&mut self, count: usize, left: usize) {
        let received = self.message.len();
        let is_full = self.message.capacity() - received < count;
        // In less steps than these, many short chunks would take time that is not in proportion to them.
        if is_full && left >= received / 8 {
            // What would be left for another step is made room for in this one.
            let more = if left <= 2 * GROWTH * received { left } else { GROWTH * received };
            self.message.reserve_exact(more.max(count));
        }
    }

    fn complete(&mut self) {
        let mut message = std::mem::take(&mut self.message);
        while message.last() == Some(&0) {
            message.pop();
        }
        self.ready.push_back(message);
    }
}

impl Default for FrameDecoder {
    fn default() -> Self {
        Self::new()
    }
}

impl DecoderState {
    fn expected(self) -> &'static str {
        match self {
            DecoderState::Start => "a newline before the header of a message",
            DecoderState::Header => "a newline after a chunk",
            DecoderState::Hash { .. } => "`#` after the newline of a header",
            DecoderState::Size { first: true } => "the size of a chunk without leading zero",
            DecoderState::Size { first: false } => "the size of a chunk without leading zero, or `#`",
            DecoderState::Digits { .. } => "a digit or a newline in the size of a chunk",
            DecoderState::Data { .. } => "payload",
            DecoderState::End => "a newline at the end of a message",
        }
    }
}

/// Frames one message, in one chunk or as few as [`MAX_CHUNK`] allows. The result can be written in one call.
pub fn encode(message: &[u8]) -> Result<Vec<u8>, FramingError> {
    if message.is_empty() {
        return Err(FramingError::Empty);
    }
    let mut framed = Vec::with_capacity(message.len() + 32);
    for chunk in message.chunks(MAX_CHUNK as usize) {
        framed.extend_from_slice(format!("\n#{}\n", chunk.len()).as_bytes());
        framed.extend_from_slice(chunk);
    }
    framed.extend_from_slice(b"\n##\n");
    Ok(framed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_made_in_proportion_to_what_was_received() {
        let mut decoder = FrameDecoder::with_limit(usize::MAX);
        decoder.push(b"\n#4000000000\n");
        let (mut received, mut steps, mut capacity) = (0, 0, 0);
        for read in [1, 63, 1000, 1000].into_iter().chain([64 << 10; 100]) {
            decoder.push(&vec![b'x'; read]);
            received += read;
            let room = decoder.message.capacity();
            assert!(room <= (2 * GROWTH + 1) * received + 64, "{room} for {received}");
            (steps, capacity) = (steps + usize::from(room != capacity), room);
        }
        assert!(steps < 8, "{steps}");
    }

    #[test]
    fn message_of_one_chunk_takes_no_more_than_its_size() {
        let framed = encode(&[b'x'; 1_000_000]).unwrap();
        let mut decoder = FrameDecoder::new();
        framed.chunks(64 << 10).for_each(|octets| decoder.push(octets));
        let message = decoder.next().unwrap().unwrap();
        assert_eq!((message.len(), message.capacity()), (1_000_000, 1_000_000));
    }

    #[test]
    fn short_chunks_do_not_make_room_one_by_one() {
        let mut decoder = FrameDecoder::new();
        let (mut steps, mut capacity) = (0, 0);
        for _ in 0..100_000 {
            decoder.push(b"\n#3\nabc");
            let room = decoder.message.capacity();
            (steps, capacity) = (steps + usize::from(room != capacity), room);
        }
        assert!(steps < 40, "{steps}");
    }
}
