//! A wire that breaks: passes everything on between a client and a controller, until something is asked
//! whose answer does not arrive as it should.

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

/// What becomes of an answer.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// The connection ends instead.
    End,
    /// Half of it comes, and then the end.
    Cut,
    /// Half of it comes, and then nothing more.
    Half,
    /// This comes instead.
    Instead(&'static [u8]),
    /// It never comes.
    Silence,
}

/// A wire between two sockets.
#[derive(Clone, Debug)]
pub struct Wire {
    /// What has to be asked, and what becomes of the answer.
    fault: Arc<Mutex<Option<(&'static str, Fault)>>>,
    cuts: watch::Sender<u32>,
    /// Whether it has been asked.
    asked: watch::Sender<bool>,
}

impl Wire {
    /// Listens on `at`, and passes every connection on to `to`, for ever.
    ///
    /// # Errors
    /// What the system says when it cannot listen.
    pub fn listen(at: &Path, to: &Path) -> std::io::Result<Self> {
        let wire =
            Self { fault: Arc::default(), cuts: watch::Sender::new(0), asked: watch::Sender::new(false) };
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

    /// From now on, whoever asks what has this text in it gets the answer so; until it is mended.
    pub fn spoil(&self, asked: &'static str, fault: Fault) {
        self.asked.send_replace(false);
        *self.lock() = Some((asked, fault));
    }

    /// Waits until somebody has asked that.
    pub async fn spoilt(&self) {
        // The sender is the wire's own, and so is there.
        let _ = self.asked.subscribe().wait_for(|&asked| asked).await;
    }

    /// From now on, all answers arrive.
    pub fn mend(&self) {
        *self.lock() = None;
    }

    /// Ends all connections.
    pub fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    async fn pass(&self, mut client: UnixStream, mut server: UnixStream) -> std::io::Result<()> {
        let mut decoder = FrameDecoder::new();
        let (mut asked, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
        let mut spoilt = None;
        loop {
            tokio::select! {
                count = client.read(&mut asked) => {
                    let asked = asked.get(..count?).unwrap_or_default();
                    if asked.is_empty() {
                        return Ok(());
                    }
                    decoder.push(asked);
                    while let Some(Ok(message)) = decoder.next() {
                        let message = String::from_utf8_lossy(&message);
                        let fault = *self.lock();
                        spoilt = fault.filter(|(text, _)| message.contains(text)).map(|(_, fault)| fault);
                        if spoilt.is_some() {
                            self.asked.send_replace(true);
                        }
                    }
                    server.write_all(asked).await?;
                }
                count = server.read(&mut answered) => {
                    let answer = answered.get(..count?).unwrap_or_default();
                    let half = answer.get(..answer.len() / 2).unwrap_or_default();
                    match spoilt {
                        _ if answer.is_empty() => return Ok(()),
                        None => client.write_all(answer).await?,
                        Some(Fault::End) => return Ok(()),
                        Some(Fault::Cut) => return client.write_all(half).await,
                        Some(Fault::Instead(octets)) => client.write_all(octets).await?,
                        Some(Fault::Half) => {
                            client.write_all(half).await?;
                            spoilt = Some(Fault::Silence);
                        }
                        Some(Fault::Silence) => {}
                    }
                }
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<(&'static str, Fault)>> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
