//! The spans of a commit, for logs and traces. A test binary of its own, because the subscriber is global.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex},
};

use confine_author::{LoadedServices, Testbed};
use confine_backend::{ActionsMode, PushMode};
use confine_controller::Controller;
use confine_test_support::{
    guests::guests,
    testbed::{probe, services},
};
use tracing::{
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer, Registry,
    layer::{Context, SubscriberExt as _},
};

/// Keeps each span as the path of its parents.
#[derive(Clone, Default)]
struct Paths(Arc<Mutex<BTreeSet<String>>>);

/// A span's name with its fields.
struct Named(String);

impl Visit for Named {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Differs from run to run.
        if !matches!(field.name(), "fuel" | "message") {
            self.0 += &format!(" {field}={value:?}");
        }
    }
}

impl Layer<Registry> for Paths {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, Registry>) {
        let mut named = Named(attributes.metadata().name().to_owned());
        attributes.record(&mut named);
        context.span(id).unwrap().extensions_mut().insert(named);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, Registry>) {
        let span = context.span(id).unwrap();
        values.record(span.extensions_mut().get_mut::<Named>().unwrap());
    }

    fn on_close(&self, id: Id, context: Context<'_, Registry>) {
        let scope = context.span_scope(&id).unwrap().from_root();
        let path: Vec<_> =
            scope.filter_map(|span| Some(span.extensions().get::<Named>()?.0.clone())).collect();
        self.0.lock().unwrap().insert(path.join(" > "));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_of_a_commit_are_nested_in_it() {
    let paths = Paths::default();
    // Global, because several threads work on a commit.
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(paths.clone())).unwrap();
    let LoadedServices { host, models } = guests(&["probe", "second"]).await.unwrap();
    let builder = Controller::builder().devices(1).service_models(models);
    let directory = tempfile::tempdir().unwrap();
    let mut testbed = Testbed::open(builder, host, directory.path(), "alice").await.unwrap();
    let expect =
        "expect /devices/device[name='openconfig1']/config/oc-sys:system/config/hostname openconfig1";
    testbed.edit(&services(&probe("traced", &[expect], &["fail no"]))).await.unwrap();
    let committed = testbed.commit(PushMode::Commit, ActionsMode::Change).await.unwrap();
    assert!(!committed.succeeded());
    let tid = committed.transaction.tid;
    testbed.close().await;
    let paths = paths.0.lock().unwrap();
    let host = format!("user={:?}", confine_backend::process_user().unwrap());
    let mut shown: Vec<_> = paths
        .iter()
        .filter(|path| path.starts_with("commit"))
        .map(|path| path.replace(&format!("tid={tid}"), "tid=TID").replace(&host, "user=HOST"))
        .collect();
    shown.sort();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    commit tid=TID > request operation="get" user=HOST
    commit tid=TID user="alice"
    commit tid=TID user="alice" > module module=probe 0.1.0 instance="probe[name='traced']" entry=apply > request operation="get-config" user="alice"
    commit tid=TID user="alice" > module module=probe 0.1.0 instance="probe[name='traced']" entry=apply failed=false
    commit tid=TID user="alice" > module module=second 0.1.0 instance="probe[name='traced']" entry=apply failed=true
    commit tid=TID user="alice" > request operation="get-config" user="alice"
    commit tid=TID user="alice" > request operation="get-config" user=HOST
    commit tid=TID user="alice" > request operation="transaction-error" user=HOST
    "#);
}
