//! Why the program ends otherwise than it should, and what its exit status says of that.

use std::{io, path::PathBuf, process::ExitCode};

use anstyle::{AnsiColor, Style};
use confine_sandbox::{HostFault, LoadError, text::block};
use confine_service::{ModuleFileError, told};
use confine_tree::{ResolveError, did_you_mean};

use crate::{
    admin::{AdminClientError, AdminSocketError},
    log::LogError,
    pidfile::PidfileError,
    settings::SettingsError,
};

/// Why a command did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the settings cannot be used")]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Pidfile(#[from] PidfileError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("the admin socket cannot be had")]
    Admin(#[source] AdminSocketError),
    #[error("metrics cannot be served")]
    Metrics(#[source] AdminSocketError),
    #[error(transparent)]
    Daemon(#[from] AdminClientError),
    #[error("the compile cache cannot be used\nhint: name another directory (`cache` in confine.toml)")]
    Cache(#[from] confine_sandbox::CacheError),
    #[error("versions of modules cannot be kept\nhint: name another directory (`state` in confine.toml)")]
    Store(#[from] confine_service::VersionStoreError),
    #[error(transparent)]
    Backend(confine_backend::Error),
    #[error("the sandbox cannot be set up")]
    Sandbox(#[from] HostFault),
    #[error("the runtime cannot be started")]
    Runtime(#[source] io::Error),
    #[error("stopped by a second signal before the last commit was answered")]
    Interrupted,
    #[error("`{}` cannot be inspected", path.display())]
    Module { path: PathBuf, source: ModuleFileError },
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Demo(#[from] confine_author::Error),
    #[error("the current directory is not to be had")]
    Directory(#[source] io::Error),
    #[error("cannot connect to the controller at `{}`\nhint: `--socket` says where it is, or `socket` in confine.toml; `confine demo --serve` leaves one running", socket.display())]
    Connect { socket: PathBuf, source: io::Error },
    #[error(
        "there is no module `{name}` in the directories\nhint: its file is to be called `{name}.yang` or `{name}@REVISION.yang`"
    )]
    NoYang { name: String },
    #[error(
        "the module `{name}` cannot be read\nhint: is the module in its file called so, and well-formed?"
    )]
    UnreadableYang { name: String },
    #[error("`{path}` does not begin at the root\nhint: write `/{path}`")]
    RelativePath { path: String },
    #[error("no model calls itself `{prefix}`{}", did_you_mean(nearest))]
    NoModule { prefix: String, nearest: Vec<String> },
    #[error(
        "`{prefix}` may stand for `{one}` or for `{other}`\nhint: write the name of the module, as in `module:name`"
    )]
    AmbiguousPrefix { prefix: String, one: String, other: String },
    #[error("there is no device `{name}`{}", did_you_mean(nearest))]
    NoDevice { name: String, nearest: Vec<String> },
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    #[error(
        "`{path}`: a value with both quotes cannot be asked for\nhint: leave the key out, and read every entry"
    )]
    BothQuotes { path: String },
    #[error("at `{path}` there is nothing that `{user}` may read")]
    Absent { path: String, user: String },
    #[error("the root cannot be edited: name a node")]
    EditRoot,
    #[error("`{path}` is state, not configuration: nobody sets it")]
    State { path: String },
    #[error("`{path}` has no value but children: name a leaf")]
    NoValue { path: String },
    #[error("`{path}` is a key\nhint: remove the whole entry")]
    RemoveKey { path: String },
    #[error("`{path}` is a leaf, and needs a value{}", if expected.is_empty() { String::new() } else { format!(": {expected}") })]
    ValueNeeded { path: String, expected: String },
    #[error(
        "it is not committed{}\nhint: it stands in the candidate; correct it there, or take all that is there back with `{discard}`",
        if reason.is_empty() { String::new() } else { format!(": {reason}") }
    )]
    NotCommitted { reason: String, source: Option<confine_backend::Error>, discard: String },
    #[error(
        "transaction {tid} has failed{}{}",
        if origin.is_empty() { String::new() } else { format!(" at `{origin}`") },
        if reason.is_empty() { String::new() } else { format!(": {reason}") }
    )]
    Transaction { tid: u64, origin: String, reason: String },
    #[error("there is no command `{word}`{}\nhint: `help` tells those that there are", did_you_mean(nearest))]
    NoCommand { word: String, nearest: Vec<String> },
    #[error("{problem}\nhint: `help {command}` tells how it is written")]
    Usage { command: String, problem: String },
    #[error(
        "the quote {quote} at character {position} is not closed\nhint: in a value, write it between quotes of the other kind, as in \"it's\""
    )]
    OpenQuote { quote: char, position: usize },
    #[error(
        "the `[` at character {position} is not closed\nhint: write a value with a `[` in it between quotes"
    )]
    OpenPredicate { position: usize },
    #[error("nothing is below `{path}`, which is {what}\nhint: `get` shows it")]
    NoPlace { path: String, what: &'static str },
    #[error("the model has nothing to say of `{path}`")]
    NoModelOf { path: String },
    #[error("line {number}: `{line}` cannot be done")]
    Script { number: usize, line: String, source: Box<Error> },
    #[error(
        "line {number}: `{line}` cannot be done\nhint: what was set before stands in the candidate, and `{discard}` takes back all that is there"
    )]
    ScriptWithChanges { number: usize, line: String, source: Box<Error>, discard: String },
    #[error(
        "what was set is in the candidate, and not committed\nhint: end the script with `commit`, or with `discard`"
    )]
    Uncommitted,
    #[error("standard input cannot be read")]
    Input(#[source] io::Error),
    #[error(
        "the terminal cannot be used\nhint: without one, `confine shell` reads commands from standard input"
    )]
    Terminal(#[from] rustyline::error::ReadlineError),
    #[error("the request was not answered as hoped")]
    Rpc(#[from] confine_netconf::Error),
    #[error(
        "`watch` shows on a terminal, and standard output is none\nhint: `confine status` writes once, `confine status --json` for programs"
    )]
    NoTerminal,
    #[error("cannot write to standard output")]
    Output(#[source] io::Error),
    #[error("cannot write the manual pages to `{}`", directory.display())]
    Manual { directory: PathBuf, source: io::Error },
}

