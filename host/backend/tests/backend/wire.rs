//! The exact messages on the connection, against a scripted peer.

use std::time::Duration;

use crate::peer::{Connection, Peer, error, notification, ok, reply};
use confine_backend::{
    ActionsMode, AnswerRejection, Backend, ConfigRequest, ConnectOptions, ControllerCommit, ControllerEvent,
    ControllerTransaction, Datastore, DatastoreDiff, DeviceConfigType, Error, EventReceiver, EventStream,
    PushMode, RequestUser, ServiceRef, Subscription, TransactionOutcome, TransactionState,
};

/// The namespace of the controller, as an attribute.
const C: &str = r#"xmlns="http://clicon.org/controller""#;

fn alice() -> RequestUser {
    RequestUser::User("alice".to_owned())
}

/// Runs `calls` on a backend whose peer sends `answers` in order. Returns their result and the requests.
async fn play<T>(answers: &[&str], calls: impl AsyncFnOnce(&mut Backend) -> T) -> (T, Vec<String>) {
    let peer = Peer::listen();
    let mut backend = None;
    let (result, sent) = tokio::join!(
        async {
            let backend = backend.insert(Backend::connect(peer.options()).await.unwrap());
            calls(backend).await
        },
        async {
            let mut connection = peer.accept().await;
            let mut sent = Vec::new();
            for answer in answers {
                let (user, operation) = connection.operation().await;
                sent.push(format!("{user}: {operation}"));
                connection.send(answer).await;
            }
            sent
        }
    );
    (result, sent)
}

