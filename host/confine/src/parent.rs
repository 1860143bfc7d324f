//! The controller's backend, where that is what has started the daemon.
//!
//! A backend starts a daemon whenever it starts itself, and leaves it to itself when it ends. One that
//! went on would hold the subscription and the pidfile against the daemon of the next backend.

use std::{convert::Infallible, io, os::unix::net::UnixStream, path::Path};

use confine_service::Host;
use rustix::process::{Signal, getpid, getppid, kill_process, set_parent_process_death_signal};

/// Once the controller is served, has this process told to end when its parent does, if that is who
/// listens on `socket`.
pub(crate) async fn follow(socket: &Path, host: &Host) -> Infallible {
    host.connected().await;
    match end_with_backend(socket) {
        Ok(true) => tracing::info!("Started by the controller: ends when it does"),
        Ok(false) => {}
        Err(error) => tracing::warn!(%error, "Not known whether the controller has started this daemon"),
    }
    std::future::pending().await
}

/// Whether the kernel says that parent and backend are one. (The environment is the parent's, and its
/// name is anyone's.)
fn end_with_backend(socket: &Path) -> io::Result<bool> {
    let backend = rustix::net::sockopt::socket_peercred(UnixStream::connect(socket)?)?.pid;
    if getppid() != Some(backend) {
        return Ok(false);
    }
    set_parent_process_death_signal(Some(Signal::TERM))?;
    if getppid() != Some(backend) {
        // It ended just before.
        kill_process(getpid(), Signal::TERM)?;
    }
    Ok(true)
}
