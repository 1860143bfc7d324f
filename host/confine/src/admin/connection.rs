//! One HTTP request on a connection, and its response, bounded in every direction.
//!
//! The protocol is hyper's. A connection carries one request, whose body has a `Content-Length`.

use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::{
    Request, StatusCode,
    body::{Body as _, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    sync::Notify,
    time::{Instant, sleep, timeout, timeout_at},
};

use super::messages::{AdminRequest, AdminResponse, problem};

/// The most that a request line and its header fields may have, in bytes.
const MAX_HEAD_BYTES: usize = 8 << 10;
/// The most header fields.
const MAX_FIELDS: usize = 32;
/// The most that the body of a request may have, in bytes.
const MAX_BODY_BYTES: u64 = 64 << 10;
/// The most that is read, and thrown away, of what a peer sends after its request, in bytes.
const MAX_EXCESS_BYTES: u64 = 1 << 20;

/// How long a peer may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct PeerTimeouts {
    /// To send its request.
    pub(super) request: Duration,
    /// To read the response.
    pub(super) response: Duration,
    /// To close the connection then.
    pub(super) close: Duration,
}

impl Default for PeerTimeouts {
    fn default() -> Self {
        Self {
            request: Duration::from_secs(10),
            response: Duration::from_secs(10),
            close: Duration::from_secs(1),
        }
    }
}

/// Why a connection ended without a response that the peer has read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectionError {
    #[error("the request cannot be read")]
    Http(#[from] hyper::Error),
    #[error("the peer did not send its request in time")]
    RequestTimeout,
    #[error("the peer did not read the response in time")]
    ResponseTimeout,
}

/// Reads a request, has it answered, writes the response, and waits until the peer closes the connection.
pub(super) async fn serve<S, A, F>(
    stream: &mut S,
    timeouts: PeerTimeouts,
    answer: A,
) -> Result<(), ConnectionError>
where
    S: AsyncRead + AsyncWrite + Unpin,
    A: Fn(AdminRequest) -> F,
    F: Future<Output = AdminResponse>,
{
    let deadline = Instant::now() + timeouts.request;
    let answered = Notify::new();
    let service = service_fn(|request: Request<Incoming>| {
        let (answer, answered) = (&answer, &answered);
        async move {
            let response = match receive(request, deadline).await? {
                Ok(request) => answer(request).await,
                Err(refusal) => refusal,
            };
            answered.notify_one();
            Ok::<_, ConnectionError>(response)
        }
    });
    let connection = http1::Builder::new()
        .keep_alive(false)
        // A peer that has sent its request may close its side; what it asked for is done all the same.
        .half_close(true)
        .max_header_size(MAX_HEAD_BYTES)
        .max_headers(MAX_FIELDS)
        .max_buf_size(MAX_BODY_BYTES as usize)
        .title_case_headers(true)
        .timer(TokioTimer::new())
        .header_read_timeout(timeouts.request)
        .serve_connection(TokioIo::new(&mut *stream), service);
    let late = async {
        answered.notified().await;
        sleep(timeouts.response).await;
    };
    let served = tokio::select! {
        served = connection => served,
        () = late => return Err(ConnectionError::ResponseTimeout),
    };
    match served {
        Err(error) if error.is_timeout() => Err(ConnectionError::RequestTimeout),
        // The body did not come: there is nothing to respond to.
        Err(error) if error.is_user() => Err(error.into()),
        served => {
            close(stream, timeouts.close).await;
            Ok(served?)
        }
    }
}

/// The request with its body, or the response to a request whose body cannot be taken.
async fn receive(
    request: Request<Incoming>,
    deadline: Instant,
) -> Result<Result<AdminRequest, AdminResponse>, ConnectionError> {
    let (head, body) = request.into_parts();
    let refusal = |status, text: String| Ok(Err(problem(status, text)));
    match body.size_hint().exact() {
        None => refusal(StatusCode::BAD_REQUEST, "the body has no `Content-Length`".to_owned()),
        Some(length) if length > MAX_BODY_BYTES => refusal(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the body has {length} bytes, more than the {MAX_BODY_BYTES} that are allowed"),
        ),
        Some(_) => {
            let body = timeout_at(deadline, body.collect()).await;
            let body = body.map_err(|_| ConnectionError::RequestTimeout)??;
            Ok(Ok(Request::from_parts(head, body.to_bytes())))
        }
    }
}

