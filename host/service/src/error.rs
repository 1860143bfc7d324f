//! Why a commit fails, in the words that the committing user reads.

use confine_sandbox::RunFailure;

use crate::{
    error_chain::error_chain,
    modules::{
        membership::{SuspendedModule, UnreadyModule},
        unserved::{NoModule, ServiceProblem},
    },
};

/// Why a commit fails, or why the daemon cannot run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No module serves a service of the commit.
    #[error(transparent)]
    NoModule(#[from] NoModule),
    /// A module that the commit needs is suspended.
    #[error(transparent)]
    Suspended(#[from] SuspendedModule),
    /// A module that the commit needs is not loaded.
    #[error(transparent)]
    Unready(#[from] UnreadyModule),
    /// A module failed.
    #[error(transparent)]
    Module(#[from] Box<RunFailure>),
    /// A `pre-commit` hook failed.
    #[error("the pre-commit hook failed")]
    PreCommit(#[source] Box<RunFailure>),
    /// A request to the controller failed.
    #[error(transparent)]
    Backend(#[from] confine_backend::Error),
    /// The controller sent configuration that cannot be read.
    #[error("cannot read the configuration that the controller sent")]
    Datastore(#[source] confine_tree::Error),
    /// The edits of the modules cannot be combined.
    #[error(transparent)]
    Draft(#[from] confine_view::Error),
    /// The commit would change a device that has no connection.
    #[error(
        "the connection of device `{device}` is `{state}`, and this commit would change the device\n\
         hint: open it first (`connection open {device}` in the CLI), or take the device out of the commit"
    )]
    DeviceNotOpen {
        /// The device.
        device: String,
        /// The state of its connection.
        state: String,
    },
    /// The commit would write to a device that has never had a connection, or such a device takes part in it.
    #[error(
        "the controller has never read device `{device}`: it can push nothing to it, and no commit that the device takes part in succeeds\n\
         hint: open it first (`connection open {device}` in the CLI), disable it, or take it out of the commit"
    )]
    DeviceNeverOpen {
        /// The device.
        device: String,
    },
    /// The committing user is not known.
    #[error(
        "`{host_user}` cannot read which user commits transaction {tid}\n\
         hint: permit `{host_user}` to read `/ctrl:transactions` with a rule-list in `/nacm`"
    )]
    UnknownUser {
        /// The host user.
        host_user: String,
        /// The transaction.
        tid: u64,
    },
    /// The rules for modules are not known.
    #[error(
        "`{user}` cannot read `/nacm`, so the rules for modules are not known and no module runs\n\
         hint: permit `{user}` to read `/nacm:nacm`; the daemon's log has the rule"
    )]
    Rules {
        /// The host user.
        user: String,
    },
    /// Several deleted instances have a name that is to be forced.
    #[error(
        "`{name}` may mean several deleted instances that have left something on devices: {instances}\n\
         hint: name all keys of the instance whose objects are to be removed, as they stand here"
    )]
    AmbiguousInstance {
        /// What was named.
        name: String,
        /// The instances.
        instances: String,
    },
    /// The controller may take the name of an instance for something else. It strips what that matches.
    #[error(
        "the controller may take `{name}` for other instances than Confine\n\
         hint: name a list, or an entry by its keys, as in `list[key='value']`; a value must not have the quotes that enclose it, \
         so an instance needs a key without them"
    )]
    UnclearInstance {
        /// What was named.
        name: String,
    },
    /// An instance exists that the user may not read.
    #[error(
        "`{user}` may not read `{instance}`\nhint: permit it with a rule in `/nacm`, or commit as another user"
    )]
    Unreadable {
        /// The committing user.
        user: String,
        /// The instance.
        instance: String,
    },
    /// A module creates something that the user may not read.
    #[error(
        "access denied: `{user}` may not read `{path}`, which `{instance}` would create: if it exists already, it would be taken for new and deleted with the instance\n\
         hint: permit reading it with a rule in `/nacm`, or commit as another user"
    )]
    Unseen {
        /// The committing user.
        user: String,
        /// The instance whose module creates it.
        instance: String,
        /// The object.
        path: String,
    },
    /// An instance would lose what it had created, because something is hidden.
    #[error(transparent)]
    HiddenLoss(#[from] Box<HiddenLoss>),
    /// The controller denies the edit to the user.
    #[error(
        "access denied: `{user}` may not {access} `{path}`: {reason}\n\
         hint: permit it with a rule in `/nacm`, or commit as another user"
    )]
    Denied {
        /// The committing user.
        user: String,
        /// The access operation: `create`, `update` or `delete`.
        access: String,
        /// The first node that is denied.
        path: String,
        /// What denies it.
        reason: String,
        /// The controller's error, which names neither.
        refusal: Box<confine_backend::Error>,
    },
    /// Others have changed `running` during every attempt.
    #[error(
        "others changed `running` during the commit, {attempts} times in a row\n\
         hint: commit again when no other client is committing"
    )]
    RunningChanges {
        /// How often the commit was tried.
        attempts: u32,
    },
    /// Others have changed `running`, and what is left of a budget does not suffice for another attempt.
    #[error(
        "others changed `running` during the commit, and attempt {attempt} has exceeded what was left of a budget"
    )]
    NoBudgetLeft {
        /// The attempt, from 2.
        attempt: u32,
        /// What the module exceeded.
        source: Box<RunFailure>,
    },
    /// The models that the commit needs have not been read in time.
    #[error(
        "the YANG models of {of} are still being read after {seconds} s, and without them names and values have no meaning\n\
         hint: commit again in a moment; the daemon's log names models that cannot be read"
    )]
    ModelsNotRead {
        /// The controller or a device.
        of: String,
        /// How long the commit has waited.
        seconds: u64,
    },
    /// The commit took too long.
    #[error(
        "the commit was not done in {seconds} s, which is what the controller's service-timeout leaves\n\
         hint: raise `/ctrl:services/ctrl:service-timeout` if commits take that long here"
    )]
    Late {
        /// The time that the commit had.
        seconds: u64,
    },
    /// The daemon is shutting down.
    #[error("the services daemon is shutting down\nhint: commit again when it has been restarted")]
    Stopped,
    /// A previous daemon left the transaction behind, or no daemon ran when it began.
    #[error("the commit began before this services daemon was running\nhint: commit again")]
    Abandoned,
    /// A task of the daemon panicked.
    #[error("an internal error ended the commit: see the daemon's log")]
    Internal,
    /// The WebAssembly runtime cannot be started.
    #[error(transparent)]
    Runtime(#[from] confine_sandbox::HostFault),
}

