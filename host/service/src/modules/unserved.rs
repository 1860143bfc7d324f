//! Why nobody serves a list.

use std::collections::HashMap;

use crate::modules::{
    claims::{SHOWN, quoted},
    membership::{ManagedService, SuspendedModule, UnreadyModule},
};

/// A commit needs a service that no module serves.
#[derive(Clone, Debug, thiserror::Error)]
#[error("no module serves `{service}`{}", self.why())]
pub struct NoModule {
    /// The list under `/services`.
    pub service: String,
    /// The modules that could not be loaded, each with its file and the reason: one of them may serve it.
    pub broken: Vec<String>,
    /// The modules that claim the list.
    pub claims: UnservedClaims,
}

/// The modules that claim a list that nobody serves.
#[derive(Clone, Debug, Default)]
pub struct UnservedClaims {
    /// Those of which an operator must approve one.
    pub contested: Vec<String>,
    /// The first of others that are held, with the reason.
    pub held: Option<(String, String)>,
}

impl NoModule {
    fn why(&self) -> String {
        let service = &self.service;
        if !self.claims.contested.is_empty() {
            let names = quoted(self.claims.contested.iter().map(String::as_str));
            return format!(
                ": {names} claim it, and none of them is approved\n\
                 hint: run `confine modules approve NAME` for each that is to serve it, or name them as `modules` in `[service.{service}]` in confine.toml"
            );
        }
        if let Some((module, reason)) = &self.claims.held {
            return format!(": `{module}`, which claims it, is held: {reason}");
        }
        let broken = match &self.broken[..] {
            [] => String::new(),
            broken => {
                let shown = broken.get(..SHOWN).unwrap_or(broken);
                let more = match broken.len() - shown.len() {
                    0 => String::new(),
                    more => format!("; and {more} more: see `confine modules list`"),
                };
                format!("; not loaded: {}{more}", shown.join("; "))
            }
        };
        format!(
            "{broken}\n\
             hint: put its module into a module directory (`modules` in confine.toml), or add the list to `unmanaged` there"
        )
    }
}

/// Why a list is not served.
#[derive(Clone, Debug)]
pub(crate) enum ServiceProblem {
    NoModule(NoModule),
    Suspended(SuspendedModule),
    Unready(UnreadyModule),
}

impl ManagedService {
    /// Checks that the list has a module that runs, and that no other module of it is still to be loaded.
    pub(crate) fn check(&self) -> Result<(), ServiceProblem> {
        match problem(&self.suspended, &self.unready) {
            Some(ServiceProblem::Suspended(_)) if !self.modules.is_empty() => Ok(()),
            Some(problem) => Err(problem),
            None => Ok(()),
        }
    }
}

/// The lists of which no module is loaded.
#[derive(Clone, Debug, Default)]
pub(crate) struct UnservedLists {
    /// Those whose modules are known.
    pub(crate) absent: HashMap<String, (Vec<SuspendedModule>, Vec<UnreadyModule>)>,
    /// Those that held modules claim.
    pub(crate) claims: HashMap<String, UnservedClaims>,
}

impl UnservedLists {
    /// Returns why a list is not served. Modules that could not be loaded may serve it.
    pub(crate) fn problem(&self, list: &str, broken: Vec<String>) -> ServiceProblem {
        let absent = self.absent.get(list).and_then(|(suspended, unready)| problem(suspended, unready));
        absent.unwrap_or_else(|| {
            let claims = self.claims.get(list).cloned().unwrap_or_default();
            ServiceProblem::NoModule(NoModule { service: list.to_owned(), broken, claims })
        })
    }
}

fn problem(suspended: &[SuspendedModule], unready: &[UnreadyModule]) -> Option<ServiceProblem> {
    // One that is being loaded is waited for.
    let unready = unready.iter().find(|module| module.problem.is_none()).or(unready.first());
    let unready = unready.cloned().map(ServiceProblem::Unready);
    unready.or_else(|| suspended.first().cloned().map(ServiceProblem::Suspended))
}
