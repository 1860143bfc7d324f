//! The one engine: what WebAssembly may do here, and how it is compiled.

use wasmtime::{Config, Engine, OptLevel, Strategy, WasmBacktraceDetails};

use crate::Limits;

/// Room for the host's own functions above the stack that guests may use.
const HOST_STACK: usize = 1536 << 10;

/// How much a guest executes before it gives the thread to others, in fuel: 15 to 100 µs. It is what
/// bounds how late a deadline can fire in a loop of guest code; and in one of calls that do nothing and
/// cannot give the thread away ([`crate::wasi`]), some 25,000 of which fit in. Half of it makes a loop of a
/// few instructions by a quarter slower in a build for development, and a tenth of it by two thirds.
pub(crate) const YIELD_INTERVAL: u64 = 100_000;

/// The most frames of a backtrace. A trap that deep is a recursion without an end: see
/// [`crate::outcome`].
pub(crate) const BACKTRACE_FRAMES: usize = 64;

/// The engine that compiles and runs modules. Compiled code fits only engines of this configuration,
/// which is part of the cache's key.
pub(crate) fn engine(limits: &Limits) -> wasmtime::Result<Engine> {
    Engine::new(&config(limits))
}

fn config(limits: &Limits) -> Config {
    let mut config = Config::new();
    config
        // Winch compiles faster, is not made for hostile input, and uses other fuel for the same code.
        .strategy(Strategy::Cranelift)
        .cranelift_opt_level(OptLevel::Speed)
        // The same input gives the same output, to the last bit.
        .cranelift_nan_canonicalization(true)
        .consume_fuel(true)
        .max_wasm_stack(limits.stack)
        .async_stack_size(limits.stack + HOST_STACK)
        .memory_init_cow(true)
        // Names of functions are enough for a person; line tables would have the host read debug
        // information that a stranger wrote.
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(BACKTRACE_FRAMES));
    // What guests need is on: multi-memory because adapters between core instances are made of it.
    config
        .wasm_component_model(true)
        .wasm_multi_memory(true)
        .wasm_bulk_memory(true)
        .wasm_multi_value(true)
        .wasm_reference_types(true)
        .wasm_simd(true)
        .wasm_tail_call(true)
        .wasm_extended_const(true);
    // The rest is off: less that can be wrong. `gc` is compiled in and switched off here: without it,
    // reference types take a path that had faults of its own.
    config
        .gc_support(false)
        .wasm_gc(false)
        .wasm_function_references(false)
        .wasm_exceptions(false)
        .wasm_stack_switching(false)
        .wasm_memory64(false)
        .wasm_relaxed_simd(false)
        .wasm_wide_arithmetic(false)
        .wasm_custom_page_sizes(false)
        .concurrency_support(false)
        .shared_memory(false);
    config
}
