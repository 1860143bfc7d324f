//! The daemon's side of the interface: two doors, and what is answered behind them.

use std::{convert::Infallible, fmt::Display, path::Path, sync::Arc, time::Duration};

use confine_sandbox::Limits;
use confine_service::{Host, ModuleOperationError, chain, status::ModuleStatus};
use serde::Serialize;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{OwnedSemaphorePermit, Semaphore},
};

use super::{
    LogReport, ModuleReport, RequestProblem,
    http::{self, Code, Request, Response},
    metrics,
    recent::RecentEvents,
    socket::{self, AdminSocket, AdminSocketError, ListenAddress, PeerCredentials, SocketAccess},
};
use crate::log::LogLevels;

/// How many may be served at a time, behind each door. More wait.
const AT_A_TIME: usize = 16;

/// How long a door that cannot be opened (there are no descriptors left, say) stays shut.
const PAUSE: Duration = Duration::from_secs(1);

/// Everybody on this machine may read what is behind the door for monitoring.
const FOR_ALL: u32 = 0o666;

/// What is behind the doors.
pub(crate) struct AdminApi {
    host: Arc<Host>,
    levels: LogLevels,
    limit_lines: LimitLines,
    recent: RecentEvents,
}

/// Limits, line by line.
type LimitLines = fn(&Limits) -> Vec<String>;

/// Where the daemon can be asked.
pub(crate) struct Listeners {
    admin: Option<(AdminSocket, SocketAccess)>,
    monitoring: Option<Monitoring>,
}

enum Monitoring {
    Port(tokio::net::TcpListener),
    Socket(AdminSocket),
}

/// Who asks.
enum RequestOrigin {
    /// Somebody who may do all that there is.
    Operator(PeerCredentials),
    /// Somebody who may do nothing at all.
    Stranger(PeerCredentials),
    /// Somebody of whom nothing is known.
    Anybody,
}

impl Listeners {
    /// None is open yet.
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

    /// Listens where monitoring is to find it.
    pub(crate) async fn open_monitoring(&mut self, place: &ListenAddress) -> Result<(), AdminSocketError> {
        self.monitoring = Some(match place {
            ListenAddress::Port(address) => Monitoring::Port(socket::port(*address).await?),
            ListenAddress::Socket(path) => Monitoring::Socket(AdminSocket::bind(path, FOR_ALL, None).await?),
        });
        Ok(())
    }

    /// Answers for ever.
    pub(crate) async fn serve(&self, interface: &Arc<AdminApi>) -> Infallible {
        let events = interface.host.events();
        tokio::join!(self.serve_admin(interface), self.serve_monitoring(interface), async {
            interface.recent.listen(events).await;
            std::future::pending::<Infallible>().await
        })
        .0
    }

    async fn serve_admin(&self, interface: &Arc<AdminApi>) -> Infallible {
        let Some((socket, access)) = &self.admin else { return std::future::pending().await };
        let places = Arc::new(Semaphore::new(AT_A_TIME));
        loop {
            let place = places.clone().acquire_owned().await.ok();
            let stream = match socket.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    shut("admin socket", &error).await;
                    continue;
                }
            };
            let (interface, access) = (interface.clone(), access.clone());
            tokio::spawn(async move {
                let Ok(peer) = PeerCredentials::of(&stream) else { return };
                let permitted = tokio::task::spawn_blocking(move || access.permits(&peer)).await;
                let visitor = if permitted.unwrap_or(false) {
                    RequestOrigin::Operator(peer)
                } else {
                    tracing::warn!(target: "audit", user = peer.user(), process = peer.process, "turned away from the admin socket");
                    RequestOrigin::Stranger(peer)
                };
                attend(stream, &interface, &visitor, place).await;
            });
        }
    }

    async fn serve_monitoring(&self, interface: &Arc<AdminApi>) -> Infallible {
        let Some(monitoring) = &self.monitoring else { return std::future::pending().await };
        let places = Arc::new(Semaphore::new(AT_A_TIME));
        loop {
            let place = places.clone().acquire_owned().await.ok();
            let interface = interface.clone();
            let accepted = match monitoring {
                Monitoring::Port(listener) => listener.accept().await.map(|(stream, _)| {
                    tokio::spawn(
                        async move { attend(stream, &interface, &RequestOrigin::Anybody, place).await },
                    )
                }),
                Monitoring::Socket(socket) => socket.listener.accept().await.map(|(stream, _)| {
                    tokio::spawn(
                        async move { attend(stream, &interface, &RequestOrigin::Anybody, place).await },
                    )
                }),
            };
            if let Err(error) = accepted {
                shut("metrics", &error).await;
            }
        }
    }
}

