//! Texts of modules, kept from one start of the daemon to the next.

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

/// The largest file that is read back.
const MOST: u64 = 32 << 20;
/// How long a text is kept that no device has been seen to use.
const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How old a file is that was being written and never got its name.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

/// A directory with the modules of devices.
///
/// A text is a file of its own, named by module, revision and SHA-256. What a domain of devices takes for a
/// module of some name and revision, its index says: the same name may well stand for another text
/// elsewhere. Files are written aside and renamed into place; a text is used only if it has the digest
/// that its name says. So whatever is cut short or altered is as good as not there, and any file may be
/// removed at any time.
#[derive(Debug)]
pub struct ModelCache {
    directory: PathBuf,
}

/// The texts that one domain uses, by digest.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct DomainIndex(BTreeMap<SchemaRef, String>);

impl ModelCache {
    /// In this directory, which is made if it is not there.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn open(directory: impl Into<PathBuf>) -> io::Result<Self> {
        let directory = directory.into();
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
        Ok(Self { directory })
    }

    /// What is known of a domain.
    pub(crate) fn index(&self, domain: &str) -> DomainIndex {
        self.index_at(&index_name(domain))
    }

    fn index_at(&self, name: &str) -> DomainIndex {
        let text = self.read(name).unwrap_or_default();
        let line = |line: &str| {
            let mut words = line.split_ascii_whitespace();
            let (name, revision, digest) = (words.next()?, words.next()?, words.next()?);
            Some((SchemaRef::new(name, Some(revision))?, digest.to_owned()))
        };
        DomainIndex(str::from_utf8(&text).unwrap_or_default().lines().filter_map(line).collect())
    }

    /// The text that a domain uses for a module.
    pub(crate) fn get(&self, index: &DomainIndex, schema: &SchemaRef) -> Option<Vec<u8>> {
        let digest = index.0.get(schema)?;
        let text = self.read(&text_name(schema, digest)).ok()?;
        (digest_of(&text) == *digest).then_some(text)
    }

    /// Keeps a text. What has no revision may change at any time, and is not kept.
    pub(crate) fn put(&self, index: &mut DomainIndex, schema: &SchemaRef, text: &[u8]) {
        if schema.revision().is_none() {
            return;
        }
        let digest = digest_of(text);
        if self.write(&text_name(schema, &digest), text) {
            index.0.insert(schema.clone(), digest);
        }
    }

    /// Keeps what a domain uses.
    pub(crate) fn put_index(&self, domain: &str, index: &DomainIndex) {
        self.write_index(&index_name(domain), index);
    }

    fn write_index(&self, name: &str, index: &DomainIndex) {
        let line = |(schema, digest): (&SchemaRef, &String)| {
            format!("{} {} {digest}\n", schema.name(), schema.revision().unwrap_or_default())
        };
        self.write(name, index.0.iter().map(line).collect::<String>().as_bytes());
    }

    /// Takes note that these modules of a domain are in use today.
    pub(crate) fn touch(&self, domain: &str, used: &[SchemaRef]) {
        let index = self.index(domain);
        let now = SystemTime::now();
        for (schema, digest) in used.iter().filter_map(|schema| index.0.get_key_value(schema)) {
            let file = self.open_file(&text_name(schema, digest), fs::OpenOptions::new().append(true));
            if let Err(error) = file.and_then(|file| file.set_modified(now)) {
                tracing::debug!(%schema, %error, "a model is not marked as used");
            }
        }
    }

    /// Removes what has not been used for [`KEPT`], and whatever else of Confine's own that nothing refers
    /// to any more. Files that Confine would not have made are left alone.
    pub(crate) fn tidy(&self) {
        let Ok(entries) = fs::read_dir(&self.directory) else { return };
        let mut indexes = Vec::new();
        let mut removed = 0;
        for entry in entries.flatten() {
            let Ok(name) = entry.file_name().into_string() else { continue };
            // Of a link it is the link's own.
            let Ok(metadata) = entry.metadata() else { continue };
            let age = metadata.modified().ok().and_then(|modified| modified.elapsed().ok());
            let limit = match CacheFile::of(&name) {
                Some(CacheFile::Text) => KEPT,
                Some(CacheFile::Aside) => ABANDONED,
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
            let (before, mut index) = (self.index_at(&name), self.index_at(&name));
            index.0.retain(|schema, digest| self.directory.join(text_name(schema, digest)).is_file());
            if index.0.is_empty() {
                removed += usize::from(fs::remove_file(self.directory.join(&name)).is_ok());
            } else if index != before {
                self.write_index(&name, &index);
            }
        }
        if removed > 0 {
            tracing::info!(directory = %self.directory.display(), removed, "models that are used no more were forgotten");
        }
    }

    fn open_file(&self, name: &str, options: &mut fs::OpenOptions) -> io::Result<File> {
        options.custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK).open(self.directory.join(name))
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let file = self.open_file(name, fs::OpenOptions::new().read(true))?;
        let mut content = Vec::new();
        file.take(MOST).read_to_end(&mut content)?;
        Ok(content)
    }

    /// Whether it is kept. That it cannot be is no reason to do without the model.
    fn write(&self, name: &str, content: &[u8]) -> bool {
        static NUMBER: AtomicU64 = AtomicU64::new(0);

        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let aside = self.directory.join(format!(".{}-{number}", std::process::id()));
        let written = (|| {
            let mut file = File::create_new(&aside)?;
            file.write_all(content)?;
            file.sync_all()?;
            fs::rename(&aside, self.directory.join(name))
        })();
        if let Err(error) = &written {
            let _ = fs::remove_file(&aside);
            tracing::warn!(directory = %self.directory.display(), %error, "a model could not be kept");
        }
        written.is_ok()
    }
}

/// A file that Confine makes in the directory.
enum CacheFile {
    /// The text of a module.
    Text,
    /// What a domain uses.
    Index,
    /// What was being written.
    Aside,
}

impl CacheFile {
    /// What a name says; `None` for any that Confine gives no file.
    fn of(name: &str) -> Option<Self> {
        let is_digest = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if let Some((process, number)) = name.strip_prefix('.').and_then(|name| name.split_once('-')) {
            return (is_number(process) && is_number(number)).then_some(Self::Aside);
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
    // A domain may have any name.
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
        assert_eq!(files(&cache).len(), 4, "two texts and two indexes, and nothing aside");
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
        assert!(cache.get(&index, &one).is_some(), "it is written anew");

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
        let long_ago = SystemTime::now() - 2 * KEPT;
        for name in files(&cache).iter().filter(|name| !name.starts_with("recent@")) {
            File::open(home.path().join(name)).unwrap().set_modified(long_ago).unwrap();
        }

        cache.touch("lab", std::slice::from_ref(&used));
        cache.tidy();
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
