//! WASI 0.2, as far as language runtimes need it to start, and all of it empty.
//!
//! There are no files, no environment, no arguments, no standard input and no sockets. What a guest
//! writes to standard output and standard error goes to its [`Console`](crate::console::Console).
//!
//! Nothing here tells a guest anything about the host or about other runs. Time stands still: the wall
//! clock always shows the same moment, and the monotonic one moves only where the guest waits, which is
//! over at once. (A timer in real time would be a clock, and a guest that sleeps would hold up a commit.)
//! Random numbers are the same in every run, so that a service gives the same configuration for the same
//! input even where a runtime seeds its hash tables. They are neither secret nor unpredictable.
//!
//! Every resource is a constant: no state grows with the handles that a guest opens, and there is nothing
//! to leak. Everything is always ready, so polling is the list of all indices.
//!
//! It is defined here, and not by `wasmtime-wasi`, because that offers far more (all of it to be
//! switched off), sleeps in real time, and does not give the thread to others in a loop of its calls.

use wasmtime::{
    Engine, Result,
    component::{
        Component, ComponentNamedList, ComponentType, Lift, Linker, LinkerInstance, Lower, Resource,
        ResourceType,
        types::{ComponentInstance, ComponentItem},
    },
};

use crate::state::{Halt, State};

/// How an interface is defined.
type Define = fn(&mut Interface<'_>) -> Result<()>;

/// What there is of WASI: each interface and how it is defined.
const INTERFACES: [(&str, Define); 27] = [
    ("wasi:cli/environment", environment),
    ("wasi:cli/exit", exit),
    ("wasi:cli/stdin", stdin),
    ("wasi:cli/stdout", stdout),
    ("wasi:cli/stderr", stderr),
    ("wasi:cli/terminal-input", terminal_input),
    ("wasi:cli/terminal-output", terminal_output),
    ("wasi:cli/terminal-stdin", terminal_stdin),
    ("wasi:cli/terminal-stdout", terminal_stdout),
    ("wasi:cli/terminal-stderr", terminal_stderr),
    ("wasi:clocks/monotonic-clock", monotonic_clock),
    ("wasi:clocks/wall-clock", wall_clock),
    ("wasi:filesystem/preopens", preopens),
    // No directory is open, so that none of its functions can be called but one on an error of a
    // stream, and streams have no such errors.
    ("wasi:filesystem/types", filesystem),
    ("wasi:io/error", error),
    ("wasi:io/poll", poll),
    ("wasi:io/streams", streams),
    ("wasi:random/insecure", insecure),
    ("wasi:random/insecure-seed", insecure_seed),
    ("wasi:random/random", random),
    // Interpreters name these among their imports whatever the program in them does. Each function ends
    // the run.
    ("wasi:sockets/instance-network", |_| Ok(())),
    ("wasi:sockets/ip-name-lookup", |at| at.resource::<Socket>("resolve-address-stream")),
    ("wasi:sockets/network", |at| at.resource::<Network>("network")),
    ("wasi:sockets/tcp", |at| at.resource::<Socket>("tcp-socket")),
    ("wasi:sockets/tcp-create-socket", |_| Ok(())),
    ("wasi:sockets/udp", udp),
    ("wasi:sockets/udp-create-socket", |_| Ok(())),
];

/// The moment that the wall clock shows: 2000-01-01T00:00:00Z, in seconds since 1970.
const WALL_CLOCK: u64 = 946_684_800;

/// The most random bytes that one call gives.
const RANDOM_BYTES: u64 = 64 << 10;

/// What an output stream takes in one call without waiting.
const PERMIT: u64 = 64 << 10;

/// The most names that a component may use of one interface: the largest has about sixty. Each is an
/// entry in a table of the host.
const NAMES: usize = 200;

/// Whether there is something by the name of this import, such as `wasi:cli/exit@0.2.6`.
pub(crate) fn offers(import: &str) -> bool {
    find(import).is_some()
}

fn find(import: &str) -> Option<Define> {
    let (interface, version) = import.split_once('@')?;
    if !version.starts_with("0.2.") {
        return None;
    }
    INTERFACES.iter().find(|(name, _)| *name == interface).map(|(_, define)| *define)
}

/// Defines what a component imports of WASI, by the names that it uses.
pub(crate) fn link(linker: &mut Linker<State>, component: &Component) -> Result<()> {
    let engine = linker.engine().clone();
    let ty = component.component_type();
    // What is defined below takes the place of what is refused first.
    linker.allow_shadowing(true);
    for (name, import) in ty.imports(&engine) {
        let ComponentItem::ComponentInstance(instance) = import.ty else { continue };
        let Some(define) = find(name) else { continue };
        let mut interface = Interface(linker.instance(name)?);
        interface.refuse_all(name, &instance, &engine)?;
        define(&mut interface)?;
    }
    linker.allow_shadowing(false);
    Ok(())
}

struct Interface<'a>(LinkerInstance<'a, State>);

