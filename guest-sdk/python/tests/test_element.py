"""Elements as a module makes and looks at them."""

import copy
import json
import unittest

from clixon.element import Element
from clixon.parser import parse_string


class ElementTest(unittest.TestCase):
    def setUp(self):
        self.root = parse_string("<a x='1'><b>1</b><b>2</b><c-d>foo</c-d><e/></a>")

    def test_children_are_attributes_with_underscores(self):
        self.assertEqual(self.root.a.c_d.cdata, "foo")
        self.assertEqual(self.root.a.c_d.origname(), "c-d")
        self.assertEqual(self.root.a.c_d.get_name(), "c_d")

    def test_several_children_with_one_name_are_a_list(self):
        self.assertEqual(len(self.root.a.b), 2)
        self.assertEqual([b.cdata for b in self.root.a.b], ["1", "2"])

    def test_one_child_is_iterated_like_a_list(self):
        self.assertEqual([c.cdata for c in self.root.a.c_d], ["foo"])
        self.assertEqual(self.root.a.c_d[0].cdata, "foo")

    def test_unknown_child_is_an_attribute_error_that_names_it(self):
        with self.assertRaisesRegex(AttributeError, "`a` has no child `zz`"):
            _ = self.root.a.zz

    def test_name_that_is_exact_comes_before_one_that_is_mangled(self):
        root = parse_string("<foo-bar>1</foo-bar><foo_bar>2</foo_bar>")
        self.assertEqual(root.foo_bar.cdata, "2")
        self.assertEqual(root.find("foo-bar").cdata, "1")

    def test_child_called_like_a_method_is_found(self):
        root = parse_string("<delete>x</delete><find>y</find>")
        self.assertEqual(root.find("delete").cdata, "x")
        self.assertEqual(root.get_elements("find")[0].cdata, "y")

    def test_find_returns_the_first_or_none(self):
        self.assertEqual(self.root.a.find("b").cdata, "1")
        self.assertIsNone(self.root.a.find("zz"))
        self.assertEqual(len(self.root.a.findall("b")), 2)

    def test_get_elements_filters_by_name_and_text(self):
        self.assertEqual(len(self.root.a.get_elements()), 4)
        self.assertEqual(len(self.root.a.get_elements("b", data="2")), 1)
        self.assertEqual(len(self.root.get_elements("b", recursive=True)), 2)
        self.assertEqual(self.root.a.get_elements("zz"), [])

    def test_create_returns_the_child(self):
        root = Element("root")
        root.create("foo").create("bar", cdata="x").create("baz", data=7)
        self.assertEqual(root.dumps(), "<foo><bar><baz>7</baz></bar></foo>")

    def test_text_is_escaped_once(self):
        root = Element("root")
        root.create("foo", data="a & <b>", attributes={"x": '"<'})
        self.assertEqual(root.dumps(), '<foo x="&quot;&lt;">a &amp; &lt;b&gt;</foo>')
        self.assertEqual(parse_string(root.dumps()).foo.cdata, "a & <b>")

    def test_boolean_is_written_as_yang_writes_it(self):
        element = Element("enabled", data=True)
        self.assertEqual(element.cdata, "true")
        element.cdata = False
        self.assertIs(element.get_data(bool), False)

    def test_delete_removes_all_with_the_name(self):
        self.root.a.delete("b")
        self.assertEqual(self.root.dumps(), '<a x="1"><c-d>foo</c-d><e/></a>')

    def test_delete_of_what_is_not_there_is_no_error(self):
        self.root.a.delete("zz")
        self.root.a.delete(element=Element("b"))
        self.assertEqual(len(self.root.a), 4)

    def test_delete_takes_an_element(self):
        self.root.a.delete(self.root.a.b[0])
        self.root.a.delete(element=self.root.a.e)
        self.assertEqual(self.root.a.dumps(), "<b>2</b><c-d>foo</c-d>")

    def test_delete_removes_all_children_or_the_element_itself(self):
        self.root.a.delete("*")
        self.assertEqual(self.root.dumps(), '<a x="1"/>')
        self.root.a.delete()
        self.assertEqual(self.root.dumps(), "")

    def test_delete_while_iterating(self):
        for b in self.root.a.b:
            b.delete()
        self.assertEqual(self.root.a.get_elements("b"), [])

    def test_replace_keeps_the_place(self):
        self.root.a.replace("b", Element("new", data="x"))
        self.assertEqual(self.root.a.dumps(), "<new>x</new><c-d>foo</c-d><e/>")

    def test_rename(self):
        self.root.a.c_d.rename("n_n", "n-n")
        self.root.a.e.rename("f")
        self.assertEqual(self.root.a.dumps(), "<b>1</b><b>2</b><n-n>foo</n-n><f/>")

    def test_add_takes_a_document_a_list_and_an_element(self):
        root = Element("root")
        root.add(parse_string("<a/><b/>"))
        root.add([Element("c"), Element("d")])
        self.assertEqual(root.dumps(), "<a/><b/><c/><d/>")

    def test_add_of_an_element_above_is_refused(self):
        with self.assertRaisesRegex(ValueError, "below it"):
            self.root.a.e.add(self.root.a)

    def test_add_of_a_text_is_refused(self):
        with self.assertRaisesRegex(TypeError, "not str"):
            self.root.add("<a/>")

    def test_attributes_are_a_dictionary(self):
        self.root.a.attributes["y"] = "2"
        self.assertEqual(self.root.a.get_attributes(), {"x": "1", "y": "2"})
        self.root.a.attributes = {"z": "3"}
        self.root.a.update_attributes({"w": "4"})
        self.assertEqual(self.root.a.get_attributes_str(), ' z="3" w="4"')
        self.assertEqual(self.root.a["z"], "3")
        self.assertIsNone(self.root.a.get_attributes("x"))

    def test_attributes_of_one_element_are_its_own(self):
        attributes = {"xmlns": "urn:a"}
        first, second = Element("a", attributes), Element("b", attributes)
        first.attributes["x"] = "1"
        self.assertEqual((second.attributes, attributes), ({"xmlns": "urn:a"}, {"xmlns": "urn:a"}))

    def test_comparison_is_of_the_text(self):
        self.assertTrue(self.root.a.c_d == "foo")
        self.assertTrue(self.root.a.c_d != "bar")
        self.assertTrue(self.root.a.c_d in ["foo"])
        self.assertTrue("1" in self.root.a.b)
        self.assertFalse(self.root.a.e == None)  # noqa: E711
        self.assertFalse(self.root.a == parse_string("<a><b/></a>").a)
        self.assertEqual({self.root.a.c_d}, {"foo"})

    def test_membership_is_of_names_and_of_the_text_of_a_leaf(self):
        self.assertIn("b", self.root.a)
        self.assertIn("foo", self.root.a.c_d)
        self.assertNotIn("x", self.root.a)

    def test_an_element_is_true(self):
        self.assertTrue(self.root.a.e)

    def test_copies_are_elements_of_their_own(self):
        for copied in [copy.copy(self.root.a), copy.deepcopy(self.root.a)]:
            copied.c_d.cdata = "changed"
            self.assertEqual(copied.dumps(), "<b>1</b><b>2</b><c-d>changed</c-d><e/>")
            self.assertEqual((copied.parent(), copied.e.parent()), (None, copied))
        self.assertEqual(self.root.a.c_d.cdata, "foo")

    def test_parents(self):
        self.assertIs(self.root.a.e.parent(), self.root.a)
        self.assertEqual([one.origname() for one in self.root.a.e.parents()], ["a", "root"])

    def test_names_of_children_are_completed(self):
        self.assertIn("c_d", dir(self.root.a))

    def test_json_and_yaml(self):
        self.assertEqual(json.loads(self.root.dumpj()), [{"a": {"b": ["1", "2"], "c-d": "foo", "e": None}}])
        root = parse_string("<a><b y='2'><c z='3'>1</c><d>true</d><t>x\ty</t><q>it's</q></b></a>")
        nested = {"@y": "2", "c": {"@z": "3", "#text": "1"}, "d": "true", "t": "x\ty", "q": "it's"}
        self.assertEqual(json.loads(root.dumpj()), [{"a": {"b": nested}}])
        lines = ["- a:", "    b:", "      '@y': '2'", "      c:", "        '#text': '1'", "        '@z': '3'"]
        lines += ["      d: 'true'", "      q: 'it''s'", '      t: "x\\ty"', ""]
        self.assertEqual(root.dumpy(), "\n".join(lines))

    def test_yaml_of_a_list(self):
        self.assertEqual(self.root.dumpy(), "- a:\n    b:\n    - '1'\n    - '2'\n    c-d: foo\n    e: null\n")

    def test_indented_xml(self):
        text = '<?xml version="1.0" ?>\n<c-d>foo</c-d>\n<e>\n  <f>1</f>\n</e>'
        self.assertEqual(parse_string("<c-d>foo</c-d><e><f>1</f></e>").dumps_pp(), text)

    def test_assigning_a_child_is_an_error(self):
        with self.assertRaises(AttributeError):
            self.root.a.c_d = "bar"
