//! The command line: Confine's own, and that of the Python API server, which Confine may be started instead of.

mod help;

use std::{borrow::Cow, ffi::OsString, path::PathBuf};

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use self::help::{
    BINDINGS_HELP, EDIT_HELP, EXIT_STATUS, GET_HELP, PROGRAM_HELP, RPC_HELP, SERVE_HELP, SHELL_HELP,
    YANG_HELP, with_paragraphs,
};
pub(crate) use self::help::{Paragraphs, terminal_width};

use crate::{
    address::ListenAddress,
    log::{LogFilter, LogFormat, LogTarget},
    names::{ListName, ModuleName, ModuleNames, UserName},
    paths::PathTarget,
};

/// The socket that `confine demo --serve` listens on, in the working directory.
pub(crate) const DEMO_SOCKET: &str = "confine-demo.sock";

/// Run network service modules for the Clixon controller, each in a sandbox
///
/// Without a command, Confine accepts the options of the controller's Python API server and serves the
/// controller in its place.
#[derive(Debug, Parser)]
#[command(name = "confine", bin_name = "confine", version, after_long_help = PROGRAM_HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve a controller: run the modules of every service that is committed
    #[command(after_long_help = SERVE_HELP)]
    Serve(SettingsArgs),
    /// Run a guided demo against a built-in controller: commit, dry run, change, delete, failing modules
    Demo(DemoArgs),
    /// Send one NETCONF request to a controller and print the reply
    #[command(after_long_help = RPC_HELP)]
    Rpc(RpcArgs),
    /// Show a controller's configuration at a path
    #[command(after_long_help = GET_HELP)]
    Get(GetArgs),
    /// Set, create or remove one node of the candidate, and show the diff
    #[command(after_long_help = EDIT_HELP)]
    Edit(EditArgs),
    /// Browse and edit a controller's configuration, interactively or from a script
    #[command(after_long_help = SHELL_HELP)]
    Shell(ShellArgs),
    /// Show the settings that `serve` would use, and where each of them comes from
    Config(SettingsArgs),
    /// Show what a module declares, or why it is refused
    Inspect(InspectArgs),
    /// Generate Rust bindings from YANG: paths and values that the compiler checks
    #[command(after_long_help = BINDINGS_HELP)]
    Bindings(BindingsArgs),
    /// Install or remove the YANG module with which the controller keeps the values that services change
    #[command(after_long_help = YANG_HELP)]
    Yang(YangArgs),
    /// Show the status of the daemon: controller, commits, modules
    Status(StatusArgs),
    /// Show live status and events; Ctrl-C to quit
    Watch(WatchArgs),
    /// List the modules of the daemon, or change which of them run
    Modules(ModulesArgs),
    /// Show what the daemon logs, or change it until the daemon exits
    Log(LogArgs),
    /// Stop the daemon after the commit in progress, and wait until it has exited
    Stop(DaemonArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write all manual pages to a directory
    Man {
        /// The directory, which has to exist
        #[arg(value_parser = PathTarget::Directory.parser())]
        directory: Option<PathBuf>,
    },
}