impl From<confine_backend::Error> for Error {
    /// Who asks a controller by a command can say where it is.
    fn from(error: confine_backend::Error) -> Self {
        match error {
            confine_backend::Error::Connect { socket, source } => Self::Connect { socket, source },
            other => Self::Backend(other),
        }
    }
}

/// What the exit statuses mean, for the help and the manual.
pub(crate) const EXIT_STATUS: &str = "Exit status:
  0  it is done; the daemon was told to end and has answered its last commit
  1  it failed; standard error or the log say why
  2  the command line is wrong
  3  the settings are wrong: a file, a key or a value
  4  another instance is running and holds the pidfile";

impl Error {
    /// See [`EXIT_STATUS`]. 2 is the one of the command line's parser.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Settings(_) => 3,
            Self::Pidfile(PidfileError::Held { .. }) => 4,
            _ => 1,
        })
    }

    /// For a terminal: the error and what caused it, each on a line of its own.
    pub(crate) fn report(&self) -> String {
        let bad = Style::new().fg_color(Some(AnsiColor::Red.into())).bold();
        let (said, hints) = told(self);
        // What others say may be in it.
        let plain = |text: &String| block(text, usize::MAX);
        let because = said.iter().skip(1).map(|cause| format!("\n  because: {}", plain(cause)));
        let hints = hints.iter().map(|hint| format!("\nhint: {}", plain(hint)));
        let more: String = because.chain(hints).collect();
        format!("{bad}error:{bad:#} {}{more}", said.first().map(plain).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_with_its_causes() {
        let source = ModuleFileError::Io(io::Error::other("no such file"));
        let error = Error::Module { path: "x.wasm".into(), source };
        let plain = anstream::adapter::strip_str(&error.report()).to_string();
        insta::assert_snapshot!(plain, @r"
        error: `x.wasm` cannot be inspected
          because: it cannot be read
          because: no such file
        ");
    }
}
