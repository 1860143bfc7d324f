//! The engine: which WebAssembly features are enabled, and how code is compiled.

use std::hash::{Hash as _, Hasher};

use sha2::{Digest as _, Sha256};
use wasmtime::{Config, Engine, OptLevel, PoolingAllocationConfig, Strategy, WasmBacktraceDetails};

use crate::{Limits, amount::shown_bytes, digest::short_hex, store_limiter::TABLE_ELEMENT};

/// The stack for host functions, in addition to the stack that guests may use.
const HOST_STACK: usize = 1536 << 10;

/// How much fuel a guest uses before it yields the thread: 15 to 100 µs. It bounds how late a deadline can fire in
/// a loop of guest code, and in a loop of calls that do nothing and cannot yield the thread ([`crate::wasi`]), of
/// which about 25,000 fit in. In a development build, half of this makes a loop of a few instructions slower by a
/// quarter, and a tenth of it by two thirds.
pub(crate) const YIELD_INTERVAL: u64 = 100_000;

/// The maximum number of frames of a backtrace. A trap that deep is an endless recursion: see [`crate::outcome`].
pub(crate) const BACKTRACE_FRAMES: usize = 64;

/// How many stores may exist at a time: of a commit, of hooks after an earlier one, of a module that describes itself,
/// and of guests that do not give back their threads.
pub(crate) const STORES: u32 = 8;

/// The most elements that a table of a valid module begins with. The pool has room for them, so that it is the limit of the
/// module that refuses such a table.
const LARGEST_TABLE: usize = 10_000_000;

/// The most memories, and the most tables, that a valid module defines. Here too it is not the pool that refuses any; what one store
/// may have is for its limiter to say.
const DEFINED_BY_MODULE: u32 = 100;

/// What the runtime may keep of an instance besides memory and tables: no limit, because the size of code limits it.
const INSTANCE_SIZE: usize = 1 << 40;

/// How much of a table is cleared by the runtime when its instance ends. What is beyond is given back to the system, which costs a
/// fault for each page when the table is used again. Of a memory nothing is cleared but all given back: what an instance writes is
/// spread over it, and most of it is never touched.
const KEPT_TABLE: usize = 16 << 10;

/// The same of a stack: more than calls of ordinary modules take.
const KEPT_STACK: usize = 32 << 10;

/// Returns the engine that compiles modules. Compiled code is only valid for engines of this configuration, which is part of the
/// cache's key.
pub(crate) fn engine(limits: &Limits) -> wasmtime::Result<Engine> {
    Engine::new(&config(limits))
}

/// Returns the engine that runs modules of these limits, or lower ones: as [`engine`], with a pool of memories, tables and
/// stacks that instances have one after another. Mapping and unmapping them for each instance takes twice as long as an
/// instance that does nothing takes with them.
///
/// A pool reserves address space: 4 GiB for each memory that may exist at a time. Where there is not enough, there is none.
pub(crate) fn pooled(limits: &Limits) -> wasmtime::Result<Engine> {
    let mut with_pool = config(limits);
    with_pool.allocation_strategy(pool(limits));
    Engine::new(&with_pool).or_else(|error| {
        tracing::warn!(
            error = format!("{error:#}"),
            "no pool for the memory of modules: each run takes longer. Less than {} of address space is free, or a limit such as `ulimit -v` forbids it",
            shown_bytes(reserved(limits))
        );
        engine(limits)
    })
}

/// Returns how many bytes of address space a pool reserves at least.
fn reserved(limits: &Limits) -> u64 {
    let memories = u64::from(STORES).saturating_mul(limits.memories as u64);
    let tables = u64::from(STORES).saturating_mul(limits.tables as u64);
    let table = (table_elements(limits) as u64).saturating_mul(TABLE_ELEMENT);
    memories.saturating_mul(4 << 30).saturating_add(tables.saturating_mul(table))
}

/// Returns how many elements a table of the pool can grow to: as many as the limit of the memory permits.
fn table_elements(limits: &Limits) -> usize {
    usize::try_from(limits.memory / TABLE_ELEMENT).unwrap_or(usize::MAX).max(LARGEST_TABLE)
}

fn pool(limits: &Limits) -> PoolingAllocationConfig {
    let total = |of_a_store: usize| u32::try_from(of_a_store).unwrap_or(u32::MAX).saturating_mul(STORES);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(STORES)
        .max_component_instance_size(INSTANCE_SIZE)
        .total_core_instances(total(limits.core_instances))
        .max_core_instance_size(INSTANCE_SIZE)
        .total_memories(total(limits.memories))
        .max_memories_per_module(DEFINED_BY_MODULE)
        .total_tables(total(limits.tables))
        .max_tables_per_module(DEFINED_BY_MODULE)
        .table_elements(table_elements(limits));
    // A store keeps the stack of its last call until the next one.
    pool.total_stacks(2 * STORES).async_stack_keep_resident(KEPT_STACK).table_keep_resident(KEPT_TABLE);
    pool
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
        // Where instances have stacks one after another, none finds what another one left.
        .async_stack_zeroing(true)
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
