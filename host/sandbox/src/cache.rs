//! Keeps compiled code from one start of the daemon to the next.

use std::{
    fs::{File, Permissions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use rustix::fs::{Mode, OFlags};
use sha2::{Digest as _, Sha256};
use wasmtime::Engine;

use crate::{
    Digest,
    compiled_code::{CompiledCode, CompiledComponent},
    digest::short_hex,
    engine,
};

/// A directory of compiled code that only this user can write.
///
/// The name of a file has the digests of its component and of the engine that compiled it. The file begins
/// with a checksum of that name and the rest: the memory that the code takes, and the code. It is written under another name, renamed into place and never
/// changed. A file that another user owns or may write, that is a link, truncated or altered, or that another
/// version made is not used: the component is compiled again.
///
/// Several daemons may have one directory. The name of a file ends with the [owner](Self::of_owner) that has written
/// it, and only that one uses and [removes](Self::retain) it.
#[derive(Debug)]
pub struct Cache {
    directory: PathBuf,
    owner: String,
}

/// Why a directory cannot be used as a cache.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The directory cannot be created or inspected.
    #[error("the cache directory `{}` cannot be used", path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// Other users may write to the directory, and could have this process run their code.
    #[error("the cache directory `{}` must belong to the user that Confine runs as, and no other user may write to it: correct that with `chown` and `chmod 700`, or name another directory", path.display())]
    Shared {
        /// The directory.
        path: PathBuf,
    },
}

/// The maximum size of a file of the cache.
const MAX_FILE_SIZE: u64 = 2 << 30;
const CHECKSUM: usize = 32;
/// How the name of a file begins that is being written.
const ASIDE: &str = ".";
/// The length of the digest of a component in the name of a file.
const DIGEST_NAME: usize = 64;
/// The bytes before the code: the checksum, and the memory that the code takes.
const HEAD: usize = CHECKSUM + 8;

impl Cache {
    /// Opens the cache in a directory, which is created if missing, with access for this user only.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self, CacheError> {
        let path = directory.into();
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&path);
        let metadata = made.and_then(|()| std::fs::symlink_metadata(&path));
        match metadata {
            Ok(metadata) if metadata.is_dir() && is_ours(&metadata) => {
                Ok(Self { directory: path, owner: String::new() })
            }
            Ok(_) => Err(CacheError::Shared { path }),
            Err(source) => Err(CacheError::Io { path, source }),
        }
    }

    /// Separates what this daemon keeps from what others keep in the same directory. `owner` identifies it, as the
    /// directory of its state does.
    #[must_use]
    pub fn of_owner(self, owner: &Path) -> Self {
        let digest = Sha256::digest(owner.as_os_str().as_encoded_bytes());
        Self { owner: format!("-{}", short_hex(&digest)), ..self }
    }

    /// Removes what this owner has kept for other engines, or for components that `is_needed` does not want, and what
    /// a daemon left that ended while it wrote. The files of others stay.
    pub(crate) fn retain(&self, engine: &Engine, is_needed: &dyn Fn(&str) -> bool) -> io::Result<()> {
        let needed_suffix = self.suffix(engine);
        for entry in std::fs::read_dir(&self.directory)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let is_stale = match name.strip_prefix(ASIDE) {
                Some(aside) => self.is_left_behind(aside),
                None => match name.split_at_checked(DIGEST_NAME) {
                    Some((digest, suffix)) if self.is_own_suffix(suffix) => {
                        suffix != needed_suffix || !is_needed(digest)
                    }
                    _ => false,
                },
            };
            if is_stale && entry.metadata().is_ok_and(|metadata| metadata.is_file() && is_ours(&metadata)) {
                let file = entry.path();
                match std::fs::remove_file(&file) {
                    Ok(()) => {
                        tracing::debug!(file = %file.display(), "removed compiled code that no version needs")
                    }
                    Err(error) => {
                        tracing::warn!(file = %file.display(), %error, "cannot remove compiled code that no version needs");
                    }
                }
            }
        }
        Ok(())
    }

    /// Returns whether a file that was being written, without the prefix of its name, is this owner's and of a process
    /// that has ended: only one daemon at a time has this owner.
    fn is_left_behind(&self, aside: &str) -> bool {
        let process = aside.strip_suffix(&self.owner).and_then(|aside| aside.split_once('-'));
        process.is_some_and(|(process, _)| process != std::process::id().to_string())
    }

    /// Returns whether a name that begins with the digest of a component may go on like this: with an engine and this
    /// owner.
    fn is_own_suffix(&self, suffix: &str) -> bool {
        let engine = suffix.strip_suffix(&self.owner).and_then(|engine| engine.strip_prefix('-'));
        engine
            .is_some_and(|engine| engine.len() == 16 && engine.bytes().all(|digit| digit.is_ascii_hexdigit()))
    }

    /// Returns what the name of a file has after the digest of its component.
    fn suffix(&self, engine: &Engine) -> String {
        format!("-{}{}", engine::id(engine), self.owner)
    }

    fn name(&self, engine: &Engine, digest: Digest) -> String {
        format!("{digest}{}", self.suffix(engine))
    }

    /// Returns the code of a component that was compiled for this engine.
    pub(crate) fn get(&self, engine: &Engine, digest: Digest) -> Option<CompiledComponent> {
        let name = self.name(engine, digest);
        match self.read(&name) {
            Ok(compiled) => return Some(compiled),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => self.reject(&name, &error.to_string()),
        }
        None
    }

    /// Keeps compiled code. A module runs even if its code cannot be kept.
    pub(crate) fn put(&self, engine: &Engine, digest: Digest, code: &[u8], resident: u64) {
        if let Err(error) = self.write(&self.name(engine, digest), code, resident) {
            let directory = self.directory.display();
            tracing::warn!(%directory, %error, "compiled code cannot be cached");
        }
    }

    fn read(&self, name: &str) -> io::Result<CompiledComponent> {
        // The owner or the mode of the directory may have changed since it was opened.
        if !is_ours(&std::fs::symlink_metadata(&self.directory)?) {
            return Err(io::Error::other("other users may write to its directory"));
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = File::from(rustix::fs::open(self.directory.join(name), flags, Mode::empty())?);
        let metadata = file.metadata()?;
        if !metadata.is_file() || !is_ours(&metadata) || metadata.nlink() != 1 {
            return Err(io::Error::other("it is not a regular file that only this user may write"));
        }
        let mut content = Vec::new();
        file.take(MAX_FILE_SIZE).read_to_end(&mut content)?;
        let intact = content.split_first_chunk::<CHECKSUM>().and_then(|(found, rest)| {
            let (resident, code) = rest.split_first_chunk()?;
            let resident = u64::from_le_bytes(*resident);
            (*found == checksum(name, code, resident)).then_some(resident)
        });
        let resident = intact.ok_or_else(|| io::Error::other("its checksum does not match its content"))?;
        content.drain(..HEAD);
        Ok(CompiledComponent { code: CompiledCode::Serialised(content), resident })
    }

    fn write(&self, name: &str, code: &[u8], resident: u64) -> io::Result<()> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);

        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let aside = format!("{ASIDE}{}-{number}{}", std::process::id(), self.owner);
        let aside = self.directory.join(aside);
        let written = (|| {
            let mut file = File::create_new(&aside)?;
            file.set_permissions(Permissions::from_mode(0o600))?;
            file.write_all(&checksum(name, code, resident))?;
            file.write_all(&resident.to_le_bytes())?;
            file.write_all(code)?;
            file.sync_all()?;
            std::fs::rename(&aside, self.directory.join(name))
        })();
        if written.is_err() {
            let _ = std::fs::remove_file(&aside);
        }
        written
    }

    fn reject(&self, name: &str, why: &str) {
        let file = self.directory.join(name);
        tracing::warn!(file = %file.display(), why, "cached code is rejected and compiled again");
        if let Err(error) = std::fs::remove_file(&file) {
            tracing::warn!(file = %file.display(), %error, "rejected code cannot be removed from the cache");
        }
    }
}

