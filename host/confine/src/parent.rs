//! The controller's backend, where that is what has started the daemon.
//!
//! A backend starts a daemon whenever it starts itself, and leaves it to itself when it ends. One that
//! went on would hold the subscription and the pidfile against the daemon of the next backend.

use std::{io, path::Path, time::Duration};

use confine_service::Host;
use rustix::process::{Pid, getppid};
use tokio::net::UnixStream;

/// How often, and how many times, is looked whether the parent has ended too: a process that ends closes
/// its connections first.
const LOOK: (Duration, u32) = (Duration::from_millis(10), 200);

/// Waits, once the controller is served, until this process's parent ends, if that is who listens on
/// `socket`; else for ever.
pub(crate) async fn ended(socket: &Path, host: &Host) {
    host.connected().await;
    match backend(socket).await {
        Ok(Some(backend)) => {
            tracing::info!("Started by the controller: ends when it does");
            // (The signal that the kernel sends at a parent's death comes when the thread ends that has started
            // this process, which is too early.)
            loop {
                host.disconnected().await;
                for _ in 0..LOOK.1 {
                    if getppid() != Some(backend) {
                        return;
                    }
                    tokio::time::sleep(LOOK.0).await;
                }
                host.connected().await;
            }
        }
        Ok(None) => std::future::pending().await,
        Err(error) => {
            tracing::warn!(%error, "Not known whether the controller has started this daemon");
            std::future::pending().await
        }
    }
}

/// The parent, if the kernel says that it is the backend. (The environment is the parent's, and its name
/// is anyone's.) A backend in another container has no number here.
async fn backend(socket: &Path) -> io::Result<Option<Pid>> {
    let backend = UnixStream::connect(socket).await?.peer_cred()?.pid();
    let backend = backend.and_then(Pid::from_raw);
    Ok(backend.filter(|&backend| getppid() == Some(backend)))
}
