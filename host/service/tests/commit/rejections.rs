//! What the committing user reads if the controller or the user's rights reject a commit.

use confine_test_support::{guests::guests, replay::replay};

const SYSTEM: &str = "/devices/device[name='r1']/config/oc-sys:system/config";

/// Replays a session in which alice commits the instance `a` of `probe`, which sets a banner on the device `r1`. `seen` has
/// the reply to a read of `actions` for each user, `rest` what follows the notification.
async fn commit(seen: &[(&str, &str)], rest: &[&str]) {
    let mut script = String::from(
        r#"
?? <get cl:content="nonconfig"><more xmlns=""/></get>
<< <data/>
-- subscribed
?? <get-config><source><running/></source><more xmlns=""/></get-config>
<< <data><nacm xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-acm"><enable-nacm>false</enable-nacm></nacm></data>
"#,
    );
    for (user, data) in seen {
        script += &format!(
            "?? {user} <get-config><source><ctrl:actions/></source><more xmlns=\"\"/></get-config>\n<< {data}\n"
        );
    }
    script += r#"
?? <get cl:content="nonconfig"><more xmlns=""/></get>
<< <data><transactions xmlns="http://clicon.org/controller"><transaction><tid>5</tid><username>alice</username><result>INIT</result><state>ACTIONS</state><description>Controller commit actions:CHANGE push:COMMIT</description></transaction></transactions></data>
<< <services-commit xmlns="http://clicon.org/controller"><tid>5</tid><source>actions</source><target>actions</target><service>probe[name='a']</service></services-commit>
"#;
    script += &rest.join("\n");
    replay(&script, guests(&["probe"]).await.unwrap().host).await.unwrap();
}

/// The data of `actions`: the instance and its device.
fn instance() -> String {
    format!(
        r#"<data><services xmlns="http://clicon.org/controller"><probe xmlns="urn:example:probe"><name>a</name><do>set {SYSTEM}/login-banner hello</do></probe></services><devices xmlns="http://clicon.org/controller"><device><name>r1</name></device></devices></data>"#
    )
}

/// An expected edit-config with these parts.
fn edit(user: &str, parts: &[&str]) -> String {
    format!(
        r#">> {user} <edit-config><target><ctrl:actions/></target><default-operation>merge</default-operation><config>{}</config></edit-config>"#,
        parts.concat()
    )
}

const CREATED: &str = r#"<services xmlns="http://clicon.org/controller"><probe xmlns="urn:example:probe"><name>a</name><created><path>/devices/device[name="r1"]/config/system/config/login-banner[false()]</path></created></probe></services>"#;
const BANNER: &str = r#"<devices xmlns="http://clicon.org/controller"><device><name>r1</name><config><system xmlns="http://openconfig.net/yang/system"><config><login-banner>hello</login-banner></config></system></config></device></devices>"#;

const DENIED: &str = "<< <rpc-error><error-type>application</error-type><error-tag>access-denied</error-tag><error-severity>error</error-severity><error-message>default deny</error-message></rpc-error>";
const DONE: &str = r#">> root <ctrl:transaction-actions-done><ctrl:tid>5</ctrl:tid><more xmlns=""/></ctrl:transaction-actions-done>"#;
const OK: &str = "<< <ok/>";

/// The expected answer of a commit that fails for this reason.
fn failed(reason: &str) -> String {
    let reason = reason.replace('&', "&amp;").replace('<', "&lt;");
    format!(
        "{}\n{OK}",
        r#">> root <ctrl:transaction-error><ctrl:tid>5</ctrl:tid><ctrl:origin>confine</ctrl:origin><ctrl:reason>REASON</ctrl:reason></ctrl:transaction-error>"#
            .replace("REASON", &reason)
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_edit_fails_the_commit_with_the_controllers_text() {
    let refused = "<< <rpc-error><error-type>application</error-type><error-tag>unknown-element</error-tag><error-severity>error</error-severity><error-path>/devices/device/config/system/config/login-banner</error-path><error-message>Failed to find YANG spec of XML node: login-banner</error-message><error-info><bad-element>login-banner</bad-element></error-info></rpc-error>";
    let told = failed(
        "the controller rejected `edit-config`: Failed to find YANG spec of XML node: login-banner \
         (unknown-element, at `/devices/device/config/system/config/login-banner`, bad-element `login-banner`)",
    );
    commit(&[("alice", &instance())], &[&edit("alice", &[CREATED, BANNER]), refused, &told]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn denied_created_list_goes_in_a_second_edit_as_host_user() {
    commit(
        &[("alice", &instance())],
        &[
            &edit("alice", &[CREATED, BANNER]),
            DENIED,
            &edit("alice", &[BANNER]),
            OK,
            &edit("root", &[CREATED]),
            OK,
            DONE,
            OK,
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn denied_device_edit_is_never_retried_as_host_user() {
    let told = failed("`alice` may not `edit-config`: default deny (access-denied)");
    commit(
        &[("alice", &instance())],
        &[&edit("alice", &[CREATED, BANNER]), DENIED, &edit("alice", &[BANNER]), DENIED, &told],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_hidden_from_the_user_is_not_taken_as_deleted() {
    let told = failed(
        "`alice` may not read `/services/probe[name='a']`\n\
         hint: permit it with a rule in `/nacm`, or commit as another user",
    );
    commit(&[("alice", "<data/>"), ("root", &instance())], &[&told]).await;
}
