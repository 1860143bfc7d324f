//! `confine watch`: the status and the last events on one screen.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
};

use confine_service::{AuditEvent, DaemonStatus};

use crate::report::{self, StatusText};

/// The size of a terminal that does not tell its own.
const SIZE: TerminalSize = TerminalSize { rows: 24, columns: 80 };

/// The size of a terminal, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TerminalSize {
    rows: usize,
    columns: usize,
}

/// The alternate screen of the terminal. The normal one comes back when this is dropped.
pub(super) struct AlternateScreen(io::Stdout);

impl AlternateScreen {
    /// Switches to the alternate screen, as xterm and compatible terminals have it, and hides the cursor.
    pub(super) fn open() -> io::Result<Self> {
        let mut screen = Self(io::stdout());
        screen.write("\u{1b}[?1049h\u{1b}[?25l")?;
        Ok(screen)
    }

    pub(super) fn size(&self) -> TerminalSize {
        let size = rustix::termios::tcgetwinsize(&self.0).ok();
        let size = size.map(|size| TerminalSize { rows: size.ws_row.into(), columns: size.ws_col.into() });
        size.filter(|size| size.rows > 0 && size.columns > 0).unwrap_or(SIZE)
    }

    /// Replaces what the screen shows.
    pub(super) fn show(&mut self, frame: &str) -> io::Result<()> {
        let mut text = String::from("\u{1b}[H");
        // Clears the rest of each line, and of the screen.
        frame.lines().for_each(|line| {
            let _ = write!(text, "{line}\u{1b}[K\r\n");
        });
        text.push_str("\u{1b}[J");
        self.write(&text)
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.0.write_all(text.as_bytes())?;
        self.0.flush()
    }
}

impl Drop for AlternateScreen {
    fn drop(&mut self) {
        let _ = self.write("\u{1b}[?25h\u{1b}[?1049l");
    }
}

/// The status, and below it as many of the last events as fit.
pub(super) fn frame(status: &DaemonStatus, events: &[AuditEvent], size: TerminalSize) -> String {
    // The last line stays empty: a line break there would scroll.
    let rows = size.rows.saturating_sub(1);
    let status = StatusText(status).to_string();
    let mut lines: Vec<String> = status.lines().map(str::to_owned).collect();
    lines.truncate(rows);
    if lines.len() + 2 < rows {
        lines.push(String::new());
        let room = rows - lines.len();
        let last = events.len().saturating_sub(room);
        lines.extend(events.iter().skip(last).map(report::event));
    }
    let mut frame = String::new();
    for line in lines {
        frame.extend(line.chars().take(size.columns));
        frame.push('\n');
    }
    frame
}

#[cfg(test)]
mod tests {
    use confine_service::{EventKind, status::OrphansStatus};

    use super::*;
    use crate::report::tests::example;

    fn events(count: u64) -> Vec<AuditEvent> {
        let event = |number| AuditEvent {
            number,
            at: format!("2026-11-25T12:00:{number:02}Z"),
            what: EventKind::Commit { tid: number, user: Some("alice".into()), elapsed_us: 1, error: None },
        };
        (1..=count).map(event).collect()
    }

    #[test]
    fn last_events_are_below_the_status() {
        let status = DaemonStatus {
            keeps_originals: Some(true),
            orphans: OrphansStatus { are_looked_for: true, ..OrphansStatus::default() },
            ..example()
        };
        insta::assert_snapshot!(frame(&status, &events(30), TerminalSize { rows: 24, columns: 70 }), @"
        controller  connected since 2026-11-25T09:00:00Z
                    at `/run/controller.sock`, as `clicon`
                    disconnected 2 times before
        uptime      1 d 2 h
        commits     1,234 done, 5 failed; transaction 42 in progress
        last        transaction 41 by `alice` at 2026-11-25T12:00:00Z: 430 ins
        rules       rule `no-aaa` of rule-list `modules` in `/nacm` does not w

        MODULE      VERSION  STATE        SERVICES      RUNS  FAILED  LAST RUN
        interfaces  1.2.0    quarantined  interfaces       0       0  -
          5 limits in 10 min
          hint: replace its file
        ssh-users   1.2.0    active       ssh-users   12,345       3  1,234,56
          its file was refused at 2026-11-25T11:30:00Z: it is truncated
          199,000 log lines dropped in transaction 41: see its limit `log`
        vlans       -        loading                       0       0  -
          its file is being loaded since 2026-11-25T11:45:00Z
        zz-broken   -        broken                        0       0  -
          it is no component

        2026-11-25T12:00:28Z  transaction 28 by `alice` done (1 µs)
        2026-11-25T12:00:29Z  transaction 29 by `alice` done (1 µs)
        2026-11-25T12:00:30Z  transaction 30 by `alice` done (1 µs)
        ");
    }

    #[test]
    fn frame_fits_its_terminal() {
        for rows in 0..40 {
            for columns in [0, 1, 20, 200] {
                let frame = frame(&example(), &events(30), TerminalSize { rows, columns });
                assert!(frame.lines().count() <= rows.saturating_sub(1), "{rows}");
                assert!(frame.lines().all(|line| line.chars().count() <= columns));
            }
        }
    }
}
