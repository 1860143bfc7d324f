//! The host's side for tests: a runner, and views over a source without data.

#![allow(dead_code, reason = "each test uses some of it")]

use std::{sync::Arc, time::Duration};

use confine_sandbox::{
    Budget, CommitContext, Compiler, EntryPoint, HostSecret, Limits, LoadError, Module, RunReport, Runner,
    ScaledLimit,
};
use confine_tree::{CONTROLLER, NoSchema, Pattern, PatternStep, QName, Tree};
use confine_view::{CommitDraft, Fetch, InstanceRef, Meter, Scope, Source, View};

pub const NAMESPACE: &str = "http://example.com/bench";

/// How long a runner waits for its threads.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A runner that waits for its threads however busy the machine is: that they come back is what tests
/// ask, not how soon.
pub fn runner() -> Runner {
    runner_of(HostSecret::known())
}

/// As [`runner`], with the secret of a host.
pub fn runner_of(secret: HostSecret) -> Runner {
    Runner::new(&Limits::default(), Compiler::in_process(), secret).unwrap().with_grace(PATIENCE)
}

/// These limits for a module that is loaded: on a busy machine too it is not the clock that ends that.
fn patient(limits: &Limits) -> Limits {
    Limits { wall_clock: ScaledLimit { base: PATIENCE, per_instance: Duration::ZERO }, ..limits.clone() }
}

/// Loads a guest as the module `bench`.
pub async fn load(guest: crate::guest::Guest, limits: &Limits) -> Result<Module, LoadError> {
    runner().load("bench", guest.build(), limits).await
}

/// `bench[service-name='…']`
pub fn instance(name: &str) -> InstanceRef {
    let mut entry = PatternStep::new(QName::new(NAMESPACE, "bench"));
    entry.keys.push(("service-name".into(), Some(name.into())));
    let services = PatternStep::new(QName::new(CONTROLLER, "services"));
    InstanceRef::new(Pattern { steps: vec![services, entry] })
}

/// Has nothing.
pub struct Empty;

impl Source for Empty {
    fn fetch<'a>(&'a self, _: &'a [Pattern]) -> Fetch<'a> {
        Box::pin(async { Ok(Tree::default()) })
    }
}

pub fn draft() -> CommitDraft {
    draft_of(Arc::new(Empty))
}

pub fn draft_of(source: Arc<dyn Source>) -> CommitDraft {
    CommitDraft::new(Arc::new(NoSchema), source)
}

pub fn view(module: &Module, draft: CommitDraft, instance: InstanceRef, meter: Meter) -> View {
    let description = module.description();
    let scope = Scope::new("guest", description.services.clone(), Vec::new());
    View::new(draft, Arc::new(scope), instance, description.prefixes.clone(), meter)
}

/// Runs a guest once for the instance `s1`, as the only one of its commit.
pub async fn run(guest: crate::guest::Guest, limits: Limits) -> RunReport {
    let runner = runner();
    let module = runner.load("bench", guest.build(), &patient(&limits)).await.unwrap();
    let mut budget = Budget::new(&limits, 1);
    run_one(&runner, &module, &mut budget, EntryPoint::Apply, "s1").await
}

pub async fn run_one(
    runner: &Runner,
    module: &Module,
    budget: &mut Budget,
    entry: EntryPoint,
    name: &str,
) -> RunReport {
    let commit = CommitContext { transaction: "7".into(), user: "joe".into(), ..CommitContext::default() };
    let instance = instance(name);
    let view = |meter| view(module, draft(), instance.clone(), meter);
    runner.run(module, budget, entry, &commit, &instance, view).await
}

/// Runs a guest once on a source.
pub async fn run_on(
    runner: &Runner,
    guest: crate::guest::Guest,
    limits: Limits,
    source: Arc<dyn Source>,
) -> RunReport {
    let module = runner.load("bench", guest.build(), &patient(&limits)).await.unwrap();
    let (commit, instance) = (CommitContext::default(), instance("s1"));
    let mut budget = Budget::new(&limits, 1);
    let view = |meter| view(&module, draft_of(source), instance.clone(), meter);
    runner.run(&module, &mut budget, EntryPoint::Apply, &commit, &instance, view).await
}

/// What the user who commits would read, or `fine`.
pub fn told(run: &RunReport) -> String {
    run.outcome.as_ref().map_or_else(ToString::to_string, |()| "fine".into())
}
