//! What bulk commits cost: the processor time of Confine and of the controller, beside a client that sends the same edit
//! without computing it.
//!
//! The service `interfaces` makes one interface of six leaves on each of a number of devices. Each size is played in turn by
//! Confine and by the client, twice each in the order that treats both alike, since a backend becomes slower with each commit.
//! With `--against SOCKET`, the controller is one that runs already, knows the YANG of the example service, has devices `r1` to
//! `rN` with open connections, and no instances.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark fails by panicking"
)]

mod floor;
mod options;
mod process;
mod stretch;

use std::path::PathBuf;

use confine_backend::{
    ActionsMode, Backend, ConnectOptions, ControllerCommit, Datastore, EventReceiver, EventStream, PushMode,
    RequestUser, TransactionOutcome,
};
use confine_controller::Controller;
use confine_test_support::tap::RequestTap;
use tokio::net::{UnixListener, UnixStream};

use crate::{
    floor::Floor,
    options::Options,
    process::{Daemon, ProcessClock},
    stretch::Stretch,
};

/// What one commit cost.
#[derive(Clone, Copy, Default)]
struct Cost {
    /// Milliseconds of the services daemon's processor time.
    own: f64,
    /// Milliseconds of the controller's.
    controller: f64,
    /// The same two, from the notification to the answer.
    own_to_answer: f64,
    controller_to_answer: f64,
    requests: usize,
    /// Bytes of the daemon's requests, and of what it received.
    sent: usize,
    received: usize,
}

impl Cost {
    fn total(&self) -> f64 {
        self.own + self.controller
    }

    fn to_answer(self) -> f64 {
        self.own_to_answer + self.controller_to_answer
    }

    /// Returns the mean of several.
    fn mean(costs: &[Self]) -> Self {
        let count = costs.len().max(1);
        let sum = |of: fn(&Self) -> f64| costs.iter().map(of).sum::<f64>() / count as f64;
        let whole = |of: fn(&Self) -> usize| costs.iter().map(of).sum::<usize>() / count;
        Self {
            own: sum(|cost| cost.own),
            controller: sum(|cost| cost.controller),
            own_to_answer: sum(|cost| cost.own_to_answer),
            controller_to_answer: sum(|cost| cost.controller_to_answer),
            requests: whole(|cost| cost.requests),
            sent: whole(|cost| cost.sent),
            received: whole(|cost| cost.received),
        }
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    match floor::arguments() {
        Some((socket, edits)) => runtime.block_on(floor::answer(&socket, &edits)),
        None => runtime.block_on(run(&Options::from_arguments())),
    }
}

async fn run(options: &Options) {
    let directory = tempfile::tempdir().unwrap();
    let examples = confine_author::find_examples(&PathBuf::from(env!("CARGO_MANIFEST_DIR"))).unwrap();
    let module = confine_author::build(&examples.join("interfaces"), &["interfaces"]).unwrap().pop().unwrap();
    let controller = match &options.against {
        Some(socket) => socket.clone(),
        None => {
            let socket = directory.path().join("controller.sock");
            embedded(&socket, &directory.path().join("running_db"), options.devices);
            socket
        }
    };
    let running = match &options.against {
        Some(_) => options.running.clone(),
        None => Some(directory.path().join("running_db")),
    };
    let front = directory.path().join("wire.sock");
    let wire = RequestTap::listen(&front, &controller).unwrap();
    let mut bed = Bed {
        user: User::connect(&controller).await,
        clock: ProcessClock::of_peer(&controller),
        daemon: Daemon::new(&options.program, directory.path(), &front, running.as_deref(), &module),
        stretch: Stretch::of(&wire),
        wire,
        front,
        device: if options.against.is_some() { "r" } else { "openconfig" },
        devices: options.devices,
        edits: options.edits.clone(),
    };
    println!("{}", heading());
    for &count in &options.instances {
        bed.play(count).await;
    }
}

/// Starts an embedded controller in this process.
fn embedded(socket: &std::path::Path, running: &std::path::Path, devices: usize) {
    let yang = include_str!("../../../example-services/interfaces/interfaces@2026-11-23.yang");
    let controller = Controller::builder()
        .devices(devices)
        .service_model("interfaces.yang", yang)
        .running_file(running)
        .build()
        .unwrap();
    let listener = UnixListener::bind(socket).unwrap();
    tokio::spawn(async move { controller.serve(listener, std::future::pending()).await });
}

fn heading() -> String {
    format!(
        "{:<22}{:<10}{:>10}{:>12}{:>12}{:>8}  |{:>10}{:>12}{:>8}  |{:>10}{:>12}{:>12}",
        "commit",
        "by",
        "own ms",
        "controller",
        "both",
        "ratio",
        "to answer",
        "controller",
        "ratio",
        "requests",
        "sent",
        "received"
    )
}

/// The user who commits.
struct User {
    client: Backend,
    events: EventReceiver,
}

impl User {
    async fn connect(socket: &std::path::Path) -> Self {
        let options = ConnectOptions {
            request_timeout: std::time::Duration::from_secs(600),
            ..ConnectOptions::new(socket).unwrap()
        };
        let events = EventReceiver::subscribe(&options, &[EventStream::ControllerTransaction]).await.unwrap();
        Self { client: Backend::connect(options).await.unwrap(), events }
    }

    async fn edit(&mut self, config: &str) {
        self.client.edit_config(Datastore::Candidate, config, &RequestUser::Host).await.unwrap();
    }

