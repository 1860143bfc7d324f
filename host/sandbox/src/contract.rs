//! The bindings that wasmtime generates of the contract in `wit/`.
//!
//! The larger of the two worlds serves both: a module without hooks does not export their interface.

use wasmtime::component::Resource;

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "service-with-hooks",
    imports: { default: async | trappable },
    exports: { default: async },
    with: { "confine:service/tree.view": crate::contract::ViewHandle },
});

/// The host's side of a guest's handle of its view. A run has one view, so the handle has no content.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct ViewHandle;

impl ViewHandle {
    /// Returns the handle that a guest receives.
    pub(crate) fn handle() -> Resource<Self> {
        Resource::new_own(0)
    }
}
