//! The part of WASI 0.2 that language runtimes need to start, without content.
//!
//! There are no files, no environment, no arguments, no standard input and no sockets. What a guest
//! writes to standard output and standard error goes to its [`GuestLog`](crate::guest_log::Console).
//!
//! A guest learns nothing here about the host or other runs. Time stands still: the wall clock always shows the
//! same time, or that of the commit if the module asks for it, and the monotonic clock advances only when the guest
//! waits, which takes no real time. (A real timer would be a clock, and a guest that sleeps would delay a commit.)
//!
//! Random numbers repeat, so that a service creates the same configuration for the same input. Those of
//! `wasi:random/random` are [derived](crate::random) from the host's secret and are the same in every run of an
//! instance. Those of `insecure` and `insecure-seed`, from which runtimes seed hash tables, are the same in every run of
//! every module.
//!
//! Every resource is a constant: no state grows with the handles that a guest opens, and nothing can leak.
//! Everything is always ready, so polling returns all indices.
//!
//! The interfaces and their types are those of `wasmtime-wasi`, but not the implementation. Its context has files,
//! sockets and real timers, which would have to be disabled one by one, and a table that grows with the handles,
//! and it does not count what a call costs. Most of its functions are not asynchronous and cannot yield the thread.
//! Here they do almost nothing or pass few bytes ([`MAX_SYNC_BYTES`]), and end the run if its time is over. The
//! functions for random bytes do not come from that crate, because deriving the bytes takes longer than asking for them.

use std::time::Duration;

use wasmtime::{
    Engine, Result, StoreContextMut,
    component::{
        Component, HasSelf, Linker, LinkerInstance, Resource, ResourceType,
        types::{ComponentInstance, ComponentItem},
    },
};
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, DynPollable, StreamError, StreamResult,
    bindings::{
        cli::{
            environment, exit, stderr, stdin, stdout,
            terminal_input::{self, TerminalInput},
            terminal_output::{self, TerminalOutput},
            terminal_stderr, terminal_stdin, terminal_stdout,
        },
        clocks::{
            monotonic_clock,
            wall_clock::{self, Datetime},
        },
        filesystem::{
            preopens,
            types::{Descriptor, DirectoryEntryStream},
        },
        random::insecure_seed,
        sockets::{
            ip_name_lookup::ResolveAddressStream,
            network::Network,
            tcp::TcpSocket,
            udp::{IncomingDatagramStream, OutgoingDatagramStream, UdpSocket},
        },
    },
};
use wasmtime_wasi_io::bindings::wasi::io::{error, poll, streams};

use crate::{
    random,
    store_state::{HaltReason, StoreState},
};

/// The interfaces that tell a module about time and chance, as [`Module::imports`](crate::Module::imports) takes them.
pub mod interfaces {
    /// Random bytes that are derived from the host's secret.
    pub const RANDOM: &str = "wasi:random/random";
    /// Random bytes that are the same in every run of every module.
    pub const INSECURE: &str = "wasi:random/insecure";
    /// A seed that is the same in every run of every module.
    pub const INSECURE_SEED: &str = "wasi:random/insecure-seed";
    /// The date.
    pub const WALL_CLOCK: &str = "wasi:clocks/wall-clock";
    /// The time since the run began, which advances only when the module waits.
    pub const MONOTONIC_CLOCK: &str = "wasi:clocks/monotonic-clock";
}

/// The time that the wall clock shows unless the module asks for that of the commit: 2000-01-01T00:00:00Z, since 1970.
pub(crate) const FIXED_TIME: Duration = Duration::from_secs(946_684_800);

/// The maximum number of bytes of a write that cannot yield the thread, and of random bytes in one call.
const MAX_SYNC_BYTES: u64 = 4 << 10;

/// The cost of looking up a handle, in bytes that could be copied in that time.
const LISTED_HANDLE: usize = 64;

/// The cost of deriving [`random::BLOCK`] bytes, in bytes that could be copied in that time (1.3 µs on a machine without
/// instructions for SHA-256, 0.3 µs on others).
const DERIVED_BLOCK: usize = 2 << 10;

/// The maximum number of names that a component may import of one interface. The largest interface has about
/// sixty. Each name is an entry in a table of the host.
const NAMES: usize = 200;

/// Defines an interface whose functions a guest may call, under its name in `wasmtime-wasi`, which goes
/// for all of version 0.2.
type Offer = fn(&mut Linker<StoreState>) -> Result<()>;

