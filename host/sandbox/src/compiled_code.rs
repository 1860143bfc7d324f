//! Loads compiled code.

use wasmtime::{Engine, component::Component};

/// A compiled component, and what it takes of the daemon's memory once it is loaded.
pub(crate) struct CompiledComponent {
    pub(crate) code: CompiledCode,
    pub(crate) resident: u64,
}

/// Where compiled code is.
pub(crate) enum CompiledCode {
    /// Not loaded yet: as a worker has returned it.
    Serialised(Vec<u8>),
    /// Compiled in this process.
    Loaded(Component),
}

impl CompiledComponent {
    /// Loads the component.
    pub(crate) fn load(self, engine: &Engine) -> wasmtime::Result<Component> {
        match self.code {
            CompiledCode::Serialised(code) => load(engine, &code),
            CompiledCode::Loaded(component) => Ok(component),
        }
    }
}

/// Turns compiled code into a component.
///
/// # Why this is sound
///
/// Compiled code is machine code that this process executes without any protection of the host. Whoever
/// chooses these bytes can do everything that Confine can. Their content cannot be checked; only their origin
/// can be known. There are two origins.
///
/// - A worker, through a pipe that this process created and that only the worker held. The program that
///   compiled them is this program, with this engine, and the bytes have never been in a file. A module that
///   takes over the *compiler* while it compiles could write any code here. Therefore the worker compiles with
///   Cranelift only, which is designed for untrusted input.
/// - The cache. It reads a file only if the directory and the file belong to this user and nobody else may
///   write them, if the checksum is that of a worker's output, and if the name has the digest of the component
///   and of this engine's configuration and version.
///
/// A file that a person or another program calls compiled code never gets here:
/// [`preflight::form`](crate::preflight::form) refuses it as a module, and only
/// [`Cache::put`](crate::Cache::put) adds to the cache.
///
/// The bytes are in memory that nobody else can write. If a mapped file were truncated, `SIGBUS` would end this
/// process.
///
/// The runtime checks that the code was made for this engine. Code of another version in the cache is an error
/// and not undefined behaviour.
#[expect(unsafe_code, reason = "the only place where compiled code is loaded, see above")]
pub(crate) fn load(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    unsafe { Component::deserialize(engine, code) }
}
