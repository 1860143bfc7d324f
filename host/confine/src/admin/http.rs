//! As much of HTTP/1.1 (RFC 9112) as one request and its answer take, bounded in every direction.
//!
//! The grammar is read by `httparse`. There is one request a connection, so nothing has to be known of
//! where the next one begins; bodies have a length, never chunks.

use std::{fmt::Write as _, io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::timeout,
};

/// The most that a request line and its header fields may have, in bytes.
const HEAD: usize = 8 << 10;
/// The most header fields.
const FIELDS: usize = 32;
/// The most that the body of a request may have, in bytes.
pub(super) const BODY: usize = 64 << 10;
/// The most that an answer may have, in bytes.
const ANSWER: u64 = 64 << 20;
/// The most that is thrown away of what a peer goes on to send, in bytes.
const REST: u64 = 1 << 20;
/// How long a peer may take to say what it wants, and to hear the answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it may take to go then.
const LINGER: Duration = Duration::from_secs(1);

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: String,
    /// Without the part after a `?`, which means nothing here.
    pub(super) path: String,
    pub(super) body: Vec<u8>,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Response {
    pub(super) status: Code,
    pub(super) content_type: &'static str,
    pub(super) body: Vec<u8>,
}

/// The status of an answer (RFC 9110, section 15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    Ok,
    Accepted,
    NoContent,
    BadRequest,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    Conflict,
    TooLarge,
    Internal,
    Unavailable,
}

/// Why there is no request, or no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    #[error("the connection is broken")]
    Io(#[from] io::Error),
    #[error("nothing came for {} s", PATIENCE.as_secs())]
    Late,
    #[error("it ends in the middle")]
    Cut,
    #[error("it is not HTTP/1.1: {0}")]
    Malformed(httparse::Error),
    #[error("it has no `Content-Length`, or one that is no number")]
    Length,
    #[error("it has more than {allowed} bytes")]
    TooLarge { allowed: u64 },
}

impl Code {
    fn number(self) -> u16 {
        match self {
            Self::Ok => 200,
            Self::Accepted => 202,
            Self::NoContent => 204,
            Self::BadRequest => 400,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::Conflict => 409,
            Self::TooLarge => 413,
            Self::Internal => 500,
            Self::Unavailable => 503,
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Accepted => "Accepted",
            Self::NoContent => "No Content",
            Self::BadRequest => "Bad Request",
            Self::Forbidden => "Forbidden",
            Self::NotFound => "Not Found",
            Self::MethodNotAllowed => "Method Not Allowed",
            Self::Conflict => "Conflict",
            Self::TooLarge => "Content Too Large",
            Self::Internal => "Internal Server Error",
            Self::Unavailable => "Service Unavailable",
        }
    }
}

impl HttpError {
    /// What to answer a peer with that may still be listening.
    pub(super) fn code(&self) -> Option<Code> {
        match self {
            Self::Io(_) | Self::Late | Self::Cut => None,
            Self::Malformed(_) | Self::Length => Some(Code::BadRequest),
            Self::TooLarge { .. } => Some(Code::TooLarge),
        }
    }
}

/// The request that a peer makes; none if it goes without one.
pub(super) async fn receive<S>(stream: &mut S) -> Result<Option<Request>, HttpError>
where
    S: AsyncRead + Unpin,
{
    timeout(PATIENCE, read(stream)).await.map_err(|_| HttpError::Late)?
}

async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Option<Request>, HttpError> {
    let mut bytes = Vec::new();
    let (mut request, length, head) = loop {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS];
        let mut parsed = httparse::Request::new(&mut fields);
        match parsed.parse(&bytes).map_err(HttpError::Malformed)? {
            httparse::Status::Complete(head) => {
                let path = parsed.path.unwrap_or_default();
                let request = Request {
                    method: parsed.method.unwrap_or_default().to_owned(),
                    path: path.split('?').next().unwrap_or_default().to_owned(),
                    body: Vec::new(),
                };
                break (request, length(parsed.headers)?, head);
            }
            httparse::Status::Partial if bytes.len() >= HEAD => {
                return Err(HttpError::TooLarge { allowed: HEAD as u64 });
            }
            httparse::Status::Partial => {}
        }
        if more(stream, &mut bytes).await? == 0 {
            return if bytes.is_empty() { Ok(None) } else { Err(HttpError::Cut) };
        }
    };
    if length > BODY {
        return Err(HttpError::TooLarge { allowed: BODY as u64 });
    }
    let mut body = bytes.split_off(head);
    while body.len() < length {
        if more(stream, &mut body).await? == 0 {
            return Err(HttpError::Cut);
        }
    }
    body.truncate(length);
    request.body = body;
    Ok(Some(request))
}

