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

/// A file that holds the number of this process and that is locked as long as it runs. The lock counts,
/// and goes with the process; the number is for people and scripts. Removed when dropped.
#[derive(Debug)]
pub(crate) struct Pidfile {
    file: File,
    path: PathBuf,
}

/// Why the pidfile cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PidfileError {
    /// The one that is not this process's to solve: see the exit status.
    #[error("another instance is running: {holder} holds the pidfile `{}`\nhint: stop it first, or give this one a pidfile of its own (`--pidfile`)", path.display())]
    Held { path: PathBuf, holder: PidfileHolder },
    #[error("the pidfile `{}` cannot be opened", path.display())]
    Open { path: PathBuf, source: io::Error },
    #[error("the pidfile `{}` is a link, a directory or a special file: it has to be a regular file", path.display())]
    NotRegular { path: PathBuf },
    #[error("the pidfile `{}` cannot be locked", path.display())]
    Lock { path: PathBuf, source: io::Error },
}

/// Who holds a pidfile, as far as it says.
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
            // Who held it may have removed it after it was opened here: then the lock is on a file that
            // nobody else will find.
            if pidfile.is_in_place() {
                pidfile.write();
                return Ok(pidfile);
            }
        }
    }

    /// That it cannot be written (the disk is full, say) is no reason not to serve: the lock holds.
    fn write(&self) {
        let written = self.file.set_len(0).and_then(|()| writeln!(&self.file, "{}", std::process::id()));
        if let Err(error) = written {
            tracing::warn!(pidfile = %self.path.display(), %error, "The pidfile cannot be written");
        }
    }

    /// Whether this is the file that stands at its path.
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
        // The lock goes after, with the file.
        if self.is_in_place() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Without following a link or waiting for the other end of a pipe, and without losing what is in it.
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
            Self { process: None, .. } => write!(f, "a process that does not say its number"),
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
    fn it_holds_the_number_and_goes_with_the_daemon() {
        let (_directory, path) = here();
        fs::write(&path, "123456789 left behind by a daemon that was killed").unwrap();
        let pidfile = Pidfile::lock(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
        drop(pidfile);
        assert!(!path.exists());
    }

    #[test]
    fn a_second_instance_is_told_who_holds_it() {
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
        hint: stop it first, or give this one a pidfile of its own (`--pidfile`)
        ");
        assert!(path.exists());
    }

    #[test]
    fn a_holder_that_has_not_written_yet_is_a_holder() {
        let (_directory, path) = here();
        let first = Pidfile::lock(&path).unwrap();
        let holder = |content: &str| {
            fs::write(&path, content).unwrap();
            match Pidfile::lock(&path).unwrap_err() {
                PidfileError::Held { holder, .. } => holder.to_string(),
                other => other.to_string(),
            }
        };
        assert_eq!(holder(""), "a process that does not say its number");
        assert_eq!(holder("not a number"), "a process that does not say its number");
        // More than there can be.
        assert_eq!(holder("4294967295"), "process 4294967295");
        drop(first);
    }

    #[test]
    fn one_that_was_replaced_is_left_to_its_owner() {
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
    fn links_pipes_and_places_that_are_not_there_are_refused() {
        let (directory, path) = here();
        let told = |path: &Path| {
            let error = Pidfile::lock(path).unwrap_err();
            confine_service::chain(&error).replace(directory.path().to_str().unwrap(), "")
        };
        let victim = directory.path().join("victim");
        fs::write(&victim, "precious").unwrap();
        symlink(&victim, &path).unwrap();
        let fifo = directory.path().join("fifo");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
            .unwrap();
        let texts =
            [told(&path), told(&fifo), told(&directory.path().join("nowhere/x.pid")), told(directory.path())];
        insta::assert_snapshot!(texts.join("\n"), @r"
        the pidfile `/confine.pid` is a link, a directory or a special file: it has to be a regular file
        the pidfile `/fifo` is a link, a directory or a special file: it has to be a regular file
        the pidfile `/nowhere/x.pid` cannot be opened: No such file or directory (os error 2)
        the pidfile `` is a link, a directory or a special file: it has to be a regular file
        ");
        assert_eq!(fs::read_to_string(victim).unwrap(), "precious");
    }
}
