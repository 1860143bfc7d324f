//! Who may use the admin socket.

use std::io;

use confine_sandbox::text::line;
use nix::unistd::{Gid, Group, Uid, User};
use tokio::net::UnixStream;

use super::socket::AdminSocketError;

/// The most that a message shows of a name, in bytes.
const SHOWN: usize = 100;

/// Root, the daemon's own user, and the members of a group.
#[derive(Clone, Debug)]
pub(super) struct SocketAccess {
    own: Uid,
    group: Option<Gid>,
}

impl SocketAccess {
    pub(super) fn new(group: Option<&str>) -> Result<Self, AdminSocketError> {
        let named = |name: &str| match Group::from_name(name) {
            Ok(Some(group)) => Ok(group.gid),
            Ok(None) => Err(AdminSocketError::NoGroup(name.into())),
            Err(error) => Err(AdminSocketError::Groups(error)),
        };
        Ok(Self { own: nix::unistd::geteuid(), group: group.map(named).transpose()? })
    }

    pub(super) fn group(&self) -> Option<Gid> {
        self.group
    }

    /// The mode of the socket, which keeps everyone else from connecting.
    pub(super) fn mode(&self) -> u32 {
        if self.group.is_some() { 0o660 } else { 0o600 }
    }

    /// Whether the peer is root or the daemon's own user.
    pub(super) fn is_privileged(&self, peer: &PeerCredentials) -> bool {
        peer.uid.is_root() || peer.uid == self.own
    }

    /// Whether the peer may use the socket, as far as its credentials alone tell: `None` if its groups have to be looked
    /// up.
    pub(super) fn permits_at_once(&self, peer: &PeerCredentials) -> Option<bool> {
        match self.group {
            _ if self.is_privileged(peer) => Some(true),
            None => Some(false),
            Some(group) if peer.gid == group => Some(true),
            Some(_) => None,
        }
    }

    /// Whether the peer may use the socket. Looks its groups up in the user database of the system, which may
    /// block.
    pub(super) fn permits(&self, peer: &PeerCredentials) -> bool {
        let is_member = || self.group.is_some_and(|group| peer.groups().contains(&group));
        self.permits_at_once(peer).unwrap_or_else(is_member)
    }
}

/// The process at the other end of a unix socket, as the kernel identifies it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PeerCredentials {
    pub(super) uid: Uid,
    pub(super) gid: Gid,
    pub(super) process: Option<i32>,
}

impl PeerCredentials {
    pub(super) fn of(stream: &UnixStream) -> io::Result<Self> {
        let credentials = stream.peer_cred()?;
        Ok(Self {
            uid: Uid::from_raw(credentials.uid()),
            gid: Gid::from_raw(credentials.gid()),
            process: credentials.pid(),
        })
    }

    fn groups(&self) -> Vec<Gid> {
        let name = User::from_uid(self.uid).ok().flatten();
        let name = name.and_then(|user| std::ffi::CString::new(user.name).ok());
        name.and_then(|name| nix::unistd::getgrouplist(&name, self.gid).ok()).unwrap_or_default()
    }

    /// The name of its user, or the number if there is no name.
    pub(super) fn user(&self) -> String {
        let user = User::from_uid(self.uid).ok().flatten();
        user.map_or_else(|| self.uid.to_string(), |user| line(&user.name, SHOWN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admin_socket_is_for_root_own_user_and_group() {
        let peer = |uid: u32, gid: u32| PeerCredentials {
            uid: Uid::from_raw(uid),
            gid: Gid::from_raw(gid),
            process: None,
        };
        let access = SocketAccess { own: Uid::from_raw(4_000_001), group: None };
        assert!(access.permits(&peer(0, 0)));
        assert!(access.permits(&peer(4_000_001, 9)));
        // Group 0 is not user 0.
        assert!(!access.permits(&peer(4_000_002, 0)));
        let access = SocketAccess { group: Some(Gid::from_raw(4_000_003)), ..access };
        assert!(access.permits(&peer(4_000_002, 4_000_003)));
        assert!(!access.permits(&peer(4_000_002, 4_000_004)));
        // Only the groups of others have to be looked up.
        let at_once = [peer(0, 0), peer(4_000_002, 4_000_003), peer(4_000_002, 4_000_004)];
        assert_eq!(at_once.map(|peer| access.permits_at_once(&peer)), [Some(true), Some(true), None]);
        assert!(access.is_privileged(&peer(0, 9)) && access.is_privileged(&peer(4_000_001, 9)));
        assert!(!access.is_privileged(&peer(4_000_002, 4_000_003)));
        assert_eq!((access.mode(), peer(4_000_002, 0).user().as_str()), (0o660, "4000002"));
        assert!(matches!(SocketAccess::new(Some("no such group")), Err(AdminSocketError::NoGroup(_))));
    }
}
