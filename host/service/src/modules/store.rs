//! Versions of modules, stored on disk across restarts of the daemon.
//!
//! ```text
//! DIRECTORY/NAME/index.json    the versions, which one runs, what operators decided
//! DIRECTORY/NAME/DIGEST.wasm   the file of a version
//! DIRECTORY/refusals.json      the files that were refused, and why
//! DIRECTORY/services.json      which modules serve which list
//! ```
//!
//! Every file is written under another name and renamed, so that there is always a complete one. Stored files are
//! trusted no more than those in a module directory: loading checks them in the same way.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Read as _, Write as _},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use confine_sandbox::Digest;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::modules::{approvals::Approvals, refusals::Refusals};

/// How many versions of a module are stored, including the one that runs.
pub(crate) const STORED_VERSIONS: usize = 5;

const INDEX: &str = "index.json";
/// Not a module name: those do not begin with a dot.
const TRIAL: &str = ".trial";
const REFUSALS: &str = "refusals.json";
const SERVICES: &str = "services.json";
/// The most bytes of an index, which has a few lines for each version, of the refusals or of the approvals.
const JSON_SIZE: u64 = 16 << 20;

/// A directory that stores versions of modules for rollbacks.
#[derive(Debug)]
pub struct VersionStore {
    directory: PathBuf,
}

/// A file or directory of the store that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("`{}` cannot be used", path.display())]
pub struct VersionStoreError {
    /// The directory or file.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// What is stored of a module besides its files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct StoredIndex {
    /// The versions in the order in which they began to run.
    pub(crate) versions: Vec<StoredVersion>,
    /// The digest of the version that runs, or would if the module were not suspended.
    pub(crate) running: Option<String>,
    /// The digest of the file that was in the module directory when an operator rolled back: it is not loaded again.
    pub(crate) passed_over: Option<String>,
    /// An operator has disabled the module.
    pub(crate) disabled: bool,
    /// Why it is quarantined.
    pub(crate) quarantined: Option<String>,
    /// The names that the module had before its file was renamed.
    pub(crate) former: Vec<String>,
}

/// A stored version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredVersion {
    /// SHA-256 of the file.
    pub(crate) digest: String,
    /// The version, in the module's own words.
    pub(crate) version: String,
}

impl StoredIndex {
    /// Records that a version begins to run. Returns the versions that are no longer stored.
    pub(crate) fn run(&mut self, digest: String, version: String) -> Vec<StoredVersion> {
        // The version that ran until now is the one to roll back to, even if there was a newer one.
        for digest in self.running.take().iter().chain([&digest]) {
            if let Some(position) = self.position(digest) {
                let version = self.versions.remove(position);
                self.versions.push(version);
            }
        }
        if self.position(&digest).is_none() {
            self.versions.push(StoredVersion { digest: digest.clone(), version });
        }
        self.running = Some(digest);
        let over = self.versions.len().saturating_sub(STORED_VERSIONS);
        self.versions.drain(..over).collect()
    }

    /// Returns the digests of all versions.
    pub(crate) fn digests(&self) -> impl Iterator<Item = String> + '_ {
        self.versions.iter().map(|version| version.digest.clone())
    }

    /// Returns the version that ran before the current one.
    pub(crate) fn previous(&self) -> Option<&StoredVersion> {
        let running = self.position(self.running.as_deref()?)?;
        self.versions.get(running.checked_sub(1)?)
    }

    /// Returns the version that runs, or would.
    pub(crate) fn current(&self) -> Option<&StoredVersion> {
        self.versions.get(self.position(self.running.as_deref()?)?)
    }

    fn position(&self, digest: &str) -> Option<usize> {
        self.versions.iter().position(|version| version.digest == digest)
    }
}