async fn more<S: AsyncRead + Unpin>(stream: &mut S, bytes: &mut Vec<u8>) -> io::Result<usize> {
    bytes.reserve(1 << 10);
    stream.read_buf(bytes).await
}

/// The length of the body. None is said where there is none.
fn length(fields: &[httparse::Header<'_>]) -> Result<usize, HttpError> {
    let mut length = 0;
    for field in fields {
        if field.name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(HttpError::Length);
        }
        if field.name.eq_ignore_ascii_case("content-length") {
            let text = std::str::from_utf8(field.value).map_err(|_| HttpError::Length)?;
            length = text.trim().parse().map_err(|_| HttpError::Length)?;
        }
    }
    Ok(length)
}

/// Answers a request, and ends the connection once the peer does: what it has sent and nobody has read
/// would take the answer away from it.
pub(super) async fn respond<S>(stream: &mut S, response: &Response) -> Result<(), HttpError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Response { status, content_type, body } = response;
    let mut head = format!("HTTP/1.1 {} {}\r\nConnection: close\r\n", status.number(), status.reason());
    // One without content has no length either (RFC 9110, section 8.6).
    if *status != Code::NoContent {
        // Writing to a string does not fail.
        let _ = write!(head, "Content-Type: {content_type}\r\nContent-Length: {}\r\n", body.len());
    }
    head.push_str("\r\n");
    let write = async {
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body).await?;
        stream.shutdown().await
    };
    timeout(PATIENCE, write).await.map_err(|_| HttpError::Late)??;
    // It has its answer, whatever becomes of this.
    let _ = timeout(LINGER, tokio::io::copy(&mut stream.take(REST), &mut tokio::io::sink())).await;
    Ok(())
}

