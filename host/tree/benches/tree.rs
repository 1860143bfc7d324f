//! Reading and writing a large configuration: 45 MB of XML, 2 million nodes.

#![allow(missing_docs)] // for the items that the macro generates

use std::{fmt::Write as _, hint::black_box};

use confine_tree::{Tree, xml};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Returns a reply of the controller with this many devices of a thousand interfaces each. A device has 230
/// kB and 14 thousand nodes.
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

fn read_and_write(criterion: &mut Criterion) {
    let text = devices(140);
    let tree = xml::parse(&text).unwrap_or_default();
    let mut group = criterion.benchmark_group(format!("xml/{} nodes", tree.len()));
    group.throughput(Throughput::Bytes(text.len() as u64)).sample_size(10);
    group.bench_function("read", |bencher| bencher.iter(|| xml::parse(black_box(&text))));
    group.bench_function("write", |bencher| bencher.iter(|| xml::write(black_box(&tree), Tree::ROOT)));
    group.finish();
}

criterion_group!(benches, read_and_write);
criterion_main!(benches);
