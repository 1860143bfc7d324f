//! An error with its causes as text: bounded, safe to show, hints last.

use confine_sandbox::text::block;

/// Separates an error's message from its hint, which is on a line of its own.
const HINT: &str = "\nhint: ";

/// The most bytes of an error's text, and of its hints. A module's text may be part of it, such as a path, and
/// it goes to the user, into logs and into the status.
const MAX_TEXT: usize = 16 << 10;

/// Returns an error with its causes, followed by the hints of all of them. The text is bounded and has no control
/// characters.
pub fn error_chain(error: &dyn std::error::Error) -> String {
    let (messages, hints) = messages_and_hints(error);
    let hints: String = hints.iter().map(|hint| format!("{HINT}{hint}")).collect();
    block(&messages.join(": "), MAX_TEXT) + &block(&hints, MAX_TEXT)
}

/// Returns the messages of an error and its causes, outermost first, and their hints.
pub fn messages_and_hints(error: &dyn std::error::Error) -> (Vec<String>, Vec<String>) {
    let (mut messages, mut hints) = (Vec::new(), Vec::new());
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        let (message, hint) =
            text.split_once(HINT).map_or((&*text, None), |(message, hint)| (message, Some(hint)));
        messages.push(message.to_owned());
        hints.extend(hint.map(str::to_owned));
        next = error.source();
    }
    (messages, hints)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Nested {
        #[error("`{0}` is no name\nhint: write another")]
        Named(String),
        #[error("it cannot be\nhint: do the other")]
        Outer(#[source] Box<Nested>),
        #[error("for no reason\nhint: ask why")]
        Inner,
    }

    /// Part of an error's text may come from a module.
    #[test]
    fn error_chain_is_bounded_and_escaped() {
        let text = error_chain(&Nested::Named("a\u{1b}[2J\u{202e}b".into()));
        assert_eq!(text, "`a\\u{1b}[2J\\u{202e}b` is no name\nhint: write another");
        let text = error_chain(&Nested::Named("x".repeat(10 * MAX_TEXT)));
        assert!(text.len() < MAX_TEXT + 100 && text.ends_with(" bytes more)\nhint: write another"), "{text}");
    }

    #[test]
    fn hints_come_after_all_causes() {
        assert_eq!(
            error_chain(&Nested::Outer(Nested::Inner.into())),
            "it cannot be: for no reason\nhint: do the other\nhint: ask why"
        );
    }
}
