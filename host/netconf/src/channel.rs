//! Framed messages over a byte stream.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::{Error, FrameDecoder, encode, message_display::MessageDisplay};

/// The `tracing` target of messages.
const LOG_TARGET: &str = "xml";

/// Octets per read.
const READ_SIZE: usize = 64 * 1024;

/// A byte stream, or one half of it, that carries messages.
#[derive(Debug)]
pub(crate) struct Channel<S> {
    stream: S,
    decoder: FrameDecoder,
    buffer: Vec<u8>,
}

impl<S> Channel<S> {
    /// Creates a channel that receives messages of up to `limit` octets.
    pub(crate) fn new(stream: S, limit: usize) -> Self {
        Self { stream, decoder: FrameDecoder::with_limit(limit), buffer: Vec::new() }
    }

    /// Returns the number of received messages that [`receive`](Self::receive) has not returned yet.
    pub(crate) fn ready_count(&self) -> usize {
        self.decoder.ready_count()
    }
}

impl<S: AsyncRead + Unpin> Channel<S> {
    /// Returns the next message without its framing, or `None` if the peer closed the stream after a complete message.
    /// Cancel-safe: no octet is lost if the future is dropped.
    pub(crate) async fn receive(&mut self) -> Result<Option<Vec<u8>>, Error> {
        self.buffer.resize(READ_SIZE, 0);
        loop {
            if let Some(message) = self.decoder.next() {
                let message = message?;
                tracing::trace!(target: LOG_TARGET, "received\n{}", MessageDisplay(&message));
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
    /// Sends a message, framed, in one write. After an error, or if the future was dropped, the stream is unusable: the
    /// peer may have received part of the message.
    pub(crate) async fn send(&mut self, message: &str) -> Result<(), Error> {
        tracing::trace!(target: LOG_TARGET, "sent\n{}", MessageDisplay(message.as_bytes()));
        let framed = encode(message.as_bytes())?;
        self.stream.write_all(&framed).await?;
        Ok(self.stream.flush().await?)
    }
}
