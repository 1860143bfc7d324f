//! The traits that a module implements, and the macro that makes it a component.

use crate::{
    Commit, Instance, Result, View,
    bindings::confine::service::{tree, types},
    error::to_host,
    path::check_path,
};

/// A service, which turns an instance into device configuration. [`export!`](crate::export!) makes it a module,
/// and checks the constants during compilation.
pub trait Service {
    /// The lists under `/services` that the module serves, each as `prefix:name`. At least one.
    const SERVICES: &'static [&'static str];

    /// Prefix and namespace of each YANG module that paths and identityref values use. `ctrl`, the
    /// controller's own namespace, is predefined.
    const PREFIXES: &'static [(&'static str, &'static str)];

    /// The paths that [`apply`](Self::apply) and the hooks read besides the instance itself and
    /// [`WRITES`](Self::WRITES), and no more: `/devices/device/name` for the names of all devices. The host refuses
    /// to read anything else, with an error that has the path to add here.
    const READS: &'static [&'static str] = &[];

    /// The paths that [`apply`](Self::apply) writes; the host refuses all others. If empty, the module may write,
    /// and so read, all configuration of all devices.
    const WRITES: &'static [&'static str] = &[];

    /// The lists, written as in [`SERVICES`](Self::SERVICES), whose instances may own objects together with those of this
    /// module. Their modules must name the lists of this one, too. Instances of one list always may, and those of lists that
    /// an operator lets share in confine.toml (`shares_with` in `[service.LIST]`).
    const SHARES_WITH: &'static [&'static str] = &[];

    /// Whether the wall clock shows when the commit began, the same in all its calls. If not, it shows 2000-01-01 in every
    /// run. An instance that writes the date changes with each commit.
    const COMMIT_TIME: bool = false;

    /// Creates the configuration of `instance`. Random bytes (the crate `getrandom`) are secret and the same in every run of
    /// an instance: fit for a key. Paths that do not start with `/` are relative to the instance.
    ///
    /// Each call runs in a fresh sandbox: no memory survives from one call to the next. The host removes what
    /// the instance created in an earlier commit and does not create in this one.
    ///
    /// # Errors
    /// An error fails the whole commit: the host sends none of its edits, and the committing user reads the
    /// message.
    fn apply(commit: &Commit, instance: &Instance, view: &View) -> Result<()>;
}

/// Optional calls before and after a commit: `export!(MyService with hooks)`.
///
/// The host calls each hook once for each instance that the module runs for in the commit. It calls no hook for a
/// deleted instance.
pub trait Hooks: Service {
    /// Called before any module's [`apply`](Service::apply). The view is read-only.
    ///
    /// # Errors
    /// An error fails the commit.
    fn pre_commit(commit: &Commit, instance: &Instance, view: &View) -> Result<()> {
        let _ = (commit, instance, view);
        Ok(())
    }

    /// Called after the devices have accepted the configuration, never for a dry run. The view is read-only and
    /// shows `running`.
    ///
    /// # Errors
    /// The host logs an error.
    fn post_commit(commit: &Commit, instance: &Instance, view: &View) -> Result<()> {
        let _ = (commit, instance, view);
        Ok(())
    }

    /// Called after a commit has failed; [`Commit::option`] returns the result and the reason. The view is
    /// read-only and shows `running`.
    ///
    /// # Errors
    /// The host logs an error.
    fn post_commit_failed(commit: &Commit, instance: &Instance, view: &View) -> Result<()> {
        let _ = (commit, instance, view);
        Ok(())
    }
}

