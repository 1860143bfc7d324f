//! Views on a small datastore, without and with rules.

mod all_living;
mod authority;
mod choices;
mod conflicts;
mod faults;
mod finishing;
mod finishing_cost;
mod invisible;
mod keys;
mod linear;
mod many_lists;
mod models;
mod namesakes;
mod order;
mod paid;
mod played_device;
mod reading;
mod reads;
mod restored;
mod rules;
mod sharing;
mod still_removed;
mod values;
mod vendors;
mod wanted_order;
mod writing;

use std::{
    pin::pin,
    sync::{Arc, LazyLock, Mutex},
    task::{Context, Poll, Waker},
};

use confine_controller::{TreeModel, XPathFilter, prune};
use confine_tree::{NoSchema, Path, Pattern, PatternStep, PrefixMap, PrefixTable, QName, Schema, Tree, xml};
use confine_yang::{ModuleSet, MountedSchema};

use crate::{
    CallRefusal, CommitDraft, Error, Fetch, InstanceRef, Meter, MeteredLimit, OwnerIndex, Scope, Source,
    SourceError, View, WorkAllowance,
};

const CONTROLLER: &str = confine_tree::CONTROLLER;

/// Two devices, a service with two instances, another service, and what no module may see.
const DATASTORE: &str = r#"
<nacm xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-acm"><enable-nacm>true</enable-nacm></nacm>
<processes xmlns="http://clicon.org/controller"><services><enabled>true</enabled></services></processes>
<services xmlns="http://clicon.org/controller">
  <bench xmlns="urn:bench"><id>s1</id><mtu>1500</mtu><note/>
    <created><path>/devices/device[name="r1"]/config/interfaces/interface[name="mine"]</path></created>
  </bench>
  <bench xmlns="urn:bench"><id>s2</id><mtu>9000</mtu></bench>
  <other xmlns="urn:other"><id>o1</id><secret>x</secret></other>
</services>
<devices xmlns="http://clicon.org/controller">
  <device><name>r1</name><addr>10.0.0.1</addr><config>
    <interfaces xmlns="urn:if">
      <interface><name>a</name><mtu>1500</mtu><type xmlns:t="urn:types">t:eth</type></interface>
      <interface><name>it's "b"</name><mtu>1500</mtu></interface>
      <interface><name>mine</name><mtu>1</mtu></interface>
    </interfaces>
    <system xmlns="urn:sys"><hostname>one</hostname><search>a.se</search><search>b.se</search></system>
  </config></device>
  <device><name>r2</name><config><system xmlns="urn:sys"><hostname>two</hostname></system></config></device>
</devices>"#;

/// Compiles YANG modules.
fn compiled<'m>(modules: impl IntoIterator<Item = &'m str>) -> Arc<MountedSchema> {
    let mut set = ModuleSet::default();
    for module in modules {
        set.add("test.yang", module.as_bytes()).unwrap();
    }
    Arc::new(MountedSchema::new(Arc::new(set.compile()), "none"))
}

/// Returns models of devices whose system has these nodes.
fn system_with(nodes: &str) -> Arc<dyn Schema> {
    let model = format!(
        "module sys {{ namespace urn:sys; prefix s; import ctrl {{ prefix c; }}
          augment /c:devices/c:device/c:config {{ container system {{ {nodes} }} }} }}"
    );
    let controller = r#"module ctrl { namespace "http://clicon.org/controller"; prefix c;
        container services { list bench { key id; leaf id { type string; } } }
        container devices { list device { key name; leaf name { type string; } container config { } } } }"#;
    compiled([controller, &model])
}

/// The lists that the backend knows, whatever the module's host knows.
static BACKEND: LazyLock<Arc<MountedSchema>> = LazyLock::new(|| {
    let modules = [
        r#"module ctrl { namespace "http://clicon.org/controller"; prefix c;
          container services { }
          container devices { list device { key name; leaf name { type string; } container config { } } } }"#,
        "module bench { namespace urn:bench; prefix b; import ctrl { prefix c; }
          augment /c:services { list bench { key id; leaf id { type string; } } } }",
        "module other { namespace urn:other; prefix o; import ctrl { prefix c; }
          augment /c:services { list other { key id; leaf id { type string; } } } }",
        "module if { namespace urn:if; prefix i; import ctrl { prefix c; }
          augment /c:devices/c:device/c:config {
            container interfaces { list interface { key name; leaf name { type string; } } } } }",
    ];
    compiled(modules)
});

/// A datastore that answers filters as the backend does, and counts the requests.
struct Datastore {
    tree: Tree,
    /// The models that the backend knows.
    models: Arc<dyn Schema>,
    requests: Mutex<Vec<String>>,
    fails: bool,
}

impl Source for Datastore {
    fn fetch<'a>(&'a self, wanted: &'a [Pattern]) -> Fetch<'a> {
        Box::pin(async move {
            if self.fails {
                return Err(SourceError { message: "the backend is gone".into(), source: None });
            }
            let paths: Vec<String> = wanted.iter().map(ToString::to_string).collect();
            self.requests.lock().unwrap().push(paths.join(" | "));
            let mut prefixes = PrefixTable::new();
            let paths: Vec<String> = wanted.iter().map(|pattern| pattern.xpath(&mut prefixes)).collect();
            let bound: Vec<(&str, &str)> = prefixes.iter().collect();
            let selected = XPathFilter::parse(&paths.join(" | "), &bound).unwrap().select(&self.tree);
            Ok(prune(&self.tree, &selected, &TreeModel::new(&*self.models), None).unwrap())
        })
    }
}

