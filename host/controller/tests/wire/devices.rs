//! Devices: which take part in a commit, what is pushed to them, and what is pulled from them.

use crate::common::{
    Lab, OK, apply, begun, bench, builder, created, interface, interfaces, over, path, services,
};
use confine_controller::{PushPhase, TransactionOutcome};

#[tokio::test]
async fn devices_can_refuse_before_or_after_running_changes() {
    let lab = Lab::new(builder());
    let (mut daemon, mut user) = (lab.daemon().await, lab.user().await);
    for (tid, phase, changed) in [(1, PushPhase::Validate, false), (2, PushPhase::Commit, true)] {
        lab.controller.refuse_push("openconfig2", phase, "out of order").unwrap();
        user.configure(&bench("r1", "")).await;
        assert_eq!(user.commit("COMMIT", "CHANGE", None).await, begun(tid));
        daemon.event().await;
        apply(&mut daemon, "r1", &["openconfig1", "openconfig2"]).await;
        assert_eq!(daemon.done(tid).await, OK);
        let told = "<origin>openconfig2</origin><reason>out of order</reason>";
        assert_eq!(daemon.event().await, over(tid, "FAILED", told));
        assert_eq!(user.get("running", "/ctrl:services").await.contains("r1"), changed);
        assert_eq!(interfaces(&lab, "openconfig2"), ["eth0", "lo0"]);
    }
    assert_eq!(lab.controller.transactions()[1].result, TransactionOutcome::Failed);
    // What the device missed is pushed without running the services again.
    let push = r#"<controller-commit xmlns="http://clicon.org/controller"><device>openconfig2</device><push>COMMIT</push><actions>NONE</actions><source>ds:running</source></controller-commit>"#;
    assert_eq!(user.rpc(push).await, begun(3));
    assert_eq!(daemon.event().await, over(3, "SUCCESS", ""));
    assert_eq!(interfaces(&lab, "openconfig2"), ["eth0", "lo0", "r1"]);
    insta::assert_snapshot!(user.rpc(push).await, @"<rpc-error><error-type>application</error-type><error-tag>operation-failed</error-tag><error-severity>error</error-severity><error-message>No changes to push</error-message></rpc-error>");
    assert_eq!(daemon.event().await, over(4, "FAILED", ""));
}

