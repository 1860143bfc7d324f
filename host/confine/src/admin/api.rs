//! What the daemon answers to each request.

use std::{convert::Infallible, sync::Arc};

use confine_sandbox::Limits;
use confine_service::{Host, ModuleOperationError, error_chain, status::ModuleStatus};
use hyper::StatusCode;

use super::{
    access::PeerCredentials,
    messages::{AdminRequest, AdminResponse, LogReport, ModuleReport, TEXT, json, problem, response},
    metrics,
    recent::RecentEvents,
};
use crate::log::LogLevels;

/// The query of a refresh that does not wait until what was found is loaded.
const NO_WAIT: &str = "wait=no";

/// Formats limits as lines of the table `limits` in confine.toml.
type LimitLines = fn(&Limits) -> Vec<String>;

/// Answers requests about the daemon.
pub(crate) struct AdminApi {
    host: Arc<Host>,
    levels: LogLevels,
    limit_lines: LimitLines,
    recent: RecentEvents,
}

/// Who sends a request.
pub(super) enum RequestOrigin {
    /// A user who may do everything.
    Operator(PeerCredentials),
    /// A user who may do nothing.
    Stranger(PeerCredentials),
    /// A user of the listener for monitoring.
    Monitoring,
}

impl AdminApi {
    pub(crate) fn new(host: Arc<Host>, levels: LogLevels, limit_lines: LimitLines) -> Self {
        Self { host, levels, limit_lines, recent: RecentEvents::default() }
    }

    /// Keeps the last events, for ever.
    pub(super) async fn record_events(&self) -> Infallible {
        self.recent.listen(self.host.events()).await;
        std::future::pending().await
    }

    /// Stops the daemon after the commit in progress.
    pub(super) fn stop(&self) {
        self.host.request_exit();
    }

    pub(super) async fn answer(&self, request: &AdminRequest, origin: &RequestOrigin) -> AdminResponse {
        let (method, path) = (request.method().as_str(), request.uri().path());
        let steps: Vec<&str> = path.split('/').skip(1).collect();
        match (method, &steps[..], origin) {
            (_, _, RequestOrigin::Stranger(peer)) => forbidden(peer),
            ("GET", ["health"], _) => self.health(),
            ("GET", ["metrics"], _) => self.metrics(),
            (_, _, RequestOrigin::Monitoring) => {
                problem(StatusCode::NOT_FOUND, "only `GET /health` and `GET /metrics` are served here")
            }
            (_, ["v1", steps @ ..], RequestOrigin::Operator(peer)) => {
                self.operate(request, steps, peer).await
            }
            (_, _, RequestOrigin::Operator(_)) => problem(
                StatusCode::NOT_FOUND,
                format!("there is no `{path}`: this daemon serves version 1 (`/v1/…`)"),
            ),
        }
    }

    /// Answers a request of version 1.
    async fn operate(&self, request: &AdminRequest, steps: &[&str], peer: &PeerCredentials) -> AdminResponse {
        let (method, path) = (request.method().as_str(), request.uri().path());
        if method != "GET" {
            tracing::info!(target: "audit", user = peer.user(), process = peer.process, method, path, "request by an operator");
        }
        match (method, steps) {
            ("GET", ["status"]) => json(&self.host.status()),
            ("GET", ["events"]) => json(&self.recent.all()),
            ("GET", ["modules", name]) => self.module(name),
            ("POST", ["modules", name, operation]) => self.change(name, operation).await,
            ("POST", ["refresh"]) => {
                let (host, waits) = (self.host.clone(), request.uri().query() != Some(NO_WAIT));
                let refreshed = self.host.work().complete(async move {
                    match waits {
                        true => host.modules().refresh().await,
                        false => host.modules().rescan().await,
                    }
                });
                match refreshed.await {
                    Ok(()) => json(&self.host.status()),
                    Err(error) => crashed(&error),
                }
            }
            ("GET", ["log"]) => self.log(),
            ("PUT", ["log"]) => self.change_log(request.body()),
            // The daemon stops once the response is written: see `server.rs`.
            ("POST", ["stop"]) => response(StatusCode::ACCEPTED, TEXT, ""),
            (_, ["status" | "events" | "refresh" | "log" | "stop"] | ["modules", _] | ["modules", _, _]) => {
                problem(StatusCode::METHOD_NOT_ALLOWED, format!("`{path}` does not support `{method}`"))
            }
            _ => problem(StatusCode::NOT_FOUND, format!("there is no `{path}`")),
        }
    }

