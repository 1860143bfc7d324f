//! The configuration tree: names, paths, nodes, XML in and out, and a working copy of a datastore.
//!
//! A [`Tree`] is an arena of nodes with interned names. It does not know YANG: what it needs of a data model (the
//! kind of a node, the keys of a list, the order of its entries) it asks of a [`Schema`]. [`NoSchema`] knows nothing.
//!
//! | task | use |
//! |---|---|
//! | name nodes | [`Path`] as written, [`Pattern`] once its names are resolved |
//! | read and write XML | [`xml`] |
//! | edit a datastore without writing to it | [`Overlay`] |
//! | know what has been read | [`Coverage`] |
//! | read in few patterns | [`ReadSet`] |
//! | count and end long work | [`StepCounter`] |
//!
//! An overlay is loaded with what was read, edited, and asked for the `edit-config` that makes the datastore equal
//! to it:
//!
//! ```
//! use std::sync::Arc;
//!
//! use confine_tree::{NoSchema, Overlay, Pattern, PatternStep, QName, Tree, xml};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let step = |local| PatternStep::new(QName::new("urn:system", local));
//! let system = Pattern { steps: vec![step("system")] };
//! let hostname = Pattern { steps: vec![step("system"), step("hostname")] };
//!
//! let mut overlay = Overlay::new(Arc::new(NoSchema));
//! let read = xml::parse("<system xmlns='urn:system'><hostname>old</hostname></system>")?;
//! overlay.load(&read, &[system])?;
//! overlay.set(&hostname, "new", &[])?;
//!
//! let edit = overlay.edit_config()?.ok_or("nothing has changed")?;
//! assert_eq!(
//!     xml::write(&edit, Tree::ROOT)?,
//!     r#"<system xmlns="urn:system"><hostname>new</hostname></system>"#,
//! );
//! # Ok(())
//! # }
//! ```

mod bound_value;
mod coverage;
mod error;
mod hash;
mod keys;
mod located_path;
mod model_lists;
mod name;
mod names;
mod nearest;
mod overlay;
pub mod path;
mod pattern;
mod pattern_step;
mod prefix_map;
mod read_set;
mod resolve;
mod resolve_error;
mod schema;
mod steps;
#[cfg(test)]
mod testing;
pub mod text;
mod tree;
pub mod xml;

pub use bound_value::BoundValue;
pub use coverage::{Coverage, CoverageFront};
pub use error::Error;
pub use hash::{HashMap, HashSet, HashState};
pub use located_path::LocatedPath;
pub use model_lists::{ModelFront, is_small};
pub use name::{Name, QName, is_name, is_name_character};
pub use names::Names;
pub use nearest::{did_you_mean, nearest};
pub use overlay::{
    ChoiceInstance, EntryPosition, FragmentLoad, KnownOrders, ListOrder, LiveNode, NodeKind, NodePaths,
    Overlay, OverlayMark, PatternSearch, SchemaLocation, SchemaView, SearchProgress,
};
pub use path::{Path, PathError, PathFault, PathStep, Predicate};
pub use pattern::{CreatedError, Pattern, PrefixTable};
pub use pattern_step::{PatternStep, StepParts};
pub use prefix_map::{PrefixError, PrefixMap};
pub use read_set::ReadSet;
pub use resolve::PathLocator;
pub use resolve_error::ResolveError;
pub use schema::{
    ChoiceCase, DataNodeKind, DefaultDeny, LexicalForms, NoSchema, Schema, SchemaNode, ValueError,
};
pub use steps::{StepCounter, StopSignal};
pub use tree::{Bindings, Children, Descendants, NodeId, Tree};

/// The namespace of the controller's own YANG module; its prefix is `ctrl`.
pub const CONTROLLER: &str = "http://clicon.org/controller";
/// The namespace of NETCONF (RFC 6241), to which the attribute `operation` belongs.
pub const NETCONF: &str = "urn:ietf:params:xml:ns:netconf:base:1.0";
/// The namespace of YANG's own XML attributes: `insert`, `key` and `value` (RFC 7950, section 7.7.9).
pub const YANG: &str = "urn:ietf:params:xml:ns:yang:1";
