//! Published modules: what is known of their nodes.

mod common;

use common::{name, problems, published, read_where};
use confine_yang::YangSchema;

/// The controller's own modules, or those of devices.
fn read(of_devices: bool) -> Option<YangSchema> {
    let shared = ["ietf-yang-types", "ietf-inet-types"];
    Some(read_where(&published()?, |path| {
        path.ancestors().any(|directory| directory.ends_with("devices")) == of_devices
            || shared.iter().any(|module| name(path).starts_with(module))
    }))
}

#[test]
fn the_modules_of_devices_have_no_problems() {
    let Some(schema) = read(true) else { return };
    assert_eq!(problems(&schema), "");
}

#[test]
fn the_modules_of_the_controller_lack_what_is_not_given() {
    let Some(schema) = read(false) else { return };
    insta::assert_snapshot!(problems(&schema), @"
    clixon-controller-config@2025-05-01.yang:5: `import clixon-config`: there is no module `clixon-config` among the modules given; what refers to it is left out
    clixon-controller@2026-06-01.yang:35: `import clixon-restconf`: there is no module `clixon-restconf` among the modules given; what refers to it is left out
    clixon-controller-config@2025-05-01.yang:36: `augment /cc:clixon-config`: there is no node `cc:clixon-config`: the module of prefix `cc` is not among those given
    ");
}
