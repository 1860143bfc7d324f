//! An embedded controller with three devices, one of which has a leaf of each YANG type.

use std::process::Command;

use confine_controller::{Controller, Datastore};
use tokio::net::UnixListener;

use super::{confine, text};

const INTERFACES: &str = "module interfaces { namespace urn:interfaces; prefix if; revision 2026-01-01;
  container interfaces { list interface { key name; leaf name { type string; }
    container config { leaf mtu { type uint16; } leaf description { type string; } } } } }";
const ETH: &str = "<interfaces xmlns='urn:interfaces'><interface><name>eth0</name><config><mtu>1500</mtu></config>\
  </interface></interfaces>";

/// A leaf of each type.
const ZOO: &str = "module zoo { yang-version 1.1; namespace urn:zoo; prefix z; revision 2026-01-01;
  identity animal; identity cat { base animal; }
  container zoo {
    leaf small { type int8; } leaf large { type uint64; } leaf price { type decimal64 { fraction-digits 2; } }
    leaf open { type boolean; } leaf free { type empty; } leaf kind { type identityref { base animal; } }
    leaf mixed { type union { type uint8; type boolean; type string; } }
    leaf other { type union { type uint8; type string; } }
    leaf like { type leafref { path '../small'; } }
    leaf-list name { type string; }
    list pair { key 'a b'; leaf a { type string; } leaf b { type uint8; } leaf text { type string; } }
    container seen { config false; leaf count { type uint32; } }
    container closed { presence 'it is closed'; }
  } }";
const ZOO_DATA: &str = "<zoo xmlns='urn:zoo' xmlns:z='urn:zoo'><small>-3</small><large>18446744073709551615</large><price>1.50</price>\
  <open>true</open><free/><kind>z:cat</kind><mixed>false</mixed><other>7b</other><like>-3</like><name>a</name>\
  <pair><a>it's</a><b>1</b><text>says \"hello\"</text></pair></zoo>";

/// A controller with three devices.
pub(crate) struct DeviceZoo {
    pub(crate) controller: Controller,
    pub(crate) directory: tempfile::TempDir,
}

impl DeviceZoo {
    pub(crate) fn open() -> Self {
        Self::with(&[])
    }

    /// Opens one with more models.
    pub(crate) fn with(models: &[(&str, &str)]) -> Self {
        let builder =
            Controller::builder().device_model("zoo.yang", ZOO).device_model("interfaces.yang", INTERFACES);
        let builder = models.iter().fold(builder, |builder, &(file, text)| builder.device_model(file, text));
        let builder = builder.device("r1", ETH).device("r2", ETH).device("zoo1", ZOO_DATA);
        let controller = builder.build().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("controller.sock")).unwrap();
        let serving = controller.clone();
        tokio::spawn(async move { serving.serve(listener, std::future::pending()).await });
        Self { controller, directory }
    }

    /// Returns a command for this controller.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = confine();
        command.args(words).arg("--user").arg("alice");
        command.arg("--socket").arg(self.directory.path().join("controller.sock"));
        command
    }

    /// Runs a command and returns its output, followed by its exit status in brackets unless that is 0.
    pub(crate) fn say(&self, words: &[&str]) -> String {
        let output = self.command(words).output().unwrap();
        let end = match output.status.code() {
            Some(0) => String::new(),
            Some(code) => format!("[{code}]\n"),
            None => "[killed]\n".into(),
        };
        self.without_place(&(text(&output.stdout) + &text(&output.stderr) + &end))
    }

    /// Removes the directory of this controller from a text.
    pub(crate) fn without_place(&self, said: &str) -> String {
        said.replace(self.directory.path().to_str().unwrap(), "")
    }

    pub(crate) fn all(&self, lines: &[&[&str]]) -> String {
        let said = |words: &&[&str]| format!("$ {}\n{}", words.join(" "), self.say(words));
        lines.iter().map(said).collect()
    }

    pub(crate) fn candidate(&self) -> String {
        self.controller.datastore(Datastore::Candidate).unwrap()
    }
}