impl VersionStore {
    /// Opens the store in a directory, which is created if it does not exist, readable by this user only.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self, VersionStoreError> {
        let directory = directory.into();
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&directory);
        // Writes a file to find out now whether the directory is writable.
        let tried = made.and_then(|()| write(&directory, TRIAL, b""));
        match tried.and_then(|()| fs::remove_file(directory.join(TRIAL))) {
            Ok(()) => Ok(Self { directory }),
            Err(source) => Err(VersionStoreError { path: directory, source }),
        }
    }

    /// Returns the names of the modules of which something is stored.
    pub(crate) fn names(&self) -> Result<Vec<String>, VersionStoreError> {
        let failed = |source| VersionStoreError { path: self.directory.clone(), source };
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.directory).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry.path().join(INDEX).is_file() {
                names.extend(entry.file_name().into_string());
            }
        }
        Ok(names)
    }

    /// Reads the index of a module; empty if nothing is stored.
    pub(crate) fn index(&self, name: &str) -> Result<StoredIndex, VersionStoreError> {
        read_json(self.of(name).join(INDEX))
    }

    /// Writes the index of a module.
    pub(crate) fn write_index(&self, name: &str, index: &StoredIndex) -> Result<(), VersionStoreError> {
        write_json(&self.of(name), INDEX, index)
    }

    /// Reads which files are refused.
    pub(crate) fn refusals(&self) -> Result<Refusals, VersionStoreError> {
        read_json(self.directory.join(REFUSALS))
    }

    /// Writes which files are refused.
    pub(crate) fn write_refusals(&self, refusals: &Refusals) -> Result<(), VersionStoreError> {
        write_json(&self.directory, REFUSALS, refusals)
    }

    /// Reads which modules serve which list; none if that was never stored.
    pub(crate) fn approvals(&self) -> Result<Option<Approvals>, VersionStoreError> {
        let path = self.directory.join(SERVICES);
        match path.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            _ => read_json(path).map(Some),
        }
    }

    /// Writes which modules serve which list.
    pub(crate) fn write_approvals(&self, approvals: &Approvals) -> Result<(), VersionStoreError> {
        write_json(&self.directory, SERVICES, approvals)
    }

    /// Stores everything of a module under another name.
    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<(), VersionStoreError> {
        let (from, to) = (self.of(from), self.of(to));
        // What is there is left over: a module of that name never served.
        let cleared = match fs::remove_dir_all(&to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        let renamed = cleared.and_then(|()| match fs::rename(&from, &to) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            renamed => renamed,
        });
        renamed.map_err(|source| VersionStoreError { path: from, source })
    }

    /// Stores the file of a version.
    pub(crate) fn keep(&self, name: &str, digest: &str, bytes: &[u8]) -> Result<(), VersionStoreError> {
        let file = file(digest);
        if self.of(name).join(&file).is_file() {
            return Ok(());
        }
        put(&self.of(name), &file, bytes)
    }

    /// Reads the file of a version and checks its digest.
    pub(crate) fn get(
        &self,
        name: &str,
        digest: &str,
        size_limit: u64,
    ) -> Result<Vec<u8>, VersionStoreError> {
        let path = self.of(name).join(file(digest));
        let read = File::open(&path).and_then(|file| {
            let mut bytes = Vec::new();
            file.take(size_limit.saturating_add(1)).read_to_end(&mut bytes)?;
            if Digest::of(&bytes).to_string() != digest {
                return Err(io::Error::other("its digest does not match its name"));
            }
            Ok(bytes)
        });
        read.map_err(|source| VersionStoreError { path, source })
    }

    /// Removes the file of a version.
    pub(crate) fn drop(&self, name: &str, digest: &str) {
        let path = self.of(name).join(file(digest));
        if let Err(error) = fs::remove_file(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(file = %path.display(), %error, "cannot remove a version that is no longer needed");
        }
    }

    /// Removes everything of a module.
    pub(crate) fn forget(&self, name: &str) -> Result<(), VersionStoreError> {
        let path = self.of(name);
        match fs::remove_dir_all(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(VersionStoreError { path, source })
            }
            _ => Ok(()),
        }
    }

    fn of(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// Reads a value; its default if there is none.
fn read_json<T: Default + DeserializeOwned>(path: PathBuf) -> Result<T, VersionStoreError> {
    let read = File::open(&path).and_then(|file| {
        let mut text = Vec::new();
        file.take(JSON_SIZE).read_to_end(&mut text)?;
        serde_json::from_slice(&text).map_err(io::Error::other)
    });
    match read {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(T::default()),
        read => read.map_err(|source| VersionStoreError { path, source }),
    }
}

fn write_json(directory: &Path, file: &str, value: &impl Serialize) -> Result<(), VersionStoreError> {
    let failed = |error| VersionStoreError { path: directory.join(file), source: io::Error::other(error) };
    let mut text = serde_json::to_vec_pretty(value).map_err(failed)?;
    text.push(b'\n');
    put(directory, file, &text)
}

fn put(directory: &Path, file: &str, content: &[u8]) -> Result<(), VersionStoreError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
    made.and_then(|()| write(directory, file, content))
        .map_err(|source| VersionStoreError { path: directory.join(file), source })
}

