//! Requests, responses, and the JSON in them that is not a part of the status.

use std::fmt::Display;

use http_body_util::Full;
use hyper::{
    Request, Response, StatusCode,
    body::Bytes,
    header::{CONTENT_TYPE, HeaderValue},
};
use serde::{Deserialize, Serialize};

pub(super) const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

/// A request with all of its body.
pub(super) type AdminRequest = Request<Bytes>;

/// A response with all of its body.
pub(super) type AdminResponse = Response<Full<Bytes>>;

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

/// Why a request was refused, as text for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RequestProblem {
    pub(crate) error: String,
}

/// Makes a response.
pub(super) fn response(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> AdminResponse {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    // A response without content has no type.
    if status != StatusCode::NO_CONTENT {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    response
}

/// A response with this value.
pub(super) fn json(value: &impl Serialize) -> AdminResponse {
    match serde_json::to_vec(value) {
        Ok(body) => response(StatusCode::OK, JSON, body),
        Err(error) => problem(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}

/// A response that refuses a request.
pub(super) fn problem(status: StatusCode, error: impl Display) -> AdminResponse {
    let body = serde_json::to_vec(&RequestProblem { error: error.to_string() }).unwrap_or_default();
    response(status, JSON, body)
}