    fn find(&self, name: &str) -> Option<ModuleStatus> {
        self.host.status().modules.into_iter().find(|module| module.name == name)
    }

    fn module(&self, name: &str) -> AdminResponse {
        match self.find(name) {
            Some(status) => {
                let limits = (self.limit_lines)(self.host.modules().limits_of(&status.name));
                json(&ModuleReport { limits, status })
            }
            None => {
                let modules = self.host.status().modules.into_iter().map(|module| module.name).collect();
                refused(&ModuleOperationError::Unknown { module: name.into(), modules })
            }
        }
    }

    async fn change(&self, name: &str, operation: &str) -> AdminResponse {
        let (host, module, wanted) = (self.host.clone(), name.to_owned(), operation.to_owned());
        let changing = self.host.work().complete(async move {
            let modules = host.modules();
            Some(match &*wanted {
                "enable" => modules.enable(&module).await,
                "disable" => modules.disable(&module).await,
                "rollback" => modules.rollback(&module).await,
                "reload" => modules.reload(&module).await,
                "release" => modules.release(&module).await,
                "approve" => modules.approve(&module).await,
                "forget" => modules.forget(&module).await,
                _ => return None,
            })
        });
        match changing.await {
            Ok(Some(Ok(()))) if operation == "forget" => response(StatusCode::NO_CONTENT, TEXT, ""),
            Ok(Some(Ok(()))) => self.module(name),
            Ok(Some(Err(error))) => refused(&error),
            Ok(None) => {
                problem(StatusCode::NOT_FOUND, format!("there is no operation `{operation}` on modules"))
            }
            Err(error) => crashed(&error),
        }
    }

    fn log(&self) -> AdminResponse {
        json(&LogReport { filter: self.levels.filter().to_string() })
    }

    fn change_log(&self, body: &[u8]) -> AdminResponse {
        let wanted: LogReport = match serde_json::from_slice(body) {
            Ok(wanted) => wanted,
            Err(error) => {
                return problem(StatusCode::BAD_REQUEST, format!("cannot parse the body: {error}"));
            }
        };
        match wanted.filter.parse() {
            Ok(filter) => {
                self.levels.change(filter);
                self.log()
            }
            Err(error) => problem(StatusCode::BAD_REQUEST, error),
        }
    }

    fn health(&self) -> AdminResponse {
        let connection = self.host.status().connection;
        let (status, text) = match (connection.connected, connection.error) {
            (true, _) => (StatusCode::OK, "ok\n".to_owned()),
            (false, Some(error)) => {
                (StatusCode::SERVICE_UNAVAILABLE, format!("no connection to the controller: {error}\n"))
            }
            (false, None) => {
                (StatusCode::SERVICE_UNAVAILABLE, "no connection to the controller\n".to_owned())
            }
        };
        response(status, TEXT, text)
    }

    fn metrics(&self) -> AdminResponse {
        match metrics::text(self.host.status()) {
            Ok(text) => response(StatusCode::OK, metrics::CONTENT_TYPE, text),
            Err(error) => problem(StatusCode::INTERNAL_SERVER_ERROR, error),
        }
    }
}

fn forbidden(peer: &PeerCredentials) -> AdminResponse {
    let user = peer.user();
    let error = format!(
        "`{user}` may not administer Confine\n\
         hint: use root or the user that the daemon runs as, or set `group` in `[admin]` to a group of `{user}`"
    );
    problem(StatusCode::FORBIDDEN, error)
}

/// The response to an operation on a module that failed.
/// The response if an operation has panicked.
fn crashed(error: &tokio::task::JoinError) -> AdminResponse {
    tracing::error!(%error, "an operation on modules crashed");
    problem(StatusCode::INTERNAL_SERVER_ERROR, "the operation crashed: see the daemon's log")
}

fn refused(error: &ModuleOperationError) -> AdminResponse {
    let status = match error {
        ModuleOperationError::Unknown { .. } => StatusCode::NOT_FOUND,
        ModuleOperationError::NotStored { .. } | ModuleOperationError::Unreadable { .. } => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
        _ => StatusCode::CONFLICT,
    };
    problem(status, error_chain(error))
}
