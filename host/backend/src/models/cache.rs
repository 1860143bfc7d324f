//! A cache of module texts that survives restarts of the daemon.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use sha2::{Digest as _, Sha256};

use crate::SchemaRef;

/// The largest file that is read.
const MAX_FILE_SIZE: u64 = 32 << 20;
/// The age at which an unused text is removed.
const MAX_TEXT_AGE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// The age at which a temporary file is removed.
const MAX_TEMPORARY_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// A directory with the modules of devices.
///
/// Each text is a file whose name has the module, the revision and the SHA-256 digest. The index of a domain maps a module
/// and revision to a digest: another domain may have another text for the same module and revision. Files are written to
/// a temporary name and renamed. A text is used only if it has the digest in its name. So a truncated or altered file
/// counts as missing, and any file may be removed at any time.
#[derive(Debug)]
pub struct ModelCache {
    directory: PathBuf,
}

/// The digests of the texts of one domain.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct DomainIndex(BTreeMap<SchemaRef, String>);

impl ModelCache {
    /// Opens the cache in a directory, which is created if it is missing.
    ///
    /// # Errors
    /// Fails if the directory cannot be created.
    pub fn open(directory: impl Into<PathBuf>) -> io::Result<Self> {
        let directory = directory.into();
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
        Ok(Self { directory })
    }

    /// Reads the index of a domain.
    pub(crate) fn index(&self, domain: &str) -> DomainIndex {
        self.read_index(&index_name(domain))
    }

    fn read_index(&self, name: &str) -> DomainIndex {
        let text = self.read(name).unwrap_or_default();
        let line = |line: &str| {
            let mut words = line.split_ascii_whitespace();
            let (name, revision, digest) = (words.next()?, words.next()?, words.next()?);
            Some((SchemaRef::new(name, Some(revision))?, digest.to_owned()))
        };
        DomainIndex(str::from_utf8(&text).unwrap_or_default().lines().filter_map(line).collect())
    }

    /// Returns the text of a module in a domain.
    pub(crate) fn get(&self, index: &DomainIndex, schema: &SchemaRef) -> Option<Vec<u8>> {
        let digest = index.0.get(schema)?;
        let text = self.read(&text_name(schema, digest)).ok()?;
        (digest_of(&text) == *digest).then_some(text)
    }

    /// Stores a text. A module without a revision may change at any time and is not stored.
    pub(crate) fn put(&self, index: &mut DomainIndex, schema: &SchemaRef, text: &[u8]) {
        if schema.revision().is_none() {
            return;
        }
        let digest = digest_of(text);
        if self.write(&text_name(schema, &digest), text) {
            index.0.insert(schema.clone(), digest);
        }
    }

    /// Stores the index of a domain.
    pub(crate) fn put_index(&self, domain: &str, index: &DomainIndex) {
        self.write_index(&index_name(domain), index);
    }

    fn write_index(&self, name: &str, index: &DomainIndex) {
        let line = |(schema, digest): (&SchemaRef, &String)| {
            format!("{} {} {digest}\n", schema.name(), schema.revision().unwrap_or_default())
        };
        self.write(name, index.0.iter().map(line).collect::<String>().as_bytes());
    }

    /// Marks modules of a domain as used today.
    pub(crate) fn touch(&self, domain: &str, used: &[SchemaRef]) {
        let index = self.index(domain);
        let now = SystemTime::now();
        for (schema, digest) in used.iter().filter_map(|schema| index.0.get_key_value(schema)) {
            let file = self.open_file(&text_name(schema, digest), fs::OpenOptions::new().append(true));
            if let Err(error) = file.and_then(|file| file.set_modified(now)) {
                tracing::debug!(%schema, %error, "cannot mark a model as used");
            }
        }
    }

