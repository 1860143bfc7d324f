//! A user commits while the daemon and the controller are stopped and restarted at random moments.
//!
//! `CONFINE_SOAK_RESTARTS=100` restarts the daemon a hundred times and the controller fifty times. `CONFINE_SOAK_SEED` repeats
//! the moments of an earlier run.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use confine_backend::{
    ActionsMode, Backend, ConnectOptions, ControllerCommit, Datastore, Error, EventReceiver, EventStream,
    PushMode, RequestUser, TransactionOutcome,
};
use confine_controller::{Controller, ControllerBuilder, TransactionState};
use confine_test_support::{canonical::CanonicalXml, guests::test_guest};
use confine_tree::{NodeId, Tree, xml};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{net::UnixListener, runtime::Handle, sync::oneshot, task::JoinHandle};

use super::common::{DaemonProcess, OutputLines, PATIENCE, modules, seeded_random::SeededRandom, serve};

/// The reasons that a user may read of a failed commit.
const REASONS: [&str; 2] = [
    "the services daemon is shutting down\nhint: commit again when it has been restarted",
    "the commit began before this services daemon was running\nhint: commit again",
];

/// A commit is interrupted within this time, about as long as it takes.
const SOON: Duration = Duration::from_millis(80);

const KILL: i32 = Signal::KILL.as_raw();
const TERM: i32 = Signal::TERM.as_raw();

const DEVICES: [&str; 2] = ["openconfig1", "openconfig2"];

const INSTANCES: [&str; 5] = ["a", "b", "c", "d", "e"];

fn restarts() -> usize {
    std::env::var("CONFINE_SOAK_RESTARTS").map_or(8, |restarts| restarts.parse().unwrap())
}

/// A controller on a socket that can be restarted.
struct RestartableController {
    directory: tempfile::TempDir,
    up: Mutex<Up>,
}

/// The current controller.
struct Up {
    controller: Controller,
    serving: Serving,
    /// How often it was stopped, and how often it is up again.
    ended: usize,
    started: usize,
}

impl RestartableController {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (controller, serving) = start(builder().devices(DEVICES.len()), &socket(directory.path()));
        Self { directory, up: Mutex::new(Up { controller, serving, ended: 0, started: 0 }) }
    }

    fn controller(&self) -> Controller {
        self.up.lock().unwrap().controller.clone()
    }

    /// Stops the controller at any moment and restarts it with what is on disk: `running`. The devices stay as they are.
    async fn restart(&self) {
        let controller = self.end().await;
        let (running, devices) = loop {
            let before = running(&controller);
            let devices = DEVICES.map(|name| controller.device(name).unwrap());
            // A push in progress changes both devices.
            if running(&controller) == before {
                break (before, devices);
            }
        };
        let builder = builder().config(services(&running));
        self.start(
            DEVICES
                .into_iter()
                .zip(devices)
                .fold(builder, |builder, (name, config)| builder.device(name, config)),
        );
    }

    /// Stops the controller and starts a new one.
    async fn start_anew(&self) {
        self.end().await;
        self.start(builder().devices(DEVICES.len()));
    }

    async fn end(&self) -> Controller {
        let (controller, serving) = {
            let mut up = self.up.lock().unwrap();
            up.ended += 1;
            (up.controller.clone(), up.serving.take().unwrap())
        };
        serving.0.send(()).unwrap();
        serving.1.await.unwrap();
        controller
    }

    fn start(&self, builder: ControllerBuilder) {
        let mut up = self.up.lock().unwrap();
        (up.controller, up.serving) = start(builder, &socket(self.directory.path()));
        up.started += 1;
    }

    fn ended(&self) -> usize {
        self.up.lock().unwrap().ended
    }

    fn started(&self) -> usize {
        self.up.lock().unwrap().started
    }

    /// Returns the number of each instance in `running` and on each device.
    fn numbers(&self) -> (Numbers, [Numbers; DEVICES.len()]) {
        let controller = self.controller();
        let wanted = numbers(&services(&running(&controller)), "probe", "do");
        (wanted, DEVICES.map(|name| numbers(&controller.device(name).unwrap(), "config", "description")))
    }

    fn devices(&self) -> [CanonicalXml; DEVICES.len()] {
        let controller = self.controller();
        let device = |name: &str| format!("<device>{}</device>", controller.device(name).unwrap());
        DEVICES.map(|name| CanonicalXml::parse(&device(name), &[]).unwrap())
    }
}

