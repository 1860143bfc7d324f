//! Values that are written differently and mean the same.

use super::*;

static MODELS: LazyLock<Arc<MountedSchema>> = LazyLock::new(|| {
    let modules = [
        r#"module ctrl { namespace "http://clicon.org/controller"; prefix c;
          container services { list bench { key id; leaf id { type string; } } }
          container devices { list device { key name; leaf name { type string; } container config { } } } }"#,
        "module ietf-inet-types { namespace urn:inet; prefix inet;
          typedef ipv6-address { type string { pattern '[0-9a-fA-F:.]*'; } } }",
        "module kinds { namespace urn:kinds; prefix k; identity kind; identity eth { base kind; } }",
        "module sys { namespace urn:sys; prefix s; import ctrl { prefix c; } import kinds { prefix k; }
          import ietf-inet-types { prefix inet; }
          augment /c:devices/c:device/c:config { container system {
            leaf vlan { type uint16 { range 1..4094; } } leaf rate { type decimal64 { fraction-digits 2; } }
            leaf kind { type identityref { base k:kind; } } leaf address { type inet:ipv6-address; }
            leaf either { type union { type uint8; type inet:ipv6-address; } }
            list unit { key number; leaf number { type uint16; } leaf mtu { type uint16; } } } } }",
    ];
    compiled(modules)
});

const DEVICE: &str = r#"
<services xmlns="http://clicon.org/controller"><bench xmlns="urn:bench"><id>s1</id></bench></services>
<devices xmlns="http://clicon.org/controller"><device><name>r1</name><config><system xmlns="urn:sys">
  <vlan>010</vlan><rate>1.50</rate><kind>k:eth</kind><address>2001:DB8:0:0::1</address><either>007</either>
  <unit><number>10</number><mtu>1500</mtu></unit>
</system></config></device></devices>"#;

const SYSTEM: &str = "/devices/device[name='r1']/config/sys:system";

fn commit() -> Commit {
    Commit::with(MODELS.clone(), DEVICE, open_scope())
}

/// Prefixes of a module that has another one for the identities than their own module.
fn other_prefixes() -> PrefixMap {
    PrefixMap::new([("sys", "urn:sys"), ("kinds", "urn:kinds")]).unwrap()
}

fn set_all(values: &[(&str, &str)]) -> String {
    let mut commit = commit();
    let draft = commit.draft.take().unwrap();
    let (scope, meter) = (Arc::new(open_scope()), Meter::new(WorkAllowance::UNLIMITED));
    let mut view = View::new(draft, scope, instance("s1"), Arc::new(other_prefixes()), meter);
    for (leaf, value) in values {
        block(view.set(&format!("{SYSTEM}/{leaf}"), value)).unwrap();
    }
    commit.draft = Some(view.into_parts().0);
    commit.finish(&["s1"], &OwnerIndex::new())
}

#[test]
fn value_that_means_what_is_there_is_no_edit() {
    for (leaf, value) in [
        ("vlan", "10"),
        ("vlan", "0010"),
        ("rate", "1.5"),
        ("rate", "+01.500"),
        ("kind", "kinds:eth"),
        ("address", "2001:db8::1"),
        ("address", "2001:0DB8::0001"),
        ("either", "7"),
        ("unit[number='010']/mtu", "01500"),
    ] {
        assert_eq!(set_all(&[(leaf, value)]), "nothing", "{leaf} {value}");
    }
}

#[test]
fn value_is_sent_in_its_canonical_form() {
    let values = [
        ("vlan", "08"),
        ("rate", "2"),
        ("address", "2001:DB8::2"),
        ("either", "+8"),
        ("unit[number='08']/mtu", "09000"),
    ];
    insta::assert_snapshot!(set_all(&values), @r#"
    <devices xmlns="http://clicon.org/controller">
     <device>
      <name>r1</name>
      <config>
       <system xmlns="urn:sys">
        <vlan>8</vlan>
        <rate>2.0</rate>
        <address>2001:db8::2</address>
        <either>8</either>
        <unit>
         <number>8</number>
         <mtu>9000</mtu>
        </unit>
       </system>
      </config>
     </device>
    </devices>
    <services xmlns="http://clicon.org/controller">
     <bench xmlns="urn:bench">
      <id>s1</id>
      <created>
       <path>/devices/device[name="r1"]/config/system/unit[number="8"]</path>
      </created>
     </bench>
    </services>
    "#);
}

#[test]
fn hexadecimal_and_octal_are_not_values() {
    let mut commit = commit();
    let refused = commit.run("s1", async |view| {
        [
            refusal(view.set(&format!("{SYSTEM}/vlan"), "0x10").await),
            refusal(view.set(&format!("{SYSTEM}/vlan"), "0").await),
            refusal(view.set(&format!("{SYSTEM}/unit[number='0x0a']/mtu"), "1").await),
        ]
        .join("\n")
    });
    insta::assert_snapshot!(refused, @"
    invalid-value: `0x10` is not a value of `vlan`: a number from 1 to 4094 (`uint16`); write `16` (/devices/device[name='r1']/config/sys:system/vlan)
    invalid-value: `0` is not a value of `vlan`: a number from 1 to 4094 (`uint16`) (/devices/device[name='r1']/config/sys:system/vlan)
    invalid-value: `0x0a` is not a value of `number`: a number from 0 to 65535 (`uint16`); write `10` (/devices/device[name='r1']/config/sys:system/unit[number='0x0a']/mtu)
    ");
}
