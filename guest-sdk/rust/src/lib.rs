//! Write service modules for Confine in Rust.
//!
//! A service module turns a *service instance*, an entry of a list under `/services`, into device
//! configuration. This one gives every device the login banner of the instance:
//!
//! ```
//! use confine_sdk::prelude::*;
//!
//! struct Banner;
//!
//! impl Service for Banner {
//!     const SERVICES: &[&str] = &["banner:banner"];
//!     const PREFIXES: &[(&str, &str)] =
//!         &[("banner", "urn:example:banner"), ("oc-sys", "http://openconfig.net/yang/system")];
//!     const READS: &[&str] = &["/devices/device/name"];
//!     const WRITES: &[&str] = &["/devices/device/config/oc-sys:system/config/login-banner"];
//!
//!     fn apply(_commit: &Commit, _instance: &Instance, view: &View) -> Result<()> {
//!         let text = view.require("text")?;
//!         for device in view.list("/devices/device")? {
//!             device.set("config/oc-sys:system/config/login-banner", &text)?;
//!         }
//!         Ok(())
//!     }
//! }
//!
//! confine_sdk::export!(Banner);
//! ```
//!
//! Compile the crate as a `cdylib` for `wasm32-wasip2`. The result is the module.
//!
//! A module does not remember what it created (the host removes what an instance no longer creates), does not
//! delete anything when its instance is deleted (the host does), and does not roll back after an error (the
//! host sends nothing until every module of the commit has succeeded).
//!
//! - A module implements [`Service`], and [`Hooks`] if it needs them. [`export!`] makes it a component.
//! - [`View`] reads and writes the configuration tree.
//! - [`path!`] builds paths from a user's values, [`template!`] builds XML.
//! - [`bail!`] and [`ensure!`] fail the commit with a message for the user; `?` does so with any error.
//! - [`info!`], [`warn!`] and the other levels write to the host's log.
//!
//! There is no host outside of WebAssembly. Everything compiles, and `cargo test` can test what needs no host:
//! paths, templates, a module's own logic. A call of a [`View`] panics.

mod batch;
mod decimal;
mod error;
mod log;
mod path;
mod service;
mod template;
mod view;

pub use batch::Batch;
pub use bindings::confine::service::types::{Commit, Instance, Node};
pub use decimal::{Decimal64, DecimalError};
pub use error::{Error, Result};
pub use path::Path;
pub use service::{Hooks, Service};
pub use view::View;

/// Everything that a module uses: `use confine_sdk::prelude::*;`.
pub mod prelude {
    pub use crate::{
        Batch, Commit, Error, Hooks, Instance, Node, Path, Result, Service, View, bail, debug, ensure, error,
        info, path, template, trace, warn,
    };
}

/// Items that the macros of this crate expand to. Not for direct use: they may change without notice.
#[doc(hidden)]
pub mod __private {
    pub use crate::{
        bindings::{
            self,
            confine::service::{
                tree::View as HostView,
                types::{Description, Error as HostError},
            },
        },
        hooks_bindings,
        log::log,
        path::{check_pattern, quote},
        service::{call, check, describe},
        template::render,
    };
}

/// The world `service`. `confine-sdk-bindings` generates this file and the next.
#[allow(missing_docs, unreachable_pub, unsafe_code, clippy::all, clippy::restriction)]
#[doc(hidden)]
#[rustfmt::skip]
#[path = "generated/service.rs"]
pub mod bindings;

/// Only the hooks, which the world `service-with-hooks` adds to `service`. A component that exports both belongs
/// to `service-with-hooks`.
#[allow(missing_docs, unreachable_pub, unsafe_code, clippy::all, clippy::restriction)]
#[doc(hidden)]
#[rustfmt::skip]
#[path = "generated/hooks.rs"]
pub mod hooks_bindings;