fn file(digest: &str) -> String {
    format!("{digest}.wasm")
}

/// Writes a file under another name and renames it. Only one daemon uses a store, and it makes one change at a time.
fn write(directory: &Path, file: &str, content: &[u8]) -> io::Result<()> {
    let aside = directory.join(".aside");
    let written = File::create(&aside).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    let renamed = written.and_then(|()| fs::rename(&aside, directory.join(file)));
    if renamed.is_err() {
        // An incomplete file is of no use.
        let _ = fs::remove_file(&aside);
    }
    renamed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(runs: &[&str]) -> StoredIndex {
        let mut index = StoredIndex::default();
        for digest in runs {
            index.run((*digest).to_owned(), format!("v{digest}"));
        }
        index
    }

    fn digests(index: &StoredIndex) -> String {
        index.versions.iter().map(|version| version.digest.as_str()).collect()
    }

    #[test]
    fn previous_version_is_the_one_that_ran_before() {
        let mut index = index(&["1", "2"]);
        assert_eq!(index.previous().unwrap().digest, "1");
        // After a rollback and a new version, the skipped version counts as older than the one that ran.
        index.running = Some("1".into());
        assert_eq!(index.previous(), None);
        index.run("3".into(), "v3".into());
        assert_eq!(digests(&index), "213");
        assert_eq!(index.previous().unwrap().digest, "1");
        // The same file again is not another version.
        index.run("2".into(), "v2".into());
        assert_eq!(digests(&index), "132");
    }

    #[test]
    fn oldest_version_is_dropped() {
        let mut index = index(&["1", "2", "3", "4", "5"]);
        let dropped = index.run("6".into(), "v6".into());
        assert_eq!(dropped.iter().map(|version| version.digest.as_str()).collect::<Vec<_>>(), ["1"]);
        assert_eq!(digests(&index), "23456");
    }

    #[test]
    fn store_returns_what_was_stored_and_nothing_else() {
        let top = tempfile::tempdir().unwrap();
        let store = VersionStore::open(top.path().join("state")).unwrap();
        assert_eq!(store.index("x").unwrap(), StoredIndex::default());
        let digest = Digest::of(b"one").to_string();
        store.keep("x", &digest, b"one").unwrap();
        let mut kept = index(&[&digest]);
        kept.quarantined = Some("why".into());
        store.write_index("x", &kept).unwrap();

        let store = VersionStore::open(top.path().join("state")).unwrap();
        assert_eq!(store.names().unwrap(), ["x"]);
        assert_eq!(store.index("x").unwrap(), kept);
        assert_eq!(store.get("x", &digest, 3).unwrap(), b"one");
        fs::write(top.path().join("state/x").join(file(&digest)), "two").unwrap();
        assert!(store.get("x", &digest, 3).is_err());
        fs::write(top.path().join("state/x/index.json"), "{").unwrap();
        assert!(store.index("x").is_err());
        store.forget("x").unwrap();
        assert_eq!(store.names().unwrap(), [""; 0]);
    }

    #[test]
    fn unwritable_store_is_an_error() {
        let top = tempfile::tempdir().unwrap();
        fs::write(top.path().join("file"), "").unwrap();
        let error = VersionStore::open(top.path().join("file/state")).unwrap_err();
        assert_eq!(error.path, top.path().join("file/state"));
    }
}
