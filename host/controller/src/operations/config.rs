//! Reading and editing: `get`, `get-config` and `edit-config` (RFC 6241, sections 7.1, 7.2 and 7.7).

use confine_netconf::{XmlElement, XmlWriter};
use confine_tree::{CONTROLLER, NodeId, Tree, xml};

use super::input::datastore;
use super::{input, text, unreadable, unwritable};
use crate::datastore::DatastoreName;
use crate::defaults::with_defaults;
use crate::edit::{self, EditOperation};
use crate::lost;
use crate::refusal::{self, RpcRefusal};
use crate::select::{XPathFilter, XPathFilterError, prune};
use crate::services;
use crate::state::{ControllerState, OkReply, RequestContext};
use crate::store;

impl ControllerState {
    /// `get-config`, with defaults where they are asked for. Clixon's attribute `depth` cuts the answer that many levels below the root.
    pub(super) fn get_config(
        &mut self,
        caller: &RequestContext<'_>,
        input: &XmlElement<'_>,
    ) -> Result<OkReply, RpcRefusal> {
        let source = datastore(input, "source")?;
        let tree = self.datastores.tree(source);
        match text(input, "with-defaults")?.as_deref() {
            Some("report-all") => {
                let full = with_defaults(tree, self.models.schema()).map_err(refusal::broken)?;
                self.read(caller, input, &full)
            }
            _ => self.read(caller, input, tree),
        }
    }

    /// `get`: configuration and state, or only one of them by Clixon's attribute `content`. State is that of
    /// transactions and of the connections to devices.
    pub(super) fn get(
        &mut self,
        caller: &RequestContext<'_>,
        input: &XmlElement<'_>,
    ) -> Result<OkReply, RpcRefusal> {
        let content = input.attribute("content").unwrap_or("all");
        let running = self.datastores.tree(DatastoreName::Running);
        if content == "config" {
            return self.read(caller, input, running);
        }
        let mut tree = Tree::new();
        if content == "all" {
            tree = running.as_ref().clone();
        }
        self.add_state(&mut tree)?;
        // The real controller, too, looks for the name in the text of the filter.
        let filter = input.child("filter").map_err(unreadable)?;
        if filter.and_then(|filter| Some(filter.attribute("select")?.contains("netconf-state"))) == Some(true)
        {
            let schemas = self.own_schemas().map_err(unwritable)?;
            xml::XmlTreeReader::new().read(&mut tree, Tree::ROOT, &schemas).map_err(refusal::broken)?;
        }
        self.read(caller, input, &tree)
    }

    fn add_state(&self, tree: &mut Tree) -> Result<(), RpcRefusal> {
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
        let devices = xml::parse(&writer.finish()).map_err(refusal::broken)?;
        edit::merge_state(tree, &devices, self.models.schema())?;
        let transactions = self.transactions_xml().map_err(unwritable)?;
        xml::XmlTreeReader::new().read(tree, Tree::ROOT, &transactions).map_err(refusal::broken)
    }

    fn read(
        &self,
        caller: &RequestContext<'_>,
        input: &XmlElement<'_>,
        tree: &Tree,
    ) -> Result<OkReply, RpcRefusal> {
        let filter = input.child("filter").map_err(unreadable)?;
        // A filter of another kind is passed over, as the real controller does.
        let filter = filter.filter(|filter| filter.attribute("type") == Some("xpath"));
        let selected = match &filter {
            Some(filter) => lost::found(tree, &self.models.model(), select(tree, filter)?),
            None => vec![Tree::ROOT],
        };
        let depth = input.attribute("depth").map(|depth| {
            let unknown = || refusal::bad_attribute("depth", "Unrecognized value of depth attribute");
            depth.trim().parse::<i32>().map_err(|_| unknown())
        });
        // A negative depth is no limit.
        let depth = depth.transpose()?.and_then(|depth| usize::try_from(depth).ok());
        let part = prune(tree, &selected, &self.models.model(), depth).map_err(refusal::broken)?;
        let part = self.access(caller.user).prune(part);
        store::to_xml(&part, Tree::ROOT).map(OkReply::Data).map_err(refusal::broken)
    }

    /// `edit-config`. Where a node has the attribute `cl:creator`, the instance that it names gets the
    /// node's path into its record of what it has created.
    pub(super) fn edit_config(
        &mut self,
        caller: &RequestContext<'_>,
        input: &XmlElement<'_>,
    ) -> Result<OkReply, RpcRefusal> {
        let target = datastore(input, "target")?;
        let default = input::enumeration(input, "default-operation", EditOperation::parse_default)?;
        let default = default.unwrap_or(EditOperation::Merge);
        let config = input
            .child("config")
            .map_err(unreadable)?
            .ok_or_else(|| refusal::missing_element("config", "Element not found"))?;
        let content = config.content();
        let scope: Vec<(&str, &str)> = content.bindings().iter().collect();
        let mut edit = Tree::new();
        xml::XmlTreeReader::new()
            .scope(&scope)
            .read(&mut edit, Tree::ROOT, content.as_str())
            .map_err(|error| refusal::failed_with("malformed-message", &error.to_string()))?;

        self.check_lock(target, caller.session)?;
        let creations = services::creations(&edit, self.models.schema())?;
        let before = self.datastores.tree(target);
        let mut after = store::editable(before).map_err(refusal::broken)?;
        edit::apply(&mut after, &edit, default, self.models.schema())?;
        self.access(caller.user).write(before, &after)?;
        if !creations.is_empty() {
            let records = services::records(&creations).map_err(refusal::broken)?;
            let mut recorded = after.clone();
            edit::apply(&mut recorded, &records, EditOperation::Merge, self.models.schema())?;
            // The real controller writes the records for nobody, which rules of access may well deny.
            self.access(None).write(&after, &recorded)?;
            after = recorded;
        }
        self.datastores.replace(target, after);
        self.datastores.modified |= target == DatastoreName::Candidate;
        Ok(OkReply::Ok)
    }
}

/// The nodes that a filter selects.
fn select(tree: &Tree, filter: &XmlElement<'_>) -> Result<Vec<NodeId>, RpcRefusal> {
    let bindings: Vec<(&str, &str)> = filter.content().bindings().iter().collect();
    let select = filter.attribute("select").unwrap_or("/");
    let filter = XPathFilter::parse(select, &bindings).map_err(|error| match error {
        XPathFilterError::UnboundPrefix { prefix, .. } => {
            refusal::bad_attribute("select", &format!("No namespace found for prefix: {prefix}"))
        }
        other => refusal::failed(format!("xpath parser on line 1: {other}")),
    })?;
    Ok(filter.select(tree))
}
