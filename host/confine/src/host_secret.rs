//! The file with the secret of this host, from which the random bytes of its modules derive.
//!
//! It is made once, in the state directory, and never replaced: another secret would replace every key that modules have
//! made of random bytes. A file that is there and cannot be used is an error, and only an operator decides what then.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use confine_sandbox::HostSecret;
use rustix::{
    fs::OFlags,
    process::{Uid, geteuid},
};

/// The name of the file. No module has a directory of this name: module names do not begin with a dot.
const FILE: &str = ".secret";

/// The content: hexadecimal digits, and the end of the line.
const DIGITS: usize = 2 * HostSecret::LENGTH;

type SecretBytes = [u8; HostSecret::LENGTH];

/// Why the secret cannot be used. No message has anything of its content.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HostSecretError {
    /// There is none.
    #[error("cannot make the host's secret `{}`\nhint: make the directory writable for the daemon, or name another one (`state` in confine.toml)", path.display())]
    Make { path: PathBuf, source: io::Error },
    #[error("the operating system has no random bytes for the host's secret")]
    System(#[source] io::Error),
    #[error(
        "cannot read the host's secret `{}`\nhint: it must belong to the user that the daemon runs as, with mode 0600",
        path.display()
    )]
    Read { path: PathBuf, source: io::Error },
    #[error("the host's secret `{}` is a directory or a special file, not a regular file\nhint: restore the file from a back-up", path.display())]
    NotRegular { path: PathBuf },
    #[error(
        "the host's secret `{path}` belongs to the user {owner}, and the daemon runs as {user}\nhint: if that user may know it, `chown {user} {path}`; {REPLACE}",
        path = path.display()
    )]
    Owner { path: PathBuf, owner: u32, user: u32 },
    #[error(
        "the host's secret `{path}` has the mode {mode:04o}, so others than its owner may know it\nhint: if they do not, `chmod 600 {path}`; {REPLACE}",
        path = path.display()
    )]
    Mode { path: PathBuf, mode: u32 },
    #[error(
        "the host's secret `{}` is damaged: it is not one line of {DIGITS} hexadecimal digits\nhint: restore it from a back-up; {REPLACE}",
        path.display()
    )]
    Damaged { path: PathBuf },
}

/// The way out that costs something.
const REPLACE: &str = "without the file the daemon makes another one, and keys that modules have made of random bytes change with the next commit of their instances";

/// Returns the secret in a state directory. Makes it if there is no such file.
pub(crate) fn open(directory: &Path) -> Result<HostSecret, HostSecretError> {
    open_as(directory, geteuid()).map(|bytes| HostSecret::new(&bytes))
}

/// Returns a secret that ends with this process.
pub(crate) fn in_memory() -> Result<HostSecret, HostSecretError> {
    from_system().map(|bytes| HostSecret::new(&bytes))
}

fn open_as(directory: &Path, user: Uid) -> Result<SecretBytes, HostSecretError> {
    let path = directory.join(FILE);
    let is_absent = |error: &HostSecretError| matches!(error, HostSecretError::Read { source, .. } if source.kind() == io::ErrorKind::NotFound);
    match read(&path, user) {
        Err(error) if is_absent(&error) => make(directory, &path)?,
        read => return read,
    }
    // Whoever has made it: another daemon may have been faster.
    read(&path, user)
}

fn read(path: &Path, user: Uid) -> Result<SecretBytes, HostSecretError> {
    let failed = |source| HostSecretError::Read { path: path.into(), source };
    // A pipe must not keep the daemon from starting.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path);
    let file = file.map_err(failed)?;
    let about = file.metadata().map_err(failed)?;
    let path = path.to_owned();
    if !about.is_file() {
        return Err(HostSecretError::NotRegular { path });
    }
    let owner = Uid::from_raw(about.uid());
    if owner != user {
        return Err(HostSecretError::Owner { path, owner: owner.as_raw(), user: user.as_raw() });
    }
    let mode = about.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(HostSecretError::Mode { path, mode });
    }
    let mut text = Vec::new();
    file.take(DIGITS as u64 + 2).read_to_end(&mut text).map_err(failed)?;
    parse(&text).ok_or(HostSecretError::Damaged { path })
}

