//! Requests for models: those of the controller (RFC 6022) and of its devices.

use std::{collections::HashMap, fmt};

use confine_netconf::{DeviceConfigType, Error as NetconfError, Payload, XmlElement, XmlWriter};
use confine_tree::{CONTROLLER, Tree};
use confine_yang::{is_date, is_identifier};

use crate::{Backend, ConfigRequest, Datastore, Error, RequestUser, payload_tree::device_tree};

/// The namespace of ietf-netconf-monitoring, with the list of a server's models.
const MONITORING: &str = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring";

/// The default domain of a device, in the controller's model.
const DEFAULT_DOMAIN: &str = "default";

/// A module or submodule, by name and revision.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SchemaRef {
    name: Box<str>,
    revision: Option<Box<str>>,
}

impl SchemaRef {
    /// Creates a reference. Returns `None` if the name is not that of a module (RFC 7950, `identifier`) or the revision is not
    /// a date: both come from a device and become a file name.
    pub fn new(name: &str, revision: Option<&str>) -> Option<Self> {
        let revision = revision.filter(|revision| !revision.is_empty());
        let is_valid = name.len() <= 128 && is_identifier(name) && revision.is_none_or(is_date);
        is_valid.then(|| Self { name: name.into(), revision: revision.map(Into::into) })
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the revision, as `YYYY-MM-DD`, if there is one.
    pub fn revision(&self) -> Option<&str> {
        self.revision.as_deref()
    }
}

/// Writes the file name of the module, without `.yang` (RFC 7950, section 5.2).
impl fmt::Display for SchemaRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.revision.iter().try_for_each(|revision| write!(f, "@{revision}"))
    }
}

/// The connection state of a device, which decides whether its models are available.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceSchemas {
    /// The device's name.
    pub name: String,
    /// `OPEN`, `CLOSED`, or a state between them.
    pub state: String,
    /// The time of the last state change; empty if unknown. A device that reconnects may have other models.
    pub since: String,
    /// The domain. Devices of one domain share the files of their models.
    pub domain: String,
}

impl DeviceSchemas {
    /// Returns whether the device is connected.
    pub fn is_open(&self) -> bool {
        self.state == "OPEN"
    }

    /// Returns whether the controller may have its models: not while the device connects or disconnects.
    pub(crate) fn may_have_schemas(&self) -> bool {
        self.is_open() || self.state == "CLOSED"
    }
}

impl Backend {
    /// Returns the modules of the controller, including those of its services. The list is empty if the controller does not
    /// report them.
    pub(crate) async fn controller_schemas(&mut self, user: &RequestUser) -> Result<Vec<SchemaRef>, Error> {
        let namespaces = [("ncm", MONITORING)];
        let data = self.get_state("/ncm:netconf-state/ncm:schemas", &namespaces, user).await?;
        let mut found = Vec::new();
        for state in data.children() {
            for schemas in state.map_err(Error::session("get"))?.children() {
                for schema in schemas.map_err(Error::session("get"))?.children() {
                    let schema = schema.map_err(Error::session("get"))?;
                    found
                        .extend(schema_ref(&schema, "identifier", "version").map_err(Error::session("get"))?);
                }
            }
        }
        Ok(found)
    }

    /// Returns the text of one of the controller's modules (`get-schema`, RFC 6022 section 3.1).
    pub(crate) async fn controller_schema(
        &mut self,
        schema: &SchemaRef,
        user: &RequestUser,
    ) -> Result<String, Error> {
        const OPERATION: &str = "get-schema";
        let content = |xml: &mut XmlWriter| {
            xml.leaf("identifier", &[], schema.name())?;
            if let Some(revision) = schema.revision() {
                xml.leaf("version", &[], revision)?;
            }
            xml.leaf("format", &[], "yang")
        };
        let reply = self.call(user, OPERATION, &[("xmlns", MONITORING)], content).await?;
        let output = reply.into_output().map_err(Error::session(OPERATION))?;
        let data = output.children().next().transpose().map_err(Error::session(OPERATION))?;
        let data = data.ok_or_else(|| Error::invalid_answer(OPERATION, "it has no `data`"))?;
        Ok(strip_cdata(data.text().map_err(Error::session(OPERATION))?))
    }

