//! Detects whether a connection still reaches the same backend process.

use std::{
    io,
    os::fd::{AsFd as _, OwnedFd},
    sync::{Arc, Weak},
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::net::UnixStream;

/// Tells whether the backend at the other end of a connection still runs, which it does as long as the connection exists.
///
/// A restarted backend numbers its transactions from 1 again. An answer or an edit for a transaction of the previous
/// backend would apply to another one of the same number.
#[derive(Clone, Debug)]
pub(crate) struct PeerLiveness(Weak<OwnedFd>);

/// Keeps a connection open for its [`PeerLiveness`]. It has one owner.
#[derive(Debug)]
pub(crate) struct PeerGuard(Arc<OwnedFd>);

impl PeerGuard {
    pub(crate) fn new(connection: &UnixStream) -> io::Result<Self> {
        Ok(Self(Arc::new(connection.as_fd().try_clone_to_owned()?)))
    }

    pub(crate) fn liveness(&self) -> PeerLiveness {
        PeerLiveness(Arc::downgrade(&self.0))
    }
}

impl PeerLiveness {
    /// Returns whether the backend has closed the connection, or its guard is dropped.
    ///
    /// A backend listens only when no other one does. So, called after a new connection was made, this tells whether that
    /// connection is to the same backend: the kernel closes the connections of a process that has ended before the next
    /// one can listen, however late we check.
    pub(crate) fn is_closed(&self) -> bool {
        let Some(connection) = self.0.upgrade() else { return true };
        let mut hung_up = [PollFd::new(connection.as_fd(), PollFlags::empty())];
        !matches!(poll(&mut hung_up, PollTimeout::ZERO), Ok(0))
    }
}
