"""Modules of the Python server, run as Confine runs them."""

import logging
import os
import socket
import subprocess
import sys
import textwrap
import threading
import unittest

from tests import fake_confine
from tests.site import PREFIXES, SYSTEM, Site, config_edit

fake_confine.install()

from clixon.runtime import ServerModule  # noqa: E402

SETTINGS = {"services": ["ssh-users:ssh-users"], "version": "1", "prefixes": PREFIXES, "reads": ["/devices"]}


class ModuleTest(unittest.TestCase):
    """Undoes what running a module changes in the interpreter."""

    def setUp(self):
        fake_confine.LOG.clear()
        self.site = Site()
        for module in (socket, subprocess, os, threading.Thread):
            kept = {name: value for name, value in vars(module).items() if not name.startswith("__")}
            self.addCleanup(lambda module=module, kept=kept: [setattr(module, *one) for one in kept.items()])
        self.addCleanup(self.forget_modules, set(sys.modules))
        self.addCleanup(logging.getLogger().handlers.clear)

    @staticmethod
    def forget_modules(known):
        for name in set(sys.modules) - known:
            del sys.modules[name]


class RuntimeTest(ModuleTest):
    def module(self, source):
        return ServerModule("ssh-users.py", textwrap.dedent(source), SETTINGS)

    def setup_of(self, body, head=""):
        """Runs a module whose `setup` has this body."""
        lines = textwrap.indent(textwrap.dedent(body).strip("\n"), "    ")
        source = f'{head}\nSERVICE = "ssh-users"\n\n\ndef setup(root, log, **kwargs):\n{lines}\n'
        handler = self.module(source).handler()()
        handler.apply(fake_confine.commit(dry_run=True), fake_confine.instance(), self.site.view)

    def failure_of(self, body, head=""):
        with self.assertRaises(fake_confine.Err) as caught:
            self.setup_of(body, head)
        return caught.exception.value

    def test_a_module_of_the_server_runs(self):
        self.setup_of(
            """
            for instance in root.services.ssh_users:
                if instance.service_name != kwargs["instance"]:
                    continue
                for user in instance.username:
                    new = parse_template(USER, NAME=user.name.cdata, ROLE=user.role.cdata).user
                    for device in root.devices.device:
                        if device.config.system.get_elements("users") == []:
                            device.config.system.create("users")
                        device.config.system.users.add(new)
            """,
            "from clixon.parser import parse_template\n"
            "USER = '<user><username>{{NAME}}</username><role>{{ROLE}}</role></user>'",
        )
        user = "<users><user><username>ann</username><role>admin</role></user></users>"
        system = f'<system xmlns="{SYSTEM}">{user}</system>'
        device = '<device><name>{}</name><config>' + system + "</config></device>"
        devices = device.format("r1") + device.format("r2")
        self.assertEqual(
            self.site.view.edits(), [f'<devices xmlns="http://clicon.org/controller">{devices}</devices>']
        )

    def test_a_module_that_changes_nothing_writes_nothing(self):
        self.setup_of("log.info('hello %s', kwargs['instance'])")
        self.assertEqual(self.site.view.edits(), [])
        self.assertEqual(fake_confine.LOG, [("info", "hello ops")])

    def test_arguments(self):
        self.setup_of("print(sorted(kwargs.items()))")
        self.assertEqual(fake_confine.LOG, [("info", "[('diff', True), ('instance', 'ops')]")])

    def test_print_and_logging_reach_the_log(self):
        body = "print('a\\nb'); logging.getLogger('x').error('c'); print('d', file=sys.stderr, end='')"
        self.setup_of(body, "import logging, sys")
        self.assertEqual(fake_confine.LOG, [("info", "a"), ("info", "b"), ("error", "c"), ("info", "d")])

    def test_exception_says_where_and_what(self):
        failure = self.failure_of("helper()", "def helper():\n    {}['x']")
        self.assertEqual(
            failure.message,
            "ssh-users.py, line 2: KeyError: 'x'\n"
            "  ssh-users.py, line 7, in setup: helper()\n"
            "  ssh-users.py, line 2, in helper: {}['x']",
        )
        self.assertEqual(failure.tag, "operation-failed")
        self.assertIn(("error", "ssh-users.py, line 2: KeyError: 'x'"), fake_confine.LOG)

    def test_exception_below_the_standard_library_names_the_line_of_the_module(self):
        failure = self.failure_of("json.loads('{')", "import json")
        self.assertTrue(failure.message.startswith("ssh-users.py, line 6: JSONDecodeError: "), failure.message)

    def test_nothing_is_written_after_an_exception(self):
        self.failure_of("root.devices.device[0].config.system.create('x', data='1'); raise ValueError('no')")
        self.assertEqual(self.site.view.edits(), [])

    def test_refusal_of_the_host_keeps_its_tag(self):
        def refuse(config):
            raise fake_confine.Err(fake_confine.ErrorRecord("access-denied", "access denied: x", "/devices"))

        self.site.view.edit_xml = refuse
        failure = self.failure_of("root.devices.device[0].config.system.create('x', data='1')")
        self.assertEqual((failure.tag, failure.path), ("access-denied", "/devices"))
        self.assertEqual(failure.message, "access denied: x")

    def test_change_of_services_is_a_warning_with_its_line(self):
        self.setup_of("root.services.create('ssh-users').create('instance', data='x')")
        self.assertEqual(self.site.view.edits(), [])
        (level, message), *more = fake_confine.LOG
        self.assertEqual((level, more), ("warn", []))
        self.assertTrue(message.startswith("ssh-users.py, line 6: a change of `services` under `/services`"), message)

    def test_change_outside_of_functions_of_this_package_names_the_callers_line(self):
        self.setup_of("set_creator_attributes(root.services.ssh_users, 'x')", "from clixon.helpers import *")
        self.assertTrue(fake_confine.LOG[0][1].startswith("ssh-users.py, line 6: "), fake_confine.LOG)

    def test_what_a_module_does_not_have_is_named(self):
        for head, body, what in [
            ("from clixon.clixon import Clixon", "Clixon()", "`Clixon()` is not available"),
            ("import requests", "requests.get('http://x')", "`requests` is not available"),
            ("import socket", "socket.create_connection(('x', 1))", "`socket.create_connection` is not available"),
            ("import subprocess", "subprocess.run(['ls'])", "`subprocess` is not available"),
            ("from clixon.args import get_sockpath", "get_sockpath()", "the controller's socket is not available"),
            ("", "open('/nonexistent')", "a module has no files"),
        ]:
            message = self.failure_of(body, head).message.splitlines()[0]
            self.assertIn(what, message)
            self.assertTrue(message.startswith("ssh-users.py, line "), message)

    def test_exceptions_of_a_package_can_be_named(self):
        body = """
            try:
                requests.get("http://x")
            except requests.exceptions.RequestException:
                pass
        """
        self.assertIn("`requests` is not available", self.failure_of(body, "import requests").message)

    def test_rpc_decorator_calls_the_function(self):
        head = "from clixon.clixon import rpc\n@rpc()\ndef helper(root):\n    return root.services.ssh_users.service_name"
        self.setup_of("print(helper(root))", head)
        self.assertEqual(fake_confine.LOG, [("info", "ops")])

    def test_import_in_a_function(self):
        self.setup_of("import colorsys\nprint(colorsys.__name__)")
        self.assertEqual(fake_confine.LOG, [("info", "colorsys")])

    def test_service_xpath_needs_its_namespaces(self):
        body = "print(len(root.devices.get_elements('device')))"
        head = "SERVICE_XPATH = \"/ctrl:devices/ctrl:device[ctrl:name='r2']\"\n"
        self.setup_of(body, head)
        self.setup_of(body, head + "SERVICE_NAMESPACES = {'ctrl': 'http://clicon.org/controller'}\n")
        self.assertEqual([message for _, message in fake_confine.LOG], ["2", "1"])

    def test_module_without_setup_is_refused_where_it_is_built(self):
        with self.assertRaisesRegex(SystemExit, "ssh-users.py defines no `setup`"):
            self.module("SERVICE = 'x'")


