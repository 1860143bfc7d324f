//! Finding module files.
//!
//! A module directory belongs to the operator, but its files may come from anywhere. A file is opened once, without
//! following links and without blocking; everything else works on the bytes read then.

use std::{
    collections::HashSet,
    io::{self, Read as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt as _, OpenOptionsSyncExt as _};
use cap_std::{
    ambient_authority,
    fs::{Dir, Metadata, MetadataExt as _, OpenOptions},
};
use confine_sandbox::Digest;

/// How many levels below a module directory are searched.
const DEPTH: usize = 8;

/// A module file that was found.
#[derive(Debug)]
pub struct FoundFile {
    /// The module's name: that of the file without `.wasm`.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// The content, or why it cannot be read.
    pub bytes: Result<Vec<u8>, ModuleFileError>,
}

/// Why a module file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModuleFileError {
    /// It is a link, a directory, a device, …
    #[error("it is {0}, not a regular file: copy the module itself here")]
    NotRegular(&'static str),
    /// It is larger than a module may be.
    #[error("it is larger than the limit `component` of {allowed} bytes")]
    TooLarge {
        /// The limit.
        allowed: u64,
    },
    /// Its name has characters that are not safe to show.
    #[error("its name has characters other than letters, digits, `-`, `_` and `.`: rename it")]
    Name,
    /// It is being written.
    #[error("it is being written")]
    Changing,
    /// It cannot be read.
    #[error("it cannot be read")]
    Io(#[source] io::Error),
}

/// Identifies the content of a file without reading it. Writing to a file changes its `ctime`, which cannot be set.
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

    /// Returns whether the file has not been written for at least this time. A time in the future counts as settled:
    /// the clock was set, or is another machine's.
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

/// A module file as a scan found it. `C` is what the scan keeps of its content.
#[derive(Debug)]
pub(crate) struct ScannedFile<C = Digest> {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// `None` if the metadata cannot be read.
    pub(crate) stamp: Option<FileStamp>,
    /// `None` if the file has not changed.
    pub(crate) content: Option<Result<C, ModuleFileError>>,
}

/// The result of scanning module directories.
#[derive(Debug)]
pub(crate) struct DirectoryScan<C = Digest> {
    /// The files in the order in which modules run: by name, and files of the same name by the order of directories.
    pub(crate) files: Vec<ScannedFile<C>>,
    /// The directories that cannot be read.
    pub(crate) errors: Vec<(PathBuf, io::Error)>,
}

/// Problems of module directories that have been reported, so that each is reported once.
#[derive(Default)]
pub(crate) struct ReportedProblems {
    pub(super) duplicates: HashSet<PathBuf>,
    pub(super) unreadable: HashSet<PathBuf>,
}

/// How to scan.
pub(crate) struct ScanOptions<'a> {
    /// The most bytes that a file may have.
    pub(crate) size_limit: u64,
    /// A file that was written within this time is [`ModuleFileError::Changing`].
    pub(crate) settled: Duration,
    /// Returns the known stamp of a file, which is not read if it is unchanged.
    pub(crate) known: &'a dyn Fn(&Path) -> Option<FileStamp>,
}

/// Finds and reads all module files in these directories and below, in the order in which modules run: by name, and
/// files of the same name by the order of directories. Also returns the directories that cannot be read.
pub fn find(directories: &[PathBuf], size_limit: u64) -> (Vec<FoundFile>, Vec<(PathBuf, io::Error)>) {
    let options = ScanOptions { size_limit, settled: Duration::ZERO, known: &|_| None };
    let DirectoryScan { files, errors } = scan(directories, &options, &|bytes| bytes);
    let file = |seen: ScannedFile<Vec<u8>>| {
        Some(FoundFile { name: seen.name, path: seen.path, bytes: seen.content? })
    };
    (files.into_iter().filter_map(file).collect(), errors)
}

/// Reads one module file, with the same checks as [`find`].
pub fn read_module(path: &Path, size_limit: u64) -> Result<Vec<u8>, ModuleFileError> {
    let file_name = path.file_name().unwrap_or_default();
    let text = file_name.to_string_lossy();
    let name = text.strip_suffix(".wasm").unwrap_or(&text);
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = Dir::open_ambient_dir(directory.unwrap_or(Path::new(".")), ambient_authority());
    let directory = directory.map_err(ModuleFileError::Io)?;
    let options = ScanOptions { size_limit, settled: Duration::ZERO, known: &|_| None };
    let (_, content) = inspect(&directory, Path::new(file_name), name, path, &options);
    content.unwrap_or(Err(ModuleFileError::Changing))
}

/// Scans these directories and below, and keeps what `keep` returns of the module files that have changed. Of the
/// content itself, one file at a time is in memory.
pub(crate) fn scan<C>(
    directories: &[PathBuf],
    options: &ScanOptions<'_>,
    keep: &dyn Fn(Vec<u8>) -> C,
) -> DirectoryScan<C> {
    let mut scan = DirectoryScan { files: Vec::new(), errors: Vec::new() };
    for path in directories {
        match Dir::open_ambient_dir(path, ambient_authority()) {
            Ok(directory) => descend(&directory, path, DEPTH, options, keep, &mut scan),
            Err(error) => scan.errors.push((path.clone(), error)),
        }
    }
    // The sort is stable: files of the same name keep the order of directories.
    scan.files.sort_by(|a, b| a.name.cmp(&b.name));
    scan
}

fn descend<C>(
    directory: &Dir,
    path: &Path,
    depth: usize,
    options: &ScanOptions<'_>,
    keep: &dyn Fn(Vec<u8>) -> C,
    scan: &mut DirectoryScan<C>,
) {
    let mut entries = match directory.entries().and_then(Iterator::collect::<io::Result<Vec<_>>>) {
        Ok(entries) => entries,
        Err(error) => return scan.errors.push((path.into(), error)),
    };
    entries.sort_by_key(cap_std::fs::DirEntry::file_name);
    for entry in entries {
        let file_name = entry.file_name();
        let path = path.join(&file_name);
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let text = file_name.to_string_lossy();
        match text.strip_suffix(".wasm") {
            // Temporary files of editors and package managers.
            _ if text.starts_with('.') => {}
            Some(name) => {
                let (stamp, content) = inspect(directory, Path::new(&file_name), name, &path, options);
                let content = content.map(|content| content.map(keep));
                scan.files.push(ScannedFile { name: name.to_owned(), path, stamp, content });
            }
            None if is_directory && depth > 0 => match entry.open_dir() {
                Ok(below) => descend(&below, &path, depth - 1, options, keep, scan),
                Err(error) => scan.errors.push((path, error)),
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
    options: &ScanOptions<'_>,
) -> (Option<FileStamp>, Option<Result<Vec<u8>, ModuleFileError>>) {
    if !is_safe(name) {
        return (None, Some(Err(ModuleFileError::Name)));
    }
    let metadata = match directory.symlink_metadata(file_name) {
        Ok(metadata) => metadata,
        Err(error) => return (None, Some(Err(ModuleFileError::Io(error)))),
    };
    let stamp = FileStamp::of(&metadata);
    if (options.known)(path) == Some(stamp) {
        return (Some(stamp), None);
    }
    if !stamp.is_settled(options.settled) {
        return (None, Some(Err(ModuleFileError::Changing)));
    }
    let content = read(directory, file_name, &metadata, options.size_limit);
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
    // Opening a FIFO would block, opening a device might have effects.
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
    // A file that grows or shrinks meanwhile is not the file that was found.
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
    fn module_files_are_sorted_by_name() {
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
    fn irregular_files_are_refused_with_their_kind() {
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
        a\u{1b}[31m\n: its name has characters other than letters, digits, `-`, `_` and `.`: rename it
        dir: it is a directory, not a regular file: copy the module itself here
        fifo: it is a special file, not a regular file: copy the module itself here
        large: it is larger than the limit `component` of 8 bytes
        link: it is a link, not a regular file: copy the module itself here
        up..\\up: its name has characters other than letters, digits, `-`, `_` and `.`: rename it
        ");
    }

    #[test]
    fn single_file_has_the_checks_of_a_directory() {
        let top = tempfile::tempdir().unwrap();
        let path = |name: &str| top.path().join(name);
        fs::write(path("real.wasm"), "real").unwrap();
        fs::write(path("other"), "other").unwrap();
        symlink("real.wasm", path("link.wasm")).unwrap();
        let read = |name: &str| match read_module(&path(name), 8) {
            Ok(bytes) => String::from_utf8(bytes).unwrap(),
            Err(error) => crate::error_chain(&error),
        };
        let names = ["real.wasm", "other", "link.wasm", "nowhere.wasm", "nowhere/real.wasm", ".."];
        insta::assert_snapshot!(names.map(read).join("\n"), @r"
        real
        other
        it is a link, not a regular file: copy the module itself here
        it cannot be read: No such file or directory (os error 2)
        it cannot be read: No such file or directory (os error 2)
        its name has characters other than letters, digits, `-`, `_` and `.`: rename it
        ");
    }

    #[test]
    fn jumping_clock_hides_no_file() {
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
        assert!(!written(now - 1).is_settled(hour), "somebody may still be writing it");
        // The clock was set back or forward by a day since, or never set.
        for changed in [now + DAY, now - DAY, 0, -DAY, i64::MAX, i64::MIN] {
            assert!(written(changed).is_settled(hour), "{changed}");
        }
    }

    #[test]
    fn missing_directory_is_reported_and_others_read() {
        let top = tempfile::tempdir().unwrap();
        fs::write(top.path().join("x.wasm"), "x").unwrap();
        assert_eq!(found(&["/nowhere".into(), top.path().into()]), ["x: x", "cannot read /nowhere"]);
    }
}