/// A commit in the making.
struct Commit {
    datastore: Arc<Datastore>,
    draft: Option<CommitDraft>,
    /// The same for all runs, as a module has one in a commit.
    scope: Arc<Scope>,
    meter: Meter,
}

fn service(local: &str) -> PatternStep {
    PatternStep::new(QName::new(&format!("urn:{local}"), local))
}

/// What a module may do that declares as many reads as it may, and no writes.
fn open_scope() -> Scope {
    let devices = Pattern { steps: vec![PatternStep::new(QName::new(CONTROLLER, "devices"))] };
    let services = PatternStep::new(QName::new(CONTROLLER, "services"));
    let instances = Pattern { steps: vec![services, service("bench")] };
    Scope::new("bench", [service("bench")], Vec::new()).with_reads(&[devices, instances])
}

fn instance(id: &str) -> InstanceRef {
    let mut entry = service("bench");
    entry.keys.push(("id".into(), Some(id.into())));
    let services = PatternStep::new(QName::new(CONTROLLER, "services"));
    InstanceRef::new(Pattern { steps: vec![services, entry] })
}

fn prefixes() -> PrefixMap {
    let declared =
        [("b", "urn:bench"), ("if", "urn:if"), ("sys", "urn:sys"), ("o", "urn:other"), ("ty", "urn:types")];
    PrefixMap::new(declared).unwrap()
}

/// Runs what never waits but for others to run.
fn block<T>(future: impl Future<Output = T>) -> T {
    let (mut future, mut context) = (pin!(future), Context::from_waker(Waker::noop()));
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}

impl Commit {
    fn new() -> Self {
        Self::of(open_scope())
    }

    fn of(scope: Scope) -> Self {
        Self::on(DATASTORE, scope)
    }

    fn on(datastore: &str, scope: Scope) -> Self {
        Self::with(Arc::new(NoSchema), datastore, scope)
    }

    fn with(schema: Arc<dyn Schema>, datastore: &str, scope: Scope) -> Self {
        let models = if schema.root().is_some() { schema.clone() } else { BACKEND.clone() };
        let datastore = Arc::new(Datastore {
            models,
            tree: xml::parse(datastore).unwrap(),
            requests: Mutex::default(),
            fails: false,
        });
        let mut draft = CommitDraft::new(schema, datastore.clone());
        draft.declare(instance("").path());
        Self {
            datastore,
            draft: Some(draft),
            scope: Arc::new(scope),
            meter: Meter::new(WorkAllowance::UNLIMITED),
        }
    }

    fn draft(&mut self) -> &mut CommitDraft {
        self.draft.as_mut().unwrap()
    }

    fn resolved(&mut self, path: &str) -> Pattern {
        self.draft().resolve(path, &Pattern::default(), &prefixes()).unwrap()
    }

    fn declare(mut self, path: &str) -> Self {
        let pattern = self.resolved(path);
        self.draft().declare(&pattern);
        self
    }

    /// One run of the module for an instance.
    fn run<T>(&mut self, id: &str, run: impl AsyncFnOnce(&mut View) -> T) -> T {
        let draft = self.draft.take().unwrap();
        let scope = self.scope.clone();
        let mut view = View::new(draft, scope, instance(id), Arc::new(prefixes()), self.meter.clone());
        let result = block(run(&mut view));
        let (draft, meter) = view.into_parts();
        (self.draft, self.meter) = (Some(draft), meter);
        result
    }

    fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.datastore.requests.lock().unwrap())
    }

    /// What is sent, for people: each element on a line.
    fn finish(&mut self, ids: &[&str], owners: &OwnerIndex) -> String {
        let instances: Vec<InstanceRef> = ids.iter().map(|id| instance(id)).collect();
        block(self.draft().settle(&instances)).unwrap();
        match self.draft().finish(&instances, owners) {
            Ok(finished) => match finished.edit {
                None => "nothing".into(),
                Some(edit) => {
                    let tree = xml::parse(&edit).unwrap();
                    xml::XmlTreeWriter::new().indent(1).write(&tree, [Tree::ROOT]).unwrap()
                }
            },
            Err(error) => error.to_string(),
        }
    }
}

/// The owners that stand in the datastore.
fn owners() -> OwnerIndex {
    OwnerIndex::from_services(&xml::parse(DATASTORE).unwrap(), |_| None)
}

/// A refusal in one line.
fn refusal<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(Error::Refused(CallRefusal { tag, message, path })) => {
            format!("{}: {message} ({})", tag.as_str(), path.unwrap_or_default())
        }
        Err(other) => format!("the run ends: {other}"),
    }
}

#[test]
fn a_datastore_that_cannot_be_read_ends_the_run() {
    let datastore =
        Datastore { models: BACKEND.clone(), tree: Tree::new(), requests: Mutex::default(), fails: true };
    let mut commit = Commit::new();
    commit.draft = Some(CommitDraft::new(Arc::new(NoSchema), Arc::new(datastore)));
    let result = commit.run("s1", async |view| view.get("/devices/device[name='r1']/addr").await);
    assert!(matches!(result, Err(Error::Source(_))), "{result:?}");
}

#[test]
fn instances_are_named_as_the_controller_does() {
    let path = Path::parse("/services/b:bench[id='it''s']").unwrap();
    let draft = Commit::new().draft.unwrap();
    let pattern = draft.resolve(&path.to_string(), &Pattern::default(), &prefixes()).unwrap();
    let instance = InstanceRef::new(pattern);
    assert_eq!((instance.service(), instance.key()), ("bench", "it's"));
    assert_eq!(instance.to_string(), "bench[id=\"it's\"]");
}