    /// Removes the texts that have not been used for [`MAX_TEXT_AGE`], old temporary files, and index entries without a text.
    /// Files with other names than those of the cache are left alone.
    pub(crate) fn remove_unused(&self) {
        let Ok(entries) = fs::read_dir(&self.directory) else { return };
        let mut indexes = Vec::new();
        let mut removed = 0;
        for entry in entries.flatten() {
            let Ok(name) = entry.file_name().into_string() else { continue };
            // For a link, this is the metadata of the link itself.
            let Ok(metadata) = entry.metadata() else { continue };
            let age = metadata.modified().ok().and_then(|modified| modified.elapsed().ok());
            let limit = match CacheFile::from_name(&name) {
                Some(CacheFile::Text) => MAX_TEXT_AGE,
                Some(CacheFile::Temporary) => MAX_TEMPORARY_AGE,
                Some(CacheFile::Index) => {
                    indexes.push(name);
                    continue;
                }
                None => continue,
            };
            if metadata.is_file() && age.is_some_and(|age| age > limit) {
                removed += usize::from(fs::remove_file(entry.path()).is_ok());
            }
        }
        for name in indexes {
            let (previous, mut index) = (self.read_index(&name), self.read_index(&name));
            index.0.retain(|schema, digest| self.directory.join(text_name(schema, digest)).is_file());
            if index.0.is_empty() {
                removed += usize::from(fs::remove_file(self.directory.join(&name)).is_ok());
            } else if index != previous {
                self.write_index(&name, &index);
            }
        }
        if removed > 0 {
            tracing::info!(directory = %self.directory.display(), removed, "removed unused models from the cache");
        }
    }

    fn open_file(&self, name: &str, options: &mut fs::OpenOptions) -> io::Result<File> {
        options.custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK).open(self.directory.join(name))
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let file = self.open_file(name, fs::OpenOptions::new().read(true))?;
        let mut content = Vec::new();
        file.take(MAX_FILE_SIZE).read_to_end(&mut content)?;
        Ok(content)
    }

    /// Writes a file and returns whether that succeeded. A failure is logged: the model is used all the same.
    fn write(&self, name: &str, content: &[u8]) -> bool {
        static NUMBER: AtomicU64 = AtomicU64::new(0);

        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let temporary = self.directory.join(format!(".{}-{number}", std::process::id()));
        let written = (|| {
            let mut file = File::create_new(&temporary)?;
            file.write_all(content)?;
            file.sync_all()?;
            fs::rename(&temporary, self.directory.join(name))
        })();
        if let Err(error) = &written {
            let _ = fs::remove_file(&temporary);
            tracing::warn!(directory = %self.directory.display(), %error, "cannot write a model to the cache");
        }
        written.is_ok()
    }
}

/// A kind of file in the directory.
enum CacheFile {
    /// The text of a module.
    Text,
    /// The index of a domain.
    Index,
    /// A file that is being written.
    Temporary,
}

impl CacheFile {
    /// Returns the kind of file of a name, or `None` for a name that the cache does not use.
    fn from_name(name: &str) -> Option<Self> {
        let is_digest = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if let Some((process, number)) = name.strip_prefix('.').and_then(|name| name.split_once('-')) {
            return (is_number(process) && is_number(number)).then_some(Self::Temporary);
        }
        if let Some(digest) = name.strip_suffix(".index") {
            return is_digest(digest).then_some(Self::Index);
        }
        let (schema, digest) = name.strip_suffix(".yang")?.rsplit_once('.')?;
        let (module, revision) = schema.split_once('@')?;
        (is_digest(digest) && SchemaRef::new(module, Some(revision)).is_some()).then_some(Self::Text)
    }
}

fn text_name(schema: &SchemaRef, digest: &str) -> String {
    format!("{schema}.{digest}.yang")
}

fn index_name(domain: &str) -> String {
    // The name of a domain may have any characters.
    format!("{}.index", digest_of(domain.as_bytes()))
}

