//! Both sides of a session over an in-memory stream.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use confine_netconf::{
    Error, FrameDecoder, FramingError, Hello, OutgoingRpc, RequestReader, RequestSession, ResponseWriter,
    RpcAnswer, ServerMessage, encode,
};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, ReadHalf, WriteHalf,
};

const LIMIT: Duration = Duration::from_secs(60);
const OK: &str = r#"<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><ok/></rpc-reply>"#;
const BASE: &str = "urn:ietf:params:xml:ns:netconf:base:1.0";
const EVENT: &str = r#"<event xmlns="urn:c"/>"#;

fn rpc() -> OutgoingRpc {
    OutgoingRpc::new::<Error>(|xml| xml.empty("commit", &[])).unwrap()
}

/// Returns a client after `hello`, and the server's halves.
async fn connected() -> (
    RequestSession<DuplexStream>,
    RequestReader<ReadHalf<DuplexStream>>,
    ResponseWriter<WriteHalf<DuplexStream>>,
) {
    let (client, server) = tokio::io::duplex(1 << 16);
    let (reading, writing) = tokio::io::split(server);
    let (mut requests, mut responses) = (RequestReader::new(reading, 1 << 20), ResponseWriter::new(writing));
    let hello = Hello::client("noc", "ctrl:services");
    let (session, ()) = tokio::join!(RequestSession::open(client, &hello, LIMIT), async {
        assert!(matches!(requests.next().await, Ok(Some(ServerMessage::Hello(came))) if came == hello));
        responses.hello(6).await.unwrap();
    });
    (session.unwrap(), requests, responses)
}

/// Returns a client after `hello`, and the other end of its stream.
async fn connected_raw() -> (RequestSession<DuplexStream>, DuplexStream) {
    let (client, mut server) = tokio::io::duplex(1 << 16);
    let hello =
        r#"<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><session-id>6</session-id></hello>"#;
    server.write_all(&encode(hello.as_bytes()).unwrap()).await.unwrap();
    let session = RequestSession::open(client, &Hello::client("noc", "ctrl:services"), LIMIT).await.unwrap();
    (session, server)
}