fn socket(directory: &Path) -> PathBuf {
    directory.join("controller.sock")
}

fn probe() -> PathBuf {
    test_guest("probe")
}

fn builder() -> ControllerBuilder {
    let yang = fs::read_to_string(probe().join("probe@2026-11-23.yang")).unwrap();
    Controller::builder().service_model("probe", yang)
}

/// The means to stop the controller, and its task; none while it is down.
type Serving = Option<(oneshot::Sender<()>, JoinHandle<()>)>;

fn start(builder: ControllerBuilder, socket: &Path) -> (Controller, Serving) {
    let controller = builder.build().unwrap();
    // Left behind by the previous one.
    let _ = fs::remove_file(socket);
    let listener = UnixListener::bind(socket).unwrap();
    let (end, ended) = oneshot::channel();
    let serving = controller.clone();
    let serving = async move { serving.serve(listener, async { drop(ended.await) }).await.unwrap() };
    (controller, Some((end, tokio::spawn(serving))))
}

fn running(controller: &Controller) -> String {
    controller.datastore(confine_controller::Datastore::Running).unwrap()
}

/// Returns `/services` as XML.
fn services(running: &str) -> String {
    let tree = xml::parse(running).unwrap();
    let services = tree.children(Tree::ROOT).find(|&node| tree.qname(node).local == "services");
    services.map_or_else(String::new, |services| xml::write(&tree, services).unwrap())
}

/// By the name of the instance.
type Numbers = BTreeMap<String, u64>;

/// The value of a leaf that holds an instance's number.
const NUMBER: &str = "number ";

/// Returns the numbers in leaves of this name, each by the `name` beside it.
fn numbers(config: &str, element: &str, leaf: &str) -> Numbers {
    let tree = xml::parse(config).unwrap();
    let values = |node: NodeId, local: &str| {
        let children = tree.children(node).filter(|&child| tree.qname(child).local == local);
        children.filter_map(|child| tree.value(child)).collect::<Vec<_>>()
    };
    let elements = tree.descendants(Tree::ROOT).map(|(node, _)| node);
    let elements = elements.filter(|&node| tree.qname(node).local == element);
    let numbers = elements.filter_map(|node| {
        let leaves = values(node, leaf);
        let (_, number) = leaves.iter().find_map(|value| value.split_once(NUMBER))?;
        Some((values(node, "name").first()?.to_string(), number.parse().unwrap()))
    });
    numbers.collect()
}

/// The lines of an instance: it creates an interface on each device and shares a banner with all others.
fn instance(name: &str, number: u64) -> String {
    let lines = DEVICES.iter().flat_map(|device| {
        let config = format!("/devices/device[name='{device}']/config");
        let interface = format!("{config}/oc-if:interfaces/interface[name='{name}']/config");
        [
            format!("set {interface}/name {name}"),
            format!("set {interface}/type ianaift:ethernetCsmacd"),
            format!("set {interface}/description {NUMBER}{number}"),
            format!("set {config}/oc-sys:system/config/motd-banner shared"),
        ]
    });
    let lines: String = lines.map(|line| format!("<do>{line}</do>")).collect();
    format!("<name>{name}</name>{lines}")
}

/// The edit that gives instances these numbers, or removes them.
fn edit<'a>(instances: impl IntoIterator<Item = (&'a str, Option<u64>)>) -> String {
    let instances = instances.into_iter().map(|(name, number)| {
        let (operation, content) = match number {
            Some(number) => ("replace", instance(name, number)),
            None => ("remove", format!("<name>{name}</name>")),
        };
        format!("<probe xmlns='urn:example:probe' nc:operation='{operation}'>{content}</probe>")
    });
    format!(
        "<services xmlns='http://clicon.org/controller' \
         xmlns:nc='urn:ietf:params:xml:ns:netconf:base:1.0'>{}</services>",
        instances.collect::<String>()
    )
}

/// A user with a connection, which is reopened when it breaks.
struct User {
    site: Arc<RestartableController>,
    identity: RequestUser,
    connection: Option<(Backend, EventReceiver)>,
    /// How often the controller had been started when it was opened.
    started: usize,
}

