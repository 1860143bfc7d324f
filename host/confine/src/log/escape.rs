//! Makes every line of the log safe to show, whatever its fields come from: a module, a device, a datastore or a user.

use std::io::{self, Write};

use confine_sandbox::text::{block, line};
use tracing::Metadata;
use tracing_subscriber::{
    field::MakeExt as _,
    fmt::{
        FormatFields, MakeWriter,
        format::{Writer, debug_fn},
    },
};

use crate::json_text;

/// Writes the message and the fields of an event or a span as text. Only a message has line breaks.
pub(super) fn escaped_fields() -> impl for<'w> FormatFields<'w> + Send + Sync + 'static {
    let field = |writer: &mut Writer<'_>, field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
        let text = format!("{value:?}");
        match field.name() {
            "message" => writer.write_str(&block(&text, usize::MAX)),
            name => write!(writer, "{name}={}", line(&text, usize::MAX)),
        }
    };
    debug_fn(field).delimited(" ")
}

/// Writes lines of JSON.
pub(super) struct EscapedJson<W>(pub(super) W);

impl<'w, W: MakeWriter<'w>> MakeWriter<'w> for EscapedJson<W> {
    type Writer = EscapedJson<W::Writer>;

    fn make_writer(&'w self) -> Self::Writer {
        EscapedJson(self.0.make_writer())
    }

    fn make_writer_for(&'w self, of: &Metadata<'_>) -> Self::Writer {
        EscapedJson(self.0.make_writer_for(of))
    }
}

impl<W: Write> Write for EscapedJson<W> {
    /// Takes whole lines, as the subscriber writes them.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write_all(json_text::escaped(&String::from_utf8_lossy(line)).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
