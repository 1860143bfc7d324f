//! One connection: what comes in is handed to the controller, what goes out is taken from a queue.

use crate::refusal::RpcRefusal;
use std::sync::Arc;

use confine_netconf::{
    DEFAULT_MESSAGE_LIMIT, Error, IncomingRpc, RequestReader, ResponseWriter, RpcAnswer, RpcError,
    ServerMessage,
};
use tokio::net::UnixStream;
use tokio::sync::mpsc;

use crate::controller::OpenSession;
use crate::state::OkReply;

/// A message that waits to be sent.
#[derive(Debug)]
pub(crate) enum OutgoingMessage {
    Hello(u32),
    Reply(OkReply),
    Error { message_id: Option<String>, error: Box<RpcError> },
    Notification { time: Arc<str>, event: Arc<str> },
}

impl OutgoingMessage {
    /// The refusal of a request, if there was one that could be read.
    pub(crate) fn refusal(request: Option<&IncomingRpc>, refusal: RpcRefusal) -> Self {
        let message_id = request.and_then(|request| refusal.message_id(request)).map(str::to_owned);
        Self::Error { message_id, error: refusal.into_error() }
    }
}

/// Serves a connection until the client closes it, breaks the framing, or the controller drops its end of the
/// queue.
pub(crate) async fn run(
    stream: UnixStream,
    session: &OpenSession,
    outgoing: mpsc::Receiver<OutgoingMessage>,
) -> Result<(), Error> {
    let (read, write) = stream.into_split();
    tokio::select! {
        ended = receive(RequestReader::new(read, DEFAULT_MESSAGE_LIMIT), session) => ended,
        ended = send(ResponseWriter::new(write), outgoing) => ended,
    }
}

async fn receive(
    mut requests: RequestReader<tokio::net::unix::OwnedReadHalf>,
    session: &OpenSession,
) -> Result<(), Error> {
    while let Some(incoming) = requests.next().await? {
        match incoming {
            ServerMessage::Hello(hello) => session.hello(hello),
            ServerMessage::Request(request) => session.request(&request),
            ServerMessage::Malformed(error) => session.refuse(error.into()),
        }
    }
    Ok(())
}

async fn send(
    mut responses: ResponseWriter<tokio::net::unix::OwnedWriteHalf>,
    mut outgoing: mpsc::Receiver<OutgoingMessage>,
) -> Result<(), Error> {
    while let Some(message) = outgoing.recv().await {
        match message {
            OutgoingMessage::Hello(session) => responses.hello(session).await?,
            OutgoingMessage::Reply(OkReply::Ok) => responses.reply(None, RpcAnswer::Ok).await?,
            OutgoingMessage::Reply(OkReply::Data(data)) => {
                responses.reply(None, RpcAnswer::Data(&data)).await?
            }
            OutgoingMessage::Reply(OkReply::Output(output)) => {
                responses.reply(None, RpcAnswer::Output(&output)).await?
            }
            OutgoingMessage::Error { message_id, error } => {
                let errors = std::slice::from_ref(error.as_ref());
                responses.reply(message_id.as_deref(), RpcAnswer::Errors(errors)).await?;
            }
            OutgoingMessage::Notification { time, event } => responses.notify(&time, &event).await?,
        }
    }
    Ok(())
}
