//! Messages over a byte stream: the framing, and nothing of what a message says.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::{Error, FrameDecoder, encode, message_display::MessageDisplay};

/// Under what name messages are logged, each as a whole.
const LOG: &str = "xml";

/// Octets asked of the stream at once.
const READ: usize = 64 * 1024;

/// A byte stream, or one half of it, that carries messages.
#[derive(Debug)]
pub(crate) struct Channel<S> {
    stream: S,
    decoder: FrameDecoder,
    buffer: Vec<u8>,
}

impl<S> Channel<S> {
    /// `limit`: the largest message that will be received, in octets.
    pub(crate) fn new(stream: S, limit: usize) -> Self {
        Self { stream, decoder: FrameDecoder::with_limit(limit), buffer: Vec::new() }
    }

    /// How many messages have come beyond the one that was received last.
    pub(crate) fn ready_count(&self) -> usize {
        self.decoder.ready_count()
    }
}

impl<S: AsyncRead + Unpin> Channel<S> {
    /// The next message without its framing, or `None` when the peer has closed the stream after a whole
    /// one. Nothing is lost when the future is dropped.
    pub(crate) async fn receive(&mut self) -> Result<Option<Vec<u8>>, Error> {
        self.buffer.resize(READ, 0);
        loop {
            if let Some(message) = self.decoder.next() {
                let message = message?;
                tracing::trace!(target: LOG, "received\n{}", MessageDisplay(&message));
                return Ok(Some(message));
            }
            let count = self.stream.read(&mut self.buffer).await?;
            if count == 0 {
                self.decoder.finish()?;
                return Ok(None);
            }
            self.decoder.push(self.buffer.get(..count).unwrap_or_default());
        }
    }
}

impl<S: AsyncWrite + Unpin> Channel<S> {
    /// Sends a message, framed, in one write. The stream is of no use after an error, nor after the
    /// future was dropped: the peer may have part of the message.
    pub(crate) async fn send(&mut self, message: &str) -> Result<(), Error> {
        tracing::trace!(target: LOG, "sent\n{}", MessageDisplay(message.as_bytes()));
        let framed = encode(message.as_bytes())?;
        self.stream.write_all(&framed).await?;
        Ok(self.stream.flush().await?)
    }
}
