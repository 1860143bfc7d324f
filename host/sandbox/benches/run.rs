//! What a run costs besides what the module does: the store, the instance, the thread; and a call of the
//! host.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unreachable,
    reason = "a benchmark fails by panicking"
)]
#![allow(
    unreachable_pub,
    dead_code,
    reason = "the guests are shared with the tests, each of which uses some"
)]

#[path = "../tests/guest/mod.rs"]
mod guest;
#[path = "../tests/guest/host.rs"]
mod host;

use confine_sandbox::{Budget, EntryPoint, Limits, ScaledLimit};
use criterion::{Criterion, criterion_group, criterion_main};
use guest::{Guest, OK};

fn runs(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let limits = Limits { fuel: ScaledLimit { base: 1 << 40, per_instance: 1 << 40 }, ..Limits::default() };
    let runner = host::runner();
    let thousand_calls = "(local $n i32)
        (loop $again
            (call $get (local.get $view) (global.get $path) (global.get $path.len) (global.get $scratch))
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $n) (i32.const 1000))))
        (global.get $ok)";
    let calls = Guest::new().text("path", "/devices").realloc("(return (i32.const 131072))").pages(4);
    for (name, guest) in [("empty run", Guest::new().apply(OK)), ("1,000 gets", calls.apply(thousand_calls))]
    {
        let module = runtime.block_on(runner.load("bench", guest.build(), &limits)).unwrap();
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut budget = Budget::new(&limits, 1);
                let run = host::run_one(&runner, &module, &mut budget, EntryPoint::Apply, "s1");
                runtime.block_on(run).outcome.unwrap();
            });
        });
    }
}

criterion_group!(benches, runs);
criterion_main!(benches);
