//! The command line: Confine's own, and that of the Python API server in whose place it may be started.

use std::{borrow::Cow, ffi::OsString, path::PathBuf};

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::{
    admin::ListenAddress,
    error::EXIT_STATUS,
    log::{LogFilter, LogFormat, LogTarget},
    settings::{ListName, ModuleName, ModuleNames, UserName},
};

/// Where a demo leaves a controller, from the working directory.
pub(crate) const DEMO_SOCKET: &str = "confine-demo.sock";

/// Run network service modules for the Clixon controller, each in a sandbox
///
/// Started with options and without a command, Confine takes the command line of the controller's Python
/// API server and serves: `confine -f /usr/local/etc/clixon/controller.xml`.
#[derive(Debug, Parser)]
#[command(name = "confine", version, max_term_width = 100, after_long_help = EXIT_STATUS)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve a controller: run the modules of every service that is committed
    #[command(after_long_help = SERVE_HELP)]
    Serve(SettingsArgs),
    /// Play a commit, a dry run, a change, a deletion, and what is said of modules that fail, on an embedded controller
    Demo(DemoArgs),
    /// Make one NETCONF request of a controller and print its answer
    #[command(after_long_help = RPC_HELP)]
    Rpc(RpcArgs),
    /// Show what stands at a path of a controller's configuration
    #[command(after_long_help = GET_HELP)]
    Get(GetArgs),
    /// Set, make or remove one node of the candidate, and show what is different then
    #[command(after_long_help = EDIT_HELP)]
    Edit(EditArgs),
    /// Go about a controller's configuration, look at it and edit the candidate, by hand or by a script
    #[command(after_long_help = SHELL_HELP)]
    Shell(ShellArgs),
    /// Show the settings that `serve` would run with, each with where it comes from
    Config(SettingsArgs),
    /// Show what a module is and asks for, or why it is refused
    Inspect(InspectArgs),
    /// Write Rust for the authors of modules from YANG: paths and values that the compiler checks
    #[command(after_long_help = BINDINGS_HELP)]
    Bindings(BindingsArgs),
    /// Show what the daemon does: the controller, the commits, the modules
    Status(StatusArgs),
    /// Show what the daemon does and what happens, again and again until Ctrl-C
    Watch(WatchArgs),
    /// Show the modules of the daemon, or change which of them run
    Modules(ModulesArgs),
    /// Show what the daemon logs, or change it until the daemon ends
    Log(LogArgs),
    /// Have the daemon end once the commit that is running is answered, and wait for that
    Stop(DaemonArgs),
    /// Write a completion script for a shell to standard output
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the manual page to standard output, or all manual pages to a directory
    Man {
        /// The directory, which has to be there
        directory: Option<PathBuf>,
    },
}

/// What `serve` says besides its options.
const SERVE_HELP: &str = "\
Each setting is taken from the first place that says it:
  1. the command line; 2. the environment (CONFINE_LOG, or PYAPI_DEBUG=1 for debug, as the Python
     server has it); 3. confine.toml;
  4. the controller's configuration (CLICON_SOCK, CONTROLLER_PYAPI_MODULE_PATH,
     CONTROLLER_PYAPI_PIDFILE; fragments in CLICON_CONFIGDIR go before the file); 5. the default.
Lists add up: module directories given here come before those of the first file that names any; modules
are left out and lists are unmanaged if any place says so. `confine config` shows the outcome.

SIGTERM and SIGINT end the daemon once the commit that is running has been answered with an error; a
second one ends it at once. `confine stop` ends it once that commit has come to its own end.

Exit status:
  0  it was told to end and has answered its last commit
  1  it failed; standard error or the log say why
  2  the command line is wrong
  3  the settings are wrong: a file, a key or a value
  4  another instance is running and holds the pidfile";

/// What `rpc` says besides its options.
const RPC_HELP: &str = "\
An operation that only begins a transaction answers with the number of it. With `--wait`, its end is waited
for, and told on standard error; what was answered stands on standard output.

  confine rpc '<get-config><source><running/></source></get-config>'
  confine rpc --wait '<config-pull xmlns=\"http://clicon.org/controller\"><device>*</device></config-pull>'