/// Closes this side, and reads what the peer still sends: the kernel drops a response that is not read yet
/// when a connection is closed with unread bytes in it.
async fn close<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, patience: Duration) {
    // The response is written, whatever becomes of this.
    let _ = stream.shutdown().await;
    let _ =
        timeout(patience, tokio::io::copy(&mut stream.take(MAX_EXCESS_BYTES), &mut tokio::io::sink())).await;
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, error::Error as _};

    use hyper::body::Bytes;
    use proptest::prelude::*;
    use tokio::io::{DuplexStream, duplex};

    use super::{super::messages::response, *};

    /// Longer than any test takes.
    const LONG: Duration = Duration::from_secs(3600);
    /// So that nothing ends by a timeout but what is meant to.
    const PATIENT: PeerTimeouts = PeerTimeouts { request: LONG, response: LONG, close: LONG };
    const SHORT: Duration = Duration::from_millis(50);

    fn run<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(future)
    }

    fn ok(body: impl Into<Bytes>) -> AdminResponse {
        response(StatusCode::OK, "text/plain", body)
    }

    /// What was made of the bytes of a peer that sends these and no more.
    struct Exchange {
        request: Option<AdminRequest>,
        response: String,
        result: Result<(), ConnectionError>,
    }

    fn exchange(bytes: &[u8]) -> Exchange {
        let requests = RefCell::new(Vec::new());
        let (result, response) = run(async {
            let (mut ours, mut theirs) = duplex(1 << 20);
            theirs.write_all(bytes).await.unwrap();
            theirs.shutdown().await.unwrap();
            let answer = async |request| {
                requests.borrow_mut().push(request);
                ok("done")
            };
            let result = serve(&mut ours, PATIENT, answer).await;
            drop(ours);
            let mut response = String::new();
            theirs.read_to_string(&mut response).await.unwrap();
            (result, response)
        });
        Exchange { request: requests.into_inner().pop(), response, result }
    }

    /// The error with its causes, or the first line of the response that refuses the request, and its body.
    fn refusal(bytes: &[u8]) -> String {
        let Exchange { request, response, result } = exchange(bytes);
        assert!(request.is_none(), "it was taken for a request");
        match (response.split_once("\r\n\r\n"), result) {
            (Some((head, body)), _) => {
                format!("{} {body}", head.lines().next().unwrap()).trim_end().to_owned()
            }
            (None, Err(error)) => confine_service::error_chain(&error),
            (None, Ok(())) => "no request".to_owned(),
        }
    }

    #[test]
    fn request_is_read_with_its_body() {
        let nothing = exchange(b"");
        assert_eq!(nothing.response, "");
        assert!(nothing.request.is_none() && nothing.result.is_ok());
        let got = exchange(b"GET /v1/status?x=1 HTTP/1.1\r\nHost: x\r\n\r\n").request.unwrap();
        assert_eq!((got.method().as_str(), got.uri().path(), got.body().len()), ("GET", "/v1/status", 0));
        let put = b"PUT /v1/log HTTP/1.1\r\ncontent-length: 4\r\n\r\n{}\n more than that";
        let put = exchange(put);
        assert_eq!(put.request.unwrap().body().as_ref(), b"{}\n ");
        assert!(put.response.starts_with("HTTP/1.1 200 OK\r\n") && put.response.ends_with("\r\n\r\ndone"));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let endless = format!("GET / HTTP/1.1\r\nX: {}", "a".repeat(MAX_HEAD_BYTES));
        let fields = format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(MAX_FIELDS + 1));
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
        let texts: Vec<_> = texts.iter().map(|bytes| refusal(bytes)).collect();
        insta::assert_snapshot!(texts.join("\n"), @r#"
        the request cannot be read: connection closed before message completed
        HTTP/1.1 400 Bad Request
        HTTP/1.1 400 Bad Request
        HTTP/1.1 400 Bad Request {"error":"the body has no `Content-Length`"}
        the request cannot be read: error from user's Service: the request cannot be read: error reading a body from connection: end of file before message length reached
        HTTP/1.1 413 Payload Too Large {"error":"the body has 99999999 bytes, more than the 65536 that are allowed"}
        HTTP/1.1 431 Request Header Fields Too Large
        HTTP/1.1 431 Request Header Fields Too Large
        "#);
    }

    #[test]
    fn peer_that_sends_nothing_is_not_waited_for() {
        run(async {
            for sent in [&b""[..], b"GET / HT", b"PUT / HTTP/1.1\r\nContent-Length: 5\r\n\r\nabc"] {
                let (mut ours, mut theirs) = duplex(1 << 10);
                theirs.write_all(sent).await.unwrap();
                let timeouts = PeerTimeouts { request: SHORT, ..PATIENT };
                let served = serve(&mut ours, timeouts, async |_| ok("")).await.unwrap_err();
                let is_late = |error: &ConnectionError| matches!(error, ConnectionError::RequestTimeout);
                let cause = served.source().and_then(|error| error.source()?.downcast_ref());
                assert!(is_late(&served) || cause.is_some_and(is_late), "{served:?}");
            }
        });
    }

    #[test]
    fn peer_that_reads_nothing_is_not_waited_for() {
        run(async {
            let (mut ours, mut theirs) = duplex(1 << 10);
            theirs.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
            let timeouts = PeerTimeouts { response: SHORT, ..PATIENT };
            let served = serve(&mut ours, timeouts, async |_| ok(vec![b'a'; 1 << 20])).await;
            assert!(matches!(served, Err(ConnectionError::ResponseTimeout)), "{served:?}");
        });
    }

    /// One neither closes the connection nor sends anything, the other goes on sending.
    #[test]
    fn peer_that_does_not_close_is_left() {
        async fn asked() -> (DuplexStream, DuplexStream) {
            let (ours, mut theirs) = duplex(1 << 10);
            theirs.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
            (ours, theirs)
        }
        run(async {
            let (mut ours, _theirs) = asked().await;
            let timeouts = PeerTimeouts { close: SHORT, ..PATIENT };
            serve(&mut ours, timeouts, async |_| ok("")).await.unwrap();
        });
        run(async {
            let (mut ours, mut theirs) = asked().await;
            let talk = tokio::spawn(async move {
                let (mut sent, piece) = (0, [b'a'; 1 << 10]);
                while theirs.write_all(&piece).await.is_ok() {
                    sent += piece.len() as u64;
                }
                sent
            });
            serve(&mut ours, PATIENT, async |_| ok("")).await.unwrap();
            drop(ours);
            let most = MAX_EXCESS_BYTES + MAX_BODY_BYTES + (2 << 10);
            assert!(talk.await.unwrap() <= most, "more is read than that");
        });
    }

    proptest! {
        #[test]
        fn any_bytes_may_come(bytes in proptest::collection::vec(any::<u8>(), 0..300), text in "(GET|PUT|X) /[a-z/]{0,9} HTTP/1\\.[01]\r\n(Content-Length: [0-9]{1,3}\r\n)?\r\n[a-z]{0,99}") {
            let _ = exchange(&bytes);
            let _ = exchange(text.as_bytes());
        }
    }
}
