//! All limits in one value.

use std::time::Duration;

/// An amount that one module may use in one commit. It grows with the number of instances that the commit runs, so
/// that a commit of thousands of instances succeeds and no single instance can use it all: one instance may use at
/// most [`base`](Self::base).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScaledLimit<T> {
    /// The amount for the commit, and the maximum for one instance.
    pub base: T,
    /// The additional amount for each instance that the commit runs.
    pub per_instance: T,
}

impl ScaledLimit<u64> {
    /// Returns the amount for a commit that runs this many instances.
    pub fn total(&self, instances: u64) -> u64 {
        self.base.saturating_add(self.per_instance.saturating_mul(instances))
    }
}

impl ScaledLimit<Duration> {
    /// Returns the amount for a commit that runs this many instances.
    pub fn total(&self, instances: u64) -> Duration {
        let instances = u32::try_from(instances).unwrap_or(u32::MAX);
        self.base.saturating_add(self.per_instance.saturating_mul(instances))
    }
}

/// All limits of a module. A limit of the commit is for one module in one commit, and the instances that it runs for
/// share it. A limit of an instance starts again with each call, because each call has its own store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// What guests execute, in units of fuel: about one for each WebAssembly instruction, and one for
    /// each byte of a bulk copy. The same run uses the same fuel on every machine. Two thousand million
    /// are two to six seconds; a call of the example services uses less than a million, a first call of
    /// a Python module about 50 million. Of the commit; it holds for `describe` too.
    pub fuel: ScaledLimit<u64>,
    /// Time on the wall from the start of each call to its end, summed over the commit. Fuel does not see
    /// time that the host or the backend needs. The committing user waits for it, so a commit has an end
    /// of its own besides, which its caller sets.
    pub wall_clock: ScaledLimit<Duration>,
    /// What calls of the view make the host do, in units of about 50 ns: nodes visited and bytes copied
    /// (see [`confine_view::Meter`]). Fuel does not see it either, and unlike the wall clock it does not
    /// depend on the machine's load. The default is worth about as much time as the wall clock. Of the
    /// commit.
    pub host_work: ScaledLimit<u64>,
    /// Bytes of memory, summed over all linear memories and tables of an instance. An interpreter needs
    /// 16 MiB at least.
    pub memory: u64,
    /// Bytes of the stack that guests run on. A constant of the host and not of a module: compiled code
    /// shares it. Rust and C keep a second one in linear memory, whose size their linker sets.
    pub stack: usize,
    /// Core instances in an instance. A component of one language has two to five; one that links
    /// interpreters with their libraries at run time has about thirty.
    pub core_instances: usize,
    /// Linear memories in an instance: each reserves 4 GiB of address space, and adapters make a second.
    pub memories: usize,
    /// Tables in an instance.
    pub tables: usize,
    /// Handles to resources (views, streams, timers) that are open at one time in an instance.
    pub handles: usize,
    /// Bytes of strings and lists that guests pass to the host: the host keeps edits until the commit
    /// ends, and their paths and values are part of this. Of the commit.
    pub bytes_out: ScaledLimit<u64>,
    /// Bytes of strings and lists that the host copies into guests. Of the commit.
    pub bytes_in: ScaledLimit<u64>,
    /// Bytes of strings and lists that one call may pass, either way: a call that passes them cannot be
    /// stopped halfway. Eight MiB take a few milliseconds.
    pub bytes_per_call: usize,
    /// Nodes set, created or removed. A bigger edit than the default takes the controller minutes. Of the
    /// commit.
    pub edits: ScaledLimit<u64>,
    /// Bytes of log lines, standard output and standard error. What is over it is dropped and counted;
    /// nothing fails. Of the commit.
    pub log: ScaledLimit<u64>,
    /// Bytes of one text that a person reads: a message of a module, one field of a log line, the tail of
    /// standard error in a message. What is over it is cut.
    pub text: usize,
    /// Bytes of a component's file.
    pub component: u64,
    /// Bytes of what the compiler returns, which the daemon has in memory while it loads the module. A large
    /// interpreter has about 40 MiB.
    pub compiled: u64,
    /// Bytes of the daemon's memory that a component takes for as long as it is loaded: its code, and what the
    /// runtime keeps of its exports, globals, tables and instances, which can be twenty times as much as in the
    /// file. A large interpreter takes 41 MiB, 2 MiB of them besides its code.
    pub resident: u64,
    /// Processor time that compiling a component may take. A large interpreter takes 9 s.
    pub compile_cpu: Duration,
    /// Time on the wall that compiling may take, on a machine that is busy with other things.
    pub compile_wall_clock: Duration,
    /// Bytes of address space that compiling may take. A large interpreter takes 1.5 GB.
    pub compile_memory: u64,
}

/// Returns a time in microseconds, the unit that budgets count in.
pub(crate) fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

const MIB: u64 = 1 << 20;

impl Default for Limits {
    fn default() -> Self {
        Self {
            fuel: ScaledLimit { base: 2_000_000_000, per_instance: 50_000_000 },
            wall_clock: ScaledLimit {
                base: Duration::from_secs(10),
                per_instance: Duration::from_millis(10),
            },
            host_work: ScaledLimit { base: 200_000_000, per_instance: 200_000 },
            memory: 64 * MIB,
            stack: 512 << 10,
            core_instances: 256,
            memories: 16,
            tables: 256,
            handles: 10_000,
            bytes_out: ScaledLimit { base: 64 * MIB, per_instance: 256 << 10 },
            bytes_in: ScaledLimit { base: 64 * MIB, per_instance: 256 << 10 },
            bytes_per_call: 8 << 20,
            edits: ScaledLimit { base: 100_000, per_instance: 1_000 },
            log: ScaledLimit { base: 64 << 10, per_instance: 1 << 10 },
            text: 4 << 10,
            component: 64 * MIB,
            compiled: 256 * MIB,
            resident: 128 * MIB,
            compile_cpu: Duration::from_secs(60),
            compile_wall_clock: Duration::from_secs(120),
            compile_memory: 4 << 30,
        }
    }
}