Exit status 1 where the controller refuses it, or where the transaction that was waited for does not succeed.";

/// What `get` says besides its options.
const GET_HELP: &str = "\
A path is written as modules write it, from the root: names, and entries of lists by their keys. Without a
key it means every entry. A name needs the prefix (or the name) of its module only where it is not clear
without. What the models of the controller and of the device do not have is told, with what is meant perhaps.

  confine get \"/devices/device[name='r1']/config/interfaces/interface[name='eth0']/config/mtu\"
  confine get /devices/device/config/system/config/login-banner
  confine get --json /services

Exit status 1 where nothing stands there that the user may read.";

/// What `edit` says besides its options.
const EDIT_HELP: &str = "\
A value is refused before anything is sent where the model says that it is none. Without a value, a list
entry, a presence container or an empty leaf is made.

The candidate is everybody's: what is shown, and what is committed, is all that is different in it. What is
not committed, or cannot be, stays in it; `confine rpc '<discard-changes/>'`, with the same `--socket` and
`--user`, takes all of it back.

  confine edit \"/devices/device[name='r1']/config/interfaces/interface[name='eth0']/config/mtu\" 9000
  confine edit --commit \"/services/banner[service-name='legal']/text\" 'Authorised use only'
  confine edit --remove \"/services/banner[service-name='legal']\"";

/// What `shell` says besides its options.
const SHELL_HELP: &str = "\
`help` tells the commands. They show and change the candidate, which is everybody's: `commit` commits all that
is different in it. Tab completes names, keys and values; what was entered is kept until the end, and nowhere
else.

Where standard input is no terminal, it is a script: one command a line, `#` begins a line that is none. It
ends at the first command that cannot be done. What it has set by then stays in the candidate.

  confine shell
  printf '%s\\n' \"cd /devices/device[name='r1']/config/system\" 'set config/hostname r1' commit | confine shell

Exit status 1 where a command of a script could not be done, or where it ends with something set that it has
neither committed nor discarded.";

/// What `bindings` says besides its options.
const BINDINGS_HELP: &str = "\
For each container and list of the modules there is a type that stands for a place in the configuration,
with functions for what is in it: numbers, booleans and enumerations are those of Rust, decimal numbers keep
their digits, keys are quoted. Identities are those of the modules that are named and of what they import: name
those that define more. What the YANG calls `mtu` and says to be a `uint16` cannot be written otherwise.

  confine bindings --yang yang/ openconfig-interfaces iana-if-type my-service > src/bindings.rs

It goes with the Rust SDK (`confine-sdk`), as a module of its own: `mod bindings;`.";