macro_rules! offered {
    ($($name:literal: $interface:ident,)*) => {
        [$(($name, |linker| $interface::add_to_linker::<_, HasSelf<StoreState>>(linker, |state| state)),)*]
    };
}

const OFFERED: [(&str, Offer); 17] = offered![
    "wasi:cli/environment": environment,
    "wasi:cli/exit": exit,
    "wasi:cli/stdin": stdin,
    "wasi:cli/stdout": stdout,
    "wasi:cli/stderr": stderr,
    "wasi:cli/terminal-input": terminal_input,
    "wasi:cli/terminal-output": terminal_output,
    "wasi:cli/terminal-stdin": terminal_stdin,
    "wasi:cli/terminal-stdout": terminal_stdout,
    "wasi:cli/terminal-stderr": terminal_stderr,
    "wasi:clocks/monotonic-clock": monotonic_clock,
    "wasi:clocks/wall-clock": wall_clock,
    "wasi:filesystem/preopens": preopens,
    "wasi:io/error": error,
    "wasi:io/poll": poll,
    "wasi:io/streams": streams,
    "wasi:random/insecure-seed": insecure_seed,
];

/// Fills bytes for one call.
type Fill = fn(&mut StoreState, &mut [u8]) -> Result<()>;

/// The interfaces of random numbers: their names, those of the functions for bytes and for a number, and what these
/// return.
const RANDOM: [(&str, &str, &str, Fill); 2] = [
    (
        interfaces::INSECURE,
        "get-insecure-random-bytes",
        "get-insecure-random-u64",
        StoreState::fill_insecurely,
    ),
    (interfaces::RANDOM, "get-random-bytes", "get-random-u64", |state, bytes| {
        Ok(state.random.fill(bytes)?)
    }),
];

/// Defines the resources of an interface whose functions all end the run.
type Refuse = fn(&mut WasiRefusal<'_>) -> Result<()>;

/// Interfaces that interpreters import whatever their program does. No directory is open and nothing creates a
/// socket, so almost none of their functions can be called.
const REFUSED: [(&str, Refuse); 8] = [
    ("wasi:filesystem/types", |at| {
        at.resource::<Descriptor>("descriptor")?;
        at.resource::<DirectoryEntryStream>("directory-entry-stream")
    }),
    ("wasi:sockets/instance-network", |_| Ok(())),
    ("wasi:sockets/ip-name-lookup", |at| at.resource::<ResolveAddressStream>("resolve-address-stream")),
    ("wasi:sockets/network", |at| at.resource::<Network>("network")),
    ("wasi:sockets/tcp", |at| at.resource::<TcpSocket>("tcp-socket")),
    ("wasi:sockets/tcp-create-socket", |_| Ok(())),
    ("wasi:sockets/udp", |at| {
        at.resource::<UdpSocket>("udp-socket")?;
        at.resource::<IncomingDatagramStream>("incoming-datagram-stream")?;
        at.resource::<OutgoingDatagramStream>("outgoing-datagram-stream")
    }),
    ("wasi:sockets/udp-create-socket", |_| Ok(())),
];

/// Returns whether an import exists here, such as `wasi:cli/exit@0.2.6`.
pub(crate) fn offers(import: &str) -> bool {
    let Some(interface) = unversioned(import) else { return false };
    OFFERED.iter().any(|(name, _)| *name == interface)
        || RANDOM.iter().any(|(name, ..)| *name == interface)
        || REFUSED.iter().any(|(name, _)| *name == interface)
}

/// Returns the name of an interface of WASI 0.2 without its version.
pub(crate) fn unversioned(import: &str) -> Option<&str> {
    let (interface, version) = import.split_once('@')?;
    version.starts_with("0.2.").then_some(interface)
}

/// Defines the interfaces that components may import and call.
pub(crate) fn link(linker: &mut Linker<StoreState>) -> Result<()> {
    OFFERED.iter().try_for_each(|(_, offer)| offer(linker))?;
    RANDOM.iter().try_for_each(|(name, bytes, number, fill)| link_random(linker, name, bytes, number, *fill))
}

fn link_random(
    linker: &mut Linker<StoreState>,
    interface: &str,
    bytes: &str,
    number: &str,
    fill: Fill,
) -> Result<()> {
    // This name is valid for every version 0.2.
    let mut at = linker.instance(&format!("{interface}@0.2.0"))?;
    at.func_wrap_async(bytes, move |mut store: StoreContextMut<'_, StoreState>, (length,): (u64,)| {
        Box::new(async move { Ok((store.data_mut().random_bytes(length, fill).await?,)) })
    })?;
    at.func_wrap_async(number, move |mut store: StoreContextMut<'_, StoreState>, (): ()| {
        Box::new(async move { Ok((store.data_mut().random_number(fill).await?,)) })
    })
}