/// The settings of `serve` and `config`, and where to read more of them.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct SettingsArgs {
    /// Confine's own settings [default: /etc/confine/confine.toml, if it exists]
    #[arg(short, long, value_name = "FILE", value_parser = PathTarget::File.parser())]
    pub(crate) config: Option<PathBuf>,

    /// The controller's configuration [default: /usr/local/etc/clixon/controller.xml, if it exists and has this
    /// socket]
    #[arg(short = 'f', long, value_name = "FILE", value_parser = PathTarget::File.parser())]
    pub(crate) controller_config: Option<PathBuf>,

    /// The controller's socket
    #[arg(short, long, value_name = "SOCKET", value_parser = PathTarget::Socket.parser())]
    pub(crate) socket: Option<PathBuf>,

    /// A directory with modules (`*.wasm`, at any depth); may be repeated
    #[arg(short, long, value_name = "DIRECTORY", value_parser = PathTarget::Directory.parser())]
    pub(crate) modules: Vec<PathBuf>,

    /// Modules to exclude, separated by commas; may be repeated
    #[arg(short, long, value_name = "MODULES")]
    pub(crate) exclude: Vec<ModuleNames>,

    /// A list under `/services` that no module serves: Confine ignores its instances; may be repeated
    #[arg(long, value_name = "LIST")]
    pub(crate) unmanaged: Vec<ListName>,

    /// The NETCONF user of Confine's own session [default: the user that Confine runs as]
    #[arg(short, long, value_name = "USER")]
    pub(crate) user: Option<UserName>,

    /// A directory for compiled modules, writable only by the user that Confine runs as
    #[arg(long, value_name = "DIRECTORY", value_parser = PathTarget::Directory.parser())]
    pub(crate) cache: Option<PathBuf>,

    /// A directory for what outlives the daemon: the host's secret, versions of modules, what instances have created
    #[arg(long, value_name = "DIRECTORY", value_parser = PathTarget::Directory.parser())]
    pub(crate) state: Option<PathBuf>,

    /// A file with the process number, locked so that only one daemon runs
    #[arg(short, long, value_name = "FILE", value_parser = PathTarget::File.parser())]
    pub(crate) pidfile: Option<PathBuf>,

    /// What to log: a level (error, warn, info, debug, trace, off), or levels per part of the program, as in
    /// `info,confine_backend=trace` [default: info]
    #[arg(long, value_name = "FILTER")]
    pub(crate) log: Option<LogFilter>,

    /// Log at debug level
    #[arg(short, long, conflicts_with = "log")]
    pub(crate) debug: bool,

    /// Also log the XML exchanged with the controller, indented and with secrets masked by the name or the model of their
    /// node; the same as `xml=trace` in `--log`
    #[arg(long)]
    pub(crate) log_xml: bool,

    /// Where to write the log [default: stderr]
    #[arg(long, value_enum, value_name = "TARGET", hide_possible_values = false)]
    pub(crate) log_to: Option<LogTarget>,

    /// The format of log lines [default: text]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,

    /// The admin socket, for operators [default: /run/confine/admin.sock]
    #[arg(long, value_name = "SOCKET", value_parser = PathTarget::Socket.parser())]
    pub(crate) admin: Option<PathBuf>,

    /// Where to serve metrics and health on this machine: a loopback address with a port, or the path of a
    /// socket [default: not served]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) metrics: Option<ListenAddress>,

    /// Whether these are the options of the Python API server.
    #[arg(skip)]
    pub(crate) as_python_server: bool,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// The module file
    pub(crate) module: PathBuf,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Confine's own settings, with the limits to apply [default: /etc/confine/confine.toml, if it exists]
    #[arg(short, long, value_name = "FILE", value_parser = PathTarget::File.parser())]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct BindingsArgs {
    /// The YANG modules to generate bindings for
    #[arg(required = true, value_name = "MODULE")]
    pub(crate) modules: Vec<String>,

    /// Generate only what is at this path, what leads there and what is below, as in `/native/interface`; may be repeated
    ///
    /// The steps are names of nodes, with the name or the prefix of a module where a name alone is ambiguous. Keys do not
    /// matter. The names in the generated code are the same with and without paths.
    #[arg(short, long = "path", value_name = "PATH")]
    pub(crate) paths: Vec<String>,

    /// A directory with YANG files (`*.yang`, at any depth) of the modules and their imports; may be repeated
    #[arg(short, long, value_name = "DIRECTORY", required = true, value_parser = PathTarget::Directory.parser())]
    pub(crate) yang: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct YangArgs {
    #[command(subcommand)]
    pub(crate) command: YangCommand,
}

/// What to do with the YANG module.
#[derive(Debug, Subcommand)]
pub(crate) enum YangCommand {
    /// Print the module
    Print,
    /// Write the module to a directory from which the controller loads YANG when it starts
    Install {
        /// The directory [default: CLICON_YANG_MAIN_DIR of the controller's configuration]
        #[arg(value_parser = PathTarget::Directory.parser())]
        directory: Option<PathBuf>,
    },
    /// Remove the module from the directory, unless the controller has data of it: it would not start again
    Remove {
        /// The directory [default: CLICON_YANG_MAIN_DIR of the controller's configuration]
        #[arg(value_parser = PathTarget::Directory.parser())]
        directory: Option<PathBuf>,

        #[command(flatten)]
        controller: ControllerArgs,
    },
}

/// The daemon to connect to.
#[derive(Debug, Args)]
pub(crate) struct DaemonArgs {
    /// The daemon's admin socket [default: `socket` of `[admin]` in confine.toml, or /run/confine/admin.sock]
    #[arg(short, long, value_name = "SOCKET", global = true, value_parser = PathTarget::Socket.parser())]
    pub(crate) admin: Option<PathBuf>,

    /// Confine's own settings [default: /etc/confine/confine.toml, if it exists]
    #[arg(short, long, value_name = "FILE", global = true, value_parser = PathTarget::File.parser())]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) daemon: DaemonArgs,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    pub(crate) daemon: DaemonArgs,

