//! A backend that plays a written session.
//!
//! A script is text. Each step begins with a mark at the start of a line and extends to the next mark:
//!
//! ```text
//! # The user alice deletes an instance.
//! -- subscribed
//! ?? <get cl:content="nonconfig" …/>         from here on, to each such request
//! << <data>…</data>                          send this reply
//! << <services-commit …>…</services-commit>  notify the subscribers
//! >> alice <edit-config>…</edit-config>      wait for this request, sent on behalf of alice
//! << <ok/>                                   send this reply
//! -- close                                   close all connections
//! ```
//!
//! Requests, replies and notifications are written without their envelope. The prefixes `nc`, `ctrl` and `cl` are bound,
//! and the base namespace is the default. Requests are compared as [`CanonicalXml`], in which
//! [`ANY`](crate::canonical::ANY) matches any value and [`<more xmlns=""/>`](crate::canonical::MORE) any further elements.
//! A request that the script does not expect, or expects later, ends the play.
//!
//! The backend answers `hello`, `create-subscription` and `close-session` by itself. A client may use any number of
//! connections; together they follow the one script.

mod play;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::canonical::CanonicalXml;

pub use play::{ScriptMismatch, ScriptedBackend};

const SCOPE: &str = r#"xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" xmlns:ctrl="http://clicon.org/controller" xmlns:cl="http://clicon.org/lib""#;

/// An expected session.
#[derive(Clone, Debug)]
pub struct Script {
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
struct Step {
    /// The line where it begins, from 1.
    line: usize,
    action: Action,
}

#[derive(Clone, Debug)]
enum Action {
    /// Wait for this request.
    Expect(Expected),
    /// Reply to the last request.
    Answer(String),
    /// Send this reply to each such request.
    Always(Expected, String),
    /// Notify the subscribers of the stream that has the event's name.
    Notify { stream: String, event: String },
    /// Wait until both streams have a subscriber.
    Subscribed,
    /// Wait until the client has closed all its connections.
    Closed,
    /// Close all connections.
    Close,
}

/// An expected request.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Expected {
    /// The user on whose behalf it must be sent, if that matters.
    user: Option<String>,
    operation: CanonicalXml,
}

impl Expected {
    fn matches(&self, user: Option<&str>, operation: &CanonicalXml) -> bool {
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

/// Text that is not a script.
#[derive(Debug, thiserror::Error)]
#[error("line {line} of the script: {problem}")]
pub struct ScriptError {
    /// The line, from 1.
    pub line: usize,
    /// The problem.
    pub problem: String,
}

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    /// The first line that cannot be read.
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
                (_, Some(_)) => return Err(error(line, "`??` must be followed by `<<` with the reply")),
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
                    _ => {
                        return Err(error(
                            line,
                            "`--` must be followed by `subscribed`, `closed` or `close`",
                        ));
                    }
                },
            };
            steps.push(Step { line, action });
        }
        match unanswered(&steps) {
            Some(line) => Err(error(line, "this request gets no reply before the next one is expected")),
            None => Ok(Self { steps }),
        }
    }
}

/// Returns the line of the first request without a reply.
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

/// Returns what to send: a notification if it is an event, a reply otherwise.
fn sent(text: &str) -> Action {
    let streams = ["services-commit", "controller-transaction"];
    let name = text.trim_start_matches('<').split([' ', '>', '/']).next().unwrap_or_default();
    match streams.contains(&name) {
        true => Action::Notify { stream: name.to_owned(), event: text.to_owned() },
        false => Action::Answer(text.to_owned()),
    }
}

fn expected(line: usize, text: &str) -> Result<Expected, ScriptError> {
    let start = text.find('<').ok_or_else(|| error(line, "a request is missing"))?;
    let (user, operation) = text.split_at_checked(start).unwrap_or_default();
    let user = Some(user.trim()).filter(|user| !user.is_empty()).map(str::to_owned);
    let operation = self::operation(operation).map_err(|problem| error(line, &problem))?;
    Ok(Expected { user, operation })
}

/// Reads a request without its envelope.
fn operation(xml: &str) -> Result<CanonicalXml, String> {
    let envelope = format!("<rpc {SCOPE}>{xml}</rpc>");
    CanonicalXml::parse_inner(&envelope, &[]).map_err(|error| error.to_string())
}

fn error(line: usize, problem: &str) -> ScriptError {
    ScriptError { line, problem: problem.to_owned() }
}