    /// Returns the modules of a device. Fails if the backend has none yet: the device has not been open since the controller
    /// was started.
    pub(crate) async fn device_schemas(
        &mut self,
        device: &str,
        user: &RequestUser,
    ) -> Result<Vec<SchemaRef>, Error> {
        let schemas = self.get_device_schema(device, None, user).await?;
        Ok(schemas.into_iter().map(|(schema, _)| schema).collect())
    }

    /// Returns the text of one of a device's modules, if the controller has it.
    pub(crate) async fn device_schema(
        &mut self,
        device: &str,
        schema: &SchemaRef,
        user: &RequestUser,
    ) -> Result<Option<String>, Error> {
        let schemas = self.get_device_schema(device, Some(schema), user).await?;
        Ok(schemas.into_iter().find_map(|(found, text)| text.filter(|_| found == *schema)))
    }

    /// Requests one text at a time: the backend does nothing else while it reads a file, and one unreadable file makes the
    /// whole reply an error.
    async fn get_device_schema(
        &mut self,
        device: &str,
        wanted: Option<&SchemaRef>,
        user: &RequestUser,
    ) -> Result<Vec<(SchemaRef, Option<String>)>, Error> {
        const OPERATION: &str = "get-device-schema";
        let content = |xml: &mut XmlWriter| {
            xml.leaf("device", &[], device)?;
            let Some(wanted) = wanted else { return Ok(()) };
            xml.leaf("name", &[], wanted.name())?;
            if let Some(revision) = wanted.revision() {
                xml.leaf("revision", &[], revision)?;
            }
            xml.leaf("detail", &[], "true")
        };
        let reply = self.call(user, OPERATION, &[("xmlns", CONTROLLER)], content).await?;
        let output = reply.into_output().map_err(Error::session(OPERATION))?;
        let mut found = Vec::new();
        for schema in output.children() {
            let schema = schema.map_err(Error::session(OPERATION))?;
            if let Some(reference) =
                schema_ref(&schema, "name", "revision").map_err(Error::session(OPERATION))?
            {
                let text = schema.child_text("data").map_err(Error::session(OPERATION))?;
                found.push((reference, text.map(strip_cdata)));
            }
        }
        Ok(found)
    }

