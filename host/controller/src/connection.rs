//! A connection of a client: passes its requests to the session, and sends what the session queues.

use confine_netconf::{
    DEFAULT_MESSAGE_LIMIT, Error, RequestReader, ResponseWriter, RpcAnswer, ServerMessage,
};
use tokio::net::UnixStream;
use tokio::sync::mpsc;

use crate::runtime::{OpenSession, OutgoingMessage};
use crate::state::OkReply;

/// Serves a connection until the client closes it or breaks the framing, or the controller closes the
/// session.
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
