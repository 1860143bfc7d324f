//! Passwords that a device stores as a hash (iana-crypt-hash, RFC 7317): `$0$` and the password is written, `$6$`, a salt and
//! the hash are read.

use sha_crypt::{PasswordVerifier, ShaCrypt};

/// What precedes a password that the device is to hash.
const CLEARTEXT: &str = "$0$";

/// The most bytes of a password, and of a hash, that are looked at: hashing takes time with the square of the length.
const LONGEST: usize = 256;

/// The most rounds of a hash that are computed, twenty times as many as are usual.
const MOST_ROUNDS: u32 = 100_000;

/// The units of work of one comparison with the most rounds, about a tenth of a second.
pub(crate) const COST: u64 = 2_000_000;

/// Returns whether a value is a password that a device would store as a hash.
pub(crate) fn is_cleartext(value: &str) -> bool {
    value.strip_prefix(CLEARTEXT).is_some_and(|password| password.len() <= LONGEST)
}

/// Returns whether a stored value is the hash of the password of a written one. False if it cannot be told.
pub(crate) fn is_hash_of(stored: &str, written: &str) -> bool {
    let Some(password) = written.strip_prefix(CLEARTEXT).filter(|_| is_cleartext(written)) else {
        return false;
    };
    if stored.len() > LONGEST || rounds(stored).is_none_or(|rounds| rounds > MOST_ROUNDS) {
        return false;
    }
    let mut parts = stored.split('$').skip(1);
    match (parts.next(), parts.next()) {
        (Some("1"), Some(salt)) => {
            md5crypt::md5crypt(password.as_bytes(), salt.as_bytes()) == stored.as_bytes()
        }
        (Some("5" | "6"), _) => ShaCrypt::default().verify_password(password.as_bytes(), stored).is_ok(),
        _ => false,
    }
}

/// Returns the number of rounds that a hash names; 0 if it names none. None if it is not a number.
fn rounds(stored: &str) -> Option<u32> {
    match stored.split('$').find_map(|part| part.strip_prefix("rounds=")) {
        Some(rounds) => rounds.parse().ok(),
        None => Some(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_is_known_by_its_password() {
        // Computed by the GNU C library.
        for (stored, password) in [
            ("$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/", "password"),
            ("$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "Hello world!"),
            (
                "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
                "Hello world!",
            ),
            (
                "$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.",
                "Hello world!",
            ),
        ] {
            assert!(is_hash_of(stored, &format!("$0${password}")), "{stored}");
            assert!(!is_hash_of(stored, &format!("$0${password}x")), "{stored}");
            assert!(!is_hash_of(stored, password), "{stored}");
        }
    }

    #[test]
    fn hash_that_takes_too_long_is_unknown() {
        let long = "x".repeat(LONGEST + 1);
        let md5 = |password: &str, salt: &str| {
            String::from_utf8(md5crypt::md5crypt(password.as_bytes(), salt.as_bytes())).unwrap()
        };
        for (stored, written) in [
            // Computed by the GNU C library.
            ("$5$rounds=100001$saltstring$yE75gATHmGLPiX35nM7JCN0voiGUBRKIBvErx.oUgB.", "$0$a"),
            (&*md5(&long, "salt"), &*format!("$0${long}")),
            (&*md5("a", &long), "$0$a"),
            ("$6$rounds=999999999$salt$x", "$0$a"),
            ("$6$rounds=many$salt$x", "$0$a"),
            ("$2a$10$x", "$0$a"),
            ("secret", "$0$secret"),
            ("", "$0$"),
        ] {
            assert!(!is_hash_of(stored, written), "{stored} {written}");
        }
    }
}
