//! Where the interface is to be found, and who has come.

use std::{
    fmt, fs, io,
    net::{IpAddr, SocketAddr},
    os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use confine_sandbox::text::line;
use nix::unistd::{Gid, Group, Uid, User};
use serde::Deserialize;
use tokio::net::{TcpListener, UnixListener, UnixStream};

use crate::settings::SOCKET_PATH;

/// How long whoever listens on a socket may take to show it.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a message shows of a text, in bytes.
const SHOWN: usize = 100;

/// Where monitoring finds the daemon: on this machine and nowhere else.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum ListenAddress {
    /// A port of the loopback interface.
    Port(SocketAddr),
    /// A unix socket, which everybody on this machine may ask.
    Socket(PathBuf),
}

/// A text that says no such place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ListenAddressError {
    #[error(
        "`{}` is neither an address with a port, as in `127.0.0.1:9464`, nor the absolute path of a socket",
        line(.0, SHOWN)
    )]
    Neither(String),
    #[error(
        "`{0}` can be reached from other machines: metrics are for this one only, as in `127.0.0.1:9464`"
    )]
    Reachable(IpAddr),
    #[error(
        "the socket's path has {0} bytes, a socket's path can have {SOCKET_PATH} at most: name a shorter one, or one through a link to its directory"
    )]
    Long(usize),
}

impl FromStr for ListenAddress {
    type Err = ListenAddressError;

    fn from_str(text: &str) -> Result<Self, ListenAddressError> {
        if text.starts_with('/') {
            return if text.len() > SOCKET_PATH {
                Err(ListenAddressError::Long(text.len()))
            } else {
                Ok(Self::Socket(text.into()))
            };
        }
        let address: SocketAddr = text.parse().map_err(|_| ListenAddressError::Neither(text.into()))?;
        if address.ip().is_loopback() {
            Ok(Self::Port(address))
        } else {
            Err(ListenAddressError::Reachable(address.ip()))
        }
    }
}

impl TryFrom<String> for ListenAddress {
    type Error = ListenAddressError;

    fn try_from(text: String) -> Result<Self, ListenAddressError> {
        text.parse()
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(address) => write!(f, "{address}"),
            Self::Socket(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Why a socket cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AdminSocketError {
    #[error("cannot listen on `{place}`")]
    Listen { place: String, source: io::Error },
    #[error(
        "`{place}` cannot be given to the group {group}\nhint: put the user that Confine runs as into it"
    )]
    Give { place: String, group: u32, source: io::Error },
    #[error("`{}` is there, and is no socket: nothing is put in its place", path.display())]
    Occupied { path: PathBuf },
    #[error(
        "{who} listens on `{}` already\nhint: stop it first, or name another socket (`--admin`)",
        path.display()
    )]
    InUse { path: PathBuf, who: String },
    #[error("there is no group `{}` (`group` in `[admin]`)", line(.0, SHOWN))]
    NoGroup(String),
    #[error("the system's groups cannot be read")]
    Groups(#[source] nix::Error),
}

/// A unix socket that is listened on. Removed when dropped, unless another has taken its place.
#[derive(Debug)]
pub(super) struct AdminSocket {
    pub(super) listener: UnixListener,
    path: PathBuf,
    identity: Option<(u64, u64)>,
}

impl AdminSocket {
    /// Listens at this path, as nobody else does. From the first moment on it has this mode, and this
    /// group where one is named: it is made beside its place, and put there when it is right.
    pub(super) async fn bind(path: &Path, mode: u32, group: Option<Gid>) -> Result<Self, AdminSocketError> {
        make_room(path).await?;
        let failed = |source| AdminSocketError::Listen { place: path.display().to_string(), source };
        let aside = path.with_file_name(format!(".{}", std::process::id()));
        // One that a daemon with the same number has left behind.
        let _ = fs::remove_file(&aside);
        let listener = UnixListener::bind(&aside).map_err(failed)?;
        let given = group.map_or(Ok(()), |group| {
            std::os::unix::fs::chown(&aside, None, Some(group.as_raw())).map_err(|source| {
                AdminSocketError::Give { place: path.display().to_string(), group: group.as_raw(), source }
            })
        });
        let placed = given.and_then(|()| {
            fs::set_permissions(&aside, fs::Permissions::from_mode(mode))
                .and_then(|()| fs::rename(&aside, path))
                .map_err(failed)
        });
        if let Err(error) = placed {
            let _ = fs::remove_file(&aside);
            return Err(error);
        }
        Ok(Self { listener, path: path.into(), identity: identity(path) })
    }
}

impl Drop for AdminSocket {
    fn drop(&mut self) {
        if self.identity.is_some() && identity(&self.path) == self.identity {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

/// A socket that nobody listens on any more may be replaced, and nothing else.
async fn make_room(path: &Path) -> Result<(), AdminSocketError> {
    match fs::symlink_metadata(path) {
        Err(_) => Ok(()),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            Err(AdminSocketError::Occupied { path: path.into() })
        }
        Ok(_) => match tokio::time::timeout(PATIENCE, UnixStream::connect(path)).await {
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
            Ok(Err(source)) => Err(AdminSocketError::Listen { place: path.display().to_string(), source }),
            connected => {
                let process = connected.ok().and_then(Result::ok);
                let process = process.and_then(|stream| stream.peer_cred().ok()?.pid());
                let who = process.map_or_else(|| "a process".into(), |process| format!("process {process}"));
                Err(AdminSocketError::InUse { path: path.into(), who })
            }
        },
    }
}

/// Listens on a port.
pub(super) async fn port(address: SocketAddr) -> Result<TcpListener, AdminSocketError> {
    let failed = |source| AdminSocketError::Listen { place: address.to_string(), source };
    TcpListener::bind(address).await.map_err(failed)
}

/// Who may use the admin socket: root, the daemon's own user, and the members of a group.
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

    /// The socket's mode: nobody else can connect.
    pub(super) fn mode(&self) -> u32 {
        if self.group.is_some() { 0o660 } else { 0o600 }
    }

    /// Whether this peer may. Asks the system's user database, so it may take its time.
    pub(super) fn permits(&self, peer: &PeerCredentials) -> bool {
        if peer.uid.is_root() || peer.uid == self.own {
            return true;
        }
        self.group.is_some_and(|group| peer.gid == group || peer.groups().contains(&group))
    }
}

/// Who is at the other end of a unix socket, as the kernel says.
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

