//! Why a command fails, and the exit status for it.

use std::{io, path::PathBuf, process::ExitCode};

use anstyle::{AnsiColor, Style};
use confine_sandbox::{HostFault, LoadError, text::block};
use confine_service::{ModuleFileError, messages_and_hints};
use confine_tree::{ResolveError, did_you_mean};

use crate::{
    admin::{AdminClientError, AdminSocketError},
    host_secret::HostSecretError,
    log::LogError,
    pidfile::PidfileError,
    settings::SettingsError,
};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot use the settings")]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Pidfile(#[from] PidfileError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("cannot open the admin socket")]
    Admin(#[source] AdminSocketError),
    #[error("cannot serve metrics")]
    Metrics(#[source] AdminSocketError),
    #[error(transparent)]
    Daemon(#[from] AdminClientError),
    #[error("cannot use the compile cache\nhint: name another directory (`cache` in confine.toml)")]
    Cache(#[from] confine_sandbox::CacheError),
    #[error("cannot keep versions of modules\nhint: name another directory (`state` in confine.toml)")]
    Store(#[from] confine_service::VersionStoreError),
    #[error(transparent)]
    Secret(#[from] HostSecretError),
    #[error(transparent)]
    Backend(confine_backend::Error),
    #[error("cannot set up the sandbox")]
    Sandbox(#[from] HostFault),
    #[error("cannot start the runtime")]
    Runtime(#[source] io::Error),
    #[error("stopped by a second signal before the commit in progress was answered")]
    Interrupted,
    #[error("cannot inspect `{}`", path.display())]
    Module { path: PathBuf, source: ModuleFileError },
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Demo(#[from] confine_author::Error),
    #[error("cannot use the current directory")]
    Directory(#[source] io::Error),
    #[error("cannot connect to the controller at `{}`\nhint: name its socket with `--socket`, or with `socket` in confine.toml; `confine demo --serve` keeps a demo controller running", socket.display())]
    Connect { socket: PathBuf, source: io::Error },
    #[error(
        "there is no YANG module `{name}` in the directories\nhint: its file has to be named `{name}.yang` or `{name}@REVISION.yang`"
    )]
    NoYang { name: String },
    #[error(
        "cannot read the YANG module `{name}`\nhint: check that its file is well-formed and defines a module of this name"
    )]
    UnreadableYang { name: String },
    #[error(
        "the controller's configuration names no directory for YANG modules\nhint: name one, as in `confine yang install /usr/local/share/controller/main`"
    )]
    NoYangDirectory,
    #[error("cannot write `{}`", file.display())]
    YangFile { file: PathBuf, source: io::Error },
    #[error("`{}` stays: the controller has original values, and would not start without the module\nhint: remove them in its CLI, with `delete services originals` and `commit local`", file.display())]
    OriginalsStand { file: PathBuf },
    #[error(transparent)]
    NoBindings(#[from] confine_bindings::SelectionError),
    #[error("`{path}` does not start at the root\nhint: write `/{path}`")]
    RelativePath { path: String },
    #[error("no YANG module has the prefix or the name `{prefix}`{}", did_you_mean(nearest))]
    NoModule { prefix: String, nearest: Vec<String> },
    #[error(
        "`{prefix}` is ambiguous: it is the prefix of `{one}` and of `{other}`\nhint: write the name of the module instead, as in `module:name`"
    )]
    AmbiguousPrefix { prefix: String, one: String, other: String },
    #[error("there is no device `{name}`{}", did_you_mean(nearest))]
    NoDevice { name: String, nearest: Vec<String> },
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    #[error("cannot read `{path}`: a key has both kinds of quotes\nhint: omit the key to read every entry")]
    BothQuotes { path: String },
    #[error("there is nothing at `{path}`, or nothing that `{user}` may read")]
    Absent { path: String, user: String },
    #[error("cannot edit the root\nhint: name a node")]
    EditRoot,
    #[error("cannot edit `{path}`: it is state data, not configuration")]
    State { path: String },
    #[error("`{path}` has children and no value\nhint: name a leaf")]
    NoValue { path: String },
    #[error("cannot remove `{path}`: it is a key\nhint: remove the whole list entry")]
    RemoveKey { path: String },
    #[error("`{path}` is a leaf and needs a value{}", if expected.is_empty() { String::new() } else { format!(": {expected}") })]
    ValueNeeded { path: String, expected: String },
    #[error(
        "the commit failed{}\nhint: your change is still in the candidate: fix it, or discard all pending changes with `{discard}`",
        if reason.is_empty() { String::new() } else { format!(": {reason}") }
    )]
    NotCommitted { reason: String, source: Option<confine_backend::Error>, discard: String },
    #[error(
        "transaction {tid} failed{}{}",
        if origin.is_empty() { String::new() } else { format!(" at `{origin}`") },
        if reason.is_empty() { String::new() } else { format!(": {reason}") }
    )]
    Transaction { tid: u64, origin: String, reason: String },
    #[error("there is no command `{word}`{}\nhint: `help` lists the commands", did_you_mean(nearest))]
    NoCommand { word: String, nearest: Vec<String> },
    #[error("{problem}\nhint: `help {command}` shows its syntax")]
    Usage { command: String, problem: String },
    #[error(
        "the quote {quote} at character {position} is not closed\nhint: put a value with a quote in it between quotes of the other kind, as in \"it's\""
    )]
    OpenQuote { quote: char, position: usize },
    #[error(
        "the `[` at character {position} is not closed\nhint: put a value with a `[` in it between quotes"
    )]
    OpenPredicate { position: usize },
    #[error("cannot enter `{path}`, which is {what}\nhint: `get` shows it")]
    NotEnterable { path: String, what: &'static str },
    #[error("no YANG model describes `{path}`")]
    NotInModel { path: String },
    #[error("line {number}: `{line}` failed")]
    Script { number: usize, line: String, source: Box<Error> },
    #[error(
        "line {number}: `{line}` failed\nhint: the changes before it are still in the candidate; `{discard}` discards all pending changes"
    )]
    ScriptWithChanges { number: usize, line: String, source: Box<Error>, discard: String },
    #[error(
        "the changes of the script are in the candidate, and not committed\nhint: end the script with `commit` or `discard`"
    )]
    Uncommitted,
    #[error("cannot read standard input")]
    Input(#[source] io::Error),
    #[error(
        "cannot use the terminal\nhint: without a terminal, `confine shell` reads a script from standard input"
    )]
    Terminal(#[from] rustyline::error::ReadlineError),
    #[error("the controller rejected the request")]
    Rejected(#[source] confine_netconf::RpcErrors),
    #[error("the request to the controller failed")]
    Session(#[source] confine_netconf::Error),
    #[error(
        "`watch` needs a terminal, and standard output is not one\nhint: use `confine status`, or `confine status --json` for programs"
    )]
    NoTerminal,
    #[error("cannot write to standard output")]
    Output(#[source] io::Error),
    #[error("cannot write the manual pages to `{}`", directory.display())]
    Manual { directory: PathBuf, source: io::Error },
}

impl From<confine_netconf::Error> for Error {
    fn from(error: confine_netconf::Error) -> Self {
        match error {
            confine_netconf::Error::Rpc(errors) => Self::Rejected(errors),
            other => Self::Session(other),
        }
    }
}

impl From<confine_backend::Error> for Error {
    /// A failure to connect becomes an error whose hint names `--socket`.
    fn from(error: confine_backend::Error) -> Self {
        match error {
            confine_backend::Error::Connect { socket, source } => Self::Connect { socket, source },
            other => Self::Backend(other),
        }
    }
}

impl Error {
    /// See [`EXIT_STATUS`](crate::cli::EXIT_STATUS). 2 is the one of the command line's parser.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Settings(_) => 3,
            Self::Pidfile(PidfileError::Held { .. }) => 4,
            _ => 1,
        })
    }

    /// The error and its causes for a terminal, each on a line of its own.
    pub(crate) fn report(&self) -> String {
        let bad = Style::new().fg_color(Some(AnsiColor::Red.into())).bold();
        let (causes, hints) = messages_and_hints(self);
        // Texts of other programs may be in it.
        let plain = |text: &String| block(text, usize::MAX);
        let because = causes.iter().skip(1).map(|cause| format!("\n  because: {}", plain(cause)));
        let hints = hints.iter().map(|hint| format!("\nhint: {}", plain(hint)));
        let more: String = because.chain(hints).collect();
        format!("{bad}error:{bad:#} {}{more}", causes.first().map(plain).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_is_reported_with_its_causes() {
        let source = ModuleFileError::Io(io::Error::other("no such file"));
        let error = Error::Module { path: "x.wasm".into(), source };
        let plain = anstream::adapter::strip_str(&error.report()).to_string();
        insta::assert_snapshot!(plain, @r"
        error: cannot inspect `x.wasm`
          because: it cannot be read
          because: no such file
        ");
    }
}