    /// Seconds between updates
    #[arg(short, long, value_name = "SECONDS", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) interval: u64,
}

#[derive(Debug, Args)]
pub(crate) struct ModulesArgs {
    #[command(flatten)]
    pub(crate) daemon: DaemonArgs,

    /// Print JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) task: Option<ModulesCommand>,
}

/// An operation on a module. It takes effect between two commits.
#[derive(Debug, Subcommand)]
pub(crate) enum ModulesCommand {
    /// Show all details of a module, with its limits
    Show(ModuleNameArgs),
    /// Run a disabled module again
    Enable(ModuleNameArgs),
    /// Stop running a module; commits that touch its services fail until you enable it
    Disable(ModuleNameArgs),
    /// Go back to the previous version of a module
    Rollback(ModuleNameArgs),
    /// Load a module from its file again, also after a rollback
    Reload(ModuleNameArgs),
    /// Take a module out of quarantine and run it again
    Release(ModuleNameArgs),
    /// Let a held module serve the lists that it claims
    Approve(ModuleNameArgs),
    /// Remove a module whose file is gone from the list, so that it no longer blocks commits
    Forget(ModuleNameArgs),
    /// Scan the module directories now, and wait until what was found is loaded
    Refresh(RefreshArgs),
}

#[derive(Debug, Args)]
pub(crate) struct RefreshArgs {
    /// Do not wait until what was found is loaded
    #[arg(long)]
    pub(crate) no_wait: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ModuleNameArgs {
    /// The name of the module: its file name without `.wasm`
    pub(crate) name: ModuleName,
}

#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    #[command(flatten)]
    pub(crate) daemon: DaemonArgs,

    /// The new filter, as for `--log` of `serve`; without it, show the current one
    pub(crate) filter: Option<LogFilter>,
}

/// A demo without a controller and devices: everything runs in this process.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Keep the controller running afterwards, on this socket, until Ctrl-C; without a value, on
    /// `confine-demo.sock`
    #[arg(long, value_name = "SOCKET", num_args = 0..=1, default_missing_value = DEMO_SOCKET, value_parser = PathTarget::Socket.parser())]
    pub(crate) serve: Option<PathBuf>,
}

/// A NETCONF request.
#[derive(Debug, Args)]
pub(crate) struct RpcArgs {
    /// The operation: the content of `<rpc>`, as in the examples below
    pub(crate) operation: String,

    /// Wait for the transaction that the operation starts, if it starts one
    #[arg(short, long)]
    pub(crate) wait: bool,

    #[command(flatten)]
    pub(crate) controller: ControllerArgs,
}

/// The controller to connect to, and the user.
#[derive(Debug, Args)]
pub(crate) struct ControllerArgs {
    /// The controller's socket [default: the daemon's, or that of a demo in this directory]
    #[arg(short, long, value_name = "SOCKET", value_parser = PathTarget::Socket.parser())]
    pub(crate) socket: Option<PathBuf>,

    /// Confine's own settings [default: /etc/confine/confine.toml, if it exists]
    #[arg(short, long, value_name = "FILE", value_parser = PathTarget::File.parser())]
    pub(crate) config: Option<PathBuf>,

    /// The NETCONF user [default: the user who runs this command]
    #[arg(short, long, value_name = "USER")]
    pub(crate) user: Option<UserName>,
}

impl ControllerArgs {
    /// The same options for another command, quoted for a shell, each after a blank.
    pub(crate) fn again(&self) -> String {
        let path = |path: &PathBuf| path.to_string_lossy().into_owned();
        let options = [
            ("socket", self.socket.as_ref().map(path)),
            ("config", self.config.as_ref().map(path)),
            ("user", self.user.as_ref().map(ToString::to_string)),
        ];
        let quoted = |(option, value): (&str, Option<String>)| {
            let value = value?;
            // Only a NUL cannot be quoted, and no path or name has one.
            let value = shlex::try_quote(&value).unwrap_or(Cow::Borrowed(&value));
            Some(format!(" --{option} {value}"))
        };
        options.into_iter().filter_map(quoted).collect()
    }
}