impl Interface<'_> {
    /// Lets every function end the run.
    fn refuse_all(&mut self, interface: &str, ty: &ComponentInstance, engine: &Engine) -> Result<()> {
        let named = ty.exports(engine).len();
        if named > NAMES {
            wasmtime::bail!("it names {named} functions and types of `{interface}`, {NAMES} are the most");
        }
        for (name, export) in ty.exports(engine) {
            if let ComponentItem::ComponentFunc(_) = export.ty {
                let what = format!("it called `{name}` of `{interface}`, which Confine does not offer");
                self.0.func_new(name, move |mut store, _, _, _| {
                    Err(store.data_mut().halt(Halt::Trap(what.clone())))
                })?;
            }
        }
        Ok(())
    }

    /// Defines a function that passes no bytes.
    fn function<P, R>(&mut self, name: &str, body: fn(&mut State, P) -> Result<R>) -> Result<()>
    where
        P: ComponentNamedList + Lift + Send + 'static,
        R: ComponentNamedList + Lower + Send + 'static,
    {
        self.sized(name, |_| 0, body)
    }

    /// Defines a function that passes so many bytes to the host.
    fn sized<P, R>(
        &mut self,
        name: &str,
        bytes: fn(&P) -> usize,
        body: fn(&mut State, P) -> Result<R>,
    ) -> Result<()>
    where
        P: ComponentNamedList + Lift + Send + 'static,
        R: ComponentNamedList + Lower + Send + 'static,
    {
        self.0.func_wrap_async(name, move |mut store, params: P| {
            Box::new(async move {
                let state = store.data_mut();
                state.receive(bytes(&params)).await?;
                body(state, params)
            })
        })
    }

    fn resource<T: 'static>(&mut self, name: &str) -> Result<()> {
        self.0.resource(name, ResourceType::host::<T>(), |_, _| Ok(()))
    }
}

struct Pollable;
struct IoError;
struct InputStream;
struct OutputStream;
struct TerminalInput;
struct TerminalOutput;
struct Descriptor;
struct DirectoryEntryStream;
struct Network;
struct Socket;
struct IncomingDatagrams;
struct OutgoingDatagrams;

/// The one resource of its type.
fn the<T: 'static>() -> Resource<T> {
    Resource::new_own(0)
}

fn udp(at: &mut Interface<'_>) -> Result<()> {
    at.resource::<Socket>("udp-socket")?;
    at.resource::<IncomingDatagrams>("incoming-datagram-stream")?;
    at.resource::<OutgoingDatagrams>("outgoing-datagram-stream")
}

fn environment(at: &mut Interface<'_>) -> Result<()> {
    at.function("get-environment", |_, (): ()| Ok((Vec::<(String, String)>::new(),)))?;
    at.function("get-arguments", |_, (): ()| Ok((Vec::<String>::new(),)))?;
    at.function("initial-cwd", |_, (): ()| Ok((None::<String>,)))
}

