//! Sessions: subscribing, and coming to an end.

use confine_netconf::Element;

use super::{input, text, unreadable};
use crate::refusal::{self, Refusal};
use crate::state::{Caller, Effect, Reply, State, Stream};

impl State {
    /// `create-subscription` (RFC 5277, section 2.1.1). Only one session at a time hears of the commits of
    /// services.
    pub(super) fn create_subscription(
        &mut self,
        caller: &Caller<'_>,
        input: &Element<'_>,
    ) -> Result<Reply, Refusal> {
        let filter = input.child("filter").map_err(unreadable)?;
        let kind = filter.as_ref().and_then(|filter| filter.attribute("type"));
        if kind.is_some_and(|kind| kind != "xpath") {
            return Err(refusal::failed("Only xpath filter type supported"));
        }
        let name = text(input, "stream")?.unwrap_or_else(|| "NETCONF".to_owned());
        let stream =
            Stream::parse(&name).ok_or_else(|| refusal::failed_with("invalid-value", "No such stream"))?;
        let taken = || self.sessions.values().any(|session| session.streams.contains(&stream));
        if stream == Stream::ServicesCommit && taken() {
            return Err(refusal::failed("services-commit client already registered"));
        }
        if let Some(session) = self.sessions.get_mut(&caller.session) {
            session.streams.push(stream);
        }
        Ok(Reply::Ok)
    }

    /// `close-session` (RFC 6241, section 7.8).
    pub(super) fn close_session(
        &mut self,
        caller: &Caller<'_>,
        _input: &Element<'_>,
    ) -> Result<Reply, Refusal> {
        self.after.push(Effect::Close { session: caller.session });
        Ok(Reply::Ok)
    }

    /// `kill-session` (RFC 6241, section 7.9). A session that is not open is none to complain about.
    pub(super) fn kill_session(
        &mut self,
        _caller: &Caller<'_>,
        input: &Element<'_>,
    ) -> Result<Reply, Refusal> {
        let session = input::session_id(input)?;
        self.after.push(Effect::Close { session });
        Ok(Reply::Ok)
    }
}