class HookTest(ModuleTest):
    HOOKS = """
        SERVICE = "ssh-users"

        def setup(root, log, **kwargs):
            pass

        def setup_pre_commit(root, log, **kwargs):
            root.devices.device[0].config.system.config.hostname.cdata = "x"

        def setup_post_commit(root, log, **kwargs):
            log.info("post %s %s %s", kwargs["instance"], kwargs["result"], root.devices.device[1].name)

        def setup_post_commit_failed(root, log, **kwargs):
            log.info("failed %s", kwargs["result"])
    """

    def setUp(self):
        super().setUp()
        module = ServerModule("ssh-users.py", textwrap.dedent(self.HOOKS), SETTINGS)
        self.hooks, self.handler = module.hooks()(), module.handler()()

    def call(self, name, **options):
        commit = fake_confine.commit(**options)
        getattr(self.hooks, name)(commit, fake_confine.instance(), self.site.view)

    def test_hooks_after_a_commit_get_its_result(self):
        self.call("post_commit", result="SUCCESS")
        self.call("post_commit_failed", result="FAILED")
        self.assertEqual(fake_confine.LOG, [("info", "post ops SUCCESS r2"), ("info", "failed FAILED")])

    def test_hook_that_changes_the_tree_fails(self):
        with self.assertRaises(fake_confine.Err) as caught:
            self.call("pre_commit")
        message = caught.exception.value.message
        self.assertTrue(message.startswith("ssh-users.py, line 8: RuntimeError: `setup_pre_commit` changes"), message)

    def test_description(self):
        self.assertEqual(self.handler.describe().services, ["ssh-users:ssh-users"])
