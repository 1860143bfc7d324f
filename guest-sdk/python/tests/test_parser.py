"""Parsing XML and templates."""

import unittest

from clixon.parser import dump_string, parse_string, parse_template, parse_template_config
from tests.site import Site


class ParserTest(unittest.TestCase):
    def test_namespaces_and_prefixes_are_kept(self):
        text = '<a xmlns="urn:a" xmlns:p="urn:p"><p:b p:c="1"/></a>'
        self.assertEqual(parse_string(text).dumps(), text)

    def test_text_keeps_its_spaces_and_lines(self):
        self.assertEqual(parse_string("<a> x  y </a>").a.cdata, " x  y ")
        self.assertEqual(parse_string("<a>line 1\nline 2</a>").a.cdata, "line 1\nline 2")

    def test_layout_is_no_text(self):
        self.assertEqual(parse_string("<a>\n  <b>\n    x\n  </b>\n  <c>\n  </c>\n</a>").dumps(), "<a><b>x</b><c/></a>")

    def test_several_elements_and_a_declaration(self):
        self.assertEqual(parse_string("<?xml version='1.0'?>\n<a/><b/>").dumps(), "<a/><b/>")

    def test_error_says_what_and_where(self):
        with self.assertRaisesRegex(ValueError, "not well-formed: mismatched tag, in line 2: <a>"):
            parse_string("<a>\n</b>")

    def test_entities_of_a_document_type_are_refused(self):
        with self.assertRaises(ValueError):
            parse_string("<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>")

    def test_dump_string(self):
        self.assertEqual(dump_string("<a>\n <b>1</b></a>"), "<a><b>1</b></a>")
        self.assertEqual(
            dump_string("<a><b>1</b></a>", pp=True), '\n<?xml version="1.0" ?>\n<a>\n\t<b>1</b>\n</a>\n'
        )


class TemplateTest(unittest.TestCase):
    def test_both_forms_of_a_placeholder(self):
        filled = parse_template("<a><b>{{ONE}}</b><c>x ${TWO-2} y</c></a>", ONE="1", TWO_2="2")
        self.assertEqual(filled.dumps(), "<a><b>1</b><c>x 2 y</c></a>")

    def test_a_value_is_never_markup(self):
        filled = parse_template("<a x='{{V}}'><b>{{V}}</b></a>", V="<c/> & '\"")
        self.assertEqual(len(filled.a), 1)
        self.assertEqual((filled.a.b.cdata, filled.a["x"]), ("<c/> & '\"", "<c/> & '\""))

    def test_a_value_is_taken_as_it_is(self):
        for value in ["\n x \n", "{{V}}", "line 1\r\nline 2", ""]:
            self.assertEqual(parse_template("<b>\n  {{V}}\n</b>", V=value).b.cdata, value)

    def test_an_element_is_its_text(self):
        self.assertEqual(parse_template("<b>{{V}}</b>", V=parse_string("<v>a &amp; b</v>").v).b.cdata, "a & b")

    def test_numbers_and_booleans(self):
        self.assertEqual(parse_template("<a>{{N}}</a><b>{{T}}</b>", N=9000, T=True).dumps(), "<a>9000</a><b>true</b>")

    def test_a_name_may_be_a_placeholder(self):
        self.assertEqual(parse_template("<{{N}}><b/></{{N}}>", N="ge").dumps(), "<ge><b/></ge>")

    def test_a_missing_value_is_an_error_that_names_it(self):
        with self.assertRaisesRegex(ValueError, r"`\$\{TWO\}`"):
            parse_template("<a>{{ONE}}${TWO}</a>", ONE="1")

    def test_template_of_the_controller(self):
        filled = parse_template_config(Site().root, "t", NAME="a & b")
        self.assertEqual(filled.policy.name.cdata, "a & b")

    def test_unknown_template_of_the_controller(self):
        with self.assertRaisesRegex(ValueError, "no template `zz`"):
            parse_template_config(Site().root, "zz")