async fn shut(door: &str, error: &std::io::Error) {
    tracing::warn!(door, %error, "Nobody can connect for now");
    tokio::time::sleep(PAUSE).await;
}

/// Hears a request and answers it. Takes its place until then.
async fn attend<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    interface: &AdminApi,
    visitor: &RequestOrigin,
    _place: Option<OwnedSemaphorePermit>,
) {
    let response = match http::receive(&mut stream).await {
        Ok(Some(request)) => interface.answer(&request, visitor).await,
        Ok(None) => return,
        Err(error) => match error.code() {
            Some(code) => problem(code, error),
            None => return,
        },
    };
    // Who has gone needs no answer.
    let _ = http::respond(&mut stream, &response).await;
    // Not before: a daemon that has nothing to do is gone at once, and its answer with it.
    if response.status == Code::Accepted {
        interface.host.leave();
    }
}

impl AdminApi {
    /// `limit_lines` says limits line by line.
    pub(crate) fn new(host: Arc<Host>, levels: LogLevels, limit_lines: LimitLines) -> Self {
        Self { host, levels, limit_lines, recent: RecentEvents::default() }
    }

    async fn answer(&self, request: &Request, visitor: &RequestOrigin) -> Response {
        let method = request.method.as_str();
        let steps: Vec<&str> = request.path.split('/').skip(1).collect();
        match (method, &steps[..], visitor) {
            (_, _, RequestOrigin::Stranger(peer)) => turn_away(peer),
            ("GET", ["health"], _) => self.health(),
            ("GET", ["metrics"], _) => self.metrics(),
            (_, _, RequestOrigin::Anybody) => {
                problem(Code::NotFound, "there are `GET /health` and `GET /metrics`")
            }
            (_, ["v1", steps @ ..], RequestOrigin::Operator(peer)) => {
                self.operate(request, steps, peer).await
            }
            (_, _, RequestOrigin::Operator(_)) => problem(
                Code::NotFound,
                format!("there is no `{}`: this daemon speaks version 1", request.path),
            ),
        }
    }

    /// Version 1.
    async fn operate(&self, request: &Request, steps: &[&str], peer: &PeerCredentials) -> Response {
        let method = request.method.as_str();
        if method != "GET" {
            let path = &request.path;
            tracing::info!(target: "audit", user = peer.user(), process = peer.process, method, path, "told by an operator");
        }
        match (method, steps) {
            ("GET", ["status"]) => json(&self.host.status()),
            ("GET", ["events"]) => json(&self.recent.all()),
            ("GET", ["modules", name]) => self.module(name),
            ("POST", ["modules", name, operation]) => self.change(name, operation).await,
            ("POST", ["refresh"]) => {
                self.host.refresh().await;
                json(&self.host.status())
            }
            ("GET", ["log"]) => self.log(),
            ("PUT", ["log"]) => self.change_log(&request.body),
            // What it says is done once it is said: see `attend`.
            ("POST", ["stop"]) => Response { status: Code::Accepted, content_type: TEXT, body: Vec::new() },
            (_, ["status" | "events" | "refresh" | "log" | "stop"] | ["modules", _] | ["modules", _, _]) => {
                problem(Code::MethodNotAllowed, format!("`{method}` means nothing for `{}`", request.path))
            }
            _ => problem(Code::NotFound, format!("there is no `{}`", request.path)),
        }
    }

