//! A daemon and a scripted backend that talk to each other.

use std::{sync::Arc, time::Duration};

use confine_backend::ConnectOptions;
use confine_service::Host;
use tokio::net::UnixListener;

use crate::script::{Backend, Script};

/// How long one session may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);

/// Plays a script to a daemon whose own user is `root`.
///
/// # Errors
/// What the daemon did that is not in the script, or what it did not do though the script waits for it.
pub async fn play(script: &str, host: Arc<Host>) -> Result<(), String> {
    let script = Script::parse(script).map_err(|error| error.to_string())?;
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let socket = directory.path().join("controller.sock");
    let listener = UnixListener::bind(&socket).map_err(|error| error.to_string())?;
    let options = ConnectOptions::with_host_user(&socket, "root");
    let daemon = tokio::spawn(confine_service::serve(host, options, std::future::pending()));
    let played = tokio::time::timeout(LIMIT, Backend::new(script).play(listener)).await;
    daemon.abort();
    match played {
        Ok(played) => played.map_err(|error| error.to_string()),
        Err(_) => Err("the daemon did not do what the script waits for".into()),
    }
}
