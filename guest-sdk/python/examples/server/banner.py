"""The login banner of every device, as a module of the Clixon controller's Python server."""

# confine: service = "banner:banner"
# confine: prefixes = {"banner": "urn:example:banner"}
# confine: reads = ["/devices/device/name"]
# confine: writes = ["/devices/device/config/system/config/login-banner"]

from clixon.helpers import get_service_instance

SERVICE = "banner"
SYSTEM = {"xmlns": "http://openconfig.net/yang/system"}


def setup(root, log, **kwargs):
    instance = get_service_instance(root, SERVICE, **kwargs)
    for device in root.devices.device:
        system = device.config.create("system", attributes=SYSTEM)
        system.create("config").create("login-banner", data=instance.text.cdata)
