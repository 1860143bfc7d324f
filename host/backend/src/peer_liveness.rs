//! Whether it is still the same backend.

use std::{
    io,
    os::fd::{AsFd as _, OwnedFd},
    sync::{Arc, Weak},
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::net::UnixStream;

/// The life of the backend at the other end of a connection, which lasts as long as that does.
///
/// A backend that is started again numbers its transactions from 1. What was begun with the one before,
/// an answer or an edit above all, would be taken for something else by the next.
#[derive(Clone, Debug)]
pub(crate) struct PeerLiveness(Weak<OwnedFd>);

/// What keeps a life known. It holds the connection open, so it has one owner.
#[derive(Debug)]
pub(crate) struct PeerGuard(Arc<OwnedFd>);

impl PeerGuard {
    pub(crate) fn of(connection: &UnixStream) -> io::Result<Self> {
        Ok(Self(Arc::new(connection.as_fd().try_clone_to_owned()?)))
    }

    pub(crate) fn life(&self) -> PeerLiveness {
        PeerLiveness(Arc::downgrade(&self.0))
    }
}

impl PeerLiveness {
    /// Whether the backend has closed the connection, or nobody holds it any more.
    ///
    /// A backend listens only when there is no other. So, asked after a connection was made, this says
    /// whether that was made to the same backend: what the kernel knows of a process that has ended it
    /// knows before the next one listens, however late we read it.
    pub(crate) fn is_closed(&self) -> bool {
        let Some(connection) = self.0.upgrade() else { return true };
        let mut hung_up = [PollFd::new(connection.as_fd(), PollFlags::empty())];
        !matches!(poll(&mut hung_up, PollTimeout::ZERO), Ok(0))
    }
}