    /// Its user's name, or the number where there is none.
    pub(super) fn user(&self) -> String {
        let user = User::from_uid(self.uid).ok().flatten();
        user.map_or_else(|| self.uid.to_string(), |user| line(&user.name, SHOWN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_for_this_machine() {
        for text in ["127.0.0.1:9464", "[::1]:0", "/run/confine/metrics.sock"] {
            assert_eq!(text.parse::<ListenAddress>().unwrap().to_string(), text);
        }
        let texts = ["9464", "localhost:9464", "", "run/x.sock", "0.0.0.0:9464", "[::]:1", "192.0.2.1:80"];
        let mut texts: Vec<_> =
            texts.iter().map(|text| text.parse::<ListenAddress>().unwrap_err().to_string()).collect();
        texts.push(format!("/{}", "x".repeat(107)).parse::<ListenAddress>().unwrap_err().to_string());
        insta::assert_snapshot!(texts.join("\n"), @r"
        `9464` is neither an address with a port, as in `127.0.0.1:9464`, nor the absolute path of a socket
        `localhost:9464` is neither an address with a port, as in `127.0.0.1:9464`, nor the absolute path of a socket
        `` is neither an address with a port, as in `127.0.0.1:9464`, nor the absolute path of a socket
        `run/x.sock` is neither an address with a port, as in `127.0.0.1:9464`, nor the absolute path of a socket
        `0.0.0.0` can be reached from other machines: metrics are for this one only, as in `127.0.0.1:9464`
        `::` can be reached from other machines: metrics are for this one only, as in `127.0.0.1:9464`
        `192.0.2.1` can be reached from other machines: metrics are for this one only, as in `127.0.0.1:9464`
        the socket's path has 108 bytes, a socket's path can have 107 at most: name a shorter one, or one through a link to its directory
        ");
    }

    #[tokio::test]
    async fn a_socket_has_its_mode_and_goes_with_its_daemon() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("admin.sock");
        let own = nix::unistd::getegid();
        let socket = AdminSocket::bind(&path, 0o660, Some(own)).await.unwrap();
        let metadata = fs::metadata(&path).unwrap();
        assert_eq!((metadata.mode() & 0o7777, metadata.gid()), (0o660, own.as_raw()));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "what it was made as is gone");
        drop(socket);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn what_is_in_its_place_is_told_from_what_is_left_behind() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("admin.sock");
        fs::write(&path, "precious").unwrap();
        let occupied = AdminSocket::bind(&path, 0o600, None).await.unwrap_err().to_string();
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        fs::remove_file(&path).unwrap();
        let first = AdminSocket::bind(&path, 0o600, None).await.unwrap();
        let in_use = AdminSocket::bind(&path, 0o600, None).await.unwrap_err().to_string();
        let texts = format!("{occupied}\n{in_use}")
            .replace(path.to_str().unwrap(), "admin.sock")
            .replace(&std::process::id().to_string(), "123");
        insta::assert_snapshot!(texts, @r"
        `admin.sock` is there, and is no socket: nothing is put in its place
        process 123 listens on `admin.sock` already
        hint: stop it first, or name another socket (`--admin`)
        ");
        // As a daemon that was killed leaves it.
        drop(first);
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let second = AdminSocket::bind(&path, 0o600, None).await.unwrap();
        assert!(UnixStream::connect(&path).await.is_ok());
        // One that has taken its place is not removed with it.
        fs::remove_file(&path).unwrap();
        fs::write(&path, "another's").unwrap();
        drop(second);
        assert!(path.exists());
    }

    #[test]
    fn a_few_may_use_the_admin_socket() {
        let peer = |uid: u32, gid: u32| PeerCredentials {
            uid: Uid::from_raw(uid),
            gid: Gid::from_raw(gid),
            process: None,
        };
        let access = SocketAccess { own: Uid::from_raw(4_000_001), group: None };
        assert!(access.permits(&peer(0, 0)));
        assert!(access.permits(&peer(4_000_001, 9)));
        // Group 0 is no user 0.
        assert!(!access.permits(&peer(4_000_002, 0)));
        let access = SocketAccess { group: Some(Gid::from_raw(4_000_003)), ..access };
        assert!(access.permits(&peer(4_000_002, 4_000_003)));
        assert!(!access.permits(&peer(4_000_002, 4_000_004)));
        assert_eq!((access.mode(), peer(4_000_002, 0).user().as_str()), (0o660, "4000002"));
        assert!(matches!(SocketAccess::new(Some("no such group")), Err(AdminSocketError::NoGroup(_))));
    }
}
