//! Reads YANG 1 and 1.1 (RFC 6020, RFC 7950) and answers questions about data nodes.
//!
//! The crate takes bytes and knows neither files nor connections: [`ModuleSet::add`] reads modules,
//! [`ModuleSet::compile`] compiles them to a [`YangSchema`]. The schema describes each node and checks single values.
//! It does not validate a datastore: `must`, `when`, `mandatory` and the targets of leafrefs are up to the backend.
//!
//! An error costs as little as possible: `add` refuses a text that is not a module, and `compile` leaves out a
//! statement that refers to something missing and lists it in [`YangSchema::problems`]. Models come from devices, so
//! everything that can grow without bound has a [limit](YangLimits).
//!
//! ```
//! use confine_tree::{DataNodeKind, QName, Schema as _};
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
//! assert_eq!(schema.kind(list), DataNodeKind::List);
//! assert_eq!(*schema.keys(list), ["name".into()]);
//!
//! let level = schema.find("/lamp:lamp/level").unwrap();
//! assert_eq!(level.canonical("016", &|_| None).unwrap(), "16");
//! assert_eq!(
//!     level.canonical("bright", &|_| None).unwrap_err().to_string(),
//!     "`bright` is not a value of `level`: a number from 0 to 100 (`uint8`)"
//! );
//! # Ok::<(), confine_yang::Error>(())
//! ```

mod build;
mod build_context;
mod compile;
mod definitions;
mod error;
mod features;
mod finish;
mod grammar;
mod keyword;
mod lexer;
mod lexical;
mod limits;
mod link;
mod mount;
mod node;
mod node_arena;
mod number;
mod pattern;
mod problem_list;
mod regex_translation;
mod schema;
mod set;
mod shown_text;
mod spelling;
mod statement;
mod text_form;
mod tree_schema;
mod type_resolver;
mod types;
mod value;
mod value_forms;
mod value_text;

pub use error::{Error, SourcePosition};
pub use lexer::{is_date, is_identifier};
pub use limits::YangLimits;
pub use link::YangModule;
pub use mount::MountedSchema;
pub use node::{DefinitionStatus, YangNode};
pub use node_arena::SchemaNodeKind;
pub use pattern::StringPattern;
pub use schema::YangSchema;
pub use set::{ModuleSet, YangModuleName};
pub use text_form::TextForm;
pub use types::{
    AssignedValue, AssignedValues, BaseType, Identity, IntegerKind, LeafType, StringPatterns, ValueRanges,
};
pub use value::ValueMismatch;