/// Makes a request and waits for the answer as long as it takes: its status and its body.
pub(super) async fn ask<S>(stream: &mut S, request: &Request) -> Result<(u16, Vec<u8>), HttpError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Request { method, path, body } = request;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: confine\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await?;
    let mut bytes = Vec::new();
    stream.take(ANSWER + 1).read_to_end(&mut bytes).await?;
    if bytes.len() as u64 > ANSWER {
        return Err(HttpError::TooLarge { allowed: ANSWER });
    }
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut parsed = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(head) = parsed.parse(&bytes).map_err(HttpError::Malformed)? else {
        return Err(HttpError::Cut);
    };
    let (status, length) = (parsed.code.unwrap_or_default(), length(parsed.headers)?);
    let body = bytes.split_off(head);
    if body.len() < length { Err(HttpError::Cut) } else { Ok((status, body)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::duplex;

    use super::*;

    fn run<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(future)
    }

    /// What a peer that says this, and then no more, is understood to want.
    fn received(bytes: &[u8]) -> Result<Option<Request>, String> {
        run(async {
            let (mut ours, mut theirs) = duplex(1 << 20);
            theirs.write_all(bytes).await.unwrap();
            theirs.shutdown().await.unwrap();
            receive(&mut ours).await.map_err(|error| error.to_string())
        })
    }

    #[test]
    fn requests_are_read() {
        assert_eq!(received(b"").unwrap(), None);
        let request = received(b"GET /v1/status?x=1 HTTP/1.1\r\nHost: x\r\n\r\n").unwrap().unwrap();
        assert_eq!(
            (request.method.as_str(), request.path.as_str(), request.body.len()),
            ("GET", "/v1/status", 0)
        );
        let put = b"PUT /v1/log HTTP/1.1\r\ncontent-length: 4\r\n\r\n{}\n more than that";
        assert_eq!(received(put).unwrap().unwrap().body, b"{}\n ");
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let endless = format!("GET / HTTP/1.1\r\nX: {}", "a".repeat(HEAD));
        let fields = format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(FIELDS + 1));
        let texts = [
            &b"GET / HTTP/1.1\r\nHost"[..],
            b"hello\n",
            b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
            b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"PUT / HTTP/1.1\r\nContent-Length: 5\r\n\r\nabc",
            b"PUT / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n",
            endless.as_bytes(),
            fields.as_bytes(),
        ];
        let texts: Vec<_> = texts.iter().map(|bytes| received(bytes).unwrap_err()).collect();
        insta::assert_snapshot!(texts.join("\n"), @r"
        it ends in the middle
        it is not HTTP/1.1: invalid token
        it has no `Content-Length`, or one that is no number
        it has no `Content-Length`, or one that is no number
        it ends in the middle
        it has more than 65536 bytes
        it has more than 8192 bytes
        it is not HTTP/1.1: too many headers
        ");
    }

    #[test]
    fn an_answer_is_understood() {
        let asked = Request { method: "PUT".into(), path: "/v1/log".into(), body: b"{\"a\":1}".to_vec() };
        let body = "ä".repeat(100_000).into_bytes();
        let answer = Response { status: Code::Conflict, content_type: "text/plain", body: body.clone() };
        run(async {
            let (mut server, mut client) = duplex(1 << 10);
            let asked = &asked;
            let served = async {
                assert_eq!(receive(&mut server).await.unwrap().unwrap(), *asked);
                respond(&mut server, &answer).await.unwrap();
                drop(server);
            };
            let heard = async {
                let heard = ask(&mut client, asked).await;
                drop(client);
                heard
            };
            let (got, ()) = tokio::join!(heard, served);
            assert_eq!(got.unwrap(), (409, body));
        });
    }

    #[test]
    fn a_longer_answer_than_any_is_not_read_to_its_end() {
        run(async {
            let (mut server, mut client) = duplex(1 << 20);
            let asked = Request { method: "GET".into(), path: "/".into(), body: Vec::new() };
            let piece = vec![b'a'; 1 << 20];
            let said = async move {
                for _ in 0..=ANSWER / piece.len() as u64 {
                    // Nobody may be listening any more.
                    let _ = server.write_all(&piece).await;
                }
            };
            let heard = async move { ask(&mut client, &asked).await };
            let (heard, ()) = tokio::join!(heard, said);
            assert!(matches!(heard, Err(HttpError::TooLarge { allowed: ANSWER })), "{heard:?}");
        });
    }

    #[test]
    fn a_peer_that_says_nothing_is_not_waited_for() {
        run(async {
            let (mut ours, _theirs) = duplex(1 << 10);
            let heard = timeout(Duration::from_secs(100), receive(&mut ours)).await;
            assert!(matches!(heard, Ok(Err(HttpError::Late))), "{heard:?}");
        });
    }

    #[test]
    fn a_peer_that_does_not_listen_is_not_waited_for() {
        run(async {
            let (mut ours, _theirs) = duplex(1 << 10);
            let answer = Response { status: Code::Ok, content_type: "text/plain", body: vec![b'a'; 1 << 20] };
            let said = timeout(Duration::from_secs(100), respond(&mut ours, &answer)).await;
            assert!(matches!(said, Ok(Err(HttpError::Late))), "{said:?}");
        });
    }

    /// One neither goes nor says anything, the other goes on and on.
    #[test]
    fn a_peer_that_does_not_go_is_left() {
        let answer = Response { status: Code::Ok, content_type: "text/plain", body: Vec::new() };
        run(async {
            let (mut ours, _theirs) = duplex(1 << 10);
            let left = timeout(Duration::from_secs(100), respond(&mut ours, &answer)).await;
            assert!(matches!(left, Ok(Ok(()))), "{left:?}");
        });
        run(async {
            let (mut ours, mut theirs) = duplex(1 << 10);
            let talk = tokio::spawn(async move {
                let (mut said, piece) = (0, [b'a'; 1 << 10]);
                while theirs.write_all(&piece).await.is_ok() {
                    said += piece.len() as u64;
                }
                said
            });
            respond(&mut ours, &answer).await.unwrap();
            drop(ours);
            assert!(talk.await.unwrap() <= REST + (2 << 10), "more is heard than that");
        });
    }

    #[test]
    fn half_an_answer_is_none() {
        run(async {
            let (mut server, mut client) = duplex(1 << 10);
            server.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf").await.unwrap();
            server.shutdown().await.unwrap();
            let asked = Request { method: "GET".into(), path: "/".into(), body: Vec::new() };
            assert!(matches!(ask(&mut client, &asked).await, Err(HttpError::Cut)));
        });
    }

    proptest! {
        /// However a request comes in pieces, and whatever comes.
        #[test]
        fn anything_may_come(bytes in proptest::collection::vec(any::<u8>(), 0..300), text in "(GET|PUT|X) /[a-z/]{0,9} HTTP/1\\.[01]\r\n(Content-Length: [0-9]{1,3}\r\n)?\r\n[a-z]{0,99}") {
            let _ = received(&bytes);
            let _ = received(text.as_bytes());
        }
    }
}