fn parse(text: &[u8]) -> Option<SecretBytes> {
    let (pairs, []) = text.strip_suffix(b"\n")?.as_chunks::<2>() else { return None };
    let pairs: &[[u8; 2]; HostSecret::LENGTH] = pairs.try_into().ok()?;
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let mut bytes = [0; HostSecret::LENGTH];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()?;
    }
    Some(bytes)
}

/// Makes the file unless it is there by now. It appears with its content, or not at all.
fn make(directory: &Path, path: &Path) -> Result<(), HostSecretError> {
    let mut line: String = from_system()?.iter().map(|byte| format!("{byte:02x}")).collect();
    line.push('\n');
    let made = || {
        // Only this user may use it, and a name of its own: what a crash leaves behind is in nobody's way.
        let mut aside = tempfile::NamedTempFile::with_prefix_in(format!("{FILE}-"), directory)?;
        aside.write_all(line.as_bytes())?;
        aside.as_file().sync_all()?;
        match aside.persist_noclobber(path) {
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
            persisted => persisted?,
        };
        File::open(directory)?.sync_all()?;
        Ok(true)
    };
    match made() {
        Ok(true) => tracing::warn!(
            file = %path.display(),
            "made the secret of this host, from which the random bytes of modules derive: back it up. If this host had one before, restore that and restart, or keys that modules have made change"
        ),
        Ok(false) => {}
        Err(source) => return Err(HostSecretError::Make { path: path.into(), source }),
    }
    Ok(())
}

