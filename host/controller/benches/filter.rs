//! Selects 5,000 list entries by a filter that names each by its keys, as the services daemon sends it.

#![allow(missing_docs)] // the macro's own items

use confine_controller::XPathFilter;
use confine_tree::{CONTROLLER, xml};
use criterion::{Criterion, criterion_group, criterion_main};

fn each_by_its_own_path(criterion: &mut Criterion) {
    const COUNT: usize = 5_000;
    let services: String = (0..COUNT)
        .map(|number| {
            format!(
                "<bench xmlns=\"urn:bench\"><service-name>s{number}</service-name><mtu>1500</mtu></bench>"
            )
        })
        .collect();
    let text = format!("<services xmlns=\"{CONTROLLER}\">{services}</services>");
    let tree = xml::parse(&text).unwrap_or_default();
    let namespaces = [("ctrl", CONTROLLER), ("b", "urn:bench")];
    let all: Vec<String> = (0..COUNT)
        .map(|number| format!("/ctrl:services/b:bench[b:service-name='s{number}']/b:mtu"))
        .collect();
    let filter = XPathFilter::parse(&all.join(" | "), &namespaces).unwrap_or_default();
    criterion.bench_function("filter: each of 5,000 entries by its keys", |bencher| {
        bencher.iter(|| filter.select(&tree).len());
    });
}

criterion_group!(benches, each_by_its_own_path);
criterion_main!(benches);
