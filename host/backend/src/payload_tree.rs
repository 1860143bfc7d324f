//! Converts a payload to a tree.

use confine_netconf::Payload;
use confine_tree::{CONTROLLER, Error, QName, Tree, xml};

/// Converts a payload to a tree, with the namespaces in its scope.
///
/// # Errors
/// Fails if the payload cannot be read or is too large for a tree.
pub fn payload_tree(content: &Payload<'_>) -> Result<Tree, Error> {
    read(content, &xml::XmlTreeReader::new())
}

/// Converts configuration to a tree, as [`payload_tree`] does. What a device has in its own configuration and XML or the tree
/// cannot represent concerns that node only: it has a [fault](Tree::fault).
///
/// # Errors
/// As [`payload_tree`], where anything but the configuration of a device cannot be read.
pub fn config_tree(content: &Payload<'_>) -> Result<Tree, Error> {
    let tree = read(content, &xml::XmlTreeReader::new().tolerant())?;
    let is_in_device = |node| {
        let way = ["devices", "device", "config"].map(|local| QName::new(CONTROLLER, local));
        tree.path_to(node).iter().map(|&step| tree.qname(step)).take(way.len()).eq(way)
    };
    if tree.faults().all(|(node, _)| is_in_device(node)) {
        return Ok(tree);
    }
    // Two trees of a large reply would take much memory.
    drop(tree);
    payload_tree(content)
}

/// Converts the configuration of one device, as [`config_tree`] does.
pub(crate) fn device_tree(content: &Payload<'_>) -> Result<Tree, Error> {
    read(content, &xml::XmlTreeReader::new().tolerant())
}

fn read(content: &Payload<'_>, reader: &xml::XmlTreeReader<'_>) -> Result<Tree, Error> {
    let bindings: Vec<_> = content.bindings().iter().collect();
    let mut tree = Tree::new();
    reader.scope(&bindings).read(&mut tree, Tree::ROOT, content.as_str())?;
    Ok(tree)
}

#[cfg(test)]
mod tests {
    use confine_netconf::IncomingMessage;

    use super::*;

    /// Returns what is faulty in a reply, by path, or the error.
    fn faults(data: &str) -> String {
        let reply = format!(
            "<rpc-reply xmlns='urn:ietf:params:xml:ns:netconf:base:1.0' message-id='1'><data>{data}</data></rpc-reply>"
        );
        let IncomingMessage::Reply(reply) = IncomingMessage::parse(reply.into_bytes()).unwrap() else {
            panic!("a reply")
        };
        let data = reply.into_body().unwrap().into_data().unwrap();
        match config_tree(&data) {
            Ok(tree) => {
                let mut found: Vec<String> =
                    tree.faults().map(|(node, fault)| format!("{}: {fault}", tree.location(node))).collect();
                found.sort();
                found.join("\n")
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn only_configuration_of_devices_may_have_faults() {
        let device = |inner: &str| {
            format!(
                "<devices xmlns='{CONTROLLER}'><device><name>r1</name><config>{inner}</config></device></devices>"
            )
        };
        insta::assert_snapshot!(faults(&device("<a xmlns='urn:a'>one<b/>two</a>")), @"/devices/device/config/a: text next to elements is not allowed: a node has a value or children");
        insta::assert_snapshot!(faults(&device("<x:a/>")), @r#"/devices/device/config: the prefix `x` is not bound to a namespace: declare it as in `xmlns:x="…"`"#);
        insta::assert_snapshot!(faults(&device("").replace("<name>r1", "<name>r1<b/>")), @"the XML cannot be read at line 1, column 63 (`<b/></name><config></config></device></d`): text next to elements is not allowed: a node has a value or children");
        insta::assert_snapshot!(faults("<nacm xmlns='urn:ietf:params:xml:ns:yang:ietf-netconf-acm'>text<groups/></nacm>"), @"the XML cannot be read at line 1, column 64 (`<groups/></nacm>`): text next to elements is not allowed: a node has a value or children");
    }
}
