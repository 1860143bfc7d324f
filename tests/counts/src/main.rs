//! Work whose instructions are counted by `check`: the same in each run, without threads, clocks or modules.
//!
//!     confine-counts commit|parse SIZE
//!
//! And what `parse` is compared with: `quick-xml` reads the same and makes nothing of it, `reply` only makes the reply that both
//! read, and `compare` measures both in turn, and the memory.
//!
//!     confine-counts quick-xml|reply|compare SIZE

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "it fails by panicking"
)]

mod commit;
mod parse;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["commit", size] => println!("{} bytes of an edit", commit::run(size.parse().unwrap())),
        ["parse", size] => println!("{} nodes of a reply", parse::run(size.parse().unwrap())),
        ["quick-xml", size] => println!("{} events", parse::run_quick_xml(size.parse().unwrap())),
        ["reply", size] => println!("{} bytes of a reply", parse::make(size.parse().unwrap())),
        ["compare", size] => println!("{}", parse::compare(size.parse().unwrap())),
        _ => panic!("usage: confine-counts commit|parse|quick-xml|reply|compare SIZE"),
    }
}
