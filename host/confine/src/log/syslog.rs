//! Log lines for syslog.

use std::{
    io::{self, Write as _},
    os::unix::net::UnixDatagram,
    path::PathBuf,
};

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// The name of this program for syslog and the journal.
pub(super) const IDENTIFIER: &str = "confine";

/// The socket of syslog.
const SOCKET: &str = "/dev/log";

/// The facility `daemon` (RFC 5424, section 6.2.1).
const FACILITY: u8 = 3;

/// The most that is sent of a line, in bytes: the default of receivers.
const MAX_LINE_BYTES: usize = 8 << 10;

/// Sends each line as a datagram `<PRIORITY>confine[PID]: LINE`, as local programs do (RFC 3164 without time and host,
/// which the receiver adds). Without a receiver a line goes to standard error; if the receiver has no room, it is
/// lost.
pub(super) struct Syslog {
    socket: UnixDatagram,
    path: PathBuf,
}

/// Sends a line with the severity of its event.
pub(super) struct SyslogLine<'a> {
    syslog: &'a Syslog,
    severity: u8,
}

impl Syslog {
    pub(super) fn new() -> io::Result<Self> {
        Self::to(SOCKET)
    }

    fn to(path: impl Into<PathBuf>) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, path: path.into() })
    }

    fn send(&self, severity: u8, line: &str) -> io::Result<()> {
        let line = line.trim_end();
        let line = line.get(..line.floor_char_boundary(MAX_LINE_BYTES)).unwrap_or_default();
        let priority = FACILITY << 3 | severity;
        let text = format!("<{priority}>{IDENTIFIER}[{}]: {line}", std::process::id());
        // The socket is not connected, so a receiver that restarts is found again.
        match self.socket.send_to(text.as_bytes(), &self.path) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(_) => writeln!(io::stderr(), "{line}"),
        }
    }
}

impl<'a> MakeWriter<'a> for Syslog {
    type Writer = SyslogLine<'a>;

    fn make_writer(&'a self) -> SyslogLine<'a> {
        SyslogLine { syslog: self, severity: severity(Level::INFO) }
    }

    fn make_writer_for(&'a self, event: &Metadata<'_>) -> SyslogLine<'a> {
        SyslogLine { syslog: self, severity: severity(*event.level()) }
    }
}

impl io::Write for SyslogLine<'_> {
    /// Sends a whole event, which comes in one piece. An event of several lines (XML, for example) is sent line by
    /// line, because receivers escape line breaks.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let event = String::from_utf8_lossy(bytes);
        event.lines().try_for_each(|line| self.syslog.send(self.severity, line))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// RFC 5424, section 6.2.1.
fn severity(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    fn logged(path: &std::path::Path, log: impl FnOnce()) {
        let layer = tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .without_time()
            .with_writer(Syslog::to(path).unwrap());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
    }

    fn receive(receiver: &UnixDatagram) -> String {
        receiver.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut bytes = vec![0; 2 * MAX_LINE_BYTES];
        let length = receiver.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap().replace(&std::process::id().to_string(), "PID")
    }

    #[test]
    fn lines_have_severity_name_and_process() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let receiver = UnixDatagram::bind(&path).unwrap();
        logged(&path, || {
            tracing::error!(tid = 7, "The commit failed");
            tracing::info!(target: "x", "Hello");
            tracing::trace!(target: "x", "<a>\n  <b/>\n</a>");
            tracing::info!("{}", "ä".repeat(MAX_LINE_BYTES));
        });
        assert_eq!(
            receive(&receiver),
            "<27>confine[PID]: ERROR confine::log::syslog::tests: The commit failed tid=7"
        );
        assert_eq!(receive(&receiver), "<30>confine[PID]:  INFO x: Hello");
        assert_eq!(receive(&receiver), "<31>confine[PID]: TRACE x: <a>");
        assert_eq!(receive(&receiver), "<31>confine[PID]:   <b/>");
        assert_eq!(receive(&receiver), "<31>confine[PID]: </a>");
        assert!(receive(&receiver).len() <= MAX_LINE_BYTES + "<30>confine[PID]: ".len());
    }

    #[test]
    fn receiver_that_does_not_read_is_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let receiver = UnixDatagram::bind(&path).unwrap();
        let sent = 10_000;
        logged(&path, || (0..sent).for_each(|number| tracing::info!(number)));
        receiver.set_nonblocking(true).unwrap();
        let mut bytes = [0; 256];
        let received = std::iter::from_fn(|| receiver.recv(&mut bytes).ok()).count();
        assert!(received > 0 && received < sent, "{received}");
    }

    #[test]
    fn receiver_that_restarts_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let syslog = Syslog::to(&path).unwrap();
        syslog.send(6, "to standard error").unwrap();
        let receiver = UnixDatagram::bind(&path).unwrap();
        syslog.send(6, "again\n").unwrap();
        assert_eq!(receive(&receiver), "<30>confine[PID]: again");
    }
}
