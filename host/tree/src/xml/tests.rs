use proptest::prelude::*;

use super::*;
use crate::{
    Error, NETCONF, QName, Tree,
    testing::{build, content, elements},
};

const IANA: &str = "urn:ietf:params:xml:ns:yang:iana-if-type";

fn refused(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

fn value(text: &str) -> Option<String> {
    let tree = parse(text).unwrap();
    tree.value(tree.first_child(Tree::ROOT).unwrap()).map(Into::into)
}

fn tolerated(text: &str) -> Tree {
    let mut tree = Tree::new();
    XmlTreeReader::new().tolerant().read(&mut tree, Tree::ROOT, text).unwrap();
    tree
}

/// Returns a tree as text, with what could not be read of each node.
fn shown(tree: &Tree) -> String {
    let mut lines = String::new();
    let mut open = vec![Tree::ROOT];
    while let Some(node) = open.pop() {
        let children: Vec<_> = tree.children(node).collect();
        open.extend(children.into_iter().rev());
        let value = tree.value(node).map(|value| format!(" {value:?}")).unwrap_or_default();
        let fault = tree.fault(node).map(|fault| format!(" ({fault})")).unwrap_or_default();
        lines += &format!("{}/{value}{fault}\n", tree.location(node));
    }
    lines
}

#[test]
fn tolerant_reader_gets_over_what_devices_answer() {
    let text = "<config xmlns='urn:c' xmlns:junos='http://xml.juniper.net/junos/24.4R1/junos' junos:changed='yes' x:y='1' x:y='2'>
        <?pi?><banner>ring \u{7}&#27;[1m&nbsp;&#0;</banner>
        <any>one<b>two</b>three<c/></any>
        <junos:comment>/* of the interface */</junos:comment>
        <interface inactive='inactive'><name>a</name><nested><junos:comment/><mtu>1</mtu></nested></interface>
        <interface><junos:comment>/* <x:deep/> */</junos:comment><name>b</name></interface>
        <x:unbound><name>lost</name><x:more/></x:unbound>
        <1a>lost</1a>
        <after>whole</after></config>";
    insta::assert_snapshot!(shown(&tolerated(text)), @r#"
    /
    /config/ (`1a` is not a name)
    /config/banner/ "ring \u{7}\u{1b}[1m&nbsp;&#0;"
    /config/any/ (text next to elements is not allowed: a node has a value or children)
    /config/any/b/ "two"
    /config/any/c/
    /config/interface/
    /config/interface/name/ "a"
    /config/interface/nested/
    /config/interface/nested/mtu/ "1"
    /config/interface/
    /config/interface/name/ "b"
    /config/after/ "whole"
    "#);
    let unbound = "<config xmlns='urn:c'><junos:comment>/* x */</junos:comment><after>whole</after></config>";
    insta::assert_snapshot!(shown(&tolerated(unbound)), @r#"
    /
    /config/
    /config/after/ "whole"
    "#);
    for text in [
        "<a>",
        "<a><x:b></a>",
        "<a></x:b></a>",
        "<!DOCTYPE a><a/>",
        "<a><!DOCTYPE a></a>",
        "text",
        "<a/>text",
        "<x:a>",
    ] {
        let mut tree = Tree::new();
        assert!(XmlTreeReader::new().tolerant().read(&mut tree, Tree::ROOT, text).is_err(), "{text}");
    }
}

/// Well-formed elements with anything between them.
fn odd_elements() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-c \u{7}\u{1b}é]{0,4}",
        prop::sample::select(vec![
            "&amp;",
            "&#7;",
            "&nbsp;",
            "<!-- c -->",
            "<?pi?>",
            "<x:d/>",
            "<e x:f='1'/>",
            "<![CDATA[<]]>"
        ])
        .prop_map(str::to_owned),
    ];
    piece.prop_recursive(6, 40, 6, |inner| {
        (prop::sample::select(vec!["a", "b", "x:c", "junos:comment"]), prop::collection::vec(inner, 0..6))
            .prop_map(|(name, inner)| format!("<{name}>{}</{name}>", inner.concat()))
    })
}

