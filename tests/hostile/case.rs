//! A hostile module, and the commit that tries it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use confine_author::{CommitEnd, Testbed};
use confine_backend::{ActionsMode, PushMode, TransactionOutcome};
use confine_controller::{Controller, ControllerBuilder};
use confine_test_support::tap::RequestTap;
use tempfile::TempDir;

use crate::{
    daemon::{Daemon, Machine, PATIENCE},
    guest::{Description, Guest},
};

/// What a module tries, and what the committing user reads.
pub struct Case {
    /// The row of the suite.
    pub id: &'static str,
    /// The module.
    pub module: Module,
    /// Its limits other than the defaults: lines of TOML.
    pub limits: &'static str,
    /// The result.
    pub ends: Ends,
}

/// A hostile module.
pub enum Module {
    /// In WebAssembly text.
    Guest(fn() -> Guest),
    /// A file with any content.
    File(fn() -> Vec<u8>),
    /// Something else in the module directory.
    Placed(fn(&Path)),
    /// The Rust guest `obedient`, which executes these lines of the instance.
    Lines(&'static [&'static str]),
}

impl Module {
    /// Puts it into the module directory.
    fn place(&self, directory: &Path) {
        let bytes: Arc<[u8]> = match self {
            Self::Guest(guest) => guest().build(),
            Self::File(file) => file().into(),
            Self::Lines(_) => obedient().into(),
            Self::Placed(place) => return place(directory),
        };
        fs::write(directory.join("hostile.wasm"), bytes).unwrap();
    }
}

/// How a commit ends.
pub enum Ends {
    /// It fails, and the user reads this. Measured times are replaced by `…`.
    Refused(&'static str),
    /// It fails because the module is not loaded, for this reason.
    NotLoaded(&'static str),
    /// The attempt has no effect: the commit succeeds.
    Well,
    /// The commit succeeds, and this is in the log.
    Logged(&'static str),
}

const HOSTILE: Description<'static> = Description {
    services: &["h:hostile"],
    version: "6.6.6",
    prefixes: &[
        ("h", "urn:example:hostile"),
        ("sys", "http://openconfig.net/yang/system"),
        ("if", "http://openconfig.net/yang/interfaces"),
    ],
    reads: &[],
};

const GOOD: Description<'static> = Description {
    services: &["h:good"],
    version: "1.0.0",
    prefixes: &[("h", "urn:example:hostile"), ("sys", "http://openconfig.net/yang/system")],
    reads: &[],
};

/// The leaf that the good module sets.
const BANNER: &str = "/devices/device[name='openconfig1']/config/sys:system/config/login-banner";

/// Returns a guest with the description of the hostile module.
pub fn hostile() -> Guest {
    Guest::new().description(HOSTILE)
}

/// As [`hostile`], which declares that it reads this.
pub fn hostile_reading(reads: &'static [&'static str]) -> Guest {
    Guest::new().description(Description { reads, ..HOSTILE })
}

/// Returns instructions that write the local `$n` over the run of `a` in the guest's text of this name, in base 16 with the
/// letters `a` to `p`, lowest digit first.
pub fn count_into(name: &str, text: &str) -> String {
    let at = text.find("aaaa").unwrap();
    let digits = text[at..].bytes().take_while(|&byte| byte == b'a').count();
    let digit = |digit: usize| {
        format!(
            "(i32.store8 offset={} (global.get ${name})
                (i32.add (i32.const 97) (i32.and (i32.shr_u (local.get $n) (i32.const {})) (i32.const 15))))",
            at + digit,
            4 * digit
        )
    };
    (0..digits).map(digit).collect()
}

/// Returns what the user reads if the service has no module because this file was not loaded.
pub fn not_loaded(why: &str) -> String {
    format!(
        "no module serves `hostile`; not loaded: {why}\n\
         hint: put its module into a module directory (`modules` in confine.toml), or add the list to \
         `unmanaged` there"
    )
}

/// How much more memory a daemon may have after a hostile commit, in KiB. 20,000 objects that an instance owns take half of it.
const MEMORY: u64 = 12 << 10;

impl Case {
    /// Plays a good commit, one that involves both modules, and another good one.
    pub async fn play(&self) {
        let testbed = self.begin(self.limits, Machine::Whole).await;
        self.play_on(testbed).await;
    }