    async fn commit(&mut self) {
        let commit = ControllerCommit {
            device: "*",
            push: PushMode::Commit,
            actions: ActionsMode::Change,
            source: Datastore::Candidate,
        };
        let tid = self.client.controller_commit(commit, &RequestUser::Host).await.unwrap();
        let end = self.events.wait_for_transaction(tid).await.unwrap();
        assert_eq!(end.result, TransactionOutcome::Success, "{:?}", end.reason);
    }
}

/// Everything that is measured.
struct Bed {
    user: User,
    clock: ProcessClock,
    daemon: Daemon,
    wire: RequestTap,
    stretch: Stretch,
    front: PathBuf,
    /// The names of the devices, without their numbers.
    device: &'static str,
    devices: usize,
    /// Where the edits that Confine sends are kept.
    edits: Option<PathBuf>,
}

/// Who answers commits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Confine,
    Floor,
}

impl Bed {
    /// Plays commits of so many new instances, and of one changed among them.
    async fn play(&mut self, count: usize) {
        let mut costs: [[Vec<Cost>; 2]; 3] = Default::default();
        let mut edits: Vec<Vec<String>> = Vec::new();
        // Confine comes first, because the client repeats its edits.
        for by in [By::Confine, By::Floor, By::Floor, By::Confine] {
            let is_recorded = !edits.is_empty();
            let mut played = Vec::new();
            let whose = usize::from(by == By::Floor);
            let (user, front) = (&mut self.user, &self.front);
            user.edit(&instances(0..count, self.device, self.devices, 1500)).await;
            let mut floor = match by {
                By::Confine => {
                    self.daemon.start();
                    None
                }
                By::Floor => Some(Floor::start(front, &edits)),
            };
            for (commit, mtu) in [(0, 1500), (1, 1400), (2, 1300)] {
                if commit > 0 {
                    let changed = count / 2;
                    user.edit(&instances(changed..changed + 1, self.device, self.devices, mtu)).await;
                }
                let own = match &floor {
                    None => self.daemon.clock(),
                    Some(floor) => floor.clock(),
                };
                self.wire.take();
                self.wire.take_received();
                self.stretch.begin(own, self.clock);
                let before = (own.now(), self.clock.now());
                user.commit().await;
                let after = (own.now(), self.clock.now());
                let (own_to_answer, controller_to_answer) = self.stretch.end();
                let requests = self.wire.take();
                costs[commit][whose].push(Cost {
                    own: (after.0 - before.0).as_secs_f64() * 1e3,
                    controller: (after.1 - before.1).as_secs_f64() * 1e3,
                    own_to_answer,
                    controller_to_answer,
                    requests: requests.len(),
                    sent: requests.iter().map(String::len).sum(),
                    received: self.wire.take_received(),
                });
                played.push(floor::edits_of(&requests));
            }
            if !is_recorded {
                edits = played;
                if let Some(directory) = &self.edits {
                    keep_edits(directory, count, &edits);
                }
                println!("{}", self.daemon.memory());
            }
            user.edit(&removed()).await;
            user.commit().await;
            match floor.take() {
                Some(floor) => floor.end(),
                None => {
                    if is_recorded {
                        self.daemon.rest().await;
                        println!("{}", self.daemon.memory());
                    }
                    self.daemon.end();
                }
            }
        }
        let names = [format!("{count} new"), format!("1 of {count}, first"), format!("1 of {count}, second")];
        for (name, [confine, floor]) in names.iter().zip(&costs) {
            let (confine, floor) = (Cost::mean(confine), Cost::mean(floor));
            for (by, cost) in [("Confine", confine), ("floor", floor)] {
                println!(
                    "{name:<22}{by:<10}{:>10.1}{:>12.1}{:>12.1}{:>8.2}  |{:>10.1}{:>12.1}{:>8.2}  |{:>10}{:>12}{:>12}",
                    cost.own,
                    cost.controller,
                    cost.total(),
                    cost.total() / floor.total(),
                    cost.own_to_answer,
                    cost.controller_to_answer,
                    cost.to_answer() / floor.to_answer(),
                    cost.requests,
                    cost.sent,
                    cost.received
                );
            }
        }
    }
}

/// Keeps the edits that Confine sends in files, to compare them with those of another version.
fn keep_edits(directory: &std::path::Path, count: usize, edits: &[Vec<String>]) {
    std::fs::create_dir_all(directory).unwrap();
    for (commit, edits) in edits.iter().enumerate() {
        std::fs::write(directory.join(format!("{count}-{commit}.xml")), edits.join("\n")).unwrap();
    }
}

/// Returns instances that make an interface of their name on each device.
fn instances(numbers: std::ops::Range<usize>, device: &str, devices: usize, mtu: u16) -> String {
    let on: String = (1..=devices).map(|number| format!("<device>{device}{number}</device>")).collect();
    let instance = |number: usize| {
        format!(
            "<interfaces xmlns='urn:example:interfaces'><service-name>s{number}</service-name>{on}\
             <name>ge-{number}</name><mtu>{mtu}</mtu><description>port {number}</description>\
             <enabled>true</enabled></interfaces>"
        )
    };
    let all: String = numbers.map(instance).collect();
    format!("<services xmlns='http://clicon.org/controller'>{all}</services>")
}

/// Returns an edit that removes all instances.
fn removed() -> String {
    "<services xmlns='http://clicon.org/controller' xmlns:nc='urn:ietf:params:xml:ns:netconf:base:1.0' \
     nc:operation='remove'/>"
        .into()
}

/// Returns the process at the other end of a socket.
fn peer(socket: &std::path::Path) -> nix::unistd::Pid {
    let stream = std::os::unix::net::UnixStream::connect(socket).unwrap();
    stream.set_nonblocking(true).unwrap();
    let peer = UnixStream::from_std(stream).unwrap().peer_cred().unwrap();
    nix::unistd::Pid::from_raw(peer.pid().unwrap())
}
