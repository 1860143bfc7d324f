//! Why a commit fails, in the words that the user who commits reads.

use confine_sandbox::{RunFailure, text::block};

use crate::{NoModule, SuspendedModule};

/// Why a commit fails, or why there is no daemon to run it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nobody can run a service that the commit needs.
    #[error(transparent)]
    NoModule(#[from] NoModule),
    /// A module that the commit needs is set aside.
    #[error(transparent)]
    SetAside(#[from] SuspendedModule),
    /// A module did not succeed.
    #[error(transparent)]
    Module(#[from] Box<RunFailure>),
    /// A module does not want the commit to begin.
    #[error("pre-commit")]
    PreCommit(#[source] Box<RunFailure>),
    /// The controller did not do what it was asked to.
    #[error(transparent)]
    Backend(#[from] confine_backend::Error),
    /// The controller sent configuration that cannot be read.
    #[error("the controller's configuration cannot be read")]
    Datastore(#[source] confine_tree::Error),
    /// What the modules made cannot be put together.
    #[error(transparent)]
    Draft(#[from] confine_view::Error),
    /// A module declares a path that makes no sense with the models that are known now.
    #[error("module `{module}` declares `{}`, which cannot be resolved", source.path.as_deref().unwrap_or_default())]
    Declared {
        /// The module with its version.
        module: String,
        /// What is wrong with it.
        source: confine_view::CallRefusal,
    },
    /// Who commits is not known.
    #[error(
        "`{user}` cannot see who commits transaction {tid}\n\
         hint: give `{user}` the right to read `/ctrl:transactions` (rule-list in `/nacm`)"
    )]
    Committer {
        /// The host user.
        user: String,
        /// The transaction.
        tid: u64,
    },
    /// Which rules hold for modules is not known.
    #[error(
        "`{user}` cannot read `/nacm`, so what modules may do is not known, and none is run\n\
         hint: give `{user}` the right to read `/nacm:nacm`; the daemon's log has the rule"
    )]
    Rules {
        /// The host user.
        user: String,
    },
    /// An instance is there, and the user may not read it.
    #[error(
        "`{user}` may not read `{instance}`\nhint: permit it with a rule in `/nacm`, or commit as another user"
    )]
    Unreadable {
        /// Who commits.
        user: String,
        /// The instance.
        instance: String,
    },
    /// A module makes what its user may not see.
    #[error(
        "access denied: `{user}` may not read `{path}`, which `{instance}` would create: what is there already could not be told from what is new, and would be deleted with the instance\n\
         hint: permit reading it with a rule in `/nacm`, or commit as another user"
    )]
    Unseen {
        /// Who commits.
        user: String,
        /// Whose module it is.
        instance: String,
        /// The object.
        path: String,
    },
    /// The controller does not let the user make the edit.
    #[error(
        "access denied: `{user}` may not {access} `{path}`: {reason}\n\
         hint: permit it with a rule in `/nacm`, or commit as another user"
    )]
    Denied {
        /// Who commits.
        user: String,
        /// The access operation: `create`, `update` or `delete`.
        access: String,
        /// The first node that is denied.
        path: String,
        /// What denies it.
        reason: String,
        /// What the controller says, which names neither.
        refusal: Box<confine_backend::Error>,
    },
    /// The commit took too long.
    #[error(
        "the commit was not done in {seconds} s, which is what the controller's service-timeout leaves\n\
         hint: raise `/ctrl:services/ctrl:service-timeout` if commits take that long here"
    )]
    Late {
        /// The time that it had.
        seconds: u64,
    },
    /// The daemon is told to end.
    #[error("the services daemon is being stopped; commit again when it is back")]
    Stopped,
    /// A predecessor left the transaction behind, or there was no daemon when it began.
    #[error("no services daemon saw this commit through: it began before this one was there; commit again")]
    Abandoned,
    /// A task of the daemon ended in a panic.
    #[error("an internal error ended the commit: see the daemon's log")]
    Internal,
    /// The runtime cannot be started.
    #[error(transparent)]
    Runtime(#[from] confine_sandbox::HostFault),
}

impl Error {
    /// The error with its causes, as the committing user reads it.
    pub fn reason(&self) -> String {
        chain(self)
    }
}

/// What stands before what may be done about an error, on a line of its own.
const HINT: &str = "\nhint: ";

/// Bytes of what is said of an error. What a module wrote may stand in it, such as a path, and it goes to the
/// user, into logs and into what is kept of commits.
const LONGEST: usize = 16 << 10;

/// An error with its causes, and behind all of them what may be done about it: bounded, and safe to show.
pub fn chain(error: &dyn std::error::Error) -> String {
    let (said, hints) = told(error);
    let hints: String = hints.iter().map(|hint| format!("{HINT}{hint}")).collect();
    block(&said.join(": "), LONGEST) + &block(&hints, LONGEST)
}

/// What an error and its causes say, one by one, and what may be done about it.
pub fn told(error: &dyn std::error::Error) -> (Vec<String>, Vec<String>) {
    let (mut said, mut hints) = (Vec::new(), Vec::new());
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        let (what, hint) = text.split_once(HINT).map_or((&*text, None), |(what, hint)| (what, Some(hint)));
        said.push(what.to_owned());
        hints.extend(hint.map(str::to_owned));
        next = error.source();
    }
    (said, hints)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Nested {
        #[error("`{0}` is no name\nhint: write another")]
        Named(String),
        #[error("it cannot be\nhint: do the other")]
        Outer(#[source] Box<Nested>),
        #[error("for no reason\nhint: ask why")]
        Inner,
    }

    /// What stands in an error may be a module's.
    #[test]
    fn what_is_said_is_safe_and_has_an_end() {
        let said = chain(&Nested::Named("a\u{1b}[2J\u{202e}b".into()));
        assert_eq!(said, "`a\\u{1b}[2J\\u{202e}b` is no name\nhint: write another");
        let said = chain(&Nested::Named("x".repeat(10 * LONGEST)));
        assert!(said.len() < LONGEST + 100 && said.ends_with(" bytes more)\nhint: write another"), "{said}");
    }

    #[test]
    fn advice_comes_after_the_causes() {
        assert_eq!(
            chain(&Nested::Outer(Nested::Inner.into())),
            "it cannot be: for no reason\nhint: do the other\nhint: ask why"
        );
    }
}
