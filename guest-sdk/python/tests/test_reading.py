"""What is read of the datastore: what a module looks at, and nothing else."""

import unittest

from clixon.reading import _names
from tests.fake_view import CONTROLLER, Refused
from tests.site import DATASTORE, PREFIXES, SYSTEM, Site

THOUSAND = (
    f'<devices xmlns="{CONTROLLER}">'
    + "".join(
        f'<device><name>r{n}</name><config><system xmlns="{SYSTEM}"><config><hostname>h{n}</hostname></config>'
        "</system></config></device>"
        for n in range(1000)
    )
    + "</devices>"
)


class ReadingTest(unittest.TestCase):
    def test_nothing_is_read_before_it_is_looked_at(self):
        site = Site()
        _ = site.root.devices, site.root.services
        self.assertEqual(site.view.calls, [])

    def test_one_device_among_a_thousand_is_read(self):
        for prefixes in [PREFIXES, {}]:
            site = Site(THOUSAND, prefixes)
            self.assertEqual(site.device("r777").config.system.config.hostname, "h777")
            looked_at = [path for _, path in site.view.calls if path != "/devices/ctrl:device"]
            self.assertTrue(all(path.startswith("/devices/device[name='r777']/") for path in looked_at), looked_at)
            self.assertEqual(len(site.view.reads()), 1)

    def test_iterating_over_devices_lists_their_names(self):
        site = Site(THOUSAND)
        self.assertEqual(len([device.name.cdata for device in site.root.devices.device]), 1000)
        self.assertEqual(site.view.calls, [("find", "/devices/ctrl:device")])

    def test_names_with_quotes_slashes_and_brackets(self):
        for name in ["it's", 'a "b"', "it''s \"x\"", "a/b[1]", "]", "ü = x"]:
            escaped = name.replace('"', "&quot;")
            hostname = f'<system xmlns="{SYSTEM}"><config><hostname>x</hostname></config></system>'
            devices = f"<device><name>{escaped}</name><config>{hostname}</config></device>"
            site = Site(f'<devices xmlns="{CONTROLLER}">{devices}</devices>')
            self.assertEqual(site.device(name).config.system.config.hostname, "x")
            site.device(name).config.system.config.hostname.cdata = "y"
            site.view.edit_xml(site.edit())
            written = Site(site.view.read_xml("/devices")).root.devices.device.config.system
            self.assertEqual(written.dumps(), "<config><hostname>y</hostname></config>")

    def test_containers_whose_namespace_is_declared_are_passed_unread(self):
        site = Site()
        self.assertEqual(len(site.device("r1").config.system.users.get_elements("user")), 2)
        self.assertEqual(site.view.reads(), [])

    def test_entry_is_read_when_it_is_looked_into(self):
        site = Site()
        users = site.device("r1").config.system.users.user
        self.assertEqual(users[0].role, "admin")
        self.assertEqual(
            site.view.reads(),
            ["/devices/device[name='r1']/config/oc-sys:system/users/user[username='root']"],
        )

    def test_keys_of_an_entry_are_known_without_reading(self):
        site = Site()
        instances = site.root.services.get_elements("ssh-users")
        self.assertEqual([one.service_name.cdata for one in instances], ["ops"])
        self.assertEqual([one.username for one in site.device("r1").config.system.users.user], ["root", "old"])
        self.assertEqual(site.view.reads(), [])
        self.assertEqual(instances[0].dumps().count("<service-name>"), 1)

    def test_node_of_another_namespace_is_read_whole_once(self):
        site = Site()
        interfaces = site.device("r1").config.interfaces
        self.assertEqual(site.view.reads(), [])
        self.assertEqual([one.name.cdata for one in interfaces.interface], ["eth0", "eth1"])
        self.assertEqual(interfaces.interface[0].mtu, "1500")
        self.assertEqual(interfaces.attributes, {"xmlns": "urn:if"})
        self.assertEqual(site.view.reads(), ["/devices/device[name='r1']/config/interfaces"])

    def test_leaf_list_is_known_without_reading(self):
        site = Site()
        self.assertEqual([one.cdata for one in site.device("r1").config.system.search], ["a.example", "b.example"])
        self.assertEqual(site.view.reads(), [])

    def test_values_are_text(self):
        self.assertEqual(Site().device("r1").config.system.config.login_banner, "a & b")

    def test_absent_child_is_an_attribute_error_and_asked_for_once(self):
        site = Site()
        system = site.device("r1").config.system
        for _ in range(2):
            with self.assertRaises(AttributeError):
                _ = system.aaa
            self.assertEqual(system.get_elements("aaa"), [])
        asked = [path for _, path in site.view.calls if path.endswith("aaa")]
        self.assertEqual(len(asked), len(set(asked)))

    def test_name_that_no_model_has_is_absent(self):
        site = Site(names={"devices", "device", "name", "config", "system"})
        self.assertEqual(site.device("r1").config.system.get_elements("aaa"), [])

    def test_other_refusals_reach_the_module(self):
        site = Site()

        def refuse(path):
            raise Refused("access-denied", f"access denied: read of `{path}`")

        site.view.find = refuse
        with self.assertRaises(Refused):
            _ = site.root.devices.device

    def test_names_that_an_attribute_may_stand_for(self):
        self.assertEqual(list(_names("mtu")), ["mtu"])
        self.assertEqual(list(dict.fromkeys(_names("a_b"))), ["a_b", "a-b", "a.b"])
        self.assertIn("a-b_c", _names("a_b_c"))

    def test_both_names_of_the_service(self):
        for name in ["ssh_users", "ssh-users"]:
            site = Site()
            self.assertEqual(site.root.services.get_elements(name)[0].username.name, "ann")
            self.assertEqual(site.view.reads(), ["/services/ssh-users:ssh-users[service-name='ops']"])

    def test_services_of_others_are_asked_for_and_refused_by_the_host(self):
        site = Site()
        with self.assertRaises(AttributeError):
            _ = site.root.services.other_service
        self.assertEqual(site.view.calls, [("find", "/services/other-service")])

    def test_dump_reads_everything(self):
        site = Site()
        _ = site.device("r1").config.system.users.user
        text = "".join(site.root.dumps().split("\n"))
        expected = DATASTORE.replace("\n", "")
        self.assertEqual(sorted(text), sorted(expected))

    def test_config_of_a_device_that_has_none_is_a_place_to_create_in(self):
        device = f'<devices xmlns="{CONTROLLER}"><device><name>r1</name></device></devices>'
        for look in [lambda device: None, lambda device: device.dumps()]:
            site = Site(device)
            site.device("r1").config.create("clock", attributes={"xmlns": "urn:clock"})
            look(site.device("r1"))
            self.assertIn('<config><clock xmlns="urn:clock"/></config>', site.edit())

    def test_what_was_looked_up_stays_the_same_when_all_is_read(self):
        site = Site()
        user = site.device("r1").config.system.users.user[1]
        user.create("role", data="x")
        site.root.dumps()
        self.assertIs(site.device("r1").config.system.users.user[1], user)

    def test_selection_hides_what_it_does_not_select(self):
        site = Site(xpath="/ctrl:devices/ctrl:device[ctrl:name='r1']/ctrl:config/oc:system/oc:config | /ctrl:services")
        self.assertEqual([device.name.cdata for device in site.root.devices.get_elements("device")], ["r1"])
        device = site.device("r1")
        self.assertEqual(device.get_elements("addr"), [])
        self.assertEqual([child.origname() for child in device.config.get_elements()], ["system"])
        self.assertEqual([child.origname() for child in device.config.system.get_elements()], ["config"])
        device.config.system.config.hostname.cdata = "new"
        self.assertIn("<hostname>new</hostname>", site.edit())
        self.assertNotIn("remove", site.edit())

    def test_selection_keeps_keys(self):
        site = Site(xpath="/devices/device/config/interfaces/interface[name='eth1']/mtu")
        interface = site.device("r1").config.interfaces.interface
        self.assertEqual(interface.dumps(), "<name>eth1</name>")
        interface.create("mtu", data="9000")
        self.assertIn("<interface><name>eth1</name><mtu>9000</mtu></interface>", site.edit())

    def test_selection_of_everything(self):
        self.assertEqual(len(Site(xpath="/").root.devices.device), 2)

    def test_xpath_that_is_not_supported_is_an_error(self):
        for xpath in ["//interface", "/devices/device[1]", "count(/devices)", "/devices/device[contains(name,'a')]"]:
            with self.assertRaisesRegex(ValueError, "is not supported"):
                Site(xpath=xpath)
