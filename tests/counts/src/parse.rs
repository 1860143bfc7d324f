//! Reading a reply of the controller into a tree.

use std::fmt::Write as _;

use confine_netconf::IncomingMessage;
use confine_tree::{Tree, xml::XmlTreeReader};

/// Reads the interfaces of a device with so many of them, and returns the nodes.
pub(crate) fn run(interfaces: usize) -> usize {
    let mut reply = String::from(
        r#"<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="7"><data><devices xmlns="http://clicon.org/controller"><device><name>r1</name><config><interfaces xmlns="http://openconfig.net/yang/interfaces">"#,
    );
    for number in 0..interfaces {
        write!(
            reply,
            r#"<interface><name>ge-0/0/{number}</name><config><name>ge-0/0/{number}</name><type xmlns:ianaift="urn:ietf:params:xml:ns:yang:iana-if-type">ianaift:ethernetCsmacd</type><mtu>9000</mtu><description>to site {number} &amp; back</description><enabled>true</enabled></config></interface>"#
        )
        .unwrap();
    }
    reply.push_str("</interfaces></config></device></devices></data></rpc-reply>");
    let IncomingMessage::Reply(reply) = IncomingMessage::parse(reply.into_bytes()).unwrap() else {
        panic!("not a reply")
    };
    let data = reply.into_body().unwrap().into_data().unwrap();
    let bindings: Vec<_> = data.bindings().iter().collect();
    let mut tree = Tree::new();
    XmlTreeReader::new().scope(&bindings).read(&mut tree, Tree::ROOT, data.as_str()).unwrap();
    tree.descendants(Tree::ROOT).count()
}
