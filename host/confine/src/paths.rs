//! Paths that settings and options name, checked where they come in.

use std::{
    ffi::OsString,
    fs::{self, FileType},
    io,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use clap::builder::{PathBufValueParser, TypedValueParser};
use confine_sandbox::text::line;
use serde::Deserialize;

/// The longest path that Linux takes, in bytes.
const MAX_PATH: usize = 4095;
/// The longest name in a path.
const MAX_NAME: usize = 255;
/// The longest path that a unix socket can have on Linux.
const MAX_SOCKET_PATH: usize = 107;

/// The most that a message shows of a path, in bytes.
const SHOWN: usize = 200;

/// Why a path cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PathMisfit {
    #[error("a path cannot be empty")]
    Empty,
    #[error("`{path}` has a NUL character, which no path can have")]
    Nul { path: String },
    #[error(
        "`{path}` has {found} bytes, more than the {allowed} that {what} can have: use a shorter path, or a link to the directory"
    )]
    Long { path: String, found: usize, what: &'static str, allowed: usize },
    #[error("`{path}` is relative to nothing that is known here: write an absolute path")]
    Relative { path: String },
    #[error("`{path}` does not end in the name of {wanted}: add the name")]
    NoName { path: String, wanted: &'static str },
    #[error("`{path}` is the root of the file system: name a directory below it")]
    Root { path: String },
    #[error("`{path}` is {found}: write the path of {wanted}")]
    Kind { path: String, found: &'static str, wanted: &'static str },
    #[error("`{path}` cannot be reached: {reason}")]
    Unreachable { path: String, reason: String },
}

/// What a path leads to. Nothing need be there yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PathTarget {
    File,
    Socket,
    Directory,
}

/// Returns where a path leads, as far as it is there.
pub(crate) fn resolved(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let there = absolute.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)));
    match there {
        Some((above, real)) => {
            absolute.strip_prefix(above).map_or_else(|_| absolute.clone(), |rest| real.join(rest))
        }
        None => absolute,
    }
}

impl PathTarget {
    /// Reads a path of the command line.
    pub(crate) fn parser(self) -> impl TypedValueParser<Value = PathBuf> {
        PathBufValueParser::new().try_map(move |path| self.check(path))
    }

    /// Checks a path. What is behind a directory that cannot be read is not checked.
    pub(crate) fn check(self, path: PathBuf) -> Result<PathBuf, PathMisfit> {
        let shown = || line(&path.to_string_lossy(), SHOWN);
        let octets = path.as_os_str().as_encoded_bytes();
        if octets.is_empty() {
            return Err(PathMisfit::Empty);
        }
        if octets.contains(&0) {
            return Err(PathMisfit::Nul { path: shown() });
        }
        let (what, allowed) = match self {
            Self::Socket => ("the path of a socket", MAX_SOCKET_PATH),
            Self::File | Self::Directory => ("a path", MAX_PATH),
        };
        let longest = path.iter().map(|name| name.len()).max().unwrap_or_default();
        let lengths = [(octets.len(), what, allowed), (longest, "a name in a path", MAX_NAME)];
        if let Some((found, what, allowed)) = lengths.into_iter().find(|(found, _, allowed)| found > allowed)
        {
            return Err(PathMisfit::Long { path: shown(), found, what, allowed });
        }
        let wanted = self.wanted();
        let has_name = path.file_name().is_some() && !octets.ends_with(b"/") && !octets.ends_with(b"/.");
        if self != Self::Directory && !has_name {
            return Err(PathMisfit::NoName { path: shown(), wanted });
        }
        match fs::metadata(&path) {
            Ok(metadata) if !self.may_be(metadata.file_type()) => {
                Err(PathMisfit::Kind { path: shown(), found: kind_of(metadata.file_type()), wanted })
            }
            Ok(metadata) if is_root(metadata.dev(), metadata.ino()) => {
                Err(PathMisfit::Root { path: shown() })
            }
            Ok(_) => Ok(path),
            Err(error)
                if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) =>
            {
                Ok(path)
            }
            Err(error) => Err(PathMisfit::Unreachable { path: shown(), reason: error.to_string() }),
        }
    }

    /// Checks a path of a file whose directory, or the place that it is relative to, is not known.
    pub(crate) fn check_absolute(self, path: PathBuf) -> Result<PathBuf, PathMisfit> {
        if path.is_relative() && !path.as_os_str().is_empty() {
            return Err(PathMisfit::Relative { path: line(&path.to_string_lossy(), SHOWN) });
        }
        self.check(path)
    }

    fn wanted(self) -> &'static str {
        match self {
            Self::File => "a file",
            Self::Socket => "a socket",
            Self::Directory => "a directory",
        }
    }

    /// A file may be a pipe or a device: a shell gives `<(…)` as one.
    fn may_be(self, found: FileType) -> bool {
        match self {
            Self::File => !found.is_dir() && !found.is_socket(),
            Self::Socket => found.is_socket(),
            Self::Directory => found.is_dir(),
        }
    }
}