    /// As [`play`](Self::play), on a testbed that has been started.
    pub async fn play_on(&self, mut testbed: HostileTestbed) {
        testbed.commit_good("first").await;
        let lines = self.lines();
        let before = testbed.daemon.memory();

        let committed = testbed.commit(&(good("second") + &instance(lines))).await;
        match self.ends {
            Ends::Well | Ends::Logged(_) => {
                assert!(committed.succeeded(), "{}\n{}", committed.reason(), testbed.daemon.log());
            }
            Ends::NotLoaded(why) => {
                testbed.assert_failed(&committed, &not_loaded(why));
                testbed.base.discard().await.unwrap();
            }
            Ends::Refused(expected) => {
                testbed.assert_failed(&committed, expected);
                // The good module ran before, and its edits are not sent either.
                if expected.starts_with("module `hostile` 6.6.6, instance") {
                    tokio::task::block_in_place(|| testbed.daemon.await_runs("good", 2));
                }
                testbed.base.discard().await.unwrap();
            }
        }
        if let Ends::Logged(words) = self.ends {
            tokio::task::block_in_place(|| testbed.daemon.await_log(words));
        }
        testbed.settle(before);
        testbed.commit_good("third").await;
        testbed.end();
    }

    /// Ends the daemon in the middle of the commit: the commit is answered, and the daemon exits. Returns how long that took.
    pub async fn play_terminated(&self) -> Duration {
        let mut testbed = self.begin(self.limits, Machine::Whole).await;
        testbed.edit(&(good("second") + &instance(self.lines()))).await;
        let tid = testbed.base.begin(PushMode::Commit, ActionsMode::Change).await.unwrap();
        tokio::task::block_in_place(|| testbed.daemon.await_log("commit{tid=1"));
        let began = Instant::now();
        testbed.daemon.terminate();
        let end = testbed.base.end(tid).await.unwrap();
        assert!(
            end.result != TransactionOutcome::Success || matches!(self.ends, Ends::Well | Ends::Logged(_))
        );
        let log = testbed.daemon.log();
        assert_eq!(testbed.daemon.ended().code(), Some(0), "{log}");
        began.elapsed()
    }

    /// Returns what the module executes, if it executes lines.
    pub fn lines(&self) -> &'static [&'static str] {
        match self.module {
            Module::Lines(lines) => lines,
            _ => &[],
        }
    }

    /// Starts a testbed for this case with these limits.
    pub async fn begin(&self, limits: &str, machine: Machine) -> HostileTestbed {
        let place = |directory: &Path| {
            fs::write(directory.join("good.wasm"), good_module()).unwrap();
            self.module.place(directory);
        };
        HostileTestbed::of(place, limits, machine).await
    }
}

/// A controller with devices, a user, and a daemon with a good and a hostile module.
pub struct HostileTestbed {
    pub base: Testbed,
    pub daemon: Daemon,
    pub directory: TempDir,
    pub tap: RequestTap,
}

impl HostileTestbed {
    /// Starts with this hostile module.
    pub async fn begin(hostile: &[u8], limits: &str) -> Self {
        Self::with(&[("good", good_module()), ("hostile", hostile)], limits).await
    }

    /// Starts with these modules.
    pub async fn with(modules: &[(&str, &[u8])], limits: &str) -> Self {
        let place = |directory: &Path| {
            for (name, bytes) in modules {
                fs::write(directory.join(format!("{name}.wasm")), bytes).unwrap();
            }
        };
        Self::of(place, limits, Machine::Whole).await
    }

    /// As [`begin`](Self::begin), with these devices.
    pub async fn on(builder: ControllerBuilder, hostile: &[u8], limits: &str) -> Self {
        let place = |directory: &Path| {
            fs::write(directory.join("good.wasm"), good_module()).unwrap();
            fs::write(directory.join("hostile.wasm"), hostile).unwrap();
        };
        Self::of_controller(with_services(builder), place, limits, Machine::Whole).await
    }

    /// Starts with what `place` puts into the module directory.
    async fn of(place: impl FnOnce(&Path), limits: &str, machine: Machine) -> Self {
        Self::of_controller(with_services(Controller::builder().devices(2)), place, limits, machine).await
    }

