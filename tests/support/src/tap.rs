//! A tap on the wire: forwards everything, keeps the client's requests, and can delay or hold replies.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use confine_netconf::FrameDecoder;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixListener, UnixStream, unix::OwnedReadHalf, unix::OwnedWriteHalf},
    sync::watch,
};

/// The requests that went through, as text, and what is held.
#[derive(Clone, Default)]
pub struct RequestTap {
    requests: Arc<Mutex<Vec<String>>>,
    /// The bytes of all replies and notifications.
    received: Arc<AtomicUsize>,
    /// Text in the request whose connection is held.
    hold: watch::Sender<Option<String>>,
    /// The delay of each reply.
    delay: watch::Sender<Duration>,
    probe: Arc<OnceLock<Probe>>,
}

/// What is called with each request, and with each piece of a reply or notification, before it is forwarded.
type Probe = Box<dyn Fn(&[u8]) + Send + Sync>;

impl RequestTap {
    /// Listens on `at` and forwards each connection to `to`.
    ///
    /// # Errors
    /// The system's error if it cannot listen.
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
                let held = Arc::new(AtomicBool::new(false));
                tokio::spawn(passing.clone().pass_requests(client_reads, server_writes, held.clone()));
                tokio::spawn(passing.clone().pass_replies(server_reads, client_writes, held));
            }
        });
        Ok(tap)
    }

    async fn pass_requests(self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, held: Arc<AtomicBool>) {
        let mut decoder = FrameDecoder::new();
        let mut buffer = vec![0; 1 << 16];
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            let Some(octets) = buffer.get(..count) else { return };
            decoder.push(octets);
            while let Some(Ok(message)) = decoder.next() {
                self.probe.get().into_iter().for_each(|probe| probe(&message));
                let request = String::from_utf8_lossy(&message).into_owned();
                if self.hold.borrow().as_ref().is_some_and(|text| request.contains(text)) {
                    held.store(true, Ordering::Relaxed);
                }
                self.lock().push(request);
            }
            if to.write_all(octets).await.is_err() {
                return;
            }
        }
    }

    async fn pass_replies(self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, held: Arc<AtomicBool>) {
        let mut buffer = vec![0; 1 << 16];
        let mut hold = self.hold.subscribe();
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            let Some(octets) = buffer.get(..count) else { return };
            self.received.fetch_add(count, Ordering::Relaxed);
            self.probe.get().into_iter().for_each(|probe| buffer.get(..count).into_iter().for_each(probe));
            if held.load(Ordering::Relaxed) {
                let _ = hold.wait_for(Option::is_none).await;
                held.store(false, Ordering::Relaxed);
            }
            let delay = *self.delay.borrow();
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            if to.write_all(octets).await.is_err() {
                return;
            }
        }
    }

    /// Holds replies on a connection from the next request with this text on, until [`release`](Self::release).
    pub fn hold(&self, text: &str) {
        self.hold.send_replace(Some(text.to_owned()));
    }

    /// Calls `probe` with each request, and with each piece of a reply or notification, before it is forwarded. Only the first
    /// call counts.
    pub fn probe(&self, probe: impl Fn(&[u8]) + Send + Sync + 'static) {
        let _ = self.probe.set(Box::new(probe));
    }

    /// Delays each reply by this time.
    pub fn delay(&self, delay: Duration) {
        self.delay.send_replace(delay);
    }

    /// Forwards the replies that were held.
    pub fn release(&self) {
        self.hold.send_replace(None);
    }

    /// Returns the requests since the last call.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.lock())
    }

    /// Returns how many bytes the client has received since the last call.
    pub fn take_received(&self) -> usize {
        self.received.swap(0, Ordering::Relaxed)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
