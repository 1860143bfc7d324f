//! The admin interface: what the daemon reports to operators and to monitoring, and what operators may have it
//! do.
//!
//! It is HTTP/1.1 on a unix socket with JSON bodies, one request per connection; `curl --unix-socket` is as good
//! a client as `confine status`. Version 1:
//!
//! | request | response |
//! |---|---|
//! | `GET /v1/status` | [`DaemonStatus`](confine_service::DaemonStatus) |
//! | `GET /v1/modules/NAME` | [`ModuleReport`]: its part of the status, and its limits |
//! | `POST /v1/modules/NAME/enable`, `disable`, `rollback`, `reload`, `release`, `approve`, `forget` | the module afterwards; for `forget`, nothing |
//! | `POST /v1/refresh` | the status, after a scan of all module directories, once what was found is loaded; with `?wait=no`, at once |
//! | `GET /v1/events` | the last [`AuditEvent`](confine_service::AuditEvent)s, the oldest first |
//! | `GET /v1/log`, `PUT /v1/log` | [`LogReport`]: what is logged from now on |
//! | `POST /v1/stop` | nothing; the daemon stops after the commit in progress |
//! | `GET /health` | 200 if the daemon serves the controller, else 503 and why |
//! | `GET /metrics` | the status as metrics for Prometheus |
//!
//! A refused request gets a status of 400 or above and a `RequestProblem`. A version keeps what it has: fields and
//! requests may be added, none is removed or changes its meaning; that would take a `/v2`.
//!
//! The last two are also served on an address for monitoring, where nothing else is. The admin socket itself is
//! for root, the daemon's own user, and one group that the operator may name: the kernel lets no other user
//! connect, and the daemon checks each peer as well.

mod access;
mod api;
mod client;
mod connection;
mod messages;
mod metrics;
mod places;
mod recent;
mod server;
mod socket;

pub(crate) use self::{
    api::AdminApi,
    client::{AdminClient, AdminClientError},
    messages::{LogReport, ModuleReport},
    server::Listeners,
    socket::AdminSocketError,
};
