use confine_netconf::{IncomingMessage, Payload, ReplyBody, XmlElement, XmlWriter};

/// No message makes the parser panic, and each slice that it returns is complete XML that can be written into another
/// message.
pub fn message(octets: &[u8]) {
    match IncomingMessage::parse(octets.to_vec()) {
        Ok(IncomingMessage::Reply(reply)) => match reply.body {
            ReplyBody::Ok => {}
            ReplyBody::Data(payload) | ReplyBody::Output(payload) => walk(&payload, 0),
        },
        Ok(IncomingMessage::Request(request)) => element(&request.operation, 0),
        Ok(IncomingMessage::Notification(notification)) => element(&notification.event, 0),
        Ok(IncomingMessage::Hello(_)) | Err(_) => {}
    }
}

fn walk(payload: &Payload<'_>, depth: usize) {
    for child in payload.children().map_while(Result::ok) {
        element(&child, depth);
    }
}

fn element(element: &XmlElement<'_>, depth: usize) {
    let content = element.content().as_str();
    // Text is no fragment, elements are.
    if element.children().all(|child| child.is_ok()) {
        assert!(XmlWriter::new().fragment(content).is_ok(), "{content:?}");
    }
    if let Ok(text) = element.text() {
        assert!(text.len() <= content.len());
    }
    if depth < 8 {
        walk(element.content(), depth + 1);
    }
}
