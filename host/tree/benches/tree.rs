//! Reading and writing a large configuration (45 MB, 2 million nodes), and what is done with one of 5,000
//! entries.

#![allow(missing_docs)] // the macro's own items

use std::{fmt::Write as _, hint::black_box};

use confine_tree::{
    CONTROLLER, ChildIndex, Edit, ListKeys, NoSchema, QName, Tree, TreeModel, XPathFilter, diff, xml,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// A reply of the controller with this many devices of a thousand interfaces each: a device takes
/// 230 kB and has 14 thousand nodes.
fn devices(count: usize) -> String {
    let mut text = String::from("<devices xmlns=\"http://clicon.org/controller\">");
    for device in 0..count {
        let _ = write!(
            text,
            "<device><name>r{device}</name><config><interfaces xmlns=\"http://openconfig.net/yang/interfaces\">"
        );
        for port in 0..1000 {
            let _ = write!(
                text,
                "<interface><name>ge-{port}</name><config><name>ge-{port}</name><mtu>1500</mtu>\
                 <description>to &lt;{port}&gt;</description><enabled>true</enabled><type \
                 xmlns:ianaift=\"urn:ietf:params:xml:ns:yang:iana-if-type\">ianaift:ethernetCsmacd</type>\
                 <loopback-mode>false</loopback-mode><tpid>0</tpid></config><state><a/><b/><c/></state></interface>"
            );
        }
        text.push_str("</interfaces></config></device>");
    }
    text + "</devices>"
}

fn xml_in_and_out(criterion: &mut Criterion) {
    let text = devices(140);
    let tree = xml::parse(&text).unwrap_or_default();
    let mut group = criterion.benchmark_group(format!("xml/{} nodes", tree.len()));
    group.throughput(Throughput::Bytes(text.len() as u64)).sample_size(10);
    group.bench_function("read", |bencher| bencher.iter(|| xml::parse(black_box(&text))));
    group.bench_function("write", |bencher| bencher.iter(|| xml::write(black_box(&tree), Tree::ROOT)));
    group.finish();
}

/// A tree of so many services.
fn services(count: usize) -> Tree {
    let services = (0..count).map(|number| {
        format!("<bench xmlns=\"urn:bench\"><service-name>s{number}</service-name><mtu>1500</mtu></bench>")
    });
    let text = format!("<services xmlns=\"{CONTROLLER}\">{}</services>", services.collect::<String>());
    xml::parse(&text).unwrap_or_default()
}

fn one_of_many(criterion: &mut Criterion) {
    const COUNT: usize = 5_000;
    let mut tree = services(COUNT);
    let mut keys = ListKeys::new();
    let _ = keys.learn_service(QName::new("urn:bench", "bench"), &["service-name"]);
    let model = TreeModel::new(&NoSchema, &keys);
    let mut group = criterion.benchmark_group(format!("{COUNT} entries"));

    let [list, key] = ["bench", "service-name"].map(|local| tree.intern(QName::new("urn:bench", local)));
    let parent = tree.first_child(Tree::ROOT).unwrap_or(Tree::ROOT);
    let mut index = ChildIndex::new();
    group.bench_function("find one", |bencher| {
        bencher.iter(|| index.find(&tree, parent, list, &[(key, black_box("s4321"))]))
    });

    let namespaces = [("ctrl", CONTROLLER), ("b", "urn:bench")];
    let all: Vec<String> = (0..COUNT)
        .map(|number| format!("/ctrl:services/b:bench[b:service-name='s{number}']/b:mtu"))
        .collect();
    let filter = XPathFilter::parse(&all.join(" | "), &namespaces).unwrap_or_default();
    group
        .bench_function("select each by its own path", |bencher| bencher.iter(|| filter.select(&tree).len()));

    let mut other = tree.clone();
    let entry = index.find(&tree, parent, list, &[(key, "s4321")]).unwrap_or(parent);
    let mtu = other.child(entry, QName::new("urn:bench", "mtu")).unwrap_or(entry);
    let _ = other.set_value(mtu, "9000", &[]);
    group.bench_function("difference in one", |bencher| bencher.iter(|| diff(&tree, &other, &model)));

    group.bench_function("merge all into nothing", |bencher| {
        bencher.iter(|| {
            let mut merged = Tree::new();
            Edit::new(model).apply(&mut merged, &tree).map(|()| merged.len())
        })
    });
    group.finish();
}

criterion_group!(benches, xml_in_and_out, one_of_many);
criterion_main!(benches);
