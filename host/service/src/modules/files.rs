//! Finding module files.
//!
//! A module directory belongs to the operator, but what stands in it may come from anywhere. So a file
//! is opened once, without following links and without waiting for anyone, and all that is done with it
//! is done with the bytes that were read then.

use std::{
    io::{self, Read as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt as _, OpenOptionsSyncExt as _};
use cap_std::{
    ambient_authority,
    fs::{Dir, Metadata, MetadataExt as _, OpenOptions},
};

/// How deep below a module directory files are looked for.
const DEPTH: usize = 8;

/// A module file, as it was found.
#[derive(Debug)]
pub struct FoundFile {
    /// The module's name: the file's without `.wasm`.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// What it holds, or why that cannot be had.
    pub bytes: Result<Vec<u8>, ModuleFileError>,
}

/// Why a file is not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModuleFileError {
    /// It is a link, a directory, a device, …
    #[error("it is {0}, not a regular file: copy the module itself here")]
    NotRegular(&'static str),
    /// It is larger than a module may be.
    #[error("it is larger than a module may be: allowed {allowed} bytes (`component`)")]
    TooLarge {
        /// The limit.
        allowed: u64,
    },
    /// Its name would not be safe to show.
    #[error("its name is not made of letters, digits, `-`, `_` and `.`: rename it")]
    Name,
    /// Somebody is writing to it.
    #[error("it is being written")]
    Changing,
    /// It cannot be read.
    #[error("it cannot be read")]
    Io(#[source] io::Error),
}

/// What tells whether a file is still the one that was looked at. Whoever writes to a file changes its
/// `ctime`, which nobody can set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileStamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl FileStamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Whether nobody has written to it for so long. A time that is yet to come says nothing: then the
    /// clock was set, or is another machine's.
    fn is_settled(&self, for_at_least: Duration) -> bool {
        let (seconds, nanoseconds) = self.changed;
        let since_epoch = u64::try_from(seconds).ok().zip(u32::try_from(nanoseconds).ok());
        let changed = since_epoch.and_then(|(seconds, nanoseconds)| {
            SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, nanoseconds))
        });
        let age = changed.and_then(|changed| SystemTime::now().duration_since(changed).ok());
        age.is_none_or(|age| age >= for_at_least)
    }
}

/// A module file that was looked at.
#[derive(Debug)]
pub(crate) struct ScannedFile {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// None where it cannot even be looked at.
    pub(crate) stamp: Option<FileStamp>,
    /// None for a file that is as it was known.
    pub(crate) content: Option<Result<Vec<u8>, ModuleFileError>>,
}

/// What was found in the module directories.
#[derive(Debug, Default)]
pub(crate) struct DirectoryScan {
    /// In the order in which modules run: by file name, and where two have the same, by directory in the
    /// order given.
    pub(crate) files: Vec<ScannedFile>,
    /// Directories that cannot be read.
    pub(crate) errors: Vec<(PathBuf, io::Error)>,
}

/// How to look at files.
pub(crate) struct ScanOptions<'a> {
    /// The most bytes that a file may have.
    pub(crate) size_limit: u64,
    /// A file that was written to since is [`ModuleFileError::Changing`].
    pub(crate) settled: Duration,
    /// What is known of a file: if it is still so, it is not read.
    pub(crate) known: &'a dyn Fn(&Path) -> Option<FileStamp>,
}

/// All module files in these directories and below, in the order in which modules run: by file name,
/// and where two have the same, by directory in the order given. A directory that cannot be read is an
/// error beside.
pub fn find(directories: &[PathBuf], size_limit: u64) -> (Vec<FoundFile>, Vec<(PathBuf, io::Error)>) {
    let glance = ScanOptions { size_limit, settled: Duration::ZERO, known: &|_| None };
    let DirectoryScan { files, errors } = look(directories, &glance);
    let file = |seen: ScannedFile| Some(FoundFile { name: seen.name, path: seen.path, bytes: seen.content? });
    (files.into_iter().filter_map(file).collect(), errors)
}

/// What one file holds, taken as [`find`] takes those in a directory: the file itself, and its name safe to show.
pub fn read_module(path: &Path, size_limit: u64) -> Result<Vec<u8>, ModuleFileError> {
    let file_name = path.file_name().unwrap_or_default();
    let text = file_name.to_string_lossy();
    let name = text.strip_suffix(".wasm").unwrap_or(&text);
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = Dir::open_ambient_dir(directory.unwrap_or(Path::new(".")), ambient_authority());
    let directory = directory.map_err(ModuleFileError::Io)?;
    let glance = ScanOptions { size_limit, settled: Duration::ZERO, known: &|_| None };
    let (_, content) = inspect(&directory, Path::new(file_name), name, path, &glance);
    content.unwrap_or(Err(ModuleFileError::Changing))
}

