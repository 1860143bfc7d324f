//! What a process gives up for good before it touches what a stranger wrote.
//!
//! There are three layers, and each one holds where another has a hole or the kernel lacks it.
//!
//! - [Resource limits](limits): so much memory and processor time, no new descriptor, no file that grows.
//! - [Landlock](landlock): no file, no network port, no signal to a process outside.
//! - [Seccomp](seccomp): no system call but those that computing and talking through open pipes take.
//!
//! The first is there on every kernel. The other two are not (Landlock came with Linux 5.13, and both may
//! be switched off); what is in force is in a [`Confinement`], to be told to the operator.
//!
//! Each function is for the thread that calls it and what it starts: call it where there is one thread.

use std::{collections::BTreeMap, fmt, io, time::Duration};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, Ruleset, RulesetAttr as _, RulesetError, RulesetStatus, Scope,
};
use rustix::process::{Resource, Rlimit, Signal, setrlimit};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

/// How far a layer is in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LayerState {
    /// Not at all: this kernel has not got it.
    #[default]
    None,
    /// As far as this kernel knows it.
    Partly,
    /// All of it.
    Whole,
}

/// What is in force beside the resource limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Confinement {
    /// Files, ports and signals.
    pub landlock: LayerState,
    /// System calls.
    pub seccomp: LayerState,
}

/// `Landlock in part, no seccomp`
impl fmt::Display for Confinement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, force)) in
            [("Landlock", self.landlock), ("seccomp", self.seccomp)].iter().enumerate()
        {
            if index > 0 {
                f.write_str(", ")?;
            }
            match force {
                LayerState::None => write!(f, "no {name}")?,
                LayerState::Partly => write!(f, "{name} in part")?,
                LayerState::Whole => f.write_str(name)?,
            }
        }
        Ok(())
    }
}

/// The landlock rights that are asked for: those of Linux 6.12. An older kernel gives what it knows.
const RIGHTS: ABI = ABI::V6;

/// No more memory and processor time than this, no new descriptors, no new privileges, no core dumps, and
/// no life after the parent's. Whatever takes a descriptor comes before this.
///
/// # Errors
/// What the kernel says: then nothing can be relied upon.
pub fn limits(cpu: Duration, memory: u64) -> rustix::io::Result<()> {
    let limit = |resource, most| setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) });
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    rustix::thread::set_no_new_privs(true)?;
    limit(Resource::Core, 0)?;
    limit(Resource::Nofile, 0)?;
    // Which does not hold for root.
    limit(Resource::Nproc, 0)?;
    limit(Resource::Fsize, 0)?;
    // A signal at the limit, so that the parent knows why, and the end a second later.
    let cpu = cpu.as_secs();
    setrlimit(Resource::Cpu, Rlimit { current: Some(cpu), maximum: Some(cpu.saturating_add(1)) })?;
    limit(Resource::As, memory)
}

/// No file by any name, no TCP port, no socket by an abstract name, no signal to others.
pub fn landlock() -> LayerState {
    let restrict = || -> Result<RulesetStatus, RulesetError> {
        let ruleset = Ruleset::default()
            .handle_access(AccessFs::from_all(RIGHTS))?
            .handle_access(AccessNet::from_all(RIGHTS))?
            .scope(Scope::from_all(RIGHTS))?;
        // Without a rule nothing is allowed.
        Ok(ruleset.create()?.restrict_self()?.ruleset)
    };
    match restrict() {
        Ok(RulesetStatus::FullyEnforced) => LayerState::Whole,
        Ok(RulesetStatus::PartiallyEnforced) => LayerState::Partly,
        Ok(RulesetStatus::NotEnforced) | Err(_) => LayerState::None,
    }
}

/// No system call but these: what a program takes to compute, to get and give back memory, to read and
/// write what is open, and to end. Any other fails as if it were not permitted.
const CALLS: [libc::c_long; 26] = [
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_getrandom,
    libc::SYS_clock_gettime,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_gettid,
    libc::SYS_getpid,
    // Ending in an abort, so that the parent knows why. Landlock keeps signals inside.
    libc::SYS_tgkill,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// No system call but those that are needed for computing.
pub fn seccomp() -> LayerState {
    let apply = || -> Result<(), seccompiler::Error> {
        let filter: BpfProgram = SeccompFilter::new(
            // No conditions: the number decides.
            CALLS.iter().map(|&call| (call, Vec::new())).collect::<BTreeMap<i64, _>>(),
            SeccompAction::Errno(io_error()),
            SeccompAction::Allow,
            std::env::consts::ARCH.try_into()?,
        )?
        .try_into()?;
        seccompiler::apply_filter(&filter)
    };
    match apply() {
        Ok(()) => LayerState::Whole,
        Err(_) => LayerState::None,
    }
}

/// What a call gets that is not allowed: `EPERM`.
fn io_error() -> u32 {
    rustix::io::Errno::PERM.raw_os_error().unsigned_abs()
}

/// All three layers.
pub(super) fn confine(cpu: Duration, memory: u64) -> io::Result<Confinement> {
    // Landlock takes a descriptor for a moment, and the limits take calls that seccomp takes away.
    let landlock = landlock();
    limits(cpu, memory)?;
    Ok(Confinement { landlock, seccomp: seccomp() })
}

impl Confinement {
    /// In a byte, for the wire between a worker and its parent.
    pub(super) fn to_byte(self) -> u8 {
        let force = |force: LayerState| match force {
            LayerState::None => 0,
            LayerState::Partly => 1,
            LayerState::Whole => 2,
        };
        b'0' + 3 * force(self.landlock) + force(self.seccomp)
    }

    /// From such a byte. What a worker says is not believed further than for a line in the log.
    pub(super) fn of_byte(byte: u8) -> Self {
        let force = |digit: u8| match digit {
            1 => LayerState::Partly,
            2 => LayerState::Whole,
            _ => LayerState::None,
        };
        let code = byte.wrapping_sub(b'0');
        Self { landlock: force(code / 3), seccomp: force(code % 3) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_force_is_told() {
        let mut texts = Vec::new();
        for landlock in [LayerState::None, LayerState::Partly, LayerState::Whole] {
            for seccomp in [LayerState::None, LayerState::Partly, LayerState::Whole] {
                let confinement = Confinement { landlock, seccomp };
                assert_eq!(Confinement::of_byte(confinement.to_byte()), confinement);
                texts.push(confinement.to_string());
            }
        }
        assert_eq!(texts[0], "no Landlock, no seccomp");
        assert_eq!(texts[5], "Landlock in part, seccomp");
        assert_eq!(Confinement::of_byte(0xff), Confinement::default());
    }
}
