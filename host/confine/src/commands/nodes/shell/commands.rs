//! The commands of the shell.

use clap::{CommandFactory as _, Parser, Subcommand, error::ErrorKind};
use confine_backend::Datastore;
use confine_tree::{NodeKind, nearest};

use super::{AfterCommand, ShellState, describe, list, words};
use crate::{
    commands::{
        nodes::{candidate, edit::NodeChange, get, session::ModelDepth},
        print, show,
    },
    error::Error,
};

/// What is behind the commands in their help.
const HELP: &str = "\
A PATH is written as modules and `confine get` write it: from the place, or with a `/` before it from
the root; `..` is one place up. Entries of lists are named by their keys, as in
`interface[name='eth0']`. Where a name is not clear by itself, `prefix:name` says whose it is, by the
prefix or the name of the module.

Blanks stand between words. What is between quotes is one word: 'two words', \"it's\", or 'it''s'
with the quote doubled. The predicates of a path need no more quotes than they have:
`cd interface[name='Gigabit Ethernet 0']`. A quote that is open at the end of a line goes on in the
next one. A line that begins with `#` is a comment.

`set`, `remove` and `discard` change the candidate at once. `commit` commits all that is in it, which
may be more than was set here: `diff` shows it.
";

/// A line of the shell.
#[derive(Debug, Parser)]
#[command(
    name = "confine shell",
    multicall = true,
    disable_help_flag = true,
    disable_help_subcommand = true,
    subcommand_help_heading = "The commands",
    help_template = "{subcommands}\n\n{after-help}",
    after_help = HELP
)]
struct ShellLine {
    #[command(subcommand)]
    command: ShellCommand,
}

#[derive(Debug, Subcommand)]
#[command(disable_help_flag = true)]
enum ShellCommand {
    /// Show what is in the place or below a path, with its kind and type
    Ls {
        /// Show all that could be there
        #[arg(short, long)]
        all: bool,
        /// Where to look; the place if not given
        path: Option<String>,
    },
    /// Go to a place, or to the root
    Cd {
        /// The place
        path: Option<String>,
    },
    /// Show what stands in the candidate
    Get {
        /// Where to look; the place if not given
        path: Option<String>,
        /// Write JSON (RFC 7951), not XML
        #[arg(long)]
        json: bool,
        /// Read `running`
        #[arg(long)]
        running: bool,
    },
    /// Give a leaf a value; without one, make a list entry, a presence container or an empty leaf
    Set {
        /// The node
        path: String,
        /// The value of a leaf, or of an entry of a leaf-list
        #[arg(allow_hyphen_values = true)]
        value: Option<String>,
    },
    /// Take a node away, with all below it
    Remove {
        /// The node
        path: String,
    },
    /// Show what the model says of a node
    Describe {
        /// The node; the place if not given
        path: Option<String>,
    },
    /// Show what is different in the candidate from `running`
    Diff,
    /// Commit the candidate, with all that is in it
    Commit,
    /// Make the candidate what `running` is
    Discard,
    /// Show the commands, or how one is written
    Help {
        /// The command
        command: Option<String>,
    },
    /// End the shell
    #[command(alias = "quit")]
    Exit,
}

impl ShellState {
    /// Runs a line.
    pub(super) async fn run(&mut self, line: &str) -> Result<AfterCommand, Error> {
        if words::is_comment(line) {
            return Ok(AfterCommand::GoOn);
        }
        let words = words::split(line)?;
        if words.is_empty() {
            return Ok(AfterCommand::GoOn);
        }
        match parsed(&words)? {
            ShellCommand::Ls { all, path } => {
                let text = list::text(self, path.as_deref().unwrap_or("."), all).await?;
                print(text.as_bytes())?;
            }
            ShellCommand::Cd { path } => self.go(path.as_deref().unwrap_or("/")).await?,
            ShellCommand::Get { path, json, running } => {
                let place = self.find(path.as_deref().unwrap_or("."), None, get::reach(json)).await?;
                let source = if running { Datastore::Running } else { Datastore::Candidate };
                show(&get::text(&mut self.session, &place, source, json).await?)?;
            }
            ShellCommand::Set { path, value } => self.edit(&path, NodeChange::to(value.as_deref())).await?,
            ShellCommand::Remove { path } => self.edit(&path, NodeChange::Remove).await?,
            ShellCommand::Describe { path } => {
                let place = self.find(path.as_deref().unwrap_or("."), None, ModelDepth::Children).await?;
                print(describe::text(&place)?.as_bytes())?;
            }
            ShellCommand::Diff => {
                let differences = candidate::differences(&mut self.session).await?;
                print(differences.as_deref().unwrap_or(candidate::NOTHING).as_bytes())?;
            }
            ShellCommand::Commit => print(self.changes.commit(&mut self.session).await?.as_bytes())?,
            ShellCommand::Discard => self.changes.discard(&mut self.session).await?,
            ShellCommand::Help { command } => print(help(command.as_deref())?.as_bytes())?,
            ShellCommand::Exit => return Ok(AfterCommand::End),
        }
        Ok(AfterCommand::GoOn)
    }