    /// Returns the connection state of each device, sorted by name.
    pub async fn device_states(&mut self, user: &RequestUser) -> Result<Vec<DeviceSchemas>, Error> {
        let namespaces = [("co", CONTROLLER)];
        let leaves = ["name", "conn-state", "conn-state-timestamp"];
        let paths = leaves.map(|leaf| format!("/co:devices/co:device/co:{leaf}"));
        let state = self.get_state(&paths.join(" | "), &namespaces, user).await?;
        let read = ConfigRequest {
            source: Datastore::Running,
            xpath: "/co:devices/co:device/co:device-domain | /co:devices/co:device/co:device-profile | \
                    /co:devices/co:device-profile/co:device-domain",
            namespaces: &namespaces,
            depth: None,
            defaults: false,
        };
        let config = self.get_config(read, user).await?;
        let domains = DeviceDomains::read(&config)?;
        let mut found = Vec::new();
        // The controller returns one `devices` per device.
        for devices in state.children() {
            for device in devices.map_err(Error::session("get"))?.children() {
                let device = device.map_err(Error::session("get"))?;
                let text = |name: &str| device.child_text(name).map_err(Error::session("get"));
                if let Some(name) = text("name")? {
                    found.push(DeviceSchemas {
                        state: text("conn-state")?.unwrap_or_default(),
                        since: text("conn-state-timestamp")?.unwrap_or_default(),
                        domain: domains.of(&name).to_owned(),
                        name,
                    });
                }
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// Returns the configuration that the controller last pulled from a device or pushed to it, from the device's own nodes down.
    pub async fn synced_config(&mut self, device: &str, user: &RequestUser) -> Result<Tree, Error> {
        const OPERATION: &str = "get-device-config";
        let content = |xml: &mut XmlWriter| {
            xml.leaf("device", &[], device)?;
            xml.leaf("config-type", &[], DeviceConfigType::Synced.as_str())
        };
        let reply = self.call(user, OPERATION, &[("xmlns", CONTROLLER)], content).await?;
        let failed = Error::session(OPERATION);
        let output = reply.into_output().map_err(failed)?;
        // One `config` of the reply, and in it one of each device.
        let all = output.children().next().transpose().map_err(failed)?;
        let config = all.as_ref().map(|all| all.child("config")).transpose().map_err(failed)?.flatten();
        let config = config.ok_or_else(|| Error::invalid_answer(OPERATION, "it has no `config`"))?;
        device_tree(config.content()).map_err(|source| Error::invalid_answer(OPERATION, source.to_string()))
    }
}

/// The domain of each device.
#[derive(Default)]
struct DeviceDomains {
    devices: HashMap<String, DomainSetting>,
    profiles: HashMap<String, DomainSetting>,
}

/// The domain in the configuration of a device or a profile.
struct DomainSetting {
    own: Option<String>,
    profile: Option<String>,
}

impl DeviceDomains {
    fn read(config: &Payload<'_>) -> Result<Self, Error> {
        let unreadable = Error::session("get-config");
        let mut domains = Self::default();
        for devices in config.children() {
            for entry in devices.map_err(&unreadable)?.children() {
                let entry = entry.map_err(&unreadable)?;
                let text = |name: &str| entry.child_text(name).map_err(&unreadable);
                let domain = DomainSetting { own: text("device-domain")?, profile: text("device-profile")? };
                let entries = if entry.is_named(CONTROLLER, "device") {
                    &mut domains.devices
                } else {
                    &mut domains.profiles
                };
                entries.extend(text("name")?.map(|name| (name, domain)));
            }
        }
        Ok(domains)
    }

    /// Returns the domain of a device: its own, else that of its profile.
    fn of(&self, device: &str) -> &str {
        let device = self.devices.get(device);
        let of_profile = || self.profiles.get(device?.profile.as_ref()?)?.own.as_deref();
        device.and_then(|device| device.own.as_deref()).or_else(of_profile).unwrap_or(DEFAULT_DOMAIN)
    }
}

/// Reads the module of an element. Returns `None` if it has no valid name or revision.
fn schema_ref(
    element: &XmlElement<'_>,
    name: &str,
    revision: &str,
) -> Result<Option<SchemaRef>, NetconfError> {
    let revision = element.child_text(revision)?;
    let of_name = |name: String| SchemaRef::new(name.trim(), revision.as_deref().map(str::trim));
    Ok(element.child_text(name)?.and_then(of_name))
}

/// Removes the CDATA marks of a module's text, which the backend escapes together with the text.
fn strip_cdata(text: String) -> String {
    let inner = text.strip_prefix("<![CDATA[").and_then(|text| text.strip_suffix("]]>"));
    inner.map(str::to_owned).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schema_ref_is_safe_as_file_name() {
        let shown = |name, revision| SchemaRef::new(name, revision).map(|schema| schema.to_string());
        assert_eq!(shown("oc-if", Some("2021-04-06")).as_deref(), Some("oc-if@2021-04-06"));
        assert_eq!(shown("_a.b", Some("")).as_deref(), Some("_a.b"));
        assert_eq!(shown("a", None).as_deref(), Some("a"));
        for (name, revision) in [
            ("", None),
            ("../etc", None),
            ("a/b", None),
            (".hidden", None),
            ("a", Some("2021-4-6")),
            ("a", Some("2021-04-06/x")),
            ("a", Some("../../../x")),
        ] {
            assert_eq!(shown(name, revision), None, "{name} {revision:?}");
        }
        assert_eq!(SchemaRef::new(&"a".repeat(129), None), None);
    }

    #[test]
    fn escaped_cdata_marks_are_stripped() {
        assert_eq!(strip_cdata("<![CDATA[module m {}]]>".into()), "module m {}");
        assert_eq!(strip_cdata("module m {}".into()), "module m {}");
    }
}
