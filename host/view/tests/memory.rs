//! What the owner index keeps in memory, measured in a process of its own.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fmt::Write as _, fs};

use confine_tree::xml;
use confine_view::OwnerIndex;

const INSTANCES: usize = 5_000;
const OBJECTS_EACH: usize = 27;

/// Returns the resident memory of this process in bytes.
fn memory() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

/// 135,000 list entries on 100 devices. Keys are about as long as names of interfaces.
fn services() -> String {
    let mut services = String::from("<services xmlns='http://clicon.org/controller'>");
    for instance in 0..INSTANCES {
        write!(services, "<s xmlns='urn:s'><name>s{instance}</name><created>").unwrap();
        for object in 0..OBJECTS_EACH {
            let device = object % 4 + 4 * (instance % 25);
            write!(
                services,
                "<path>/devices/device[name=\"r{device}\"]/config/interfaces/interface[name=\"ge-{instance}/{object}\"]</path>"
            )
            .unwrap();
        }
        services.push_str("</created></s>");
    }
    services + "</services>"
}

#[test]
fn owned_object_takes_less_than_200_bytes() {
    let tree = xml::parse(&services()).unwrap();
    let before = memory();
    let owners = OwnerIndex::from_services(&tree, |_| Some(vec!["name".into()]));
    let each = (memory() - before) / (INSTANCES * OBJECTS_EACH);
    assert_eq!(owners.instances().count(), INSTANCES);
    assert!((20..200).contains(&each), "{each} bytes");
    eprintln!("{each} bytes for each owned object");
}