/// Defines the interfaces that this component imports and must not call, with the names that it uses.
pub(crate) fn refuse(linker: &mut Linker<StoreState>, component: &Component) -> Result<()> {
    let engine = linker.engine().clone();
    let ty = component.component_type();
    for (name, import) in ty.imports(&engine) {
        let ComponentItem::ComponentInstance(instance) = import.ty else { continue };
        let Some(interface) = unversioned(name) else { continue };
        let named = instance.exports(&engine).len();
        if named > NAMES {
            wasmtime::bail!("it names {named} functions and types of `{name}`, the maximum is {NAMES}");
        }
        let Some((_, resources)) = REFUSED.iter().find(|(name, _)| *name == interface) else { continue };
        let mut refused = WasiRefusal(linker.instance(name)?);
        refused.functions(name, &instance, &engine)?;
        resources(&mut refused)?;
    }
    Ok(())
}

struct WasiRefusal<'a>(LinkerInstance<'a, StoreState>);

impl WasiRefusal<'_> {
    fn functions(&mut self, interface: &str, ty: &ComponentInstance, engine: &Engine) -> Result<()> {
        for (name, export) in ty.exports(engine) {
            if let ComponentItem::ComponentFunc(_) = export.ty {
                let what = format!("it called `{name}` of `{interface}`, which Confine does not offer");
                self.0.func_new(name, move |mut store, _, _, _| {
                    Err(store.data_mut().halt(HaltReason::Trap(what.clone())))
                })?;
            }
        }
        Ok(())
    }

    fn resource<T: 'static>(&mut self, name: &str) -> Result<()> {
        self.0.resource(name, ResourceType::host::<T>(), |_, _| Ok(()))
    }
}

/// Returns the only resource of its type.
fn singleton<T: 'static>() -> Resource<T> {
    Resource::new_own(0)
}

impl StoreState {
    /// Returns a constant, for a call that passes no bytes.
    fn constant<T>(&mut self, value: T) -> Result<T> {
        self.receive_sync(0)?;
        Ok(value)
    }

    /// Returns the result of a stream that is at its end.
    fn closed<T>(&mut self) -> StreamResult<T> {
        self.constant(()).map_err(StreamError::Trap)?;
        Err(StreamError::Closed)
    }
}

impl environment::Host for StoreState {
    fn get_environment(&mut self) -> Result<Vec<(String, String)>> {
        self.constant(Vec::new())
    }

    fn get_arguments(&mut self) -> Result<Vec<String>> {
        self.constant(Vec::new())
    }

    fn initial_cwd(&mut self) -> Result<Option<String>> {
        self.constant(None)
    }
}

impl exit::Host for StoreState {
    fn exit(&mut self, status: std::result::Result<(), ()>) -> Result<()> {
        let status = if status.is_ok() { "success" } else { "failure" };
        Err(self.halt(HaltReason::Trap(format!("it called exit (with {status}) where it should return"))))
    }

    fn exit_with_code(&mut self, code: u8) -> Result<()> {
        Err(self.halt(HaltReason::Trap(format!("it called exit (with {code}) where it should return"))))
    }
}

impl stdin::Host for StoreState {
    fn get_stdin(&mut self) -> Result<Resource<DynInputStream>> {
        self.constant(singleton())
    }
}

impl stdout::Host for StoreState {
    fn get_stdout(&mut self) -> Result<Resource<DynOutputStream>> {
        self.constant(singleton())
    }
}

impl stderr::Host for StoreState {
    fn get_stderr(&mut self) -> Result<Resource<DynOutputStream>> {
        self.constant(singleton())
    }
}

impl terminal_input::Host for StoreState {}

impl terminal_input::HostTerminalInput for StoreState {
    fn drop(&mut self, _: Resource<TerminalInput>) -> Result<()> {
        Ok(())
    }
}

