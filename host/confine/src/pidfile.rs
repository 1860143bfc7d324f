//! The pidfile: one daemon at a time.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use confine_sandbox::text::line;
use rustix::{
    fs::{FlockOperation, Mode, OFlags, flock},
    io::Errno,
};

/// A file with the number of this process, locked as long as the process runs. The lock is what counts, and ends with
/// the process; the number is for people and scripts. Removed when dropped.
#[derive(Debug)]
pub(crate) struct Pidfile {
    file: File,
    path: PathBuf,
}

/// Why the pidfile cannot be locked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PidfileError {
    /// Has an exit status of its own.
    #[error("another instance is running: {holder} holds the pidfile `{}`\nhint: stop it first, or name another pidfile (`--pidfile`)", path.display())]
    Held { path: PathBuf, holder: PidfileHolder },
    #[error("cannot open the pidfile `{}`", path.display())]
    Open { path: PathBuf, source: io::Error },
    #[error("the pidfile `{}` is a link, a directory or a special file, not a regular file", path.display())]
    NotRegular { path: PathBuf },
    #[error("cannot lock the pidfile `{}`", path.display())]
    Lock { path: PathBuf, source: io::Error },
}

/// The process that holds a pidfile, as far as the file names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PidfileHolder {
    process: Option<u32>,
    name: Option<String>,
}

impl Pidfile {
    pub(crate) fn lock(path: &Path) -> Result<Self, PidfileError> {
        loop {
            let file = match open(path) {
                Ok(file) => file,
                Err(Errno::LOOP | Errno::ISDIR) => {
                    return Err(PidfileError::NotRegular { path: path.into() });
                }
                Err(error) => return Err(PidfileError::Open { path: path.into(), source: error.into() }),
            };
            let lock = |source| PidfileError::Lock { path: path.into(), source };
            if !file.metadata().map_err(lock)?.is_file() {
                return Err(PidfileError::NotRegular { path: path.into() });
            }
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => {
                    return Err(PidfileError::Held { path: path.into(), holder: PidfileHolder::of(&file) });
                }
                Err(error) => return Err(lock(error.into())),
            }
            let pidfile = Self { file, path: path.into() };
            // The previous holder may have removed the file after it was opened here: then no other process would find
            // the locked file.
            if pidfile.is_in_place() {
                pidfile.write();
                return Ok(pidfile);
            }
        }
    }

    /// Writes the number. A failure (a full disk, for example) does not stop the daemon: the lock holds.
    fn write(&self) {
        let written = self.file.set_len(0).and_then(|()| writeln!(&self.file, "{}", std::process::id()));
        if let Err(error) = written {
            tracing::warn!(pidfile = %self.path.display(), %error, "cannot write the pidfile");
        }
    }

    /// Whether this is still the file at its path.
    fn is_in_place(&self) -> bool {
        let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        match (self.file.metadata(), fs::symlink_metadata(&self.path)) {
            (Ok(ours), Ok(there)) => identity(ours) == identity(there),
            _ => false,
        }
    }
}

impl Drop for Pidfile {
    fn drop(&mut self) {
        // The lock ends afterwards, with the file.
        if self.is_in_place() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Opens the file without following a link, waiting for the other end of a pipe, or truncating it.
fn open(path: &Path) -> rustix::io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    Ok(rustix::fs::open(path, flags, Mode::from_raw_mode(0o644))?.into())
}

impl PidfileHolder {
    fn of(file: &File) -> Self {
        let mut text = [0; 16];
        let length = file.read_at(&mut text, 0).unwrap_or(0);
        let text = text.get(..length).unwrap_or_default();
        let process: Option<u32> = std::str::from_utf8(text).ok().and_then(|text| text.trim().parse().ok());
        let name = process.and_then(|process| {
            let mut name = String::new();
            File::open(format!("/proc/{process}/comm")).ok()?.read_to_string(&mut name).ok()?;
            Some(line(name.trim_end(), name.len()))
        });
        Self { process, name }
    }
}

impl std::fmt::Display for PidfileHolder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self { process: Some(process), name: Some(name) } => write!(f, "process {process} (`{name}`)"),
            Self { process: Some(process), name: None } => write!(f, "process {process}"),
            Self { process: None, .. } => write!(f, "a process of unknown number"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn here() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("confine.pid");
        (directory, path)
    }

    #[test]
    fn pidfile_has_the_number_and_is_removed_with_the_daemon() {
        let (_directory, path) = here();
        fs::write(&path, "123456789 left behind by a daemon that was killed").unwrap();
        let pidfile = Pidfile::lock(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
        drop(pidfile);
        assert!(!path.exists());
    }

    #[test]
    fn second_instance_learns_who_holds_the_pidfile() {
        let (_directory, path) = here();
        let _first = Pidfile::lock(&path).unwrap();
        let error = Pidfile::lock(&path).unwrap_err();
        let name = fs::read_to_string("/proc/self/comm").unwrap();
        let text = error
            .to_string()
            .replace(path.to_str().unwrap(), "confine.pid")
            .replace(&std::process::id().to_string(), "123")
            .replace(name.trim_end(), "confine");
        insta::assert_snapshot!(text, @r"
        another instance is running: process 123 (`confine`) holds the pidfile `confine.pid`
        hint: stop it first, or name another pidfile (`--pidfile`)
        ");
        assert!(path.exists());
    }

    #[test]
    fn holder_without_a_number_is_a_holder() {
        let (_directory, path) = here();
        let first = Pidfile::lock(&path).unwrap();
        let holder = |content: &str| {
            fs::write(&path, content).unwrap();
            match Pidfile::lock(&path).unwrap_err() {
                PidfileError::Held { holder, .. } => holder.to_string(),
                other => other.to_string(),
            }
        };
        assert_eq!(holder(""), "a process of unknown number");
        assert_eq!(holder("not a number"), "a process of unknown number");
        // Larger than any process number.
        assert_eq!(holder("4294967295"), "process 4294967295");
        drop(first);
    }

    #[test]
    fn replaced_pidfile_is_left_to_its_owner() {
        let (_directory, path) = here();
        let first = Pidfile::lock(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let second = Pidfile::lock(&path).unwrap();
        drop(first);
        assert!(path.exists());
        drop(second);
        assert!(!path.exists());
    }

    #[test]
    fn only_a_regular_file_is_locked() {
        let (directory, path) = here();
        let error = |path: &Path| {
            let error = Pidfile::lock(path).unwrap_err();
            confine_service::error_chain(&error).replace(directory.path().to_str().unwrap(), "")
        };
        let victim = directory.path().join("victim");
        fs::write(&victim, "precious").unwrap();
        symlink(&victim, &path).unwrap();
        let fifo = directory.path().join("fifo");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
            .unwrap();
        let texts = [
            error(&path),
            error(&fifo),
            error(&directory.path().join("nowhere/x.pid")),
            error(directory.path()),
        ];
        insta::assert_snapshot!(texts.join("\n"), @r"
        the pidfile `/confine.pid` is a link, a directory or a special file, not a regular file
        the pidfile `/fifo` is a link, a directory or a special file, not a regular file
        cannot open the pidfile `/nowhere/x.pid`: No such file or directory (os error 2)
        the pidfile `` is a link, a directory or a special file, not a regular file
        ");
        assert_eq!(fs::read_to_string(victim).unwrap(), "precious");
    }
}