fn exit(at: &mut Interface<'_>) -> Result<()> {
    at.function("exit", |state, (status,): (Result<(), ()>,)| -> Result<()> {
        let status = if status.is_ok() { "success" } else { "failure" };
        Err(state.halt(Halt::Trap(format!("it called exit (with {status}) where it should return"))))
    })
}

fn stdin(at: &mut Interface<'_>) -> Result<()> {
    at.function("get-stdin", |_, (): ()| Ok((the::<InputStream>(),)))
}

fn stdout(at: &mut Interface<'_>) -> Result<()> {
    at.function("get-stdout", |_, (): ()| Ok((the::<OutputStream>(),)))
}

fn stderr(at: &mut Interface<'_>) -> Result<()> {
    at.function("get-stderr", |_, (): ()| Ok((the::<OutputStream>(),)))
}

fn terminal_input(at: &mut Interface<'_>) -> Result<()> {
    at.resource::<TerminalInput>("terminal-input")
}

fn terminal_output(at: &mut Interface<'_>) -> Result<()> {
    at.resource::<TerminalOutput>("terminal-output")
}

fn terminal_stdin(at: &mut Interface<'_>) -> Result<()> {
    at.function("get-terminal-stdin", |_, (): ()| Ok((None::<Resource<TerminalInput>>,)))
}

fn terminal_stdout(at: &mut Interface<'_>) -> Result<()> {
    at.function("get-terminal-stdout", |_, (): ()| Ok((None::<Resource<TerminalOutput>>,)))
}

fn terminal_stderr(at: &mut Interface<'_>) -> Result<()> {
    at.function("get-terminal-stderr", |_, (): ()| Ok((None::<Resource<TerminalOutput>>,)))
}

fn monotonic_clock(at: &mut Interface<'_>) -> Result<()> {
    at.function("now", |state, (): ()| Ok((state.now,)))?;
    at.function("resolution", |_, (): ()| Ok((1u64,)))?;
    at.function("subscribe-instant", |state, (when,): (u64,)| {
        state.now = state.now.max(when);
        Ok((the::<Pollable>(),))
    })?;
    at.function("subscribe-duration", |state, (time,): (u64,)| {
        state.now = state.now.saturating_add(time);
        Ok((the::<Pollable>(),))
    })
}

#[derive(ComponentType, Lower)]
#[component(record)]
struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

fn wall_clock(at: &mut Interface<'_>) -> Result<()> {
    at.function("now", |_, (): ()| Ok((Datetime { seconds: WALL_CLOCK, nanoseconds: 0 },)))?;
    at.function("resolution", |_, (): ()| Ok((Datetime { seconds: 1, nanoseconds: 0 },)))
}

fn preopens(at: &mut Interface<'_>) -> Result<()> {
    at.function("get-directories", |_, (): ()| Ok((Vec::<(Resource<Descriptor>, String)>::new(),)))
}

fn filesystem(at: &mut Interface<'_>) -> Result<()> {
    at.resource::<Descriptor>("descriptor")?;
    at.resource::<DirectoryEntryStream>("directory-entry-stream")
}

fn error(at: &mut Interface<'_>) -> Result<()> {
    at.resource::<IoError>("error")
}

fn poll(at: &mut Interface<'_>) -> Result<()> {
    at.resource::<Pollable>("pollable")?;
    at.function("[method]pollable.ready", |_, _: (Resource<Pollable>,)| Ok((true,)))?;
    at.function("[method]pollable.block", |_, _: (Resource<Pollable>,)| Ok(()))?;
    at.sized(
        "poll",
        |(list,): &(Vec<Resource<Pollable>>,)| list.len() * LISTED_HANDLE,
        |_, (list,)| Ok(((0u32..).zip(list).map(|(index, _)| index).collect::<Vec<_>>(),)),
    )
}

/// What it costs to look a handle up, in bytes that could have been copied in that time.
const LISTED_HANDLE: usize = 64;

#[derive(ComponentType, Lower)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    #[expect(dead_code, reason = "the contract has it, and nothing fails here")]
    LastOperationFailed(Resource<IoError>),
    #[component(name = "closed")]
    Closed,
}

