//! A module that has taken over the compiler. Nobody knows how one would do that, so it is done for it: the worker of a
//! running daemon is stopped in the middle of its work, and made to call the system.

use std::process::Command;

use nix::libc::{SYS_access, SYS_execve, SYS_fork, SYS_kill, SYS_open, SYS_socket};

use crate::{
    case::{HostileTestbed, good, good_module, hostile, instance, not_loaded},
    load::nested_blocks,
    runtime,
    traced::Taken,
};

/// Why there is no module once the worker has ended.
const ENDED: &str = "`hostile.wasm`: module `hostile` cannot be loaded: the compiler ended on it without an answer (signal: 9 (SIGKILL))";

/// A file that everyone may read.
const FILE: &str = "/etc/passwd";

/// What seccomp answers, Landlock, and the limit on descriptors.
const DENIED: [i32; 3] = [nix::libc::EPERM, nix::libc::EACCES, nix::libc::EMFILE];

/// A system call: its number, and its arguments, which may be the address of [`FILE`] and the parent's number.
type Call = (i64, fn(u64, u64) -> [u64; 4]);

const FILES: [Call; 2] = [(SYS_open, |file, _| [file, 0, 0, 0]), (SYS_access, |file, _| [file, 0, 0, 0])];

const OTHERS: [Call; 2] = [(SYS_socket, |_, _| [2, 1, 0, 0]), (SYS_kill, |_, parent| [parent, 0, 0, 0])];

const PROCESSES: [Call; 2] = [(SYS_fork, |_, _| [0; 4]), (SYS_execve, |file, _| [file, 0, 0, 0])];

pub fn files() {
    assert!(anyone_may(&FILES));
    no_worker_may(&FILES);
}

pub fn calls() {
    assert!(anyone_may(&OTHERS));
    no_worker_may(&[OTHERS, PROCESSES].concat());
}

/// Whether a process can make these calls that nothing confines.
fn anyone_may(calls: &[Call]) -> bool {
    let mut process = Command::new("sleep").arg("3600").spawn().unwrap();
    let taken = Taken::over(process.id(), FILE);
    let can = calls.iter().all(|(number, arguments)| {
        taken.call(*number, arguments(taken.text(), std::process::id().into())) >= 0
    });
    taken.kill();
    // Who has taken a child over has seen its end.
    let _ = process.wait();
    can
}

/// A worker can make none of them, and its end is a refusal.
fn no_worker_may(calls: &[Call]) {
    runtime().block_on(async {
        let mut testbed = HostileTestbed::with(&[("good", good_module())], "").await;
        testbed.commit_good("first").await;
        let before = testbed.daemon.memory();
        testbed.place("hostile", &hostile().fields(&nested_blocks(3_000)).build());
        let worker = testbed.daemon.worker();
        let taken = Taken::over(worker, FILE);
        for (number, arguments) in calls {
            let answer = taken.call(*number, arguments(taken.text(), testbed.daemon.id().into()));
            assert!(DENIED.iter().any(|&error| answer == -i64::from(error)), "{number}: {answer}");
        }
        taken.kill();
        testbed.daemon.await_log("the compiler ended on it without an answer");
        let committed = testbed.commit(&(good("second") + &instance(&[]))).await;
        testbed.assert_failed(&committed, &not_loaded(ENDED));
        testbed.base.discard().await.unwrap();
        testbed.settle(before);
        testbed.commit_good("third").await;
        testbed.end();
    });
}