/// Looks at all module files in these directories and below, and reads those that are not as they are
/// known.
pub(crate) fn look(directories: &[PathBuf], glance: &ScanOptions<'_>) -> DirectoryScan {
    let mut look = DirectoryScan::default();
    for path in directories {
        match Dir::open_ambient_dir(path, ambient_authority()) {
            Ok(directory) => descend(&directory, path, DEPTH, glance, &mut look),
            Err(error) => look.errors.push((path.clone(), error)),
        }
    }
    // A stable sort: directories stay in their order.
    look.files.sort_by(|a, b| a.name.cmp(&b.name));
    look
}

fn descend(directory: &Dir, path: &Path, depth: usize, glance: &ScanOptions<'_>, look: &mut DirectoryScan) {
    let mut entries = match directory.entries().and_then(Iterator::collect::<io::Result<Vec<_>>>) {
        Ok(entries) => entries,
        Err(error) => return look.errors.push((path.into(), error)),
    };
    entries.sort_by_key(cap_std::fs::DirEntry::file_name);
    for entry in entries {
        let file_name = entry.file_name();
        let path = path.join(&file_name);
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let text = file_name.to_string_lossy();
        match text.strip_suffix(".wasm") {
            // What editors and package managers write aside.
            _ if text.starts_with('.') => {}
            Some(name) => {
                let (stamp, content) = inspect(directory, Path::new(&file_name), name, &path, glance);
                look.files.push(ScannedFile { name: name.to_owned(), path, stamp, content });
            }
            None if is_directory && depth > 0 => match entry.open_dir() {
                Ok(below) => descend(&below, &path, depth - 1, glance, look),
                Err(error) => look.errors.push((path, error)),
            },
            None => {}
        }
    }
}

fn inspect(
    directory: &Dir,
    file_name: &Path,
    name: &str,
    path: &Path,
    glance: &ScanOptions<'_>,
) -> (Option<FileStamp>, Option<Result<Vec<u8>, ModuleFileError>>) {
    if !is_safe(name) {
        return (None, Some(Err(ModuleFileError::Name)));
    }
    let metadata = match directory.symlink_metadata(file_name) {
        Ok(metadata) => metadata,
        Err(error) => return (None, Some(Err(ModuleFileError::Io(error)))),
    };
    let stamp = FileStamp::of(&metadata);
    if (glance.known)(path) == Some(stamp) {
        return (Some(stamp), None);
    }
    if !stamp.is_settled(glance.settled) {
        return (None, Some(Err(ModuleFileError::Changing)));
    }
    let content = read(directory, file_name, &metadata, glance.size_limit);
    (Some(stamp), Some(content))
}

