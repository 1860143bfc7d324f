//! A loaded module.

use std::{fmt, sync::Arc};

use wasmtime::{
    Engine,
    component::{Component, InstancePre, Linker},
};

use crate::{
    Description, Digest, Limits,
    compiled_code::CompiledComponent,
    contract::exports::confine::service::{handler, hooks},
    host, preflight,
    store_state::StoreState,
    wasi,
};

/// A loaded module: compiled, bound, and described. Cheap to clone.
#[derive(Clone)]
pub struct Module(Arc<LoadedModule>);

struct LoadedModule {
    name: Arc<str>,
    digest: Digest,
    resident: u64,
    limits: Limits,
    description: Description,
    program: BoundComponent,
}

impl Module {
    pub(crate) fn new(
        (name, digest, resident): (Arc<str>, Digest, u64),
        limits: Limits,
        description: Description,
        program: BoundComponent,
    ) -> Self {
        Self(Arc::new(LoadedModule { name, digest, resident, limits, description, program }))
    }

    /// Returns the same module under another name, with the limits of that name.
    #[must_use]
    pub fn renamed(&self, name: &str, limits: &Limits) -> Self {
        let LoadedModule { digest, resident, description, program, .. } = &*self.0;
        let named = (name.into(), *digest, *resident);
        Self::new(named, limits.clone(), description.clone(), program.clone())
    }

    /// Returns the name (that of the file), safe to show.
    pub fn name(&self) -> &Arc<str> {
        &self.0.name
    }

    /// Returns the digest of the file.
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    /// Returns the bytes of memory that the module takes for as long as it is loaded.
    pub fn resident(&self) -> u64 {
        self.0.resident
    }

    /// Returns the limits of the module, for its [`Budget`](crate::Budget).
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// Returns the description.
    pub fn description(&self) -> &Description {
        &self.0.description
    }

    /// Returns whether the module exports hooks.
    pub fn has_hooks(&self) -> bool {
        self.0.program.hooks.is_some()
    }

    /// Returns whether the module imports an interface of WASI 0.2, given its name without a version.
    pub fn imports(&self, interface: &str) -> bool {
        let program = self.program();
        let component = program.instance.component().component_type();
        component.imports(program.engine()).any(|(name, _)| wasi::unversioned(name) == Some(interface))
    }

    pub(crate) fn program(&self) -> &BoundComponent {
        &self.0.program
    }
}

/// `ssh-users 1.0.0`
impl fmt::Display for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name(), self.description().version)
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module")
            .field("name", &self.0.name)
            .field("digest", &self.0.digest)
            .field("description", &self.0.description)
            .finish_non_exhaustive()
    }
}

/// A module that is compiled and not loaded yet.
pub struct CompiledModule {
    pub(crate) name: Arc<str>,
    pub(crate) digest: Digest,
    pub(crate) component: CompiledComponent,
}

impl CompiledModule {
    /// Returns the bytes of memory that the module will take for as long as it is loaded.
    pub fn resident(&self) -> u64 {
        self.component.resident
    }
}

impl fmt::Debug for CompiledModule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompiledModule")
            .field("name", &self.name)
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

/// A component that is bound to the host functions, ready to instantiate.
#[derive(Clone)]
pub(crate) struct BoundComponent {
    pub(crate) instance: InstancePre<StoreState>,
    pub(crate) handler: handler::GuestIndices,
    pub(crate) hooks: Option<hooks::GuestIndices>,
}

impl BoundComponent {
    /// Binds imports and exports, and checks their types.
    pub(crate) fn bind(linker: &Linker<StoreState>, component: &Component) -> wasmtime::Result<Self> {
        let mut linker = linker.clone();
        wasi::refuse(&mut linker, component)?;
        let instance = linker.instantiate_pre(component)?;
        let handler = handler::GuestIndices::new(&instance)?;
        // Finds hooks of any version of the track: wasmtime looks for the exact name, then for a compatible version.
        let hooks =
            match component.get_export_index(None, format!("{}@{}", preflight::HOOKS, preflight::VERSION)) {
                Some(_) => Some(hooks::GuestIndices::new(&instance)?),
                None => None,
            };
        Ok(Self { instance, handler, hooks })
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.instance.engine()
    }
}

/// Returns a linker that defines what components import, except what they may name and not call.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<StoreState>> {
    let mut linker = Linker::new(engine);
    host::link(&mut linker)?;
    wasi::link(&mut linker)?;
    Ok(linker)
}
