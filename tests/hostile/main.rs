//! The hostile suite: what a module may try against its host, each tried.
//!
//! `SUITE.md` lists it in words, a row for each thing that is tried. The tables here say for each row what
//! tries it: a [`Case`], which is a whole module, played against the daemon and an embedded controller; a
//! test of its own, where a commit is not the point; or the test of another crate that shows it at the
//! level that it belongs to ([`Elsewhere`]). A row without any of these fails the suite, and so does what
//! stands in no row.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
#![allow(unreachable_pub, missing_docs, dead_code, reason = "a program, whose guests are shared by several")]

mod afterwards;
mod answered;
mod authority;
mod case;
mod daemon;
mod determinism;
#[path = "../../host/sandbox/tests/guest/mod.rs"]
mod guest;
mod load;
mod loading;
mod memory;
mod recovery;
mod serving;
#[cfg(target_arch = "x86_64")]
mod taken;
mod time;
mod traced;

/// Whoever takes a process over sets its registers, and those are another processor's.
#[cfg(not(target_arch = "x86_64"))]
mod taken {
    pub fn files() {
        eprintln!("skipped: only on x86_64 is a compiler taken over");
    }

    pub fn calls() {
        files();
    }
}

use std::{collections::BTreeMap, fs, path::Path, process::ExitCode};

use libtest_mimic::{Arguments, Trial};

use crate::case::Case;

/// A row that is shown by a test of another crate: the row, the file from the top of the repository, the
/// test.
pub struct Elsewhere(&'static str, &'static str, &'static str);

/// A row with a test of its own.
pub struct Own(&'static str, fn());

/// What shows the rows of one part of the suite.
pub struct Part {
    pub cases: &'static [Case],
    pub own: &'static [Own],
    pub elsewhere: &'static [Elsewhere],
}

const PARTS: [&Part; 9] = [
    &time::PART,
    &memory::PART,
    &afterwards::PART,
    &load::PART,
    &loading::PART,
    &authority::PART,
    &serving::PART,
    &determinism::PART,
    &recovery::PART,
];

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    if arguments.bench {
        arguments.test_threads = Some(1);
        let trials =
            answered::trials().chain(afterwards::trials()).chain(answered::responses(&PARTS)).collect();
        return libtest_mimic::run(&arguments, trials).exit_code();
    }
    arguments.test_threads = arguments.test_threads.or_else(test_threads);
    let mut trials = vec![Trial::test("every_row_is_shown", || {
        every_row_is_shown();
        Ok(())
    })];
    for part in PARTS {
        for case in part.cases {
            trials.push(Trial::test(case.id, move || {
                runtime().block_on(case.play());
                Ok(())
            }));
            trials.push(Trial::test(format!("terminated-during-{}", case.id), move || {
                runtime().block_on(case.play_terminated());
                Ok(())
            }));
        }
        for &Own(id, test) in part.own {
            trials.push(Trial::test(id, move || {
                test();
                Ok(())
            }));
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Returns how many rows are played at once: as many as the standard harness plays tests.
fn test_threads() -> Option<usize> {
    std::env::var("RUST_TEST_THREADS").ok()?.parse().ok()
}

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// Every row of `SUITE.md` has something that shows it, and everything that does shows a row.
fn every_row_is_shown() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let suite = fs::read_to_string(top.join("tests/hostile/SUITE.md")).unwrap();
    // - `row`: in words
    let rows: Vec<&str> =
        suite.lines().filter_map(|line| Some(line.strip_prefix("- `")?.split_once("`: ")?.0)).collect();
    let mut shown: BTreeMap<&str, usize> = BTreeMap::new();
    for part in PARTS {
        for Elsewhere(_, file, test) in part.elsewhere {
            let text = fs::read_to_string(top.join(file)).unwrap();
            let is_there = text.contains(&format!("fn {test}(")) || text.contains(&format!("\"{test}\""));
            assert!(is_there, "there is no test `{test}` in `{file}`");
        }
        let ids = part.cases.iter().map(|case| case.id);
        let ids = ids.chain(part.own.iter().map(|own| own.0)).chain(part.elsewhere.iter().map(|at| at.0));
        ids.for_each(|id| *shown.entry(id).or_default() += 1);
    }
    for row in &rows {
        assert!(shown.contains_key(row), "nothing shows the row `{row}`");
        assert_eq!(rows.iter().filter(|other| other == &row).count(), 1, "the row `{row}` stands twice");
    }
    for id in shown.keys() {
        assert!(rows.contains(id), "`{id}` is no row of SUITE.md");
    }
}