/// Where settings come from, and settings.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct SettingsArgs {
    /// Confine's own settings [default: /etc/confine/confine.toml, if it is there]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// The controller's configuration [default: /usr/local/etc/clixon/controller.xml, if it is there and
    /// about this controller]
    #[arg(short = 'f', long, value_name = "FILE")]
    pub(crate) controller_config: Option<PathBuf>,

    /// The controller's socket
    #[arg(short, long, value_name = "SOCKET")]
    pub(crate) socket: Option<PathBuf>,

    /// A directory with modules (`*.wasm`, at any depth); may be given several times
    #[arg(short, long, value_name = "DIRECTORY")]
    pub(crate) modules: Vec<PathBuf>,

    /// Modules to leave out, with commas between their names; may be given several times
    #[arg(short, long, value_name = "MODULES")]
    pub(crate) exclude: Vec<ModuleNames>,

    /// A list under `/services` that no module is meant for: its instances are left alone; may be given
    /// several times
    #[arg(long, value_name = "LIST")]
    pub(crate) unmanaged: Vec<ListName>,

    /// The user that Confine subscribes, keeps its books and answers as [default: the one that it runs as]
    #[arg(short, long, value_name = "USER")]
    pub(crate) user: Option<UserName>,

    /// A directory for compiled modules that only the user that Confine runs as can write
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) cache: Option<PathBuf>,

    /// A directory for what Confine keeps: versions of modules to go back to
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) state: Option<PathBuf>,

    /// A file to lock, so that there is one daemon, with the number of its process
    #[arg(short, long, value_name = "FILE")]
    pub(crate) pidfile: Option<PathBuf>,

    /// What to log: a level (error, warn, info, debug, trace, off), or levels by part of the program, as in
    /// `info,confine_backend=trace` [default: info]
    #[arg(long, value_name = "FILTER")]
    pub(crate) log: Option<LogFilter>,

    /// Log what helps to find a fault: `--log debug`
    #[arg(short, long, conflicts_with = "log")]
    pub(crate) debug: bool,

    /// Log the XML that is exchanged with the controller as well, laid out; values of nodes that are secrets
    /// by their name are masked: as `xml=trace` in `--log`
    #[arg(long)]
    pub(crate) log_xml: bool,

    /// Where to log to [default: stderr]
    #[arg(long, value_enum, value_name = "TARGET", hide_possible_values = false)]
    pub(crate) log_to: Option<LogTarget>,

    /// What log lines look like [default: text]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,

    /// The socket for operators [default: /run/confine/admin.sock]
    #[arg(long, value_name = "SOCKET")]
    pub(crate) admin: Option<PathBuf>,

    /// Where monitoring finds metrics and health on this machine: an address with a port, or a socket
    /// [default: nowhere]
    #[arg(long, value_name = "PLACE")]
    pub(crate) metrics: Option<ListenAddress>,

    /// Whether this was the Python API server's command line.
    #[arg(skip)]
    pub(crate) as_python_server: bool,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// The module file
    pub(crate) module: PathBuf,

    /// Write a JSON object
    #[arg(long)]
    pub(crate) json: bool,

    /// Confine's own settings, whose limits hold [default: /etc/confine/confine.toml, if it is there]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct BindingsArgs {
    /// The names of the modules to write Rust for
    #[arg(required = true, value_name = "MODULE")]
    pub(crate) modules: Vec<String>,

    /// A directory with YANG (`*.yang`, at any depth), for the modules and what they import; may be given
    /// several times
    #[arg(short, long, value_name = "DIRECTORY", required = true)]
    pub(crate) yang: Vec<PathBuf>,
}

/// Which daemon to ask.
#[derive(Debug, Args)]
pub(crate) struct DaemonArgs {
    /// The daemon's admin socket [default: the one that confine.toml names, or /run/confine/admin.sock]
    #[arg(short, long, value_name = "SOCKET", global = true)]
    pub(crate) admin: Option<PathBuf>,

    /// Confine's own settings [default: /etc/confine/confine.toml, if it is there]
    #[arg(short, long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) daemon: DaemonArgs,

    /// Write a JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    pub(crate) daemon: DaemonArgs,

    /// Seconds from one look to the next
    #[arg(short, long, value_name = "SECONDS", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) interval: u64,
}

#[derive(Debug, Args)]
pub(crate) struct ModulesArgs {
    #[command(flatten)]
    pub(crate) daemon: DaemonArgs,

    /// Write JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) task: Option<ModulesCommand>,
}

/// What to do with a module. Changes take effect between two commits.
#[derive(Debug, Subcommand)]
pub(crate) enum ModulesCommand {
    /// Show all that is known of a module, with its limits
    Show(ModuleNameArgs),
    /// Run it again
    Enable(ModuleNameArgs),
    /// Run it no more; commits of its services fail until it is enabled
    Disable(ModuleNameArgs),
    /// Go back to the version that ran before
    Rollback(ModuleNameArgs),
    /// Load it from its file, also after a rollback
    Reload(ModuleNameArgs),
    /// Run it again that is in quarantine
    Release(ModuleNameArgs),
    /// Know no more of a module whose file is gone
    Forget(ModuleNameArgs),
    /// Look at all module directories now
    Refresh,
}

#[derive(Debug, Args)]
pub(crate) struct ModuleNameArgs {
    /// The module's name: that of its file without `.wasm`
    pub(crate) name: ModuleName,
}

#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    #[command(flatten)]
    pub(crate) daemon: DaemonArgs,

    /// What to log from now on, as in `confine serve --log`
    pub(crate) filter: Option<LogFilter>,
}

