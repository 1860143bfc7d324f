//! A wire that breaks: forwards everything between a client and a controller until a given request, and spoils its
//! reply.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use confine_netconf::FrameDecoder;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixListener, UnixStream},
    sync::watch,
};

/// What happens to a reply.
#[derive(Clone, Copy, Debug)]
pub enum WireFault {
    /// The connection is closed before it.
    Closed,
    /// The connection is closed after half of it.
    Truncated,
    /// Half of it arrives, then nothing more.
    Stalled,
    /// These octets arrive instead.
    ReplacedBy(&'static [u8]),
    /// It never arrives.
    Lost,
}

/// A wire between two sockets.
#[derive(Clone, Debug)]
pub struct FaultyWire {
    /// The text that marks a request, and what happens to its reply.
    fault: Arc<Mutex<Option<(&'static str, WireFault)>>>,
    cuts: watch::Sender<u32>,
    /// Whether that request has been sent.
    requested: watch::Sender<bool>,
}

impl FaultyWire {
    /// Listens on `at` and forwards each connection to `to`.
    ///
    /// # Errors
    /// The system's error if it cannot listen.
    pub fn listen(at: &Path, to: &Path) -> std::io::Result<Self> {
        let wire =
            Self { fault: Arc::default(), cuts: watch::Sender::new(0), requested: watch::Sender::new(false) };
        let listener = UnixListener::bind(at)?;
        let (to, passing) = (to.to_owned(), wire.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = UnixStream::connect(&to).await else { continue };
                let (wire, mut cut) = (passing.clone(), passing.cuts.subscribe());
                tokio::spawn(async move {
                    tokio::select! {
                        _ = cut.changed() => {}
                        _ = wire.pass(client, server) => {}
                    }
                });
            }
        });
        Ok(wire)
    }

    /// Spoils the reply to each request that contains this text, until [`mend`](Self::mend).
    pub fn spoil(&self, request: &'static str, fault: WireFault) {
        self.requested.send_replace(false);
        *self.lock() = Some((request, fault));
    }

    /// Waits until such a request has been sent.
    pub async fn spoilt(&self) {
        // The sender is this wire's own, so it exists.
        let _ = self.requested.subscribe().wait_for(|&requested| requested).await;
    }

    /// Lets all replies through from now on.
    pub fn mend(&self) {
        *self.lock() = None;
    }

    /// Closes all connections.
    pub fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    async fn pass(&self, mut client: UnixStream, mut server: UnixStream) -> std::io::Result<()> {
        let mut decoder = FrameDecoder::new();
        let (mut request, mut reply) = (vec![0; 1 << 16], vec![0; 1 << 16]);
        let mut spoilt = None;
        loop {
            tokio::select! {
                count = client.read(&mut request) => {
                    let request = request.get(..count?).unwrap_or_default();
                    if request.is_empty() {
                        return Ok(());
                    }
                    decoder.push(request);
                    while let Some(Ok(message)) = decoder.next() {
                        let message = String::from_utf8_lossy(&message);
                        let fault = *self.lock();
                        spoilt = fault.filter(|(text, _)| message.contains(text)).map(|(_, fault)| fault);
                        if spoilt.is_some() {
                            self.requested.send_replace(true);
                        }
                    }
                    server.write_all(request).await?;
                }
                count = server.read(&mut reply) => {
                    let reply = reply.get(..count?).unwrap_or_default();
                    let half = reply.get(..reply.len() / 2).unwrap_or_default();
                    match spoilt {
                        _ if reply.is_empty() => return Ok(()),
                        None => client.write_all(reply).await?,
                        Some(WireFault::Closed) => return Ok(()),
                        Some(WireFault::Truncated) => return client.write_all(half).await,
                        Some(WireFault::ReplacedBy(octets)) => client.write_all(octets).await?,
                        Some(WireFault::Stalled) => {
                            client.write_all(half).await?;
                            spoilt = Some(WireFault::Lost);
                        }
                        Some(WireFault::Lost) => {}
                    }
                }
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<(&'static str, WireFault)>> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