fn digest_of(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn schema(name: &str, revision: Option<&str>) -> SchemaRef {
        SchemaRef::new(name, revision).unwrap()
    }

    fn files(cache: &ModelCache) -> Vec<String> {
        let entries = fs::read_dir(&cache.directory).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn cache_returns_text_only_to_its_own_domain() {
        let home = tempfile::tempdir().unwrap();
        let cache = ModelCache::open(home.path().join("models")).unwrap();
        let (one, bare) = (schema("m", Some("2020-01-01")), schema("n", None));
        let mut lab = cache.index("lab");
        assert_eq!(cache.get(&lab, &one), None);
        cache.put(&mut lab, &one, b"module m {}");
        cache.put(&mut lab, &bare, b"module n {}");
        cache.put_index("lab", &lab);
        let mut field = cache.index("../field");
        cache.put(&mut field, &one, b"module m { prefix other; }");
        cache.put_index("../field", &field);

        let cache = ModelCache::open(home.path().join("models")).unwrap();
        assert_eq!(cache.get(&cache.index("lab"), &one).as_deref(), Some(&b"module m {}"[..]));
        assert_eq!(
            cache.get(&cache.index("../field"), &one).as_deref(),
            Some(&b"module m { prefix other; }"[..])
        );
        assert_eq!(cache.get(&cache.index("lab"), &bare), None, "it may have changed");
        assert_eq!(cache.get(&cache.index("lab"), &schema("m", Some("2021-01-01"))), None);
        assert_eq!(files(&cache).len(), 4, "two texts and two indexes, and no temporary file");
    }

    #[test]
    fn cache_ignores_altered_files() {
        let home = tempfile::tempdir().unwrap();
        let cache = ModelCache::open(home.path()).unwrap();
        let one = schema("m", Some("2020-01-01"));
        let mut index = cache.index("lab");
        cache.put(&mut index, &one, b"module m {}");
        cache.put_index("lab", &index);
        let text = home.path().join(files(&cache).iter().find(|name| name.starts_with("m@")).unwrap());
        for altered in [&b"module m {"[..], b"module x {}", b""] {
            fs::write(&text, altered).unwrap();
            assert_eq!(cache.get(&index, &one), None);
        }
        fs::remove_file(&text).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", &text).unwrap();
        assert_eq!(cache.get(&index, &one), None);
        cache.put(&mut index, &one, b"module m {}");
        assert!(cache.get(&index, &one).is_some(), "it is written again");

        let name = files(&cache).into_iter().find(|name| name.ends_with(".index")).unwrap();
        fs::write(home.path().join(name), "m 2020-01-01\n../x 2020-01-01 00\n\u{ff}\n").unwrap();
        assert_eq!(cache.index("lab"), DomainIndex::default());
    }

    #[test]
    fn cache_removes_only_its_own_unused_files() {
        let home = tempfile::tempdir().unwrap();
        let cache = ModelCache::open(home.path()).unwrap();
        let (used, idle, recent) = (
            schema("used", Some("2020-01-01")),
            schema("idle", Some("2020-01-01")),
            schema("recent", Some("2020-01-01")),
        );
        let mut lab = DomainIndex::default();
        for module in [&used, &idle, &recent] {
            cache.put(&mut lab, module, b"module m {}");
        }
        cache.put_index("lab", &lab);
        let mut gone = DomainIndex::default();
        cache.put(&mut gone, &idle, b"module idle { }");
        cache.put_index("gone", &gone);
        let digest = "0".repeat(64);
        let foreign = [
            "notes.txt".to_owned(),
            "lamp@2020-01-01.yang".to_owned(),
            format!("lamp.{digest}.yang"),
            format!("0lamp@2020-01-01.{digest}.yang"),
            format!("{digest}.index~"),
            ".hidden-1".to_owned(),
        ];
        for name in foreign.iter().map(String::as_str).chain([".12-3"]) {
            fs::write(home.path().join(name), "").unwrap();
        }
        fs::create_dir(home.path().join(format!("dir@2020-01-01.{digest}.yang"))).unwrap();
        let long_ago = SystemTime::now() - 2 * MAX_TEXT_AGE;
        for name in files(&cache).iter().filter(|name| !name.starts_with("recent@")) {
            File::open(home.path().join(name)).unwrap().set_modified(long_ago).unwrap();
        }

        cache.touch("lab", std::slice::from_ref(&used));
        cache.remove_unused();
        let kept = cache.index("lab");
        assert_eq!(kept.0.keys().collect::<Vec<_>>(), [&recent, &used]);
        assert!(cache.get(&kept, &used).is_some() && cache.get(&kept, &recent).is_some());
        assert_eq!(cache.index("gone"), DomainIndex::default());
        let mut left = files(&cache);
        left.retain(|name| !name.starts_with("used@") && !name.starts_with("recent@"));
        let mut expected = vec![index_name("lab"), format!("dir@2020-01-01.{digest}.yang")];
        expected.extend(foreign);
        expected.sort();
        assert_eq!(left, expected);
    }
}
