"""What is read of a file before it is compiled."""

import contextlib
import io
import pathlib
import tempfile
import unittest

import server_module

MODULE = """SERVICE = "vpn"


def setup(root, log, **kwargs):
    pass
"""
YANG = """module vpn {
    namespace "%s"; // http://example.com
    prefix v;
    augment "/ctrl:services" {
        list vpn { key name; leaf name { type string; } }
    }
}"""


class ServerModuleTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)

    def file(self, source=MODULE):
        return server_module.ServerFile(pathlib.Path("vpn.py"), source)

    def settings(self, source=MODULE, namespace=None):
        return server_module.settings_of(self.file(source), namespace, self.directory)

    def refusal(self, *arguments, **options):
        with self.assertRaises(server_module.Refusal) as caught:
            self.settings(*arguments, **options)
        return str(caught.exception)

    def test_file_of_the_python_server_is_recognised(self):
        self.assertTrue(self.file().is_module)
        self.assertFalse(self.file('SERVICE = "x"\n').is_module)
        self.assertFalse(self.file("class Handler:\n    pass\n").is_module)

    def test_hooks_are_recognised(self):
        self.assertFalse(self.file().has_hooks)
        self.assertTrue(self.file(MODULE + "def setup_post_commit(root, log, **kwargs):\n    pass\n").has_hooks)

    def test_syntax_error_is_named(self):
        with self.assertRaisesRegex(server_module.Refusal, "vpn.py, line 1: "):
            self.file("def setup(:\n")

    def test_parts_of_the_server_that_talk_to_the_controller_are_refused(self):
        self.file("from clixon.element import Element\nimport clixon.parser\n" + MODULE).check_imports()
        for line in ["from clixon.netconf import rpc_commit", "import clixon.sock"]:
            with self.assertRaisesRegex(server_module.Refusal, r"vpn.py, line 1: `clixon\.\w+` is not available"):
                self.file(f"{line}\n{MODULE}").check_imports()

    def test_by_default_it_reads_all_of_devices_and_its_instances_and_writes_all_configuration(self):
        settings = self.settings(namespace="urn:vpn")
        self.assertEqual(settings["services"], ["service:vpn"])
        self.assertEqual(settings["prefixes"], {"service": "urn:vpn"})
        self.assertEqual(settings["reads"], ["/devices", "/services/service:vpn"])
        self.assertEqual(settings["writes"], [])

    def test_namespace_of_the_yang_module_beside_it(self):
        (self.directory / "vpn.yang").write_text(YANG % "urn:vpn")
        self.assertEqual(self.settings()["services"], ["v:vpn"])
        self.assertEqual(self.settings()["prefixes"], {"v": "urn:vpn"})

    def test_two_namespaces_are_named(self):
        for number in (1, 2):
            (self.directory / f"vpn{number}.yang").write_text(YANG % f"urn:vpn{number}")
        self.assertIn("`urn:vpn1` (vpn1.yang) and `urn:vpn2` (vpn2.yang)", self.refusal())

    def test_no_namespace_says_how_to_name_one(self):
        self.assertIn("--namespace", self.refusal())

    def test_namespace_of_service_namespaces(self):
        head = 'SERVICE_XPATH = "/ctrl:services/x:vpn"\nSERVICE_NAMESPACES = {"x": "urn:x", "ctrl": "%s"}\n'
        settings = self.settings(head % "http://clicon.org/controller" + MODULE)
        self.assertEqual((settings["services"], settings["prefixes"]), (["x:vpn"], {"x": "urn:x"}))

    def test_directives(self):
        head = (
            '# confine: service = "x:vpn"\n# confine: prefixes = {"x": "urn:x"}\n'
            '# confine: reads = ["/devices/device/name"]\n# confine: writes = ["/devices/device/config/x:y"]\n'
            '# confine: version = "2.0"\n# confine: commit_time = True\n'
        )
        settings = self.settings(head + MODULE)
        self.assertEqual(settings["services"], ["x:vpn"])
        self.assertEqual(settings["reads"], ["/devices/device/name", "/services/x:vpn"])
        self.assertEqual(settings["writes"], ["/devices/device/config/x:y"])
        self.assertEqual((settings["version"], settings["commit_time"]), ("2.0", True))

    def test_wrong_directives_name_their_line(self):
        self.assertIn("vpn.py, line 1: there is no `read`", self.refusal("# confine: read = []\n" + MODULE))
        self.assertIn("line 1: `reads` is not a list", self.refusal("# confine: reads = '/x'\n" + MODULE))
        self.assertIn("line 1: `reads` is not a list", self.refusal("# confine: reads = [\n" + MODULE))

    def test_namespaces_in_the_module_have_prefixes(self):
        source = (
            'USER = """<user xmlns="http://example.com/yang/users" xmlns:cl="http://clicon.org/lib"/>"""\n'
            'SYSTEM = {"xmlns": "urn:system"}\nOTHER = {"xmlns": "urn:other:system"}\n'
        )
        prefixes = self.settings(source + MODULE, namespace="urn:vpn")["prefixes"]
        expected = {"users": "http://example.com/yang/users", "system": "urn:system", "system-2": "urn:other:system"}
        self.assertEqual(prefixes, {"service": "urn:vpn", **expected})

    def test_service_that_is_no_constant(self):
        self.assertIn("line 1: write `SERVICE` as a constant", self.refusal('SERVICE = "a" + str(1)\n' + MODULE[16:]))

    def test_the_module_that_is_compiled_has_the_source(self):
        path, output = self.directory / "vpn.py", self.directory / "entry.py"
        path.write_text(MODULE)
        server_module.sys.argv = ["server_module.py", str(path), "--namespace", "urn:vpn", "--output", str(output)]
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            self.assertEqual(server_module.main(), 0)
        self.assertEqual(printed.getvalue(), "service\n")
        self.assertIn(repr(MODULE), output.read_text())
