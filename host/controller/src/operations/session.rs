//! The operations of a session: subscribing and closing.

use super::input::unreadable;
use crate::refusal;
use crate::state::{ControllerState, OkReply, Reply, RequestContext, SideEffect};
use confine_netconf::EventStream;

impl ControllerState {
    /// `create-subscription` (RFC 5277, section 2.1.1). Only one session at a time may subscribe to
    /// `services-commit`.
    pub(super) fn create_subscription(&mut self, request: &RequestContext<'_>) -> Reply {
        let filter = request.input.child("filter").map_err(unreadable)?;
        let kind = filter.as_ref().and_then(|filter| filter.attribute("type"));
        if kind.is_some_and(|kind| kind != "xpath") {
            return Err(refusal::failed("Only xpath filter type supported"));
        }
        let name = request.text("stream")?.unwrap_or_else(|| "NETCONF".to_owned());
        let stream = EventStream::parse(&name)
            .ok_or_else(|| refusal::failed_with("invalid-value", "No such stream"))?;
        let is_taken = || self.sessions.values().any(|session| session.streams.contains(&stream));
        if stream == EventStream::ServicesCommit && is_taken() {
            return Err(refusal::failed("services-commit client already registered"));
        }
        if let Some(session) = self.sessions.get_mut(&request.session) {
            session.streams.push(stream);
        }
        Ok(OkReply::Ok)
    }

    /// `close-session` (RFC 6241, section 7.8).
    pub(super) fn close_session(&mut self, request: &RequestContext<'_>) -> Reply {
        self.effects_after_reply.push(SideEffect::CloseSession { session: request.session });
        Ok(OkReply::Ok)
    }

    /// `kill-session` (RFC 6241, section 7.9). A session that is not open is not an error.
    pub(super) fn kill_session(&mut self, request: &RequestContext<'_>) -> Reply {
        let session = request.session_id()?;
        self.effects_after_reply.push(SideEffect::CloseSession { session });
        Ok(OkReply::Ok)
    }
}
