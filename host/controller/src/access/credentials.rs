//! The user at the other end of a session, and the users it may act for.

use std::fs;

use crate::refusal::{self, RpcRefusal};

/// Which users a peer may act for: the option `CLICON_NACM_CREDENTIALS` of the real controller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Credentials {
    /// `root` and the user that the controller runs as may act for any user, others only for themselves.
    #[default]
    Except,
    /// All users may act only for themselves.
    Exact,
}

impl Credentials {
    /// Checks that `peer` may make a request for `user`. `own_user` is the user that the controller runs as.
    ///
    /// A request that names no user is made on behalf of no user. The real controller accepts it as long as no
    /// access rules are enabled, and so does this one.
    pub(crate) fn verify(self, peer: &str, user: Option<&str>, own_user: &str) -> Result<(), RpcRefusal> {
        let Some(user) = user else { return Ok(()) };
        let is_proxy = self == Self::Except && (peer == "root" || peer == own_user);
        if is_proxy || peer == user {
            return Ok(());
        }
        Err(refusal::access_denied(&format!("User {peer} credential not matching NACM user {user}")))
    }
}

/// Returns the name of the user with this uid, or the uid if it has no name.
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

/// Returns the name of the user that this process runs as.
pub(crate) fn own_user() -> String {
    user_name(rustix::process::geteuid().as_raw())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_limit_the_users_a_peer_may_act_for() {
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
    fn user_name_falls_back_to_the_uid() {
        assert_eq!(user_name(0), "root");
        assert_eq!(user_name(4_000_000_001), "4000000001");
    }
}
