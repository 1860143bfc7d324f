//! What a module sees and writes, in words: for somebody who decides whether to run it.

use std::{cmp::Reverse, collections::HashSet};

use confine_sandbox::{Description, interfaces, text::line};
use confine_tree::{CONTROLLER, Path, PathStep, Predicate, QName};
use serde::Serialize;

/// Something that a module sees or writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct AccessInWords {
    /// What it is.
    pub(super) words: String,
    /// It is much more than one service should need.
    pub(super) broad: bool,
}

/// What broad requests begin with, so that they stand out.
const BROAD: &str = "BROAD: ";

impl std::fmt::Display for AccessInWords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", if self.broad { BROAD } else { "" }, self.words)
    }
}

/// Returns what a module sees, the broadest first.
pub(super) fn sees(description: &Description) -> Vec<AccessInWords> {
    let always = [
        ("its instance, and what all services share (`/services/properties`)", false),
        ("what it writes", writes(description).iter().any(|access| access.broad)),
        ("the keys of the list entries above all of that", false),
    ];
    let always = always.map(|(words, broad)| AccessInWords { words: words.into(), broad });
    // What is relative is in its instance.
    let declared = description.reads.iter().filter(|path| path.absolute);
    let declared = declared.map(|path| in_words(path, description, false));
    sorted(declared.chain(always))
}

/// Returns what a module writes, the broadest first.
pub(super) fn writes(description: &Description) -> Vec<AccessInWords> {
    if description.writes.is_empty() {
        let words = "every device's whole configuration (it declares no `writes`)".into();
        return vec![AccessInWords { words, broad: true }];
    }
    sorted(description.writes.iter().map(|path| in_words(path, description, true)))
}

/// Returns what the random numbers are that a module imports.
pub(super) fn random(imports: impl Fn(&str) -> bool) -> Vec<&'static str> {
    let secure = imports(interfaces::RANDOM)
        .then_some("stable for each instance, derived from the host's secret: fit for keys");
    let insecure = (imports(interfaces::INSECURE) || imports(interfaces::INSECURE_SEED))
        .then_some("insecure: the same in every run of every module, not fit for keys");
    secure.into_iter().chain(insecure).collect()
}

/// Returns what the clocks show that a module imports.
pub(super) fn clocks(imports: impl Fn(&str) -> bool, commit_time: bool) -> Vec<&'static str> {
    let wall_clock = imports(interfaces::WALL_CLOCK).then_some(if commit_time {
        "wall clock: the commit's time"
    } else {
        "wall clock: fixed at 2000-01-01T00:00:00Z"
    });
    let monotonic = imports(interfaces::MONOTONIC_CLOCK)
        .then_some("monotonic clock: stands still unless the module waits, which takes no time");
    wall_clock.into_iter().chain(monotonic).collect()
}

fn sorted(all: impl Iterator<Item = AccessInWords>) -> Vec<AccessInWords> {
    let mut all: Vec<AccessInWords> = all.collect();
    all.sort_by_key(|access| Reverse(access.broad));
    let mut seen = HashSet::new();
    all.retain(|access| seen.insert(access.words.clone()));
    all
}

fn in_words(path: &Path, description: &Description, writes: bool) -> AccessInWords {
    let name = |step: &PathStep| {
        let namespace = match &step.prefix {
            Some(prefix) => description.prefixes.namespace(prefix).unwrap_or_default(),
            None => CONTROLLER,
        };
        (namespace.to_owned(), step.name.to_string())
    };
    let is = |step: &PathStep, local: &str| name(step) == (CONTROLLER.to_owned(), local.to_owned());
    let serves = |step: &PathStep| {
        let (namespace, local) = name(step);
        // A list of a service may be named without its prefix.
        let same = |known: QName<'_>| {
            known.local == local && (step.prefix.is_none() || known.namespace == namespace)
        };
        description.services.iter().any(|service| same(service.name()))
    };
    let (words, broad) = match &path.steps[..] {
        _ if !path.absolute => never(path, writes),
        [] if writes => ("every device's whole configuration".to_owned(), true),
        [] => ("everything that any module may see".to_owned(), true),
        [devices, rest @ ..] if is(devices, "devices") => match rest {
            [device, rest @ ..] if is(device, "device") => of_device(device, rest, writes),
            [] if writes => ("every device's whole configuration".to_owned(), true),
            [] => (
                "everything about every device: its whole configuration, its address, its user".to_owned(),
                true,
            ),
            [..] if writes => never(path, writes),
            [..] => (format!("`{}`", shown(path)), false),
        },
        [services] if is(services, "services") && !writes => {
            ("every instance of its services".to_owned(), true)
        }
        [services, list, rest @ ..] if is(services, "services") && !writes && serves(list) => match rest {
            [] => (format!("every instance of `{}`", steps(std::slice::from_ref(list))), true),
            rest => (
                format!("`{}` in every instance of `{}`", steps(rest), steps(std::slice::from_ref(list))),
                false,
            ),
        },
        [services, list, ..] if is(services, "services") && !writes && is(list, "properties") => {
            (format!("`{}`", shown(path)), false)
        }
        [..] => never(path, writes),
    };
    AccessInWords { words: line(&words, words.len()), broad }
}