fn kind_of(found: FileType) -> &'static str {
    if found.is_dir() {
        "a directory"
    } else if found.is_socket() {
        "a socket"
    } else if found.is_file() {
        "a file"
    } else {
        "a device or a pipe"
    }
}

/// Whether this is the root of the file system, by whatever path it was found.
fn is_root(device: u64, inode: u64) -> bool {
    fs::metadata("/").is_ok_and(|root| (root.dev(), root.ino()) == (device, inode))
}

/// A path in the operator's file. A relative one starts from the directory of that file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(crate) struct WrittenPath(pub(crate) PathBuf);

impl From<String> for WrittenPath {
    fn from(text: String) -> Self {
        Self(OsString::from(text).into())
    }
}

impl WrittenPath {
    /// Makes the path absolute, and checks it.
    pub(crate) fn place(&mut self, directory: &Path, target: PathTarget) -> Result<(), PathMisfit> {
        if self.0.as_os_str().is_empty() {
            return Err(PathMisfit::Empty);
        }
        self.0 = target.check(directory.join(&self.0))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn unusable_paths_are_refused() {
        use PathTarget::{Directory, File, Socket};

        let directory = tempfile::tempdir().unwrap();
        let here = |name: &str| directory.path().join(name);
        fs::write(here("file"), "").unwrap();
        std::os::unix::fs::symlink("/", here("root")).unwrap();
        std::os::unix::fs::symlink(here("loop"), here("loop")).unwrap();
        let _listener = UnixListener::bind(here("socket")).unwrap();
        let refused = [
            (Socket, "".into()),
            (Socket, "\0".into()),
            (File, "/a\0\u{202e}b".into()),
            (Socket, format!("/{}", "x".repeat(107)).into()),
            (File, format!("/nowhere/{}", "é".repeat(128)).into()),
            (Directory, "/nowhere".repeat(600).into()),
            (Directory, "/".into()),
            (Directory, "/usr/..//.".into()),
            (Directory, here("root")),
            (Directory, here("file")),
            (Directory, here("socket")),
            (Directory, "/dev/null".into()),
            (Directory, here("file/below")),
            (File, "/".into()),
            (File, "/nowhere/".into()),
            (Socket, "..".into()),
            (File, "/usr".into()),
            (File, here("socket")),
            (File, here("loop")),
            (Socket, here("file")),
            (Socket, directory.path().into()),
        ];
        let texts = refused.map(|(target, path)| target.check(path).unwrap_err().to_string());
        let texts = texts.join("\n").replace(directory.path().to_str().unwrap(), "");
        insta::assert_snapshot!(texts, @r"
        a path cannot be empty
        `\u{0}` has a NUL character, which no path can have
        `/a\u{0}\u{202e}b` has a NUL character, which no path can have
        `/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx` has 108 bytes, more than the 107 that the path of a socket can have: use a shorter path, or a link to the directory
        `/nowhere/éééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé… (64 bytes more)` has 256 bytes, more than the 255 that a name in a path can have: use a shorter path, or a link to the directory
        `/nowhere/nowhere/nowhere/nowhere/nowhere/nowhere/nowhere/nowhere/nowhere/nowhere/nowhere/nowhere/nowhere/nowhere/nowhere/nowhere/nowhere/nowhere/nowhere/nowhere/nowhere/nowhere/nowhere/nowhere/nowhere… (4600 bytes more)` has 4800 bytes, more than the 4095 that a path can have: use a shorter path, or a link to the directory
        `/` is the root of the file system: name a directory below it
        `/usr/..//.` is the root of the file system: name a directory below it
        `/root` is the root of the file system: name a directory below it
        `/file` is a file: write the path of a directory
        `/socket` is a socket: write the path of a directory
        `/dev/null` is a device or a pipe: write the path of a directory
        `/file/below` cannot be reached: Not a directory (os error 20)
        `/` does not end in the name of a file: add the name
        `/nowhere/` does not end in the name of a file: add the name
        `..` does not end in the name of a socket: add the name
        `/usr` is a directory: write the path of a file
        `/socket` is a socket: write the path of a file
        `/loop` cannot be reached: Too many levels of symbolic links (os error 40)
        `/file` is a file: write the path of a socket
        `` is a directory: write the path of a socket
        ");
        insta::assert_snapshot!(File.check_absolute("a/b".into()).unwrap_err(), @"`a/b` is relative to nothing that is known here: write an absolute path");
    }

    #[test]
    fn paths_of_their_kind_or_of_nothing_are_accepted() {
        use PathTarget::{Directory, File, Socket};

        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("socket");
        let _listener = UnixListener::bind(&socket).unwrap();
        let accepted = [
            (File, "/dev/null".into()),
            (File, "nowhere/file".into()),
            (Socket, socket),
            (Socket, format!("/{}", "x".repeat(106)).into()),
            (Directory, directory.path().into()),
            (Directory, "/nowhere/".into()),
            (Directory, "..".into()),
        ];
        for (target, path) in accepted {
            assert_eq!(target.check(path.clone()), Ok(path));
        }
    }
}
