//! Commits of services, from the edit of the candidate to the configuration on the devices.

use std::time::Duration;

use crate::common::{
    Client, Lab, OK, apply, begun, bench, builder, create, created, interfaces, over, path, pretty, services,
    work,
};
use confine_controller::{Datastore, TransactionState};

#[tokio::test]
async fn instance_is_created_changed_and_deleted() {
    let lab = Lab::new(builder());
    let (mut daemon, mut user) = (lab.daemon().await, lab.user().await);

    user.configure(&bench("s1", "<device>openconfig1</device>")).await;
    assert_eq!(user.commit("COMMIT", "CHANGE", None).await, begun(1));
    let named = "<service>bench[service-name='s1']</service>";
    assert_eq!(daemon.event().await, work(1, named));
    insta::assert_snapshot!(pretty(&daemon.transaction(1).await), @r#"
    <transactions xmlns="http://clicon.org/controller">
      <transaction>
        <tid>1</tid>
        <username>root</username>
        <result>INIT</result>
        <devices>
          <device>
            <name>openconfig1</name>
          </device>
          <device>
            <name>openconfig2</name>
          </device>
        </devices>
        <state>ACTIONS</state>
        <description>Controller commit actions:CHANGE push:COMMIT</description>
        <timestamp0>2026-01-01T00:00:00.000000Z</timestamp0>
        <timestamp>2026-01-01T00:00:00.002000Z</timestamp>
      </transaction>
    </transactions>
    "#);
    apply(&mut daemon, "s1", &["openconfig1"]).await;
    assert_eq!(daemon.done(1).await, OK);
    assert_eq!(user.event().await, over(1, "SUCCESS", ""));
    assert_eq!(daemon.event().await, over(1, "SUCCESS", ""));
    assert_eq!(interfaces(&lab, "openconfig1"), ["eth0", "lo0", "s1"]);
    assert_eq!(interfaces(&lab, "openconfig2"), ["eth0", "lo0"]);
    insta::assert_snapshot!(lab.controller.last_push("openconfig1").unwrap().unwrap(), @r#"
       <interfaces xmlns="http://openconfig.net/yang/interfaces">
    +      <interface>
    +         <name>s1</name>
    +         <config>
    +            <name>s1</name>
    +            <type xmlns:i="urn:ietf:params:xml:ns:yang:iana-if-type">i:ethernetCsmacd</type>
    +         </config>
    +      </interface>
       </interfaces>
    "#);
    assert_eq!(lab.controller.last_push("openconfig2").unwrap(), None);
    insta::assert_snapshot!(pretty(&user.get("running", "/ctrl:services").await), @r#"
    <services xmlns="http://clicon.org/controller">
      <bench xmlns="urn:bench">
        <service-name>s1</service-name>
        <device>openconfig1</device>
        <created>
          <path>/devices/device[name="openconfig1"]/config/interfaces/interface[name="s1"]</path>
        </created>
      </bench>
    </services>
    "#);

    // Change: `actions` has neither what the instance had created nor its `created` list.
    user.configure(&bench("s1", "<mtu>9000</mtu>")).await;
    assert_eq!(user.commit("COMMIT", "CHANGE", None).await, begun(2));
    assert_eq!(daemon.event().await, work(2, named));
    insta::assert_snapshot!(pretty(&daemon.get("actions", "/ctrl:services | /ctrl:devices/ctrl:device/ctrl:config/oc-if:interfaces/oc-if:interface/oc-if:name").await), @r#"
    <services xmlns="http://clicon.org/controller">
      <bench xmlns="urn:bench">
        <service-name>s1</service-name>
        <device>openconfig1</device>
        <mtu>9000</mtu>
      </bench>
    </services>
    <devices xmlns="http://clicon.org/controller">
      <device>
        <name>openconfig1</name>
        <config>
          <interfaces xmlns="http://openconfig.net/yang/interfaces">
            <interface>
              <name>eth0</name>
            </interface>
            <interface>
              <name>lo0</name>
            </interface>
          </interfaces>
        </config>
      </device>
      <device>
        <name>openconfig2</name>
        <config>
          <interfaces xmlns="http://openconfig.net/yang/interfaces">
            <interface>
              <name>eth0</name>
            </interface>
            <interface>
              <name>lo0</name>
            </interface>
          </interfaces>
        </config>
      </device>
    </devices>
    "#);
    apply(&mut daemon, "s1", &["openconfig2"]).await;
    assert_eq!(daemon.done(2).await, OK);
    assert_eq!(daemon.event().await, over(2, "SUCCESS", ""));
    assert_eq!(interfaces(&lab, "openconfig1"), ["eth0", "lo0"]);
    assert_eq!(interfaces(&lab, "openconfig2"), ["eth0", "lo0", "s1"]);

    // Delete: the notification names the instance although it is gone.
    let gone = r#"<bench xmlns="urn:bench" nc:operation="delete"><service-name>s1</service-name></bench>"#;
    user.configure(gone).await;
    assert_eq!(user.commit("COMMIT", "CHANGE", None).await, begun(3));
    assert_eq!(daemon.event().await, work(3, named));
    assert_eq!(daemon.get("actions", "/ctrl:services/bench:bench").await, "");
    assert_eq!(daemon.done(3).await, OK);
    assert_eq!(daemon.event().await, over(3, "SUCCESS", ""));
    assert_eq!(interfaces(&lab, "openconfig2"), ["eth0", "lo0"]);

    let running = lab.controller.datastore(Datastore::Running).unwrap();
    assert_eq!(running, lab.controller.datastore(Datastore::Candidate).unwrap());
    assert_eq!(running, lab.controller.datastore(Datastore::Actions).unwrap());
}

#[tokio::test]
async fn notification_names_changed_instances_before_new_ones() {
    let lab = Lab::new(builder());
    let (mut daemon, mut user) = (lab.daemon().await, lab.user().await);
    create(&mut daemon, &mut user, "m", 1).await;
    let more = [
        "<settings xmlns=\"urn:bench\"><mode>x</mode></settings><service-timeout>30</service-timeout>",
        &bench("m", "<mtu>1</mtu>"),
        &bench("a", ""),
        &bench("o'x &lt;y&gt;", ""),
        "<link xmlns=\"urn:bench\"><site>b</site><number>1</number></link>",
        "<link xmlns=\"urn:bench\"><site>b</site><number>2</number></link>",
        "<forgetful xmlns=\"urn:bench\"><id>f</id></forgetful>",
    ];
    user.configure(&more.concat()).await;
    assert_eq!(user.commit("COMMIT", "CHANGE", None).await, begun(2));
    // Two entries with the same first key are named once.
    let named = "<service>bench[service-name='m']</service><service>bench[service-name='a']</service>\
        <service>bench[service-name='o'x &lt;y&gt;']</service><service>link[site='b']</service>\
        <service>forgetful[id='f']</service>";
    assert_eq!(daemon.event().await, work(2, named));
}

#[tokio::test]
async fn dry_run_sets_diff_and_changes_only_actions() {
    let lab = Lab::new(builder());
    let (mut daemon, mut user) = (lab.daemon().await, lab.user().await);
    user.configure(&bench("d1", "")).await;
    assert_eq!(user.commit("NONE", "CHANGE", None).await, begun(1));
    let named = "<service>bench[service-name='d1']</service>";
    assert_eq!(daemon.event().await, work(1, &format!("<diff>true</diff>{named}")));
    apply(&mut daemon, "d1", &["openconfig1"]).await;
    assert_eq!(daemon.done(1).await, OK);
    assert_eq!(daemon.event().await, over(1, "SUCCESS", ""));
    assert_eq!(interfaces(&lab, "openconfig1"), ["eth0", "lo0"]);
    let diff = |device: &str| {
        format!(
            r#"<datastore-diff xmlns="http://clicon.org/controller"><device>{device}</device><config-type1>RUNNING</config-type1><config-type2>ACTIONS</config-type2></datastore-diff>"#
        )
    };
    insta::assert_snapshot!(user.rpc(&diff("openconfig1")).await, @r#"
    <diff xmlns="http://clicon.org/controller">openconfig1:
       &lt;interfaces xmlns="http://openconfig.net/yang/interfaces"&gt;
    +      &lt;interface&gt;
    +         &lt;name&gt;d1&lt;/name&gt;
    +         &lt;config&gt;
    +            &lt;name&gt;d1&lt;/name&gt;
    +            &lt;type xmlns:i="urn:ietf:params:xml:ns:yang:iana-if-type"&gt;i:ethernetCsmacd&lt;/type&gt;
    +         &lt;/config&gt;
    +      &lt;/interface&gt;
       &lt;/interfaces&gt;
    </diff>
    "#);
    assert_eq!(user.rpc(&diff("openconfig2")).await, "");

    // VALIDATE: the notification does not show it, and the devices stay as they are.
    assert_eq!(user.commit("VALIDATE", "CHANGE", None).await, begun(2));
    assert_eq!(daemon.event().await, work(2, named));
    apply(&mut daemon, "d1", &["openconfig1"]).await;
    assert_eq!(daemon.done(2).await, OK);
    assert_eq!(daemon.event().await, over(2, "SUCCESS", ""));
    assert_eq!(
        lab.controller.transactions()[1].description,
        "Controller commit actions:CHANGE push:VALIDATE"
    );
    assert_eq!(interfaces(&lab, "openconfig1"), ["eth0", "lo0"]);
    assert_eq!(user.get("running", "/ctrl:services/bench:bench").await, "");
}

#[tokio::test]
async fn force_removes_less_than_it_notifies_of() {
    let lab = Lab::new(builder());
    let (mut daemon, mut user) = (lab.daemon().await, lab.user().await);
    create(&mut daemon, &mut user, "a1", 1).await;
    create(&mut daemon, &mut user, "a2", 2).await;
    let records = "/ctrl:services/bench:bench/bench:created";
    let names = "/ctrl:devices/ctrl:device[ctrl:name='openconfig1']/ctrl:config/oc-if:interfaces/oc-if:interface/oc-if:name";

    // One instance: its `created` list is removed, and everything in that list.
    assert_eq!(user.commit("COMMIT", "FORCE", Some("bench[service-name='a1']")).await, begun(3));
    assert_eq!(daemon.event().await, work(3, "<service>bench[service-name='a1']</service>"));
    let left = daemon.get("actions", &format!("{records} | {names}")).await;
    assert!(
        !left.contains("a1")
            || left.contains("<service-name>a1</service-name>") && !left.contains("<name>a1</name>"),
        "{left}"
    );
    assert!(left.contains("<name>a2</name>") && left.contains(&path("openconfig1", "a2")), "{left}");
    apply(&mut daemon, "a1", &["openconfig1", "openconfig2"]).await;
    assert_eq!(daemon.done(3).await, OK);
    let nothing = "<reason>No device  configuration changed, no push necessary</reason>";
    assert_eq!(daemon.event().await, over(3, "SUCCESS", nothing));

    // A list: only the first instance with a `created` list.
    assert_eq!(user.commit("COMMIT", "FORCE", Some("bench")).await, begun(4));
    assert_eq!(daemon.event().await, work(4, "<service>bench</service>"));
    let left = daemon.get("actions", &format!("{records} | {names}")).await;
    assert!(!left.contains("<name>a1</name>") && !left.contains(&path("openconfig1", "a1")), "{left}");
    assert!(left.contains("<name>a2</name>") && left.contains(&path("openconfig1", "a2")), "{left}");
    assert_eq!(daemon.fail(4, "enough").await, OK);
    let enough = "<origin>test</origin><reason>enough</reason>";
    assert_eq!(daemon.event().await, over(4, "FAILED", enough));

    // All instances: every `created` list, but nothing in those lists.
    assert_eq!(user.commit("COMMIT", "FORCE", None).await, begun(5));
    assert_eq!(daemon.event().await, work(5, ""));
    let left = daemon.get("actions", &format!("{records} | {names}")).await;
    assert!(left.contains("<name>a1</name>") && left.contains("<name>a2</name>"), "{left}");
    assert!(!left.contains("<path>"), "{left}");
    assert_eq!(daemon.fail(5, "enough").await, OK);
    assert_eq!(daemon.event().await, over(5, "FAILED", enough));

    // DELETE does not notify the services daemon.
    assert_eq!(user.commit("COMMIT", "DELETE", Some("bench[service-name='a1']")).await, begun(6));
    assert_eq!(daemon.event().await, over(6, "SUCCESS", ""));
    assert_eq!(interfaces(&lab, "openconfig1"), ["a2", "eth0", "lo0"]);
    let left = user.get("running", "/ctrl:services/bench:bench").await;
    assert!(left.contains("<service-name>a1</service-name>") && !left.contains(&path("openconfig1", "a1")));
}

#[tokio::test]
async fn shared_object_is_removed_with_either_instance() {
    let lab = Lab::new(builder());
    let (mut daemon, mut user) = (lab.daemon().await, lab.user().await);
    create(&mut daemon, &mut user, "shared", 1).await;
    user.configure(&bench("other", "")).await;
    assert_eq!(user.commit("COMMIT", "CHANGE", None).await, begun(2));
    daemon.event().await;
    let record = services(&bench("other", &created(&[&path("openconfig1", "shared")])));
    assert_eq!(daemon.edit("actions", &record).await, OK);
    assert_eq!(daemon.done(2).await, OK);
    daemon.event().await;

    user.configure(
        r#"<bench xmlns="urn:bench" nc:operation="remove"><service-name>other</service-name></bench>"#,
    )
    .await;
    assert_eq!(user.commit("COMMIT", "CHANGE", None).await, begun(3));
    daemon.event().await;
    assert_eq!(daemon.done(3).await, OK);
    assert_eq!(daemon.event().await, over(3, "SUCCESS", ""));
    assert_eq!(interfaces(&lab, "openconfig1"), ["eth0", "lo0"]);
    assert!(user.get("running", "/ctrl:services").await.contains(&path("openconfig1", "shared")));
}

#[tokio::test]
async fn unreadable_created_path_orphans_its_object() {
    let lab = Lab::new(builder());
    let (mut daemon, mut user) = (lab.daemon().await, lab.user().await);
    create(&mut daemon, &mut user, "q\"q", 1).await;
    let gone = r#"<bench xmlns="urn:bench" nc:operation="remove"><service-name>q"q</service-name></bench>"#;
    user.configure(gone).await;
    assert_eq!(user.commit("COMMIT", "CHANGE", None).await, begun(2));
    daemon.event().await;
    assert_eq!(daemon.done(2).await, OK);
    daemon.event().await;
    assert_eq!(interfaces(&lab, "openconfig1"), ["eth0", "lo0", "q\"q"]);
}

#[tokio::test]
async fn key_in_created_breaks_its_instance() {
    let lab = Lab::new(builder());
    let (mut daemon, mut user) = (lab.daemon().await, lab.user().await);
    user.configure(&bench("k1", "")).await;
    assert_eq!(user.commit("COMMIT", "CHANGE", None).await, begun(1));
    daemon.event().await;
    let key = format!("{}/name", path("openconfig1", "eth0"));
    assert_eq!(daemon.edit("actions", &services(&bench("k1", &created(&[&key])))).await, OK);
    assert_eq!(daemon.done(1).await, OK);
    daemon.event().await;
    assert_eq!(user.commit("COMMIT", "FORCE", Some("bench[service-name='k1']")).await, begun(2));
    daemon.event().await;
    assert_eq!(daemon.done(2).await, OK);
    insta::assert_snapshot!(daemon.event().await, @r#"<controller-transaction xmlns="http://clicon.org/controller"><tid>2</tid><username>root</username><result>FAILED</result><origin>controller</origin><reason>application missing-element Mandatory key in 'list interface' in openconfig-interfaces.yang &lt;bad-element&gt;name&lt;/bad-element&gt;</reason></controller-transaction>"#);
}

#[tokio::test]
async fn failed_transaction_changes_only_the_candidate() {
    let lab = Lab::new(builder());
    let (mut daemon, mut user) = (lab.daemon().await, lab.user().await);
    let running = lab.controller.datastore(Datastore::Running).unwrap();
    user.configure(&bench("f1", "")).await;
    assert_eq!(user.commit("COMMIT", "CHANGE", None).await, begun(1));
    daemon.event().await;
    assert_eq!(daemon.fail(1, "a &lt;b&gt;\nc &amp; d").await, OK);
    let answers = "<origin>test</origin><reason>a &lt;b&gt;\nc &amp; d</reason>";
    assert_eq!(daemon.event().await, over(1, "FAILED", answers));
    assert_eq!(user.event().await, over(1, "FAILED", answers));
    assert_eq!(lab.controller.datastore(Datastore::Running).unwrap(), running);
    assert!(user.get("candidate", "/ctrl:services").await.contains("f1"));
    assert_eq!(user.rpc("<discard-changes/>").await, OK);
    assert_eq!(user.commit("COMMIT", "CHANGE", None).await, begun(2));
    let nothing = "<reason>No device  configuration changed, no push necessary</reason>";
    assert_eq!(user.event().await, over(2, "SUCCESS", nothing));
}

#[tokio::test]
async fn invalid_configuration_fails_after_the_services_ran() {
    let lab = Lab::new(builder());
    let (mut daemon, mut user) = (lab.daemon().await, lab.user().await);
    let mut answers = Vec::new();
    let interface = |config: &str| {
        format!(
            r#"<interfaces xmlns="http://openconfig.net/yang/interfaces"><interface><name>eth0</name><config>{config}</config></interface></interfaces>"#
        )
    };
    let system =
        |config: &str| format!(r#"<system xmlns="http://openconfig.net/yang/system">{config}</system>"#);
    let wrong = [
        interface("<mtu>not-a-number</mtu>"),
        interface("<mtu>70000</mtu>"),
        interface("<enabled>maybe</enabled>"),
        interface(r#"<type xmlns:i="urn:ietf:params:xml:ns:yang:iana-if-type">i:nosuch</type>"#),
        interface("<type nc:operation=\"remove\"/>"),
        system(&format!("<config><hostname>{}</hostname></config>", "h".repeat(300))),
    ];
    for (tid, config) in (1..).zip(wrong) {
        user.configure(&bench("w", &format!("<description>{tid}</description>"))).await;
        assert_eq!(user.commit("COMMIT", "CHANGE", None).await, begun(tid));
        daemon.event().await;
        let config = format!(
            r#"<devices xmlns="http://clicon.org/controller"><device><name>openconfig1</name><config>{config}</config></device></devices>"#
        );
        assert_eq!(daemon.edit("actions", &config).await, OK);
        assert_eq!(daemon.done(tid).await, OK);
        answers.push(daemon.event().await);
    }
    insta::assert_snapshot!(answers.join("\n"), @r#"
    <controller-transaction xmlns="http://clicon.org/controller"><tid>1</tid><username>root</username><result>FAILED</result><origin>controller</origin><reason>application bad-element 'not-a-number' is not a number &lt;bad-element&gt;mtu&lt;/bad-element&gt;</reason></controller-transaction>
    <controller-transaction xmlns="http://clicon.org/controller"><tid>2</tid><username>root</username><result>FAILED</result><origin>controller</origin><reason>application bad-element Number 70000 out of range: 0 - 65535 &lt;bad-element&gt;mtu&lt;/bad-element&gt;</reason></controller-transaction>
    <controller-transaction xmlns="http://clicon.org/controller"><tid>3</tid><username>root</username><result>FAILED</result><origin>controller</origin><reason>application bad-element 'maybe' is not a boolean value &lt;bad-element&gt;enabled&lt;/bad-element&gt;</reason></controller-transaction>
    <controller-transaction xmlns="http://clicon.org/controller"><tid>4</tid><username>root</username><result>FAILED</result><origin>controller</origin><reason>application operation-failed Identityref validation failed, i:nosuch not derived from interface-type </reason></controller-transaction>
    <controller-transaction xmlns="http://clicon.org/controller"><tid>5</tid><username>root</username><result>FAILED</result><origin>controller</origin><reason>application missing-element Missing mandatory XML type node. yang node: "leaf type" with parent: "container config" in file "openconfig-interfaces@2021-04-06.yang" error-path: /devices/device[name="openconfig1"]/config/interfaces/interface[name="eth0"]/config &lt;bad-element&gt;type&lt;/bad-element&gt;</reason></controller-transaction>
    <controller-transaction xmlns="http://clicon.org/controller"><tid>6</tid><username>root</username><result>FAILED</result><origin>controller</origin><reason>application bad-element String length 300 out of range: 1 - 253: yang node: "leaf hostname" with parent: "container config" in file "openconfig-system@2022-12-19.yang" error-path: /devices/device[name="openconfig1"]/config/system/config/hostname &lt;bad-element&gt;hostname&lt;/bad-element&gt;</reason></controller-transaction>
    "#);
}

#[tokio::test]
async fn replies_without_a_transaction_are_refused() {
    let lab = Lab::new(builder().device_latency(Duration::from_secs(3600)));
    let (mut daemon, mut user) = (lab.daemon().await, lab.user().await);
    let mut refusals = vec![daemon.done(1).await, daemon.fail(1, "x").await];
    create_up_to_push(&mut daemon, &mut user).await;
    assert_eq!(lab.controller.transactions()[0].state, TransactionState::Init);
    refusals.push(daemon.done(1).await);
    // Any client can end a push.
    assert_eq!(user.fail(1, "stop").await, OK);
    assert_eq!(user.event().await, over(1, "FAILED", "<origin>test</origin><reason>stop</reason>"));
    refusals.push(daemon.done(1).await);
    refusals.push(daemon.fail(1, "x").await);
    insta::assert_snapshot!(refusals.join("\n"), @r"
    <rpc-error><error-type>application</error-type><error-tag>operation-failed</error-tag><error-severity>error</error-severity><error-message>No such transaction</error-message></rpc-error>
    <rpc-error><error-type>application</error-type><error-tag>operation-failed</error-tag><error-severity>error</error-severity><error-message>No such transaction</error-message></rpc-error>
    <rpc-error><error-type>application</error-type><error-tag>operation-failed</error-tag><error-severity>error</error-severity><error-message>Transaction in unexpected state</error-message></rpc-error>
    <rpc-error><error-type>application</error-type><error-tag>operation-failed</error-tag><error-severity>error</error-severity><error-message>Transaction already completed(timeout?)</error-message></rpc-error>
    <rpc-error><error-type>application</error-type><error-tag>operation-failed</error-tag><error-severity>error</error-severity><error-message>Transaction already completed</error-message></rpc-error>
    ");
}

async fn create_up_to_push(daemon: &mut Client, user: &mut Client) {
    user.configure(&bench("p1", "")).await;
    assert_eq!(user.commit("COMMIT", "CHANGE", None).await, begun(1));
    daemon.event().await;
    apply(daemon, "p1", &["openconfig1"]).await;
    assert_eq!(daemon.done(1).await, OK);
}

#[tokio::test]
async fn transaction_without_services_daemon_times_out() {
    let lab = Lab::new(builder().service_timeout(Duration::from_millis(20)));
    let mut user = lab.user().await;
    user.configure(&bench("n1", "")).await;
    assert_eq!(user.commit("COMMIT", "CHANGE", None).await, begun(1));
    let answers = "<origin>Actions</origin><reason>Timeout waiting for service daemon</reason>";
    assert_eq!(user.event().await, over(1, "FAILED", answers));
    insta::assert_snapshot!(user.done(1).await, @"<rpc-error><error-type>application</error-type><error-tag>operation-failed</error-tag><error-severity>error</error-severity><error-message>Transaction already completed(timeout?)</error-message></rpc-error>");
}

#[tokio::test]
async fn transaction_locks_candidate_and_outlives_its_session() {
    let lab = Lab::new(builder());
    let (mut daemon, mut user) = (lab.daemon().await, lab.user().await);
    user.configure(&bench("t1", "")).await;
    assert_eq!(user.commit("COMMIT", "CHANGE", None).await, begun(1));
    daemon.event().await;
    let mut other = lab.client().await;
    let refusals = [
        other.edit("candidate", &services("")).await,
        user.edit("candidate", &services("")).await,
        other.rpc("<discard-changes/>").await,
        other.rpc("<commit/>").await,
        other.commit("COMMIT", "CHANGE", None).await,
        other.rpc("<lock><target><candidate/></target></lock>").await,
    ];
    insta::assert_snapshot!(refusals.join("\n"), @r#"
    <rpc-error><error-type>protocol</error-type><error-tag>lock-denied</error-tag><error-severity>error</error-severity><error-message>Operation failed, lock is already held</error-message><error-info><session-id>1677721</session-id><db>candidate</db></error-info></rpc-error>
    <rpc-error><error-type>protocol</error-type><error-tag>lock-denied</error-tag><error-severity>error</error-severity><error-message>Operation failed, lock is already held</error-message><error-info><session-id>1677721</session-id><db>candidate</db></error-info></rpc-error>
    <rpc-error><error-type>protocol</error-type><error-tag>lock-denied</error-tag><error-severity>error</error-severity><error-message>Operation failed at discard, candidate is locked by client:1677721</error-message><error-info><session-id>1677721</session-id><db>candidate</db></error-info></rpc-error>
    <rpc-error><error-type>protocol</error-type><error-tag>in-use</error-tag><error-severity>error</error-severity><error-message>Operation failed at commit, candidate is locked by client 1677721</error-message></rpc-error>
    <rpc-error><error-type>application</error-type><error-tag>operation-failed</error-tag><error-severity>error</error-severity><error-message>Candidate db is locked by transaction "Controller commit actions:CHANGE push:COMMIT" initiated by user:root with client-id:2 using transport:cl:cli</error-message></rpc-error>
    <rpc-error><error-type>protocol</error-type><error-tag>lock-denied</error-tag><error-severity>error</error-severity><error-message>Operation failed, lock is already held</error-message><error-info><session-id>1677721</session-id><db>candidate</db></error-info></rpc-error>
    "#);
    drop(user);
    drop(daemon);
    // A new services daemon finds the unfinished transaction and ends it.
    let mut daemon = lab.client().await;
    while daemon.subscribe("services-commit").await != OK {
        tokio::task::yield_now().await;
    }
    let found = daemon.rpc(r#"<get cl:content="nonconfig"><nc:filter nc:type="xpath" nc:select="/ctrl:transactions/ctrl:transaction[ctrl:state='ACTIONS']/ctrl:tid"/></get>"#).await;
    assert!(found.contains("<tid>1</tid>"), "{found}");
    assert_eq!(daemon.fail(1, "recovery").await, OK);
    assert_eq!(other.rpc("<discard-changes/>").await, OK);
}