/// A demonstration that needs no controller and no device: everything is in this process.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Leave the controller and the daemon running afterwards, on this socket [default:
    /// confine-demo.sock]
    #[arg(long, value_name = "SOCKET", num_args = 0..=1, default_missing_value = DEMO_SOCKET)]
    pub(crate) serve: Option<PathBuf>,
}

/// A look at a controller without another client.
#[derive(Debug, Args)]
pub(crate) struct RpcArgs {
    /// The operation, as it stands in `<rpc>`: `<get-config><source><running/></source></get-config>`
    pub(crate) operation: String,

    /// Wait for the end of the transaction that it begins, if it begins one
    #[arg(short, long)]
    pub(crate) wait: bool,

    #[command(flatten)]
    pub(crate) controller: ControllerArgs,
}

/// Which controller to ask, and for whom.
#[derive(Debug, Args)]
pub(crate) struct ControllerArgs {
    /// The controller's socket [default: the daemon's; that of a demo in this directory where there is none]
    #[arg(short, long, value_name = "SOCKET")]
    pub(crate) socket: Option<PathBuf>,

    /// Confine's own settings [default: /etc/confine/confine.toml, if it is there]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// The user to ask for; the one that runs this if not given
    #[arg(short, long, value_name = "USER")]
    pub(crate) user: Option<UserName>,
}

impl ControllerArgs {
    /// The options for a command that asks the same, as one would enter them, each after a blank.
    pub(crate) fn again(&self) -> String {
        let path = |path: &PathBuf| path.to_string_lossy().into_owned();
        let options = [
            ("socket", self.socket.as_ref().map(path)),
            ("config", self.config.as_ref().map(path)),
            ("user", self.user.as_ref().map(ToString::to_string)),
        ];
        let quoted = |(option, value): (&str, Option<String>)| {
            let value = value?;
            // What cannot be quoted is a NUL, which is in no path and no name.
            let value = shlex::try_quote(&value).unwrap_or(Cow::Borrowed(&value));
            Some(format!(" --{option} {value}"))
        };
        options.into_iter().filter_map(quoted).collect()
    }
}

