//! The output of a guest: log lines, standard output and standard error.

use std::sync::Arc;

use tracing::Level;

use crate::text;

/// A log line of a guest, safe to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// The level that the guest named, or `info` if that is unknown.
    pub level: Level,
    /// The message.
    pub message: String,
    /// Names and values.
    pub fields: Vec<(String, String)>,
}

/// Collects log lines up to a number of bytes, passes each to [`tracing`], and keeps the end of the output.
#[derive(Debug)]
pub(crate) struct GuestLog {
    module: Arc<str>,
    instance: String,
    /// The maximum number of bytes of one text.
    text: usize,
    /// The maximum number of bytes of log lines.
    allowed: u64,
    used: u64,
    lines: Vec<LogLine>,
    dropped: u64,
    output: Vec<u8>,
}

impl GuestLog {
    /// Creates the log of a module and an instance, whose names are safe to show.
    pub(crate) fn new(module: Arc<str>, instance: String, allowed: u64, text: usize) -> Self {
        Self { module, instance, text, allowed, used: 0, lines: Vec::new(), dropped: 0, output: Vec::new() }
    }

    /// Adds a line, or drops it if the limit is reached.
    pub(crate) fn log(&mut self, level: &str, message: &str, fields: &[(String, String)]) {
        // An empty line costs something, and so does an empty field.
        const LINE: usize = 16;
        const FIELD: usize = 16;
        let bytes = fields.iter().fold(LINE + message.len(), |sum, (name, value)| {
            sum.saturating_add(FIELD + name.len() + value.len())
        });
        let used = self.used.saturating_add(bytes as u64);
        if used > self.allowed {
            self.dropped += 1;
            return;
        }
        self.used = used;
        let safe = |text: &str| text::line(text, self.text);
        let line = LogLine {
            level: level.parse().unwrap_or(Level::INFO),
            message: safe(message),
            fields: fields.iter().map(|(name, value)| (safe(name), safe(value))).collect(),
        };
        self.emit(&line);
        self.lines.push(line);
    }

    fn emit(&self, line: &LogLine) {
        let (module, instance, message) = (&*self.module, &*self.instance, &*line.message);
        let fields = &line.fields;
        // The level is part of the call site, so each level needs its own.
        macro_rules! emit {
            ($($level:ident),*) => {
                match line.level {
                    $(Level::$level => {
                        tracing::event!(target: "module", Level::$level, module, instance, ?fields, "{message}")
                    })*
                }
            };
        }
        emit!(ERROR, WARN, INFO, DEBUG, TRACE);
    }

    /// Adds output. Only the end is kept, because it has the panic message or the traceback.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
        if self.output.len() > 2 * self.text {
            self.output.drain(..self.output.len() - self.text);
        }
    }

    /// Returns the end of the output, safe to show.
    pub(crate) fn output(&self) -> String {
        let output = String::from_utf8_lossy(&self.output);
        text::block(text::tail(output.trim_end(), self.text), self.text)
    }

    /// Returns the number of bytes of the log lines.
    pub(crate) fn used(&self) -> u64 {
        self.used
    }

    /// Returns the lines and the number of dropped lines.
    pub(crate) fn into_lines(self) -> (Vec<LogLine>, u64) {
        (self.lines, self.dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn console(allowed: u64) -> GuestLog {
        GuestLog::new("m".into(), "i".into(), allowed, 32)
    }

    #[test]
    fn log_lines_are_escaped_and_bounded() {
        let mut console = console(116);
        console.log("warn", "a\u{1b}[2J\nb", &[("k\u{0}".into(), "v".into())]);
        console.log("loud", &"x".repeat(50), &[]);
        console.log("error", "too much", &[]);
        console.log("error", "", &[]);
        let (lines, dropped) = console.into_lines();
        assert_eq!(lines[0].message, "a\\u{1b}[2J\\nb");
        assert_eq!(lines[0].fields, [("k\\u{0}".to_owned(), "v".to_owned())]);
        assert_eq!((lines[0].level, lines[1].level), (Level::WARN, Level::INFO));
        assert_eq!(lines[1].message, format!("{}… (18 bytes more)", "x".repeat(32)));
        assert_eq!((lines.len(), dropped), (2, 2));
    }

    #[test]
    fn empty_log_fields_count_towards_the_limit() {
        let mut console = console(1000);
        let empty = vec![(String::new(), String::new()); 1000];
        console.log("info", "", &empty);
        console.log("info", "", &empty[..10]);
        let (lines, dropped) = console.into_lines();
        assert_eq!((lines.len(), dropped), (1, 1));
    }

    #[test]
    fn output_keeps_its_end() {
        let mut console = console(0);
        for number in 0..1000 {
            console.write(format!("line {number}\n").as_bytes());
        }
        assert!(console.output.len() <= 64);
        let shown = console.output();
        assert!(shown.ends_with("line 998\nline 999") && shown.len() <= 64, "{shown:?}");
    }

    #[test]
    fn output_is_cut_like_other_texts() {
        let mut console = console(0);
        console.write("x".repeat(60).as_bytes());
        assert_eq!(console.output(), "x".repeat(32));
    }
}
