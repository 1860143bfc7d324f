"""The login banner of every device, as a module of the Clixon controller's Python server."""

# confine: service = "banner:banner"
# confine: prefixes = {"banner": "urn:example:banner", "oc-sys": "http://openconfig.net/yang/system"}
# confine: reads = ["/devices/device/name"]
# confine: writes = ["/devices/device/config/oc-sys:system"]

from clixon.helpers import get_service_instance

SERVICE = "banner"


def setup(root, log, **kwargs):
    instance = get_service_instance(root, SERVICE, **kwargs)
    for device in root.devices.device:
        if not device.config.get_elements("system"):
            device.config.create("system", attributes={"xmlns": "http://openconfig.net/yang/system"})
        if not device.config.system.get_elements("config"):
            device.config.system.create("config")
        device.config.system.config.create("login-banner", data=instance.text.cdata)
