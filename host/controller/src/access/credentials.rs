//! Who is at the other end, and whom it may act for.

use std::fs;

use crate::refusal::{self, RpcRefusal};

/// Which users a peer may act for: the option `CLICON_NACM_CREDENTIALS`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Credentials {
    /// `root` and the user that the controller runs as may act for anyone; everybody else for themselves.
    #[default]
    Except,
    /// Everybody for themselves only.
    Exact,
}

impl Credentials {
    /// Whether `peer` may make a request for `user`. `backend` is who the controller runs as.
    ///
    /// A request that names nobody is made for nobody: the real controller lets it pass while no rules of
    /// access are enabled, which is the only way it is met here.
    pub(crate) fn verify(self, peer: &str, user: Option<&str>, backend: &str) -> Result<(), RpcRefusal> {
        let Some(user) = user else { return Ok(()) };
        let proxy = self == Self::Except && (peer == "root" || peer == backend);
        if proxy || peer == user {
            return Ok(());
        }
        Err(refusal::access_denied(&format!("User {peer} credential not matching NACM user {user}")))
    }
}

/// The name of the user with this number, or the number where it has none.
pub(crate) fn user_name(uid: u32) -> String {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let number = uid.to_string();
    let name = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == number).then(|| name.to_owned())
    });
    name.unwrap_or(number)
}

/// The name of the user that this process runs as.
pub(crate) fn own_user() -> String {
    user_name(rustix::process::geteuid().as_raw())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_act_for_whom() {
        for (credentials, peer, user, may) in [
            (Credentials::Except, "root", "alice", true),
            (Credentials::Except, "clicon", "alice", true),
            (Credentials::Except, "bob", "alice", false),
            (Credentials::Except, "alice", "alice", true),
            (Credentials::Exact, "root", "alice", false),
            (Credentials::Exact, "clicon", "alice", false),
            (Credentials::Exact, "alice", "alice", true),
        ] {
            assert_eq!(credentials.verify(peer, Some(user), "clicon").is_ok(), may);
        }
        let error = Credentials::Exact.verify("clicon", Some("alice"), "clicon").unwrap_err();
        insta::assert_snapshot!(error.message(), @"User clicon credential not matching NACM user alice");
        assert!(Credentials::Exact.verify("bob", None, "clicon").is_ok());
    }

    #[test]
    fn users_have_names() {
        assert_eq!(user_name(0), "root");
        assert_eq!(user_name(4_000_000_001), "4000000001");
    }
}
