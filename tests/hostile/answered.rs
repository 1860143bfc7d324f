//! Measures how late a commit is answered whose module is ended by the wall clock limit: the time beyond that limit, as the
//! committing user sees it. It includes the controller, the good module and the wire. All threads of the daemon share one
//! processor.
//!
//!     cargo test -p confine-tests --test hostile -- --bench
//!
//! It is measured and not tested: what else a machine does is no fault of Confine.

use std::time::Duration;

use libtest_mimic::{Failed, Measurement, Trial};

use crate::{
    case::{Case, good, instance},
    daemon::Machine,
    memory, runtime, time,
};

/// The time that the module has.
const TIME: Duration = Duration::from_secs(1);

/// So often each is played.
const ROUNDS: usize = 5;

/// Those that never give their thread back by themselves.
const ROWS: [&str; 15] = [
    "loop-in-apply",
    "loop-in-realloc",
    "loop-in-post-return",
    "loop-in-destructor",
    "loop-of-cheap-calls",
    "find-everything",
    "read-everything",
    "long-paths",
    "many-predicates",
    "bulk-fill",
    "stdin",
    "random-for-ever",
    "stdout-flood",
    "stderr-flood",
    "kept-log",
];

/// A benchmark for each row: the mean of how late it is, and by how much the latest was later than that.
pub fn trials() -> impl Iterator<Item = Trial> {
    let cases = time::PART.cases.iter().chain(memory::PART.cases);
    cases.filter(|case| ROWS.contains(&case.id)).map(|case| {
        Trial::bench(case.id, move |_| {
            let late: Vec<u64> = runtime().block_on(measure(case))?;
            let avg = late.iter().sum::<u64>() / late.len() as u64;
            let latest = late.iter().copied().max().unwrap_or_default();
            Ok(Some(Measurement { avg, variance: latest - avg }))
        })
    })
}

async fn measure(case: &Case) -> Result<Vec<u64>, Failed> {
    let limits = format!(
        "handles = 1_000_000_000
        fuel.base = 1_000_000_000_000
        host_work.base = 1_000_000_000_000
        bytes_in.base = '1000 GiB'
        bytes_out.base = '1000 GiB'
        wall_clock = {{ base = '{} s', per_instance = '1 us' }}",
        TIME.as_secs()
    );
    let mut testbed = case.begin(&limits, Machine::OneProcessor).await;
    testbed.commit_good("first").await;
    let mut late = Vec::new();
    for _ in 0..ROUNDS {
        let committed = testbed.commit(&(good("second") + &instance(&[]))).await;
        if !committed.reason().contains("wall clock limit reached") {
            return Err(committed.reason().into());
        }
        late.push(u64::try_from(committed.elapsed.saturating_sub(TIME).as_nanos())?);
        testbed.base.discard().await?;
    }
    testbed.end();
    Ok(late)
}