    /// Goes to a place. It need not be there yet.
    async fn go(&mut self, path: &str) -> Result<(), Error> {
        let place = self.find(path, None, ModelDepth::Node).await?;
        let pattern = place.pattern();
        place.overlay.check_exact(&pattern)?;
        let what = match place.overlay.knowledge().form(place.overlay.locate(&pattern)) {
            NodeKind::Leaf | NodeKind::EmptyLeaf => "a leaf",
            NodeKind::LeafList => "an entry of a leaf-list",
            NodeKind::AnyData => "data without a model",
            _ => {
                self.at = pattern;
                return Ok(());
            }
        };
        Err(Error::NoPlace { path: pattern.to_string(), what })
    }

    async fn edit(&mut self, path: &str, change: NodeChange<'_>) -> Result<(), Error> {
        let place = self.find(path, change.value(), ModelDepth::Node).await?;
        if self.changes.make(&mut self.session, place, change).await? {
            anstream::eprintln!(
                "note: the candidate held other changes before, which `commit` commits as well: see `diff`"
            );
        }
        Ok(())
    }
}

/// What the words say to do.
fn parsed(words: &[String]) -> Result<ShellCommand, Error> {
    let command = words.first().map(String::as_str).unwrap_or_default();
    ShellLine::try_parse_from(words).map(|line| line.command).map_err(|error| match error.kind() {
        ErrorKind::InvalidSubcommand | ErrorKind::UnknownArgument if !is_command(command) => {
            no_command(command)
        }
        _ => {
            // Its first paragraph says what is wrong.
            let text = error.render().to_string();
            let lines: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
            let problem = lines.join(" ").trim_start_matches("error: ").to_owned();
            Error::Usage { command: command.to_owned(), problem }
        }
    })
}

fn no_command(word: &str) -> Error {
    let names = names();
    let near = nearest(word, names.iter().map(String::as_str)).into_iter().map(str::to_owned).collect();
    Error::NoCommand { word: word.to_owned(), nearest: near }
}

fn is_command(word: &str) -> bool {
    ShellLine::command().find_subcommand(word).is_some()
}

/// The names of the commands.
pub(super) fn names() -> Vec<String> {
    ShellLine::command().get_subcommands().map(|command| command.get_name().to_owned()).collect()
}

/// What of a command's words stands for what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CommandSyntax {
    /// The arguments, in order.
    pub(super) arguments: Vec<String>,
    /// The options, as they are written.
    pub(super) options: Vec<String>,
}

/// How a command is written; nothing for what is no command.
pub(super) fn shape(command: &str) -> CommandSyntax {
    let line = ShellLine::command();
    let mut shape = CommandSyntax::default();
    for argument in line.find_subcommand(command).into_iter().flat_map(clap::Command::get_arguments) {
        match argument.get_long() {
            Some(long) => shape.options.push(format!("--{long}")),
            None => shape.arguments.push(argument.get_id().to_string()),
        }
    }
    shape
}

fn help(command: Option<&str>) -> Result<String, Error> {
    let mut line = ShellLine::command();
    let Some(command) = command else { return Ok(line.render_help().to_string()) };
    let found = line.find_subcommand_mut(command).ok_or_else(|| no_command(command))?;
    Ok(found.render_help().to_string())
}