/// Returns the words for a path below the list of devices.
fn of_device(device: &PathStep, rest: &[PathStep], writes: bool) -> (String, bool) {
    let value = device.predicates.iter().find_map(|predicate| match predicate {
        Predicate::Key { value, .. } => value.as_deref(),
        Predicate::Entry { .. } => None,
    });
    let (whose, of) = match value {
        Some(name) => (format!("the device `{name}`'s"), format!("the device `{name}`")),
        None => ("every device's".to_owned(), "every device".to_owned()),
    };
    match rest {
        [] if writes => (format!("{whose} whole configuration"), true),
        [] => (format!("everything about {of}: its whole configuration, its address, its user"), true),
        [config] if &*config.name == "config" => (format!("{whose} whole configuration"), true),
        [config, below @ ..] if &*config.name == "config" => (format!("`{}` of {of}", steps(below)), false),
        rest if writes => (format!("`{}` of {of}, which no module may write", steps(rest)), false),
        rest => (format!("`{}` of {of}", steps(rest)), false),
    }
}

/// Returns the words for a path that is declared in vain.
fn never(path: &Path, writes: bool) -> (String, bool) {
    let verb = if writes { "write" } else { "see" };
    (format!("`{}`, which no module may {verb}", shown(path)), false)
}

fn shown(path: &Path) -> String {
    path.to_string()
}

fn steps(steps: &[PathStep]) -> String {
    Path { absolute: false, steps: steps.to_vec() }.to_string()
}

#[cfg(test)]
mod tests {
    use confine_tree::{PatternStep, PrefixMap};

    use super::*;

    fn description(reads: &[&str], writes: &[&str]) -> Description {
        let paths = |paths: &[&str]| paths.iter().map(|path| Path::parse(path).unwrap()).collect();
        let prefixes = [("p", "urn:p"), ("if", "urn:if"), ("c", CONTROLLER)];
        Description {
            services: vec![PatternStep::new(QName::new("urn:p", "probe"))],
            version: "1.0.0".into(),
            reads: paths(reads),
            writes: paths(writes),
            prefixes: PrefixMap::new(prefixes).unwrap().into(),
            shares_with: Vec::new(),
            commit_time: false,
            options: Vec::new(),
        }
    }

    fn text(all: &[AccessInWords]) -> String {
        all.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn what_a_module_sees_is_told_the_broadest_first() {
        let reads = [
            "/devices/device/name",
            "/c:devices/c:device[name='r1']/c:config/if:interfaces/interface[name]/mtu",
            "/devices/device/config/if:interfaces",
            "/devices/device/config",
            "/devices/device[name='r1']/config",
            "/devices/device",
            "/devices/device[name='r1']",
            "/devices",
            "/devices/device-group/name",
            "/",
            "/services",
            "/services/p:probe",
            "/services/probe/do",
            "/services/properties/if:domain",
            "/services/if:probe",
            "/nacm",
            "also[.='x']",
        ];
        let narrow = "/devices/device/config/if:interfaces";
        insta::assert_snapshot!(text(&sees(&description(&[], &[narrow]))), @"
        its instance, and what all services share (`/services/properties`)
        what it writes
        the keys of the list entries above all of that
        ");
        insta::assert_snapshot!(text(&sees(&description(&reads, &[]))), @"
        BROAD: every device's whole configuration
        BROAD: the device `r1`'s whole configuration
        BROAD: everything about every device: its whole configuration, its address, its user
        BROAD: everything about the device `r1`: its whole configuration, its address, its user
        BROAD: everything that any module may see
        BROAD: every instance of its services
        BROAD: every instance of `p:probe`
        BROAD: what it writes
        `name` of every device
        `if:interfaces/interface[name]/mtu` of the device `r1`
        `if:interfaces` of every device
        `/devices/device-group/name`
        `do` in every instance of `probe`
        `/services/properties/if:domain`
        `/services/if:probe`, which no module may see
        `/nacm`, which no module may see
        its instance, and what all services share (`/services/properties`)
        the keys of the list entries above all of that
        ");
    }

    #[test]
    fn what_a_module_writes_is_told_the_broadest_first() {
        let writes = [
            "/devices/device/config/if:interfaces/interface",
            "/devices/device/config",
            "/devices/device[name='r1']",
            "/devices",
            "/",
            "/devices/device/addr",
            "/devices/template",
            "/services/p:probe",
            "/nacm",
            "do",
        ];
        insta::assert_snapshot!(text(&writes_of(&writes)), @"
        BROAD: every device's whole configuration
        BROAD: the device `r1`'s whole configuration
        `if:interfaces/interface` of every device
        `addr` of every device, which no module may write
        `/devices/template`, which no module may write
        `/services/p:probe`, which no module may write
        `/nacm`, which no module may write
        `do`, which no module may write
        ");
        insta::assert_snapshot!(text(&writes_of(&[])), @"BROAD: every device's whole configuration (it declares no `writes`)");
    }

    #[test]
    fn random_numbers_and_clocks_are_told_as_imported() {
        let nothing = |_: &str| false;
        assert_eq!((random(nothing), clocks(nothing, true)), (vec![], vec![]));
        let only = |name: &'static str| move |interface: &str| interface == name;
        assert_eq!(random(only(interfaces::INSECURE)), random(only(interfaces::INSECURE_SEED)));
        let everything = |_: &str| true;
        insta::assert_snapshot!(random(everything).join("\n"), @"
        stable for each instance, derived from the host's secret: fit for keys
        insecure: the same in every run of every module, not fit for keys
        ");
        insta::assert_snapshot!(clocks(everything, false).join("\n"), @"
        wall clock: fixed at 2000-01-01T00:00:00Z
        monotonic clock: stands still unless the module waits, which takes no time
        ");
        insta::assert_snapshot!(clocks(only(interfaces::WALL_CLOCK), true).join("\n"), @"wall clock: the commit's time");
    }

    fn writes_of(paths: &[&str]) -> Vec<AccessInWords> {
        writes(&description(&[], paths))
    }
}
