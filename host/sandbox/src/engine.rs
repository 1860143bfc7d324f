//! The engine: which WebAssembly features are enabled, and how code is compiled.

use std::hash::{Hash as _, Hasher};

use sha2::{Digest as _, Sha256};
use wasmtime::{Config, Engine, OptLevel, Strategy, WasmBacktraceDetails};

use crate::{Limits, digest::short_hex};

/// The stack for host functions, in addition to the stack that guests may use.
const HOST_STACK: usize = 1536 << 10;

/// How much fuel a guest uses before it yields the thread: 15 to 100 µs. It bounds how late a deadline can fire in
/// a loop of guest code, and in a loop of calls that do nothing and cannot yield the thread ([`crate::wasi`]), of
/// which about 25,000 fit in. In a development build, half of this makes a loop of a few instructions slower by a
/// quarter, and a tenth of it by two thirds.
pub(crate) const YIELD_INTERVAL: u64 = 100_000;

/// The maximum number of frames of a backtrace. A trap that deep is an endless recursion: see [`crate::outcome`].
pub(crate) const BACKTRACE_FRAMES: usize = 64;

/// Returns the engine that compiles and runs modules. Compiled code is only valid for engines of this
/// configuration, which is part of the cache's key.
pub(crate) fn engine(limits: &Limits) -> wasmtime::Result<Engine> {
    Engine::new(&config(limits))
}

fn config(limits: &Limits) -> Config {
    let mut config = Config::new();
    config
        // Winch compiles faster, but is not designed for hostile input and uses other fuel for the same code.
        .strategy(Strategy::Cranelift)
        .cranelift_opt_level(OptLevel::Speed)
        // The same input gives the same output, to the last bit.
        .cranelift_nan_canonicalization(true)
        .consume_fuel(true)
        .max_wasm_stack(limits.stack)
        .async_stack_size(limits.stack + HOST_STACK)
        .memory_init_cow(true)
        // The names of functions are enough. For line numbers the host would read untrusted debug information.
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(BACKTRACE_FRAMES));
    // Guests need these features; adapters between core instances need multi-memory.
    config
        .wasm_component_model(true)
        .wasm_multi_memory(true)
        .wasm_bulk_memory(true)
        .wasm_multi_value(true)
        .wasm_reference_types(true)
        .wasm_simd(true)
        .wasm_tail_call(true)
        .wasm_extended_const(true);
    // The rest is disabled to reduce the attack surface. The cargo feature `gc` is compiled in and disabled here:
    // without it, reference types use other code, which had faults.
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

/// Returns what identifies an engine: code that one has compiled is only valid for those with the same.
pub(crate) fn id(engine: &Engine) -> String {
    let mut hasher = EngineHasher(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    short_hex(&hasher.0.finalize())
}

/// Computes the same hash in every process. The hasher of the standard library does not guarantee that.
struct EngineHasher(Sha256);

impl Hasher for EngineHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}