impl Error {
    /// Returns whether the commit failed because no module serves one of its services, or one is still being loaded.
    pub(crate) fn is_missing_module(&self) -> bool {
        matches!(self, Self::NoModule(_) | Self::Unready(UnreadyModule { problem: None, .. }))
    }

    /// Returns the error with its causes, as the committing user reads it.
    pub fn reason(&self) -> String {
        error_chain(self)
    }
}

/// An object that an instance had created and would lose, and why that may not be meant.
#[derive(Debug, thiserror::Error)]
#[error("access denied: {who} may not read `{hidden}`{}: {reason}", self.consequence())]
pub struct HiddenLoss {
    /// The instance.
    pub instance: String,
    /// The object.
    pub object: String,
    /// Who does not see something: a module or the user.
    pub who: String,
    /// What they do not see: the object, or what they asked for.
    pub hidden: String,
    /// What hides it, with a hint.
    pub reason: String,
}

impl HiddenLoss {
    fn consequence(&self) -> String {
        let Self { instance, object, hidden, .. } = self;
        match hidden == object {
            true => format!(", which `{instance}` had created and would lose"),
            false => format!(", and `{instance}` would lose `{object}`, which it had created"),
        }
    }
}

impl From<ServiceProblem> for Error {
    fn from(problem: ServiceProblem) -> Self {
        match problem {
            ServiceProblem::NoModule(missing) => missing.into(),
            ServiceProblem::Suspended(suspended) => suspended.into(),
            ServiceProblem::Unready(unready) => unready.into(),
        }
    }
}
