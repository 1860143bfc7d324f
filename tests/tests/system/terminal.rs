//! `confine shell` on a terminal: prompt, completion, history, and the question at exit.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    process::Child,
    sync::mpsc,
    time::Instant,
};

use nix::pty::{Winsize, openpty};

use super::common::{PATIENCE, device_zoo::DeviceZoo, text};

/// A program with its keyboard and screen.
struct Terminal {
    program: Child,
    keyboard: File,
    screen: mpsc::Receiver<Vec<u8>>,
    /// The output so far, and how much of it has been waited for.
    shown: String,
    seen: usize,
}

impl Terminal {
    fn open(zoo: &DeviceZoo) -> Self {
        let size = Winsize { ws_row: 24, ws_col: 200, ws_xpixel: 0, ws_ypixel: 0 };
        let pair = openpty(&size, None).unwrap();
        let end = || pair.slave.try_clone().unwrap();
        let mut command = zoo.command(&["shell"]);
        command.env("TERM", "xterm").env("NO_COLOR", "1").stdin(end()).stdout(end()).stderr(end());
        let program = command.spawn().unwrap();
        // Closes the last copy of the program's end.
        drop((command, pair.slave));
        let keyboard = File::from(pair.master);
        let mut screen = keyboard.try_clone().unwrap();
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let mut some = [0; 4096];
            // Once the program has exited, reading fails instead of reporting the end.
            while let Ok(count) = screen.read(&mut some)
                && count > 0
                && sender.send(some[..count].to_vec()).is_ok()
            {}
        });
        Self { program, keyboard, screen: receiver, shown: String::new(), seen: 0 }
    }

    fn enter(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until this text is shown after the previous one.
    #[track_caller]
    fn wait_for(&mut self, text: &str) {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = self.shown[self.seen..].find(text) {
                self.seen += found + text.len();
                return;
            }
            let Ok(more) = self.screen.recv_timeout(until.saturating_duration_since(Instant::now())) else {
                panic!("`{text}` is not shown, but:\n{}", &self.shown[self.seen..]);
            };
            // The expected texts are ASCII, so no character is split.
            self.shown += &self::text(&more);
        }
    }

    /// Waits until the program has exited, and returns its status.
    fn end(mut self) -> Option<i32> {
        self.program.wait().unwrap().code()
    }
}

const MTU: &str = "set interface[name='eth0']/config/mtu";

#[tokio::test(flavor = "multi_thread")]
async fn terminal_completes_recalls_and_runs_lines() {
    let zoo = DeviceZoo::open();
    let mut terminal = Terminal::open(&zoo);
    terminal.wait_for("/> ");
    // Completes a name, the common prefix of all entries, the only entry, and the nodes below it.
    terminal.enter("cd dev\tdevice[\tr1\tco\tin\t\r");
    terminal.wait_for("/devices/device[name='r1']/config/interfaces> ");
    terminal.enter("ls\r");
    terminal.wait_for("interface[name='eth0']  list");
    terminal.enter("describe interface[name='eth0']/config/\t\t");
    terminal.wait_for("mtu");
    terminal.wait_for("description");
    terminal.wait_for("interfaces> describe");
    // Discards the line and recalls the previous one.
    terminal.enter("\u{3}");
    terminal.wait_for("interfaces> ");
    terminal.enter("\u{1b}[A");
    terminal.wait_for("ls");
    terminal.enter("\r");
    terminal.wait_for("interface[name='eth0']  list");
    // A mistake is reported and does not end the shell; an open quote continues on the next line.
    terminal.enter(&format!("{MTU} fast\r"));
    terminal.wait_for("`fast` is not a value of `mtu`");
    terminal.enter("set interface[name='eth0']/config/description 'two\rlines'\r");
    terminal.enter("get interface[name='eth0']/config/description\r");
    terminal.wait_for("<description>two\r\nlines</description>");
    // Pasted text runs line by line.
    terminal.enter("\u{1b}[200~discard\nset interface[name='eth1']/config/mtu 7\nget interface[name='eth1']/config/mtu\u{1b}[201~\r");
    terminal.wait_for("<mtu>7</mtu>");
    terminal.enter("discard\rexit\r");
    assert_eq!(terminal.end(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn terminal_asks_about_uncommitted_changes_at_exit() {
    let zoo = DeviceZoo::open();
    let open = || {
        let mut terminal = Terminal::open(&zoo);
        terminal.enter("cd /devices/device[name='r1']/config/interfaces\r");
        terminal.wait_for("config/interfaces> ");
        terminal
    };
    let mut terminal = open();
    terminal.enter(&format!("{MTU} 9000\rexit\r"));
    terminal.wait_for("not committed: [c]ommit, [d]iscard, [l]eave them there, or [s]tay? ");
    terminal.enter("perhaps\r");
    terminal.wait_for("or [s]tay? ");
    terminal.enter("s\r");
    terminal.wait_for("config/interfaces> ");
    // The end of the input asks too.
    terminal.enter("\u{4}");
    terminal.wait_for("or [s]tay? ");
    terminal.enter("l\r");
    terminal.wait_for("Your changes stay in the candidate.");
    assert_eq!(terminal.end(), Some(0));
    assert!(zoo.candidate().contains("<mtu>9000</mtu>"));

    let mut terminal = open();
    terminal.enter(&format!("{MTU} 1400\r"));
    terminal.wait_for("the candidate already had pending changes");
    terminal.enter("exit\r");
    terminal.wait_for("or [s]tay? ");
    terminal.enter("c\r");
    terminal.wait_for("Committed (transaction 1).");
    assert_eq!(terminal.end(), Some(0));
    assert!(zoo.controller.device("r1").unwrap().contains("<mtu>1400</mtu>"));

    let mut terminal = open();
    terminal.enter(&format!("{MTU} 9000\rexit\r"));
    terminal.wait_for("or [s]tay? ");
    terminal.enter("d\r");
    assert_eq!(terminal.end(), Some(0));
    assert!(zoo.candidate().contains("<mtu>1400</mtu>"));
}
