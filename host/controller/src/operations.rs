//! The NETCONF operations.

mod commit;
mod config;
mod datastore_diff;
mod input;
mod locks;
mod push;
mod schemas;
mod session;

use confine_netconf::IncomingRpc;
use confine_netconf::namespace::{BASE, CLIXON, SUBSCRIPTION};
use confine_tree::{CONTROLLER, QName};

use crate::refusal::{self, RpcRefusal};
use crate::state::{ControllerState, Reply, RequestContext};

impl ControllerState {
    /// Performs a request.
    pub(crate) fn request(&mut self, session: u32, request: &IncomingRpc) -> Reply {
        let input = &request.operation;
        let name = QName::new(input.namespace(), input.name());
        let run: fn(&mut Self, &RequestContext<'_>) -> Reply = match (name.namespace, name.local) {
            (SUBSCRIPTION, "create-subscription") => Self::create_subscription,
            (BASE, "get") => Self::get,
            (BASE, "get-config") => Self::get_config,
            (BASE, "edit-config") => Self::edit_config,
            (BASE, "lock") => Self::lock,
            (BASE, "unlock") => Self::unlock,
            (BASE, "discard-changes") => Self::discard_changes,
            (BASE, "validate") => Self::validate,
            (BASE, "commit") => Self::commit,
            (BASE, "close-session") => Self::close_session,
            (BASE, "kill-session") => Self::kill_session,
            (schemas::MONITORING, "get-schema") => Self::get_schema,
            (CONTROLLER, "get-device-schema") => Self::get_device_schema,
            (CONTROLLER, "controller-commit") => Self::controller_commit,
            (CONTROLLER, "transaction-actions-done") => Self::transaction_actions_done,
            (CONTROLLER, "transaction-error") => Self::transaction_error,
            (CONTROLLER, "config-pull") => Self::config_pull,
            (CONTROLLER, "get-device-config") => Self::get_device_config,
            (CONTROLLER, "datastore-diff") => Self::datastore_diff,
            (namespace, local) => {
                let is_known =
                    [BASE, SUBSCRIPTION, CONTROLLER, CLIXON, schemas::MONITORING].contains(&namespace);
                let message =
                    if is_known { "Unrecognized RPC" } else { "Unrecognized RPC (wrong namespace?)" };
                return Err(RpcRefusal::repeating_message_id(refusal::unknown_element(local, message)));
            }
        };
        let user = request.username.as_deref();
        let peer = self.sessions.get(&session).map(|session| session.peer.as_str()).unwrap_or_default();
        if name.local != "close-session" {
            self.credentials.verify(peer, user, &self.own_user)?;
        }
        self.access(user).check_execute(name)?;
        run(self, &RequestContext { session, user, input })
    }
}
