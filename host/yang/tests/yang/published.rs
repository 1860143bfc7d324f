//! Published modules compile.

use crate::common::{name, problems, published, read_where};
use confine_yang::YangSchema;

/// Returns the schema of the published modules of devices, or of the controller.
fn read(of_devices: bool) -> Option<YangSchema> {
    let shared = ["ietf-yang-types", "ietf-inet-types"];
    Some(read_where(&published()?, |path| {
        path.ancestors().any(|directory| directory.ends_with("devices")) == of_devices
            || shared.iter().any(|module| name(path).starts_with(module))
    }))
}

#[test]
fn published_device_modules_have_no_problems() {
    let Some(schema) = read(true) else { return };
    assert_eq!(problems(&schema), "");
}

#[test]
fn published_controller_modules_lack_two_imports() {
    let Some(schema) = read(false) else { return };
    insta::assert_snapshot!(problems(&schema), @"
    clixon-controller-config@2025-05-01.yang:5: `import clixon-config`: there is no module `clixon-config` among the given modules; statements that refer to it are ignored
    clixon-controller@2026-06-01.yang:35: `import clixon-restconf`: there is no module `clixon-restconf` among the given modules; statements that refer to it are ignored
    clixon-controller-config@2025-05-01.yang:36: `augment /cc:clixon-config`: there is no node `cc:clixon-config`: the module of prefix `cc` is missing
    ");
}