impl Commit {
    /// Returns the option `name`. After a commit, `result` is `SUCCESS`, `FAILED` or `ERROR`; a commit that
    /// failed may have an `origin` and a `reason`; `running` is `changed` if the instances of the commit, or
    /// what they created, differ in `running` from what they were before the commit, and `unchanged` otherwise.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Makes a type that implements [`Service`] a service module; `with hooks`, the type implements [`Hooks`] too.
///
/// Use it once in a crate of type `cdylib`. The version of the module is that of the crate.
///
/// ```
/// # use confine_sdk::prelude::*;
/// # struct Banner;
/// # impl Service for Banner {
/// #     const SERVICES: &[&str] = &["banner:banner"];
/// #     const PREFIXES: &[(&str, &str)] = &[("banner", "urn:example:banner")];
/// #     fn apply(_: &Commit, _: &Instance, _: &View) -> Result<()> { Ok(()) }
/// # }
/// impl Hooks for Banner {
///     fn post_commit(commit: &Commit, instance: &Instance, _view: &View) -> Result<()> {
///         info!(user = commit.user; "{} is on the devices", instance.path);
///         Ok(())
///     }
/// }
///
/// confine_sdk::export!(Banner with hooks);
/// ```
#[macro_export]
macro_rules! export {
    ($service:ident with hooks) => {
        $crate::export!($service);
        $crate::export!(@hooks $service pre_commit post_commit post_commit_failed);
        $crate::__private::hooks_bindings::export_hooks!(
            $service with_types_in $crate::__private::hooks_bindings
        );
    };
    ($service:ident) => {
        const _: () = $crate::__private::check::<$service>();

        impl $crate::__private::bindings::exports::confine::service::handler::Guest for $service {
            fn describe() -> $crate::__private::Description {
                $crate::__private::describe::<$service>(::core::env!("CARGO_PKG_VERSION"))
            }

            fn apply(
                commit: $crate::Commit,
                instance: $crate::Instance,
                view: $crate::__private::HostView,
            ) -> ::core::result::Result<(), $crate::__private::HostError> {
                $crate::__private::call(<$service as $crate::Service>::apply, commit, instance, view)
            }
        }

        $crate::__private::bindings::export_service!($service with_types_in $crate::__private::bindings);
    };
    (@hooks $service:ident $($hook:ident)+) => {
        impl $crate::__private::hooks_bindings::exports::confine::service::hooks::Guest for $service {
            $(fn $hook(
                commit: $crate::Commit,
                instance: $crate::Instance,
                view: $crate::__private::HostView,
            ) -> ::core::result::Result<(), $crate::__private::HostError> {
                $crate::__private::call(<$service as $crate::Hooks>::$hook, commit, instance, view)
            })+
        }
    };
}

/// Returns the description of `S` in the form that the host expects.
#[doc(hidden)]
pub fn describe<S: Service>(version: &str) -> types::Description {
    let owned = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
    let shares = S::SHARES_WITH.iter().map(|list| ("shares-with".to_owned(), list.to_string()));
    let clock = S::COMMIT_TIME.then(|| ("wall-clock".to_owned(), "commit".to_owned()));
    types::Description {
        services: owned(S::SERVICES),
        version: version.to_owned(),
        reads: owned(S::READS),
        writes: owned(S::WRITES),
        prefixes: S::PREFIXES.iter().map(|(prefix, name)| (prefix.to_string(), name.to_string())).collect(),
        options: shares.chain(clock).collect(),
    }
}

/// Calls `function` with the arguments that the host passed to the export.
#[doc(hidden)]
pub fn call(
    function: fn(&Commit, &Instance, &View) -> Result<()>,
    commit: Commit,
    instance: Instance,
    view: tree::View,
) -> Result<(), types::Error> {
    function(&commit, &instance, &View::new(view)).map_err(to_host)
}

/// Checks the constants of `S`.
///
/// # Panics
/// Panics during compilation if they do not conform to the contract.
#[doc(hidden)]
#[allow(clippy::panic)]
pub const fn check<S: Service>() {
    let mut services = S::SERVICES;
    if services.is_empty() {
        panic!("SERVICES is empty");
    }
    while let [service, rest @ ..] = services {
        check_path(service, S::PREFIXES);
        services = rest;
    }
    let mut services = S::SHARES_WITH;
    while let [service, rest @ ..] = services {
        check_path(service, S::PREFIXES);
        services = rest;
    }
    let mut paths = S::READS;
    while let [path, rest @ ..] = paths {
        check_path(path, S::PREFIXES);
        paths = rest;
    }
    let mut paths = S::WRITES;
    while let [path, rest @ ..] = paths {
        check_path(path, S::PREFIXES);
        paths = rest;
    }
}
