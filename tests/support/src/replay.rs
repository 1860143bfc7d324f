//! A daemon against a scripted backend.

use std::sync::Arc;

use confine_backend::ConnectOptions;
use confine_service::Host;
use tokio::net::UnixListener;

use crate::{
    PATIENCE,
    script::{Script, ScriptedBackend},
};

/// Plays a script to a daemon whose host user is `root`.
///
/// # Errors
/// What the daemon does that is not in the script, or what it does not do although the script waits for it.
pub async fn replay(script: &str, host: Arc<Host>) -> Result<(), String> {
    replay_as("root", script, host).await
}

/// Plays a script to a daemon with this host user.
///
/// # Errors
/// As for [`replay`].
pub async fn replay_as(host_user: &str, script: &str, host: Arc<Host>) -> Result<(), String> {
    let script = Script::parse(script).map_err(|error| error.to_string())?;
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let socket = directory.path().join("controller.sock");
    let listener = UnixListener::bind(&socket).map_err(|error| error.to_string())?;
    let options = ConnectOptions::with_host_user(&socket, host_user);
    let daemon = tokio::spawn(confine_service::serve(host, options, std::future::pending()));
    let played = tokio::time::timeout(PATIENCE, ScriptedBackend::new(script).play(listener)).await;
    daemon.abort();
    match played {
        Ok(played) => played.map_err(|error| error.to_string()),
        Err(_) => Err("the daemon did not do what the script waits for".into()),
    }
}