#[tokio::test]
async fn invalid_commits_are_refused() {
    let lab = Lab::new(builder());
    let mut user = lab.user().await;
    let commit = |more: &str| {
        format!(r#"<controller-commit xmlns="http://clicon.org/controller">{more}</controller-commit>"#)
    };
    let mut refusals = Vec::new();
    for more in [
        "",
        "<source>ds:startup</source>",
        "<source>ds:running</source><actions>CHANGE</actions><push>COMMIT</push>",
        "<source>ds:candidate</source><actions>SOME</actions>",
        "<source>ds:candidate</source><actions>CHANGE</actions><push>COMMIT</push><device>nosuch</device>",
    ] {
        refusals.push(user.rpc(&commit(more)).await);
    }
    let settings = r#"<devices xmlns="http://clicon.org/controller"><device><name>openconfig1</name><user>other</user></device></devices>"#;
    assert_eq!(user.edit("candidate", settings).await, OK);
    refusals.push(user.commit("COMMIT", "CHANGE", None).await);
    assert_eq!(user.rpc("<commit/>").await, OK);
    assert!(user.get("running", "/ctrl:devices/ctrl:device/ctrl:user").await.contains("other"));
    insta::assert_snapshot!(refusals.join("\n"), @r#"
    <rpc-error><error-type>application</error-type><error-tag>operation-failed</error-tag><error-severity>error</error-severity><error-message>sourcedb not supported</error-message></rpc-error>
    <rpc-error><error-type>application</error-type><error-tag>operation-failed</error-tag><error-severity>error</error-severity><error-message>sourcedb not supported</error-message></rpc-error>
    <rpc-error><error-type>application</error-type><error-tag>operation-failed</error-tag><error-severity>error</error-severity><error-message>Only candidates db supported if actions</error-message></rpc-error>
    <rpc-error><error-type>application</error-type><error-tag>bad-element</error-tag><error-severity>error</error-severity><error-message>'SOME' does not match enumeration: yang node: "leaf actions" with parent: "input " in file "clixon-controller@2026-06-01.yang" error-path: /rpc/controller-commit/actions</error-message><error-info><bad-element>actions</bad-element></error-info></rpc-error>
    <rpc-error><error-type>application</error-type><error-tag>operation-failed</error-tag><error-severity>error</error-severity><error-message>No devices are selected (or no devices exist) and you have requested commit PUSH</error-message></rpc-error>
    <rpc-error><error-type>application</error-type><error-tag>operation-failed</error-tag><error-severity>error</error-severity><error-message>Device 'openconfig1': local fields are changed (try 'commit local' instead)</error-message></rpc-error>
    "#);
}

#[tokio::test]
async fn devices_are_selected_by_pattern_group_and_enabled() {
    let config = r#"<devices xmlns="http://clicon.org/controller"><device-group><name>inner</name><device-name>openconfig3</device-name></device-group><device-group><name>outer</name><device-name>openconfig1</device-name><device-group>inner</device-group><device-group>outer</device-group></device-group></devices>"#;
    let lab = Lab::new(builder().devices(0).device("openconfig3", "").config(config));
    let mut user = lab.user().await;
    let mut chosen = Vec::new();
    for select in
        ["<device>openconfig[12]</device>", "<device>*3</device>", "<device-group>outer</device-group>", ""]
    {
        let reply = user.rpc(&format!(r#"<controller-commit xmlns="http://clicon.org/controller">{select}<push>NONE</push><actions>CHANGE</actions><source>ds:candidate</source></controller-commit>"#)).await;
        assert!(reply.starts_with("<tid"), "{reply}");
        chosen.push(lab.controller.transactions().pop().unwrap().devices);
    }
    assert_eq!(
        chosen,
        [
            vec![],
            vec!["openconfig3"],
            vec!["openconfig1", "openconfig3"],
            vec!["openconfig1", "openconfig2", "openconfig3"]
        ]
    );
}

#[tokio::test]
async fn config_pull_copies_the_device_to_running() {
    let lab = Lab::new(builder());
    let mut user = lab.user().await;
    let pull = |more: &str| {
        format!(r#"<config-pull xmlns="http://clicon.org/controller"><device>*</device>{more}</config-pull>"#)
    };
    assert_eq!(user.rpc(&pull("")).await, begun(1));
    assert_eq!(user.event().await, over(1, "SUCCESS", ""));
    let diff = r#"<datastore-diff xmlns="http://clicon.org/controller"><device>*</device><config-type1>TRANSIENT</config-type1><config-type2>RUNNING</config-type2></datastore-diff>"#;
    let missing = user.rpc(diff).await;
    assert!(missing.contains("No such device tree"), "{missing}");
    assert_eq!(user.rpc(&pull("<transient>true</transient>")).await, begun(2));
    assert_eq!(user.rpc(diff).await, "");

    // The device changes behind the controller's back.
    let changed = lab.controller.device("openconfig1").unwrap().replace(">1500<", ">9000<");
    lab.controller.set_device("openconfig1", &changed).unwrap();
    assert_eq!(user.rpc(&pull("<transient>true</transient>")).await, begun(3));
    insta::assert_snapshot!(user.rpc(diff).await, @r#"
    <diff xmlns="http://clicon.org/controller">openconfig1:
       &lt;interfaces xmlns="http://openconfig.net/yang/interfaces"&gt;
          &lt;interface&gt;
             &lt;name&gt;eth0&lt;/name&gt;
             &lt;config&gt;
    -            &lt;mtu&gt;9000&lt;/mtu&gt;
    +            &lt;mtu&gt;1500&lt;/mtu&gt;
             &lt;/config&gt;
          &lt;/interface&gt;
       &lt;/interfaces&gt;
    </diff>
    "#);
    assert_eq!(user.edit("candidate", &interface("openconfig1", "new", "")).await, OK);
    assert_eq!(user.commit("COMMIT", "CHANGE", None).await, begun(4));
    for tid in 2..4 {
        assert_eq!(user.event().await, over(tid, "SUCCESS", ""));
    }
    insta::assert_snapshot!(user.event().await, @r#"<controller-transaction xmlns="http://clicon.org/controller"><tid>4</tid><username>root</username><result>FAILED</result><origin>openconfig1</origin><reason>Device openconfig1 has changed config. See: diff device-openconfig1-SYNCED_db device-openconfig1-TRANSIENT_db</reason></controller-transaction>"#);
    assert_eq!(user.rpc("<discard-changes/>").await, OK);
    assert_eq!(user.rpc(&pull("")).await, begun(5));
    assert!(
        user.get(
            "running",
            "/ctrl:devices/ctrl:device/ctrl:config/oc-if:interfaces/oc-if:interface/oc-if:config/oc-if:mtu"
        )
        .await
        .contains("9000")
    );
}

/// No step may take time quadratic in the number of instances.
#[tokio::test]
async fn thousand_instances_are_created_and_changed_at_once() {
    let lab = Lab::new(builder());
    let (mut daemon, mut user) = (lab.daemon().await, lab.user().await);
    let names: Vec<String> = (0..1000).map(|number| format!("s{number:04}")).collect();
    let devices = ["openconfig1", "openconfig2"];
    for (tid, description) in [(1, "a"), (2, "b")] {
        let all: String = names
            .iter()
            .map(|name| bench(name, &format!("<description>{description}</description>")))
            .collect();
        user.configure(&all).await;
        assert_eq!(user.commit("COMMIT", "CHANGE", None).await, begun(tid));
        let event = daemon.event().await;
        assert_eq!(event.matches("<service>").count(), names.len());
        let left = daemon.get("actions", "/ctrl:devices/ctrl:device/ctrl:config/oc-if:interfaces/oc-if:interface | /ctrl:services/bench:bench/bench:created").await;
        assert!(!left.contains("s0000") && !left.contains("<path>"));

        let record = |name: &String| {
            bench(name, &created(&devices.map(|device| path(device, name)).each_ref().map(String::as_str)))
        };
        let records = services(&names.iter().map(record).collect::<String>());
        let configs: String = devices
            .iter()
            .map(|device| {
                let interfaces: String = names.iter().map(|name| interface(device, name, "")).collect();
                let joint = r#"</interfaces></config></device></devices><devices xmlns="http://clicon.org/controller"><device><name>DEVICE</name><config><interfaces xmlns="http://openconfig.net/yang/interfaces">"#;
                interfaces.replace(&joint.replace("DEVICE", device), "")
            })
            .collect();
        let configs = configs.replace(r#"</devices><devices xmlns="http://clicon.org/controller">"#, "");
        assert_eq!(daemon.edit("actions", &format!("{records}{configs}")).await, OK);
        assert_eq!(daemon.done(tid).await, OK);
        daemon.event().await;
        assert_eq!(interfaces(&lab, "openconfig2").len(), names.len() + 2);
    }
    assert_eq!(
        lab.controller.transactions()[1].reason.as_deref(),
        Some("No device  configuration changed, no push necessary")
    );
}