/// Returns whether a file or directory belongs to this user and no other user may write it.
fn is_ours(metadata: &std::fs::Metadata) -> bool {
    metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & 0o022 == 0
}

fn checksum(name: &str, code: &[u8], resident: u64) -> [u8; CHECKSUM] {
    Sha256::new().chain_update(name).chain_update(resident.to_le_bytes()).chain_update(code).finalize().into()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::Limits;

    struct Fixture {
        home: tempfile::TempDir,
        engine: Engine,
        cache: Cache,
        digest: Digest,
    }

    impl Fixture {
        fn new() -> Self {
            let home = tempfile::tempdir().unwrap();
            let engine = engine::engine(&Limits::default()).unwrap();
            let component = wat::parse_str("(component)").unwrap();
            let cache = Cache::open(home.path().join("cache")).unwrap();
            let digest = Digest::of(&component);
            cache.put(&engine, digest, &engine.precompile_component(&component).unwrap(), 4096);
            Self { home, engine, cache, digest }
        }

        fn file(&self) -> PathBuf {
            self.cache.directory.join(self.cache.name(&self.engine, self.digest))
        }

        fn hit(&self) -> bool {
            self.cache.get(&self.engine, self.digest).is_some()
        }
    }

    fn mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn cache_returns_stored_code() {
        let fixture = Fixture::new();
        let compiled = fixture.cache.get(&fixture.engine, fixture.digest).unwrap();
        assert_eq!(compiled.resident, 4096);
        compiled.load(&fixture.engine).unwrap();
        assert_eq!(fixture.file().metadata().unwrap().mode() & 0o777, 0o600);
        assert_eq!(fixture.cache.directory.metadata().unwrap().mode() & 0o777, 0o700);
        assert_eq!(std::fs::read_dir(&fixture.cache.directory).unwrap().count(), 1);
        assert!(fixture.cache.get(&fixture.engine, Digest::of(b"another")).is_none());
    }

    #[test]
    fn cache_rejects_and_removes_damaged_file() {
        let fixture = Fixture::new();
        let whole = std::fs::read(fixture.file()).unwrap();
        for position in (0..whole.len()).step_by(97) {
            let mut damaged = whole.clone();
            damaged[position] ^= 1;
            std::fs::write(fixture.file(), &damaged).unwrap();
            mode(&fixture.file(), 0o600);
            assert!(!fixture.hit(), "{position}");
            assert!(!fixture.file().exists());
        }
        for length in [0, 1, CHECKSUM, HEAD, whole.len() - 1] {
            std::fs::write(fixture.file(), &whole[..length]).unwrap();
            mode(&fixture.file(), 0o600);
            assert!(!fixture.hit(), "{length}");
        }
    }

    #[test]
    fn cache_rejects_code_of_another_component() {
        let fixture = Fixture::new();
        let other = Digest::of(b"another");
        std::fs::copy(
            fixture.file(),
            fixture.cache.directory.join(fixture.cache.name(&fixture.engine, other)),
        )
        .unwrap();
        assert!(fixture.cache.get(&fixture.engine, other).is_none());
    }

    #[test]
    fn cache_rejects_file_writable_by_others() {
        let fixture = Fixture::new();
        mode(&fixture.file(), 0o620);
        assert!(!fixture.hit());
    }

    #[test]
    fn cache_rejects_file_of_another_user() {
        let fixture = Fixture::new();
        if std::os::unix::fs::chown(fixture.file(), Some(65534), None).is_err() {
            eprintln!("skipped: only root can change the owner of a file");
            return;
        }
        assert!(!fixture.hit());
    }

    #[test]
    fn cache_does_not_wait_for_a_pipe() {
        let fixture = Fixture::new();
        std::fs::remove_file(fixture.file()).unwrap();
        let made = std::process::Command::new("mkfifo").arg("-m600").arg(fixture.file()).status();
        assert!(made.unwrap().success());
        let (done, hit) = std::sync::mpsc::channel();
        std::thread::spawn(move || done.send(fixture.hit()));
        assert_eq!(hit.recv_timeout(std::time::Duration::from_secs(60)), Ok(false));
    }

    #[test]
    fn cache_is_separate_for_each_engine() {
        let fixture = Fixture::new();
        let other = fixture.cache.name(&Engine::default(), fixture.digest);
        assert_ne!(other, fixture.cache.name(&fixture.engine, fixture.digest));
        assert!(fixture.cache.get(&Engine::default(), fixture.digest).is_none());
        // The file of the first engine stays.
        assert!(fixture.hit());
    }

    #[test]
    fn cache_keeps_what_is_needed_and_what_is_of_others() {
        let fixture = Fixture::new();
        let directory = &fixture.cache.directory;
        let owned = |owner: &str| Cache::open(directory).unwrap().of_owner(Path::new(owner));
        let (ours, other) = (owned("/state"), owned("/other"));
        let code = fixture.engine.precompile_component(&wat::parse_str("(component)").unwrap()).unwrap();
        let [needed, unneeded] = [b"needed", b"waste."].map(|component| Digest::of(component));
        for digest in [needed, unneeded] {
            ours.put(&fixture.engine, digest, &code, 0);
            other.put(&fixture.engine, digest, &code, 0);
        }
        ours.put(&Engine::default(), needed, &code, 0);
        let write = |name: String| std::fs::write(directory.join(name), "x").unwrap();
        // What a daemon left behind that was killed, and what this one and another are writing.
        write(format!(".1-0{}", ours.owner));
        write(format!(".{}-0{}", std::process::id(), ours.owner));
        write(format!(".1-0{}", other.owner));
        write("notes".into());
        std::fs::create_dir(directory.join("models")).unwrap();
        // By its name this would be ours.
        symlink("/dev/null", directory.join(ours.name(&fixture.engine, Digest::of(b"link")))).unwrap();
        let foreign = directory.join(ours.name(&fixture.engine, Digest::of(b"foreign")));
        std::fs::write(&foreign, "x").unwrap();
        let is_foreign = std::os::unix::fs::chown(&foreign, Some(65534), None).is_ok();
        let names = || {
            let entries = std::fs::read_dir(directory).unwrap();
            entries
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect::<std::collections::BTreeSet<_>>()
        };
        let mut expected = names();
        ours.retain(&fixture.engine, &|digest| digest == needed.to_string()).unwrap();
        for removed in [
            ours.name(&fixture.engine, unneeded),
            ours.name(&Engine::default(), needed),
            format!(".1-0{}", ours.owner),
        ] {
            assert!(expected.remove(&removed), "{removed}");
        }
        if !is_foreign {
            expected.remove(foreign.file_name().unwrap().to_str().unwrap());
        }
        assert_eq!(names(), expected);
        assert!(
            ours.get(&fixture.engine, needed).is_some() && other.get(&fixture.engine, unneeded).is_some()
        );
    }

    #[test]
    fn cache_does_not_follow_links() {
        let fixture = Fixture::new();
        let elsewhere = fixture.home.path().join("elsewhere");
        std::fs::rename(fixture.file(), &elsewhere).unwrap();
        symlink(&elsewhere, fixture.file()).unwrap();
        assert!(!fixture.hit());
        std::fs::hard_link(&elsewhere, fixture.file()).unwrap();
        assert!(!fixture.hit());
        assert!(elsewhere.exists());
    }

    #[test]
    fn cache_refuses_directory_writable_by_others() {
        let fixture = Fixture::new();
        mode(&fixture.cache.directory, 0o777);
        assert!(!fixture.hit());
        let refusal = Cache::open(&fixture.cache.directory).unwrap_err();
        assert!(matches!(refusal, CacheError::Shared { .. }), "{refusal}");
        assert!(matches!(Cache::open("/dev/null/x").unwrap_err(), CacheError::Io { .. }));
    }
}
