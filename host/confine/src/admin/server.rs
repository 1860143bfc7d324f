//! The listeners of the daemon, and the connections on them.

use std::{
    convert::Infallible,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use hyper::StatusCode;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Semaphore,
};

use super::{
    access::{PeerCredentials, SocketAccess},
    api::{AdminApi, RequestOrigin},
    connection::{self, PeerTimeouts},
    messages::{AdminRequest, AdminResponse},
    places::{ConnectionPlace, ConnectionPlaces},
    socket::{AdminSocket, AdminSocketError, listen_on_port},
};
use crate::address::ListenAddress;

/// The most connections at a time: on the admin socket for root and the daemon's own user, as many for all
/// others, and as many on the listener for monitoring.
const MAX_CONNECTIONS: usize = 64;
/// The most peers whose groups are looked up at a time.
const MAX_LOOKUPS: usize = 4;

/// How long a listener pauses that cannot accept a connection (without free descriptors, for example).
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// The socket for monitoring is open to every user of this machine.
const MONITORING_MODE: u32 = 0o666;

/// The sockets that operators and monitoring connect to.
pub(crate) struct Listeners {
    admin: Option<(AdminSocket, SocketAccess)>,
    monitoring: Option<MonitoringListener>,
}

enum MonitoringListener {
    Port(tokio::net::TcpListener),
    Socket(AdminSocket),
}

impl Listeners {
    /// No listener yet.
    pub(crate) fn none() -> Self {
        Self { admin: None, monitoring: None }
    }

    /// Listens on the admin socket, for root, the daemon's own user and this group.
    pub(crate) async fn open_admin(
        &mut self,
        path: &Path,
        group: Option<&str>,
    ) -> Result<(), AdminSocketError> {
        let access = SocketAccess::new(group)?;
        self.admin = Some((AdminSocket::bind(path, access.mode(), access.group()).await?, access));
        Ok(())
    }

    /// Listens for monitoring.
    pub(crate) async fn open_monitoring(&mut self, address: &ListenAddress) -> Result<(), AdminSocketError> {
        self.monitoring = Some(match address {
            ListenAddress::Port(address) => MonitoringListener::Port(listen_on_port(*address).await?),
            ListenAddress::Socket(path) => {
                MonitoringListener::Socket(AdminSocket::bind(path, MONITORING_MODE, None).await?)
            }
        });
        Ok(())
    }

    /// Answers requests for ever.
    pub(crate) async fn serve(&self, api: &Arc<AdminApi>) -> Infallible {
        tokio::join!(self.serve_admin(api), self.serve_monitoring(api), api.record_events()).0
    }

    async fn serve_admin(&self, api: &Arc<AdminApi>) -> Infallible {
        let Some((socket, access)) = &self.admin else { return std::future::pending().await };
        // Nobody else can take the places of those who own the daemon.
        let reserved = ConnectionPlaces::new(MAX_CONNECTIONS);
        let others = ConnectionPlaces::new(MAX_CONNECTIONS);
        let lookups = Arc::new(Semaphore::new(MAX_LOOKUPS));
        loop {
            let stream = match socket.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    pause("admin socket", &error).await;
                    continue;
                }
            };
            let Ok(peer) = PeerCredentials::of(&stream) else { continue };
            let places = if access.is_privileged(&peer) { &reserved } else { &others };
            // No look-up of a name here: it may block, and this loop accepts everyone.
            let Some(place) = places.take(Some(peer.uid)) else {
                tracing::debug!(
                    uid = peer.uid.as_raw(),
                    "refused a connection to the admin socket: all are busy"
                );
                continue;
            };
            let (api, access, lookups) = (api.clone(), access.clone(), lookups.clone());
            tokio::spawn(async move {
                let served = async {
                    let origin = origin(peer, access, lookups).await;
                    serve(stream, &api, &origin, &place).await;
                };
                until_closed(served, &place).await;
            });
        }
    }

    async fn serve_monitoring(&self, api: &Arc<AdminApi>) -> Infallible {
        let Some(monitoring) = &self.monitoring else { return std::future::pending().await };
        let places = ConnectionPlaces::new(MAX_CONNECTIONS);
        loop {
            let accepted = match monitoring {
                MonitoringListener::Port(listener) => {
                    let accepted = listener.accept().await;
                    accepted.map(|(stream, _)| spawn_monitoring(stream, api, places.take(None)))
                }
                MonitoringListener::Socket(socket) => {
                    let accepted = socket.listener.accept().await;
                    accepted.map(|(stream, _)| {
                        let user = PeerCredentials::of(&stream).ok().map(|peer| peer.uid);
                        spawn_monitoring(stream, api, places.take(user));
                    })
                }
            };
            if let Err(error) = accepted {
                pause("metrics", &error).await;
            }
        }
    }
}

fn spawn_monitoring<S>(stream: S, api: &Arc<AdminApi>, place: Option<ConnectionPlace>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // Every connection carries out a request: this one is closed.
    let Some(place) = place else { return };
    let api = api.clone();
    tokio::spawn(async move {
        until_closed(serve(stream, &api, &RequestOrigin::Monitoring, &place), &place).await;
    });
}

