//! Removes rights of this process permanently before it reads an untrusted component.
//!
//! There are three layers. Each holds if another has a fault or the kernel does not have it.
//!
//! - [Resource limits](limits): limited memory and processor time, no new descriptors, no growing files.
//! - [Landlock](landlock): no files, no network ports, no signals to other processes.
//! - [Seccomp](seccomp): only the system calls that computing and open pipes need.
//!
//! Every kernel has the first. The other two may be missing (Landlock came with Linux 5.13, and both can be
//! disabled). [`Confinement`] says what is in force, for the log.
//!
//! Each function affects the calling thread and what it starts: call it while there is one thread.

use std::{collections::BTreeMap, fmt, io, time::Duration};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, Ruleset, RulesetAttr as _, RulesetError, RulesetStatus, Scope,
};
use rustix::process::{Resource, Rlimit, Signal, setrlimit};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

/// How far a layer is in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LayerState {
    /// Not in force: the kernel does not have it.
    #[default]
    None,
    /// In force as far as the kernel supports it.
    Partly,
    /// Completely in force.
    Whole,
}

/// What is in force in addition to the resource limits.
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

/// The Landlock rights to handle: those of Linux 6.12. An older kernel handles those that it knows.
const RIGHTS: ABI = ABI::V6;

/// Limits memory and processor time, forbids new descriptors, new privileges and core dumps, and ends the process
/// with its parent. Anything that needs a descriptor must come before.
///
/// # Errors
/// Returns the error of the kernel. Then no limit can be relied upon.
pub fn limits(cpu: Duration, memory: u64) -> rustix::io::Result<()> {
    let limit = |resource, most| setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) });
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    rustix::thread::set_no_new_privs(true)?;
    limit(Resource::Core, 0)?;
    limit(Resource::Nofile, 0)?;
    // This does not apply to root.
    limit(Resource::Nproc, 0)?;
    limit(Resource::Fsize, 0)?;
    // A signal at the limit tells the parent why; a second later the process is killed.
    let cpu = cpu.as_secs();
    setrlimit(Resource::Cpu, Rlimit { current: Some(cpu), maximum: Some(cpu.saturating_add(1)) })?;
    limit(Resource::As, memory)
}

/// Forbids files, TCP ports, abstract sockets and signals to other processes.
pub fn landlock() -> LayerState {
    let restrict = || -> Result<RulesetStatus, RulesetError> {
        let ruleset = Ruleset::default()
            .handle_access(AccessFs::from_all(RIGHTS))?
            .handle_access(AccessNet::from_all(RIGHTS))?
            .scope(Scope::from_all(RIGHTS))?;
        // Without rules nothing is allowed.
        Ok(ruleset.create()?.restrict_self()?.ruleset)
    };
    match restrict() {
        Ok(RulesetStatus::FullyEnforced) => LayerState::Whole,
        Ok(RulesetStatus::PartiallyEnforced) => LayerState::Partly,
        Ok(RulesetStatus::NotEnforced) | Err(_) => LayerState::None,
    }
}

/// The permitted system calls: those to compute, allocate and free memory, read and write open descriptors, and
/// exit. Any other fails with `EPERM`.
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
    // For an abort, which tells the parent why. Landlock forbids signals to other processes.
    libc::SYS_tgkill,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// Forbids all system calls that are not needed.
pub fn seccomp() -> LayerState {
    let apply = || -> Result<(), seccompiler::Error> {
        let filter: BpfProgram = SeccompFilter::new(
            // No conditions: the number decides.
            CALLS.iter().map(|&call| (call, Vec::new())).collect::<BTreeMap<i64, _>>(),
            SeccompAction::Errno(forbidden_call()),
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

/// Returns the error of a forbidden call: `EPERM`.
fn forbidden_call() -> u32 {
    rustix::io::Errno::PERM.raw_os_error().unsigned_abs()
}

/// Applies all three layers.
pub(super) fn confine(cpu: Duration, memory: u64) -> io::Result<Confinement> {
    // Landlock needs a descriptor, and the limits need system calls that seccomp forbids.
    let landlock = landlock();
    limits(cpu, memory)?;
    Ok(Confinement { landlock, seccomp: seccomp() })
}

impl Confinement {
    /// Returns the byte for the pipe between a worker and its parent.
    pub(super) fn to_byte(self) -> u8 {
        let force = |force: LayerState| match force {
            LayerState::None => 0,
            LayerState::Partly => 1,
            LayerState::Whole => 2,
        };
        b'0' + 3 * force(self.landlock) + force(self.seccomp)
    }

    /// Parses such a byte. It is used for a log line only, because a worker is not trusted.
    pub(super) fn from_byte(byte: u8) -> Self {
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
    fn confinement_survives_its_byte_and_is_shown() {
        let mut texts = Vec::new();
        for landlock in [LayerState::None, LayerState::Partly, LayerState::Whole] {
            for seccomp in [LayerState::None, LayerState::Partly, LayerState::Whole] {
                let confinement = Confinement { landlock, seccomp };
                assert_eq!(Confinement::from_byte(confinement.to_byte()), confinement);
                texts.push(confinement.to_string());
            }
        }
        assert_eq!(texts[0], "no Landlock, no seccomp");
        assert_eq!(texts[5], "Landlock in part, seccomp");
        assert_eq!(Confinement::from_byte(0xff), Confinement::default());
    }
}
