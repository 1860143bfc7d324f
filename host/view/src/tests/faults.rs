//! Nodes of a device that could not be read: only what reads them is concerned.

use super::*;

/// A datastore that answers every request with one text, as a device may.
struct OddReply(&'static str);

impl Source for OddReply {
    fn fetch<'a>(&'a self, _: &'a [Pattern]) -> Fetch<'a> {
        let mut tree = Tree::new();
        xml::XmlTreeReader::new().tolerant().read(&mut tree, Tree::ROOT, self.0).unwrap();
        Box::pin(async move { Ok(tree) })
    }
}

const REPLY: &str = "<devices xmlns='http://clicon.org/controller'><device><name>r1</name><config>
    <system xmlns='urn:sys'><hostname>one</hostname><banner>ring \u{7}</banner><any>one<b>two</b></any><x:lost/></system>
    <other xmlns='urn:other'><a>1</a></other></config></device></devices>";

#[test]
fn reading_a_node_with_a_fault_names_device_and_path() {
    let draft = CommitDraft::new(Arc::new(NoSchema), Arc::new(OddReply(REPLY)));
    let scope = Arc::new(open_scope());
    let meter = Meter::new(WorkAllowance::UNLIMITED);
    let mut view = View::new(draft, scope, instance("s1"), Arc::new(prefixes()), meter);
    let told = block(async {
        let mut told = String::new();
        for path in [
            "sys:system/hostname",
            "sys:system/banner",
            "sys:system/any/b",
            "sys:system/any",
            "sys:system",
            "o:other",
        ] {
            let path = format!("/devices/device[name='r1']/config/{path}");
            told += &format!("{}\n", refusal(view.get(&path).await));
            told += &format!("  read {}\n", refusal(view.read(&path).await.map(|nodes| nodes.len())));
            told += &format!("  xml {}\n", refusal(view.read_xml(&path).await));
        }
        told
    });
    insta::assert_snapshot!(told, @r#"
    Some("one")
      read 1
      xml "<hostname xmlns=\"urn:sys\">one</hostname>"
    Some("ring \u{7}")
      read 1
      xml operation-failed: cannot read `/devices/device[name='r1']/config/sys:system/banner`: XML cannot represent the character `\u{7}` of its value: use `read` or `get` (/devices/device[name='r1']/config/sys:system/banner)
    Some("two")
      read 1
      xml "<b xmlns=\"urn:sys\">two</b>"
    operation-failed: cannot read `/devices/device[name='r1']/config/sys:system/any`: text next to elements is not allowed: a node has a value or children (/devices/device[name='r1']/config/sys:system/any)
      read operation-failed: cannot read `/devices/device[name='r1']/config/sys:system/any`: text next to elements is not allowed: a node has a value or children (/devices/device[name='r1']/config/sys:system/any)
      xml operation-failed: cannot read `/devices/device[name='r1']/config/sys:system/any`: text next to elements is not allowed: a node has a value or children (/devices/device[name='r1']/config/sys:system/any)
    operation-failed: cannot read `/devices/device[name='r1']/config/sys:system`: the prefix `x` is not bound to a namespace: declare it as in `xmlns:x="…"` (/devices/device[name='r1']/config/sys:system)
      read operation-failed: cannot read `/devices/device[name='r1']/config/sys:system`: the prefix `x` is not bound to a namespace: declare it as in `xmlns:x="…"` (/devices/device[name='r1']/config/sys:system)
      xml operation-failed: cannot read `/devices/device[name='r1']/config/sys:system`: the prefix `x` is not bound to a namespace: declare it as in `xmlns:x="…"` (/devices/device[name='r1']/config/sys:system)
    invalid-value: `/devices/device[name='r1']/config/other` has no value but children: use `read`, or name a leaf (/devices/device[name='r1']/config/o:other)
      read 2
      xml "<other xmlns=\"urn:other\"><a>1</a></other>"
    "#);
}

#[test]
fn node_with_a_fault_can_be_replaced() {
    let draft = CommitDraft::new(Arc::new(NoSchema), Arc::new(OddReply(REPLY)));
    let scope = Scope::new(
        "bench",
        [service("bench")],
        vec![Pattern { steps: vec![PatternStep::new(QName::new(CONTROLLER, "devices"))] }],
    );
    let meter = Meter::new(WorkAllowance::UNLIMITED);
    let mut view = View::new(draft, Arc::new(scope), instance("s1"), Arc::new(prefixes()), meter);
    let banner = "/devices/device[name='r1']/config/sys:system/banner";
    block(async {
        view.set(banner, "quiet").await.unwrap();
        assert_eq!(view.get(banner).await.unwrap().as_deref(), Some("quiet"));
    });
}