fn is_safe(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 128
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

fn read(directory: &Dir, name: &Path, found: &Metadata, size_limit: u64) -> Result<Vec<u8>, ModuleFileError> {
    let kind = found.file_type();
    if kind.is_symlink() {
        return Err(ModuleFileError::NotRegular("a link"));
    }
    if kind.is_dir() {
        return Err(ModuleFileError::NotRegular("a directory"));
    }
    // Opening a FIFO would wait for its other end, opening a device might do anything.
    let mut options = OpenOptions::new();
    options.read(true).follow(FollowSymlinks::No).nonblock(true);
    let file = directory.open_with(name, &options).map_err(ModuleFileError::Io)?;
    let metadata = file.metadata().map_err(ModuleFileError::Io)?;
    if !metadata.is_file() {
        return Err(ModuleFileError::NotRegular("a special file"));
    }
    if metadata.len() > size_limit {
        return Err(ModuleFileError::TooLarge { allowed: size_limit });
    }
    // As many bytes as it had then: one that grows or shrinks meanwhile is not the file that was found.
    let mut bytes = vec![
        0;
        usize::try_from(metadata.len())
            .map_err(|_| ModuleFileError::TooLarge { allowed: size_limit })?
    ];
    match (&file).read_exact(&mut bytes) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(ModuleFileError::Changing),
        read => read.map_err(ModuleFileError::Io)?,
    }
    match FileStamp::of(&file.metadata().map_err(ModuleFileError::Io)?) == FileStamp::of(found) {
        true => Ok(bytes),
        false => Err(ModuleFileError::Changing),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    fn found(directories: &[PathBuf]) -> Vec<String> {
        let (files, errors) = find(directories, 8);
        let files = files.iter().map(|file| {
            let what = match &file.bytes {
                Ok(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                Err(error) => error.to_string(),
            };
            format!("{}: {what}", file.name.escape_debug())
        });
        files.chain(errors.iter().map(|(path, _)| format!("cannot read {}", path.display()))).collect()
    }

    #[test]
    fn files_come_by_name_whatever_directory_they_are_in() {
        let top = tempfile::tempdir().unwrap();
        let (a, b) = (top.path().join("a"), top.path().join("b"));
        fs::create_dir_all(a.join("package/deep")).unwrap();
        fs::create_dir_all(&b).unwrap();
        fs::write(a.join("20-x.wasm"), "a20").unwrap();
        fs::write(a.join("package/deep/10-x.wasm"), "a10").unwrap();
        fs::write(a.join("package/notes.txt"), "no").unwrap();
        fs::write(a.join(".20-x.wasm"), "aside").unwrap();
        fs::write(a.join("20-x.wasm~"), "backup").unwrap();
        fs::write(b.join("20-x.wasm"), "b20").unwrap();
        assert_eq!(found(&[a, b]), ["10-x: a10", "20-x: a20", "20-x: b20"]);
    }

    #[test]
    fn what_is_no_regular_file_is_refused_with_its_kind() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path();
        fs::write(path.join("real"), "real").unwrap();
        symlink(path.join("real"), path.join("link.wasm")).unwrap();
        fs::create_dir(path.join("dir.wasm")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            path.join("fifo.wasm"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
        fs::write(path.join("large.wasm"), "123456789").unwrap();
        fs::write(path.join("a\u{1b}[31m\n.wasm"), "red").unwrap();
        fs::write(path.join("..\\..\\up.wasm"), "hidden").unwrap();
        fs::write(path.join("up..\\up.wasm"), "up").unwrap();
        insta::assert_snapshot!(found(&[path.into()]).join("\n"), @r"
        a\u{1b}[31m\n: its name is not made of letters, digits, `-`, `_` and `.`: rename it
        dir: it is a directory, not a regular file: copy the module itself here
        fifo: it is a special file, not a regular file: copy the module itself here
        large: it is larger than a module may be: allowed 8 bytes (`component`)
        link: it is a link, not a regular file: copy the module itself here
        up..\\up: its name is not made of letters, digits, `-`, `_` and `.`: rename it
        ");
    }

    #[test]
    fn one_file_is_read_as_those_of_a_directory() {
        let top = tempfile::tempdir().unwrap();
        let path = |name: &str| top.path().join(name);
        fs::write(path("real.wasm"), "real").unwrap();
        fs::write(path("other"), "other").unwrap();
        symlink("real.wasm", path("link.wasm")).unwrap();
        let read = |name: &str| match read_module(&path(name), 8) {
            Ok(bytes) => String::from_utf8(bytes).unwrap(),
            Err(error) => crate::chain(&error),
        };
        let names = ["real.wasm", "other", "link.wasm", "nowhere.wasm", "nowhere/real.wasm", ".."];
        insta::assert_snapshot!(names.map(read).join("\n"), @r"
        real
        other
        it is a link, not a regular file: copy the module itself here
        it cannot be read: No such file or directory (os error 2)
        it cannot be read: No such file or directory (os error 2)
        its name is not made of letters, digits, `-`, `_` and `.`: rename it
        ");
    }

    /// Nothing else asks what time it is, but for people to read.
    #[test]
    fn a_clock_that_jumps_hides_no_file() {
        const DAY: i64 = 24 * 60 * 60;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() as i64;
        let written = |changed: i64| FileStamp {
            device: 1,
            inode: 2,
            size: 3,
            modified: (changed, 0),
            changed: (changed, 0),
        };
        let hour = Duration::from_secs(60 * 60);
        assert!(!written(now - 1).is_settled(hour), "somebody may still be writing");
        // Set back by a day, or forward, since it was written; or never set at all.
        for changed in [now + DAY, now - DAY, 0, -DAY, i64::MAX, i64::MIN] {
            assert!(written(changed).is_settled(hour), "{changed}");
        }
    }

    #[test]
    fn a_directory_that_is_not_there_is_told_and_the_others_are_read() {
        let top = tempfile::tempdir().unwrap();
        fs::write(top.path().join("x.wasm"), "x").unwrap();
        assert_eq!(found(&["/nowhere".into(), top.path().into()]), ["x: x", "cannot read /nowhere"]);
    }
}
