//! What reading may cost.

/// The limits of reading: models come from devices, and a device is not trusted.
///
/// All of them are far above what real models need; a model that passes one is refused with the limit's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct YangLimits {
    /// Bytes of one module. The largest that vendors publish is some 10 MB.
    pub source: usize,
    /// Statements within statements. Published models stay below 30.
    pub statement_depth: usize,
    /// `uses` within groupings, and typedefs upon typedefs. Published models stay below 15.
    pub expansion_depth: usize,
    /// Nodes of the compiled tree. Groupings multiply: thirty lines can ask for a billion nodes. A large
    /// router has some 300,000. Eight times as many statements may be looked at to make them, so that what
    /// multiplies without making nodes ends as well.
    pub nodes: usize,
    /// Problems that are kept; further ones are counted only.
    pub problems: usize,
}

impl Default for YangLimits {
    fn default() -> Self {
        Self {
            source: 32 << 20,
            statement_depth: 128,
            expansion_depth: 64,
            nodes: 1_000_000,
            problems: 1_000,
        }
    }
}
