//! Strangers that claim the list of the good service: they change nothing until an operator says so.

use crate::{
    Own, Part,
    case::{HostileTestbed, good, good_module, hostile, instance},
    guest::{Description, Guest},
    runtime,
};

pub const PART: Part = Part {
    cases: &[],
    own: &[
        Own("stranger-reads", reads),
        Own("stranger-keys", keys),
        Own("stranger-ambiguous-read", ambiguous_read),
        Own("stranger-narrow-writes", narrow_writes),
        Own("stranger-traps", traps),
        Own("stranger-disabled", disabled),
        Own("stranger-removed", removed),
        Own("stranger-quarantined", quarantined),
        Own("stranger-next-version", next_version),
        Own("stranger-first", first),
        Own("stranger-of-many-lists", many_lists),
        Own("stranger-copies", copies),
    ],
    elsewhere: &[],
};

/// It comes before the good module in everything that goes by name.
const NAME: &str = "a-stranger";

const STRANGER: Description<'static> = Description {
    services: &["h:good"],
    version: "6.6.6",
    prefixes: &[
        ("h", "urn:example:hostile"),
        ("sys", "http://openconfig.net/yang/system"),
        ("if", "http://openconfig.net/yang/interfaces"),
    ],
    reads: &[],
};

const HELD: &str = "it claims the list `good`, which `good` serves\\nhint: replace or remove its file, or run `confine modules approve a-stranger` to let it serve too";

fn stranger(description: Description<'static>) -> Guest {
    Guest::new().description(description).apply("unreachable")
}

/// Starts with the good module, which has served, and a stranger that was placed later.
async fn begin(guest: Guest) -> HostileTestbed {
    let mut testbed = HostileTestbed::with(&[("good", good_module())], "").await;
    testbed.commit_good("first").await;
    testbed.place(NAME, &guest.build());
    testbed.daemon.ask("POST /v1/refresh");
    testbed
}

/// Plays a stranger that nobody approves.
fn held(guest: Guest) {
    runtime().block_on(async {
        let mut testbed = begin(guest).await;
        let before = testbed.daemon.memory();
        let status = testbed.daemon.ask(&format!("GET /v1/modules/{NAME}"));
        assert!(status.contains("\"state\":\"held\"") && status.contains(HELD), "{status}");
        for banner in ["second", "third", "fourth", "fifth", "sixth"] {
            testbed.commit_good(banner).await;
        }
        testbed.restart().await;
        testbed.commit_good("after a restart").await;
        testbed.daemon.ask(&format!("POST /v1/modules/{NAME}/disable"));
        testbed.commit_good("after it was disabled").await;
        testbed.remove(NAME);
        testbed.commit_good("after it was removed").await;
        assert!(!testbed.daemon.ask("GET /v1/status").contains(NAME));
        let log = testbed.daemon.log();
        assert!(!log.lines().any(|line| line.contains("module run") && line.contains(NAME)), "{log}");
        testbed.settle(before);
        testbed.end();
    });
}

fn reads() {
    let guest = Guest::new()
        .description(Description { reads: &["/devices"], ..STRANGER })
        .text("path", "/devices/device[name='openconfig2']/addr")
        .apply("(call $get (local.get $view) (global.get $path) (global.get $path.len) (global.get $scratch)) unreachable");
    held(guest);
}

fn keys() {
    held(stranger(Description { services: &["h:good[other]"], ..STRANGER }));
}

fn ambiguous_read() {
    held(stranger(Description { reads: &["/devices/device/config/x"], ..STRANGER }));
}

fn narrow_writes() {
    held(stranger(STRANGER).writes(&["/devices/device/config/if:interfaces"]));
}

fn traps() {
    held(stranger(STRANGER));
}

