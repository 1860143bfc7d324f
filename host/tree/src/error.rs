//! What can go wrong with a tree.

/// What can go wrong with a tree.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// More nodes or text than the arena can number.
    #[error("the tree is too large: it holds at most {} nodes and {} bytes of text", u32::MAX, u32::MAX)]
    TooLarge,
}