    fn find(&self, name: &str) -> Option<ModuleStatus> {
        self.host.status().modules.into_iter().find(|module| module.name == name)
    }

    fn module(&self, name: &str) -> Response {
        match self.find(name) {
            Some(status) => {
                let limits = (self.limit_lines)(self.host.limits_of(&status.name));
                json(&ModuleReport { limits, status })
            }
            None => {
                let modules = self.host.status().modules.into_iter().map(|module| module.name).collect();
                refused(&ModuleOperationError::Unknown { module: name.into(), modules })
            }
        }
    }

    async fn change(&self, name: &str, operation: &str) -> Response {
        let host = &self.host;
        let changed = match operation {
            "enable" => host.enable(name).await,
            "disable" => host.disable(name).await,
            "rollback" => host.rollback(name).await,
            "reload" => host.reload(name).await,
            "release" => host.release(name).await,
            "forget" => host.forget(name).await,
            _ => return problem(Code::NotFound, format!("modules have no operation `{operation}`")),
        };
        match changed {
            Ok(()) if operation == "forget" => {
                Response { status: Code::NoContent, content_type: TEXT, body: Vec::new() }
            }
            Ok(()) => self.module(name),
            Err(error) => refused(&error),
        }
    }

    fn log(&self) -> Response {
        json(&LogReport { filter: self.levels.filter().to_string() })
    }

    fn change_log(&self, body: &[u8]) -> Response {
        let wanted: LogReport = match serde_json::from_slice(body) {
            Ok(wanted) => wanted,
            Err(error) => {
                return problem(Code::BadRequest, format!("the body is not what is expected: {error}"));
            }
        };
        match wanted.filter.parse() {
            Ok(filter) => {
                self.levels.change(filter);
                self.log()
            }
            Err(error) => problem(Code::BadRequest, error),
        }
    }

    fn health(&self) -> Response {
        let connection = self.host.status().connection;
        let (status, text) = match (connection.connected, connection.error) {
            (true, _) => (Code::Ok, "ok\n".to_owned()),
            (false, Some(error)) => {
                (Code::Unavailable, format!("no connection to the controller: {error}\n"))
            }
            (false, None) => (Code::Unavailable, "no connection to the controller\n".to_owned()),
        };
        Response { status, content_type: TEXT, body: text.into_bytes() }
    }

    fn metrics(&self) -> Response {
        match metrics::text(self.host.status()) {
            Ok(text) => {
                Response { status: Code::Ok, content_type: metrics::CONTENT_TYPE, body: text.into_bytes() }
            }
            Err(error) => problem(Code::Internal, error),
        }
    }
}

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

fn json(value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => Response { status: Code::Ok, content_type: JSON, body },
        Err(error) => problem(Code::Internal, error),
    }
}

fn problem(status: Code, error: impl Display) -> Response {
    let body = serde_json::to_vec(&RequestProblem { error: error.to_string() }).unwrap_or_default();
    Response { status, content_type: JSON, body }
}

fn turn_away(peer: &PeerCredentials) -> Response {
    let user = peer.user();
    let error = format!(
        "`{user}` may not administer Confine\n\
         hint: ask as root or as the daemon's own user, or name a group that `{user}` is in (`group` in `[admin]`)"
    );
    problem(Code::Forbidden, error)
}

/// What a module's operation could not do.
fn refused(error: &ModuleOperationError) -> Response {
    let status = match error {
        ModuleOperationError::Unknown { .. } => Code::NotFound,
        ModuleOperationError::NotKept { .. } | ModuleOperationError::NotHad { .. } => Code::Internal,
        _ => Code::Conflict,
    };
    problem(status, chain(error))
}
