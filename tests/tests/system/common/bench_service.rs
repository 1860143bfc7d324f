//! An embedded controller with one device and one service, and a commit of it.

use std::path::Path;

use confine_backend::{
    ActionsMode, Backend, ConnectOptions, ControllerCommit, ControllerTransaction, Datastore, EventReceiver,
    EventStream, PushMode, RequestUser,
};
use confine_controller::Controller;
use tokio::net::UnixListener;

use super::PATIENCE;

const MODEL: &str = r#"module bench {
    yang-version 1.1;
    namespace "urn:example:bench";
    prefix b;
    import clixon-controller { prefix ctrl; }
    augment "/ctrl:services" {
        list bench {
            key name;
            leaf name { type string; }
            uses ctrl:created-by-service;
        }
    }
}"#;

const INSTANCE: &str = "<services xmlns='http://clicon.org/controller'>\
     <bench xmlns='urn:example:bench'><name>b1</name></bench></services>";

/// Serves a controller on this socket until the test's runtime ends.
pub(crate) fn serve_controller(socket: &Path) {
    let controller = Controller::builder().devices(1).service_model("bench.yang", MODEL).build().unwrap();
    let listener = UnixListener::bind(socket).unwrap();
    tokio::spawn(async move { controller.serve(listener, std::future::pending::<()>()).await });
}

/// Commits an instance as `alice`, and returns the finished transaction.
pub(crate) async fn commit(options: &ConnectOptions) -> ControllerTransaction {
    let user = RequestUser::User("alice".into());
    let mut events = EventReceiver::subscribe(options, &[EventStream::ControllerTransaction]).await.unwrap();
    let mut client = Backend::connect(options.clone()).await.unwrap();
    client.edit_config(Datastore::Candidate, INSTANCE, &user).await.unwrap();
    let commit = ControllerCommit {
        device: "*",
        push: PushMode::Commit,
        actions: ActionsMode::Change,
        source: Datastore::Candidate,
    };
    let tid = client.controller_commit(commit, &user).await.unwrap();
    tokio::time::timeout(PATIENCE, events.wait_for_transaction(tid)).await.unwrap().unwrap()
}
