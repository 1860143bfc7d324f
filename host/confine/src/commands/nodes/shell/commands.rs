//! The commands of the shell.

use clap::{CommandFactory as _, Parser, Subcommand, error::ErrorKind};
use confine_backend::Datastore;
use confine_tree::{NodeKind, nearest};

use super::{
    describe, list,
    state::{AfterCommand, ShellState},
    words,
};
use crate::{
    cli::{Paragraphs, terminal_width},
    commands::{
        nodes::{candidate, change::NodeChange, get, session::ModelDepth},
        output::{print, show},
    },
    error::Error,
};

/// The help below the list of commands.
const HELP: &str = "\
A PATH starts at the current node, or with a leading `/` at the root; `..` is the node above. List entries are named \
by their keys, as in `interface[name='eth0']`. Where a name is ambiguous, write `prefix:name`, with the prefix or the \
name of the YANG module.

Blanks separate words. Text between quotes is one word: 'two words', \"it's\", or 'it''s' with the quote doubled. \
Predicates of a path need no additional quotes: `interface[name='Gigabit Ethernet 0']`. A quote that is open at the \
end of a line continues on the next line. A line that starts with `#` is a comment.

`set`, `remove` and `discard` change the candidate immediately. All users share the candidate: `diff` and `commit` \
include other people's pending changes.
";

/// A command line of the shell.
#[derive(Debug, Parser)]
#[command(
    name = "confine shell",
    multicall = true,
    disable_help_flag = true,
    disable_help_subcommand = true,
    subcommand_help_heading = "Commands",
    help_template = "{subcommands}"
)]
struct ShellLine {
    #[command(subcommand)]
    command: ShellCommand,
}

#[derive(Debug, Subcommand)]
#[command(disable_help_flag = true)]
enum ShellCommand {
    /// List the nodes at the current node or a path, with their kind and type
    Ls {
        /// List all nodes of the YANG model, present or not
        #[arg(short, long)]
        all: bool,
        /// The node [default: the current node]
        path: Option<String>,
    },
    /// Change the current node; without a path, to the root
    Cd {
        /// The node
        path: Option<String>,
    },
    /// Show the candidate at the current node or a path
    Get {
        /// The node [default: the current node]
        path: Option<String>,
        /// Print JSON (RFC 7951) instead of XML
        #[arg(long)]
        json: bool,
        /// Show `running` instead of the candidate
        #[arg(long)]
        running: bool,
    },
    /// Set a leaf; without a value, create a list entry, a presence container or an empty leaf
    Set {
        /// The node
        path: String,
        /// The value of a leaf or of a leaf-list entry
        #[arg(allow_hyphen_values = true)]
        value: Option<String>,
    },
    /// Remove a node and everything below it
    Remove {
        /// The node
        path: String,
    },
    /// Describe a node as its YANG model does
    Describe {
        /// The node [default: the current node]
        path: Option<String>,
    },
    /// Show the pending changes: the differences between `running` and the candidate
    Diff,
    /// Commit the candidate, with all pending changes
    Commit,
    /// Discard all pending changes
    Discard,
    /// List the commands, or show the syntax of one
    Help {
        /// The command
        command: Option<String>,
    },
    /// Exit the shell
    #[command(alias = "quit")]
    Exit,
}