async fn operation(requests: &mut RequestReader<ReadHalf<DuplexStream>>) -> String {
    match requests.next().await.unwrap().unwrap() {
        ServerMessage::Request(request) => request.operation.name().to_owned(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn requests_are_sent_one_after_another() {
    let (mut session, mut requests, mut responses) = connected().await;
    assert_eq!(session.id(), 6);
    for id in ["1", "2", "3"] {
        let rpc = rpc();
        let (reply, ()) = tokio::join!(session.request(&rpc, LIMIT), async {
            let Some(ServerMessage::Request(request)) = requests.next().await.unwrap() else { panic!() };
            assert_eq!(request.message_id.as_deref(), Some(id));
            responses.reply(request.message_id.as_deref(), RpcAnswer::Ok).await.unwrap();
        });
        reply.unwrap().into_body().unwrap().into_ok().unwrap();
    }
}

#[tokio::test]
async fn notification_is_never_taken_for_the_reply() {
    let (mut session, mut requests, mut responses) = connected().await;
    let (subscribed, ()) = tokio::join!(session.subscribe("one", "noc", LIMIT), async {
        assert_eq!(operation(&mut requests).await, "create-subscription");
        responses.notify("t1", EVENT).await.unwrap();
        responses.notify("t2", EVENT).await.unwrap();
        responses.reply(None, RpcAnswer::Ok).await.unwrap();
        responses.notify("t3", EVENT).await.unwrap();
    });
    subscribed.unwrap();
    let mut subscriber = session.into_subscriber().unwrap();
    for time in ["t1", "t2", "t3"] {
        assert_eq!(subscriber.next().await.unwrap().event_time, time);
    }
    drop((requests, responses));
    assert!(matches!(subscriber.next().await, Err(Error::Closed)));
}

#[tokio::test]
async fn bad_notification_does_not_end_the_session() {
    let (session, mut server) = connected_raw().await;
    let mut subscriber = session.into_subscriber().unwrap();
    server.write_all(&encode(b"<notification><reason><&></reason></notification>").unwrap()).await.unwrap();
    server.write_all(&encode(OK.as_bytes()).unwrap()).await.unwrap();
    let good = format!(
        r#"<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"><eventTime>t</eventTime>{EVENT}</notification>"#
    );
    server.write_all(&encode(good.as_bytes()).unwrap()).await.unwrap();
    assert!(subscriber.next().await.unwrap_err().is_recoverable());
    assert!(matches!(subscriber.next().await, Err(Error::Unexpected { found: "rpc-reply", .. })));
    assert_eq!(subscriber.next().await.unwrap().event_time, "t");
    server.write_all(b"oops").await.unwrap();
    assert!(!subscriber.next().await.unwrap_err().is_recoverable());
}

#[tokio::test(start_paused = true)]
async fn timeout_closes_the_session() {
    let (mut session, mut requests, _responses) = connected().await;
    let error = session.request(&rpc(), LIMIT).await.unwrap_err();
    insta::assert_snapshot!(error, @"the peer did not answer within 60s");
    assert!(!session.is_open());
    // The server sees the request, then the end: no late reply can be taken for the next one.
    assert_eq!(operation(&mut requests).await, "commit");
    assert!(requests.next().await.unwrap().is_none());
    let error = session.request(&rpc(), LIMIT).await.unwrap_err();
    insta::assert_snapshot!(error, @"the session was closed by an earlier error: open a new one");
    assert!(session.into_subscriber().is_err());
}

#[tokio::test(start_paused = true)]
async fn write_to_stalled_server_times_out() {
    let (mut session, mut server) = connected_raw().await;
    let large = OutgoingRpc::new::<Error>(|xml| xml.leaf("a", &[], &"x".repeat(1 << 17))).unwrap();
    assert!(matches!(session.request(&large, LIMIT).await, Err(Error::Timeout { .. })));
    // It receives part of the message and then the end, not a connection that stalls.
    let mut received = Vec::new();
    server.read_to_end(&mut received).await.unwrap();
    let mut decoder = FrameDecoder::new();
    decoder.push(&received);
    assert!(matches!(decoder.next(), Some(Ok(hello)) if hello.starts_with(b"<hello")));
    assert_eq!(decoder.next(), None);
    assert!(matches!(decoder.finish(), Err(FramingError::Truncated { .. })));
}

#[tokio::test]
async fn dropped_request_closes_the_session() {
    let (mut session, mut requests, _responses) = connected().await;
    let rpc = rpc();
    tokio::select! {
        biased;
        _ = session.request(&rpc, LIMIT) => panic!("nobody answers"),
        name = operation(&mut requests) => assert_eq!(name, "commit"),
    }
    assert!(!session.is_open());
    assert!(requests.next().await.unwrap().is_none());
}

#[tokio::test]
async fn unwritable_request_keeps_the_session_open() {
    let (mut session, mut requests, mut responses) = connected().await;
    let bad = rpc().for_user("a\0");
    assert!(matches!(session.request(&bad, LIMIT).await, Err(Error::Character { character: '\0', .. })));
    let rpc = rpc();
    let (reply, ()) = tokio::join!(session.request(&rpc, LIMIT), async {
        assert_eq!(operation(&mut requests).await, "commit");
        responses.reply(None, RpcAnswer::Ok).await.unwrap();
    });
    reply.unwrap();
}

#[tokio::test]
async fn reply_to_another_request_closes_the_session() {
    let (mut session, mut requests, mut responses) = connected().await;
    let rpc = rpc();
    let (reply, ()) = tokio::join!(session.request(&rpc, LIMIT), async {
        operation(&mut requests).await;
        responses.reply(Some("0"), RpcAnswer::Ok).await.unwrap();
    });
    insta::assert_snapshot!(reply.unwrap_err(), @"the reply is to message-id `0`, not to `1`");
    assert!(!session.is_open());
}

#[tokio::test]
async fn stream_end_differs_from_a_truncated_message() {
    let hello = Hello::client("noc", "ctrl:services");
    for (octets, cut) in [(b"".as_slice(), false), (b"\n#40\n<hello".as_slice(), true)] {
        let (client, mut server) = tokio::io::duplex(1 << 16);
        server.write_all(octets).await.unwrap();
        server.shutdown().await.unwrap();
        match RequestSession::open(client, &hello, LIMIT).await.unwrap_err() {
            Error::Closed => assert!(!cut),
            Error::Framing(FramingError::Truncated { received: 6 }) => assert!(cut),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn session_enforces_its_message_limit() {
    let (client, mut server) = tokio::io::duplex(1 << 16);
    server.write_all(b"\n#101\n").await.unwrap();
    let hello = Hello::client("noc", "ctrl:services");
    let error = RequestSession::open_with_message_limit(client, &hello, LIMIT, 100).await.unwrap_err();
    assert!(matches!(error, Error::Framing(FramingError::MessageTooLarge { size: 101, limit: 100 })));
}

#[tokio::test]
async fn server_answers_bad_xml_and_ends_on_bad_framing() {
    let (mut client, server) = tokio::io::duplex(1 << 16);
    let mut server = RequestReader::new(server, 1 << 20);
    let answer = |incoming: Result<Option<ServerMessage>, Error>| match incoming.unwrap().unwrap() {
        ServerMessage::Malformed(error) => error.to_string(),
        other => panic!("{other:?}"),
    };
    client
        .write_all(&encode(format!("<rpc xmlns=\"{BASE}\"><a><&></a></rpc>").as_bytes()).unwrap())
        .await
        .unwrap();
    insta::assert_snapshot!(answer(server.next().await), @"XML parse error (malformed-message)");
    client.write_all(&encode(OK.as_bytes()).unwrap()).await.unwrap();
    insta::assert_snapshot!(answer(server.next().await), @"Unrecognized netconf operation (unknown-element)");
    client.write_all(&encode(b"<a/>").unwrap()).await.unwrap();
    insta::assert_snapshot!(answer(server.next().await), @"the message is not valid NETCONF: `a` in namespace `` is not a message (malformed-message)");
    let request = encode(rpc().write(1).unwrap().as_bytes()).unwrap();
    client.write_all(&[request.as_slice(), &request].concat()).await.unwrap();
    insta::assert_snapshot!(answer(server.next().await), @"More than one message in netconf rpc frame (malformed-message)");
    client.write_all(&request).await.unwrap();
    assert!(matches!(server.next().await, Ok(Some(ServerMessage::Request(_)))));
    client.write_all(b"<rpc/>").await.unwrap();
    assert!(matches!(server.next().await, Err(Error::Framing(FramingError::Unexpected { .. }))));
}

/// Counts the writes that reach a stream.
struct Counted {
    stream: DuplexStream,
    writes: usize,
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.writes += 1;
        Pin::new(&mut self.stream).poll_write(cx, octets)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

#[tokio::test]
async fn message_is_written_in_one_call() {
    let (client, server) = tokio::io::duplex(1 << 16);
    let mut client = Counted { stream: client, writes: 0 };
    let (reading, writing) = tokio::io::split(server);
    let (mut requests, mut responses) = (RequestReader::new(reading, 1 << 20), ResponseWriter::new(writing));
    {
        let hello = Hello::client("noc", "ctrl:services");
        let (session, ()) = tokio::join!(RequestSession::open(&mut client, &hello, LIMIT), async {
            requests.next().await.unwrap();
            responses.hello(1).await.unwrap();
        });
        let mut session = session.unwrap();
        let rpc = rpc();
        let (reply, ()) = tokio::join!(session.request(&rpc, LIMIT), async {
            requests.next().await.unwrap();
            responses.reply(None, RpcAnswer::Ok).await.unwrap();
        });
        reply.unwrap();
    }
    assert_eq!(client.writes, 2);
}
