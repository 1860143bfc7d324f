//! What a module implements, and how it becomes a component.

use crate::{
    Commit, Instance, Result, View,
    bindings::confine::service::{tree, types},
    error::to_host,
    path::check_path,
};

/// A service: it turns an instance into device configuration. [`export!`](crate::export!) makes a
/// module of it, and checks the constants while it compiles.
pub trait Service {
    /// The lists under `/services` that the module serves, each as `prefix:name`. At least one.
    const SERVICES: &'static [&'static str];

    /// Prefix and namespace of each YANG module that paths and identityref values name. `ctrl` is
    /// there already.
    const PREFIXES: &'static [(&'static str, &'static str)];

    /// What [`apply`](Self::apply) reads besides the instance itself. The host asks the controller for
    /// all of it at once; what is not named here is fetched when it is read, which is slower. Name no
    /// more than is read: `/devices/device/name` for the names of all devices.
    const READS: &'static [&'static str] = &[];

    /// What [`apply`](Self::apply) writes: writes anywhere else are refused. Empty leaves it to the
    /// host's own rules.
    const WRITES: &'static [&'static str] = &[];

    /// Makes the configuration of `instance`. Paths that do not begin with `/` are relative to it.
    ///
    /// Each call has a sandbox of its own: no memory survives from one to the next. What the instance
    /// made before and does not make this time is taken away by the host.
    ///
    /// # Errors
    /// Any fails the whole commit, and its user reads the message. Nothing of the commit is sent then.
    fn apply(commit: &Commit, instance: &Instance, view: &View) -> Result<()>;
}

/// Calls around a commit, for a service that wants them: `export!(MyService with hooks)`.
///
/// Each is called once for each instance that the module runs in the commit: one that was deleted calls nothing.
pub trait Hooks: Service {
    /// Before any module's [`apply`](Service::apply) runs. The view reads and does not write.
    ///
    /// # Errors
    /// Any fails the commit.
    fn pre_commit(commit: &Commit, instance: &Instance, view: &View) -> Result<()> {
        let _ = (commit, instance, view);
        Ok(())
    }

    /// After the devices have taken the configuration; never for a dry run. The view reads `running`
    /// and does not write.
    ///
    /// # Errors
    /// Any is logged.
    fn post_commit(commit: &Commit, instance: &Instance, view: &View) -> Result<()> {
        let _ = (commit, instance, view);
        Ok(())
    }

    /// After a commit that failed; [`Commit::option`] says how and why. The view reads `running` and
    /// does not write.
    ///
    /// # Errors
    /// Any is logged.
    fn post_commit_failed(commit: &Commit, instance: &Instance, view: &View) -> Result<()> {
        let _ = (commit, instance, view);
        Ok(())
    }
}

impl Commit {
    /// The option `name`. After a commit: `result` is `SUCCESS`, `FAILED` or `ERROR`, and where it
    /// failed, there may be `origin` and `reason`; `running` is `changed` where the instances of the
    /// commit, or what they created, are not in `running` as they were before, and else `unchanged`.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Makes a service module of a type that implements [`Service`], or with `with hooks`, [`Hooks`] too.
///
/// Once in a crate of type `cdylib`. The module's version is the crate's.
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

/// The description of `S`, as the host asks for it.
#[doc(hidden)]
pub fn describe<S: Service>(version: &str) -> types::Description {
    let owned = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
    types::Description {
        services: owned(S::SERVICES),
        version: version.to_owned(),
        reads: owned(S::READS),
        writes: owned(S::WRITES),
        prefixes: S::PREFIXES.iter().map(|(prefix, name)| (prefix.to_string(), name.to_string())).collect(),
        options: Vec::new(),
    }
}

/// Calls `function` as the host called the export.
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
/// When the compiler evaluates it: where they are not what the contract asks for.
#[doc(hidden)]
#[allow(clippy::panic)]
pub const fn check<S: Service>() {
    let mut services = S::SERVICES;
    if services.is_empty() {
        panic!("SERVICES names no service");
    }
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
