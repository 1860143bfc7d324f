//! The configuration tree: names, paths, nodes, overlay, XML in and out.
//!
//! A [`Tree`] is an arena of nodes with interned names. It knows nothing of YANG: what it must know of
//! a model (kind of a node, keys of a list, order) it asks of a [`Schema`], which may well know nothing
//! either ([`NoSchema`]).
//!
//! | to | use |
//! |---|---|
//! | name nodes | [`Path`] as written, [`Pattern`] once its names are resolved |
//! | read and write XML | [`xml`] |
//! | see what modules would make of a tree | [`Overlay`] |

mod coverage;
mod error;
mod keys;
mod name;
mod nearest;
mod overlay;
pub mod path;
mod pattern;
mod read_set;
mod resolve;
mod schema;
#[cfg(test)]
mod testing;
mod tree;
pub mod xml;

pub use coverage::Coverage;
pub use error::Error;
pub use name::{Name, Names, QName, is_name_character};
pub use nearest::{did_you_mean, nearest};
pub use overlay::{
    FragmentLoad, LiveNode, NodeKind, Overlay, OverlayMark, PatternSearch, SchemaLocation, SchemaView,
    SearchProgress,
};
pub use path::{Path, PathError, PathFault, PathStep, Predicate};
pub use pattern::{CreatedError, Pattern, PatternStep, PrefixTable};
pub use read_set::ReadSet;
pub use resolve::{BoundValue, PrefixError, PrefixMap, ResolveError};
pub use schema::{DataNodeKind, DefaultDeny, NoSchema, Schema, SchemaNode, ValueError};
pub use tree::{Bindings, Children, Descendants, NodeId, Tree};

/// The namespace of the controller's own model, which the prefix `ctrl` stands for.
pub const CONTROLLER: &str = "http://clicon.org/controller";
/// The namespace of NETCONF (RFC 6241), which the attribute `operation` lives in.
pub const NETCONF: &str = "urn:ietf:params:xml:ns:netconf:base:1.0";
/// The namespace of YANG's own XML attributes: `insert`, `key` and `value` (RFC 7950, section 7.7.9).
pub const YANG: &str = "urn:ietf:params:xml:ns:yang:1";
