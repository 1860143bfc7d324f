//! Modules that reach for what they were not given.

use confine_controller::Datastore;

use crate::{
    Elsewhere, Own, Part,
    case::{Case, Ends::*, HostileTestbed, Module::*, hostile, instance, obedient},
    guest::ERROR,
    runtime,
};

/// A function of WASI that is not offered: its interface, the package, and what the core module calls.
macro_rules! calls {
    ($interface:literal, $package:literal, $import:literal, $call:literal) => {
        || hostile().import($interface, $package, $import).apply(concat!($call, " (global.get $ok)"))
    };
}

/// An instance that tells the module to do one thing.
macro_rules! line {
    ($id:literal, $line:literal, $ends:expr) => {
        Case { id: $id, module: Lines(&[$line]), limits: "", ends: $ends }
    };
}

/// A fragment for the first device, with this in its configuration.
macro_rules! device {
    ($inner:literal) => {
        concat!(
            "xml <devices xmlns='http://clicon.org/controller' xmlns:nc='urn:ietf:params:xml:ns:netconf:base:1.0' \
             xmlns:cl='http://clicon.org/lib'><device><name>openconfig1</name><config>\
             <system xmlns='http://openconfig.net/yang/system'><config>",
            $inner,
            "</config></system></config></device></devices>"
        )
    };
}

/// The text eight times.
macro_rules! eight {
    ($text:expr) => {
        concat!($text, $text, $text, $text, $text, $text, $text, $text)
    };
}

macro_rules! fragment {
    ($id:literal, $fragment:expr, $ends:expr) => {
        Case { id: $id, module: Lines(&[$fragment]), limits: "", ends: $ends }
    };
}

