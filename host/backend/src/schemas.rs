//! The models that the controller has: its own (RFC 6022), and those of its devices.

use std::{collections::HashMap, fmt};

use confine_netconf::{Error as NetconfError, Payload, XmlElement, XmlWriter};

use crate::{Backend, CONTROLLER, ConfigRequest, Datastore, Error, RequestUser};

/// The model by which servers tell of their models.
const MONITORING: &str = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring";

/// The domain of a device whose configuration names none, as the controller's model has it.
const DEFAULT_DOMAIN: &str = "default";

/// A module or submodule, by name and revision.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SchemaRef {
    name: Box<str>,
    revision: Option<Box<str>>,
}

impl SchemaRef {
    /// `None` where one of them is no name of a module (RFC 7950, `identifier`) or no date: what a device
    /// says becomes the name of a file.
    pub fn new(name: &str, revision: Option<&str>) -> Option<Self> {
        let is_name = |name: &str| {
            let mut bytes = name.bytes();
            name.len() <= 128
                && bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
                && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
        };
        let is_date = |text: &str| {
            let is_right = |(at, byte): (usize, u8)| match at {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            };
            text.len() == 10 && text.bytes().enumerate().all(is_right)
        };
        let revision = revision.filter(|revision| !revision.is_empty());
        let is_valid = is_name(name) && revision.is_none_or(is_date);
        is_valid.then(|| Self { name: name.into(), revision: revision.map(Into::into) })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its revision, as `YYYY-MM-DD`; `None` where it has none.
    pub fn revision(&self) -> Option<&str> {
        self.revision.as_deref()
    }
}

/// As files of modules are named, without `.yang` (RFC 7950, section 5.2).
impl fmt::Display for SchemaRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.revision.iter().try_for_each(|revision| write!(f, "@{revision}"))
    }
}

/// The connection to a device, as far as its models are concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceSchemas {
    /// The device's name.
    pub name: String,
    /// `OPEN`, `CLOSED`, or a state between them.
    pub state: String,
    /// Since when; empty where that is not told. A device that comes back may speak other models.
    pub since: String,
    /// Devices of one domain share the files of their models.
    pub domain: String,
}

impl DeviceSchemas {
    /// Whether it is connected.
    pub fn is_open(&self) -> bool {
        self.state == "OPEN"
    }

    /// Whether the controller may know its models: not while it comes up or goes.
    pub fn may_have_schemas(&self) -> bool {
        self.is_open() || self.state == "CLOSED"
    }
}

impl Backend {
    /// The modules of the controller itself, those of its services among them. None where the controller
    /// does not tell.
    pub async fn controller_schemas(&mut self, identity: &RequestUser) -> Result<Vec<SchemaRef>, Error> {
        let namespaces = [("ncm", MONITORING)];
        let data = self.get_state("/ncm:netconf-state/ncm:schemas", &namespaces, identity).await?;
        let mut found = Vec::new();
        for state in data.children() {
            for schemas in state.map_err(unreadable("get"))?.children() {
                for schema in schemas.map_err(unreadable("get"))?.children() {
                    let schema = schema.map_err(unreadable("get"))?;
                    found.extend(reference(&schema, "identifier", "version").map_err(unreadable("get"))?);
                }
            }
        }
        Ok(found)
    }

    /// The text of one of the controller's own modules (`get-schema`, RFC 6022 section 3.1).
    pub async fn controller_schema(
        &mut self,
        schema: &SchemaRef,
        identity: &RequestUser,
    ) -> Result<String, Error> {
        const OPERATION: &str = "get-schema";
        let content = |xml: &mut XmlWriter| {
            xml.leaf("identifier", &[], schema.name())?;
            if let Some(revision) = schema.revision() {
                xml.leaf("version", &[], revision)?;
            }
            xml.leaf("format", &[], "yang")
        };
        let reply = self.call(identity, OPERATION, &[("xmlns", MONITORING)], content).await?;
        let output = reply.into_output().map_err(unreadable(OPERATION))?;
        let data = output.children().next().transpose().map_err(unreadable(OPERATION))?;
        let data = data.ok_or_else(|| Error::answer(OPERATION, "it has no `data`"))?;
        Ok(bare(data.text().map_err(unreadable(OPERATION))?))
    }

    /// The modules that the controller knows a device by. The backend refuses where it has none yet: the
    /// device was not open since the controller was started.
    pub async fn device_schemas(
        &mut self,
        device: &str,
        identity: &RequestUser,
    ) -> Result<Vec<SchemaRef>, Error> {
        let schemas = self.get_device_schema(device, None, identity).await?;
        Ok(schemas.into_iter().map(|(schema, _)| schema).collect())
    }

