//! A controller on a socket, and a scripted client.

use std::collections::VecDeque;
use std::time::Duration;

use confine_controller::{Clock, Controller, ControllerBuilder};
use confine_netconf::{FrameDecoder, encode};
use confine_tree::{Tree, xml};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

/// Test services: an ordinary one, one with two keys, and one without `created`.
pub(crate) const YANG: &str = r#"
module bench {
  namespace "urn:bench";
  prefix bench;
  import clixon-controller { prefix ctrl; }
  augment "/ctrl:services" {
    container settings { leaf mode { type string; } }
    list bench {
      key service-name;
      leaf service-name { type string; }
      leaf-list device { type string; }
      leaf description { type string; }
      leaf mtu { type uint16; }
      uses ctrl:created-by-service;
    }
    list link {
      key "site number";
      leaf site { type string; }
      leaf number { type uint8; }
      uses ctrl:created-by-service;
    }
    list forgetful {
      key id;
      leaf id { type string; }
    }
  }
}"#;

/// How long a test waits for a message.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) fn builder() -> ControllerBuilder {
    Controller::builder().devices(2).service_model("bench.yang", YANG).clock(Clock::steps())
}

/// A controller on its own socket.
pub(crate) struct Lab {
    pub(crate) controller: Controller,
    directory: TempDir,
    server: JoinHandle<()>,
}

impl Lab {
    pub(crate) fn new(builder: ControllerBuilder) -> Self {
        let controller = builder.build().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("socket")).unwrap();
        let serving = controller.clone();
        let server = tokio::spawn(async move {
            serving.serve(listener, std::future::pending()).await.unwrap();
        });
        Self { controller, directory, server }
    }

    /// Opens a session as `root`, with a hello.
    pub(crate) async fn client(&self) -> Client {
        let mut client = self.stranger().await;
        client.send(r#"<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" cl:username="root" cl:transport="cl:cli" xmlns:cl="http://clicon.org/lib"/>"#).await;
        client.message().await.unwrap();
        client
    }

    /// Opens a connection without a hello.
    pub(crate) async fn stranger(&self) -> Client {
        let stream = UnixStream::connect(self.directory.path().join("socket")).await.unwrap();
        Client { stream, decoder: FrameDecoder::new(), notifications: VecDeque::new() }
    }

    /// Opens a session with the subscriptions of the services daemon.
    pub(crate) async fn daemon(&self) -> Client {
        let mut daemon = self.client().await;
        assert_eq!(daemon.subscribe("services-commit").await, OK);
        assert_eq!(daemon.subscribe("controller-transaction").await, OK);
        daemon
    }

    pub(crate) async fn user(&self) -> Client {
        let mut user = self.client().await;
        assert_eq!(user.subscribe("controller-transaction").await, OK);
        user
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.server.abort();
    }
}

pub(crate) const OK: &str = "<ok/>";

pub(crate) struct Client {
    stream: UnixStream,
    decoder: FrameDecoder,
    notifications: VecDeque<String>,
}

impl Client {
    pub(crate) async fn send(&mut self, message: &str) {
        self.write(&encode(message.as_bytes()).unwrap()).await;
    }

    pub(crate) async fn write(&mut self, octets: &[u8]) {
        self.stream.write_all(octets).await.unwrap();
    }

    /// Returns the next message; `None` if the controller has closed the connection.
    pub(crate) async fn message(&mut self) -> Option<String> {
        tokio::time::timeout(PATIENCE, async {
            loop {
                if let Some(message) = self.decoder.next() {
                    return Some(String::from_utf8(message.unwrap()).unwrap());
                }
                let mut buffer = vec![0; 64 * 1024];
                match self.stream.read(&mut buffer).await.unwrap_or(0) {
                    0 => return None,
                    count => self.decoder.push(&buffer[..count]),
                }
            }
        })
        .await
        .expect("the controller sent no message")
    }

    /// Returns the content of the reply to an operation on behalf of `root`.
    pub(crate) async fn rpc(&mut self, operation: &str) -> String {
        self.rpc_for(Some("root"), operation).await
    }

