use std::{fs, path::Path};

use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
    test_runner::{Config, TestError, TestRunner},
};

/// This many changed inputs take a second or two without optimisation.
const CASES: u32 = 4_000;

/// The most that [`try_out`] makes of an input, in octets.
const LONGEST: usize = 4 << 10;

/// Holds a property against the kept corpus of a fuzz target, and against inputs that small changes make of it.
///
/// # Panics
/// Where the property does, with the smallest input that was found to make it.
pub fn try_out(target: &str, property: fn(&[u8])) {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let files = fs::read_dir(&kept).expect("the corpus is there").map(|file| file.expect("an entry").path());
    let mut files: Vec<_> = files.collect();
    files.sort();
    let corpus: Vec<Vec<u8>> = files
        .iter()
        .map(|file| {
            let input = fs::read(file).expect("an input");
            eprintln!("{}", file.display());
            property(&input);
            input
        })
        .collect();
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let tried = TestRunner::new(config).run(&changed(corpus), |input| {
        property(&input);
        Ok(())
    });
    match tried {
        Ok(()) => {}
        Err(TestError::Fail(reason, input)) => panic!("{reason}\ninput: b\"{}\"", input.escape_ascii()),
        Err(error) => panic!("{error}"),
    }
}

/// Inputs of the corpus in which some octets have been replaced by others, or by a part of another input.
fn changed(corpus: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let part = (select(corpus.clone()), any::<Index>(), 1..64usize).prop_map(|(input, from, length)| {
        let from = from.index(input.len() + 1);
        input.into_iter().skip(from).take(length).collect::<Vec<u8>>()
    });
    let put = prop_oneof![2 => vec(any::<u8>(), 0..4), 1 => part];
    let change = (any::<Index>(), 0..8usize, put);
    (select(corpus), vec(change, 0..6)).prop_map(|(mut input, changes)| {
        for (from, removed, put) in changes {
            let from = from.index(input.len() + 1);
            let to = input.len().min(from + removed);
            input.splice(from..to, put);
        }
        input.truncate(LONGEST);
        input
    })
}