#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    /// The path, starting at the root
    pub(crate) path: String,

    /// Read the candidate instead of `running`
    #[arg(long)]
    pub(crate) candidate: bool,

    /// Print JSON (RFC 7951) instead of XML
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) controller: ControllerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct EditArgs {
    /// The path of the node, starting at the root, with the keys of every list
    pub(crate) path: String,

    /// The value of a leaf or of a leaf-list entry
    #[arg(allow_negative_numbers = true)]
    pub(crate) value: Option<String>,

    /// Remove the node and everything below it
    #[arg(long, conflicts_with = "value")]
    pub(crate) remove: bool,

    /// Commit the candidate afterwards, with all pending changes in it
    #[arg(long)]
    pub(crate) commit: bool,

    #[command(flatten)]
    pub(crate) controller: ControllerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ShellArgs {
    #[command(flatten)]
    pub(crate) controller: ControllerArgs,
}

/// Serve a controller in place of its Python API server
///
/// These are the options of that server, for controllers that are configured to start it. See the command `serve` for
/// Confine's own options, and for the order in which settings apply.
#[derive(Debug, Parser)]
#[command(name = "confine", bin_name = "confine", version, infer_long_args = true, after_long_help = EXIT_STATUS)]
struct PythonServerArgs {
    /// The controller's configuration
    #[arg(short = 'f', long, value_name = "FILE", value_parser = PathTarget::File.parser())]
    configfile: Option<PathBuf>,

    /// A directory with modules (`*.wasm`, at any depth); may be repeated
    #[arg(short, long, value_name = "DIRECTORY", value_parser = PathTarget::Directory.parser())]
    modulepaths: Vec<PathBuf>,

    /// Modules to exclude, separated by commas
    #[arg(short = 'e', long, value_name = "MODULES")]
    modulefilter: Option<ModuleNames>,

    /// Log at debug level
    #[arg(short, long)]
    debug: bool,

    /// The controller's socket
    #[arg(short, long, value_name = "SOCKET", value_parser = PathTarget::Socket.parser())]
    sockpath: Option<PathBuf>,

    /// A file with the process number, locked so that only one daemon runs
    #[arg(short, long, value_name = "FILE", value_parser = PathTarget::File.parser())]
    pidfile: Option<PathBuf>,

    /// Log the XML exchanged with the controller, indented and with secrets masked by the name or the model of their node
    #[arg(short = 'P', long = "pp")]
    pretty_print: bool,

    /// Log to syslog (s) or to standard output (o) [default: s]
    #[arg(short, long, value_enum, value_name = "TARGET")]
    log: Option<PythonLogTarget>,

    /// Accepted and ignored: Confine always stays in the foreground
    #[arg(short = 'F', long = "foreground")]
    _foreground: bool,

    /// Accepted and ignored
    #[arg(trailing_var_arg = true, hide = true, action = ArgAction::Append)]
    _rest: Vec<OsString>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PythonLogTarget {
    #[value(name = "s")]
    Syslog,
    #[value(name = "o")]
    Stdout,
}

impl SettingsArgs {
    /// Where to write the log, from the command line alone.
    pub(crate) fn log_target(&self) -> LogTarget {
        // The backend starts the server with a standard error that nobody reads.
        let default = if self.as_python_server { LogTarget::Syslog } else { LogTarget::default() };
        self.log_to.unwrap_or(default)
    }
}

impl From<PythonServerArgs> for SettingsArgs {
    fn from(server: PythonServerArgs) -> Self {
        Self {
            controller_config: server.configfile,
            modules: server.modulepaths,
            exclude: server.modulefilter.into_iter().collect(),
            debug: server.debug,
            log_xml: server.pretty_print,
            socket: server.sockpath,
            pidfile: server.pidfile,
            log_to: server.log.map(|log| match log {
                PythonLogTarget::Syslog => LogTarget::Syslog,
                PythonLogTarget::Stdout => LogTarget::Stdout,
            }),
            as_python_server: true,
            ..Self::default()
        }
    }
}

/// The command in a command line, whose first word is the program.
pub(crate) fn parse(line: impl IntoIterator<Item = OsString>) -> Result<Command, clap::Error> {
    let line: Vec<_> = line.into_iter().collect();
    if is_python_server(&line) {
        return parse_as::<PythonServerArgs>(line).map(|server| Command::Serve(server.into()));
    }
    parse_as::<Cli>(line).map(|cli| cli.command)
}

/// Parses a line. The help is laid out for the width of the terminal.
fn parse_as<T: Parser>(line: Vec<OsString>) -> Result<T, clap::Error> {
    let is_long = line.iter().any(|word| word == "--help" || word == "help");
    let mut command = with_paragraphs(T::command(), terminal_width(), is_long);
    let matches = command.try_get_matches_from_mut(line)?;
    T::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// Whether the line begins with an option: Confine's own options follow a command.
fn is_python_server(line: &[OsString]) -> bool {
    line.get(1)
        .and_then(|first| first.to_str())
        .is_some_and(|first| first.starts_with('-') && !["-h", "--help", "-V", "--version"].contains(&first))
}

#[cfg(test)]
mod tests;