    pub(crate) async fn rpc_for(&mut self, user: Option<&str>, operation: &str) -> String {
        let user = user.map(|user| format!(" cl:username=\"{user}\"")).unwrap_or_default();
        self.send(&format!(r#"<rpc xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" xmlns:cl="http://clicon.org/lib" xmlns:ctrl="http://clicon.org/controller" xmlns:oc-if="http://openconfig.net/yang/interfaces" xmlns:bench="urn:bench"{user} message-id="7">{operation}</rpc>"#)).await;
        self.reply().await
    }

    /// Returns the content of the next reply.
    pub(crate) async fn reply(&mut self) -> String {
        loop {
            let message = self.message().await.expect("the connection is closed");
            match message.starts_with("<notification") {
                true => self.notifications.push_back(event(&message)),
                false => return inside(&message),
            }
        }
    }

    /// Returns the next event, without its time.
    pub(crate) async fn event(&mut self) -> String {
        if let Some(event) = self.notifications.pop_front() {
            return event;
        }
        let message = self.message().await.expect("the connection is closed");
        assert!(message.starts_with("<notification"), "{message}");
        event(&message)
    }

    pub(crate) async fn subscribe(&mut self, stream: &str) -> String {
        self.rpc(&format!(r#"<create-subscription xmlns="urn:ietf:params:xml:ns:netmod:notification"><stream>{stream}</stream><filter type="xpath" select=""/></create-subscription>"#)).await
    }

    /// Edits the candidate's services.
    pub(crate) async fn configure(&mut self, services: &str) {
        assert_eq!(self.edit("candidate", &self::services(services)).await, OK);
    }

    pub(crate) async fn edit(&mut self, target: &str, config: &str) -> String {
        let target = match target {
            "actions" => r#"<actions xmlns="http://clicon.org/controller"/>"#.to_owned(),
            target => format!("<{target}/>"),
        };
        self.rpc(&format!("<edit-config><target>{target}</target><default-operation>merge</default-operation><config>{config}</config></edit-config>")).await
    }

    pub(crate) async fn commit(&mut self, push: &str, actions: &str, instance: Option<&str>) -> String {
        let instance = instance
            .map(|instance| format!("<service-instance>{instance}</service-instance>"))
            .unwrap_or_default();
        self.rpc(&format!(r#"<controller-commit xmlns="http://clicon.org/controller"><device>*</device><push>{push}</push><actions>{actions}</actions>{instance}<source>ds:candidate</source></controller-commit>"#)).await
    }

    pub(crate) async fn done(&mut self, tid: u64) -> String {
        self.rpc(&format!(r#"<transaction-actions-done xmlns="http://clicon.org/controller"><tid>{tid}</tid><service>bench</service></transaction-actions-done>"#)).await
    }

    pub(crate) async fn fail(&mut self, tid: u64, reason: &str) -> String {
        self.rpc(&format!(r#"<transaction-error xmlns="http://clicon.org/controller"><tid>{tid}</tid><origin>test</origin><reason>{reason}</reason></transaction-error>"#)).await
    }

    /// Returns what a filter selects from a datastore.
    pub(crate) async fn get(&mut self, source: &str, select: &str) -> String {
        let source = match source {
            "actions" => r#"<actions xmlns="http://clicon.org/controller"/>"#.to_owned(),
            source => format!("<{source}/>"),
        };
        let reply = self.rpc(&format!(r#"<get-config><source>{source}</source><nc:filter nc:type="xpath" nc:select="{select}"/></get-config>"#)).await;
        data(&reply)
    }

    pub(crate) async fn transaction(&mut self, tid: u64) -> String {
        let reply = self.rpc(&format!(r#"<get cl:content="nonconfig"><nc:filter nc:type="xpath" nc:select="/ctrl:transactions/ctrl:transaction[ctrl:tid='{tid}']"/></get>"#)).await;
        data(&reply)
    }
}

/// Returns the content of `data`.
pub(crate) fn data(reply: &str) -> String {
    let inside = reply.strip_prefix("<data>").and_then(|reply| reply.strip_suffix("</data>"));
    match reply {
        "<data/>" | "<data></data>" => String::new(),
        reply => inside.unwrap_or(reply).to_owned(),
    }
}

/// Returns the content of the root element.
fn inside(message: &str) -> String {
    let start = message.find('>').unwrap() + 1;
    let end = message.rfind("</").unwrap_or(start);
    message[start..end.max(start)].to_owned()
}

fn event(notification: &str) -> String {
    let inside = inside(notification);
    inside[inside.find("</eventTime>").unwrap() + "</eventTime>".len()..].to_owned()
}

pub(crate) fn services(services: &str) -> String {
    format!(r#"<services xmlns="http://clicon.org/controller">{services}</services>"#)
}

pub(crate) fn bench(name: &str, more: &str) -> String {
    format!(r#"<bench xmlns="urn:bench"><service-name>{name}</service-name>{more}</bench>"#)
}

/// Returns an interface of a device, as an edit from the root.
pub(crate) fn interface(device: &str, name: &str, attributes: &str) -> String {
    format!(
        r#"<devices xmlns="http://clicon.org/controller"><device><name>{device}</name><config><interfaces xmlns="http://openconfig.net/yang/interfaces"><interface{attributes}><name>{name}</name><config><name>{name}</name><type xmlns:i="urn:ietf:params:xml:ns:yang:iana-if-type">i:ethernetCsmacd</type></config></interface></interfaces></config></device></devices>"#
    )
}

pub(crate) fn created(paths: &[&str]) -> String {
    let paths: String = paths.iter().map(|path| format!("<path>{path}</path>")).collect();
    format!("<created>{paths}</created>")
}

pub(crate) fn path(device: &str, interface: &str) -> String {
    format!(r#"/devices/device[name="{device}"]/config/interfaces/interface[name="{interface}"]"#)
}

/// Returns XML with one element per line, for snapshots.
pub(crate) fn pretty(text: &str) -> String {
    let tree = xml::parse(text).unwrap();
    xml::XmlTreeWriter::new().indent(2).write(&tree, [Tree::ROOT]).unwrap()
}

/// Returns the names of the interfaces on a device.
pub(crate) fn interfaces(lab: &Lab, device: &str) -> Vec<String> {
    let config = xml::parse(&lab.controller.device(device).unwrap()).unwrap();
    let nodes = config.descendants(Tree::ROOT).filter(|(node, _)| config.qname(*node).local == "interface");
    let name = |node| config.value(config.first_child(node).unwrap()).unwrap().to_owned();
    nodes.map(|(node, _)| name(node)).collect()
}

/// Returns the notification of the end of a transaction.
pub(crate) fn over(tid: u64, result: &str, more: &str) -> String {
    format!(
        r#"<controller-transaction xmlns="http://clicon.org/controller"><tid>{tid}</tid><username>root</username><result>{result}</result>{more}</controller-transaction>"#
    )
}

/// Returns the notification that starts the services daemon.
pub(crate) fn work(tid: u64, more: &str) -> String {
    format!(
        r#"<services-commit xmlns="http://clicon.org/controller"><tid>{tid}</tid><source>actions</source><target>actions</target>{more}</services-commit>"#
    )
}

pub(crate) fn begun(tid: u64) -> String {
    format!(r#"<tid xmlns="http://clicon.org/controller">{tid}</tid>"#)
}

/// Does what the services daemon does for an instance that creates an interface on some devices.
pub(crate) async fn apply(daemon: &mut Client, instance: &str, devices: &[&str]) {
    let paths: Vec<String> = devices.iter().map(|device| path(device, instance)).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let record = services(&bench(instance, &created(&paths)));
    let config: String = devices.iter().map(|device| interface(device, instance, "")).collect();
    // Of several siblings with the same name in an edit, only the last one would count.
    let config = config.replace(r#"</devices><devices xmlns="http://clicon.org/controller">"#, "");
    assert_eq!(daemon.edit("actions", &format!("{record}{config}")).await, OK);
}

/// Creates an instance on both devices in transaction `tid`.
pub(crate) async fn create(daemon: &mut Client, user: &mut Client, instance: &str, tid: u64) {
    user.configure(&bench(instance, "")).await;
    assert_eq!(user.commit("COMMIT", "CHANGE", None).await, begun(tid));
    daemon.event().await;
    apply(daemon, instance, &["openconfig1", "openconfig2"]).await;
    assert_eq!(daemon.done(tid).await, OK);
    assert_eq!(daemon.event().await, over(tid, "SUCCESS", ""));
    assert_eq!(user.event().await, over(tid, "SUCCESS", ""));
}
