//! Stops the daemon with the controller's backend, if that has started it.
//!
//! A backend starts a daemon whenever it starts itself, and does not stop it when it exits. A daemon that went on would
//! hold the subscription and the pidfile, and keep out the daemon of the next backend.

use std::{io, path::Path, time::Duration};

use confine_service::Host;
use rustix::process::{Pid, getppid};
use tokio::net::UnixStream;

/// How often, and how many times, to check after a disconnect whether the parent has exited: a process that exits
/// closes its connections first.
const CHECKS: (Duration, u32) = (Duration::from_millis(10), 200);

/// Waits until the parent of this process exits, if it is the process that listens on `socket`; else for ever.
pub(crate) async fn ended(socket: &Path, host: &Host) {
    host.wait_until_connected().await;
    match parent_if_backend(socket).await {
        Ok(Some(backend)) => {
            tracing::info!("started by the controller: will stop with it");
            // (The parent-death signal of the kernel comes when the thread that started this process exits, which is
            // too early.)
            loop {
                host.wait_until_disconnected().await;
                for _ in 0..CHECKS.1 {
                    if getppid() != Some(backend) {
                        return;
                    }
                    tokio::time::sleep(CHECKS.0).await;
                }
                host.wait_until_connected().await;
            }
        }
        Ok(None) => std::future::pending().await,
        Err(error) => {
            tracing::warn!(%error, "cannot tell whether the controller started this daemon");
            std::future::pending().await
        }
    }
}

/// The parent, if the kernel identifies it as the backend. (The environment comes from the parent, and any program
/// can have its name.) A backend in another container has no process number here.
async fn parent_if_backend(socket: &Path) -> io::Result<Option<Pid>> {
    let backend = UnixStream::connect(socket).await?.peer_cred()?.pid();
    let backend = backend.and_then(Pid::from_raw);
    Ok(backend.filter(|&backend| getppid() == Some(backend)))
}
