//! A tap on the wire: passes everything on, and keeps what the client asked for.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use confine_netconf::Decoder;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixListener, UnixStream, unix::OwnedReadHalf, unix::OwnedWriteHalf},
};

/// The requests that went through, as text.
#[derive(Clone, Debug, Default)]
pub struct Tap(Arc<Mutex<Vec<String>>>);

impl Tap {
    /// Listens on `at`, and passes every connection on to `to`, for ever.
    ///
    /// # Errors
    /// What the system says when it cannot listen.
    pub fn listen(at: &Path, to: &Path) -> std::io::Result<Self> {
        let tap = Self::default();
        let listener = UnixListener::bind(at)?;
        let to = to.to_owned();
        let passing = tap.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = UnixStream::connect(&to).await else { continue };
                let (client_reads, client_writes) = client.into_split();
                let (server_reads, server_writes) = server.into_split();
                tokio::spawn(passing.clone().pass(client_reads, server_writes, true));
                tokio::spawn(passing.clone().pass(server_reads, client_writes, false));
            }
        });
        Ok(tap)
    }

    async fn pass(self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, keep: bool) {
        let mut decoder = Decoder::new();
        let mut buffer = vec![0; 1 << 16];
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            let Some(octets) = buffer.get(..count) else { return };
            if keep {
                decoder.push(octets);
                while let Some(Ok(message)) = decoder.next() {
                    self.lock().push(String::from_utf8_lossy(&message).into_owned());
                }
            }
            if to.write_all(octets).await.is_err() {
                return;
            }
        }
    }

    /// What has been asked for since this was called last.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
