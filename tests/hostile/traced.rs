//! Processes and threads under control of this test, by the kernel's debugging interface: they stop, or make system calls
//! that their program would not make.

use std::{
    fs,
    sync::mpsc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use nix::{
    sys::{
        ptrace::{self, Options},
        signal::{Signal, kill},
        wait::{WaitPidFlag, waitpid},
    },
    unistd::Pid,
};

use crate::daemon::PATIENCE;

/// Waits for a value that will be there soon.
pub fn soon<T>(what: &str, mut find: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = find() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "{what} does not come");
        thread::sleep(Duration::from_millis(1));
    }
}

/// A thread that is stopped until this is dropped.
pub struct Stopped {
    release: Option<mpsc::Sender<()>>,
    tracer: Option<JoinHandle<()>>,
}

impl Stopped {
    /// Stops the running thread with this name.
    pub fn thread(process: u32, name: &str) -> Self {
        let thread = soon("the thread", || {
            let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap();
            let threads = tasks.filter_map(|task| task.unwrap().file_name().to_str()?.parse().ok());
            // 1234 (name) R …
            let running = format!("({name}) R ");
            threads.into_iter().find(|thread: &i32| {
                let stat = fs::read_to_string(format!("/proc/{process}/task/{thread}/stat"));
                stat.is_ok_and(|stat| stat.contains(&running))
            })
        });
        let (release, released) = mpsc::channel();
        let (tell, told) = mpsc::channel();
        // Only the thread that stopped it, its tracer, can let it go.
        let tracer = thread::spawn(move || {
            let thread = Pid::from_raw(thread);
            stop(thread);
            tell.send(()).unwrap();
            let _: Result<(), _> = released.recv();
            ptrace::detach(thread, None).unwrap();
        });
        told.recv().unwrap();
        Self { release: Some(release), tracer: Some(tracer) }
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        drop(self.release.take());
        if let Some(tracer) = self.tracer.take() {
            let _ = tracer.join();
        }
    }
}

fn stop(thread: Pid) {
    ptrace::seize(thread, Options::empty()).unwrap();
    ptrace::interrupt(thread).unwrap();
    wait(thread);
}

fn wait(thread: Pid) {
    waitpid(thread, Some(WaitPidFlag::__WALL)).unwrap();
}

/// A process with one thread that is under control of the thread that took it over.
#[cfg(target_arch = "x86_64")]
pub struct Taken {
    process: Pid,
    /// The address of a `syscall` instruction.
    instruction: u64,
    /// The address of a text in its memory.
    text: u64,
}

#[cfg(target_arch = "x86_64")]
impl Taken {
    /// Takes a process over and writes a text to its stack. The process does not resume its own work.
    pub fn over(process: u32, text: &str) -> Self {
        use std::os::unix::fs::FileExt as _;

        let pid = Pid::from_raw(process.cast_signed());
        stop(pid);
        let memory = fs::File::options().read(true).write(true).open(format!("/proc/{process}/mem")).unwrap();
        let at = ptrace::getregs(pid).unwrap().rsp;
        memory.write_all_at(format!("{text}\0").as_bytes(), at).unwrap();
        let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
        // 7f0000000000-7f0000001000 r-xp …
        let code = maps.lines().filter(|line| line.contains(" r-xp ")).filter_map(|line| {
            let (from, to) = line.split_once(' ')?.0.split_once('-')?;
            Some((u64::from_str_radix(from, 16).ok()?, u64::from_str_radix(to, 16).ok()?))
        });
        let instruction = code.into_iter().find_map(|(from, to)| {
            let mut bytes = vec![0; usize::try_from(to - from).unwrap()];
            memory.read_exact_at(&mut bytes, from).ok()?;
            let offset = bytes.windows(2).position(|pair| pair == [0x0f, 0x05])?;
            Some(from + offset as u64)
        });
        Self { process: pid, instruction: instruction.unwrap(), text: at }
    }

    /// Returns the address of the text.
    pub fn text(&self) -> u64 {
        self.text
    }

    /// Kills it.
    pub fn kill(self) {
        kill(self.process, Signal::SIGKILL).unwrap();
        // Its parent is not notified earlier.
        wait(self.process);
    }

    /// Makes it call the system, and returns the result; errors are negative.
    pub fn call(&self, number: i64, arguments: [u64; 4]) -> i64 {
        let mut registers = ptrace::getregs(self.process).unwrap();
        registers.rip = self.instruction;
        registers.rax = number.cast_unsigned();
        // So that no system call is restarted.
        registers.orig_rax = u64::MAX;
        [registers.rdi, registers.rsi, registers.rdx, registers.r10] = arguments;
        ptrace::setregs(self.process, registers).unwrap();
        ptrace::step(self.process, None).unwrap();
        wait(self.process);
        ptrace::getregs(self.process).unwrap().rax.cast_signed()
    }
}
