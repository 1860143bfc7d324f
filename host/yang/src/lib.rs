//! Reads YANG 1 and 1.1 (RFC 6020, RFC 7950) and answers questions about data nodes.
//!
//! Bytes in, no files, no wire: [`ModuleSet::add`] reads modules, [`ModuleSet::compile`] makes the [`YangSchema`] of
//! them. It is a reader, not a validator: it tells what a node is and what a value of it looks like; whether a
//! whole datastore is valid (`must`, `when`, `mandatory`, leafrefs that lead to something), the backend says.
//!
//! What cannot be read costs no more than itself: a module that is none is refused by `add`, a statement that
//! refers to what is not there is left out and told by [`YangSchema::problems`]. Models come from devices, so
//! everything that could grow without an end has a [limit](Limits).
//!
//! ```
//! use confine_tree::{Kind, QName, Schema as _};
//!
//! let mut modules = confine_yang::ModuleSet::default();
//! modules.add(
//!     "lamp.yang",
//!     b"module lamp {
//!         namespace urn:lamp;
//!         prefix l;
//!         list lamp { key name; leaf name { type string; } leaf level { type uint8 { range 0..100; } } }
//!     }",
//! )?;
//! let schema = modules.compile();
//! let list = schema.root().and_then(|root| schema.child(root, QName::new("urn:lamp", "lamp"))).unwrap();
//! assert_eq!(schema.kind(list), Kind::List);
//! assert_eq!(*schema.keys(list), ["name".into()]);
//!
//! let level = schema.find("/lamp:lamp/level").unwrap();
//! assert_eq!(level.canonical("0x10", &|_| None).unwrap(), "16");
//! assert_eq!(
//!     level.canonical("bright", &|_| None).unwrap_err().to_string(),
//!     "`bright` is not a value of `level`: a number from 0 to 100 (`uint8`)"
//! );
//! assert_eq!(
//!     schema.unknown_child(list, "levle"),
//!     "`levle` is not a node of `lamp` in `lamp`; did you mean `level`?"
//! );
//! # Ok::<(), confine_yang::Error>(())
//! ```

mod build;
mod definitions;
mod error;
mod expected;
mod features;
mod finish;
mod grammar;
mod keyword;
mod lexer;
mod limits;
mod link;
mod mount;
mod nearest;
mod node;
mod nodes;
mod number;
mod pattern;
mod regex_translation;
mod resolve;
mod schema;
mod set;
mod shown;
mod statement;
mod tree_text;
mod types;
mod unicode_blocks;
mod value;

pub use error::{Error, SourcePosition};
pub use keyword::Keyword;
pub use limits::YangLimits;
pub use link::YangModule;
pub use mount::MountedSchema;
pub use node::{DefinitionStatus, YangNode};
pub use nodes::SchemaNodeKind;
pub use pattern::StringPattern;
pub use schema::YangSchema;
pub use set::{ModuleSet, YangModuleName};
pub use types::{
    AssignedValue, AssignedValues, BaseType, Identity, IntegerKind, LeafType, StringPatterns, ValueRanges,
};
pub use value::ValueMismatch;
