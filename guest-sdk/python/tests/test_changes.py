"""What is written of a tree: what the module has changed, and nothing else."""

import copy
import unittest

from clixon.element import Element
from clixon.helpers import set_creator_attributes
from clixon.parser import parse_string, parse_template
from tests.site import PREFIXES, SYSTEM, Site, config_edit

NC = 'nc:operation="remove" xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0"'


def system(content):
    return f'<system xmlns="{SYSTEM}">{content}</system>'


class ChangesTest(unittest.TestCase):
    def setUp(self):
        self.site = Site()
        self.system = self.site.device("r1").config.system

    def written(self, content, device="r1"):
        self.assertEqual(self.site.edit(), config_edit(device, content))

    def test_nothing_is_written_of_what_was_only_read(self):
        self.site.root.dumps()
        self.assertEqual(self.site.edit(), "")

    def test_changed_text(self):
        self.system.config.hostname.cdata = "a & <b>"
        self.written(system("<config><hostname>a &amp; &lt;b&gt;</hostname></config>"))

    def test_text_that_is_set_to_what_it_is(self):
        self.system.config.hostname.set_data("r1")
        self.assertEqual(self.site.edit(), "")

    def test_created_leaf_needs_no_reading(self):
        self.system.config.create("domain-name", data="example")
        self.written(system("<config><domain-name>example</domain-name></config>"))
        self.assertEqual(self.site.view.reads(), [])

    def test_created_element_has_its_own_namespace(self):
        config = self.site.device("r2").config
        config.create("clock", attributes={"xmlns": "urn:clock"}).create("zone", data="UTC")
        self.written('<clock xmlns="urn:clock"><zone>UTC</zone></clock>', "r2")

    def test_added_element_inherits_the_namespace(self):
        self.system.users.add(parse_template("<user><username>{{U}}</username></user>", U="a & b").user)
        self.written(system("<users><user><username>a &amp; b</username></user></users>"))

    def test_one_element_added_to_several_devices(self):
        user = Element("login", attributes={"xmlns": "urn:login"})
        for device in self.site.root.devices.device:
            device.config.add(user)
        # It is one element: a change after that is one in both places.
        user.cdata = "x"
        self.assertEqual(self.site.edit().count('<login xmlns="urn:login">x</login>'), 2)

    def test_namespace_that_is_not_declared_is_read_for_the_edit(self):
        site = Site(prefixes={"ssh-users": PREFIXES["ssh-users"]})
        site.device("r1").config.system.create("aaa").create("x", data="1")
        self.assertEqual(site.edit(), config_edit("r1", system("<aaa><x>1</x></aaa>")))

    def test_deleted_entry_is_removed_by_its_keys(self):
        self.system.users.user[1].delete()
        self.written(system(f"<users><user {NC}><username>old</username></user></users>"))

    def test_deleted_entry_of_several_keys_in_a_namespace_that_is_not_declared(self):
        interface = self.site.device("r1").config.interfaces.interface[1]
        interface.route.delete()
        removed = f"<route {NC}><prefix>192.0.2.0/24</prefix><table>1</table></route>"
        self.written(f'<interfaces xmlns="urn:if"><interface><name>eth1</name>{removed}</interface></interfaces>')

    def test_deleted_leaf_and_container(self):
        self.system.config.delete("login-banner")
        self.system.users.delete()
        self.written(system(f"<users {NC}/><config><login-banner {NC}/></config>"))

    def test_what_was_deleted_stays_so_when_all_is_read(self):
        self.system.config.delete("hostname")
        self.assertEqual(self.system.config.dumps(), "<login-banner>a &amp; b</login-banner>")
        self.written(system(f"<config><hostname {NC}/></config>"))

    def test_leaf_list_entries(self):
        self.system.search[0].delete()
        self.system.search.cdata = "c.example"
        removed = "".join(f"<search {NC}>{name}.example</search>" for name in "ab")
        self.written(system(f"{removed}<search>c.example</search>"))

    def test_deleted_and_created_again(self):
        name = self.system.config.hostname
        name.delete()
        self.system.config.add(name)
        self.assertEqual(self.site.edit(), "")

    def test_what_the_module_made_and_deleted_is_not_written(self):
        self.system.create("aaa")
        self.system.delete("aaa")
        self.assertEqual(self.site.edit(), "")

    def test_replaced_leaf(self):
        self.system.config.replace("hostname", Element("hostname", data="new"))
        self.written(system(f"<config><hostname {NC}/><hostname>new</hostname></config>"))

    def test_renamed_element_is_removed_and_created(self):
        self.system.config.hostname.rename("domain_name", "domain-name")
        self.written(system(f"<config><hostname {NC}/><domain-name>r1</domain-name></config>"))

    def test_entry_with_another_key_is_another_entry(self):
        self.system.users.user[0].username.cdata = "admin"
        removed = f"<user {NC}><username>root</username></user>"
        created = "<user><username>admin</username><role>admin</role></user>"
        self.written(system(f"<users>{removed}{created}</users>"))

    def test_entry_on_the_way_has_its_keys_only(self):
        self.system.users.user[0].create("shell", data="sh")
        self.written(system("<users><user><username>root</username><shell>sh</shell></user></users>"))

    def test_element_moved_to_another_namespace_keeps_its_own(self):
        interface = self.site.device("r1").config.interfaces.interface[0]
        self.system.create("copy").add(interface)
        inner = '<interface xmlns="urn:if"><name>eth0</name><mtu>1500</mtu></interface>'
        self.written(system(f"<copy>{inner}</copy>"))

    def test_copy_of_an_entry_is_created_elsewhere(self):
        user = copy.deepcopy(self.system.users.user[0])
        user.username.cdata = "second"
        self.site.device("r2").config.system.create("users").add(user)
        created = f'<user xmlns="{SYSTEM}"><username>second</username><role>admin</role></user>'
        self.written(system(f"<users>{created}</users>"), "r2")

    def test_creator_is_left_out(self):
        user = self.system.users.create("user", attributes={"cl:creator": "x[y='z']", "nc:operation": "merge"})
        user.create("username", data="ann")
        set_creator_attributes(user, "ssh-users", "ops")
        self.written(system("<users><user><username>ann</username></user></users>"))

    def test_creator_on_an_entry_that_was_there_makes_it_the_instances(self):
        set_creator_attributes(self.system.users.user[0], "ssh-users", "ops")
        self.written(system("<users><user><username>root</username></user></users>"))

    def test_creator_on_a_leaf_and_on_a_container(self):
        set_creator_attributes(self.system.config, "ssh-users", "ops")
        inner = "<hostname>r1</hostname><login-banner>a &amp; b</login-banner>"
        self.written(system(f"<config>{inner}</config>"))

    def test_operation_that_deletes(self):
        self.system.config.hostname.attributes["nc:operation"] = "delete"
        template = parse_string('<user nc:operation="remove"><username>old</username></user>')
        self.system.users.add(template.user)
        self.written(
            system(f"<config><hostname {NC}/></config>" f"<users><user {NC}><username>old</username></user></users>")
        )

    def test_other_attributes_are_the_hosts_to_refuse(self):
        self.system.config.hostname.attributes["inactive"] = "inactive"
        self.assertIn('<hostname inactive="inactive">r1</hostname>', self.site.edit())

    def test_services_are_not_written(self):
        services = self.site.root.services
        services.create("ssh-users").create("instance", data="x")
        services.ssh_users[0].service_name.cdata = "y"
        self.assertEqual(self.site.edit(), "")
        self.assertEqual([element.origname() for element in self.site.services_changed], ["services", "service-name"])

    def test_modified_elements(self):
        self.system.config.hostname.cdata = "new"
        self.assertTrue(self.system.get_modified())
        self.assertFalse(self.system.users.get_modified())
        self.assertEqual(self.system.config.dumps(modified=True), "<hostname>new</hostname>")
        self.assertEqual(self.system.config.find_modified(), ["new"])

    def test_name_in_several_namespaces_is_an_error(self):
        site = Site()
        entry = next(node for node in site.view.top.children if node.name == "devices").children[0]
        interfaces = entry.child(entry.namespace, "config").children[1]
        interfaces.children[1].namespace = "urn:other"
        site.device("r1").config.interfaces.interface[1].delete()
        with self.assertRaisesRegex(ValueError, "several YANG modules"):
            site.edit()
