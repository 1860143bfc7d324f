use confine_tree::{
    Tree,
    xml::{self, XmlLimits, XmlTreeReader, XmlTreeWriter},
};

/// XML that is read can be written and reads back as the same tree; XML that cannot be read leaves nothing behind.
pub fn xml(octets: &[u8]) {
    let Ok(text) = str::from_utf8(octets) else { return };
    let limits = XmlLimits { depth: 64, nodes: 10_000, attributes: 64, namespace: 64, bindings: 10_000 };
    let mut tree = Tree::new();
    if XmlTreeReader::new().limits(limits).read(&mut tree, Tree::ROOT, text).is_err() {
        assert!(tree.is_empty());
        return;
    }
    let written = xml::write(&tree, Tree::ROOT).expect("what was read can be written");
    let again = xml::parse(&written).expect("what was written can be read");
    assert_eq!(xml::write(&again, Tree::ROOT).expect("written"), written);
    let indented = XmlTreeWriter::new().indent(2).write(&tree, [Tree::ROOT]).expect("written");
    let again = xml::parse(&indented).expect("what was indented can be read");
    assert_eq!(xml::write(&again, Tree::ROOT).expect("written"), written);
}