/// How a commit ends for the user.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Success,
    Failure(String),
    /// No result: the controller was stopped.
    Nothing,
}

impl User {
    fn new(site: &Arc<RestartableController>) -> Self {
        Self { site: site.clone(), identity: RequestUser::User("alice".into()), connection: None, started: 0 }
    }

    /// Commits an edit, and waits for the end.
    async fn commit(&mut self, edit: &str) -> Told {
        let tried = tokio::time::timeout(PATIENCE, self.try_commit(edit)).await;
        match tried.expect("a commit is not answered") {
            Ok(told) => told,
            Err(error) => {
                // A rejection, for example because of a lock that is never released, is not a lost connection.
                assert!(!error.is_recoverable(), "{error:?}");
                assert!(self.site.ended() > self.started, "nobody has ended the controller, but {error:?}");
                self.connection = None;
                while self.site.started() == self.started {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                Told::Nothing
            }
        }
    }

    async fn try_commit(&mut self, edit: &str) -> Result<Told, Error> {
        if self.connection.is_none() {
            self.started = self.site.started();
            let options = ConnectOptions::new(socket(self.site.directory.path())).unwrap();
            let events = EventReceiver::subscribe(&options, &[EventStream::ControllerTransaction]).await?;
            self.connection = Some((Backend::connect(options).await?, events));
        }
        let (backend, events) = self.connection.as_mut().unwrap();
        backend.discard_changes(&self.identity).await?;
        backend.edit_config(Datastore::Candidate, edit, &self.identity).await?;
        let source = Datastore::Candidate;
        let commit =
            ControllerCommit { device: "*", push: PushMode::Commit, actions: ActionsMode::Change, source };
        let tid = backend.controller_commit(commit, &self.identity).await?;
        let over = events.wait_for_transaction(tid).await?;
        Ok(match over.result {
            TransactionOutcome::Success => Told::Success,
            _ => Told::Failure(over.reason.unwrap_or_default()),
        })
    }
}

/// The daemon and what restarts it.
struct Supervisor {
    site: Arc<RestartableController>,
    daemon: DaemonProcess,
    lines: OutputLines,
    log: Vec<String>,
}

impl Supervisor {
    fn new(site: &Arc<RestartableController>) -> Self {
        let (daemon, lines) = Self::start(site.directory.path());
        Self { site: site.clone(), daemon, lines, log: Vec::new() }
    }

    fn start(directory: &Path) -> (DaemonProcess, OutputLines) {
        let mut daemon = DaemonProcess::start(serve(directory).stderr(Stdio::piped()));
        let lines = daemon.errors();
        (daemon, lines)
    }

    fn signal(&mut self, signal: Signal) {
        assert_eq!(self.daemon.0.try_wait().unwrap(), None, "a daemon has ended by itself");
        kill_process(Pid::from_child(&self.daemon.0), signal).unwrap();
    }

