//! Sessions: what does not depend on configuration.

use crate::common::{Lab, OK, builder};

#[tokio::test]
async fn hello_is_accepted_twice_or_not_at_all() {
    let lab = Lab::new(builder());
    let hello = r#"<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"/>"#;
    let answer =
        r#"<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><session-id>1</session-id></hello>"#;
    let mut client = lab.stranger().await;
    for _ in 0..2 {
        client.send(hello).await;
        assert_eq!(client.message().await.unwrap(), answer);
    }
    let mut silent = lab.stranger().await;
    assert_eq!(silent.subscribe("controller-transaction").await, OK);
}

#[tokio::test]
async fn only_one_session_may_subscribe_to_services_commit() {
    let lab = Lab::new(builder());
    let mut first = lab.client().await;
    assert_eq!(first.subscribe("services-commit").await, OK);
    let refused = "<rpc-error><error-type>application</error-type><error-tag>operation-failed</error-tag>\
        <error-severity>error</error-severity><error-message>services-commit client already registered\
        </error-message></rpc-error>";
    let mut second = lab.client().await;
    assert_eq!(second.subscribe("services-commit").await, refused);
    assert_eq!(first.subscribe("services-commit").await, refused);
    assert_eq!(first.subscribe("controller-transaction").await, OK);
    assert_eq!(second.subscribe("controller-transaction").await, OK);
    drop(first);
    // The stream is free again as soon as the controller notices.
    while second.subscribe("services-commit").await != OK {
        tokio::task::yield_now().await;
    }
    insta::assert_snapshot!(second.subscribe("nosuch").await, @"<rpc-error><error-type>application</error-type><error-tag>invalid-value</error-tag><error-severity>error</error-severity><error-message>No such stream</error-message></rpc-error>");
}

