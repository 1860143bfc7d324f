//! The shell on a terminal: a prompt, completion, and a history that lasts until it exits.

use std::{cell::RefCell, rc::Rc};

use confine_sandbox::text;
use rustyline::{
    CompletionType, Config, Context, Editor, Helper,
    completion::Completer,
    error::ReadlineError,
    highlight::Highlighter,
    hint::Hinter,
    history::MemHistory,
    validate::{ValidationContext, ValidationResult, Validator},
};
use tokio::runtime::Runtime;

use super::{
    state::{AfterCommand, ShellState},
    words::{CommandLines, is_open},
};
use crate::{commands::output::print, error::Error};

/// The most of the current node that the prompt shows, in characters: the end of its path.
const PROMPT: usize = 60;

const QUESTION: &str = "Your changes are in the candidate, and not committed: [c]ommit, [d]iscard, [l]eave them there, or [s]tay? ";

/// The shell, shared by the line editor and the loop that runs commands.
struct ShellContext {
    runtime: Runtime,
    shell: RefCell<ShellState>,
}

pub(super) fn run(runtime: Runtime, shell: ShellState) -> Result<(), Error> {
    let common = Rc::new(ShellContext { runtime, shell: RefCell::new(shell) });
    let config = Config::builder().completion_type(CompletionType::List).auto_add_history(true).build();
    let history = MemHistory::with_config(&config);
    let mut editor = Editor::with_history(config, history)?;
    editor.set_helper(Some(LineHelper(common.clone())));
    loop {
        let prompt = common.shell.borrow().prompt();
        let then = match editor.readline(&prompt) {
            Ok(text) => common.run(&text),
            Err(ReadlineError::Eof) => Ok(AfterCommand::Exit),
            // The line is discarded.
            Err(ReadlineError::Interrupted) => Ok(AfterCommand::Continue),
            Err(error) => return Err(error.into()),
        };
        match then {
            Ok(AfterCommand::Continue) => {}
            Ok(AfterCommand::Exit) if common.may_exit(&mut editor)? => return Ok(()),
            Ok(AfterCommand::Exit) => {}
            Err(error) => anstream::eprintln!("{}", error.report()),
        }
    }
}

impl ShellContext {
    /// Runs the entered text: several commands if they were pasted, up to the first that fails.
    fn run(&self, text: &str) -> Result<AfterCommand, Error> {
        for command in CommandLines::of(text.lines().map(|line| Ok(line.to_owned()))) {
            let (_, command) = command.map_err(Error::Input)?;
            if self.runtime.block_on(self.shell.borrow_mut().run(&command))? == AfterCommand::Exit {
                return Ok(AfterCommand::Exit);
            }
        }
        Ok(AfterCommand::Continue)
    }

    /// Asks what to do with pending changes. Returns whether the shell exits.
    fn may_exit(&self, editor: &mut Editor<LineHelper, MemHistory>) -> Result<bool, Error> {
        let has_changes = self.runtime.block_on(self.shell.borrow_mut().has_changes());
        match has_changes {
            Ok(false) => return Ok(true),
            Ok(true) => {}
            Err(error) => {
                // The controller cannot be asked about changes, nor change them.
                anstream::eprintln!("{}", error.report());
                return Ok(true);
            }
        }
        loop {
            let answer = match editor.readline(QUESTION) {
                Ok(answer) => answer,
                Err(ReadlineError::Eof) => "leave".to_owned(),
                Err(ReadlineError::Interrupted) => "stay".to_owned(),
                Err(error) => return Err(error.into()),
            };
            let command = match answer.trim() {
                "c" | "commit" => "commit",
                "d" | "discard" => "discard",
                "l" | "leave" => {
                    print(b"Your changes stay in the candidate.\n")?;
                    return Ok(true);
                }
                "s" | "stay" => return Ok(false),
                _ => continue,
            };
            return match self.run(command) {
                Ok(_) => Ok(true),
                Err(error) => {
                    anstream::eprintln!("{}", error.report());
                    Ok(false)
                }
            };
        }
    }
}

impl ShellState {
    fn prompt(&self) -> String {
        let path = text::line(&self.at.to_string(), usize::MAX);
        match path.chars().count().checked_sub(PROMPT) {
            None | Some(0) => format!("{path}> "),
            Some(more) => format!("…{}> ", path.chars().skip(more + 1).collect::<String>()),
        }
    }
}

/// Completes the line, and checks whether a quote continues on the next line.
struct LineHelper(Rc<ShellContext>);

impl Helper for LineHelper {}

impl Highlighter for LineHelper {}

impl Hinter for LineHelper {
    type Hint = String;
}

impl Completer for LineHelper {
    type Candidate = String;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        let ShellContext { runtime, shell } = &*self.0;
        let before = line.get(..pos).unwrap_or_default();
        // If completion fails, the line is not completed.
        Ok(runtime.block_on(shell.borrow_mut().complete(before)).unwrap_or((pos, Vec::new())))
    }
}

impl Validator for LineHelper {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let lines = context.input().lines().map(|line| Ok(line.to_owned()));
        let is_open =
            CommandLines::of(lines).last().is_some_and(|last| last.is_ok_and(|(_, last)| is_open(&last)));
        Ok(if is_open { ValidationResult::Incomplete } else { ValidationResult::Valid(None) })
    }
}
