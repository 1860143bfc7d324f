"""The helpers, on the tree of a datastore."""

import unittest

from clixon import helpers
from clixon.event import RPCEventHandler
from clixon.parser import parse_string
from tests.site import Site

OPENCONFIG = """
<devices><device><name>r1</name><config><interfaces><interface><name>lo0</name>
<subinterfaces><subinterface><index>0</index><ipv6><addresses>
<address><ip>2001:db8::1</ip><config><prefix-length>64</prefix-length></config></address>
</addresses></ipv6></subinterface></subinterfaces></interface></interfaces></config></device></devices>
"""
JUNOS = """
<devices><device><name>r1</name><config><configuration xmlns="http://yang.juniper.net/junos/conf/root">
<interfaces><interface><name>lo0</name><unit><name>0</name><family><inet>
<address><name>192.0.2.1/32</name><primary/></address><address><name>192.0.2.2/32</name></address>
</inet></family></unit></interface></interfaces></configuration></config></device></devices>
"""


class HelpersTest(unittest.TestCase):
    def setUp(self):
        self.site = Site()
        self.root = self.site.root

    def test_service_instance_by_the_arguments_of_setup(self):
        for arguments in [{"instance": "ops"}, {"instance": "ops", "diff": False}]:
            instance = helpers.get_service_instance(self.root, "ssh-users", **arguments)
            self.assertEqual(instance.service_name, "ops")
        self.assertEqual(helpers.get_service_instance(self.root, "ssh-users", {"instance": "ops"}).service_name, "ops")
        self.assertIsNone(helpers.get_service_instance(self.root, "ssh-users", instance="zz"))
        self.assertIsNone(helpers.get_service_instance(self.root, "ssh-users"))

    def test_service_instance_with_a_key_of_any_name(self):
        instances = "<vpn><customer>a b</customer></vpn><vpn><customer>'c'</customer></vpn>"
        root = parse_string(f"<services>{instances}</services>")
        self.assertEqual(helpers.get_service_instance(root, "vpn", instance="'c'").customer, "'c'")

    def test_service_instances(self):
        self.assertEqual(len(helpers.get_service_instances(self.root, "ssh-users")), 1)

    def test_devices(self):
        self.assertEqual([device.name.cdata for device in helpers.get_devices(self.root)], ["r1", "r2"])
        self.assertEqual(helpers.get_device(self.root, "r2").addr, "192.0.2.2")
        self.assertIsNone(helpers.get_device(self.root, "r3"))

    def test_configuration_of_one_device_and_of_all(self):
        hostname = helpers.get_devices_configuration(self.root, "r2").system.config.hostname
        self.assertEqual(hostname, "r2")
        self.assertEqual(len(helpers.get_devices_configuration(self.root)), 2)
        self.assertIsNone(helpers.get_devices_configuration(self.root, "r3"))

    def test_devices_of_a_group_and_of_the_groups_in_it(self):
        self.assertEqual(helpers.get_devices_from_group(self.root, "all"), ["r1", "r2"])
        self.assertEqual(helpers.get_devices_from_group(self.root, "zz"), [])

    def test_properties_by_both_names(self):
        properties = helpers.get_properties(self.root, "bgp-customer")
        self.assertEqual(properties, {"bgp-group": "test", "bgp_group": "test"})
        self.assertEqual(helpers.get_properties(self.root, "zz"), {})
        self.assertEqual(helpers.get_properties(parse_string("<services/>"), "zz"), {})

    def test_path_by_key_and_by_position(self):
        path = "/devices/device[name='r1']/config/interfaces/interface[1]/name"
        self.assertEqual(helpers.get_path(self.root, path), "eth1")
        self.assertEqual(helpers.get_path(self.root, 'devices/device[name="r2"]/name'), "r2")
        self.assertIsNone(helpers.get_path(self.root, "/devices/device[name='r3']/config"))

    def test_path_with_spaces_and_slashes_in_a_value(self):
        root = parse_string("<a><b><name>ge-0/0/0 [x] y</name><c>1</c></b></a>")
        self.assertEqual(helpers.get_path(root, "/a/b[name='ge-0/0/0 [x] y']/c"), "1")

    def test_value_required_and_default(self):
        device = helpers.get_device(self.root, "r1")
        self.assertEqual(helpers.get_value(device, "addr"), "192.0.2.1")
        self.assertEqual(helpers.get_data(device, "zz", default="d"), "d")
        self.assertEqual(helpers.get_value(device, "zz"), "")
        with self.assertRaisesRegex(ValueError, "`device` has no value for `zz`"):
            helpers.get_value(device, "zz", required=True)

    def test_junos(self):
        root = parse_string(JUNOS)
        self.assertTrue(helpers.is_juniper(root.devices.device))
        self.assertFalse(helpers.is_juniper(helpers.get_device(self.root, "r1")))
        primary = helpers.get_junos_interface_address(root, "r1", "lo0", "0")
        every = helpers.get_junos_interface_address(root, "r1", "lo0", "0", primary=False)
        self.assertEqual((primary, len(every)), (["192.0.2.1/32"], 2))
        self.assertEqual(helpers.get_junos_interface_address(root, "r9", "lo0", "0"), [])

    def test_openconfig_address(self):
        root = parse_string(OPENCONFIG)
        self.assertEqual(helpers.get_openconfig_interface_address(root, "lo0", "0", "r1"), "2001:db8::1/64")
        self.assertEqual(helpers.get_openconfig_interface_address(root, "lo0", "0", "r1", family="ipv4"), "")

    def test_timeout_calls_the_function(self):
        self.assertEqual(helpers.timeout(1)(lambda x: x + 1)(1), 2)


class EventTest(unittest.TestCase):
    def test_patterns_and_unregistering(self):
        events, seen = RPCEventHandler(), []
        callback = events.register("test*")(seen.append)
        events.emit("test1", False, 1)
        events.emit("other", False, 2)
        events.unregister("test*", callback)
        events.emit("test1", False, 3)
        self.assertEqual(seen, [1])
        with self.assertRaises(LookupError):
            events.emit("test1", not_found_error=True)