    /// Waits for the daemon's exit and restarts it.
    fn revive(&mut self) -> ExitStatus {
        let status = self.daemon.0.wait().unwrap();
        let (daemon, lines) = Self::start(self.site.directory.path());
        self.daemon = daemon;
        self.log.extend(std::mem::replace(&mut self.lines, lines).all());
        status
    }
}

/// What is stopped, and how.
#[derive(Clone, Copy, Debug)]
enum Blow {
    Kill,
    Terminate,
    /// Stopped with SIGTERM, and killed before it may have exited.
    Both,
    Controller,
}

/// Restarts the daemon and the controller repeatedly.
fn storm(mut supervisor: Supervisor, mut dice: SeededRandom, runtime: &Handle) -> Supervisor {
    let count = restarts();
    let daemon = [Blow::Kill, Blow::Terminate, Blow::Kill, Blow::Both].into_iter().cycle().take(count);
    let mut blows: Vec<_> = daemon.chain((0..count / 2).map(|_| Blow::Controller)).collect();
    dice.shuffle(&mut blows);
    // It was waited for before all this.
    let mut is_served = true;
    for blow in blows {
        // Mostly while it works, sometimes while it is still starting.
        if !is_served && dice.below(4) > 0 {
            supervisor.lines.wait_for("serving the controller");
            is_served = true;
        }
        std::thread::sleep(dice.moment(SOON));
        match blow {
            Blow::Controller => runtime.block_on(supervisor.site.clone().restart()),
            Blow::Kill => {
                supervisor.signal(Signal::KILL);
                assert_eq!(supervisor.revive().signal(), Some(KILL));
            }
            Blow::Terminate => {
                supervisor.signal(Signal::TERM);
                let status = supervisor.revive();
                // A daemon that has just been started has nothing to finish.
                assert!(status.success() || !is_served && status.signal() == Some(TERM), "{status}");
            }
            Blow::Both => {
                supervisor.signal(Signal::TERM);
                std::thread::sleep(dice.moment(SOON / 8));
                // It is not waited for yet, and so its number is its own.
                kill_process(Pid::from_child(&supervisor.daemon.0), Signal::KILL).unwrap();
                let status = supervisor.revive();
                assert!(status.success() || status.signal().is_some(), "{status}");
            }
        }
        is_served = false;
    }
    supervisor
}

#[tokio::test(flavor = "multi_thread")]
async fn restarts_lose_no_commit_and_leave_nothing_locked() {
    let module = &confine_author::build(&probe(), &["probe"]).unwrap()[0];
    let site = Arc::new(RestartableController::new());
    let untouched = site.devices();
    fs::create_dir(modules(site.directory.path())).unwrap();
    fs::copy(module, modules(site.directory.path()).join("probe.wasm")).unwrap();
    let supervisor = Supervisor::new(&site);
    // The module is compiled now, so later starts are quick.
    supervisor.lines.wait_for("serving the controller");

    let mut user = User::new(&site);
    let mut dice = SeededRandom::new();
    let mut numbers = Numbers::new();
    let mut counted = BTreeMap::<String, usize>::new();
    let (runtime, moments) = (Handle::current(), dice.fork());
    let storm = std::thread::spawn(move || storm(supervisor, moments, &runtime));
    for number in 1.. {
        if storm.is_finished() {
            break;
        }
        let name = INSTANCES[dice.below(5) as usize];
        let goes = dice.below(3) == 0 && numbers.contains_key(name);
        let told = user.commit(&edit([(name, (!goes).then_some(number))])).await;
        let mut after = numbers.clone();
        match goes {
            true => after.remove(name),
            false => after.insert(name.to_owned(), number),
        };
        let (wanted, devices) = site.numbers();
        match &told {
            Told::Success => numbers = after,
            Told::Failure(reason) => assert!(REASONS.contains(&reason.as_str()), "{reason}"),
            // It may or may not have completed before the controller was stopped.
            Told::Nothing if wanted == after => numbers = after,
            Told::Nothing => {}
        }
        assert_eq!(wanted, numbers, "{told:?}");
        devices.iter().for_each(|device| assert_eq!(*device, numbers, "{told:?}"));
        *counted.entry(format!("{told:?}")).or_default() += 1;
    }
    let mut supervisor = storm.join().unwrap();
    eprintln!("{counted:#?}");

    // Afterwards everything works and nothing is locked.
    let everything = |number| INSTANCES.map(|name| (name, number));
    while user.commit(&edit(everything(Some(0)))).await != Told::Success {}
    let (backend, _) = user.connection.as_mut().unwrap();
    backend.lock(Datastore::Candidate, &user.identity).await.unwrap();
    backend.unlock(Datastore::Candidate, &user.identity).await.unwrap();
    let open =
        |transaction: &confine_controller::TransactionRecord| transaction.state != TransactionState::Done;
    assert!(!site.controller().transactions().iter().any(open));
    // The devices are as on a controller that was never restarted.
    let stormy = site.devices();
    site.start_anew().await;
    assert_eq!(user.commit("").await, Told::Nothing);
    while user.commit(&edit(everything(Some(0)))).await != Told::Success {}
    assert_eq!(site.devices(), stormy);
    assert_eq!(user.commit(&edit(everything(None))).await, Told::Success);
    assert_eq!(site.devices(), untouched);

    supervisor.signal(Signal::TERM);
    assert!(supervisor.revive().success());
    let errors: Vec<_> =
        supervisor.log.iter().filter(|line| line.contains(" ERROR ") || line.contains("panic")).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}