type Streamed<T> = Result<(std::result::Result<T, StreamError>,)>;

fn streams(at: &mut Interface<'_>) -> Result<()> {
    at.resource::<InputStream>("input-stream")?;
    at.resource::<OutputStream>("output-stream")?;
    input_stream(at)?;
    output_stream(at)
}

fn input_stream(at: &mut Interface<'_>) -> Result<()> {
    type Read = (Resource<InputStream>, u64);
    for name in ["[method]input-stream.read", "[method]input-stream.blocking-read"] {
        at.function(name, |_, _: Read| -> Streamed<Vec<u8>> { Ok((Err(StreamError::Closed),)) })?;
    }
    for name in ["[method]input-stream.skip", "[method]input-stream.blocking-skip"] {
        at.function(name, |_, _: Read| -> Streamed<u64> { Ok((Err(StreamError::Closed),)) })?;
    }
    at.function("[method]input-stream.subscribe", |_, _: (Resource<InputStream>,)| Ok((the::<Pollable>(),)))
}

fn output_stream(at: &mut Interface<'_>) -> Result<()> {
    type Write = (Resource<OutputStream>, Vec<u8>);
    type Splice = (Resource<OutputStream>, Resource<InputStream>, u64);
    at.function("[method]output-stream.check-write", |_, _: (Resource<OutputStream>,)| -> Streamed<u64> {
        Ok((Ok(PERMIT),))
    })?;
    for name in ["[method]output-stream.write", "[method]output-stream.blocking-write-and-flush"] {
        at.sized(
            name,
            |(_, bytes): &Write| bytes.len(),
            |state, (_, bytes)| -> Streamed<()> {
                state.console.write(&bytes);
                Ok((Ok(()),))
            },
        )?;
    }
    for name in ["[method]output-stream.flush", "[method]output-stream.blocking-flush"] {
        at.function(name, |_, _: (Resource<OutputStream>,)| -> Streamed<()> { Ok((Ok(()),)) })?;
    }
    for name in
        ["[method]output-stream.write-zeroes", "[method]output-stream.blocking-write-zeroes-and-flush"]
    {
        at.function(name, |_, _: (Resource<OutputStream>, u64)| -> Streamed<()> { Ok((Ok(()),)) })?;
    }
    for name in ["[method]output-stream.splice", "[method]output-stream.blocking-splice"] {
        at.function(name, |_, _: Splice| -> Streamed<u64> { Ok((Err(StreamError::Closed),)) })?;
    }
    at.function("[method]output-stream.subscribe", |_, _: (Resource<OutputStream>,)| Ok((the::<Pollable>(),)))
}

/// The next number of the run's sequence (SplitMix64).
fn next(state: &mut State) -> u64 {
    state.random = state.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (state.random ^ (state.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn random_numbers(at: &mut Interface<'_>, bytes: &str, number: &str) -> Result<()> {
    at.0.func_wrap_async(bytes, |mut store, (length,): (u64,)| {
        Box::new(async move {
            let state = store.data_mut();
            state.receive(0).await?;
            if length > RANDOM_BYTES {
                return Err(state.halt(Halt::Trap(format!(
                    "it asked for {length} random bytes at once, {RANDOM_BYTES} are the most"
                ))));
            }
            state.send(length as usize).await?;
            let words = std::iter::repeat_with(|| next(state).to_le_bytes());
            Ok((words.flatten().take(length as usize).collect::<Vec<u8>>(),))
        })
    })?;
    at.function(number, |state, (): ()| Ok((next(state),)))
}

fn random(at: &mut Interface<'_>) -> Result<()> {
    random_numbers(at, "get-random-bytes", "get-random-u64")
}

fn insecure(at: &mut Interface<'_>) -> Result<()> {
    random_numbers(at, "get-insecure-random-bytes", "get-insecure-random-u64")
}

fn insecure_seed(at: &mut Interface<'_>) -> Result<()> {
    at.function("insecure-seed", |state, (): ()| Ok(((next(state), next(state)),)))
}
