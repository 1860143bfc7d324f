//! Reading and editing: `get`, `get-config` and `edit-config` (RFC 6241, sections 7.1, 7.2 and 7.7).

use confine_netconf::{Element, XmlWriter};
use confine_tree::{CONTROLLER, Error, Tree, xml};

use super::input::datastore;
use super::{input, unreadable, unwritable};
use crate::access;
use crate::datastore::Datastore;
use crate::edit::{self, Operation};
use crate::filter::{self, Filter, copy_below};
use crate::refusal::{self, Refusal};
use crate::services;
use crate::state::{Caller, Reply, State};
use crate::store;

impl State {
    /// `get-config`. Clixon's attribute `depth` cuts the answer that many levels below the root.
    pub(super) fn get_config(&mut self, caller: &Caller<'_>, input: &Element<'_>) -> Result<Reply, Refusal> {
        let source = datastore(input, "source")?;
        let tree = self.datastores.tree(source);
        self.read(caller, input, tree)
    }

    /// `get`: configuration and state, or only one of them by Clixon's attribute `content`. State is that of
    /// transactions and of the connections to devices.
    pub(super) fn get(&mut self, caller: &Caller<'_>, input: &Element<'_>) -> Result<Reply, Refusal> {
        let content = input.attribute("content").unwrap_or("all");
        let running = self.datastores.tree(Datastore::Running);
        if content == "config" {
            return self.read(caller, input, running);
        }
        let mut tree = Tree::new();
        if content == "all" {
            tree = running.as_ref().clone();
        }
        self.add_state(&mut tree)?;
        self.read(caller, input, &tree)
    }

    fn add_state(&self, tree: &mut Tree) -> Result<(), Refusal> {
        let mut writer = XmlWriter::new();
        writer
            .element("devices", &[("xmlns", CONTROLLER)], |xml| {
                self.devices.keys().try_for_each(|name| {
                    xml.element("device", &[], |xml| {
                        xml.leaf("name", &[], name)?;
                        xml.leaf("conn-state", &[], "OPEN")
                    })
                })
            })
            .map_err(unwritable)?;
        let failed = |error: Error| refusal::failed(error.to_string());
        let devices = xml::parse(&writer.finish()).map_err(failed)?;
        edit::merge_state(tree, &devices, &self.schema)?;
        let transactions = self.transactions_xml().map_err(unwritable)?;
        xml::Reader::new().read(tree, Tree::ROOT, &transactions).map_err(failed)
    }

    fn read(&self, caller: &Caller<'_>, input: &Element<'_>, tree: &Tree) -> Result<Reply, Refusal> {
        let failed = |error: Error| refusal::failed(error.to_string());
        let filter = input.child("filter").map_err(unreadable)?;
        // A filter of another kind is passed over, as the real controller does.
        let filter = filter.filter(|filter| filter.attribute("type") == Some("xpath"));
        let filter = filter.map(|filter| {
            let select = filter.attribute("select").unwrap_or("/");
            Filter::parse(select, filter.content().bindings())
        });
        let mut part = match filter.transpose()? {
            Some(filter) => filter.select(tree, self.schema.as_ref()).map_err(failed)?,
            None => {
                let mut whole = Tree::new();
                copy_below(tree, Tree::ROOT, &mut whole, Tree::ROOT).map_err(failed)?;
                whole
            }
        };
        if let Some(depth) = input.attribute("depth") {
            let depth: usize = depth
                .trim()
                .parse()
                .map_err(|_| refusal::bad_attribute("depth", "Unrecognized value of depth attribute"))?;
            filter::cut(&mut part, depth);
        }
        let part = access::prune(self.access.as_ref(), caller.user, part);
        store::to_xml(&part, Tree::ROOT).map(Reply::Data).map_err(failed)
    }

    /// `edit-config`. Where a node has the attribute `cl:creator`, the instance that it names gets the
    /// node's path into its record of what it has created.
    pub(super) fn edit_config(&mut self, caller: &Caller<'_>, input: &Element<'_>) -> Result<Reply, Refusal> {
        let target = datastore(input, "target")?;
        let default = input::enumeration(input, "default-operation", Operation::parse_default)?;
        let default = default.unwrap_or(Operation::Merge);
        let config = input
            .child("config")
            .map_err(unreadable)?
            .ok_or_else(|| refusal::missing_element("config", "Element not found"))?;
        let content = config.content();
        let scope: Vec<(&str, &str)> = content.bindings().iter().collect();
        let mut edit = Tree::new();
        xml::Reader::new()
            .scope(&scope)
            .read(&mut edit, Tree::ROOT, content.as_str())
            .map_err(|error| refusal::failed_with("malformed-message", &error.to_string()))?;

        self.check_lock(target, caller.session)?;
        let creations = services::creations(&edit, self.schema.as_ref())?;
        let before = self.datastores.tree(target);
        access::write(self.access.as_ref(), caller.user, before, &edit)?;
        let mut after = store::editable(before).map_err(refusal::broken)?;
        if !creations.is_empty() {
            let records = services::records(&creations).map_err(refusal::broken)?;
            // The real controller writes the records for nobody, which rules of access may well deny.
            access::write(self.access.as_ref(), None, before, &records)?;
            edit::apply(&mut after, &records, Operation::Merge, &self.schema)?;
        }
        edit::apply(&mut after, &edit, default, &self.schema)?;
        self.datastores.replace(target, after);
        self.datastores.modified |= target == Datastore::Candidate;
        Ok(Reply::Ok)
    }
}
