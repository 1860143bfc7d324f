//! The scripted backend reports where a client leaves its script, and only then.

use std::path::Path;

use confine_netconf::{Hello, OutgoingRpc, RequestSession};
use tokio::net::{UnixListener, UnixStream};

use super::{Script, ScriptMismatch, ScriptedBackend};
use crate::{PATIENCE, repository};

const SCRIPT: &str = r#"
# A client subscribes, is told of a commit, reads, writes and answers.
-- subscribed
?? <get-config><source><ctrl:actions/></source><more xmlns=""/></get-config>
<< <data><a xmlns="urn:a">1</a></data>
<< <services-commit xmlns="http://clicon.org/controller"><tid>1</tid></services-commit>
>> alice <edit-config><target><ctrl:actions/></target><config><a xmlns="urn:a">{any}</a></config></edit-config>
<< <ok/>
-- closed
"#;

/// Plays the script for a client that does this.
async fn play(client: impl AsyncFnOnce(&Path)) -> Result<(), ScriptMismatch> {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    let play = tokio::spawn(ScriptedBackend::new(Script::parse(SCRIPT).unwrap()).play(listener));
    client(&socket).await;
    tokio::time::timeout(PATIENCE, play).await.unwrap().unwrap()
}

async fn session(socket: &Path) -> RequestSession<UnixStream> {
    let stream = UnixStream::connect(socket).await.unwrap();
    RequestSession::open(stream, &Hello::client("root", "ctrl:services"), PATIENCE).await.unwrap()
}

fn edit(value: &str) -> OutgoingRpc {
    let target = [("xmlns:c", "http://clicon.org/controller")];
    OutgoingRpc::new(|xml| {
        xml.element("edit-config", &[], |xml| {
            xml.element("target", &[], |xml| xml.empty("c:actions", &target))?;
            xml.element("config", &[], |xml| xml.leaf("b:a", &[("xmlns:b", "urn:a")], value))
        })
    })
    .map_err(|error: confine_netconf::Error| error)
    .unwrap()
}

fn read() -> OutgoingRpc {
    OutgoingRpc::new(|xml| {
        xml.element("get-config", &[("nc:depth", "2")], |xml| {
            xml.element("source", &[], |xml| {
                xml.empty("actions", &[("xmlns", "http://clicon.org/controller")])
            })?;
            xml.empty("filter", &[("type", "xpath"), ("select", "/")])
        })
    })
    .map_err(|error: confine_netconf::Error| error)
    .unwrap()
}

/// Two connections, as the services daemon has them, of which one has heard of the commit.
async fn subscribed(socket: &Path) -> RequestSession<UnixStream> {
    let mut subscriber = session(socket).await;
    for stream in ["services-commit", "controller-transaction"] {
        subscriber.subscribe(stream, "root", PATIENCE).await.unwrap();
    }
    let mut subscriber = subscriber.into_subscriber().unwrap();
    assert_eq!(subscriber.next().await.unwrap().event.name(), "services-commit");
    session(socket).await
}

#[tokio::test]
async fn script_accepts_a_client_that_follows_it() {
    let played = play(async |socket| {
        let mut requests = subscribed(socket).await;
        for _ in 0..2 {
            let reply = requests.request(&read(), PATIENCE).await.unwrap();
            assert_eq!(reply.into_body().unwrap().into_data().unwrap().as_str(), r#"<a xmlns="urn:a">1</a>"#);
        }
        let reply = requests.request(&edit("2").for_user("alice"), PATIENCE).await.unwrap();
        reply.into_body().unwrap().into_ok().unwrap();
    });
    played.await.unwrap();
}

#[tokio::test]
async fn script_reports_where_a_client_leaves_it() {
    let played = play(async |socket| {
        let mut requests = subscribed(socket).await;
        // Made for somebody else: the play ends without an answer.
        requests.request(&edit("2").for_user("bob"), PATIENCE).await.unwrap_err();
    });
    insta::assert_snapshot!(played.await.unwrap_err(), @r#"
    line 7 of the script expects
    as alice:
    {urn:ietf:params:xml:ns:netconf:base:1.0}edit-config
      {urn:ietf:params:xml:ns:netconf:base:1.0}config
        {urn:a}a = "{any}"
      {urn:ietf:params:xml:ns:netconf:base:1.0}target
        {http://clicon.org/controller}actions
    but the client sent
    as bob:
    {urn:ietf:params:xml:ns:netconf:base:1.0}edit-config
      {urn:ietf:params:xml:ns:netconf:base:1.0}config
        {urn:a}a = "2"
      {urn:ietf:params:xml:ns:netconf:base:1.0}target
        {http://clicon.org/controller}actions
    "#);
    let played = play(async |socket| {
        let mut requests = session(socket).await;
        requests.request(&edit("2").for_user("alice"), PATIENCE).await.unwrap_err();
    });
    assert!(matches!(played.await.unwrap_err(), ScriptMismatch::Unexpected { line: 3, .. }));
}

#[test]
fn every_recorded_script_can_be_read() {
    let directory = repository().join("tests/scripts");
    let mut count = 0;
    for file in std::fs::read_dir(directory).unwrap() {
        let path = file.unwrap().path();
        let script = Script::parse(&std::fs::read_to_string(&path).unwrap());
        assert!(script.is_ok(), "{}: {}", path.display(), script.unwrap_err());
        count += 1;
    }
    assert_eq!(count, 11);
}

#[test]
fn text_that_is_not_a_script_is_refused() {
    let refusals = ["x", "-- nosuch", "?? <a/>\n-- closed", ">> nothing", ">> <a", ">> <a/>\n>> <b/>"]
        .map(|text| Script::parse(text).unwrap_err().to_string());
    insta::assert_snapshot!(refusals.join("\n"), @r"
    line 1 of the script: a step begins with `>>`, `<<`, `??` or `--`
    line 1 of the script: `--` must be followed by `subscribed`, `closed` or `close`
    line 2 of the script: `??` must be followed by `<<` with the reply
    line 1 of the script: a request is missing
    line 1 of the script: the XML cannot be read at line 1, column 180 (`<a</rpc>`): `a</rpc` is not a name
    line 1 of the script: this request gets no reply before the next one is expected
    ");
}
