//! A backend that plays a written session.
//!
//! A script is text. Each step begins at a mark at the beginning of a line and goes on to the next one:
//!
//! ```text
//! # The user alice deletes an instance.
//! -- subscribed
//! ?? <get cl:content="nonconfig" …/>         whenever this is asked, from here on,
//! << <data>…</data>                          answer this
//! << <services-commit …>…</services-commit>  tell those who have subscribed
//! >> alice <edit-config>…</edit-config>      wait for this request, made for alice
//! << <ok/>                                   answer it
//! -- close                                   close all connections
//! ```
//!
//! Requests are written without their envelope, and so are answers and notifications; `nc`, `ctrl` and `cl`
//! are bound, and the base namespace is the default one. They are compared as [`Canonical`] XML, in which
//! [`ANY`](crate::xml::ANY) matches any value and [`<more xmlns=""/>`](crate::xml::MORE) any further
//! elements. A request that nothing in the script asks for, and one that
//! comes too early, ends the play.
//!
//! Without being told, the backend answers `hello`, `create-subscription` and `close-session`. A client may
//! use as many connections as it likes; all of them together follow the one script.

mod play;

use std::fmt;

use crate::xml::Canonical;

pub use play::{Backend, PlayError};

const SCOPE: &str = r#"xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" xmlns:ctrl="http://clicon.org/controller" xmlns:cl="http://clicon.org/lib""#;

/// A session as it should go.
#[derive(Clone, Debug)]
pub struct Script {
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
struct Step {
    /// Where it begins, from 1.
    line: usize,
    action: Action,
}

#[derive(Clone, Debug)]
enum Action {
    /// Wait for this request.
    Expect(Expected),
    /// Answer the last request.
    Answer(String),
    /// Answer this request so whenever it comes.
    Always(Expected, String),
    /// Tell those who have subscribed to the stream of the event's name.
    Notify { stream: String, event: String },
    /// Wait until both streams have a subscriber.
    Subscribed,
    /// Wait until the client has closed all its connections.
    Closed,
    /// Close all connections.
    Close,
}

/// A request as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Expected {
    /// For whom it must be made; none if that does not matter.
    user: Option<String>,
    operation: Canonical,
}

impl Expected {
    fn matches(&self, user: Option<&str>, operation: &Canonical) -> bool {
        self.user.as_deref().is_none_or(|expected| user == Some(expected))
            && operation.matches(&self.operation)
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            writeln!(f, "as {user}:")?;
        }
        self.operation.fmt(f)
    }
}

/// Text that is no script.
#[derive(Debug, thiserror::Error)]
#[error("line {line} of the script: {problem}")]
pub struct ScriptError {
    /// Where, from 1.
    pub line: usize,
    /// What is wrong.
    pub problem: String,
}

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    /// The first line that is none of a script.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        let mut marked: Vec<(usize, &str, String)> = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            match line.split_at_checked(2) {
                Some(("# " | "#", _)) => {}
                Some((mark @ (">>" | "<<" | "??" | "--"), rest)) => {
                    marked.push((number, mark, rest.trim_start().to_owned()));
                }
                _ => match marked.last_mut() {
                    Some((_, _, text)) => {
                        text.push('\n');
                        text.push_str(line);
                    }
                    None if line.trim().is_empty() => {}
                    None => return Err(error(number, "a step begins with `>>`, `<<`, `??` or `--`")),
                },
            }
        }
        let mut steps = Vec::new();
        let mut asked = None;
        for (line, mark, text) in marked {
            let text = text.trim_end();
            let action = match (mark, asked.take()) {
                ("<<", Some(expected)) => Action::Always(expected, text.to_owned()),
                (_, Some(_)) => return Err(error(line, "what `??` asks is answered by `<<` right after it")),
                ("??", None) => {
                    asked = Some(expected(line, text)?);
                    continue;
                }
                (">>", None) => Action::Expect(expected(line, text)?),
                ("<<", None) => sent(text),
                (_, None) => match text {
                    "subscribed" => Action::Subscribed,
                    "closed" => Action::Closed,
                    "close" => Action::Close,
                    _ => return Err(error(line, "`--` is followed by `subscribed`, `closed` or `close`")),
                },
            };
            steps.push(Step { line, action });
        }
        match unanswered(&steps) {
            Some(line) => {
                Err(error(line, "what is asked here is not answered before something else is asked"))
            }
            None => Ok(Self { steps }),
        }
    }
}

/// The line of the first request that nothing answers.
fn unanswered(steps: &[Step]) -> Option<usize> {
    let mut asked = None;
    for Step { line, action } in steps {
        match action {
            Action::Expect(_) if asked.is_some() => break,
            Action::Expect(_) => asked = Some(*line),
            Action::Answer(_) => asked = None,
            _ => {}
        }
    }
    asked
}

/// What is sent: a notification if it is an event, an answer otherwise.
fn sent(text: &str) -> Action {
    let streams = ["services-commit", "controller-transaction"];
    let name = text.trim_start_matches('<').split([' ', '>', '/']).next().unwrap_or_default();
    match streams.contains(&name) {
        true => Action::Notify { stream: name.to_owned(), event: text.to_owned() },
        false => Action::Answer(text.to_owned()),
    }
}

fn expected(line: usize, text: &str) -> Result<Expected, ScriptError> {
    let start = text.find('<').ok_or_else(|| error(line, "here belongs a request"))?;
    let (user, operation) = text.split_at_checked(start).unwrap_or_default();
    let user = Some(user.trim()).filter(|user| !user.is_empty()).map(str::to_owned);
    let operation = self::operation(operation).map_err(|problem| error(line, &problem))?;
    Ok(Expected { user, operation })
}

/// A request without its envelope, in canonical form.
fn operation(xml: &str) -> Result<Canonical, String> {
    let envelope = format!("<rpc {SCOPE}>{xml}</rpc>");
    Canonical::parse_inner(&envelope, &[]).map_err(|error| error.to_string())
}

fn error(line: usize, problem: &str) -> ScriptError {
    ScriptError { line, problem: problem.to_owned() }
}
