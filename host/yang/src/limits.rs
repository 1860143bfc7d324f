//! The limits of reading and compiling modules.

/// The limits of reading and compiling modules: models come from devices, and a device is not trusted.
///
/// All are far above what published models need. A module that exceeds one is refused with the name of the
/// limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct YangLimits {
    /// Bytes of one module. The largest that vendors publish has about 10 MB.
    pub source: usize,
    /// Nested statements. Published models stay below 30.
    pub statement_depth: usize,
    /// `uses` within groupings, and typedefs derived from typedefs. Published models stay below 15.
    pub expansion_depth: usize,
    /// Bytes of the compiled tree, about 120 for each node. Groupings multiply: thirty lines can ask for a billion nodes.
    /// A large router has about a million nodes, and several million with its operations. Compiling visits at most
    /// eight statements per allowed node, so that statements that multiply without creating nodes end as well.
    pub memory: usize,
    /// Problems that are kept. Further ones are dropped.
    pub problems: usize,
}

impl Default for YangLimits {
    fn default() -> Self {
        Self {
            source: 32 << 20,
            statement_depth: 128,
            expansion_depth: 64,
            memory: 512 << 20,
            problems: 1_000,
        }
    }
}