impl terminal_output::Host for StoreState {}

impl terminal_output::HostTerminalOutput for StoreState {
    fn drop(&mut self, _: Resource<TerminalOutput>) -> Result<()> {
        Ok(())
    }
}

impl terminal_stdin::Host for StoreState {
    fn get_terminal_stdin(&mut self) -> Result<Option<Resource<TerminalInput>>> {
        self.constant(None)
    }
}

impl terminal_stdout::Host for StoreState {
    fn get_terminal_stdout(&mut self) -> Result<Option<Resource<TerminalOutput>>> {
        self.constant(None)
    }
}

impl terminal_stderr::Host for StoreState {
    fn get_terminal_stderr(&mut self) -> Result<Option<Resource<TerminalOutput>>> {
        self.constant(None)
    }
}

impl monotonic_clock::Host for StoreState {
    fn now(&mut self) -> Result<u64> {
        self.constant(self.now)
    }

    fn resolution(&mut self) -> Result<u64> {
        self.constant(1)
    }

    fn subscribe_instant(&mut self, when: u64) -> Result<Resource<DynPollable>> {
        self.now = self.now.max(when);
        self.constant(singleton())
    }

    fn subscribe_duration(&mut self, time: u64) -> Result<Resource<DynPollable>> {
        self.now = self.now.saturating_add(time);
        self.constant(singleton())
    }
}

impl wall_clock::Host for StoreState {
    fn now(&mut self) -> Result<Datetime> {
        self.constant(Datetime { seconds: self.wall_clock.as_secs(), nanoseconds: 0 })
    }

    fn resolution(&mut self) -> Result<Datetime> {
        self.constant(Datetime { seconds: 1, nanoseconds: 0 })
    }
}

impl preopens::Host for StoreState {
    fn get_directories(&mut self) -> Result<Vec<(Resource<Descriptor>, String)>> {
        self.constant(Vec::new())
    }
}

impl error::Host for StoreState {}

impl error::HostError for StoreState {
    fn to_debug_string(&mut self, _: Resource<error::Error>) -> Result<String> {
        self.constant(String::new())
    }

    fn drop(&mut self, _: Resource<error::Error>) -> Result<()> {
        Ok(())
    }
}

impl poll::Host for StoreState {
    async fn poll(&mut self, list: Vec<Resource<DynPollable>>) -> Result<Vec<u32>> {
        self.receive(list.len() * LISTED_HANDLE).await?;
        Ok((0..).zip(list).map(|(index, _)| index).collect())
    }
}

impl poll::HostPollable for StoreState {
    async fn ready(&mut self, _: Resource<DynPollable>) -> Result<bool> {
        self.receive(0).await?;
        Ok(true)
    }

    async fn block(&mut self, _: Resource<DynPollable>) -> Result<()> {
        self.receive(0).await
    }

    fn drop(&mut self, _: Resource<DynPollable>) -> Result<()> {
        Ok(())
    }
}

impl streams::Host for StoreState {
    fn convert_stream_error(&mut self, error: StreamError) -> Result<streams::StreamError> {
        match error {
            StreamError::Closed => Ok(streams::StreamError::Closed),
            // Only the run fails here.
            StreamError::LastOperationFailed(error) | StreamError::Trap(error) => Err(error),
        }
    }
}

/// Standard input, which is at its end.
impl streams::HostInputStream for StoreState {
    fn read(&mut self, _: Resource<DynInputStream>, _: u64) -> StreamResult<Vec<u8>> {
        self.closed()
    }

    async fn blocking_read(
        &mut self,
        stream: Resource<DynInputStream>,
        length: u64,
    ) -> StreamResult<Vec<u8>> {
        self.read(stream, length)
    }

    fn skip(&mut self, _: Resource<DynInputStream>, _: u64) -> StreamResult<u64> {
        self.closed()
    }

    async fn blocking_skip(&mut self, stream: Resource<DynInputStream>, length: u64) -> StreamResult<u64> {
        self.skip(stream, length)
    }

    fn subscribe(&mut self, _: Resource<DynInputStream>) -> Result<Resource<DynPollable>> {
        self.constant(singleton())
    }

    async fn drop(&mut self, _: Resource<DynInputStream>) -> Result<()> {
        Ok(())
    }
}