#[tokio::test]
async fn session_begins_with_hello() {
    let peer = Peer::listen();
    let (backend, connection) = tokio::join!(Backend::connect(peer.options()), peer.accept());
    backend.unwrap();
    insta::assert_snapshot!(connection.hello, @r#"<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" cl:username="noc" cl:transport="ctrl:services" xmlns:cl="http://clicon.org/lib"><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability></capabilities></hello>"#);
}

#[tokio::test]
async fn get_config_is_sent_for_the_user() {
    let read = ConfigRequest {
        source: Datastore::Actions,
        xpath: "/ctrl:services | /ctrl:devices/ctrl:device[ctrl:name=\"o'x <1>\"]/s:system",
        namespaces: &[("ctrl", "http://clicon.org/controller"), ("s", "urn:s")],
        depth: None,
        defaults: false,
    };
    let answer = reply(&format!("<data><services {C}/></data>"));
    let answers = [answer.as_str(), &reply("<data/>")];
    let (data, sent) = play(&answers, async |backend| {
        let shallow = ConfigRequest {
            source: Datastore::Running,
            depth: Some(3),
            namespaces: &[],
            xpath: "/",
            defaults: true,
        };
        let data = backend.get_config(read, &alice()).await.unwrap();
        assert!(backend.get_config(shallow, &RequestUser::Host).await.unwrap().is_empty());
        data
    })
    .await;
    assert_eq!(data.as_str(), r#"<services xmlns="http://clicon.org/controller"/>"#);
    insta::assert_snapshot!(sent.join("\n"), @r#"
    alice: <get-config><source><actions xmlns="http://clicon.org/controller"/></source><filter type="xpath" select="/ctrl:services | /ctrl:devices/ctrl:device[ctrl:name=&quot;o&apos;x &lt;1&gt;&quot;]/s:system" xmlns:ctrl="http://clicon.org/controller" xmlns:s="urn:s"/></get-config>
    noc: <get-config nc:depth="3"><source><running/></source><filter type="xpath" select="/"/><with-defaults xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults">report-all</with-defaults></get-config>
    "#);
}

#[tokio::test]
async fn edit_config_merges_by_default() {
    let config = format!("<devices {C}><device><name>r1</name></device></devices>");
    let ((), sent) = play(&[&ok()], async |backend| {
        backend.edit_config(Datastore::Actions, &config, &alice()).await.unwrap();
    })
    .await;
    insta::assert_snapshot!(sent.join("\n"), @r#"alice: <edit-config><target><actions xmlns="http://clicon.org/controller"/></target><default-operation>merge</default-operation><config><devices xmlns="http://clicon.org/controller"><device><name>r1</name></device></devices></config></edit-config>"#);
}

#[tokio::test]
async fn edit_config_of_partial_elements_is_not_sent() {
    let (refusal, sent) = play(&[&ok()], async |backend| {
        let refusal = backend.edit_config(Datastore::Actions, "</config><a>", &alice()).await.unwrap_err();
        backend.discard_changes(&RequestUser::Host).await.unwrap();
        refusal
    })
    .await;
    assert!(matches!(refusal, Error::Session { operation: "edit-config", .. }));
    assert_eq!(sent, ["noc: <discard-changes/>"]);
}

/// Returns a transaction in the format of the controller.
fn transaction(tid: u64, state: &str, push: &str) -> String {
    format!(
        "<transaction><tid>{tid}</tid><username>alice</username><result>INIT</result><devices><device>\
         <name>r1</name></device></devices><state>{state}</state><description>Controller commit \
         actions:CHANGE push:{push}</description></transaction>"
    )
}

#[tokio::test]
async fn committing_user_is_read_from_the_transaction() {
    let found = reply(&format!(
        "<data><transactions {C}>{}</transactions></data>",
        transaction(7, "ACTIONS", "VALIDATE")
    ));
    let (found, sent) = play(&[&found, &reply("<data/>")], async |backend| {
        let found = backend.transaction(7, &RequestUser::Host).await.unwrap().unwrap();
        assert_eq!(backend.transaction(8, &alice()).await.unwrap(), None);
        found
    })
    .await;
    assert_eq!(found.username.as_deref(), Some("alice"));
    assert_eq!(
        (found.tid, &found.state, &found.result),
        (7, &TransactionState::Actions, &TransactionOutcome::Init)
    );
    assert_eq!(found.push(), Some(PushMode::Validate));
    insta::assert_snapshot!(sent.join("\n"), @r#"
    noc: <get cl:content="nonconfig"><filter type="xpath" select="/co:transactions/co:transaction[co:tid=&apos;7&apos;]" xmlns:co="http://clicon.org/controller"/><with-defaults xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults">report-all</with-defaults></get>
    alice: <get cl:content="nonconfig"><filter type="xpath" select="/co:transactions/co:transaction[co:tid=&apos;8&apos;]" xmlns:co="http://clicon.org/controller"/><with-defaults xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults">report-all</with-defaults></get>
    "#);
}

#[tokio::test]
async fn open_transactions_are_those_waiting_for_actions() {
    let both = [transaction(7, "ACTIONS", "COMMIT"), transaction(8, "RESOLVED", "COMMIT")].concat();
    let found = reply(&format!("<data><transactions {C}>{both}</transactions></data>"));
    let (open, sent) =
        play(&[&found], async |backend| backend.open_transactions(&RequestUser::Host).await.unwrap()).await;
    assert_eq!(open.iter().map(|transaction| transaction.tid).collect::<Vec<_>>(), [7]);
    insta::assert_snapshot!(sent.join("\n"), @r#"noc: <get cl:content="nonconfig"><filter type="xpath" select="/co:transactions/co:transaction[co:state=&apos;ACTIONS&apos;]" xmlns:co="http://clicon.org/controller"/><with-defaults xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults">report-all</with-defaults></get>"#);
}

#[tokio::test]
async fn transaction_answers_are_escaped() {
    let ((), sent) = play(&[&ok(), &ok()], async |backend| {
        backend.actions_done(7, &["bench", "ssh-users"], &alice()).await.unwrap();
        backend
            .transaction_error(8, "caf\u{e9} <1>", "bench: '<' & \"\u{1b}[1m\"\n", &alice())
            .await
            .unwrap();
    })
    .await;
    insta::assert_snapshot!(sent.join("\n"), @r#"
    alice: <transaction-actions-done xmlns="http://clicon.org/controller"><tid>7</tid><service>bench</service><service>ssh-users</service></transaction-actions-done>
    alice: <transaction-error xmlns="http://clicon.org/controller"><tid>8</tid><origin>caf_ _1_</origin><reason>bench: '&lt;' &amp; "�[1m"
    </reason></transaction-error>
    "#);
}

#[tokio::test]
async fn rejected_answer_has_its_reason() {
    for (message, expected) in [
        ("No such transaction", AnswerRejection::NoSuchTransaction),
        ("Transaction in unexpected state", AnswerRejection::UnexpectedState),
        ("Transaction already completed(timeout?)", AnswerRejection::AlreadyCompleted),
        ("Transaction already completed", AnswerRejection::AlreadyCompleted),
    ] {
        let refusal = error("operation-failed", message);
        let ((), _) = play(&[&refusal, &refusal], async |backend| {
            for answer in [
                backend.actions_done(7, &[], &RequestUser::Host).await,
                backend.transaction_error(7, "confine", "no", &RequestUser::Host).await,
            ] {
                match answer.unwrap_err() {
                    Error::Rejected { tid: 7, rejection, .. } => assert_eq!(rejection, expected),
                    other => panic!("{other:?}"),
                }
            }
        })
        .await;
    }
}

#[tokio::test]
async fn access_denied_has_its_own_error() {
    let answers = [
        error("access-denied", "default deny"),
        error("access-denied", "User clicon credential not matching NACM user alice"),
        error("operation-failed", "Creator attribute, no instance: [] in nosuch"),
    ];
    let (errors, _) = play(&answers.each_ref().map(String::as_str), async |backend| {
        let mut errors = Vec::new();
        for _ in 0..3 {
            errors.push(backend.edit_config(Datastore::Actions, "<a/>", &alice()).await.unwrap_err());
        }
        errors
    })
    .await;
    assert_eq!(errors.iter().map(Error::is_denied).collect::<Vec<_>>(), [true, true, false]);
    assert!(errors.iter().all(Error::is_recoverable));
    insta::assert_snapshot!(chain(&errors[0]), @"`alice` may not `edit-config`: default deny (access-denied)");
    insta::assert_snapshot!(chain(&errors[1]), @r"
    the controller does not let `clicon` act for `alice`
    hint: set CLICON_NACM_CREDENTIALS to `except`, and run as root or as CLICON_BACKEND_USER: User clicon credential not matching NACM user alice (access-denied)
    ");
    insta::assert_snapshot!(chain(&errors[2]), @"the controller rejected `edit-config`: Creator attribute, no instance: [] in nosuch (operation-failed)");
}

#[tokio::test]
async fn user_commits_and_compares_datastores() {
    let tid = reply(&format!("<tid {C}>12</tid>"));
    let (none, ok) = (reply(&format!("<diff {C}/>")), ok());
    let diff = reply(&format!("<diff {C}>r1:\n+  &lt;mtu/&gt;\n</diff><diff {C}>r2:\n</diff>"));
    let answers = [&tid, &tid, &diff, &none, &ok, &ok, &ok, &ok, &ok].map(String::as_str);
    let ((), sent) = play(&answers, async |backend| {
        let user = alice();
        let commit = ControllerCommit {
            device: "*",
            push: PushMode::Commit,
            actions: ActionsMode::Change,
            source: Datastore::Candidate,
        };
        assert_eq!(backend.controller_commit(commit, &user).await.unwrap(), 12);
        let instance = ServiceRef::new("bench", Some(("name".into(), "o'x".into()))).to_string();
        let forced =
            ControllerCommit { push: PushMode::None, actions: ActionsMode::Force(Some(&instance)), ..commit };
        backend.controller_commit(forced, &user).await.unwrap();
        let devices = DatastoreDiff::Devices("r*", DeviceConfigType::Running, DeviceConfigType::Actions);
        assert_eq!(backend.datastore_diff(devices, &user).await.unwrap(), ["r1:\n+  <mtu/>\n", "r2:\n"]);
        let datastores = DatastoreDiff::Datastores(Datastore::Running, Datastore::Candidate);
        assert!(backend.datastore_diff(datastores, &user).await.unwrap().is_empty());
        backend.commit(&user).await.unwrap();
        backend.discard_changes(&user).await.unwrap();
        backend.lock(Datastore::Candidate, &user).await.unwrap();
        backend.unlock(Datastore::Candidate, &user).await.unwrap();
        backend.edit_config(Datastore::Candidate, "", &user).await.unwrap();
    })
    .await;
    insta::assert_snapshot!(sent.join("\n"), @r#"
    alice: <controller-commit xmlns="http://clicon.org/controller"><device>*</device><push>COMMIT</push><actions>CHANGE</actions><source>ds:candidate</source></controller-commit>
    alice: <controller-commit xmlns="http://clicon.org/controller"><device>*</device><push>NONE</push><actions>FORCE</actions><service-instance>bench[name='o'x']</service-instance><source>ds:candidate</source></controller-commit>
    alice: <datastore-diff xmlns="http://clicon.org/controller"><device>r*</device><config-type1>RUNNING</config-type1><config-type2>ACTIONS</config-type2></datastore-diff>
    alice: <datastore-diff xmlns="http://clicon.org/controller"><dsref1>ds:running</dsref1><dsref2>ds:candidate</dsref2></datastore-diff>
    alice: <commit/>
    alice: <discard-changes/>
    alice: <lock><target><candidate/></target></lock>
    alice: <unlock><target><candidate/></target></unlock>
    alice: <edit-config><target><candidate/></target><default-operation>merge</default-operation><config/></edit-config>
    "#);
}

#[tokio::test]
async fn lost_connection_fails_one_request() {
    let peer = Peer::listen();
    let (mut backend, first) =
        tokio::join!(async { Backend::connect(peer.options()).await.unwrap() }, peer.accept());
    drop(first);
    assert!(!backend.discard_changes(&RequestUser::Host).await.unwrap_err().is_recoverable());
    let ((), ()) = tokio::join!(
        async {
            backend.discard_changes(&RequestUser::Host).await.unwrap();
            backend.close().await.unwrap();
        },
        async {
            let mut second = peer.accept().await;
            assert_eq!(second.operation().await.1, "<discard-changes/>");
            second.send(&ok()).await;
            assert_eq!(second.operation().await.1, "<close-session/>");
            second.send(&ok()).await;
        }
    );
}

/// A restarted backend has other transactions with the same ids.
#[tokio::test]
async fn restarted_backend_gets_no_request_of_the_old_one() {
    let peer = Peer::listen();
    let (subscription, subscribed) = subscription(&peer).await;
    let connect = async || Backend::connect_to_subscribed(&subscription).await;
    let (backend, first) = tokio::join!(connect(), peer.accept());
    let mut backend = backend.unwrap();
    // Only the request connection is lost: the backend is the same.
    drop(first);
    assert!(!backend.commit(&RequestUser::Host).await.unwrap_err().is_recoverable());
    let (answered, second) = tokio::join!(backend.actions_done(7, &[], &RequestUser::Host), async {
        let mut second = peer.accept().await;
        assert!(second.operation().await.1.starts_with("<transaction-actions-done"));
        second.send(&ok()).await;
        second
    });
    answered.unwrap();
    // All connections are lost, and another backend listens.
    drop((second, subscribed));
    assert!(!backend.commit(&RequestUser::Host).await.unwrap_err().is_recoverable());
    let (refused, mut third) =
        tokio::join!(backend.actions_done(7, &[], &RequestUser::Host), async { peer.accept().await });
    insta::assert_snapshot!(chain(&refused.unwrap_err()), @"`transaction-actions-done` failed: the peer closed the connection");
    assert_eq!(third.next_operation().await, None);
    let (refused, _fourth) = tokio::join!(connect(), peer.accept());
    assert!(!refused.unwrap_err().is_recoverable());
}

#[tokio::test]
async fn dropped_request_closes_its_connection() {
    let peer = Peer::listen();
    let (mut backend, mut first) =
        tokio::join!(async { Backend::connect(peer.options()).await.unwrap() }, peer.accept());
    tokio::select! {
        biased;
        _ = backend.commit(&RequestUser::Host) => panic!("nobody answers"),
        asked = first.operation() => assert_eq!(asked.1, "<commit/>"),
    }
    assert!(first.is_closed().await);
    let ((), ()) = tokio::join!(async { backend.commit(&RequestUser::Host).await.unwrap() }, async {
        let mut second = peer.accept().await;
        second.operation().await;
        second.send(&ok()).await;
    });
}

#[tokio::test]
async fn reply_over_message_limit_is_refused() {
    let peer = Peer::listen();
    let options = ConnectOptions { message_limit: 4_000, ..peer.options() };
    let read = ConfigRequest {
        source: Datastore::Running,
        xpath: "/",
        namespaces: &[],
        depth: None,
        defaults: false,
    };
    let (read, ()) = tokio::join!(
        async { Backend::connect(options).await.unwrap().get_config(read, &alice()).await },
        async {
            let mut connection = peer.accept().await;
            connection.operation().await;
            connection.send(&reply(&format!("<data><x>{}</x></data>", "x".repeat(4_000)))).await;
        }
    );
    let error = read.unwrap_err();
    let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
    let messages: Vec<String> = causes.map(ToString::to_string).collect();
    assert!(messages.iter().any(|cause| cause.contains("4000")), "{messages:?}");
}

#[tokio::test]
async fn connecting_without_a_listener_fails() {
    let error = Backend::connect(ConnectOptions::with_host_user("/nowhere/controller.sock", "noc"))
        .await
        .unwrap_err();
    assert!(!error.is_recoverable());
    insta::assert_snapshot!(chain(&error), @r"
    cannot connect to the controller at `/nowhere/controller.sock`
    hint: is it running, and is this user in the socket's group?: No such file or directory (os error 2)
    ");
}

/// Replies to the subscription of a stream.
async fn subscribe(connection: &mut Connection, stream: &str) {
    let (user, operation) = connection.operation().await;
    assert_eq!(user, "noc");
    assert_eq!(
        operation,
        format!(
            r#"<create-subscription xmlns="urn:ietf:params:xml:ns:netmod:notification"><stream>{stream}</stream></create-subscription>"#
        )
    );
    connection.send(&ok()).await;
}

/// Returns a session that has subscribed to a stream, and its peer.
async fn subscription(peer: &Peer) -> (Subscription, Connection) {
    let options = peer.options();
    let subscribes = async {
        let mut subscription = Subscription::open(&options).await.unwrap();
        subscription.add(EventStream::ServicesCommit).await.unwrap();
        subscription
    };
    tokio::join!(subscribes, async {
        let mut connection = peer.accept().await;
        subscribe(&mut connection, "services-commit").await;
        connection
    })
}

/// Returns a subscriber to both streams, and its peer.
async fn subscribed(peer: &Peer) -> (EventReceiver, Connection) {
    let (mut subscription, mut connection) = subscription(peer).await;
    let (added, ()) = tokio::join!(
        subscription.add(EventStream::ControllerTransaction),
        subscribe(&mut connection, "controller-transaction")
    );
    added.unwrap();
    (subscription.into_receiver().unwrap(), connection)
}

/// Distinguishes our own commit from one that another daemon left behind.
#[tokio::test]
async fn event_before_subscription_reply_is_buffered() {
    let peer = Peer::listen();
    let (mut subscription, mut connection) = subscription(&peer).await;
    let commit = |tid| {
        notification(&format!(
            "<services-commit xmlns='http://clicon.org/controller'><tid>{tid}</tid><source>actions</source><target>actions</target></services-commit>"
        ))
    };
    let (added, ()) = tokio::join!(subscription.add(EventStream::ControllerTransaction), async {
        connection.operation().await;
        connection.send(&commit(7)).await;
        connection.send(&notification("<services-commit xmlns='http://clicon.org/controller'/>")).await;
        connection.send(&ok()).await;
    });
    added.unwrap();
    let mut events = subscription.into_receiver().unwrap();
    let first = events.next_buffered().unwrap().unwrap();
    assert!(matches!(&first, ControllerEvent::ServicesCommit(commit) if commit.tid == 7), "{first:?}");
    assert!(events.next_buffered().unwrap().unwrap_err().is_recoverable());
    connection.send(&commit(8)).await;
    assert!(events.next_buffered().is_none());
    let next = events.next().await.unwrap();
    assert!(matches!(&next, ControllerEvent::ServicesCommit(commit) if commit.tid == 8), "{next:?}");
}

#[tokio::test]
async fn services_commit_names_its_instances() {
    let peer = Peer::listen();
    let (mut events, mut connection) = subscribed(&peer).await;
    let mut commit = async |fields: &str| {
        let event = format!(
            "<services-commit {C}><tid>5</tid><source>actions</source><target>actions</target>{fields}</services-commit>"
        );
        connection.send(&notification(&event)).await;
        match events.next().await.unwrap() {
            ControllerEvent::ServicesCommit(commit) => commit,
            other => panic!("{other:?}"),
        }
    };
    let named = commit(
        "<service>bench[service-name='o'x']</service><service>bench[service-name='a b']']</service>\
         <service>bench[service-name='']</service><service>bench</service>\
         <service>l2[id=\"a &amp; b\"]</service><service>odd[</service>",
    )
    .await;
    assert_eq!((named.tid, named.diff), (5, false));
    assert_eq!((named.source.as_str(), named.target.as_str()), ("actions", "actions"));
    let expected = [
        ("bench", Some(("service-name", "o'x"))),
        ("bench", Some(("service-name", "a b']"))),
        ("bench", Some(("service-name", ""))),
        ("bench", None),
        ("l2", Some(("id", "a & b"))),
        ("odd[", None),
    ];
    let mut expected = expected
        .map(|(name, key)| ServiceRef::new(name, key.map(|(key, value)| (key.to_owned(), value.to_owned()))));
    expected[5].is_unclear = true;
    assert_eq!(named.services, expected);
    let all = commit("<diff>true</diff>").await;
    assert!(all.diff && all.services.is_empty());
}

#[tokio::test]
async fn transaction_end_is_notified() {
    let peer = Peer::listen();
    let (mut events, mut connection) = subscribed(&peer).await;
    let completed = |tid: u64, fields: &str| {
        notification(&format!(
            "<controller-transaction {C}><tid>{tid}</tid>{fields}</controller-transaction>"
        ))
    };
    connection.send(&completed(3, "<username>root</username><result>SUCCESS</result>")).await;
    connection.send(&completed(4, "<username>alice</username><result>FAILED</result><origin>confine</origin><reason>a &lt; b</reason>")).await;
    let failed = events.wait_for_transaction(4).await.unwrap();
    assert_eq!(
        failed,
        ControllerTransaction {
            tid: 4,
            username: Some("alice".to_owned()),
            result: TransactionOutcome::Failed,
            origin: Some("confine".to_owned()),
            reason: Some("a < b".to_owned()),
        }
    );
}

#[tokio::test]
async fn malformed_event_is_skipped() {
    let peer = Peer::listen();
    let (mut events, mut connection) = subscribed(&peer).await;
    // As a controller that does not escape its input would send it.
    connection
        .send(&notification(&format!(
            "<controller-transaction {C}><tid>1</tid><origin><&></origin></controller-transaction>"
        )))
        .await;
    connection.send(&notification(&format!("<services-commit {C}><tid>x</tid></services-commit>"))).await;
    connection.send(&notification(r#"<something-else xmlns="urn:x"/>"#)).await;
    connection.send(&notification(&format!("<services-commit {C}><tid>2</tid></services-commit>"))).await;
    assert!(matches!(events.next().await, Err(error) if error.is_recoverable()));
    let unreadable = events.next().await.unwrap_err();
    assert!(unreadable.is_recoverable());
    insta::assert_snapshot!(unreadable, @"the controller sent an invalid `services-commit`: `x` is not a transaction id");
    assert!(matches!(events.next().await, Ok(ControllerEvent::ServicesCommit(commit)) if commit.tid == 2));
    drop(connection);
    assert!(!events.next().await.unwrap_err().is_recoverable());
    assert!(!events.next().await.unwrap_err().is_recoverable());
}

#[tokio::test]
async fn event_socket_is_drained_without_a_reader() {
    let peer = Peer::listen();
    let (mut events, mut connection) = subscribed(&peer).await;
    // Far more than a socket buffers: this ends only if the receiver reads.
    let filler = "x".repeat(1 << 16);
    for tid in 0..200 {
        let event = format!(
            "<controller-transaction {C}><tid>{tid}</tid><result>SUCCESS</result><reason>{filler}</reason></controller-transaction>"
        );
        connection.send(&notification(&event)).await;
    }
    assert_eq!(events.wait_for_transaction(199).await.unwrap().tid, 199);
}

#[tokio::test]
async fn dropped_receiver_ends_the_subscription() {
    let peer = Peer::listen();
    let (events, mut connection) = subscribed(&peer).await;
    drop(events);
    assert!(connection.is_closed().await);
}

#[tokio::test]
async fn second_services_daemon_has_its_own_error() {
    let peer = Peer::listen();
    let options = peer.options();
    let (events, ()) =
        tokio::join!(EventReceiver::subscribe(&options, &[EventStream::ServicesCommit]), async {
            let mut connection = peer.accept().await;
            connection.operation().await;
            connection.send(&error("operation-failed", "services-commit client already registered")).await;
        });
    let error = events.unwrap_err();
    assert!(matches!(error, Error::AlreadyRegistered(_)));
    insta::assert_snapshot!(error, @r"
    another services daemon is subscribed to the controller's service commits
    hint: stop it first; the CLI's `processes services stop` stops the one that the controller has started
    ");
}

#[tokio::test]
async fn unresponsive_backend_times_out() {
    let peer = Peer::listen();
    let options = ConnectOptions { request_timeout: Duration::from_millis(100), ..peer.options() };
    // The system accepts the connection for a peer that never does.
    let error = Backend::connect(options).await.unwrap_err();
    insta::assert_snapshot!(chain(&error), @"`hello` failed: the peer did not answer within 100ms");
}

/// Returns an error and its sources as one text.
fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}
