//! One connection: what comes in is handed to the controller, what goes out is taken from a queue.

use crate::refusal::Refusal;
use std::sync::Arc;

use confine_netconf::{
    Answer, DEFAULT_MESSAGE_LIMIT, Error, Incoming, Request, Requests, Responses, RpcError,
};
use tokio::net::UnixStream;
use tokio::sync::mpsc;

use crate::controller::OpenSession;
use crate::state::Reply;

/// A message that waits to be sent.
#[derive(Debug)]
pub(crate) enum Outgoing {
    Hello(u32),
    Reply(Reply),
    Error { message_id: Option<String>, error: Box<RpcError> },
    Notification { time: Arc<str>, event: Arc<str> },
}

impl Outgoing {
    /// The refusal of a request, if there was one that could be read.
    pub(crate) fn refusal(request: Option<&Request>, refusal: Refusal) -> Self {
        let message_id = request.and_then(|request| refusal.message_id(request)).map(str::to_owned);
        Self::Error { message_id, error: refusal.into_error() }
    }
}

/// Serves a connection until the client closes it, breaks the framing, or the controller drops its end of the
/// queue.
pub(crate) async fn run(
    stream: UnixStream,
    session: &OpenSession,
    outgoing: mpsc::Receiver<Outgoing>,
) -> Result<(), Error> {
    let (read, write) = stream.into_split();
    tokio::select! {
        ended = receive(Requests::new(read, DEFAULT_MESSAGE_LIMIT), session) => ended,
        ended = send(Responses::new(write), outgoing) => ended,
    }
}

async fn receive(
    mut requests: Requests<tokio::net::unix::OwnedReadHalf>,
    session: &OpenSession,
) -> Result<(), Error> {
    while let Some(incoming) = requests.next().await? {
        match incoming {
            Incoming::Hello(hello) => session.hello(hello),
            Incoming::Request(request) => session.request(&request),
            Incoming::Malformed(error) => session.refuse(error.into()),
        }
    }
    Ok(())
}

async fn send(
    mut responses: Responses<tokio::net::unix::OwnedWriteHalf>,
    mut outgoing: mpsc::Receiver<Outgoing>,
) -> Result<(), Error> {
    while let Some(message) = outgoing.recv().await {
        match message {
            Outgoing::Hello(session) => responses.hello(session).await?,
            Outgoing::Reply(Reply::Ok) => responses.reply(None, Answer::Ok).await?,
            Outgoing::Reply(Reply::Data(data)) => responses.reply(None, Answer::Data(&data)).await?,
            Outgoing::Reply(Reply::Output(output)) => responses.reply(None, Answer::Output(&output)).await?,
            Outgoing::Error { message_id, error } => {
                let errors = std::slice::from_ref(error.as_ref());
                responses.reply(message_id.as_deref(), Answer::Errors(errors)).await?;
            }
            Outgoing::Notification { time, event } => responses.notify(&time, &event).await?,
        }
    }
    Ok(())
}