    async fn of_controller(
        builder: ControllerBuilder,
        place: impl FnOnce(&Path),
        limits: &str,
        machine: Machine,
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let modules = directory.path().join("modules");
        fs::create_dir(&modules).unwrap();
        place(&modules);
        let (front, back) = (directory.path().join("tap.sock"), directory.path().join("controller.sock"));
        let tap = RequestTap::listen(&front, &back).unwrap();
        let testbed = Testbed::without_daemon(builder, back, "alice").await.unwrap();
        let daemon = {
            let (directory, limits) = (directory.path().to_owned(), limits.to_owned());
            let started = move || {
                let daemon = Daemon::start(&directory, &front, &limits, machine);
                // Until everything is loaded or refused.
                daemon.ask("POST /v1/refresh");
                daemon
            };
            tokio::task::spawn_blocking(started).await.unwrap()
        };
        tap.take();
        Self { base: testbed, daemon, directory, tap }
    }

    /// Restarts the daemon as it was started.
    pub async fn restart(&mut self) {
        self.daemon.terminate();
        let (directory, socket) = (self.directory.path().to_owned(), self.directory.path().join("tap.sock"));
        let started = move || Daemon::start(&directory, &socket, "", Machine::Whole);
        let daemon = tokio::task::spawn_blocking(started).await.unwrap();
        let old = std::mem::replace(&mut self.daemon, daemon);
        assert_eq!(old.ended().code(), Some(0));
    }

    /// Replaces the controller by a new one.
    pub async fn new_controller(&mut self) {
        let back = self.directory.path().join("new.sock");
        let testbed =
            Testbed::without_daemon(with_services(Controller::builder().devices(2)), back.clone(), "alice")
                .await
                .unwrap();
        let old = std::mem::replace(&mut self.base, testbed);
        old.close().await;
        // On the socket that the daemon connects to.
        fs::rename(back, self.directory.path().join("controller.sock")).unwrap();
        tokio::task::block_in_place(|| self.daemon.await_log_again("serving the controller"));
    }

    /// Commits these services.
    pub async fn commit(&mut self, services: &str) -> CommitEnd {
        self.tap.take();
        self.edit(services).await;
        self.base.commit(PushMode::Commit, ActionsMode::Change).await.unwrap()
    }

    pub async fn edit(&mut self, services: &str) {
        let config = format!("<services xmlns='http://clicon.org/controller'>{services}</services>");
        self.base.edit(&config).await.unwrap();
    }

    /// Commits an instance of the good service, which must succeed.
    pub async fn commit_good(&mut self, banner: &str) {
        let committed = self.commit(&good(banner)).await;
        assert!(committed.succeeded(), "{}\n{}", committed.reason(), self.daemon.log());
        assert!(self.device().contains(&format!("<login-banner>{banner}<")), "{}", self.device());
    }

    /// Checks that the commit after the first good one failed with this text and sent no edits.
    #[track_caller]
    pub fn assert_failed(&self, committed: &CommitEnd, expected: &str) {
        assert!(!committed.succeeded(), "it was expected to fail: {expected}");
        assert_eq!(without_measures(committed.reason()), expected, "\n{}", self.daemon.log());
        assert_eq!(self.edits(), [""; 0], "nothing is sent of a commit that fails");
        assert!(self.device().contains("<login-banner>first<"), "{}", self.device());
    }

    /// Removes the file of a module.
    pub fn remove(&self, name: &str) {
        fs::remove_file(self.directory.path().join(format!("modules/{name}.wasm"))).unwrap();
        self.daemon.ask("POST /v1/refresh");
    }

    /// Renames a module into the module directory.
    pub fn place(&self, name: &str, bytes: &[u8]) {
        let file = self.directory.path().join(format!("modules/{name}.wasm"));
        fs::write(file.with_file_name(".aside"), bytes).unwrap();
        fs::rename(file.with_file_name(".aside"), file).unwrap();
    }

    /// Returns the configuration of the first device.
    pub fn device(&self) -> String {
        self.base.controller().device("openconfig1").unwrap()
    }

