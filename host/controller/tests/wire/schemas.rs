//! Schema retrieval.

use crate::common::{Lab, builder};
use confine_controller::Controller;

const LAMP: &str = "module lamp {\n  namespace \"urn:lamp\";\n  prefix l;\n  include bulb;\n  revision 2020-01-01;\n  leaf on { type string { pattern '[<&]'; } }\n}";
const BULB: &str = "submodule bulb { belongs-to lamp { prefix l; } }";

fn lamps() -> Lab {
    let builder = Controller::builder().device_model("lamp.yang", LAMP).device_model("bulb.yang", BULB);
    Lab::new(builder.device("d1", "").device("d2", ""))
}

#[tokio::test]
async fn get_device_schema_returns_modules_and_text() {
    let lab = lamps();
    let mut client = lab.client().await;
    let ask = |more: &str| {
        format!(r#"<get-device-schema xmlns="http://clicon.org/controller">{more}</get-device-schema>"#)
    };
    let mut answers = Vec::new();
    for more in [
        "<device>d*</device>",
        "<device>d1</device><name>lamp</name><detail>true</detail>",
        "<device>d1</device><name>lamp</name><revision>2019-01-01</revision>",
        "<device>d1</device><name>candle</name>",
        "<device>d9</device>",
        "",
    ] {
        answers.push(client.rpc(&ask(more)).await);
    }
    insta::assert_snapshot!(answers.join("\n"), @r#"
    <schema xmlns="http://clicon.org/controller"><name>lamp</name><revision>2020-01-01</revision><namespace>urn:lamp</namespace></schema><schema xmlns="http://clicon.org/controller"><name>bulb</name></schema>
    <schema xmlns="http://clicon.org/controller"><name>lamp</name><revision>2020-01-01</revision><namespace>urn:lamp</namespace><data>module lamp {
      namespace "urn:lamp";
      prefix l;
      include bulb;
      revision 2020-01-01;
      leaf on { type string { pattern '[&lt;&amp;]'; } }
    }</data></schema>


    <rpc-error><error-type>application</error-type><error-tag>operation-failed</error-tag><error-severity>error</error-severity><error-message>No matching device found</error-message></rpc-error>
    <rpc-error><error-type>application</error-type><error-tag>operation-failed</error-tag><error-severity>error</error-severity><error-message>No device or device-group</error-message></rpc-error>
    "#);
}

#[tokio::test]
async fn get_schema_returns_the_controllers_own_modules() {
    let lab = Lab::new(builder());
    let mut client = lab.client().await;
    let filter = r#"<get cl:content="nonconfig"><filter type="xpath" select="/m:netconf-state/m:schemas" xmlns:m="urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"/></get>"#;
    insta::assert_snapshot!(client.rpc(filter).await, @r#"<data><netconf-state xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"><schemas><schema><identifier>ietf-yang-schema-mount</identifier><version>2019-01-14</version><format>yang</format><namespace>urn:ietf:params:xml:ns:yang:ietf-yang-schema-mount</namespace><location>NETCONF</location></schema><schema><identifier>ietf-netconf-acm</identifier><version>2018-02-14</version><format>yang</format><namespace>urn:ietf:params:xml:ns:yang:ietf-netconf-acm</namespace><location>NETCONF</location></schema><schema><identifier>clixon-controller</identifier><version>2026-06-01</version><format>yang</format><namespace>http://clicon.org/controller</namespace><location>NETCONF</location></schema><schema><identifier>bench</identifier><version/><format>yang</format><namespace>urn:bench</namespace><location>NETCONF</location></schema></schemas></netconf-state></data>"#);
    let ask = |more: &str| {
        format!(
            r#"<get-schema xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring">{more}</get-schema>"#
        )
    };
    let text = client.rpc(&ask("<identifier>bench</identifier><format>yang</format>")).await;
    assert!(
        text.starts_with(r#"<data xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring">"#),
        "{text}"
    );
    assert!(text.contains("module bench {"), "{text}");
    let mut refusals = Vec::new();
    for more in
        ["", "<identifier>bench</identifier><version>1999-01-01</version>", "<identifier>nosuch</identifier>"]
    {
        refusals.push(client.rpc(&ask(more)).await);
    }
    insta::assert_snapshot!(refusals.join("\n"), @"
    <rpc-error><error-type>application</error-type><error-tag>missing-element</error-tag><error-severity>error</error-severity><error-message>Element not found</error-message><error-info><bad-element>identifier</bad-element></error-info></rpc-error>
    <rpc-error><error-type>protocol</error-type><error-tag>invalid-value</error-tag><error-severity>error</error-severity><error-message>No schema matching: bench@1999-01-01</error-message></rpc-error>
    <rpc-error><error-type>protocol</error-type><error-tag>invalid-value</error-tag><error-severity>error</error-severity><error-message>No schema matching: nosuch</error-message></rpc-error>
    ");
    let state = client
        .rpc(r#"<get cl:content="nonconfig"><filter type="xpath" select="/ctrl:devices"/></get>"#)
        .await;
    assert!(!state.contains("netconf-state"), "{state}");
}
