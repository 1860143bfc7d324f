//! Edits, and the `created` lists of services.

use crate::common::{Lab, OK, bench, builder, created, interface, path, pretty, services};
use confine_controller::{Controller, Credentials, Datastore};

#[tokio::test]
async fn creator_attribute_adds_the_path_to_created() {
    let lab = Lab::new(builder());
    let mut client = lab.client().await;
    assert_eq!(client.edit("actions", &services(&bench("s1", ""))).await, OK);
    let tag = r#" cl:creator="bench[service-name='s1']""#;
    for _ in 0..2 {
        assert_eq!(client.edit("actions", &interface("openconfig1", "if-1", tag)).await, OK);
    }
    let leaf = r#"<devices xmlns="http://clicon.org/controller"><device><name>openconfig2</name><config><system xmlns="http://openconfig.net/yang/system"><config><motd-banner cl:creator="bench[service-name='s2']">hi</motd-banner></config></system></config></device></devices>"#;
    assert_eq!(client.edit("actions", leaf).await, OK);
    // The attribute creates the instance that it names.
    insta::assert_snapshot!(pretty(&client.get("actions", "/ctrl:services/bench:bench").await), @r#"
    <services xmlns="http://clicon.org/controller">
      <bench xmlns="urn:bench">
        <service-name>s1</service-name>
        <created>
          <path>/devices/device[name="openconfig1"]/config/interfaces/interface[name="if-1"]</path>
        </created>
      </bench>
      <bench xmlns="urn:bench">
        <service-name>s2</service-name>
        <created>
          <path>/devices/device[name="openconfig2"]/config/system/config/motd-banner</path>
        </created>
      </bench>
    </services>
    "#);
    assert!(!lab.controller.datastore(Datastore::Actions).unwrap().contains("creator"));
    // Writing the `created` list directly has the same effect.
    let record = services(&bench("s3", &created(&[&path("openconfig1", "if-1")])));
    assert_eq!(client.edit("actions", &record).await, OK);
    let s3 = client.get("actions", "/ctrl:services/bench:bench[bench:service-name='s3']").await;
    assert!(s3.contains(&path("openconfig1", "if-1")));
}

#[tokio::test]
async fn invalid_creator_attributes_are_refused() {
    let lab = Lab::new(builder());
    let mut client = lab.client().await;
    let before = lab.controller.datastore(Datastore::Actions).unwrap();
    let mut refusals = Vec::new();
    for tag in [
        "bench",
        "bench[service-name]",
        "bench[service-name='s1]",
        "nosuch[x='1']",
        "settings[mode='x']",
        "bench[name='s1']",
        "link[number='1']",
        "forgetful[id='f']",
    ] {
        let tag = format!(" cl:creator=\"{tag}\"");
        let reply = client.edit("actions", &interface("openconfig1", "if-1", &tag)).await;
        let message = reply.split("<error-message>").nth(1).unwrap_or(&reply).split('<').next().unwrap();
        refusals.push(message.to_owned());
    }
    insta::assert_snapshot!(refusals.join("\n"), @r#"
    Creator attribute, no instance: [] in bench
    Creator attribute, no instance = in bench[service-name]
    Creator attribute, no quote in bench[service-name='s1]
    Invalid creator service name in nosuch[x='1']
    Invalid creator service name in settings[mode='x']
    Creator tag: "bench[name='s1']": Invalid key: "name", expected: "service-name"
    Creator tag: "link[number='1']": Invalid key: "number", expected: "site"
    Failed to find YANG spec of XML node: created with parent: forgetful in namespace: urn:bench
    "#);
    let record =
        services(r#"<forgetful xmlns="urn:bench"><id>f</id><created><path>/a</path></created></forgetful>"#);
    insta::assert_snapshot!(client.edit("actions", &record).await, @"<rpc-error><error-type>application</error-type><error-tag>unknown-element</error-tag><error-severity>error</error-severity><error-message>Failed to find YANG spec of XML node: created with parent: forgetful in namespace: urn:bench in file: bench.yang</error-message><error-info><bad-element>created</bad-element></error-info></rpc-error>");
    assert_eq!(lab.controller.datastore(Datastore::Actions).unwrap(), before);
}

#[tokio::test]
async fn nodes_that_are_not_in_the_schema_are_refused() {
    let lab = Lab::new(builder());
    let mut client = lab.client().await;
    let before = lab.controller.datastore(Datastore::Candidate).unwrap();
    let refusals = [
        client.edit("candidate", r#"<nosuch xmlns="urn:x"/>"#).await,
        client.edit("candidate", &services("<nosuch/>")).await,
        client.edit("candidate", &services(r#"<bench xmlns="urn:bench"><mtu>1</mtu></bench>"#)).await,
        client.edit("candidate", &services(&bench("s", "<mtu nc:operation=\"delete\"/>"))).await,
        client.edit("candidate", &interface("openconfig1", "eth0", " nc:operation=\"create\"")).await,
        client.edit("candidate", r#"<transactions xmlns="http://clicon.org/controller"/>"#).await,
        client.edit("startup", "").await,
        client.edit("candidate", &services(&bench("s", "<mtu nc:operation=\"grow\"/>"))).await,
        client
            .edit(
                "candidate",
                &interface("openconfig1", "eth0", "").replace("<config><name>", "<config><nosuch/><name>"),
            )
            .await,
    ];
    insta::assert_snapshot!(refusals.join("\n"), @r"
    <rpc-error><error-type>application</error-type><error-tag>unknown-element</error-tag><error-severity>error</error-severity><error-message>Failed to find YANG spec of XML node: nosuch with parent: config in namespace: urn:x</error-message><error-info><bad-element>nosuch</bad-element></error-info></rpc-error>
    <rpc-error><error-type>application</error-type><error-tag>unknown-element</error-tag><error-severity>error</error-severity><error-message>Failed to find YANG spec of XML node: nosuch with parent: services in namespace: http://clicon.org/controller in file: clixon-controller@2026-06-01.yang</error-message><error-info><bad-element>nosuch</bad-element></error-info></rpc-error>
    <rpc-error><error-type>application</error-type><error-tag>missing-element</error-tag><error-severity>error</error-severity><error-message>Mandatory key in 'list bench' in bench.yang</error-message><error-info><bad-element>service-name</bad-element></error-info></rpc-error>
    <rpc-error><error-type>application</error-type><error-tag>data-missing</error-tag><error-severity>error</error-severity><error-message>Data does not exist; cannot delete resource</error-message></rpc-error>
    <rpc-error><error-type>application</error-type><error-tag>data-exists</error-tag><error-severity>error</error-severity><error-message>Data already exists; cannot create new resource</error-message></rpc-error>
    <rpc-error><error-type>application</error-type><error-tag>bad-element</error-tag><error-severity>error</error-severity><error-message>module clixon-controller: state data node unexpected</error-message><error-info><bad-element>transactions</bad-element></error-info></rpc-error>
    <rpc-error><error-type>application</error-type><error-tag>unknown-element</error-tag><error-severity>error</error-severity><error-message>Failed to find YANG spec of XML node: startup with parent: target in namespace: urn:ietf:params:xml:ns:netconf:base:1.0 in file: ietf-netconf@2011-06-01.yang</error-message><error-info><bad-element>startup</bad-element></error-info></rpc-error>
    <rpc-error><error-type>protocol</error-type><error-tag>operation-failed</error-tag><error-severity>error</error-severity><error-message>Bad-attribute operation: grow</error-message></rpc-error>
    <rpc-error><error-type>application</error-type><error-tag>unknown-element</error-tag><error-severity>error</error-severity><error-message>Failed to find YANG spec of XML node: nosuch with parent: config in namespace: http://openconfig.net/yang/interfaces in file: openconfig-interfaces@2021-04-06.yang</error-message><error-info><bad-element>nosuch</bad-element></error-info></rpc-error>
    ");
    assert_eq!(lab.controller.datastore(Datastore::Candidate).unwrap(), before);
}

#[tokio::test]
async fn last_of_two_equal_siblings_in_an_edit_counts() {
    let lab = Lab::new(builder());
    let mut client = lab.client().await;
    let twice = format!("{}{}", services(&bench("s1", "")), services(&bench("s2", "")));
    assert_eq!(client.edit("candidate", &twice).await, OK);
    let left = client.get("candidate", "/ctrl:services").await;
    assert!(left.contains("s2") && !left.contains("s1"), "{left}");
}

#[tokio::test]
async fn operations_do_what_they_say() {
    let lab = Lab::new(builder());
    let mut client = lab.client().await;
    client.configure(&bench("s1", "<device>a</device><device>b</device><mtu>1</mtu>")).await;
    client.configure(&bench("s1", "<device nc:operation=\"remove\">a</device><device>c</device><description>a &lt;b&gt;\n  c</description>")).await;
    client
        .configure(
            r#"<bench xmlns="urn:bench" nc:operation="remove"><service-name>nosuch</service-name></bench>"#,
        )
        .await;
    client.configure(&format!("{}{}", bench("s0", ""), "<settings xmlns=\"urn:bench\"/>")).await;
    let none = r#"<edit-config><target><candidate/></target><default-operation>none</default-operation><config><services xmlns="http://clicon.org/controller"><bench xmlns="urn:bench"><service-name>s2</service-name><mtu nc:operation="merge">7</mtu></bench><bench xmlns="urn:bench"><service-name>s3</service-name></bench></services></config></edit-config>"#;
    assert_eq!(client.rpc(none).await, OK);
    insta::assert_snapshot!(pretty(&client.get("candidate", "/ctrl:services").await), @r#"
    <services xmlns="http://clicon.org/controller">
      <bench xmlns="urn:bench">
        <service-name>s0</service-name>
      </bench>
      <bench xmlns="urn:bench">
        <service-name>s1</service-name>
        <device>b</device>
        <device>c</device>
        <description>a &lt;b&gt;
      c</description>
        <mtu>1</mtu>
      </bench>
      <bench xmlns="urn:bench">
        <service-name>s2</service-name>
        <mtu>7</mtu>
      </bench>
    </services>
    "#);
    client.configure(r#"<bench xmlns="urn:bench" nc:operation="replace"><service-name>s1</service-name><mtu>2</mtu></bench>"#).await;
    insta::assert_snapshot!(client.get("candidate", "/ctrl:services/bench:bench[bench:service-name='s1']").await, @r#"<services xmlns="http://clicon.org/controller"><bench xmlns="urn:bench"><service-name>s1</service-name><mtu>2</mtu></bench></services>"#);
}

#[tokio::test]
async fn get_config_returns_only_what_the_filter_selects() {
    let lab = Lab::new(builder());
    let mut client = lab.client().await;
    let names = "/ctrl:devices/ctrl:device/ctrl:name";
    assert_eq!(
        client.get("running", names).await,
        r#"<devices xmlns="http://clicon.org/controller"><device><name>openconfig1</name></device><device><name>openconfig2</name></device></devices>"#
    );
    let one = client.get("running", "/ctrl:devices/ctrl:device[ctrl:name='openconfig2']/ctrl:config/oc-if:interfaces/oc-if:interface[oc-if:name='eth0']/oc-if:config/oc-if:mtu").await;
    insta::assert_snapshot!(pretty(&one), @r#"
    <devices xmlns="http://clicon.org/controller">
      <device>
        <name>openconfig2</name>
        <config>
          <interfaces xmlns="http://openconfig.net/yang/interfaces">
            <interface>
              <name>eth0</name>
              <config>
                <mtu>1500</mtu>
              </config>
            </interface>
          </interfaces>
        </config>
      </device>
    </devices>
    "#);
    assert_eq!(client.get("running", "/ctrl:nosuch").await, "");
    assert_eq!(client.get("running", "/devices").await, "");
    insta::assert_snapshot!(client.get("running", "/nosuch:devices").await, @"<rpc-error><error-type>application</error-type><error-tag>bad-attribute</error-tag><error-severity>error</error-severity><error-message>No namespace found for prefix: nosuch</error-message><error-info><bad-attribute>select</bad-attribute></error-info></rpc-error>");
    let top = client.rpc(r#"<get-config nc:depth="1"><source><running/></source></get-config>"#).await;
    insta::assert_snapshot!(crate::common::data(&top), @r#"<processes xmlns="http://clicon.org/controller"/><devices xmlns="http://clicon.org/controller"/>"#);
    let state = client.rpc(r#"<get cl:content="all"><nc:filter nc:type="xpath" nc:select="/ctrl:devices/ctrl:device/ctrl:conn-state"/></get>"#).await;
    insta::assert_snapshot!(crate::common::data(&state), @r#"<devices xmlns="http://clicon.org/controller"><device><name>openconfig1</name><conn-state>OPEN</conn-state></device><device><name>openconfig2</name><conn-state>OPEN</conn-state></device></devices>"#);
}

#[tokio::test]
async fn acting_for_another_user_needs_the_credentials() {
    let own = {
        let lab = Lab::new(builder());
        let mut client = lab.client().await;
        assert_eq!(client.rpc_for(Some("alice"), "<discard-changes/>").await, OK);
        assert_eq!(client.rpc_for(None, "<discard-changes/>").await, OK);
        client
            .rpc_for(
                None,
                r#"<config-pull xmlns="http://clicon.org/controller"><device>*</device></config-pull>"#,
            )
            .await;
        lab.controller.transactions()[0].username.clone()
    };
    assert_eq!(own, None);
    let lab = Lab::new(builder().credentials(Credentials::Exact));
    let mut client = lab.client().await;
    let refused = client.rpc_for(Some("alice"), "<discard-changes/>").await;
    assert!(
        refused.contains("access-denied") && refused.contains("credential not matching NACM user alice"),
        "{refused}"
    );
}

/// Alice may not read transactions or the second device, end transactions, or write.
const ALICE: &str = r#"<nacm xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-acm">
    <groups>
        <group><name>limited</name><user-name>alice</user-name></group>
        <group><name>admin</name><user-name>root</user-name></group>
    </groups>
    <rule-list>
        <name>limited</name><group>limited</group>
        <rule><name>done</name><rpc-name>transaction-actions-done</rpc-name><action>deny</action></rule>
        <rule><name>transactions</name><module-name>clixon-controller</module-name>
            <path xmlns:c="http://clicon.org/controller">/c:transactions</path><action>deny</action></rule>
        <rule><name>second</name>
            <path xmlns:c="http://clicon.org/controller">/c:devices/c:device[c:name='openconfig2']</path>
            <access-operations>read</access-operations><action>deny</action></rule>
        <rule><name>mtu</name>
            <path xmlns:c="http://clicon.org/controller" xmlns:i="http://openconfig.net/yang/interfaces">/c:devices/c:device/c:config/i:interfaces/i:interface/i:config/i:mtu</path>
            <access-operations>update</access-operations><action>permit</action></rule>
        <rule><name>names</name>
            <path xmlns:c="http://clicon.org/controller" xmlns:i="http://openconfig.net/yang/interfaces">/c:devices/c:device/c:config/i:interfaces/i:interface/i:config/i:description</path>
            <action>deny</action></rule>
    </rule-list>
    <rule-list>
        <name>admin</name><group>admin</group>
        <rule><name>all</name><action>permit</action></rule>
    </rule-list>
</nacm>"#;

#[tokio::test]
async fn access_rules_apply_to_every_operation() {
    let lab = Lab::new(builder().config(ALICE));
    let mut client = lab.client().await;
    let alice = Some("alice");
    let mut denied = Vec::new();
    let done = r#"<transaction-actions-done xmlns="http://clicon.org/controller"><tid>1</tid></transaction-actions-done>"#;
    denied.push(client.rpc_for(alice, done).await);
    let edit = format!(
        "<edit-config><target><candidate/></target><config>{}</config></edit-config>",
        services(&bench("s", ""))
    );
    denied.push(client.rpc_for(alice, &edit).await);
    // The controller writes `created` on behalf of no user, whoever makes the edit.
    denied.push(
        client
            .edit("actions", &interface("openconfig1", "x", r#" cl:creator="bench[service-name='s']""#))
            .await,
    );
    insta::assert_snapshot!(denied.join("\n"), @r"
    <rpc-error><error-type>application</error-type><error-tag>access-denied</error-tag><error-severity>error</error-severity><error-message>access denied</error-message></rpc-error>
    <rpc-error><error-type>application</error-type><error-tag>access-denied</error-tag><error-severity>error</error-severity><error-message>default deny</error-message></rpc-error>
    <rpc-error><error-type>application</error-type><error-tag>access-denied</error-tag><error-severity>error</error-severity><error-message>default deny</error-message></rpc-error>
    ");
    let names = r#"<get-config><source><running/></source><nc:filter nc:type="xpath" nc:select="/ctrl:devices/ctrl:device/ctrl:name"/></get-config>"#;
    let seen = client.rpc_for(alice, names).await;
    assert!(seen.contains("openconfig1") && !seen.contains("openconfig2"), "{seen}");
    client.rpc(r#"<config-pull xmlns="http://clicon.org/controller"><device>*</device></config-pull>"#).await;
    let transactions =
        r#"<get cl:content="nonconfig"><nc:filter nc:type="xpath" nc:select="/ctrl:transactions"/></get>"#;
    assert_eq!(crate::common::data(&client.rpc_for(alice, transactions).await), "");
    assert!(client.rpc(transactions).await.contains("<tid>1</tid>"));
}

const ORDERED: &str = "module ordered { namespace urn:ordered; prefix o; revision 2020-01-01;
  container c {
    leaf-list free { type string; }
    leaf-list mine { type string; ordered-by user; }
    list hop { key \"a b\"; ordered-by user; leaf note { type string; } leaf b { type string; } leaf a { type string; } }
    leaf before { type uint8 { range 1..9; } }
  }
}";

#[tokio::test]
async fn entries_are_ordered_by_the_schema_or_by_the_user() {
    let lab = Lab::new(Controller::builder().device_model("ordered.yang", ORDERED).device("d1", ""));
    let mut user = lab.client().await;
    let edit = |inner: &str| {
        format!(
            "<devices xmlns=\"http://clicon.org/controller\"><device><name>d1</name><config><c xmlns=\"urn:ordered\" \
             xmlns:yang=\"urn:ietf:params:xml:ns:yang:1\" xmlns:o=\"urn:ordered\">{inner}</c></config></device></devices>"
        )
    };
    let mut answers = Vec::new();
    for inner in [
        // Schema order, whatever the edit has: keys first, system-ordered entries sorted by their keys.
        "<before>1</before><mine>b</mine><mine>a</mine><free>b</free><free>a</free>\
         <hop><note>n</note><b>1</b><a>x</a></hop><hop><a>w</a><b>1</b></hop>",
        // A merged entry keeps its position.
        "<mine>b</mine><mine>c</mine><hop><a>x</a><b>1</b></hop>",
        "<mine yang:insert=\"last\">b</mine><mine yang:insert=\"first\">c</mine><free yang:insert=\"first\">c</free>",
        "<mine yang:insert=\"before\" yang:value=\"a\">d</mine><mine yang:insert=\"after\" yang:value=\"a\">e</mine>",
        // An entry that is moved is created anew.
        "<hop yang:insert=\"after\" yang:key=\"[o:a='w'][o:b='1']\"><a>x</a><b>1</b></hop>",
        "<mine yang:insert=\"after\">d</mine>",
        "<mine yang:insert=\"after\" yang:value=\"z\">d</mine>",
        "<hop yang:insert=\"before\"><a>w</a><b>1</b></hop>",
        "<mine yang:insert=\"sideways\">d</mine>",
        // An empty container is removed.
        "<mine nc:operation=\"remove\">a</mine><mine nc:operation=\"remove\">b</mine><mine nc:operation=\"remove\">c</mine>\
         <mine nc:operation=\"remove\">d</mine><mine nc:operation=\"remove\">e</mine><free nc:operation=\"remove\">a</free>\
         <free nc:operation=\"remove\">b</free><free nc:operation=\"remove\">c</free><before nc:operation=\"remove\"/>\
         <hop nc:operation=\"remove\"><a>x</a><b>1</b></hop><hop nc:operation=\"remove\"><a>w</a><b>1</b></hop>",
    ] {
        let answer = user.edit("candidate", &edit(inner)).await;
        answers.push(if answer == OK {
            user.get("candidate", "/ctrl:devices/ctrl:device/ctrl:config").await
        } else {
            answer
        });
    }
    insta::assert_snapshot!(answers.join("\n"), @r#"
    <devices xmlns="http://clicon.org/controller"><device><name>d1</name><config><c xmlns="urn:ordered"><free>a</free><free>b</free><mine>b</mine><mine>a</mine><hop><a>x</a><b>1</b><note>n</note></hop><hop><a>w</a><b>1</b></hop><before>1</before></c></config></device></devices>
    <devices xmlns="http://clicon.org/controller"><device><name>d1</name><config><c xmlns="urn:ordered"><free>a</free><free>b</free><mine>b</mine><mine>a</mine><mine>c</mine><hop><a>x</a><b>1</b><note>n</note></hop><hop><a>w</a><b>1</b></hop><before>1</before></c></config></device></devices>
    <devices xmlns="http://clicon.org/controller"><device><name>d1</name><config><c xmlns="urn:ordered"><free>a</free><free>b</free><free>c</free><mine>c</mine><mine>a</mine><mine>b</mine><hop><a>x</a><b>1</b><note>n</note></hop><hop><a>w</a><b>1</b></hop><before>1</before></c></config></device></devices>
    <devices xmlns="http://clicon.org/controller"><device><name>d1</name><config><c xmlns="urn:ordered"><free>a</free><free>b</free><free>c</free><mine>c</mine><mine>d</mine><mine>a</mine><mine>e</mine><mine>b</mine><hop><a>x</a><b>1</b><note>n</note></hop><hop><a>w</a><b>1</b></hop><before>1</before></c></config></device></devices>
    <devices xmlns="http://clicon.org/controller"><device><name>d1</name><config><c xmlns="urn:ordered"><free>a</free><free>b</free><free>c</free><mine>c</mine><mine>d</mine><mine>a</mine><mine>e</mine><mine>b</mine><hop><a>w</a><b>1</b></hop><hop><a>x</a><b>1</b></hop><before>1</before></c></config></device></devices>
    <rpc-error><error-type>application</error-type><error-tag>missing-attribute</error-tag><error-severity>error</error-severity><error-message>Missing value attribute when insert is before or after</error-message><error-info><bad-attribute>value</bad-attribute></error-info></rpc-error>
    <rpc-error><error-type>protocol</error-type><error-tag>operation-failed</error-tag><error-severity>error</error-severity><error-message>bad-attribute: value, missing-instance: z</error-message></rpc-error>
    <rpc-error><error-type>application</error-type><error-tag>missing-attribute</error-tag><error-severity>error</error-severity><error-message>Missing key attribute when insert is before or after</error-message><error-info><bad-attribute>key</bad-attribute></error-info></rpc-error>
    <rpc-error><error-type>protocol</error-type><error-tag>operation-failed</error-tag><error-severity>error</error-severity><error-message>Bad-attribute operation: sideways</error-message></rpc-error>
    <devices xmlns="http://clicon.org/controller"><device><name>d1</name><config/></device></devices>
    "#);
}

#[tokio::test]
async fn container_with_defaults_is_never_read_as_empty() {
    let read = r#"<get-config><source><running/></source><nc:filter nc:type="xpath" nc:select="/nacm:nacm" xmlns:nacm="urn:ietf:params:xml:ns:yang:ietf-netconf-acm"/>DEFAULTS</get-config>"#;
    let all = r#"<with-defaults xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults">report-all</with-defaults>"#;
    let lab = Lab::new(builder());
    let mut client = lab.client().await;
    assert_eq!(crate::common::data(&client.rpc(&read.replace("DEFAULTS", "")).await), "");
    insta::assert_snapshot!(crate::common::data(&client.rpc(&read.replace("DEFAULTS", all)).await), @r#"<nacm xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-acm"><enable-nacm>true</enable-nacm><read-default>permit</read-default><write-default>deny</write-default><exec-default>permit</exec-default><enable-external-groups>true</enable-external-groups></nacm>"#);
    // A user who may not read it sees nothing of it.
    let lab = Lab::new(
        builder().config(
            ALICE
                .replace("/c:transactions", "/n:nacm")
                .replace(
                    "<path xmlns:c=",
                    "<path xmlns:n='urn:ietf:params:xml:ns:yang:ietf-netconf-acm' xmlns:c=",
                )
                .replace("<module-name>clixon-controller</module-name>", ""),
        ),
    );
    let mut client = lab.client().await;
    assert_eq!(crate::common::data(&client.rpc_for(Some("alice"), &read.replace("DEFAULTS", all)).await), "");
    assert!(client.rpc(&read.replace("DEFAULTS", all)).await.contains("<exec-default>permit</exec-default>"));
}

#[tokio::test]
async fn access_rules_apply_only_to_changes_of_an_edit() {
    let config = |leaf: &str| {
        format!(
            r#"<edit-config><target><candidate/></target><config><devices xmlns="http://clicon.org/controller"><device><name>openconfig1</name><config><interfaces xmlns="http://openconfig.net/yang/interfaces"><interface><name>eth0</name><config>{leaf}</config></interface></interfaces></config></device></devices></config></edit-config>"#
        )
    };
    let lab = Lab::new(builder().config(ALICE));
    let mut client = lab.client().await;
    let mut answers = Vec::new();
    for leaf in [
        "<mtu>9000</mtu>",
        // An unchanged value is allowed, whatever the rules are.
        "<description>Uplink</description>",
        "<description>Other</description>",
        "<enabled>false</enabled>",
        r#"<mtu xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation="remove"/>"#,
    ] {
        let answer = client.rpc_for(Some("alice"), &config(leaf)).await;
        let message =
            answer.split_once("<error-message>").map_or("ok", |(_, rest)| rest.split('<').next().unwrap());
        answers.push(message.to_owned());
    }
    assert_eq!(answers, ["ok", "ok", "access denied", "default deny", "default deny"]);
}
