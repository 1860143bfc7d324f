//! Locks (RFC 6241, sections 7.5 and 7.6), and the operations on the candidate without services.

use crate::refusal::{self, RpcRefusal};
use crate::state::{ControllerState, OkReply, Reply, RequestContext};
use confine_netconf::Datastore;

const LOCK_HELD: &str = "Operation failed, lock is already held";

impl ControllerState {
    /// `lock`.
    pub(super) fn lock(&mut self, request: &RequestContext<'_>) -> Reply {
        let target = request.datastore("target")?;
        if let Some(holder) = self.datastores.lock_holder(target) {
            return Err(refusal::lock_denied(holder, &target.to_string(), LOCK_HELD));
        }
        if target == Datastore::Candidate && self.datastores.is_candidate_modified {
            let message = "Operation failed, candidate has already been modified and the changes have not \
                           been committed or rolled back (RFC 6241 7.5)";
            return Err(refusal::lock_denied(0, &target.to_string(), message));
        }
        self.datastores.lock(target, request.session);
        Ok(OkReply::Ok)
    }

    /// `unlock`. If a session unlocks the candidate during its own transaction, the transaction keeps it
    /// locked.
    pub(super) fn unlock(&mut self, request: &RequestContext<'_>) -> Reply {
        let target = request.datastore("target")?;
        let denied = |holder, message| Err(refusal::lock_denied(holder, &target.to_string(), message));
        match self.datastores.lock_holder(target) {
            None => denied(0, "Unlock failed, lock is not currently active"),
            Some(holder) if holder != request.session => {
                denied(holder, "Unlock failed, lock held by other session")
            }
            Some(_) => {
                self.datastores.unlock(target);
                let is_own_transaction =
                    self.ongoing().is_some_and(|ongoing| ongoing.client == request.session);
                if is_own_transaction && target == Datastore::Candidate {
                    self.datastores.lock(target, refusal::TRANSACTION_SESSION);
                }
                Ok(OkReply::Ok)
            }
        }
    }

    /// Refuses a write if another session has locked the datastore.
    pub(super) fn check_lock(&self, datastore: Datastore, session: u32) -> Result<(), RpcRefusal> {
        match self.datastores.other_lock_holder(datastore, session) {
            Some(holder) => Err(refusal::lock_denied(holder, &datastore.to_string(), LOCK_HELD)),
            None => Ok(()),
        }
    }

    /// `discard-changes` (RFC 6241, section 8.3.4.2).
    pub(super) fn discard_changes(&mut self, request: &RequestContext<'_>) -> Reply {
        let candidate = Datastore::Candidate;
        if let Some(holder) = self.datastores.other_lock_holder(candidate, request.session) {
            let message = format!(
                "Operation failed at discard, candidate is locked by client:{holder}{}",
                self.describe_session(holder)
            );
            return Err(refusal::lock_denied(holder, &candidate.to_string(), &message));
        }
        self.datastores.discard();
        Ok(OkReply::Ok)
    }

    /// `validate` (RFC 6241, section 8.6.4.1).
    pub(super) fn validate(&mut self, request: &RequestContext<'_>) -> Reply {
        let source = request.datastore("source")?;
        self.check_datastore(source)?;
        Ok(OkReply::Ok)
    }

    /// `commit` (RFC 6241, section 8.3.4.1): local to the controller, without a push to devices.
    pub(super) fn commit(&mut self, request: &RequestContext<'_>) -> Reply {
        for datastore in [Datastore::Candidate, Datastore::Running] {
            if let Some(holder) = self.datastores.other_lock_holder(datastore, request.session) {
                return Err(refusal::in_use(format!(
                    "Operation failed at commit, {datastore} is locked by client {holder}{}",
                    self.describe_session(holder)
                )));
            }
        }
        self.check_datastore(Datastore::Candidate)?;
        self.datastores.commit();
        Ok(OkReply::Ok)
    }

    /// Describes a session as the real controller does, to follow its number.
    fn describe_session(&self, session: u32) -> String {
        let Some(session) = self.sessions.get(&session) else { return String::new() };
        let transport = session.transport.as_deref();
        let transport = transport.map(|transport| format!(" on transport:{transport}"));
        format!(" by user:{}{}", session.peer, transport.unwrap_or_default())
    }
}