#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    /// The path, from the root
    pub(crate) path: String,

    /// Read the candidate, not `running`
    #[arg(long)]
    pub(crate) candidate: bool,

    /// Write JSON (RFC 7951), not XML
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) controller: ControllerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct EditArgs {
    /// The path of the node, from the root, with the keys of every list
    pub(crate) path: String,

    /// The value of a leaf, or of an entry of a leaf-list
    #[arg(allow_negative_numbers = true)]
    pub(crate) value: Option<String>,

    /// Remove the node, with all below it
    #[arg(long, conflicts_with = "value")]
    pub(crate) remove: bool,

    /// Commit the candidate afterwards, with all that is in it
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

/// Serve a controller in the place of its Python API server
///
/// This is that server's command line, for controllers that are configured to start it. See `confine
/// serve` for Confine's own, and for what goes before what.
#[derive(Debug, Parser)]
#[command(name = "confine", version, max_term_width = 100, infer_long_args = true, after_long_help = EXIT_STATUS)]
struct PythonServerArgs {
    /// The controller's configuration
    #[arg(short = 'f', long, value_name = "FILE")]
    configfile: Option<PathBuf>,

    /// A directory with modules (`*.wasm`, at any depth); may be given several times
    #[arg(short, long, value_name = "DIRECTORY")]
    modulepaths: Vec<PathBuf>,

    /// Modules to leave out, with commas between their names
    #[arg(short = 'e', long, value_name = "MODULES")]
    modulefilter: Option<ModuleNames>,

    /// Log what helps to find a fault
    #[arg(short, long)]
    debug: bool,

    /// The controller's socket
    #[arg(short, long, value_name = "SOCKET")]
    sockpath: Option<PathBuf>,

    /// A file to lock, so that there is one daemon, with the number of its process
    #[arg(short, long, value_name = "FILE")]
    pidfile: Option<PathBuf>,

    /// Log the XML that is exchanged with the controller, laid out; values of nodes that are secrets by
    /// their name are masked
    #[arg(short = 'P', long = "pp")]
    pretty_print: bool,

    /// Log to syslog (s) or to standard output (o) [default: s]
    #[arg(short, long, value_enum, value_name = "TARGET")]
    log: Option<PythonLogTarget>,

    /// Accepted and without effect: Confine always stays in the foreground
    #[arg(short = 'F', long = "foreground")]
    _foreground: bool,

    /// Accepted and without effect
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
    /// Where to log to, as far as the command line says.
    pub(crate) fn log_target(&self) -> LogTarget {
        // The backend gives the server that it starts a standard error that nobody reads.
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

/// What a command line asks for. Its first word is the program.
pub(crate) fn parse(line: impl IntoIterator<Item = OsString>) -> Result<Command, clap::Error> {
    let line: Vec<_> = line.into_iter().collect();
    if is_python_server(&line) {
        return PythonServerArgs::try_parse_from(line).map(|server| Command::Serve(server.into()));
    }
    Cli::try_parse_from(line).map(|cli| cli.command)
}

/// Whether it begins with an option, which all of Confine's own have after a command.
fn is_python_server(line: &[OsString]) -> bool {
    line.get(1)
        .and_then(|first| first.to_str())
        .is_some_and(|first| first.starts_with('-') && !["-h", "--help", "-V", "--version"].contains(&first))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn line(words: &str) -> Result<Command, clap::Error> {
        parse(words.split(' ').map(OsString::from))
    }

    fn serve(words: &str) -> SettingsArgs {
        match line(words) {
            Ok(Command::Serve(options)) => options,
            other => panic!("{words}: {other:?}"),
        }
    }

    #[test]
    fn the_command_lines_are_well_formed() {
        Cli::command().debug_assert();
        PythonServerArgs::command().debug_assert();
    }

    #[test]
    fn the_python_servers_options_are_taken() {
        let options =
            serve("confine -f /c.xml -m /a -m /b -e x,y.wasm -d -s /s.sock -p /p.pid -P -l o -F -- more -x");
        assert!(options.as_python_server && options.debug && options.log_xml);
        assert_eq!(options.controller_config, Some("/c.xml".into()));
        assert_eq!(options.modules, [PathBuf::from("/a"), "/b".into()]);
        assert_eq!(options.exclude, ["x,y".parse().unwrap()]);
        assert_eq!(options.socket, Some("/s.sock".into()));
        assert_eq!(options.pidfile, Some("/p.pid".into()));
        assert_eq!(options.log_to, Some(LogTarget::Stdout));
    }

    #[test]
    fn the_python_servers_ways_of_writing_them_are_taken() {
        let options = serve("confine --configfile /c.xml --modulep /a --sockpath=/s --log s --pp");
        assert_eq!(options.controller_config, Some("/c.xml".into()));
        assert_eq!(options.socket, Some("/s".into()));
        assert_eq!(options.log_to, Some(LogTarget::Syslog));
        let options = serve("confine -dPf/c.xml trailing -s ignored");
        assert!(options.debug && options.socket.is_none());
        assert_eq!(options.controller_config, Some("/c.xml".into()));
        assert_eq!(serve("confine -F").controller_config, None);
    }

    #[test]
    fn a_command_is_no_argument_of_the_python_server() {
        let options = serve("confine serve -f /c.xml -c /x.toml --unmanaged legacy --log warn");
        assert!(!options.as_python_server);
        assert_eq!(options.config, Some("/x.toml".into()));
        assert_eq!(options.log, Some("warn".parse().unwrap()));
    }

    #[test]
    fn what_is_not_understood_is_refused_with_status_2() {
        for words in [
            "confine sreve",
            "confine serve --sockets /x",
            "confine serve -d --log info",
            "confine serve --log inof",
            "confine serve --unmanaged a[b]",
            "confine -f /c.xml --no-such-option",
            "confine -l x",
            "confine",
        ] {
            assert_eq!(line(words).unwrap_err().exit_code(), 2, "{words}");
        }
        for words in
            ["confine -h", "confine -V", "confine -f /c.xml -h", "confine -F -V", "confine serve --help"]
        {
            assert_eq!(line(words).unwrap_err().exit_code(), 0, "{words}");
        }
    }
}