async fn pause(listener: &str, error: &std::io::Error) {
    tracing::warn!(listener, %error, "cannot accept connections for now");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

/// Whether the peer may use the admin socket. Groups are looked up on a thread that may block, a few at a time: a look-up
/// goes on after its connection has been closed.
async fn origin(peer: PeerCredentials, access: SocketAccess, lookups: Arc<Semaphore>) -> RequestOrigin {
    let is_permitted = match access.permits_at_once(&peer) {
        Some(is_permitted) => is_permitted,
        None => match lookups.acquire_owned().await {
            Ok(permit) => {
                let look_up = move || {
                    let _permit = permit;
                    access.permits(&peer)
                };
                tokio::task::spawn_blocking(look_up).await.unwrap_or(false)
            }
            // Never closed.
            Err(_) => false,
        },
    };
    if is_permitted {
        RequestOrigin::Operator(peer)
    } else {
        tracing::warn!(target: "audit", user = peer.user(), process = peer.process, "refused a user on the admin socket");
        RequestOrigin::Stranger(peer)
    }
}

/// Serves a connection until it ends, or until it has to give way to another.
async fn until_closed(served: impl Future<Output = ()>, place: &ConnectionPlace) {
    tokio::select! {
        biased;
        () = place.closed() => tracing::debug!("closed an idle connection to make room for another one"),
        () = served => {}
    }
}

/// Answers the request of a connection.
async fn serve<S>(mut stream: S, api: &AdminApi, origin: &RequestOrigin, place: &ConnectionPlace)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let stops = StopOnDrop { api, is_asked_to: AtomicBool::new(false) };
    serve_in_place(&mut stream, PeerTimeouts::default(), place, |request| {
        let stops = &stops;
        async move {
            let response = api.answer(&request, origin).await;
            stops.is_asked_to.store(response.status() == StatusCode::ACCEPTED, Ordering::Relaxed);
            response
        }
    })
    .await;
}

/// Serves a connection that keeps its place while its request is carried out.
async fn serve_in_place<S, A, F>(stream: &mut S, timeouts: PeerTimeouts, place: &ConnectionPlace, answer: A)
where
    S: AsyncRead + AsyncWrite + Unpin,
    A: Fn(AdminRequest) -> F,
    F: Future<Output = AdminResponse>,
{
    let served = connection::serve(stream, timeouts, |request| {
        let answer = &answer;
        async move {
            if !place.begin_request() {
                // It has to give way at this moment.
                return std::future::pending().await;
            }
            let response = answer(request).await;
            place.end_request();
            response
        }
    });
    if let Err(error) = served.await {
        tracing::debug!(error = %confine_service::error_chain(&error), "a request on the admin interface failed");
    }
}

/// Stops the daemon, if it is asked to, when the connection ends, in whatever way. Not before: a daemon that has
/// nothing to do exits immediately, and its response would be lost.
struct StopOnDrop<'a> {
    api: &'a AdminApi,
    is_asked_to: AtomicBool,
}

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        if self.is_asked_to.load(Ordering::Relaxed) {
            self.api.stop();
        }
    }
}

#[cfg(test)]
mod tests {
    use nix::unistd::Uid;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
        task::JoinHandle,
    };

    use super::{super::messages::response, *};

    /// So that no connection ends by a timeout.
    const PATIENT: PeerTimeouts = PeerTimeouts {
        request: Duration::from_secs(3600),
        response: Duration::from_secs(3600),
        close: Duration::from_secs(3600),
    };

    /// A peer that has sent these bytes, and its connection.
    async fn connect(places: &Arc<ConnectionPlaces>, bytes: &[u8]) -> (DuplexStream, JoinHandle<()>) {
        let (mut ours, mut theirs) = duplex(1 << 10);
        theirs.write_all(bytes).await.unwrap();
        let place = places.take(Some(Uid::from_raw(1))).unwrap();
        let served = tokio::spawn(async move {
            let answer = async |_| response(StatusCode::OK, "text/plain", vec![b'a'; 4 << 10]);
            until_closed(serve_in_place(&mut ours, PATIENT, &place, answer), &place).await;
        });
        (theirs, served)
    }

    /// Of one user: peers that send nothing, that send slowly, and that do not read. They are not waited for.
    #[tokio::test]
    async fn slow_peers_do_not_keep_a_request_waiting() {
        let places = ConnectionPlaces::new(MAX_CONNECTIONS);
        let mut slow = Vec::new();
        for number in 0..400 {
            let sent: &[u8] = match number % 3 {
                0 => b"",
                1 => b"GET /v1/st",
                _ => b"GET /v1/status HTTP/1.1\r\n\r\n",
            };
            slow.push(connect(&places, sent).await);
            tokio::task::yield_now().await;
        }
        let (mut peer, _) = connect(&places, b"GET /v1/status HTTP/1.1\r\n\r\n").await;
        let mut start = [0; 15];
        peer.read_exact(&mut start).await.unwrap();
        assert_eq!(&start, b"HTTP/1.1 200 OK");
        let open = slow.iter().filter(|(_, served)| !served.is_finished()).count();
        assert_eq!(open, MAX_CONNECTIONS - 1, "the others are still waited for");
    }
}
