//! The chunked framing of RFC 6242, section 4.2: one codec for both directions.
//!
//! ```text
//! message = 1*("\n#" size "\n" size-octets) "\n##\n"
//! size    = 1..4294967295 in decimal, no leading zero
//! ```
//!
//! Beyond the grammar one thing is tolerated: older releases of the controller end a message with a
//! NUL, inside its last chunk or after it. XML can't hold that character, so nothing is lost.

use std::collections::VecDeque;

/// The largest chunk that the grammar allows, in octets.
pub const MAX_CHUNK: u32 = u32::MAX;

/// How large a message may grow before [`FrameDecoder`] refuses it, unless told otherwise: 1 GiB, some
/// hundred times the largest configuration that was seen.
pub const DEFAULT_MESSAGE_LIMIT: usize = 1 << 30;

/// How the peer broke the framing. The stream can't be resynchronised after any of these.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FramingError {
    /// An octet that the grammar doesn't allow where it stands.
    #[error("expected {expected} but found `{}` at octet {offset} of the stream", found.escape_ascii())]
    Unexpected {
        /// What the grammar allows here.
        expected: &'static str,
        /// The octet that came.
        found: u8,
        /// Its place, counted from the first octet of the session.
        offset: u64,
    },
    /// A chunk that claims more than [`MAX_CHUNK`] octets.
    #[error("the chunk size at octet {offset} of the stream is more than {MAX_CHUNK}")]
    ChunkTooLarge {
        /// Place of the digit that made it too large.
        offset: u64,
    },
    /// The chunks of one message add up to more than the decoder's limit.
    #[error("a message of {size} octets or more exceeds the limit of {limit}")]
    MessageTooLarge {
        /// Octets that the message would have with the chunk just announced.
        size: u64,
        /// The limit that [`FrameDecoder::with_limit`] was given.
        limit: usize,
    },
    /// The stream ended inside a message.
    #[error("the stream ended inside a message, after {received} octets of it")]
    Truncated {
        /// Octets of payload that had come.
        received: usize,
    },
    /// There is no way to frame a message without octets: at least one chunk of one octet is required.
    #[error("an empty message cannot be framed")]
    Empty,
}

/// What the next octet must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DecoderState {
    /// The newline that opens a message's first header.
    Start,
    /// The newline that opens the header after a chunk.
    Header,
    /// The `#` after that newline; `first` when no chunk has come yet.
    Hash { first: bool },
    /// The size's first digit, or the second `#` of the end; `first` when no chunk has come yet.
    Size { first: bool },
    /// A further digit of the size, or the newline after it.
    Digits { size: u32 },
    /// Payload of a chunk.
    Data { left: u32 },
    /// The newline after `\n##`.
    End,
}

/// Turns octets into messages, however they are cut.
///
/// Each octet is looked at once and memory follows what was received, never what a header claims.
///
/// ```
/// # use confine_netconf::Decoder;
/// let mut decoder = Decoder::new();
/// decoder.push(b"\n#4\n<a/>\n#");
/// assert_eq!(decoder.next(), None);
/// decoder.push(b"#\n");
/// assert_eq!(decoder.next(), Some(Ok(b"<a/>".to_vec())));
/// ```
#[derive(Debug)]
pub struct FrameDecoder {
    limit: usize,
    state: DecoderState,
    /// Octets consumed since the session began.
    offset: u64,
    /// Payload of the message that is coming in.
    message: Vec<u8>,
    ready: VecDeque<Vec<u8>>,
    broken: Option<FramingError>,
}

impl FrameDecoder {
    /// A decoder that accepts messages of up to [`DEFAULT_MESSAGE_LIMIT`] octets.
    pub fn new() -> Self {
        Self::with_limit(DEFAULT_MESSAGE_LIMIT)
    }

    /// A decoder that accepts messages of up to `limit` octets of payload, headers not counted.
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

    /// Takes in what was read from the stream. After a breach of the framing the rest is ignored.
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

    /// The next complete message, without its framing. Once the framing is broken, and all messages
    /// before have been taken, the error is returned for ever.
    #[expect(clippy::should_implement_trait, reason = "`None` is not the end: more may be pushed")]
    pub fn next(&mut self) -> Option<Result<Vec<u8>, FramingError>> {
        self.ready.pop_front().map(Ok).or_else(|| self.broken.clone().map(Err))
    }

    /// How many complete messages [`next`](Self::next) has at hand.
    pub fn ready_count(&self) -> usize {
        self.ready.len()
    }

    /// To be called at the end of the stream: an error if that cuts a message in two.
    pub fn finish(&self) -> Result<(), FramingError> {
        match (&self.broken, self.state) {
            (Some(error), _) => Err(error.clone()),
            (None, DecoderState::Start) => Ok(()),
            (None, _) => Err(FramingError::Truncated { received: self.message.len() }),
        }
    }

    /// Consumes one octet of a header, or all that `octets` hold of a chunk; returns how many.
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
        let here = octets.len().min(left as usize);
        self.message.extend_from_slice(octets.get(..here).unwrap_or_default());
        // `here` is at most `left`, so it fits.
        self.state = match left - here as u32 {
            0 => DecoderState::Header,
            left => DecoderState::Data { left },
        };
        here
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

/// Frames one message, in one piece so that it can be written in one go: in one chunk, or as few as
/// [`MAX_CHUNK`] allows.
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