proptest! {
    /// Whatever is in one node, its neighbours are read as they are.
    #[test]
    fn odd_node_costs_no_other(odd in odd_elements(), elements in elements()) {
        let mut tree = Tree::new();
        build(&mut tree, Tree::ROOT, &elements);
        let plain = write(&tree, Tree::ROOT).unwrap();
        let read = tolerated(&format!("{plain}<odd xmlns='urn:odd'>{odd}</odd>{plain}"));
        let odd = read.child(Tree::ROOT, QName::new("urn:odd", "odd")).unwrap();
        prop_assert!(read.faults().all(|(node, _)| read.path_to(node).contains(&odd)));
        let mut twice = parse(&format!("{plain}{plain}")).unwrap();
        let mut rest = read.clone();
        rest.detach(odd);
        prop_assert_eq!(content(&rest, Tree::ROOT), content(&twice, Tree::ROOT));
        // What strict reading takes, tolerant reading reads no differently.
        twice = tolerated(&plain);
        prop_assert_eq!(content(&twice, Tree::ROOT), content(&tree, Tree::ROOT));
        prop_assert_eq!(twice.faults().count(), 0);
    }

    #[test]
    fn written_tree_reads_back_unchanged(elements in elements()) {
        let mut tree = Tree::new();
        build(&mut tree, Tree::ROOT, &elements);
        let text = write(&tree, Tree::ROOT).unwrap();
        let read = parse(&text).unwrap();
        prop_assert_eq!(content(&read, Tree::ROOT), content(&tree, Tree::ROOT), "{}", text);
        prop_assert_eq!(write(&read, Tree::ROOT).unwrap(), text);
    }

    #[test]
    fn indentation_changes_no_value(elements in elements(), blanks in 0_usize..4) {
        let mut tree = Tree::new();
        build(&mut tree, Tree::ROOT, &elements);
        let text = XmlTreeWriter::new().indent(blanks).write(&tree, [Tree::ROOT]).unwrap();
        prop_assert_eq!(content(&parse(&text).unwrap(), Tree::ROOT), content(&tree, Tree::ROOT), "{}", text);
    }

    #[test]
    fn fragment_reads_back_in_surrounding_scope(elements in elements()) {
        let scope = [("nc", NETCONF), ("a1", "urn:a"), ("", "urn:a")];
        let mut tree = Tree::new();
        build(&mut tree, Tree::ROOT, &elements);
        let text = XmlTreeWriter::new().scope(&scope).write(&tree, [Tree::ROOT]).unwrap();
        let mut read = Tree::new();
        XmlTreeReader::new().scope(&scope).read(&mut read, Tree::ROOT, &text).unwrap();
        // No value contains a prefix of the surroundings by chance: `a1` has the same namespace everywhere.
        prop_assert_eq!(content(&read, Tree::ROOT), content(&tree, Tree::ROOT), "{}", text);
    }

    #[test]
    fn any_text_parses_or_fails_with_an_error(text in "[<>/a:=\"' !\\[\\]&;#?x-]{0,24}") {
        if let Ok(tree) = parse(&text) {
            let written = write(&tree, Tree::ROOT).unwrap();
            prop_assert_eq!(content(&parse(&written).unwrap(), Tree::ROOT), content(&tree, Tree::ROOT));
        }
    }
}