pub const PART: Part = Part {
    cases: &[
        line!("parent-steps", "remove /devices/device[name='openconfig1']/config/../../../nacm", Refused("module `hostile` 0.1.0, instance `hostile[name='h']`: the path `/devices/device[name='openconfig1']/config/../../../nacm` cannot be read at character 44: `..` is not supported: write the path from the root or from the instance downwards (invalid-value, at `/devices/device[name='openconfig1']/config/../../../nacm`)")),
        line!("wildcard", "remove /devices/*/config", Refused("module `hostile` 0.1.0, instance `hostile[name='h']`: the path `/devices/*/config` cannot be read at character 10: `*` is not supported: name the step, and leave out its keys to match every entry (invalid-value, at `/devices/*/config`)")),
        line!("every-device", "remove /devices/device", Refused("module `hostile` 0.1.0, instance `hostile[name='h']`: access denied: delete of `/devices/device`: a module writes below `/devices/device/config` only (access-denied, at `/devices/device`)")),
        line!("copied-object", "set /devices/device[name='openconfig1']/config/sys:system/config/login-banner second", Refused("conflict: `hostile[name='h']` creates `/devices/device[name=\"openconfig1\"]/config/system/config/login-banner`, which `good[name='g']` of another service owns\nhint: let only one of the services create it; or let the module of each name the other's list as `shares-with` in the options of its description")),
        // It reads nothing of another service by any name, so there is nothing to find.
        line!("other-service", "absent /services/h:good/do", Well),
        line!("other-prefix", "absent /services/again:good/again:do", Well),
        line!("no-prefix", "absent /services/good/name", Well),
        line!("wide-predicate", "absent /services/h:good[name]/do", Well),
        line!("other-service-written", "create /services/h:good[name='g']/do[.='evil']", Refused("module `hostile` 0.1.0, instance `hostile[name='h']`: access denied: create of `/services/good[name='g']/do[.='evil']`: a module writes below `/devices/device/config` only (access-denied, at `/services/h:good[name='g']/do[.='evil']`)")),
        line!("other-prefix-written", "create /ctrl:services/again:good[again:name='g']/again:do[.='evil']", Refused("module `hostile` 0.1.0, instance `hostile[name='h']`: access denied: create of `/services/good[name='g']/do[.='evil']`: a module writes below `/devices/device/config` only (access-denied, at `/ctrl:services/again:good[again:name='g']/again:do[.='evil']`)")),
        line!("own-instance-written", "create do[.='evil']", Refused("module `hostile` 0.1.0, instance `hostile[name='h']`: access denied: create of `/services/hostile[name='h']/do[.='evil']`: a module writes below `/devices/device/config` only (access-denied, at `do[.='evil']`)")),
        line!("ancestor-deleted", "remove /devices/device[name='openconfig1']/config", Refused("module `hostile` 0.1.0, instance `hostile[name='h']`: access denied: delete of `/devices/device[name='openconfig1']/config`: a module writes below `/devices/device/config` only (access-denied, at `/devices/device[name='openconfig1']/config`)")),
        line!("undeclared", "set /devices/device[name='openconfig1']/config/if:interfaces/interface[name='x']/config/name x", Refused("module `hostile` 0.1.0, instance `hostile[name='h']`: access denied: create of `/devices/device[name='openconfig1']/config/interfaces/interface[name='x']/config/name`: the module's description declares that it writes `/devices/device/config/sys:system/config`; add it to `writes` there (access-denied, at `/devices/device[name='openconfig1']/config/if:interfaces/interface[name='x']/config/name`)")),
        line!("created-written", "set created/path[.='/x'] /x", Refused("module `hostile` 0.1.0, instance `hostile[name='h']`: access denied: create of `/services/hostile[name='h']/created/path[.='/x']`: a module writes below `/devices/device/config` only (access-denied, at `created/path[.='/x']`)")),
        line!("nacm-read", "absent /nacm:nacm/nacm:enable-nacm", Well),
        line!("nacm-written", "set /nacm:nacm/nacm:enable-nacm false", Refused("module `hostile` 0.1.0, instance `hostile[name='h']`: access denied: create of `/nacm/enable-nacm`: a module writes below `/devices/device/config` only (access-denied, at `/nacm:nacm/nacm:enable-nacm`)")),
        line!("processes-read", "absent /processes/services/enabled", Well),
        line!("processes-written", "set /processes/services/enabled false", Refused("module `hostile` 0.1.0, instance `hostile[name='h']`: access denied: create of `/processes/services/enabled`: a module writes below `/devices/device/config` only (access-denied, at `/processes/services/enabled`)")),
        line!("device-address", "set /devices/device[name='openconfig1']/addr evil.example", Refused("module `hostile` 0.1.0, instance `hostile[name='h']`: access denied: create of `/devices/device[name='openconfig1']/addr`: a module writes below `/devices/device/config` only (access-denied, at `/devices/device[name='openconfig1']/addr`)")),
        fragment!("creator-of-another", device!("<login-banner cl:creator=\"good[name='g']\">x</login-banner>"), Refused("module `hostile` 0.1.0, instance `hostile[name='h']`: access denied: `cl:creator=\"good[name=\\'g\\']\"` is not this instance, `hostile[name='h']`; leave the attribute out: Confine records what an instance creates (access-denied, at `/devices/device[name='openconfig1']/config/system/config/login-banner`)")),
        fragment!("doctype", "xml <!DOCTYPE a [<!ENTITY e 'x'>]><devices xmlns='http://clicon.org/controller'/>", Refused("module `hostile` 0.1.0, instance `hostile[name='h']`: the XML cannot be read at line 1, column 1 (`<!DOCTYPE a [<!ENTITY e 'x'>]><devices x`): a DOCTYPE is not allowed (malformed-message)")),
        fragment!("entity", device!("<login-banner>&e;</login-banner>"), Refused("module `hostile` 0.1.0, instance `hostile[name='h']`: the XML cannot be read at line 1, column 243 (`&e;</login-banner></config></system></co`): the entity `&e;` is not known: only amp, lt, gt, apos and quot are (malformed-message)")),
        fragment!("replace", device!("<login-banner nc:operation='replace'>x</login-banner>"), Refused("module `hostile` 0.1.0, instance `hostile[name='h']`: `nc:operation=\"replace\"` is refused: it fails, or takes what others made, depending on what is there; use `merge` or `remove` (operation-not-supported, at `/devices/device[name='openconfig1']/config/system/config/login-banner`)")),
        fragment!(
            "second-root",
            concat!(
                "xml <devices xmlns='http://clicon.org/controller'/>",
                "<nacm xmlns='urn:ietf:params:xml:ns:yang:ietf-netconf-acm'><enable-nacm>false</enable-nacm></nacm>"
            ),
            Refused("module `hostile` 0.1.0, instance `hostile[name='h']`: access denied: create of `/nacm/enable-nacm`: a module writes below `/devices/device/config` only (access-denied, at `/nacm/enable-nacm`)")
        ),
        fragment!("deep-nesting", concat!("xml ", eight!(eight!(eight!("<x xmlns='urn:x'>")))), Refused("module `hostile` 0.1.0, instance `hostile[name='h']`: the XML cannot be read at line 1, column 2177 (`<x xmlns='urn:x'><x xmlns='urn:x'><x xml`): the elements are nested deeper than 128 (malformed-message)")),
        Case {
            id: "wide-read",
            module: Lines(&[
                "shows / <name>openconfig1</name>",
                "shows / <name>h</name>",
                "hides / <good",
                "hides / <created",
                "hides / <nacm",
                "hides / <processes",
                "hides /services <good",
            ]),
            limits: "",
            ends: Well,
        },
        line!("markup-in-a-value", "set /devices/device[name='openconfig1']/config/sys:system/config/motd-banner </motd-banner></config><config>&amp;]]><!--", Well),
        line!("markup-in-a-path", "set /devices/device[name='openconfig1']/config/sys:system/config/x><nacm/> 1", Refused("module `hostile` 0.1.0, instance `hostile[name='h']`: the path `/devices/device[name='openconfig1']/config/sys:system/config/x><nacm/>` cannot be read at character 63: `>` is unexpected here: a step is followed by `/`, `[` or the end of the path (invalid-value, at `/devices/device[name='openconfig1']/config/sys:system/config/x><nacm/>`)")),
        line!("markup-in-a-failure", "fail </reason></transaction-error>]]>##\n#5\n&lt;", Refused("module `hostile` 0.1.0, instance `hostile[name='h']`: </reason></transaction-error>]]>##\n#5\n&lt; (operation-failed)")),
        Case {
            id: "markup-in-a-log-line",
            module: Guest(|| {
                hostile().text("level", "info").text("message", "a\n1970-01-01 ERROR b\u{1b}[2J<c/>]]>&amp;").apply(
                    "(call $log (global.get $level) (global.get $level.len)
                        (global.get $message) (global.get $message.len) (i32.const 4) (i32.const 0))
                    (global.get $ok)",
                )
            }),
            limits: "",
            ends: Logged(r"a\n1970-01-01 ERROR b\u{1b}[2J<c/>]]>&amp;"),
        },
        Case {
            id: "control-characters",
            module: Guest(|| hostile().error("x\u{1b}[2J", "a\u{0}b\u{1b}]0;title\u{7}\u{202e}c\u{fffe}", Some("\u{1}")).apply(ERROR)),
            limits: "",
            ends: Refused("module `hostile` 6.6.6, instance `hostile[name='h']`: a\\u{0}b\\u{1b}]0;title\\u{7}\\u{202e}c\\u{fffe} (x\\u{1b}[2J, at `\\u{1}`)"),
        },
        Case {
            id: "characters-that-xml-has-not",
            module: Guest(|| {
                hostile()
                    .text("path", "/devices/device[name='openconfig1']/config/sys:system/config/login-banner")
                    .text("value", "a\u{0}b")
                    .apply(
                        "(call $set (local.get $view) (global.get $path) (global.get $path.len)
                            (global.get $value) (global.get $value.len) (global.get $scratch))
                        ;; The host's refusal is the module's own: its tag, message and path.
                        (i32.store offset=4 (global.get $error) (i32.load offset=4 (global.get $scratch)))
                        (i32.store offset=8 (global.get $error) (i32.load offset=8 (global.get $scratch)))
                        (i32.store offset=12 (global.get $error) (i32.load offset=12 (global.get $scratch)))
                        (i32.store offset=16 (global.get $error) (i32.load offset=16 (global.get $scratch)))
                        (global.get $error)",
                    )
            }),
            limits: "",
            ends: Refused("module `hostile` 6.6.6, instance `hostile[name='h']`: `/devices/device[name='openconfig1']/config/system/config/login-banner`: XML cannot carry the character `\\u{0}`: take it out of the value (invalid-value)"),
        },
        Case {
            id: "view-after-its-end",
            module: Guest(|| {
                hostile()
                    .calls(r#"(import "confine:service/tree@0.1.0" "[resource-drop]view" (func $end (param i32)))"#)
                    .text("path", "/devices")
                    .apply(
                        "(call $end (local.get $view))
                        (call $get (local.get $view) (global.get $path) (global.get $path.len) (global.get $scratch))
                        (global.get $ok)",
                    )
            }),
            limits: "",
            ends: Refused("module `hostile` 6.6.6, instance `hostile[name='h']`: trap: unknown handle index 1"),
        },
        line!("environment", "environment", Well),
        line!("file", "file /etc/passwd", Well),
        line!("file-of-parents", "file ../../../../etc/passwd", Well),
        line!("connect", "connect 127.0.0.1:22", Refused("module `hostile` 0.1.0, instance `hostile[name='h']`: trap: it called `create-tcp-socket` of `wasi:sockets/tcp-create-socket@0.2.6`, which Confine does not offer")),
        line!("resolve", "resolve example.com", Refused("module `hostile` 0.1.0, instance `hostile[name='h']`: trap: it called `instance-network` of `wasi:sockets/instance-network@0.2.6`, which Confine does not offer")),
        Case {
            id: "socket",
            module: Guest(calls!(
                "wasi:sockets/udp-create-socket@0.2.3",
                "package wasi:sockets@0.2.3 {
                    interface network { enum error-code { unknown } enum ip-address-family { ipv4, ipv6 } }
                    interface udp { resource udp-socket; }
                    interface udp-create-socket {
                        use network.{error-code, ip-address-family};
                        use udp.{udp-socket};
                        create-udp-socket: func(address-family: ip-address-family) -> result<udp-socket, error-code>;
                    }
                }",
                r#"(import "wasi:sockets/udp-create-socket@0.2.3" "create-udp-socket" (func $udp (param i32 i32)))"#,
                "(call $udp (i32.const 0) (global.get $scratch))"
            )),
            limits: "",
            ends: Refused("module `hostile` 6.6.6, instance `hostile[name='h']`: trap: it called `create-udp-socket` of `wasi:sockets/udp-create-socket@0.2.3`, which Confine does not offer"),
        },
    ],
    own: &[Own("created-read", created_read)],
    elsewhere: &[
        Elsewhere("every-hidden-place", "host/view/src/tests/authority.rs", "nodes_outside_of_the_scope_look_absent"),
        Elsewhere("every-place-to-write", "host/view/src/tests/authority.rs", "only_device_configuration_is_writable"),
        Elsewhere("what-is-sent", "host/view/src/edit_check.rs", "last_check_refuses_any_other_edit"),
    ],
};

/// What an instance has created is in its list, and not for it to read.
fn created_read() {
    runtime().block_on(async {
        let mut testbed = HostileTestbed::begin(obedient(), "").await;
        let make = "set /devices/device[name='openconfig1']/config/sys:system/config/motd-banner mine";
        for lines in [&[make][..], &[make, "absent created/path", "absent created"]] {
            let committed = testbed.commit(&instance(lines)).await;
            assert!(committed.succeeded(), "{}", committed.reason());
            let running = testbed.base.controller().datastore(Datastore::Running).unwrap();
            assert!(running.contains("motd-banner</path>"), "{running}");
        }
        testbed.end();
    });
}
