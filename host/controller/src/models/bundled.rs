//! The YANG modules that come with the controller, one file each under `models/`, and the initial
//! configuration.

/// The controller's own YANG module and its imports.
pub(crate) const CONTROLLER: &[(&str, &str)] = &[
    ("ietf-yang-schema-mount", include_str!("../../models/ietf-yang-schema-mount.yang")),
    ("ietf-netconf-acm", include_str!("../../models/ietf-netconf-acm.yang")),
    ("clixon-controller", include_str!("../../models/clixon-controller.yang")),
];

/// The YANG modules of a simulated device, unless the builder names others: a part of OpenConfig that is large
/// enough for the example services.
pub(crate) const DEVICE: &[(&str, &str)] = &[
    ("ietf-interfaces", include_str!("../../models/ietf-interfaces.yang")),
    ("iana-if-type", include_str!("../../models/iana-if-type.yang")),
    ("openconfig-interfaces", include_str!("../../models/openconfig-interfaces.yang")),
    ("openconfig-system", include_str!("../../models/openconfig-system.yang")),
];

/// The initial configuration of every controller.
pub(crate) const INITIAL_CONFIG: &str = r#"<processes xmlns="http://clicon.org/controller">
    <services><enabled>false</enabled></services>
</processes>"#;

/// The controller's settings of each device.
pub(crate) const DEVICE_ENTRY: &str = include_str!("../../models/device-entry.xml");

/// The configuration of the devices that [`ControllerBuilder::devices`](crate::ControllerBuilder::devices)
/// adds.
pub(crate) const EXAMPLE_CONFIG: &str = include_str!("../../models/example-config.xml");
