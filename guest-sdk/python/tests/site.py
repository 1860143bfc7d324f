"""A small datastore with two devices and a service, and the tree over it."""

from clixon import changes, reading
from clixon.selection import Selection
from tests.fake_view import CONTROLLER, FakeView

SYSTEM = "http://openconfig.net/yang/system"
USERS = "http://clicon.org/ssh-users"
KEYS = {"device": ("name",), "user": ("username",), "interface": ("name",), "ssh-users": ("service-name",)}
KEYS |= {"username": ("name",), "route": ("prefix", "table"), "device-group": ("name",), "template": ("name",)}
PREFIXES = {"oc-sys": SYSTEM, "ssh-users": USERS}

DATASTORE = f"""
<services xmlns="{CONTROLLER}">
<properties><bgp-customer xmlns="urn:bgp"><bgp-group>test</bgp-group></bgp-customer></properties>
<ssh-users xmlns="{USERS}"><service-name>ops</service-name>
<username><name>ann</name><role>admin</role></username></ssh-users>
</services>
<devices xmlns="{CONTROLLER}">
<device><name>r1</name><addr>192.0.2.1</addr><config>
<system xmlns="{SYSTEM}"><config><hostname>r1</hostname><login-banner>a &amp; b</login-banner></config>
<search>a.example</search><search>b.example</search>
<users><user><username>root</username><role>admin</role></user><user><username>old</username></user></users></system>
<interfaces xmlns="urn:if"><interface><name>eth0</name><mtu>1500</mtu></interface>
<interface><name>eth1</name><route><prefix>192.0.2.0/24</prefix><table>1</table><via>a</via></route></interface>
</interfaces>
</config></device>
<device><name>r2</name><addr>192.0.2.2</addr><config><system xmlns="{SYSTEM}"><config><hostname>r2</hostname></config></system>
</config></device>
<device-group><name>all</name><device-name>r1</device-name><device-group>west</device-group></device-group>
<device-group><name>west</name><device-name>r2</device-name><device-name>r1</device-name>
<device-group>all</device-group></device-group>
<template><name>t</name><config><configuration xmlns="urn:junos"><policy><name>${{NAME}}</name></policy>
</configuration></config></template>
</devices>
"""


class Site:
    """A view on the datastore and the tree over it. `prefixes` are those of the module's description."""

    def __init__(self, datastore=DATASTORE, prefixes=PREFIXES, xpath=None, names=None):
        text = datastore.replace("\n", "")
        self.view = FakeView(text, KEYS, {"search", "device-name"}, prefixes, names)
        self.services_changed = []
        selection = Selection.parse(xpath) if xpath else None
        note = self.services_changed.append
        self.root = reading.datastore(self.view, "ssh-users", prefixes, note, None, selection)

    def device(self, name):
        """Returns a device."""
        return next(device for device in self.root.devices.device if device.name == name)

    def edit(self):
        """Returns the edit that makes the changes so far, below the first device's `config` if that is where it is."""
        return changes.edit_of(self.root)


def config_edit(device, content):
    """Returns the edit of one device that has this below `config`."""
    return (
        f'<devices xmlns="{CONTROLLER}"><device><name>{device}</name><config>{content}</config></device></devices>'
    )
