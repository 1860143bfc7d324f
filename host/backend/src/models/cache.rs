//! Texts of modules, kept from one start of the daemon to the next.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
};

use sha2::{Digest as _, Sha256};

use crate::SchemaRef;

/// The largest file that is read back.
const MOST: u64 = 32 << 20;

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
pub(crate) struct Index(BTreeMap<SchemaRef, String>);

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
    pub(crate) fn index(&self, domain: &str) -> Index {
        let text = self.read(&index_name(domain)).unwrap_or_default();
        let line = |line: &str| {
            let mut words = line.split_ascii_whitespace();
            let (name, revision, digest) = (words.next()?, words.next()?, words.next()?);
            Some((SchemaRef::new(name, Some(revision))?, digest.to_owned()))
        };
        Index(str::from_utf8(&text).unwrap_or_default().lines().filter_map(line).collect())
    }

    /// The text that a domain uses for a module.
    pub(crate) fn get(&self, index: &Index, schema: &SchemaRef) -> Option<Vec<u8>> {
        let digest = index.0.get(schema)?;
        let text = self.read(&text_name(schema, digest)).ok()?;
        (digest_of(&text) == *digest).then_some(text)
    }

    /// Keeps a text. What has no revision may change at any time, and is not kept.
    pub(crate) fn put(&self, index: &mut Index, schema: &SchemaRef, text: &[u8]) {
        if schema.revision().is_none() {
            return;
        }
        let digest = digest_of(text);
        if self.write(&text_name(schema, &digest), text) {
            index.0.insert(schema.clone(), digest);
        }
    }

    /// Keeps what a domain uses.
    pub(crate) fn put_index(&self, domain: &str, index: &Index) {
        let line = |(schema, digest): (&SchemaRef, &String)| {
            format!("{} {} {digest}\n", schema.name(), schema.revision().unwrap_or_default())
        };
        self.write(&index_name(domain), index.0.iter().map(line).collect::<String>().as_bytes());
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let file = fs::OpenOptions::new()
            .read(true)
            .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK)
            .open(self.directory.join(name))?;
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
    fn what_was_kept_comes_back_in_its_own_domain() {
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
    fn what_was_altered_is_not_there() {
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
        assert_eq!(cache.index("lab"), Index::default());
    }
}
