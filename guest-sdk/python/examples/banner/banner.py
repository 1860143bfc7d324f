"""The login banner of every device."""

from confine import Service


class Handler(Service):
    services = ["banner:banner"]
    version = "0.1.0"
    prefixes = {"banner": "urn:example:banner", "oc-sys": "http://openconfig.net/yang/system"}
    reads = ["/devices/device/name"]
    writes = ["/devices/device/config/oc-sys:system/config/login-banner"]

    def apply(self, commit, instance, view):
        text = view.require("text")
        for device in view.list("/devices/device"):
            device.set("config/oc-sys:system/config/login-banner", text)