fn from_system() -> Result<SecretBytes, HostSecretError> {
    let mut bytes = [0; HostSecret::LENGTH];
    getrandom::fill(&mut bytes).map_err(|error| HostSecretError::System(error.into()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _, sync::Barrier, thread};

    use confine_service::messages_and_hints;

    use super::*;

    fn directory() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    /// What the operator reads, with the directory left out.
    fn told(directory: &Path, user: Uid) -> String {
        let error = crate::error::Error::from(open_as(directory, user).unwrap_err());
        let (messages, hints) = messages_and_hints(&error);
        let told = [messages, hints].concat().join("\n");
        told.replace(directory.to_str().unwrap(), "/state")
    }

    fn write(directory: &Path, content: &[u8], mode: u32) {
        let path = directory.join(FILE);
        let _ = fs::remove_file(&path);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn secret_is_made_once_and_only_for_its_owner() {
        let state = directory();
        let bytes = open_as(state.path(), geteuid()).unwrap();
        assert_eq!(open_as(state.path(), geteuid()).unwrap(), bytes);
        let path = state.path().join(FILE);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        assert_eq!(fs::read(&path).unwrap().len(), 65);
        assert_eq!(fs::read_dir(state.path()).unwrap().count(), 1);
        // Not the same for everybody.
        assert_ne!(open_as(directory().path(), geteuid()).unwrap(), bytes);
        assert_ne!(bytes, [0; 32]);
    }

    #[test]
    fn daemons_that_share_a_directory_have_one_secret() {
        let state = directory();
        let barrier = Barrier::new(8);
        let secrets: Vec<_> = thread::scope(|scope| {
            let open = || {
                barrier.wait();
                open_as(state.path(), geteuid()).unwrap()
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(secrets.iter().all(|secret| *secret == secrets[0]));
        assert_eq!(fs::read_dir(state.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_crash_leaves_behind_is_in_nobodys_way() {
        let state = directory();
        fs::write(state.path().join(".secret-aB3xYz"), "012").unwrap();
        let bytes = open_as(state.path(), geteuid()).unwrap();
        assert_eq!(open_as(state.path(), geteuid()).unwrap(), bytes);
    }

    #[test]
    fn secret_is_read_from_hexadecimal_digits() {
        let state = directory();
        let digits = "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F\n";
        write(state.path(), digits.as_bytes(), 0o400);
        let bytes = open_as(state.path(), geteuid()).unwrap();
        assert_eq!(bytes, std::array::from_fn(|position| position as u8));
        // A secret that is kept elsewhere.
        fs::rename(state.path().join(FILE), state.path().join("elsewhere")).unwrap();
        std::os::unix::fs::symlink("elsewhere", state.path().join(FILE)).unwrap();
        assert_eq!(open_as(state.path(), geteuid()).unwrap(), bytes);
    }

    #[test]
    fn damaged_secret_is_an_error_and_stays() {
        let state = directory();
        let digits = "0".repeat(64);
        let contents = [
            String::new(),
            digits[..63].to_owned() + "\n",
            digits.clone(),
            digits.clone() + "\n\n",
            digits.clone() + "0\n",
            digits[..63].to_owned() + "g\n",
            "+0".repeat(32) + "\n",
            "\0".repeat(64) + "\n",
        ];
        for content in contents {
            write(state.path(), content.as_bytes(), 0o600);
            insta::allow_duplicates! {
                insta::assert_snapshot!(told(state.path(), geteuid()), @"
                the host's secret `/state/.secret` is damaged: it is not one line of 64 hexadecimal digits
                restore it from a back-up; without the file the daemon makes another one, and keys that modules have made of random bytes change with the next commit of their instances
                ");
            }
            assert_eq!(fs::read(state.path().join(FILE)).unwrap(), content.as_bytes());
        }
    }

    #[test]
    fn secret_that_others_may_know_is_an_error() {
        let state = directory();
        for mode in [0o640, 0o604, 0o620, 0o601] {
            write(state.path(), b"", mode);
            let told = told(state.path(), geteuid()).replace(&format!("{mode:04o}"), "MODE");
            insta::allow_duplicates! {
                insta::assert_snapshot!(told, @"
                the host's secret `/state/.secret` has the mode MODE, so others than its owner may know it
                if they do not, `chmod 600 /state/.secret`; without the file the daemon makes another one, and keys that modules have made of random bytes change with the next commit of their instances
                ");
            }
        }
    }

    #[test]
    fn secret_of_another_user_is_an_error() {
        let state = directory();
        write(state.path(), b"", 0o600);
        let told = told(state.path(), Uid::from_raw(4_000_000_000));
        insta::assert_snapshot!(told.replace(&format!("user {},", geteuid().as_raw()), "user OWNER,"), @"
        the host's secret `/state/.secret` belongs to the user OWNER, and the daemon runs as 4000000000
        if that user may know it, `chown 4000000000 /state/.secret`; without the file the daemon makes another one, and keys that modules have made of random bytes change with the next commit of their instances
        ");
    }

    #[test]
    fn secret_that_is_no_file_is_an_error() {
        let state = directory();
        fs::create_dir(state.path().join(FILE)).unwrap();
        let no_file = "the host's secret `/state/.secret` is a directory or a special file, not a regular file\nrestore the file from a back-up";
        assert_eq!(told(state.path(), geteuid()), no_file);
        fs::remove_dir(state.path().join(FILE)).unwrap();
        let path = state.path().join(FILE);
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        assert_eq!(told(state.path(), geteuid()), no_file);
    }

    #[test]
    fn secret_that_leads_nowhere_is_an_error() {
        let state = directory();
        std::os::unix::fs::symlink("elsewhere", state.path().join(FILE)).unwrap();
        insta::assert_snapshot!(told(state.path(), geteuid()), @"
        cannot read the host's secret `/state/.secret`
        No such file or directory (os error 2)
        it must belong to the user that the daemon runs as, with mode 0600
        ");
    }

    #[test]
    fn secret_that_cannot_be_made_is_an_error() {
        let state = directory();
        let absent = state.path().join("absent");
        // The cause names the file that was to become it, by chance.
        let told = told(&absent, geteuid());
        let lines: Vec<_> = told.lines().filter(|line| !line.contains("os error")).collect();
        insta::assert_snapshot!(lines.join("\n"), @"
        cannot make the host's secret `/state/.secret`
        make the directory writable for the daemon, or name another one (`state` in confine.toml)
        ");
    }
}
