//! Measures how late a commit is answered whose module is ended by the wall clock limit: the time beyond that limit, as the
//! committing user sees it. It includes the controller, the good module and the wire. All threads of the daemon share one
//! processor.
//!
//! Also, for each row that is a commit, how long the daemon takes to answer a request for its status meanwhile
//! (`status-during-…`, the mean and how much longer the longest took), and to exit after SIGTERM (`exit-during-…`).
//!
//!     cargo test -p confine-tests --test hostile -- --bench
//!
//! It is measured and not tested: what else a machine does is no fault of Confine.

use std::{
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use libtest_mimic::{Failed, Measurement, Trial};

use crate::{
    Part,
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
        "handles = 100_000_000
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

/// Benchmarks for each case: the response to a request for the status, and the exit.
pub fn responses(parts: &'static [&'static Part]) -> impl Iterator<Item = Trial> {
    let cases = parts.iter().flat_map(|part| part.cases);
    cases.flat_map(|case| {
        let status = Trial::bench(format!("status-during-{}", case.id), move |_| {
            let took = runtime().block_on(status(case));
            let avg = took.iter().sum::<u64>() / took.len().max(1) as u64;
            let longest = took.iter().copied().max().unwrap_or_default();
            Ok(Some(Measurement { avg, variance: longest - avg }))
        });
        let exit = Trial::bench(format!("exit-during-{}", case.id), move |_| {
            let took = runtime().block_on(case.play_terminated());
            Ok(Some(Measurement { avg: u64::try_from(took.as_nanos())?, variance: 0 }))
        });
        [status, exit]
    })
}

/// Asks for the status, again and again while the commit is played, and returns how many nanoseconds each response took.
async fn status(case: &Case) -> Vec<u64> {
    let mut testbed = case.begin(case.limits, Machine::Whole).await;
    testbed.commit_good("first").await;
    let socket = testbed.directory.path().join("admin.sock");
    let ended = AtomicBool::new(false);
    let mut took = Vec::new();
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut took = Vec::new();
            while !ended.load(Ordering::Relaxed) {
                let began = Instant::now();
                ask(&socket);
                took.push(u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX));
                std::thread::sleep(Duration::from_millis(1));
            }
            took
        });
        let services = good("second") + &instance(case.lines());
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(testbed.commit(&services));
        });
        ended.store(true, Ordering::Relaxed);
        took = asking.join().unwrap();
    });
    testbed.end();
    took
}

fn ask(socket: &Path) {
    let mut connection = UnixStream::connect(socket).unwrap();
    connection.write_all(b"GET /v1/status HTTP/1.1\r\nHost: confine\r\nConnection: close\r\n\r\n").unwrap();
    let mut response = String::new();
    connection.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
}
