//! Modules that reach for what they were not given.

use confine_controller::Datastore;

use crate::{
    Elsewhere, Own, Part,
    case::{
        Case, Ends::*, HostileTestbed, Module::*, bulk, good, hostile, hostile_reading, instance, obedient,
    },
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

/// An instance that tells the module to read what it has not declared: what, with which path, and the path to add.
macro_rules! undeclared {
    ($id:literal, $line:literal, $what:literal, $path:literal, $add:literal) => {
        line!(
            $id,
            $line,
            Refused(concat!(
                "module `hostile` 0.1.0, instance `hostile[name='h']`: access denied: read of ",
                $what,
                ": the description of module `hostile` does not declare it (access-denied, at `",
                $path,
                "`)\nhint: add `",
                $add,
                "` to `reads` there"
            ))
        )
    };
}

/// An instance that tells the module to read what no module reads.
macro_rules! unreadable {
    ($id:literal, $line:literal, $what:literal, $path:literal) => {
        line!(
            $id,
            $line,
            Refused(concat!(
                "module `hostile` 0.1.0, instance `hostile[name='h']`: access denied: read of `",
                $what,
                "`: a module reads only `/devices`, `/services/properties` and instances of its own services \
                 (access-denied, at `",
                $path,
                "`)"
            ))
        )
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
        line!("copied-object", "set /devices/device[name='openconfig1']/config/sys:system/config/login-banner second", Refused("conflict: `hostile[name='h']` creates `/devices/device[name=\"openconfig1\"]/config/system/config/login-banner`, which `good[name='g']` of another service owns\nhint: let only one of the services create it; or let both own it, with `shares_with = [\"good\"]` in `[service.hostile]` in confine.toml, or with the other's list as `shares-with` in the options of the description of each module")),
        // It reads nothing of another service by any name.
        unreadable!("other-service", "absent /services/h:good/do", "/services/good/do", "/services/h:good/do"),
        unreadable!("other-prefix", "absent /services/again:good/again:do", "/services/good/do", "/services/again:good/again:do"),
        unreadable!("no-prefix", "absent /services/good/name", "/services/good/name", "/services/good/name"),
        unreadable!("wide-predicate", "absent /services/h:good[name]/do", "/services/good[name]/do", "/services/h:good[name]/do"),
        // The keys and passwords of another device, in each way to read.
        undeclared!(
            "undeclared-get",
            "expect /devices/device[name='openconfig2']/config/sys:system/aaa/authentication/users/user[username='ann']/config/ssh-key x",
            "`/devices/device[name='openconfig2']/config/system/aaa/authentication/users/user[username='ann']/config/ssh-key`",
            "/devices/device[name='openconfig2']/config/sys:system/aaa/authentication/users/user[username='ann']/config/ssh-key",
            "/devices/device/config/sys:system/aaa/authentication/users/user/config/ssh-key"
        ),
        undeclared!(
            "undeclared-exists",
            "absent /devices/device[name='openconfig2']/config/sys:system/aaa/authentication/users/user[username='ann']",
            "the keys of `/devices/device[name='openconfig2']/config/system/aaa/authentication/users/user[username='ann']`",
            "/devices/device[name='openconfig2']/config/sys:system/aaa/authentication/users/user[username='ann']",
            "/devices/device/config/sys:system/aaa/authentication/users/user/username"
        ),
        undeclared!(
            "undeclared-find",
            "count 0 /devices/device[name='openconfig2']/config/sys:system/aaa/authentication/users/user",
            "the keys of `/devices/device[name='openconfig2']/config/system/aaa/authentication/users/user`",
            "/devices/device[name='openconfig2']/config/sys:system/aaa/authentication/users/user",
            "/devices/device/config/sys:system/aaa/authentication/users/user/username"
        ),
        undeclared!(
            "undeclared-read",
            "hides /devices/device[name='openconfig2']/config/sys:system/aaa key",
            "`/devices/device[name='openconfig2']/config/system/aaa`",
            "/devices/device[name='openconfig2']/config/sys:system/aaa",
            "/devices/device/config/sys:system/aaa"
        ),
        undeclared!(
            "undeclared-on-every-device",
            "count 0 /devices/device/config/sys:system/aaa/authentication/users/user/config/ssh-key",
            "`/devices/device/config/system/aaa/authentication/users/user/config/ssh-key`",
            "/devices/device/config/sys:system/aaa/authentication/users/user/config/ssh-key",
            "/devices/device/config/sys:system/aaa/authentication/users/user/config/ssh-key"
        ),
        undeclared!(
            "undeclared-ancestor",
            "hides /devices/device[name='openconfig2']/config/sys:system key",
            "`/devices/device[name='openconfig2']/config/system`",
            "/devices/device[name='openconfig2']/config/sys:system",
            "/devices/device/config/sys:system"
        ),
        undeclared!(
            "undeclared-device",
            "hides /devices/device password",
            "`/devices/device`",
            "/devices/device",
            "/devices/device"
        ),
        undeclared!(
            "undeclared-address",
            "absent /devices/device[name='openconfig2']/addr",
            "`/devices/device[name='openconfig2']/addr`",
            "/devices/device[name='openconfig2']/addr",
            "/devices/device/addr"
        ),
        undeclared!(
            "undeclared-instance",
            "absent /services/h:hostile[name='other']/do",
            "`/services/hostile[name='other']/do`",
            "/services/h:hostile[name='other']/do",
            "/services/again:hostile/do"
        ),
        line!("undeclared-relative", "absent ../../../devices/device/config", Refused("module `hostile` 0.1.0, instance `hostile[name='h']`: the path `../../../devices/device/config` cannot be read at character 1: `..` is not supported: write the path from the root or from the instance downwards (invalid-value, at `../../../devices/device/config`)")),
        line!("undeclared-removal", "remove /devices/device[name='openconfig2']/config/sys:system/aaa/authentication/users/user[username='ann']", Refused("module `hostile` 0.1.0, instance `hostile[name='h']`: access denied: delete of `/devices/device[name='openconfig2']/config/system/aaa/authentication/users/user[username='ann']`: the module's description declares that it writes `/devices/device/config/sys:system/config`; add it to `writes` there (access-denied, at `/devices/device[name='openconfig2']/config/sys:system/aaa/authentication/users/user[username='ann']`)")),
        fragment!("undeclared-fragment", concat!(
            "xml <devices xmlns='http://clicon.org/controller' xmlns:nc='urn:ietf:params:xml:ns:netconf:base:1.0'><device><name>openconfig2</name>",
            "<config><system xmlns='http://openconfig.net/yang/system'><aaa><authentication><users nc:operation='remove'/></authentication></aaa></system></config></device></devices>"
        ), Refused("module `hostile` 0.1.0, instance `hostile[name='h']`: access denied: delete of `/devices/device[name='openconfig2']/config/system/aaa/authentication/users`: the module's description declares that it writes `/devices/device/config/sys:system/config`; add it to `writes` there (access-denied, at `/devices/device[name='openconfig2']/config/system/aaa/authentication/users`)")),
        Case {
            id: "undeclared-in-a-hook",
            module: Guest(|| {
                hostile_reading(&["/devices/device/name"])
                    .text("path", "/devices/device[name='openconfig2']/addr")
                    .hooks(
                        "(call $get (local.get $view) (global.get $path) (global.get $path.len) (global.get $scratch))
                        ;; The host's refusal is the module's own: its tag and message.
                        (i32.store offset=4 (global.get $error) (i32.load offset=4 (global.get $scratch)))
                        (i32.store offset=8 (global.get $error) (i32.load offset=8 (global.get $scratch)))
                        (i32.store offset=12 (global.get $error) (i32.load offset=12 (global.get $scratch)))
                        (i32.store offset=16 (global.get $error) (i32.load offset=16 (global.get $scratch)))
                        (if (result i32) (i32.load (global.get $scratch)) (then (global.get $error)) (else (global.get $ok)))",
                    )
            }),
            limits: "",
            ends: Refused("the pre-commit hook failed: module `hostile` 6.6.6, instance `hostile[name='h']`: access denied: read of `/devices/device[name='openconfig2']/addr`: the description of module `hostile` does not declare it (access-denied)\nhint: add `/devices/device/addr` to `reads` there"),
        },
        // The commits of the good module do not fail for it.
        Case {
            id: "declaration-in-vain",
            module: Guest(|| hostile_reading(&["/devices/device/config/x"])),
            limits: "",
            ends: Well,
        },
        line!("other-service-written", "create /services/h:good[name='g']/do[.='evil']", Refused("module `hostile` 0.1.0, instance `hostile[name='h']`: access denied: create of `/services/good[name='g']/do[.='evil']`: a module writes below `/devices/device/config` only (access-denied, at `/services/h:good[name='g']/do[.='evil']`)")),
        line!("other-prefix-written", "create /ctrl:services/again:good[again:name='g']/again:do[.='evil']", Refused("module `hostile` 0.1.0, instance `hostile[name='h']`: access denied: create of `/services/good[name='g']/do[.='evil']`: a module writes below `/devices/device/config` only (access-denied, at `/ctrl:services/again:good[again:name='g']/again:do[.='evil']`)")),
        line!("own-instance-written", "create do[.='evil']", Refused("module `hostile` 0.1.0, instance `hostile[name='h']`: access denied: create of `/services/hostile[name='h']/do[.='evil']`: a module writes below `/devices/device/config` only (access-denied, at `do[.='evil']`)")),
        line!("ancestor-deleted", "remove /devices/device[name='openconfig1']/config", Refused("module `hostile` 0.1.0, instance `hostile[name='h']`: access denied: delete of `/devices/device[name='openconfig1']/config`: a module writes below `/devices/device/config` only (access-denied, at `/devices/device[name='openconfig1']/config`)")),
        line!("undeclared", "set /devices/device[name='openconfig1']/config/if:interfaces/interface[name='x']/config/name x", Refused("module `hostile` 0.1.0, instance `hostile[name='h']`: access denied: create of `/devices/device[name='openconfig1']/config/interfaces/interface[name='x']/config/name`: the module's description declares that it writes `/devices/device/config/sys:system/config`; add it to `writes` there (access-denied, at `/devices/device[name='openconfig1']/config/if:interfaces/interface[name='x']/config/name`)")),
        line!("created-written", "set created/path[.='/x'] /x", Refused("module `hostile` 0.1.0, instance `hostile[name='h']`: access denied: create of `/services/hostile[name='h']/created/path[.='/x']`: a module writes below `/devices/device/config` only (access-denied, at `created/path[.='/x']`)")),
        unreadable!("nacm-read", "absent /nacm:nacm/nacm:enable-nacm", "/nacm/enable-nacm", "/nacm:nacm/nacm:enable-nacm"),
        line!("nacm-written", "set /nacm:nacm/nacm:enable-nacm false", Refused("module `hostile` 0.1.0, instance `hostile[name='h']`: access denied: create of `/nacm/enable-nacm`: a module writes below `/devices/device/config` only (access-denied, at `/nacm:nacm/nacm:enable-nacm`)")),
        unreadable!("processes-read", "absent /processes/services/enabled", "/processes/services/enabled", "/processes/services/enabled"),
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
        unreadable!("wide-read", "hides / password", "/", "/"),
        fragment!("second-key", "xml <devices xmlns='http://clicon.org/controller'><device><name>openconfig1</name><name>openconfig2</name><config><system xmlns='http://openconfig.net/yang/system'><config><login-banner>x</login-banner></config></system></config></device></devices>", Refused("module `hostile` 0.1.0, instance `hostile[name='h']`: `/devices/device[name='openconfig1']/name` is a key with the value `openconfig1` in the path and cannot be set to `openconfig2`: create another entry (invalid-value, at `/devices/device[name='openconfig1']/name`)")),
        fragment!("operation-of-a-key", "xml <devices xmlns='http://clicon.org/controller' xmlns:nc='urn:ietf:params:xml:ns:netconf:base:1.0'><device><name nc:operation='remove'>openconfig1</name><config><system xmlns='http://openconfig.net/yang/system'><config><login-banner>x</login-banner></config></system></config></device></devices>", Refused("module `hostile` 0.1.0, instance `hostile[name='h']`: `/devices/device[name='openconfig1']/name` is a key: remove the whole entry (invalid-value, at `/devices/device[name='openconfig1']/name`)")),
        fragment!("key-with-markup", "xml <devices xmlns='http://clicon.org/controller'><device><name>openconfig1' or '1'='1</name><config><system xmlns='http://openconfig.net/yang/system'><config><login-banner>x</login-banner></config></system></config></device></devices>", Refused("the controller has no device `openconfig1' or '1'='1`, which `hostile[name='h']` writes to")),
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
    own: &[Own("created-read", created_read), Own("foreign-object", foreign_object), Own("odd-keys", odd_keys)],
    elsewhere: &[
        Elsewhere("every-hidden-place", "host/view/src/tests/authority.rs", "read_of_what_no_module_reads_is_refused"),
        Elsewhere("undeclared-key", "host/view/src/tests/reads.rs", "leaf_is_not_readable_because_a_path_calls_it_a_key"),
        Elsewhere("unseen-data", "host/tree/src/resolve/tests.rs", "path_resolves_the_same_whatever_unseen_data_there_is"),
        Elsewhere("every-place-to-write", "host/view/src/tests/authority.rs", "only_device_configuration_is_writable"),
        Elsewhere("what-is-sent", "host/view/src/edit_check.rs", "last_check_refuses_any_other_edit"),
    ],
};

/// What an instance has created is in its list, and not for it to read.
fn created_read() {
    runtime().block_on(async {
        let mut testbed = HostileTestbed::begin(obedient(), "").await;
        testbed.commit_good("first").await;
        let make = "set /devices/device[name='openconfig1']/config/sys:system/config/motd-banner mine";
        let committed = testbed.commit(&instance(&[make])).await;
        assert!(committed.succeeded(), "{}", committed.reason());
        let running = testbed.base.controller().datastore(Datastore::Running).unwrap();
        assert!(running.contains("motd-banner</path>"), "{running}");
        for path in ["created", "created/path"] {
            let committed = testbed.commit(&instance(&[make, &format!("absent {path}")])).await;
            testbed.assert_failed(&committed, &format!("module `hostile` 0.1.0, instance `hostile[name='h']`: access denied: read of `/services/hostile[name='h']/{path}`: only Confine reads what an instance has created (access-denied, at `{path}`)"));
            testbed.base.discard().await.unwrap();
        }
        testbed.end();
    });
}

/// What the good service owns, changed and removed in each way by a commit that the good service has no part in.
fn foreign_object() {
    const SYSTEM: &str = "/devices/device[name='openconfig1']/config/sys:system/config";
    let removed = device!("<login-banner nc:operation='remove'/>");
    let around = removed.replace("<config><login", "<config nc:operation='remove'><login");
    let lines = [
        (format!("remove {SYSTEM}/login-banner"), "removes", "/login-banner"),
        (format!("remove {SYSTEM}"), "removes", ""),
        (removed.to_owned(), "removes", "/login-banner"),
        (around, "removes", ""),
        (format!("set {SYSTEM}/login-banner evil"), "sets", "/login-banner"),
        (device!("<login-banner>evil</login-banner>").to_owned(), "sets", "/login-banner"),
    ];
    runtime().block_on(async {
        let mut testbed = HostileTestbed::begin(obedient(), "").await;
        testbed.commit_good("first").await;
        for (line, does, below) in lines {
            let committed = testbed.commit(&instance(&[&line])).await;
            let expected = format!(
                "conflict: `hostile[name='h']` {does} `/devices/device[name='openconfig1']/config/system/config{below}`, which \
                 `good[name='g']` has created\nhint: let only one of them do it; or let the last one win with `conflicts = \
                 \"last-wins\"` in the table of module `hostile` in Confine's own file"
            );
            testbed.assert_failed(&committed, &expected);
            testbed.base.discard().await.unwrap();
        }
        testbed.commit_good("second").await;
        testbed.end();
    });
}

/// Keys with characters that paths, XPath and XML write in their own way: each entry is made, made again and removed.
fn odd_keys() {
    const LIST: &str = "/devices/device[name='openconfig1']/config/if:interfaces";
    const ODD: [&str; 16] = [
        "it''s",
        "\"",
        "]",
        "a/b",
        "..",
        "*",
        "",
        "\t",
        "a\nb",
        "\u{a0}",
        "]]>",
        "&amp;",
        "\u{202e}",
        "\u{feff}",
        "e\u{301}",
        "\u{1f600}",
    ];
    const GONE: &str = "<hostile xmlns='urn:example:hostile' xmlns:nc='urn:ietf:params:xml:ns:netconf:base:1.0' \
                        nc:operation='remove'><name>h</name></hostile>";
    runtime().block_on(async {
        let mut testbed = HostileTestbed::begin(bulk(), "").await;
        testbed.commit_good("first").await;
        let count = |testbed: &HostileTestbed| testbed.device().matches("<interface>").count();
        let before = count(&testbed);
        let lines: Vec<String> =
            ODD.iter().map(|key| format!("1 create {LIST}/interface[name='{key}']")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        for banner in ["second", "third"] {
            let committed = testbed.commit(&(good(banner) + &instance(&lines))).await;
            assert!(committed.succeeded(), "{}\n{}", committed.reason(), testbed.daemon.log());
            assert_eq!(count(&testbed), before + ODD.len());
        }
        assert!(testbed.commit(GONE).await.succeeded());
        assert_eq!(count(&testbed), before);
        // The controller cannot write this one in a path.
        let both = format!("1 create {LIST}/interface[name='''\"']");
        let committed = testbed.commit(&instance(&[&both])).await;
        assert_eq!(
            committed.reason(),
            "instance `hostile[name='h']`: `/devices/device[name='openconfig1']/config/interfaces/interface[name='''\"']` \
             cannot be recorded as created: the value of `name` contains both kinds of quotes, which the controller cannot \
             represent in a path"
        );
        assert_eq!(testbed.edits(), [""; 0]);
        testbed.base.discard().await.unwrap();
        testbed.commit_good("fourth").await;
        testbed.end();
    });
}