impl ShellState {
    /// Runs a line.
    pub(super) async fn run(&mut self, line: &str) -> Result<AfterCommand, Error> {
        if words::is_comment(line) {
            return Ok(AfterCommand::Continue);
        }
        let words = words::split(line)?;
        if words.is_empty() {
            return Ok(AfterCommand::Continue);
        }
        match parsed(&words)? {
            ShellCommand::Ls { all, path } => {
                let text = list::text(self, path.as_deref().unwrap_or("."), all).await?;
                print(text.as_bytes())?;
            }
            ShellCommand::Cd { path } => self.enter(path.as_deref().unwrap_or("/")).await?,
            ShellCommand::Get { path, json, running } => {
                let target = self.find(path.as_deref().unwrap_or("."), None, get::model_depth(json)).await?;
                let source = if running { Datastore::Running } else { Datastore::Candidate };
                show(&get::text(&mut self.session, &target, source, json).await?)?;
            }
            ShellCommand::Set { path, value } => self.edit(&path, NodeChange::to(value.as_deref())).await?,
            ShellCommand::Remove { path } => self.edit(&path, NodeChange::Remove).await?,
            ShellCommand::Describe { path } => {
                let target = self.find(path.as_deref().unwrap_or("."), None, ModelDepth::Children).await?;
                print(describe::text(&target)?.as_bytes())?;
            }
            ShellCommand::Diff => {
                let differences = candidate::differences(&mut self.session).await?;
                print(differences.as_deref().unwrap_or(candidate::NOTHING).as_bytes())?;
            }
            ShellCommand::Commit => print(self.changes.commit(&mut self.session).await?.as_bytes())?,
            ShellCommand::Discard => self.changes.discard(&mut self.session).await?,
            ShellCommand::Help { command } => print(help(command.as_deref())?.as_bytes())?,
            ShellCommand::Exit => return Ok(AfterCommand::Exit),
        }
        Ok(AfterCommand::Continue)
    }

    /// Changes the current node. The node need not exist yet.
    async fn enter(&mut self, path: &str) -> Result<(), Error> {
        let target = self.find(path, None, ModelDepth::Node).await?;
        let pattern = target.pattern();
        target.overlay.check_exact(&pattern)?;
        let what = match target.overlay.schema_view().kind(target.overlay.locate(&pattern)) {
            NodeKind::Leaf | NodeKind::EmptyLeaf => "a leaf",
            NodeKind::LeafList => "an entry of a leaf-list",
            NodeKind::AnyData => "data without a YANG model",
            _ => {
                self.at = pattern;
                return Ok(());
            }
        };
        Err(Error::NotEnterable { path: pattern.to_string(), what })
    }

    async fn edit(&mut self, path: &str, change: NodeChange<'_>) -> Result<(), Error> {
        let target = self.find(path, change.value(), ModelDepth::Node).await?;
        if self.changes.make(&mut self.session, target, change).await? {
            anstream::eprintln!(
                "note: the candidate already had pending changes, which `commit` commits as well: see `diff`"
            );
        }
        Ok(())
    }
}

/// The command in the words.
fn parsed(words: &[String]) -> Result<ShellCommand, Error> {
    let command = words.first().map(String::as_str).unwrap_or_default();
    ShellLine::try_parse_from(words).map(|line| line.command).map_err(|error| match error.kind() {
        ErrorKind::InvalidSubcommand | ErrorKind::UnknownArgument if !is_command(command) => {
            no_command(command)
        }
        _ => {
            // The first paragraph describes the problem.
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

/// The arguments and options of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CommandSyntax {
    /// The arguments, in order.
    pub(super) arguments: Vec<String>,
    /// The options, with their dashes.
    pub(super) options: Vec<String>,
}

/// The syntax of a command; empty if there is no such command.
pub(super) fn syntax(command: &str) -> CommandSyntax {
    let line = ShellLine::command();
    let mut syntax = CommandSyntax::default();
    for argument in line.find_subcommand(command).into_iter().flat_map(clap::Command::get_arguments) {
        match argument.get_long() {
            Some(long) => syntax.options.push(format!("--{long}")),
            None => syntax.arguments.push(argument.get_id().to_string()),
        }
    }
    syntax
}

fn help(command: Option<&str>) -> Result<String, Error> {
    let width = terminal_width();
    let mut line = ShellLine::command().term_width(width);
    let Some(command) = command else {
        return Ok(format!("{}\n\n{}\n", line.render_help(), Paragraphs(HELP).wrapped(width)));
    };
    let found = line.find_subcommand_mut(command).ok_or_else(|| no_command(command))?;
    Ok(found.render_help().to_string())
}