    /// The text of one of a device's modules. `None` where the controller does not have it.
    pub async fn device_schema(
        &mut self,
        device: &str,
        schema: &SchemaRef,
        identity: &RequestUser,
    ) -> Result<Option<String>, Error> {
        let schemas = self.get_device_schema(device, Some(schema), identity).await?;
        Ok(schemas.into_iter().find_map(|(found, text)| text.filter(|_| found == *schema)))
    }

    /// One text at a time: the backend does nothing else while it reads a file, and a file that it can't
    /// read spoils the whole answer.
    async fn get_device_schema(
        &mut self,
        device: &str,
        wanted: Option<&SchemaRef>,
        identity: &RequestUser,
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
        let reply = self.call(identity, OPERATION, &[("xmlns", CONTROLLER)], content).await?;
        let output = reply.into_output().map_err(unreadable(OPERATION))?;
        let mut found = Vec::new();
        for schema in output.children() {
            let schema = schema.map_err(unreadable(OPERATION))?;
            if let Some(reference) = reference(&schema, "name", "revision").map_err(unreadable(OPERATION))? {
                let text = schema.child_text("data").map_err(unreadable(OPERATION))?;
                found.push((reference, text.map(bare)));
            }
        }
        Ok(found)
    }

    /// How each device is connected, in the order of their names.
    pub async fn device_states(&mut self, identity: &RequestUser) -> Result<Vec<DeviceSchemas>, Error> {
        let namespaces = [("co", CONTROLLER)];
        let leaves = ["name", "conn-state", "conn-state-timestamp"];
        let paths = leaves.map(|leaf| format!("/co:devices/co:device/co:{leaf}"));
        let state = self.get_state(&paths.join(" | "), &namespaces, identity).await?;
        let read = ConfigRequest {
            source: Datastore::Running,
            xpath: "/co:devices/co:device/co:device-domain | /co:devices/co:device/co:device-profile | \
                    /co:devices/co:device-profile/co:device-domain",
            namespaces: &namespaces,
            depth: None,
            defaults: false,
        };
        let config = self.get_config(read, identity).await?;
        let domains = DeviceDomains::read(&config)?;
        let mut found = Vec::new();
        // The controller makes one `devices` for each device.
        for devices in state.children() {
            for device in devices.map_err(unreadable("get"))?.children() {
                let device = device.map_err(unreadable("get"))?;
                let text = |name: &str| device.child_text(name).map_err(unreadable("get"));
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
}

/// Which domain each device is in.
#[derive(Default)]
struct DeviceDomains {
    devices: HashMap<String, DomainSetting>,
    profiles: HashMap<String, DomainSetting>,
}

/// What the configuration of a device or a profile says of it.
struct DomainSetting {
    own: Option<String>,
    profile: Option<String>,
}

impl DeviceDomains {
    fn read(config: &Payload<'_>) -> Result<Self, Error> {
        let unreadable = unreadable("get-config");
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

    /// A device's own domain goes before that of its profile.
    fn of(&self, device: &str) -> &str {
        let device = self.devices.get(device);
        let of_profile = || self.profiles.get(device?.profile.as_ref()?)?.own.as_deref();
        device.and_then(|device| device.own.as_deref()).or_else(of_profile).unwrap_or(DEFAULT_DOMAIN)
    }
}

/// What an element says that a module is; `None` where it says nothing that can be one.
fn reference(
    element: &XmlElement<'_>,
    name: &str,
    revision: &str,
) -> Result<Option<SchemaRef>, NetconfError> {
    let revision = element.child_text(revision)?;
    let reference = |name: String| SchemaRef::new(name.trim(), revision.as_deref().map(str::trim));
    Ok(element.child_text(name)?.and_then(reference))
}

/// The text of a module without the marks of a CDATA section that the backend has escaped together with it.
fn bare(text: String) -> String {
    let inner = text.strip_prefix("<![CDATA[").and_then(|text| text.strip_suffix("]]>"));
    inner.map(str::to_owned).unwrap_or(text)
}

fn unreadable(operation: &'static str) -> impl Fn(NetconfError) -> Error {
    move |source| Error::Session { operation, source }
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
        assert_eq!(bare("<![CDATA[module m {}]]>".into()), "module m {}");
        assert_eq!(bare("module m {}".into()), "module m {}");
    }
}
