//! The sockets that the daemon listens on.

use std::{
    fs, io,
    net::SocketAddr,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use confine_sandbox::text::line;
use nix::unistd::Gid;
use tokio::net::{TcpListener, UnixListener, UnixStream};

/// How long a process that listens on a socket may take to accept a connection.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// The most that a message shows of a name, in bytes.
const SHOWN: usize = 100;

/// Why the daemon cannot listen on a socket.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AdminSocketError {
    #[error("cannot listen on `{address}`")]
    Listen { address: String, source: io::Error },
    #[error("cannot give `{address}` to the group {group}\nhint: add the user that Confine runs as to it")]
    Group { address: String, group: u32, source: io::Error },
    #[error("`{}` exists and is not a socket: remove it, or name another path", path.display())]
    NotASocket { path: PathBuf },
    #[error(
        "{process} already listens on `{}`\nhint: stop it first, or name another socket (`--admin`)",
        path.display()
    )]
    InUse { path: PathBuf, process: String },
    #[error("there is no group `{}` (`group` in `[admin]`)", line(.0, SHOWN))]
    NoGroup(String),
    #[error("cannot read the groups of the system")]
    Groups(#[source] nix::Error),
}

/// A unix socket that the daemon listens on. Removed when dropped, unless another file has taken its place.
#[derive(Debug)]
pub(super) struct AdminSocket {
    pub(super) listener: UnixListener,
    path: PathBuf,
    identity: Option<(u64, u64)>,
}

impl AdminSocket {
    /// Listens at this path, where no other process may listen. The socket has its mode and group from the
    /// first moment: it is created beside its path, and renamed when both are set.
    pub(super) async fn bind(path: &Path, mode: u32, group: Option<Gid>) -> Result<Self, AdminSocketError> {
        check_replaceable(path).await?;
        let failed = |source| AdminSocketError::Listen { address: path.display().to_string(), source };
        let aside = path.with_file_name(format!(".{}", std::process::id()));
        // Left behind by a daemon with the same process number.
        let _ = fs::remove_file(&aside);
        let listener = UnixListener::bind(&aside).map_err(failed)?;
        let given = group.map_or(Ok(()), |group| {
            std::os::unix::fs::chown(&aside, None, Some(group.as_raw())).map_err(|source| {
                AdminSocketError::Group { address: path.display().to_string(), group: group.as_raw(), source }
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

/// Returns if nothing is at this path, or a socket that no process listens on any more, which may be replaced.
async fn check_replaceable(path: &Path) -> Result<(), AdminSocketError> {
    match fs::symlink_metadata(path) {
        Err(_) => Ok(()),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            Err(AdminSocketError::NotASocket { path: path.into() })
        }
        Ok(_) => match tokio::time::timeout(PROBE_TIMEOUT, UnixStream::connect(path)).await {
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
            Ok(Err(source)) => Err(AdminSocketError::Listen { address: path.display().to_string(), source }),
            connected => {
                let process = connected.ok().and_then(Result::ok);
                let process = process.and_then(|stream| stream.peer_cred().ok()?.pid());
                let process =
                    process.map_or_else(|| "a process".into(), |process| format!("process {process}"));
                Err(AdminSocketError::InUse { path: path.into(), process })
            }
        },
    }
}

/// Listens on a port.
pub(super) async fn listen_on_port(address: SocketAddr) -> Result<TcpListener, AdminSocketError> {
    let failed = |source| AdminSocketError::Listen { address: address.to_string(), source };
    TcpListener::bind(address).await.map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn socket_has_its_mode_and_is_removed_with_its_daemon() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("admin.sock");
        let own = nix::unistd::getegid();
        let socket = AdminSocket::bind(&path, 0o660, Some(own)).await.unwrap();
        let metadata = fs::metadata(&path).unwrap();
        assert_eq!((metadata.mode() & 0o7777, metadata.gid()), (0o660, own.as_raw()));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "the temporary name is gone");
        drop(socket);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn only_a_socket_without_listener_is_replaced() {
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
        `admin.sock` exists and is not a socket: remove it, or name another path
        process 123 already listens on `admin.sock`
        hint: stop it first, or name another socket (`--admin`)
        ");
        // A killed daemon leaves its socket behind.
        drop(first);
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let second = AdminSocket::bind(&path, 0o600, None).await.unwrap();
        assert!(UnixStream::connect(&path).await.is_ok());
        // A file that has taken its place is not removed with it.
        fs::remove_file(&path).unwrap();
        fs::write(&path, "another's").unwrap();
        drop(second);
        assert!(path.exists());
    }
}
