//! The help that follows the options of a command, and its layout.

use std::{env, io};

use clap::Command;

use crate::columns::wrapped;

/// The width of help, in characters, where the terminal does not tell its own.
const DEFAULT_WIDTH: usize = 100;
/// The widest lines of help: longer ones are hard to read.
const MAX_WIDTH: usize = 100;
/// What an example or a row of a table starts with.
const VERBATIM: &str = "  ";

macro_rules! exit_status {
    () => {
        "\
Exit status:

  0  success: a daemon has stopped as requested
  1  failure: standard error or the log has the reason
  2  wrong command line
  3  wrong settings: a file, a key or a value
  4  another instance is running and holds the pidfile"
    };
}

pub(super) const PROGRAM_HELP: &str = concat!(
    "\
Example of a command line in place of the Python API server:

  confine -f /usr/local/etc/clixon/controller.xml

",
    exit_status!()
);

/// The exit statuses of all commands.
pub(crate) const EXIT_STATUS: &str = exit_status!();

pub(super) const SERVE_HELP: &str = concat!(
    "\
Each setting comes from the first of these that has it:

  1. the command line
  2. the environment: CONFINE_LOG, or PYAPI_DEBUG=1 for debug
  3. confine.toml
  4. the controller's configuration
  5. the default

The controller's configuration sets CLICON_SOCK, CONTROLLER_PYAPI_MODULE_PATH and CONTROLLER_PYAPI_PIDFILE; \
fragments in CLICON_CONFIGDIR override the file itself.

Lists are combined: module directories given here come before those of the first file that names any; a module is \
excluded, and a list is unmanaged, if any of the above says so. `confine config` shows the result.

SIGTERM and SIGINT stop the daemon after it has answered the commit in progress with an error; a second signal stops \
it immediately. `confine stop` lets the commit in progress finish.

",
    exit_status!()
);

pub(super) const RPC_HELP: &str = "\
An operation that starts a transaction replies with the number of the transaction. With `--wait`, wait for the \
transaction and print its result on stderr; the reply goes to stdout.

Examples:

  confine rpc '<get-config><source><running/></source></get-config>'
  confine rpc --wait '<config-pull xmlns=\"http://clicon.org/controller\"><device>*</device></config-pull>'

Exits with 1 if the controller rejects the request, or if the transaction fails.";

pub(super) const GET_HELP: &str = "\
A path starts at the root. It names nodes, and list entries by their keys; a list without keys means every entry. Write \
the prefix or the name of a YANG module before a node name where the name alone is ambiguous. Names that are not in \
the YANG models are reported, with a suggestion if one is close.

Examples:

  confine get \"/devices/device[name='r1']/config/interfaces/interface[name='eth0']/config/mtu\"
  confine get /devices/device/config/system/config/login-banner
  confine get --json /services

Exits with 1 if there is nothing at the path, or nothing you may read.";

pub(super) const EDIT_HELP: &str = "\
Values are checked against their YANG type before anything is sent. Without a value, a list entry, a presence container \
or an empty leaf is created.

All users share the candidate: the diff and the commit include other people's pending changes. A change that is not \
committed stays in the candidate; `confine rpc '<discard-changes/>'`, with the same `--socket` and `--user`, discards \
all pending changes.

Examples:

  confine edit \"/devices/device[name='r1']/config/interfaces/interface[name='eth0']/config/mtu\" 9000
  confine edit --commit \"/services/banner[service-name='legal']/text\" 'Authorised use only'
  confine edit --remove \"/services/banner[service-name='legal']\"";

pub(super) const SHELL_HELP: &str = "\
`help` lists the commands of the shell. Tab completes names, keys and values. The history is kept until the shell \
exits, and nowhere else. All users share the candidate: the diff and the commit include other people's pending changes.

If stdin is not a terminal it is read as a script: one command per line, `#` starts a comment. A script stops at the \
first command that fails; what it has set by then stays in the candidate.

Examples:

  confine shell
  printf '%s\\n' \"cd /devices/device[name='r1']/config/system\" 'set config/hostname r1' commit | confine shell

Exits with 1 if a command of a script fails, or if a script ends with changes that it has neither committed nor \
discarded.";

pub(super) const BINDINGS_HELP: &str = "\
Each container and list of the YANG modules becomes a Rust type with functions for the nodes in it: numbers, booleans \
and enumerations are those of Rust, decimal numbers keep their digits, keys are quoted. A leaf of type `uint16` takes \
nothing but a `u16`. The identities are those of the modules you name and of their imports: also name the modules that \
define more of them.

Examples:

  confine bindings --yang yang/ openconfig-interfaces iana-if-type my-service > src/bindings.rs
  confine bindings --yang yang/ --path /native/hostname --path /native/interface Cisco-IOS-XE-native > src/bindings.rs

The bindings of a whole device model can be larger than a compiler takes: `--path` limits them to what the service needs.

Use the file with the Rust SDK (`confine-sdk`), as a module of its own: `mod bindings;`.";

/// Paragraphs, one line each, between lines that are examples or rows of a table.
pub(crate) struct Paragraphs<'a>(pub(crate) &'a str);

impl Paragraphs<'_> {
    /// The paragraphs wrapped at this width; examples and rows of tables as they are.
    pub(crate) fn wrapped(&self, width: usize) -> String {
        let lines = self.0.lines().flat_map(|line| match line.starts_with(VERBATIM) {
            true => vec![line.to_owned()],
            false => wrapped(unbreakable(line), width),
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// The words of a text. Code between backticks is one word, so that it can be copied.
pub(super) fn unbreakable(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match words.last_mut().filter(|last| last.matches('`').count() % 2 == 1) {
            Some(code) => {
                code.push(' ');
                code.push_str(word);
            }
            None => words.push(word.to_owned()),
        }
    }
    words
}

/// The width of the terminal, or what `COLUMNS` says where there is none.
pub(crate) fn terminal_width() -> usize {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok();
    let terminal = size.map(|size| usize::from(size.ws_col)).filter(|&columns| columns > 0);
    let columns = || env::var("COLUMNS").ok()?.parse().ok();
    terminal.or_else(columns).unwrap_or(DEFAULT_WIDTH).min(MAX_WIDTH)
}

/// The command with help for this width. clap wraps every line of what follows the options, which breaks examples:
/// that text becomes part of the template, which clap leaves as it is.
pub(super) fn with_paragraphs(command: Command, width: usize, is_long: bool) -> Command {
    let after = command.get_after_long_help().filter(|_| is_long).map(ToString::to_string);
    let mut template = "{about-with-newline}\n{usage-heading} {usage}\n\n{all-args}".to_owned();
    if let Some(after) = after {
        template += "\n\n";
        template += &Paragraphs(&after).wrapped(width);
    }
    let command = command.term_width(width).help_template(template);
    command.mut_subcommands(|command| with_paragraphs(command, width, is_long))
}

/// The end of the help of `yang`.
pub(super) const YANG_HELP: &str = "\
With the module, Confine keeps in the controller's datastore what stood on devices before services changed it, and restores it \
when no service changes it any more. Without it, everything else works. The backend reads YANG when it starts.

Examples:
  confine yang install
  confine yang install /usr/local/share/controller/main
  confine yang remove";
