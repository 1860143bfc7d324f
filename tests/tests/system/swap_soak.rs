//! A user commits while versions of the module are installed, fail and are rolled back: every commit is answered once and by
//! one version, and the daemon releases what belongs to old versions.
//!
//! `CONFINE_SOAK=2000` sets the number of commits.

use std::{
    fs,
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

use confine_backend::TransactionOutcome;
use confine_test_support::guests::guest_of_version;

use super::common::{
    PATIENCE, http, modules,
    site::{DaemonSite, ServedDaemon},
};

/// The number of commits: ten for each change. One change in ten is a broken file, one in twenty a rollback, and the others are
/// new versions.
fn commits() -> u64 {
    std::env::var("CONFINE_SOAK").map_or(100, |commits| commits.parse().unwrap())
}

/// The number of commits from which memory is compared.
const LONG: u64 = 1000;

/// How much more memory the daemon may have at the end than after a quarter. If it kept every version, about twenty swaps would
/// exceed it.
const MARGIN: u64 = 8 << 20;

/// The resources of a process.
#[derive(Debug)]
struct Held {
    /// Executable mappings: the program's, and those of each loaded version.
    code: usize,
    descriptors: usize,
    threads: usize,
    /// Resident memory in bytes.
    resident: u64,
}

impl Held {
    fn by(served: &ServedDaemon) -> Self {
        let process = format!("/proc/{}", served.daemon.pid());
        let maps = fs::read_to_string(format!("{process}/maps")).unwrap();
        let status = fs::read_to_string(format!("{process}/status")).unwrap();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        Self {
            code: maps.lines().filter(|line| line.contains(" r-xp ")).count(),
            descriptors: fs::read_dir(format!("{process}/fd")).unwrap().count(),
            threads: fs::read_dir(format!("{process}/task")).unwrap().count(),
            resident: resident.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024,
        }
    }
}

fn ask(site: &DaemonSite, request: &str) -> String {
    http(UnixStream::connect(site.path("admin.sock")).unwrap(), &format!("{request} HTTP/1.1\r\n\r\n"))
}

/// Waits until this version runs.
fn runs(site: &DaemonSite, version: u64) {
    let running = format!("\"version\":\"{version:05}\",\"digest\"");
    let until = Instant::now() + PATIENCE;
    while !ask(site, "GET /v1/status").contains(&running) {
        assert!(Instant::now() < until, "{version}: {}", ask(site, "GET /v1/status"));
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Renames a new file into place, as package managers do.
fn put(site: &DaemonSite, content: &[u8]) {
    let file = modules(site.directory.path()).join("probe.wasm");
    fs::write(file.with_file_name(".aside"), content).unwrap();
    fs::rename(file.with_file_name(".aside"), file).unwrap();
}

async fn version(version: u64) -> Vec<u8> {
    guest_of_version("probe", &format!("{version:05}")).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_of_swaps_loses_no_commit_and_leaks_nothing() {
    let stamp =
        |leaf: &str| format!("stamp /devices/device[name='openconfig1']/config/oc-sys:system/config/{leaf}");
    let both = ["login-banner", "motd-banner"].map(stamp);
    let mut site = DaemonSite::new().await;
    put(&site, &version(1).await);
    let mut command = site.command();
    let served = site.start(&mut command);
    served.lines.wait_for("serving the controller");
    let (mut written, mut held) = (1, None);
    for commit in 1..=commits() {
        // Some commits come while a version is being loaded, before it replaces the old one.
        if commit % 10 == 9 && commit % 100 > 10 && commit % 200 > 10 && commit % 100 != 59 {
            runs(&site, written);
        }
        if commit == commits() / 4 {
            held = Some(Held::by(&served));
        }
        let before = match commit {
            _ if commit % 10 != 0 || commit % 200 == 0 => None,
            _ if commit % 100 == 50 => Some(format!("broken {commit}").into_bytes()),
            _ => {
                written += 1;
                Some(version(written).await)
            }
        };
        site.edit(&both.each_ref().map(String::as_str)).await;
        let begun = site.begin().await;
        match before {
            Some(content) => put(&site, &content),
            None if commit % 200 == 0 => {
                let answer = ask(&site, "POST /v1/modules/probe/rollback");
                assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
            }
            None => {}
        }
        let over = tokio::time::timeout(PATIENCE, site.base.end(begun)).await.expect("no answer").unwrap();
        assert_eq!(over.result, TransactionOutcome::Success, "{:?}", over.reason);
        let device = site.base.controller().device("openconfig1").unwrap();
        let stamp = |leaf: &str| {
            let (_, rest) = device.split_once(leaf).expect("both are stamped");
            rest.split_once('<').unwrap().0.parse::<u64>().unwrap()
        };
        let (one, other) = (stamp("<login-banner>"), stamp("<motd-banner>"));
        assert_eq!(one, other, "commit {commit} is of two versions");
        assert!((1..=written).contains(&one), "{one}");
    }
    let transactions = site.base.controller().transactions();
    assert_eq!(transactions.len() as u64, commits(), "each commit is one transaction");
    runs(&site, written);
    // The usage of the commit before the last swap is shown until the next commit.
    site.goes_on("over").await;
    let then = held.unwrap();
    let until = Instant::now() + PATIENCE;
    let now = loop {
        let now = Held::by(&served);
        if now.code <= then.code && now.descriptors <= then.descriptors && now.threads <= then.threads {
            break now;
        }
        assert!(Instant::now() < until, "after a quarter {then:?}, after all of it {now:?}");
        std::thread::sleep(Duration::from_millis(20));
    };
    eprintln!("after a quarter {then:?}, after all of it {now:?}");
    // A short run ends before the allocator has settled.
    if commits() >= LONG {
        assert!(now.resident <= then.resident + MARGIN, "after a quarter {then:?}, after all of it {now:?}");
    }
    assert_eq!(served.daemon.terminate(), Some(0));
}