/// Standard output and standard error, which are one.
impl streams::HostOutputStream for StoreState {
    fn check_write(&mut self, _: Resource<DynOutputStream>) -> StreamResult<u64> {
        self.constant(MAX_SYNC_BYTES).map_err(StreamError::Trap)
    }

    fn write(&mut self, _: Resource<DynOutputStream>, bytes: Vec<u8>) -> StreamResult<()> {
        self.receive_sync(bytes.len()).map_err(StreamError::Trap)?;
        if bytes.len() as u64 > MAX_SYNC_BYTES {
            let what =
                format!("it wrote {} bytes where an output stream takes {MAX_SYNC_BYTES}", bytes.len());
            return Err(StreamError::Trap(self.halt(HaltReason::Trap(what))));
        }
        self.console.write(&bytes);
        Ok(())
    }

    async fn blocking_write_and_flush(
        &mut self,
        _: Resource<DynOutputStream>,
        bytes: Vec<u8>,
    ) -> StreamResult<()> {
        self.receive(bytes.len()).await.map_err(StreamError::Trap)?;
        self.console.write(&bytes);
        Ok(())
    }

    fn flush(&mut self, _: Resource<DynOutputStream>) -> StreamResult<()> {
        self.constant(()).map_err(StreamError::Trap)
    }

    async fn blocking_flush(&mut self, stream: Resource<DynOutputStream>) -> StreamResult<()> {
        self.flush(stream)
    }

    /// Ignores zeroes, which are no text.
    fn write_zeroes(&mut self, _: Resource<DynOutputStream>, _: u64) -> StreamResult<()> {
        self.constant(()).map_err(StreamError::Trap)
    }

    async fn blocking_write_zeroes_and_flush(
        &mut self,
        stream: Resource<DynOutputStream>,
        length: u64,
    ) -> StreamResult<()> {
        self.write_zeroes(stream, length)
    }

    fn splice(
        &mut self,
        _: Resource<DynOutputStream>,
        _: Resource<DynInputStream>,
        _: u64,
    ) -> StreamResult<u64> {
        self.closed()
    }

    async fn blocking_splice(
        &mut self,
        to: Resource<DynOutputStream>,
        from: Resource<DynInputStream>,
        length: u64,
    ) -> StreamResult<u64> {
        self.splice(to, from, length)
    }

    fn subscribe(&mut self, _: Resource<DynOutputStream>) -> Result<Resource<DynPollable>> {
        self.constant(singleton())
    }

    async fn drop(&mut self, _: Resource<DynOutputStream>) -> Result<()> {
        Ok(())
    }
}

impl StoreState {
    /// The next insecure number of the run's sequence (SplitMix64).
    fn next_insecure(&mut self) -> u64 {
        self.insecure = self.insecure.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.insecure ^ (self.insecure >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn fill_insecurely(&mut self, bytes: &mut [u8]) -> Result<()> {
        for word in bytes.chunks_mut(size_of::<u64>()) {
            word.iter_mut().zip(self.next_insecure().to_le_bytes()).for_each(|(byte, random)| *byte = random);
        }
        Ok(())
    }

    async fn random_bytes(&mut self, length: u64, fill: Fill) -> Result<Vec<u8>> {
        if length > MAX_SYNC_BYTES {
            let what =
                format!("it requested {length} random bytes in one call, the maximum is {MAX_SYNC_BYTES}");
            return Err(self.halt(HaltReason::Trap(what)));
        }
        let length = length as usize;
        self.receive(0).await?;
        self.derive(length).await?;
        self.send(length).await?;
        let mut bytes = vec![0; length];
        fill(self, &mut bytes)?;
        Ok(bytes)
    }

    async fn random_number(&mut self, fill: Fill) -> Result<u64> {
        self.receive(0).await?;
        let mut bytes = [0; size_of::<u64>()];
        self.derive(bytes.len()).await?;
        fill(self, &mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Pays for deriving random bytes.
    async fn derive(&mut self, length: usize) -> Result<()> {
        self.pace(length.div_ceil(random::BLOCK) * DERIVED_BLOCK).await
    }

    fn insecure_number(&mut self) -> Result<u64> {
        self.receive_sync(0)?;
        Ok(self.next_insecure())
    }
}

impl insecure_seed::Host for StoreState {
    fn insecure_seed(&mut self) -> Result<(u64, u64)> {
        Ok((self.insecure_number()?, self.insecure_number()?))
    }
}
