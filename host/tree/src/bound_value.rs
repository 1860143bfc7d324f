//! Values with prefixes.

/// A value with the namespaces of the prefixes that it uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BoundValue {
    /// The value, in its canonical form if the model is known.
    pub value: String,
    /// The prefixes and their namespaces.
    pub bindings: Vec<(String, String)>,
}