#[tokio::test]
async fn invalid_requests_are_refused_without_ending_the_session() {
    let lab = Lab::new(builder());
    let mut client = lab.client().await;
    let base = "urn:ietf:params:xml:ns:netconf:base:1.0";
    for message in [
        "<rpc><not-closed></rpc>".to_owned(),
        format!(r#"<rpc xmlns="{base}"><commit/></rpc><rpc xmlns="{base}"><commit/></rpc>"#),
    ] {
        client.send(&message).await;
        let answer = client.message().await.unwrap();
        assert!(answer.contains("<error-tag>malformed-message</error-tag>"), "{answer}");
    }
    let mut answers = Vec::new();
    for message in [
        format!(r#"<rpc xmlns="{base}" message-id="1"><nosuch xmlns="urn:x"/></rpc>"#),
        format!(r#"<rpc xmlns="{base}" message-id="1"><nosuch/></rpc>"#),
        format!(
            r#"<rpc xmlns="{base}" message-id="1"><get-config><source><nosuch/></source></get-config></rpc>"#
        ),
        format!(
            r#"<rpc xmlns="{base}" message-id="1"><transaction-error xmlns="http://clicon.org/controller"><tid>1</tid></transaction-error></rpc>"#
        ),
        format!(r#"<rpc xmlns="{base}" message-id="1"><kill-session/></rpc>"#),
        format!(
            r#"<rpc xmlns="{base}" message-id="1"><kill-session><session-id>x</session-id></kill-session></rpc>"#
        ),
    ] {
        client.send(&message).await;
        answers.push(client.message().await.unwrap());
    }
    insta::assert_snapshot!(answers.join("\n"), @r#"
    <rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="1"><rpc-error><error-type>application</error-type><error-tag>unknown-element</error-tag><error-severity>error</error-severity><error-message>Unrecognized RPC (wrong namespace?)</error-message><error-info><bad-element>nosuch</bad-element></error-info></rpc-error></rpc-reply>
    <rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="1"><rpc-error><error-type>application</error-type><error-tag>unknown-element</error-tag><error-severity>error</error-severity><error-message>Unrecognized RPC</error-message><error-info><bad-element>nosuch</bad-element></error-info></rpc-error></rpc-reply>
    <rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="1"><rpc-error><error-type>application</error-type><error-tag>unknown-element</error-tag><error-severity>error</error-severity><error-message>Failed to find YANG spec of XML node: nosuch with parent: source in namespace: urn:ietf:params:xml:ns:netconf:base:1.0 in file: ietf-netconf@2011-06-01.yang</error-message><error-info><bad-element>nosuch</bad-element></error-info></rpc-error></rpc-reply>
    <rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="1"><rpc-error><error-type>application</error-type><error-tag>missing-element</error-tag><error-severity>error</error-severity><error-message>Missing mandatory XML reason node. yang node: "leaf reason" with parent: "input " in file "clixon-controller@2026-06-01.yang" error-path: /rpc/transaction-error</error-message><error-info><bad-element>reason</bad-element></error-info></rpc-error></rpc-reply>
    <rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="1"><rpc-error><error-type>application</error-type><error-tag>missing-element</error-tag><error-severity>error</error-severity><error-message>Missing mandatory XML session-id node. yang node: "leaf session-id" with parent: "input " in file "ietf-netconf@2011-06-01.yang" error-path: /rpc/kill-session</error-message><error-info><bad-element>session-id</bad-element></error-info></rpc-error></rpc-reply>
    <rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="1"><rpc-error><error-type>application</error-type><error-tag>bad-element</error-tag><error-severity>error</error-severity><error-message>'x' is not a number</error-message><error-info><bad-element>session-id</bad-element></error-info></rpc-error></rpc-reply>
    "#);
    assert_eq!(client.rpc("<discard-changes/>").await, OK);
}

#[tokio::test]
async fn two_requests_in_one_frame_are_refused_together() {
    let lab = Lab::new(builder());
    let mut client = lab.client().await;
    let one = br#"<rpc xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><commit/></rpc>"#;
    let mut both = confine_netconf::encode(one).unwrap();
    both.extend_from_within(..);
    client.write(&both).await;
    insta::assert_snapshot!(client.reply().await, @"<rpc-error><error-type>rpc</error-type><error-tag>malformed-message</error-tag><error-severity>error</error-severity><error-message>More than one message in netconf rpc frame</error-message></rpc-error>");
    assert_eq!(client.rpc("<discard-changes/>").await, OK);
}

#[tokio::test]
async fn broken_framing_ends_the_session() {
    let lab = Lab::new(builder());
    let mut client = lab.client().await;
    client.write(b"<rpc/>]]>]]>").await;
    assert_eq!(client.message().await, None);
}

#[tokio::test]
async fn close_session_and_kill_session_end_sessions() {
    let lab = Lab::new(builder());
    let mut first = lab.client().await;
    assert_eq!(first.rpc("<close-session/>").await, OK);
    assert_eq!(first.message().await, None);

    let mut victim = lab.client().await;
    assert_eq!(victim.rpc("<lock><target><candidate/></target></lock>").await, OK);
    let mut killer = lab.client().await;
    assert_eq!(killer.rpc("<kill-session><session-id>2</session-id></kill-session>").await, OK);
    assert_eq!(victim.message().await, None);
    assert_eq!(killer.rpc("<lock><target><candidate/></target></lock>").await, OK);
}

#[tokio::test]
async fn lock_is_held_by_one_session() {
    let lab = Lab::new(builder());
    let (mut first, mut second) = (lab.client().await, lab.client().await);
    let mut answers = vec![first.rpc("<unlock><target><candidate/></target></unlock>").await];
    assert_eq!(first.rpc("<lock><target><candidate/></target></lock>").await, OK);
    answers.push(first.rpc("<lock><target><candidate/></target></lock>").await);
    answers.push(second.rpc("<unlock><target><candidate/></target></unlock>").await);
    answers.push(second.edit("candidate", &crate::common::services("")).await);
    answers.push(second.rpc("<discard-changes/>").await);
    answers.push(second.rpc("<commit/>").await);
    answers.push(second.commit("COMMIT", "CHANGE", None).await);
    assert_eq!(first.rpc("<unlock><target><candidate/></target></unlock>").await, OK);
    second.configure(&crate::common::bench("s1", "")).await;
    answers.push(first.rpc("<lock><target><candidate/></target></lock>").await);
    insta::assert_snapshot!(answers.join("\n"), @r"
    <rpc-error><error-type>protocol</error-type><error-tag>lock-denied</error-tag><error-severity>error</error-severity><error-message>Unlock failed, lock is not currently active</error-message><error-info><session-id>0</session-id><db>candidate</db></error-info></rpc-error>
    <rpc-error><error-type>protocol</error-type><error-tag>lock-denied</error-tag><error-severity>error</error-severity><error-message>Operation failed, lock is already held</error-message><error-info><session-id>1</session-id><db>candidate</db></error-info></rpc-error>
    <rpc-error><error-type>protocol</error-type><error-tag>lock-denied</error-tag><error-severity>error</error-severity><error-message>Unlock failed, lock held by other session</error-message><error-info><session-id>1</session-id><db>candidate</db></error-info></rpc-error>
    <rpc-error><error-type>protocol</error-type><error-tag>lock-denied</error-tag><error-severity>error</error-severity><error-message>Operation failed, lock is already held</error-message><error-info><session-id>1</session-id><db>candidate</db></error-info></rpc-error>
    <rpc-error><error-type>protocol</error-type><error-tag>lock-denied</error-tag><error-severity>error</error-severity><error-message>Operation failed at discard, candidate is locked by client:1 by user:root on transport:cl:cli</error-message><error-info><session-id>1</session-id><db>candidate</db></error-info></rpc-error>
    <rpc-error><error-type>protocol</error-type><error-tag>in-use</error-tag><error-severity>error</error-severity><error-message>Operation failed at commit, candidate is locked by client 1 by user:root on transport:cl:cli</error-message></rpc-error>
    <rpc-error><error-type>application</error-type><error-tag>operation-failed</error-tag><error-severity>error</error-severity><error-message>Candidate db is locked by user:root with client-id:1 using transport:cl:cli</error-message></rpc-error>
    <rpc-error><error-type>protocol</error-type><error-tag>lock-denied</error-tag><error-severity>error</error-severity><error-message>Operation failed, candidate has already been modified and the changes have not been committed or rolled back (RFC 6241 7.5)</error-message><error-info><session-id>0</session-id><db>candidate</db></error-info></rpc-error>
    ");
    assert_eq!(second.rpc("<discard-changes/>").await, OK);
    assert_eq!(first.rpc("<lock><target><candidate/></target></lock>").await, OK);
}