/// Plays a stranger that is approved, with wrong keys and a narrow scope. Each commit of the good service fails, until this is
/// done.
fn approved(commits: usize, done: impl FnOnce(&HostileTestbed), state: &str) {
    let guest = stranger(Description {
        services: &["h:good[other]"],
        reads: &["/devices/device/config/x"],
        ..STRANGER
    });
    runtime().block_on(async {
        let mut testbed = begin(guest.writes(&["/devices/device/config/if:interfaces"])).await;
        let before = testbed.daemon.memory();
        testbed.daemon.ask(&format!("POST /v1/modules/{NAME}/approve"));
        for _ in 0..commits {
            let committed = testbed.commit(&good("second")).await;
            assert!(committed.reason().contains("trap: wasm `unreachable`"), "{}", committed.reason());
            assert_eq!(testbed.edits(), [""; 0]);
            testbed.base.discard().await.unwrap();
        }
        done(&testbed);
        assert_eq!(testbed.daemon.modules_in(state), 1);
        testbed.commit_good("third").await;
        testbed.daemon.await_log("a commit runs without a module of its service");
        testbed.settle(before);
        testbed.restart().await;
        testbed.commit_good("fourth").await;
        testbed.end();
    });
}

fn disabled() {
    approved(
        1,
        |testbed| {
            testbed.daemon.ask(&format!("POST /v1/modules/{NAME}/disable"));
        },
        "disabled",
    );
}

fn removed() {
    approved(1, |testbed| testbed.remove(NAME), "retired");
}

fn quarantined() {
    approved(5, |_| {}, "quarantined");
}

fn next_version() {
    runtime().block_on(async {
        let mut testbed = HostileTestbed::begin(&hostile().build(), "").await;
        testbed.commit_good("first").await;
        let next = Description { services: &["h:hostile", "h:good"], version: "6.6.7", ..STRANGER };
        testbed.place("hostile", &stranger(next).build());
        testbed.daemon.ask("POST /v1/refresh");
        let committed = testbed.commit(&(good("second") + &instance(&[]))).await;
        assert!(committed.succeeded(), "{}", committed.reason());
        let status = testbed.daemon.ask("GET /v1/modules/hostile");
        assert!(
            status.contains("\"version\":\"6.6.6\"") && status.contains("which `good` serves"),
            "{status}"
        );
        testbed.daemon.await_log("which is held");
        testbed.restart().await;
        testbed.commit_good("third").await;
        testbed.end();
    });
}

fn first() {
    runtime().block_on(async {
        let stranger = stranger(STRANGER).build();
        let modules = [(NAME, &*stranger), ("good", good_module()), ("hostile", &*hostile().build())];
        let mut testbed = HostileTestbed::with(&modules, "").await;
        let committed = testbed.commit(&good("first")).await;
        assert_eq!(
            committed.reason(),
            "no module serves `good`: `a-stranger` and `good` claim it, and none of them is approved\n\
             hint: run `confine modules approve NAME` for each that is to serve it, or name them as `modules` in \
             `[service.good]` in confine.toml"
        );
        assert_eq!(testbed.edits(), [""; 0]);
        testbed.base.discard().await.unwrap();
        let committed = testbed.commit(&instance(&[])).await;
        assert!(committed.succeeded(), "{}", committed.reason());
        testbed.daemon.ask("POST /v1/modules/good/approve");
        testbed.commit_good("second").await;
        testbed.restart().await;
        testbed.commit_good("third").await;
        testbed.end();
    });
}

/// It claims as many lists as it can, with as many keys each.
fn many_lists() {
    let keys: String = (0..64).map(|key| format!("[k{key}]")).collect();
    let lists: Vec<&str> = (0..999).map(|n| &*format!("h:l{n}{keys}").leak()).chain(["h:good"]).collect();
    held(stranger(Description { services: lists.leak(), ..STRANGER }));
}

/// Copies of the good module under other names, also below: each is a stranger.
fn copies() {
    runtime().block_on(async {
        let mut testbed = HostileTestbed::with(&[("good", good_module())], "").await;
        testbed.commit_good("first").await;
        std::fs::create_dir(testbed.directory.path().join("modules/a")).unwrap();
        for name in ["Good", "good.wasm", "GOOD", "g-od", "a/good2", "a/good"] {
            testbed.place(name, good_module());
        }
        testbed.daemon.ask("POST /v1/refresh");
        assert_eq!(testbed.daemon.modules_in("held"), 5);
        testbed.commit_good("second").await;
        testbed.restart().await;
        testbed.commit_good("third").await;
        testbed.end();
    });
}
