//! `confine rpc`: one request, one answer.

use std::time::Duration;

use confine_netconf::{Error as NetconfError, Hello, ReplyBody, Rpc as Message, Session};
use confine_tree::{Tree, xml};
use tokio::net::UnixStream;

use super::{print, runtime};
use crate::{cli::Rpc, error::Error};

/// How long the controller may take.
const LIMIT: Duration = Duration::from_secs(300);

pub(super) fn run(request: &Rpc) -> Result<(), Error> {
    let answer = runtime()?.block_on(ask(request))?;
    print(answer.as_bytes())
}

async fn ask(request: &Rpc) -> Result<String, Error> {
    let socket = super::socket(&request.controller)?;
    let stream = UnixStream::connect(&socket).await;
    let stream = stream.map_err(|source| Error::Connect { socket, source })?;
    let user = match &request.controller.user {
        Some(user) => user.to_string(),
        None => confine_backend::own_user()?,
    };
    let mut session = Session::open(stream, &Hello::client(&user, "cl:cli"), LIMIT).await?;
    let message = Message::new(|xml| xml.fragment(&request.operation))?.for_user(user);
    let content = match session.request(&message, LIMIT).await?.into_body().map_err(NetconfError::from)? {
        ReplyBody::Ok => return Ok("<ok/>\n".into()),
        ReplyBody::Data(content) | ReplyBody::Output(content) => content,
    };
    // What cannot be laid out is shown as it came.
    let laid_out = confine_backend::tree(&content)
        .and_then(|tree| xml::Writer::new().indent(2).write(&tree, tree.children(Tree::ROOT)));
    Ok(laid_out.unwrap_or_else(|_| content.as_str().to_owned()) + "\n")
}
