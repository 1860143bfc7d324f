//! The shell on a terminal: a prompt, completion, and a history that ends with it.

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
    AfterCommand, ShellState,
    words::{CommandLines, is_open},
};
use crate::{commands::print, error::Error};

/// How much of the place the prompt shows, in characters: its end.
const PROMPT: usize = 60;

const QUESTION: &str =
    "What was set is in the candidate, and not committed: [c]ommit, [d]iscard, [l]eave it there, or [s]tay? ";

/// The shell, as the editor of lines and who runs them both need it.
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
            Err(ReadlineError::Eof) => Ok(AfterCommand::End),
            // What was being entered is given up.
            Err(ReadlineError::Interrupted) => Ok(AfterCommand::GoOn),
            Err(error) => return Err(error.into()),
        };
        match then {
            Ok(AfterCommand::GoOn) => {}
            Ok(AfterCommand::End) if common.is_left(&mut editor)? => return Ok(()),
            Ok(AfterCommand::End) => {}
            Err(error) => anstream::eprintln!("{}", error.report()),
        }
    }
}

impl ShellContext {
    /// Runs what was entered: several commands where they were pasted, up to one that cannot be done.
    fn run(&self, text: &str) -> Result<AfterCommand, Error> {
        for command in CommandLines::of(text.lines().map(|line| Ok(line.to_owned()))) {
            let (_, command) = command.map_err(Error::Input)?;
            if self.runtime.block_on(self.shell.borrow_mut().run(&command))? == AfterCommand::End {
                return Ok(AfterCommand::End);
            }
        }
        Ok(AfterCommand::GoOn)
    }

    /// Asks what is to become of what was set; whether the shell ends.
    fn is_left(&self, editor: &mut Editor<LineHelper, MemHistory>) -> Result<bool, Error> {
        let has_changes = self.runtime.block_on(self.shell.borrow_mut().has_changes());
        match has_changes {
            Ok(false) => return Ok(true),
            Ok(true) => {}
            Err(error) => {
                // There is nobody to ask what is there, nor to change it.
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
                    print(b"It stays in the candidate.\n")?;
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
        let place = text::line(&self.at.to_string(), usize::MAX);
        match place.chars().count().checked_sub(PROMPT) {
            None | Some(0) => format!("{place}> "),
            Some(more) => format!("…{}> ", place.chars().skip(more + 1).collect::<String>()),
        }
    }
}

/// Completes what is entered, and sees whether a quote goes on in the next line.
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
        // What cannot be found out is not completed.
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
