//! `confine rpc`: one NETCONF request, its reply, and the transaction that it starts.

use std::time::Duration;

use confine_backend::{ConnectOptions, EventReceiver, EventStream, TransactionOutcome};
use confine_netconf::{
    Error as NetconfError, Hello, OutgoingRpc as Message, Payload, ReplyBody, RequestSession,
};
use confine_tree::{CONTROLLER, QName, Tree, xml};
use tokio::net::UnixStream;

use super::{
    connect::{controller_socket, runtime},
    output::{plain, print, show},
};
use crate::{cli::RpcArgs, error::Error};

/// How long the controller may take to reply.
const REPLY_TIMEOUT: Duration = Duration::from_secs(300);

pub(super) fn run(request: &RpcArgs) -> Result<(), Error> {
    runtime()?.block_on(ask(request))
}

async fn ask(request: &RpcArgs) -> Result<(), Error> {
    let socket = controller_socket(&request.controller)?;
    let connect = |source| Error::Connect { socket: socket.clone(), source };
    let stream = UnixStream::connect(&socket).await.map_err(connect)?;
    let user = match &request.controller.user {
        Some(user) => user.to_string(),
        None => confine_backend::process_user()?,
    };
    // The transaction may be over before its number is known: subscribe first.
    let mut events = None;
    if request.wait {
        let options = ConnectOptions::with_host_user(&socket, &user);
        events = Some(EventReceiver::subscribe(&options, &[EventStream::ControllerTransaction]).await?);
    }
    let mut session = RequestSession::open(stream, &Hello::client(&user, "cl:cli"), REPLY_TIMEOUT).await?;
    let message = Message::new(|xml| xml.fragment(&request.operation))?.for_user(user);
    let content =
        match session.request(&message, REPLY_TIMEOUT).await?.into_body().map_err(NetconfError::from)? {
            ReplyBody::Ok => return print(b"<ok/>\n"),
            ReplyBody::Data(content) | ReplyBody::Output(content) => content,
        };
    let tree = confine_backend::payload_tree(&content).ok();
    show(&text(&content, tree.as_ref()))?;
    match (events, tree.as_ref().and_then(transaction)) {
        (Some(events), Some(tid)) => wait_for(events, tid).await,
        _ => Ok(()),
    }
}

/// The reply, indented if it can be parsed.
fn text(content: &Payload<'_>, tree: Option<&Tree>) -> String {
    let laid_out =
        tree.and_then(|tree| xml::XmlTreeWriter::new().indent(2).write(tree, tree.children(Tree::ROOT)).ok());
    laid_out.unwrap_or_else(|| content.as_str().to_owned()) + "\n"
}

/// The number of the transaction that a reply names.
fn transaction(answer: &Tree) -> Option<u64> {
    let tid = answer.child(Tree::ROOT, QName::new(CONTROLLER, "tid"))?;
    answer.value(tid)?.trim().parse().ok()
}

/// Waits for a transaction and prints its result.
async fn wait_for(mut events: EventReceiver, tid: u64) -> Result<(), Error> {
    let over = events.wait_for_transaction(tid).await?;
    let reason = over.reason.unwrap_or_default();
    if over.result != TransactionOutcome::Success {
        return Err(Error::Transaction { tid, origin: over.origin.unwrap_or_default(), reason });
    }
    let remark = if reason.is_empty() { reason } else { format!(": {}", plain(&reason)) };
    anstream::eprintln!("transaction {tid} succeeded{remark}");
    Ok(())
}