    /// Returns the daemon's edits since the commit began.
    pub fn edits(&self) -> Vec<String> {
        // Without the envelope: requests for models come in between and change the message-id.
        let edit = |request: String| Some(request[request.find("<edit-config")?..].to_owned());
        self.tap.take().into_iter().filter_map(edit).collect()
    }

    /// Waits until the daemon's memory is back to what it was, but for `MEMORY`.
    pub fn settle(&self, before: u64) {
        let began = Instant::now();
        while self.daemon.memory() > before + MEMORY {
            assert!(
                began.elapsed() < PATIENCE,
                "{} KiB of memory before, {} KiB after",
                before,
                self.daemon.memory()
            );
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// Stops the daemon as a service manager does.
    pub fn end(self) {
        self.daemon.terminate();
        let log = self.daemon.log();
        let status = self.daemon.ended();
        assert_eq!(status.code(), Some(0), "{log}");
    }
}

/// Configuration that no module may see, besides the instances and `created` lists of others.
const HIDDEN: &str =
    "<nacm xmlns='urn:ietf:params:xml:ns:yang:ietf-netconf-acm'><enable-nacm>false</enable-nacm></nacm>
    <processes xmlns='http://clicon.org/controller'><services><enabled>true</enabled></services></processes>";

fn with_services(builder: ControllerBuilder) -> ControllerBuilder {
    let yang = fs::read_to_string(here().join("hostile.yang")).unwrap();
    builder.service_model("hostile@2026-11-25.yang", yang).config(HIDDEN)
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("hostile")
}

/// Returns the good module, which sets the banner to the instance's only line.
pub fn good_module() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();

    BYTES.get_or_init(|| {
        let apply =
            "(call $get (local.get $view) (global.get $do) (global.get $do.len) (global.get $scratch))
            (call $set (local.get $view) (global.get $banner) (global.get $banner.len)
                (i32.load offset=8 (global.get $scratch)) (i32.load offset=12 (global.get $scratch))
                (global.get $scratch))
            (if (i32.load (global.get $scratch)) (then unreachable))
            (global.get $ok)";
        let guest = Guest::new().description(GOOD).text("do", "do").text("banner", BANNER).apply(apply);
        guest.build().to_vec()
    })
}

/// Returns the Rust guest that executes the lines of its instance.
pub fn obedient() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();

    BYTES.get_or_init(|| rust_guest("obedient"))
}

/// Returns the Rust guest that makes very many edits.
pub fn bulk() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();

    BYTES.get_or_init(|| rust_guest("bulk"))
}

fn rust_guest(name: &str) -> Vec<u8> {
    let directory = here().join("../guests").join(name);
    let built = confine_author::build(&directory, &[name]).unwrap();
    fs::read(&built[0]).unwrap()
}

/// Returns the only instance of the good service, with this banner.
pub fn good(banner: &str) -> String {
    format!(
        "<good xmlns='urn:example:hostile' xmlns:nc='urn:ietf:params:xml:ns:netconf:base:1.0' \
         nc:operation='replace'><name>g</name><do>{banner}</do></good>"
    )
}

/// Returns an instance of the hostile service.
pub fn instance(lines: &[&str]) -> String {
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
    let lines: String = lines.iter().map(|line| format!("<do>{}</do>", escape(line))).collect();
    format!("<hostile xmlns='urn:example:hostile'><name>h</name>{lines}</hostile>")
}

/// Replaces amounts that depend on the machine by `…`: times, and what a module takes of the memory.
pub fn without_measures(text: &str) -> String {
    const MEMORY: [(&str, &str); 2] =
        [("it takes ", " of the daemon's memory"), ("all loaded modules take ", ":")];
    let text = MEMORY.into_iter().fold(text.to_owned(), |text, (before, after)| {
        let measured = text.split_once(before).and_then(|(head, rest)| Some((head, rest.split_once(after)?)));
        measured.map(|(head, (_, rest))| format!("{head}{before}…{after}{rest}")).unwrap_or(text)
    });
    match text.split_once("wall clock limit reached") {
        Some((before, after)) => {
            let after = after.split(", used").next().unwrap_or(after);
            format!("{before}wall clock limit reached{after}, used …")
        }
        None => text,
    }
}