#[test]
fn controller_reply_reads_back_unchanged() {
    let text = "<devices xmlns=\"http://clicon.org/controller\"><device><name>r1</name><config>\
                <interfaces xmlns=\"http://openconfig.net/yang/interfaces\"><interface><name>x</name><config>\
                <type xmlns:ianaift=\"urn:ietf:params:xml:ns:yang:iana-if-type\">ianaift:v35</type>\
                <loopback/></config></interface></interfaces></config></device></devices>";
    let tree = parse(text).unwrap();
    assert_eq!(write(&tree, Tree::ROOT).unwrap(), text);
    let kind = tree.descendants(Tree::ROOT).find(|&(node, _)| tree.qname(node).local == "type").unwrap().0;
    assert_eq!(tree.value(kind), Some("ianaift:v35"));
    assert_eq!(tree.bindings(kind), [("ianaift".into(), IANA.into())]);
    assert_eq!(tree.qname(kind), QName::new("http://openconfig.net/yang/interfaces", "type"));
    insta::assert_snapshot!(XmlTreeWriter::new().indent(3).write(&tree, [Tree::ROOT]).unwrap(), @r#"
    <devices xmlns="http://clicon.org/controller">
       <device>
          <name>r1</name>
          <config>
             <interfaces xmlns="http://openconfig.net/yang/interfaces">
                <interface>
                   <name>x</name>
                   <config>
                      <type xmlns:ianaift="urn:ietf:params:xml:ns:yang:iana-if-type">ianaift:v35</type>
                      <loopback/>
                   </config>
                </interface>
             </interfaces>
          </config>
       </device>
    </devices>
    "#);
}

#[test]
fn values_are_kept_exactly() {
    assert_eq!(value("<a> x\n y </a>").as_deref(), Some(" x\n y "));
    assert_eq!(value("<a>  </a>").as_deref(), Some("  "));
    assert_eq!(value("<a>1\r\n2\r3&#13;&#xA;</a>").as_deref(), Some("1\n2\n3\r\n"));
    assert_eq!(value("<a><![CDATA[<b>&amp;]]>x</a>").as_deref(), Some("<b>&amp;x"));
    assert_eq!(value("<a>x<!-- no text -->y</a>").as_deref(), Some("xy"));
    assert_eq!(value("<a>&lt;&amp;&gt;&quot;&apos;</a>").as_deref(), Some("<&>\"'"));
    assert_eq!(value("<a></a>"), None);
    assert_eq!(value("<a/>"), None);
    assert_eq!(value("<a>\n <b/>\n</a>"), None);
}

#[test]
fn prefixes_in_values_keep_their_namespaces() {
    let text = "<a xmlns=\"urn:a\" xmlns:p=\"urn:p\" xmlns:q=\"urn:q\"><b>/p:x[q:k='p:v']/y</b><c>10:20:30</c>\
                <d xmlns:p=\"urn:other\">p:x</d><e>zp:x p::y p:1 :p: xml:lang</e></a>";
    let tree = parse(text).unwrap();
    let written = write(&tree, Tree::ROOT).unwrap();
    insta::assert_snapshot!(written, @r#"<a xmlns="urn:a"><b xmlns:p="urn:p" xmlns:q="urn:q">/p:x[q:k='p:v']/y</b><c>10:20:30</c><d xmlns:p="urn:other">p:x</d><e>zp:x p::y p:1 :p: xml:lang</e></a>"#);
}

#[test]
fn attributes_keep_their_namespaces() {
    let text = "<a xmlns='urn:a' xmlns:n='urn:ietf:params:xml:ns:netconf:base:1.0' n:operation='remove' \
                plain='a&#10;b\n&quot;' xml:lang='en'><b n:operation='merge'/></a>";
    let tree = parse(text).unwrap();
    let a = tree.first_child(Tree::ROOT).unwrap();
    assert_eq!(tree.attribute(a, QName::new(NETCONF, "operation")), Some("remove"));
    assert_eq!(tree.attribute(a, QName::new("", "plain")), Some("a\nb \""));
    insta::assert_snapshot!(write(&tree, Tree::ROOT).unwrap(), @r#"<a xmlns="urn:a" xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation="remove" plain="a&#10;b &quot;" xml:lang="en"><b nc:operation="merge"/></a>"#);
    let scope = [("nc", NETCONF)];
    insta::assert_snapshot!(XmlTreeWriter::new().scope(&scope).write(&tree, [Tree::ROOT]).unwrap(), @r#"<a xmlns="urn:a" nc:operation="remove" plain="a&#10;b &quot;" xml:lang="en"><b nc:operation="merge"/></a>"#);
}

#[test]
fn xml_error_shows_position_and_reason() {
    let refusals: Vec<_> = [
        "<!DOCTYPE a [<!ENTITY b \"c\">]><a/>",
        "<?php ?><a/>",
        "<a/><?xml version='1.0'?>",
        "<a>&nbsp;</a>",
        "<a>&#0;</a>",
        "<a>&#1;</a>",
        "<a>\u{1}</a>",
        "<a b='&#xFFFF;'/>",
        "<a>x<b/></a>",
        "<a><b/>x</a>",
        "x<a/>",
        "<a/>x",
        "<a>\n  <b>",
        "<a></b>",
        "<a",
        "<a b='1' b='2'/>",
        "<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>",
        "<a xmlns='u' xmlns='v'/>",
        "<a b='<'/>",
        "<a b/>",
        "<p:a/>",
        "<a p:b='1'/>",
        "<a xmlns:p=''/>",
        "<a xmlns:xml='u'/>",
        "<a xmlns:xmlns='u'/>",
        "<1a/>",
        "<:a/>",
        "<a:b:c xmlns:a='u'/>",
        "<a><xml:b/></a>",
        "<></>",
        "</a>",
        "<a>&</a>",
    ]
    .map(refused)
    .into();
    insta::assert_snapshot!(refusals.join("\n"), @r#"
    the XML cannot be read at line 1, column 1 (`<!DOCTYPE a [<!ENTITY b "c">]><a/>`): a DOCTYPE is not allowed
    the XML cannot be read at line 1, column 1 (`<?php ?><a/>`): a processing instruction is not allowed
    the XML cannot be read at line 1, column 5 (`<?xml version='1.0'?>`): a processing instruction is not allowed
    the XML cannot be read at line 1, column 4 (`&nbsp;</a>`): the entity `&nbsp;` is not known: only amp, lt, gt, apos and quot are
    the XML cannot be read at line 1, column 4 (`&#0;</a>`): invalid character reference: 0x0 character is not permitted in XML
    the XML cannot be read at line 1, column 4 (`&#1;</a>`): the character `\u{1}` is not allowed in XML
    the XML cannot be read at line 1, column 4 (`·</a>`): the character `\u{1}` is not allowed in XML
    the XML cannot be read at line 1, column 1 (`<a b='&#xFFFF;'/>`): the character `\u{ffff}` is not allowed in XML
    the XML cannot be read at line 1, column 5 (`<b/></a>`): text next to elements is not allowed: a node has a value or children
    the XML cannot be read at line 1, column 9 (`</a>`): text next to elements is not allowed: a node has a value or children
    the XML cannot be read at line 1, column 2 (`<a/>`): text outside of any element is not allowed
    the XML cannot be read at line 1, column 6 (``): text outside of any element is not allowed
    the XML cannot be read at line 2, column 6 (``): the text ends before `</b>`
    the XML cannot be read at line 1, column 4 (`</b>`): ill-formed document: expected `</a>`, but `</b>` was found
    the XML cannot be read at line 1, column 1 (`<a`): syntax error: tag not closed: `>` not found before end of input
    the XML cannot be read at line 1, column 1 (`<a b='1' b='2'/>`): the attribute `b` occurs twice
    the XML cannot be read at line 1, column 1 (`<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='`): the attribute `q:b` occurs twice
    the XML cannot be read at line 1, column 1 (`<a xmlns='u' xmlns='v'/>`): the attribute `xmlns` occurs twice
    the XML cannot be read at line 1, column 1 (`<a b='<'/>`): `<` is not allowed in an attribute value: write `&lt;`
    the XML cannot be read at line 1, column 1 (`<a b/>`): position 3: attribute key must be directly followed by `=` or space
    the XML cannot be read at line 1, column 1 (`<p:a/>`): the prefix `p` is not bound to a namespace: declare it as in `xmlns:p="…"`
    the XML cannot be read at line 1, column 1 (`<a p:b='1'/>`): the prefix `p` is not bound to a namespace: declare it as in `xmlns:p="…"`
    the XML cannot be read at line 1, column 1 (`<a xmlns:p=''/>`): `xmlns:p` cannot be declared like this: `xml` and `xmlns` are reserved, and a prefix needs a namespace
    the XML cannot be read at line 1, column 1 (`<a xmlns:xml='u'/>`): `xmlns:xml` cannot be declared like this: `xml` and `xmlns` are reserved, and a prefix needs a namespace
    the XML cannot be read at line 1, column 1 (`<a xmlns:xmlns='u'/>`): `xmlns:xmlns` cannot be declared like this: `xml` and `xmlns` are reserved, and a prefix needs a namespace
    the XML cannot be read at line 1, column 1 (`<1a/>`): `1a` is not a name
    the XML cannot be read at line 1, column 1 (`<:a/>`): `:a` is not a name
    the XML cannot be read at line 1, column 1 (`<a:b:c xmlns:a='u'/>`): `a:b:c` is not a name
    the XML cannot be read at line 1, column 4 (`<xml:b/></a>`): `xml:b` cannot be an element: the prefix `xml` is for attributes
    the XML cannot be read at line 1, column 1 (`<></>`): `` is not a name
    the XML cannot be read at line 1, column 1 (`</a>`): ill-formed document: close tag `</a>` does not match any open tag
    the XML cannot be read at line 1, column 4 (`&</a>`): ill-formed document: entity or character reference not closed: `;` not found before end of input
    "#);
}

#[test]
fn xml_reader_enforces_limits() {
    let limits = XmlLimits { depth: 2, nodes: 3, attributes: 1, namespace: 5, bindings: 5 };
    let read = |text: &str| {
        let mut tree = Tree::new();
        let result = XmlTreeReader::new().limits(limits).read(&mut tree, Tree::ROOT, text);
        assert!(result.is_ok() || tree.is_empty());
        result.map_err(|error| error.to_string())
    };
    assert_eq!(read("<a><b/><b/></a>"), Ok(()));
    assert_eq!(read("<a xmlns='urn:a'/>"), Ok(()));
    insta::assert_snapshot!(read("<a xmlns='urn:ab'/>").unwrap_err(), @"the XML cannot be read at line 1, column 1 (`<a xmlns='urn:ab'/>`): a namespace has more than 5 bytes");
    assert_eq!(read("<a xmlns='u'/>"), Ok(()));
    let refusals = [
        read("<a><b><c/></b></a>"),
        read("<a><b/><b/></a><a/>"),
        read("<a xmlns='u' b='1'/>"),
        read("<a xmlns:p='u'><b xmlns:q='u'>p:x q:x</b></a>"),
        read("<a xmlns:p='uu'><b>p:x</b><b>p:y</b></a>"),
    ]
    .map(Result::unwrap_err);
    insta::assert_snapshot!(refusals.join("\n"), @r"
    the XML cannot be read at line 1, column 7 (`<c/></b></a>`): the elements are nested deeper than 2
    the XML cannot be read at line 1, column 16 (`<a/>`): there are more than 3 elements
    the XML cannot be read at line 1, column 1 (`<a xmlns='u' b='1'/>`): the element has more than 1 attributes
    the XML cannot be read at line 1, column 38 (`</b></a>`): the element has more than 1 attributes
    the XML cannot be read at line 1, column 33 (`</b></a>`): the prefixes in values and their namespaces take more than 5 bytes
    ");
}

#[test]
fn failed_read_leaves_tree_unchanged() {
    let mut tree = parse("<a/>").unwrap();
    let a = tree.first_child(Tree::ROOT).unwrap();
    assert!(XmlTreeReader::new().read(&mut tree, a, "<b/><c><d/>").is_err());
    assert_eq!(write(&tree, Tree::ROOT).unwrap(), "<a xmlns=\"\"/>");
    XmlTreeReader::new().read(&mut tree, a, "<b/>").unwrap();
    assert!(XmlTreeReader::new().read(&mut tree, a, "<c/><").is_err());
    assert_eq!(write(&tree, Tree::ROOT).unwrap(), "<a xmlns=\"\"><b/></a>");
}

#[test]
fn unwritable_content_is_rejected() {
    let mut tree = parse("<a><b/></a>").unwrap();
    let a = tree.first_child(Tree::ROOT).unwrap();
    let b = tree.first_child(a).unwrap();
    let mut errors = Vec::new();
    let mut refused = |tree: &Tree| match write(tree, Tree::ROOT) {
        Err(error @ Error::Unwritable { .. }) => errors.push(error.to_string()),
        other => panic!("{other:?}"),
    };
    tree.set_value(b, "x\u{0}", &[]).unwrap();
    refused(&tree);
    tree.set_value(b, "p:x", &[("p", "urn:p"), ("p", "urn:q")]).unwrap();
    refused(&tree);
    tree.set_value(b, "p:x", &[("p", "")]).unwrap();
    refused(&tree);
    tree.set_value(b, "p:x", &[("p", super::XML)]).unwrap();
    refused(&tree);
    tree.clear_value(b);
    let reserved = tree.intern(QName::new(super::XML, "c"));
    let node = tree.append(a, reserved).unwrap();
    refused(&tree);
    tree.detach(node);
    let bad = tree.intern(QName::new("", "b><c"));
    let node = tree.append(a, bad).unwrap();
    refused(&tree);
    tree.detach(node);
    tree.set_attribute(b, QName::new("", "c d"), "");
    refused(&tree);
    insta::assert_snapshot!(errors.join("\n"), @r"
    `/a/b` cannot be written as XML: it contains the character `\u{0}`, which XML cannot carry
    `/a/b` cannot be written as XML: the prefix `p` cannot be bound to `urn:q`
    `/a/b` cannot be written as XML: the prefix `p` cannot be bound to ``
    `/a/b` cannot be written as XML: the prefix `p` cannot be bound to `http://www.w3.org/XML/1998/namespace`
    `/a/c` cannot be written as XML: an element cannot be in the namespace of the prefix `xml`
    `/a/b><c` cannot be written as XML: `b><c` is not a name
    `/a/b` cannot be written as XML: `c d` is not a name
    ");
}

/// Elements whose names, declarations and values mean something else in each of them.
fn repeated_elements() -> impl Strategy<Value = String> {
    let scope = prop::sample::select(vec![
        "",
        " xmlns='urn:x'",
        " xmlns='urn:y'",
        " xmlns:p='urn:x'",
        " xmlns:p='urn:y'",
        " xmlns:q='urn:x' xmlns:p='urn:y'",
        " a='1'",
        " xmlns:p='urn:x' p:a='1'",
    ]);
    let value = prop::sample::select(vec!["", "1", "p:b", "q:b", "p:b q:c", "&amp;", "p:b&lt;"]);
    let name = || prop::sample::select(vec!["a", "b", "p:a", "comment"]);
    let leaf = (name(), scope.clone(), value)
        .prop_map(|(name, scope, value)| format!("<{name}{scope}>{value}</{name}>"));
    leaf.prop_recursive(3, 24, 4, move |inner| {
        (name(), scope.clone(), prop::collection::vec(inner, 0..4))
            .prop_map(|(name, scope, inner)| format!("<{name}{scope}>{}</{name}>", inner.concat()))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// What is remembered of one element changes nothing of another.
    #[test]
    fn each_element_is_read_as_if_it_were_alone(elements in prop::collection::vec(repeated_elements(), 1..6), tolerant in any::<bool>()) {
        let scope = [("", "urn:around"), ("p", "urn:p"), ("q", "http://xml.juniper.net/junos")];
        let reader = if tolerant { XmlTreeReader::new().tolerant() } else { XmlTreeReader::new() }.scope(&scope);
        let mut together = Tree::new();
        reader.read(&mut together, Tree::ROOT, &elements.concat()).unwrap();
        let mut alone = Tree::new();
        for element in &elements {
            let mut tree = Tree::new();
            reader.read(&mut tree, Tree::ROOT, element).unwrap();
            if let Some(top) = tree.first_child(Tree::ROOT) {
                alone.append_copy(Tree::ROOT, &tree, top).unwrap();
            }
        }
        prop_assert_eq!(write(&together, Tree::ROOT).unwrap(), write(&alone, Tree::ROOT).unwrap());
    }
}

#[test]
fn room_for_values_is_what_the_text_suggests() {
    let even = parse(&"<a><b>value of a leaf</b><c>1</c></a>".repeat(20_000)).unwrap();
    let (stored, room) = even.text_room();
    assert!(room < stored / 10, "{room} of {stored}");
    // The first half is one value, the other has none.
    let uneven = format!("<a>{}</a>{}", "x".repeat(1 << 20), "<b/>".repeat(1 << 18));
    let (stored, room) = parse(&uneven).unwrap().text_room();
    assert!(stored + room <= uneven.len(), "{room} beside {stored}");
}
