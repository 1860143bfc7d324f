//! The admin interface: what the daemon says of itself to operators and to monitoring, and what operators
//! may tell it.
//!
//! It is HTTP/1.1 on a unix socket, JSON in and out, one request a connection; so `curl --unix-socket` is a
//! client as good as `confine status`. Version 1 of it:
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/status` | [`DaemonStatus`](confine_service::DaemonStatus) |
//! | `GET /v1/modules/NAME` | [`ModuleReport`]: its part of the status, and its limits |
//! | `POST /v1/modules/NAME/enable`, `disable`, `rollback`, `reload`, `release`, `forget` | the module after it; for one that is forgotten, nothing |
//! | `POST /v1/refresh` | the status, after a look at all module directories |
//! | `GET /v1/events` | the last [`AuditEvent`](confine_service::AuditEvent)s, the oldest first |
//! | `GET /v1/log`, `PUT /v1/log` | [`LogReport`]: what is logged, from now on |
//! | `POST /v1/stop` | nothing; the daemon ends once the commit that is running is answered |
//! | `GET /health` | 200 if the controller is served, else 503 and why |
//! | `GET /metrics` | the same as numbers, as Prometheus reads them |
//!
//! What is refused is answered with a status of 400 or above and [`RequestProblem`]. A version keeps what it has:
//! fields and requests may come, none goes or changes its meaning; for that there would be a `/v2`.
//!
//! The last two are also served where the operator wants monitoring to find them, and nothing else is
//! there. The admin socket itself is for root, the daemon's own user, and one group that the operator may
//! name: the kernel lets nobody else connect, and who has connected is looked at all the same.

mod client;
mod http;
mod metrics;
mod property;
mod recent;
mod server;
mod socket;

use serde::{Deserialize, Serialize};

pub use self::property::any_request;
pub(crate) use self::{
    client::{AdminClient, AdminClientError},
    server::{AdminApi, Listeners},
    socket::{AdminSocketError, ListenAddress},
};

/// One module, as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ModuleReport {
    #[serde(flatten)]
    pub(crate) status: confine_service::status::ModuleStatus,
    /// Its limits, as lines of the table `limits` in confine.toml.
    pub(crate) limits: Vec<String>,
}

/// What is logged: a filter as in `--log`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogReport {
    pub(crate) filter: String,
}

/// Why a request was not carried out, for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RequestProblem {
    pub(crate) error: String,
}
