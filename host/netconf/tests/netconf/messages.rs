//! Reading and writing messages, and the errors of invalid ones.

use confine_netconf::{
    Error, ErrorSeverity, ErrorType, FrameDecoder, Hello, IncomingMessage, IncomingRpc, OutgoingRpc,
    ResponseWriter, RpcAnswer, RpcError, RpcReply, XmlWriter, is_xml_character, replace_invalid_characters,
};
use proptest::prelude::*;

fn parse(text: &str) -> Result<IncomingMessage, Error> {
    IncomingMessage::parse(text.as_bytes().to_vec())
}

fn reply(text: &str) -> RpcReply {
    match parse(text).unwrap() {
        IncomingMessage::Reply(reply) => reply,
        other => panic!("{other:?}"),
    }
}

fn request(text: &str) -> IncomingRpc {
    match parse(text).unwrap() {
        IncomingMessage::Request(request) => request,
        other => panic!("{other:?}"),
    }
}

/// Returns the message that `write` sends.
fn sent<F: Future<Output = Result<(), Error>>>(
    write: impl FnOnce(ResponseWriter<tokio::io::DuplexStream>) -> F,
) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let octets = runtime.block_on(async {
        let (near, mut far) = tokio::io::duplex(1 << 20);
        write(ResponseWriter::new(near)).await.unwrap();
        let mut octets = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut far, &mut octets).await.unwrap();
        octets
    });
    let mut decoder = FrameDecoder::new();
    decoder.push(&octets);
    String::from_utf8(decoder.next().unwrap().unwrap()).unwrap()
}

/// Returns an error and its sources as one text.
fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}

