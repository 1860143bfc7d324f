//! Turns the end of a run into its failure cause.

use wasmtime::{Trap as Code, WasmBacktrace};

use crate::{
    FailureCause, GuestTrap, HostFault, Limit, LimitReached, Limits, ReturnedError,
    budget::RunAllowance,
    contract::confine::service::types,
    engine::BACKTRACE_FRAMES,
    store_state::{HaltReason, StoreState},
    text,
};

/// The texts of the runtime for limits that have no error type. Tests check them with the pinned version.
const HANDLES_FULL: &str = "store handle limit exceeded";
const CALL_TOO_BIG: &str = "fuel allocated for hostcalls has been exhausted";
const COUNT_TOO_HIGH: &str = "resource limit exceeded: ";

/// Bytes of one frame of a backtrace, and of the runtime's words.
const FRAME: usize = 120;
const REASON: usize = 400;

/// Returns a module's own error, safe to show.
pub(crate) fn refused(error: &types::Error, limits: &Limits) -> ReturnedError {
    let tag = if error.tag.is_empty() { "operation-failed" } else { &error.tag };
    ReturnedError {
        tag: text::line(tag, FRAME),
        message: text::block(error.message.trim(), limits.text),
        path: error.path.as_ref().map(|path| text::line(path, limits.text)),
    }
}

/// Returns why a run ended in an error of the runtime. A reason of the host comes first, because a guest whose memory
/// cannot grow may trap in any way.
pub(crate) fn trapped(
    error: &wasmtime::Error,
    state: &mut StoreState,
    fuel: RunAllowance,
    fuel_used: u64,
    limits: &Limits,
) -> FailureCause {
    match state.halt.take() {
        Some(HaltReason::Limit(reached)) => return FailureCause::Limit(reached),
        Some(HaltReason::Fault(fault)) => return FailureCause::Host(fault),
        Some(HaltReason::Trap(reason)) => return trap(reason, error, state),
        None => {}
    }
    let code = error.downcast_ref::<Code>().copied();
    if code == Some(Code::OutOfFuel) {
        return FailureCause::Limit(fuel.reached(Limit::Fuel, fuel_used));
    }
    let words = format!("{error:#}");
    if let Some(reached) = limit(code, &words, error, state, limits) {
        return FailureCause::Limit(reached);
    }
    // The system refused something, such as the memory of an instance: no fault of the module.
    let is_of_system = |cause: &(dyn std::error::Error + 'static)| {
        cause.is::<std::io::Error>() || cause.is::<rustix::io::Errno>()
    };
    if code.is_none() && error.chain().any(is_of_system) {
        return FailureCause::Host(HostFault::Runtime(root(error)));
    }
    let reason = code.map_or_else(|| root(error), |code| code.to_string());
    trap(reason, error, state)
}

fn limit(
    code: Option<Code>,
    words: &str,
    error: &wasmtime::Error,
    state: &StoreState,
    limits: &Limits,
) -> Option<LimitReached> {
    if let Some(refusal) = state.limiter.refused() {
        let (used, asked) = (Some(refusal.in_use), Some(refusal.asked));
        return Some(LimitReached { used, asked, ..LimitReached::uncounted(Limit::Memory, limits) });
    }
    if code == Some(Code::StackOverflow) || (code == Some(Code::MemoryOutOfBounds) && is_deep(error)) {
        return Some(LimitReached::uncounted(Limit::Stack, limits));
    }
    if words.contains(HANDLES_FULL) {
        return Some(LimitReached::uncounted(Limit::Handles, limits));
    }
    if words.contains(CALL_TOO_BIG) {
        return Some(LimitReached::uncounted(Limit::BytesPerCall, limits));
    }
    let (_, count) = words.split_once(COUNT_TOO_HIGH)?;
    let limit = match count.split_whitespace().next()? {
        "instance" => Limit::CoreInstances,
        "memory" => Limit::Memories,
        "table" => Limit::Tables,
        _ => return None,
    };
    Some(LimitReached::uncounted(limit, limits))
}

/// Returns whether an out-of-bounds trap is a stack overflow. Compilers put a stack in linear memory below everything
/// else, so an endless recursion leaves the memory at its bottom. Then there are more frames than a backtrace has.
fn is_deep(error: &wasmtime::Error) -> bool {
    error.downcast_ref::<WasmBacktrace>().is_some_and(|trace| trace.frames().len() >= BACKTRACE_FRAMES)
}

fn root(error: &wasmtime::Error) -> String {
    error.chain().last().map_or_else(|| error.to_string(), ToString::to_string)
}

fn trap(reason: String, error: &wasmtime::Error, state: &StoreState) -> FailureCause {
    let frames = error.downcast_ref::<WasmBacktrace>().map(WasmBacktrace::frames).unwrap_or_default();
    let backtrace = frames.iter().map(|frame| {
        let name = frame.func_name().map_or_else(|| format!("function {}", frame.func_index()), Into::into);
        text::line(&name, FRAME)
    });
    let reason = reason.strip_prefix("wasm trap: ").unwrap_or(&reason);
    let trap = GuestTrap {
        reason: text::line(reason, REASON),
        output: state.console.output(),
        backtrace: backtrace.collect(),
    };
    tracing::debug!(reason = trap.reason, backtrace = ?trap.backtrace, "the guest trapped");
    FailureCause::Trap(trap)
}
