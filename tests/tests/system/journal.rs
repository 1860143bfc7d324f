//! The daemon's log in the systemd journal.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::net::UnixDatagram,
    process::Command,
    time::{Duration, Instant},
};

use super::common::{PATIENCE, site::DaemonSite};

/// Receives journal entries in place of systemd.
struct Journal(UnixDatagram);

impl Journal {
    /// Returns the fields of the next entry with this message.
    fn entry(&self, message: &str) -> BTreeMap<String, String> {
        let until = Instant::now() + PATIENCE;
        let mut datagram = vec![0; 1 << 16];
        loop {
            let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            self.0.set_read_timeout(Some(left)).unwrap();
            let length = self.0.recv(&mut datagram).unwrap();
            let fields = fields(&datagram[..length]);
            // The probe for a journal has no fields.
            if fields.get("MESSAGE").is_some_and(|found| found == message) {
                return fields;
            }
        }
    }
}

/// Reads the fields of an entry in systemd's native journal protocol: `NAME=value` on a line, or a name on a line followed
/// by the length of the value in eight bytes, the value and a newline.
fn fields(mut entry: &[u8]) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    while !entry.is_empty() {
        let end = entry.iter().position(|&byte| byte == b'\n').unwrap();
        let line = std::str::from_utf8(&entry[..end]).unwrap();
        entry = &entry[end + 1..];
        if let Some((name, value)) = line.split_once('=') {
            fields.insert(name.to_owned(), value.to_owned());
            continue;
        }
        let (length, rest) = entry.split_first_chunk::<8>().unwrap();
        let (value, rest) = rest.split_at(u64::from_le_bytes(*length) as usize);
        fields.insert(line.to_owned(), String::from_utf8(value.to_vec()).unwrap());
        entry = &rest[1..];
    }
    fields
}

/// The path of the journal's socket is fixed, so this daemon gets its own `/run`.
#[tokio::test(flavor = "multi_thread")]
async fn journal_entries_carry_their_fields() {
    let mut site = DaemonSite::new().await;
    let place = site.path("journal");
    fs::create_dir(&place).unwrap();
    let journal = Journal(UnixDatagram::bind(place.join("socket")).unwrap());
    let script = format!(
        "mount -t tmpfs none /run && mkdir -p /run/systemd/journal && \
         mount --bind '{}' /run/systemd/journal && exec \"$0\" \"$@\"",
        place.display()
    );
    let with_journal = |program: &Command| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", &script]).arg(program.get_program()).args(program.get_args());
        command
    };
    if !with_journal(&Command::new("true")).status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: only root can mount, and not everywhere");
        return;
    }
    let mut command = site.command();
    command.args(["--log-to", "journald"]);
    let mut served = site.start(&mut with_journal(&command));
    let serving = journal.entry("serving the controller");
    assert_eq!(serving["SYSLOG_IDENTIFIER"], "confine");
    site.goes_on("told").await;
    let done = journal.entry("commit done");
    let told: Vec<_> = ["PRIORITY", "TARGET", "F_TID", "F_USER"].map(|name| &*done[name]).into();
    assert_eq!(told, ["5", "audit", "1", "alice"]);
    assert!(served.is_there());
    assert_eq!(served.daemon.terminate(), Some(0));
}