#[test]
fn request_carries_its_user_and_is_escaped() {
    let rpc = OutgoingRpc::new(|xml| {
        xml.element::<Error>("get-config", &[], |xml| {
            xml.element("source", &[], |xml| xml.empty("actions", &[("xmlns", "urn:c")]))?;
            xml.empty("nc:filter", &[("nc:type", "xpath"), ("nc:select", "/a[b=\"<o'x>\n\"]")])
        })
    });
    let message = rpc.unwrap().for_user("a&b").write(7).unwrap();
    insta::assert_snapshot!(message, @r#"<rpc xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" xmlns:cl="http://clicon.org/lib" cl:username="a&amp;b" message-id="7"><get-config><source><actions xmlns="urn:c"/></source><nc:filter nc:type="xpath" nc:select="/a[b=&quot;&lt;o&apos;x&gt;&#10;&quot;]"/></get-config></rpc>"#);
    let request = request(&message);
    assert_eq!(request.username.as_deref(), Some("a&b"));
    assert_eq!(request.message_id.as_deref(), Some("7"));
    let filter = request.operation.child("filter").unwrap().unwrap();
    assert_eq!(filter.attribute("select"), Some("/a[b=\"<o'x>\n\"]"));
    assert_eq!(filter.attributes()[0].namespace, "urn:ietf:params:xml:ns:netconf:base:1.0");
    let source = request.operation.child("source").unwrap().unwrap();
    assert!(source.child("actions").unwrap().unwrap().is_named("urn:c", "actions"));
}

#[test]
fn username_attribute_is_read_with_any_prefix() {
    for attributes in [r#"username="eve""#, r#"cl:username="eve" xmlns:cl="http://clicon.org/lib""#] {
        let text = format!(
            r#"<nc:rpc xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" {attributes}><nc:commit/></nc:rpc>"#
        );
        let request = request(&text);
        assert_eq!(request.username.as_deref(), Some("eve"));
        assert_eq!(request.message_id, None);
        assert_eq!(request.operation.name(), "commit");
        assert_eq!(request.operation.namespace(), "urn:ietf:params:xml:ns:netconf:base:1.0");
        assert!(request.operation.content().is_empty());
    }
}

#[test]
fn client_hello_has_the_controllers_attributes() {
    let text = r#"<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" cl:username="noc" cl:transport="ctrl:services" xmlns:cl="http://clicon.org/lib"><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability></capabilities></hello>"#;
    match parse(text).unwrap() {
        IncomingMessage::Hello(hello) => assert_eq!(hello, Hello::client("noc", "ctrl:services")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn payload_carries_the_bindings_around_it() {
    let text = concat!(
        r#"<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" xmlns:p="urn:p" xmlns:q="urn:outer">"#,
        r#"<data xmlns:q="urn:inner"><p:a> <q:b/>text</p:a><c xmlns="urn:c"/></data></rpc-reply>"#,
    );
    let data = reply(text).into_body().unwrap().into_data().unwrap();
    assert_eq!(data.as_str(), r#"<p:a> <q:b/>text</p:a><c xmlns="urn:c"/>"#);
    assert_eq!(data.bindings().resolve("p"), Some("urn:p"));
    assert_eq!(data.bindings().resolve("q"), Some("urn:inner"));
    assert_eq!(data.bindings().resolve(""), Some("urn:ietf:params:xml:ns:netconf:base:1.0"));
    assert_eq!(data.bindings().resolve("r"), None);
    assert_eq!(data.bindings().iter().count(), 3);
    let children: Vec<_> = data.children().map(Result::unwrap).collect();
    assert!(children[0].is_named("urn:p", "a"));
    assert_eq!(children[0].content().as_str(), " <q:b/>text");
    assert!(children[1].is_named("urn:c", "c"));
    assert_eq!(children.len(), 2);
}

#[test]
fn reply_body_is_ok_data_or_output() {
    let wrap = |body: &str| {
        reply(&format!(r#"<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0">{body}</rpc-reply>"#))
            .into_body()
            .unwrap()
    };
    wrap("<ok/>").into_ok().unwrap();
    assert!(wrap("<data/>").into_data().unwrap().is_empty());
    let output = wrap(r#"<tid xmlns="urn:c">12</tid>"#).into_output().unwrap();
    assert_eq!(output.as_str(), r#"<tid xmlns="urn:c">12</tid>"#);
    // The output of another module's operation may be called `data`.
    assert_eq!(wrap(r#"<data xmlns="urn:c">x</data>"#).into_output().unwrap().children().count(), 1);
    assert!(wrap("").into_output().unwrap().is_empty());
    insta::assert_snapshot!(wrap("<data/>").into_ok().unwrap_err(), @"expected `ok` but the peer sent `data`");
    insta::assert_snapshot!(wrap("").into_data().unwrap_err(), @"expected `data` but the peer sent `output`");
    insta::assert_snapshot!(wrap("<ok/>").into_output().unwrap_err(), @"expected `output` but the peer sent `ok`");
}

#[test]
fn rpc_error_fields_are_all_read() {
    let reply = reply(concat!(
        r#"<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="1">"#,
        "<rpc-error><error-type>application</error-type><error-tag>unknown-element</error-tag>",
        "<error-info><bad-element>nosuch</bad-element></error-info><error-severity>error</error-severity>",
        "<error-message>Unrecognized &lt;RPC&gt;</error-message></rpc-error>",
        "<rpc-error><error-type>protocol</error-type><error-tag>data-missing</error-tag>",
        "<error-severity>error</error-severity><error-app-tag>instance-required</error-app-tag>",
        r#"<error-path xmlns:x="urn:x">/x:a[x:b='1']</error-path><error-message xml:lang="en">Gone</error-message>"#,
        "</rpc-error>",
        "<rpc-error><error-type>transport</error-type><error-tag>lock-denied</error-tag>",
        "<error-severity>warning</error-severity><error-info><session-id>0</session-id></error-info></rpc-error>",
        "</rpc-reply>",
    ));
    assert_eq!(reply.message_id.as_deref(), Some("1"));
    let expected = [
        RpcError {
            info: vec![("bad-element".into(), "nosuch".into())],
            ..RpcError::new(ErrorType::Application, "unknown-element", "Unrecognized <RPC>")
        },
        RpcError {
            app_tag: Some("instance-required".into()),
            path: Some("/x:a[x:b='1']".into()),
            ..RpcError::new(ErrorType::Protocol, "data-missing", "Gone")
        },
        RpcError {
            error_type: ErrorType::Transport,
            tag: "lock-denied".into(),
            severity: ErrorSeverity::Warning,
            info: vec![("session-id".into(), "0".into())],
            ..RpcError::default()
        },
    ];
    assert_eq!(reply.errors, expected);
    insta::assert_snapshot!(reply.into_body().unwrap_err(), @r"
    Unrecognized <RPC> (unknown-element, bad-element `nosuch`)
    Gone (data-missing, error-app-tag `instance-required`, at `/x:a[x:b='1']`)
    warning: lock-denied (session-id `0`)
    ");
}

#[test]
fn warning_alone_is_not_a_failure() {
    let reply = reply(concat!(
        r#"<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><rpc-error>"#,
        "<error-severity>warning</error-severity></rpc-error><ok/></rpc-reply>",
    ));
    assert_eq!(reply.errors.len(), 1);
    reply.into_body().unwrap().into_ok().unwrap();
}

#[test]
fn notification_has_its_event() {
    let text = concat!(
        r#"<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0">"#,
        "<eventTime>2026-11-23T05:01:48Z</eventTime>",
        r#"<changed xmlns="urn:c"><name>o'x &amp; <![CDATA[<y>]]></name></changed></notification>"#,
    );
    let IncomingMessage::Notification(notification) = parse(text).unwrap() else { panic!() };
    assert_eq!(notification.event_time, "2026-11-23T05:01:48Z");
    assert!(notification.event.is_named("urn:c", "changed"));
    // The default namespace is declared outside the slice.
    let name = notification.event.child("name").unwrap().unwrap();
    assert_eq!(name.namespace(), "urn:c");
    assert_eq!(name.text().unwrap(), "o'x & <y>");
    assert_eq!(notification.event.child_text("none").unwrap(), None);
}

#[test]
fn invalid_messages_are_refused() {
    const BASE: &str = r#"xmlns="urn:ietf:params:xml:ns:netconf:base:1.0""#;
    let refusal = |text: &str| chain(&parse(&text.replace("BASE", BASE)).unwrap_err());
    insta::assert_snapshot!(refusal(""), @"the message is not valid NETCONF: it has no root element");
    insta::assert_snapshot!(refusal("<!-- -->"), @"the message is not valid NETCONF: it has no root element");
    insta::assert_snapshot!(refusal("text"), @"the message is not valid NETCONF: it has text between elements, before byte 4");
    insta::assert_snapshot!(refusal("<rpc-reply><ok/></rpc-reply>"), @"the message is not valid NETCONF: `rpc-reply` in namespace `` is not a message");
    insta::assert_snapshot!(refusal("<rpc-reply BASE><data><a></b></data></rpc-reply>"), @"the message is not well-formed XML at byte 68: ill-formed document: expected `</a>`, but `</b>` was found");
    insta::assert_snapshot!(refusal("<rpc-reply BASE><data><a>"), @"the message is not valid NETCONF: it ends inside an element");
    insta::assert_snapshot!(refusal("<rpc-reply BASE>"), @"the message is not valid NETCONF: it ends inside an element");
    insta::assert_snapshot!(refusal("<rpc-reply BASE><ok/></rpc-reply><rpc-reply/>"), @"the message is not valid NETCONF: it has more than one root element");
    insta::assert_snapshot!(refusal("<rpc-reply BASE><ok/></rpc-reply>x"), @"the message is not valid NETCONF: it has text between elements, before byte 77");
    insta::assert_snapshot!(refusal("<rpc-reply BASE><x:ok/></rpc-reply>"), @"the message is not valid NETCONF: the prefix `x` is not bound");
    insta::assert_snapshot!(refusal("<!DOCTYPE a [<!ENTITY b \"c\">]><rpc-reply BASE><ok/></rpc-reply>"), @"the message is not valid NETCONF: it has a document type declaration, which RFC 6241 section 3 forbids");
    insta::assert_snapshot!(refusal("<rpc BASE/>"), @"the message is not valid NETCONF: `rpc` has no operation");
    insta::assert_snapshot!(refusal("<rpc BASE><a/><b/></rpc>"), @"the message is not valid NETCONF: `rpc` has more than one operation");
    insta::assert_snapshot!(refusal("<rpc BASE><a> & </a></rpc>"), @"the message is not well-formed XML at byte 57: ill-formed document: entity or character reference not closed: `;` not found before end of input");
    insta::assert_snapshot!(refusal("<hello BASE><session-id>-1</session-id></hello>"), @"the message is not valid NETCONF: `-1` is not a session-id");
    let not_utf8 = IncomingMessage::parse(b"<a>\xff</a>".to_vec()).unwrap_err();
    insta::assert_snapshot!(chain(&not_utf8), @"the message is not UTF-8: invalid utf-8 sequence of 1 bytes from index 3");
}

#[test]
fn reply_is_read_whatever_is_in_its_data() {
    let data = |inner: &[u8]| {
        let reply = [
            b"<rpc-reply xmlns=\"urn:ietf:params:xml:ns:netconf:base:1.0\"><data><a>".as_slice(),
            inner,
            b"</a></data></rpc-reply>",
        ];
        let IncomingMessage::Reply(reply) = IncomingMessage::parse(reply.concat()).unwrap() else { panic!() };
        reply.into_body().unwrap().into_data().unwrap().as_str().to_owned()
    };
    assert_eq!(data(b"R\xe9seau"), "<a>R\u{fffd}seau</a>");
    assert_eq!(data(b"\x07&#7;&#0;&nbsp;"), "<a>\u{7}&#7;&#0;&nbsp;</a>");
    assert_eq!(data(b"text<x:b x:c='d'/>text"), "<a>text<x:b x:c='d'/>text</a>");
}

#[test]
fn deep_nesting_does_not_use_the_stack() {
    let deep = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    let text = format!(
        r#"<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><data>{}</data></rpc-reply>"#,
        deep(500_000)
    );
    assert_eq!(reply(&text).into_body().unwrap().into_data().unwrap().as_str().len(), 3_500_000);
}

#[test]
fn fragment_cannot_close_its_parent() {
    let write = |fragment: &str| {
        let mut xml = XmlWriter::new();
        xml.element("config", &[], |xml| xml.fragment(fragment)).map(|()| xml.finish())
    };
    assert_eq!(write("<a>1</a><b/>").unwrap(), "<config><a>1</a><b/></config>");
    insta::assert_snapshot!(chain(&write("</config><commit/><config>").unwrap_err()), @"the message is not well-formed XML at byte 0: ill-formed document: close tag `</config>` does not match any open tag");
    insta::assert_snapshot!(chain(&write("<a>").unwrap_err()), @"the message is not valid NETCONF: it ends inside an element");
    insta::assert_snapshot!(chain(&write("a").unwrap_err()), @"the message is not valid NETCONF: it has text between elements, before byte 1");
}

#[test]
fn invalid_xml_names_are_refused() {
    let mut xml = XmlWriter::new();
    insta::assert_snapshot!(xml.empty("a b", &[]).unwrap_err(), @"`a b` is not a valid XML name");
    insta::assert_snapshot!(xml.empty("a", &[("xmlns:x=\"\" y", "")]).unwrap_err(), @r#"`xmlns:x="" y` is not a valid XML name"#);
    insta::assert_snapshot!(xml.empty("", &[]).unwrap_err(), @"`` is not a valid XML name");
    insta::assert_snapshot!(xml.empty("a", &[("x", "1"), ("y", "2"), ("x", "3")]).unwrap_err(), @"the attribute `x` occurs twice");
    xml.empty("ctrl:a-b.c_1", &[]).unwrap();
    assert_eq!(xml.finish(), "<ctrl:a-b.c_1/>");
}

#[test]
fn invalid_xml_characters_are_refused_or_replaced() {
    let mut xml = XmlWriter::new();
    insta::assert_snapshot!(xml.leaf("name", &[], "a\0").unwrap_err(), @"the character U+0000 in `name` cannot be sent in XML: remove it");
    insta::assert_snapshot!(xml.empty("a", &[("select", "\u{1b}[31m")]).unwrap_err(), @"the character U+001B in `select` cannot be sent in XML: remove it");
    assert_eq!(xml.finish(), "");
    assert_eq!(
        replace_invalid_characters("\u{1b}[31mred\u{fffe}\t\u{1f600}"),
        "\u{fffd}[31mred\u{fffd}\t\u{1f600}"
    );
}

#[test]
fn server_messages_match_the_controllers() {
    insta::assert_snapshot!(sent(async |mut to| to.hello(6).await), @r#"<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><session-id>6</session-id></hello>"#);
    insta::assert_snapshot!(sent(async |mut to| to.reply(None, RpcAnswer::Ok).await), @r#"<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><ok/></rpc-reply>"#);
    insta::assert_snapshot!(sent(async |mut to| to.reply(Some("a<"), RpcAnswer::Data("")).await), @r#"<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="a&lt;"><data/></rpc-reply>"#);
    insta::assert_snapshot!(sent(async |mut to| to.reply(None, RpcAnswer::Output(r#"<tid xmlns="urn:c">3</tid>"#)).await), @r#"<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><tid xmlns="urn:c">3</tid></rpc-reply>"#);
    insta::assert_snapshot!(sent(async |mut to| to.notify("2026-11-23T05:01:48Z", r#"<event xmlns="urn:c"/>"#).await), @r#"<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"><eventTime>2026-11-23T05:01:48Z</eventTime><event xmlns="urn:c"/></notification>"#);
}

fn word() -> impl Strategy<Value = String> {
    "[a-z'<&/ \\[\\]]{0,8}[a-z]"
}

fn rpc_error() -> impl Strategy<Value = RpcError> {
    let error_type = prop::sample::select(vec![
        ErrorType::Transport,
        ErrorType::Rpc,
        ErrorType::Protocol,
        ErrorType::Application,
    ]);
    let severity = prop::sample::select(vec![ErrorSeverity::Error, ErrorSeverity::Warning]);
    let optional = || prop::option::of("[a-z][a-z'<&/\"]{0,8}");
    let info = prop::collection::vec(("[a-z]{1,8}", "\\PC{0,8}"), 0..3);
    (error_type, "[a-z-]{1,12}", severity, optional(), optional(), prop::option::of(word()), info).prop_map(
        |(error_type, tag, severity, app_tag, path, message, info)| RpcError {
            error_type,
            tag,
            severity,
            app_tag,
            path,
            message,
            info,
        },
    )
}

proptest! {
    #[test]
    fn text_round_trips_or_is_refused(text in any::<String>(), value in any::<String>()) {
        let mut xml = XmlWriter::new();
        let written = xml.leaf("leaf", &[("value", &value)], &text);
        let possible = text.chars().chain(value.chars()).all(is_xml_character);
        prop_assert_eq!(written.is_ok(), possible);
        if possible {
            let message = format!(
                r#"<rpc xmlns="urn:ietf:params:xml:ns:netconf:base:1.0">{}</rpc>"#, xml.finish());
            let request = request(&message);
            prop_assert_eq!(request.operation.text().unwrap(), text);
            prop_assert_eq!(request.operation.attribute("value"), Some(value.as_str()));
        }
    }

    #[test]
    fn white_space_and_line_ends_round_trip(text in "[ \t\r\n<&\\]>x]{0,12}") {
        let mut xml = XmlWriter::new();
        xml.leaf("leaf", &[("value", &text)], &text).unwrap();
        let request = request(&format!(
            r#"<rpc xmlns="urn:ietf:params:xml:ns:netconf:base:1.0">{}</rpc>"#, xml.finish()));
        prop_assert_eq!(request.operation.text().unwrap(), text.clone());
        prop_assert_eq!(request.operation.attribute("value"), Some(text.as_str()));
    }

    #[test]
    fn rpc_errors_round_trip(errors in prop::collection::vec(rpc_error(), 0..4)) {
        let message = sent(async |mut to| to.reply(None, RpcAnswer::Errors(&errors)).await);
        prop_assert_eq!(reply(&message).errors, errors);
    }

    #[test]
    fn parser_never_panics(text in "(<rpc-reply xmlns='urn:ietf:params:xml:ns:netconf:base:1.0'>)?(<[a/!?x:='&;\\[\\]-]{0,4}>?|&[a#x0;]{0,4}|[a ]){0,12}(</rpc-reply>)?") {
        if let Ok(IncomingMessage::Reply(reply)) = parse(&text) && let Ok(body) = reply.into_body() && let Ok(output) = body.into_output() {
            prop_assert!(text.contains(output.as_str()));
            for child in output.children().flatten() {
                prop_assert!(text.contains(child.content().as_str()));
            }
        }
    }
}
