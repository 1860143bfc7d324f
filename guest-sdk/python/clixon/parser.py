"""Parsing XML and templates.

Values of a template are text: a value with `<` or `&` is that text in the tree, and never an element.
"""

import re
from xml.parsers import expat

from clixon.element import Document, Element
from clixon.helpers import get_path
from clixon.xml_text import attribute_name, escape_attribute, value_text

__all__ = [
    "dump_string",
    "parse_file",
    "parse_string",
    "parse_template",
    "parse_template_config",
    "parse_template_file",
]

_PLACEHOLDER = re.compile(r"\{\{\s*([\w.-]+)\s*\}\}|\$\{\s*([\w.-]+)\s*\}")
_TAG = re.compile(r"<[^!?][^>]*>")


def parse_string(xmlstr):
    """Returns the elements of an XML text as the children of a document.

    >>> parse_string("<tags><tag>a &amp; b</tag></tags>").tags.tag.cdata
    'a & b'

    White space between elements is left out, and so are the line breaks and the indentation around a text that stands on
    lines of its own.
    """
    builder = _Builder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.ordered_attributes = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text.append
    parser.StartDoctypeDeclHandler = _refuse_doctype
    # Several elements without one around them are accepted.
    declaration = re.match(r"\s*<\?xml[^>]*\?>", xmlstr)
    body = xmlstr[declaration.end() :] if declaration else xmlstr
    try:
        parser.Parse("<document>", False)
        parser.Parse(body, False)
        parser.Parse("</document>", True)
    except expat.ExpatError as error:
        reason = expat.ErrorString(error.code)
        shown = body if len(body) <= 200 else f"{body[:200]}…"
        raise ValueError(f"the XML is not well-formed: {reason}, in line {error.lineno}: {shown.strip()}") from None
    return builder.document


def _refuse_doctype(*_declaration):
    raise ValueError("a document type declaration is not supported")


class _Builder:
    """Makes the elements from what the parser finds."""

    def __init__(self):
        self.document = Document()
        # The elements that are open; the first is the one around the whole text.
        self._open = []
        self.text = []

    def start(self, name, attributes):
        self.text.clear()
        if not self._open:
            self._open.append(self.document)
            return
        pairs = dict(zip(attributes[::2], attributes[1::2]))
        self._open.append(self._open[-1].create(name, pairs))

    def end(self, _name):
        element = self._open.pop()
        text = "".join(self.text)
        self.text.clear()
        if element is not self.document and not element.get_elements():
            element.cdata = _own_text(text)


def _own_text(text):
    """Returns the text of a leaf without what only lays out the XML."""
    if not text.strip():
        return ""
    text = re.sub(r"\A[ \t]*\n\s*", "", text)
    return re.sub(r"\s*\n[ \t]*\Z", "", text)


def parse_file(filename):
    """Parses a file. It is an error in a module, which has no files: put the text into a Python file."""
    with open(filename, encoding="utf-8") as file:
        return parse_string(file.read())


def dump_string(xmlstr, pp=False):
    """Returns an XML text without white space between elements; with `pp`, with an element a line, indented by tabs."""
    document = parse_string(xmlstr)
    if not pp:
        return document.dumps()
    lines = document.dumps_pp().split("\n")
    tabs = [re.sub(r"^(?:  )+", lambda indent: "\t" * (len(indent[0]) // 2), line) for line in lines]
    return "\n" + "\n".join(tabs) + "\n"


def parse_template(template, **kwargs):
    """Parses XML in which each `{{NAME}}` and `${NAME}` stands for an argument.

    >>> parse_template("<user><full-name>{{FULL-NAME}}</full-name></user>", FULL_NAME="a & b").user.full_name.cdata
    'a & b'

    A `-` in a name is `_` in the argument. A name without an argument is a ValueError.
    """
    # A placeholder in a tag is the name of an element, or in the value of an attribute.
    in_tags = _TAG.sub(lambda tag: _fill(tag[0], kwargs, _escape_in_tag), template)
    document = parse_string(in_tags)
    _fill_texts(document, kwargs)
    return document


def parse_template_file(filename, **kwargs):
    """Parses a template in a file. It is an error in a module: see `parse_file`."""
    kwargs.pop("format", None)
    with open(filename, encoding="utf-8") as file:
        return parse_template(file.read(), **kwargs)


def parse_template_config(root, name, **kwargs):
    """Returns a filled-in copy of what the template `name` under `/devices` has as `config`.

    Below Junos' element `configuration` are the elements that the module adds to a device: the copy starts there.
    """
    template = next((one for one in root.devices.get_elements("template") if one.name == name), None)
    if template is None:
        raise ValueError(f"there is no template `{name}` under `/devices`")
    config = get_path(template, "/config/configuration") or template.config
    return parse_template(config.dumps(), **kwargs)


def _fill(text, values, escaped):
    def value(placeholder):
        name = placeholder[1] or placeholder[2]
        argument = attribute_name(name)
        if argument not in values:
            raise ValueError(f"the template needs a value for `{placeholder[0]}`")
        return escaped(_text_of(values[argument]))

    return _PLACEHOLDER.sub(value, text)


def _escape_in_tag(text):
    """Escapes a value for an attribute, whichever quotes the template has around it."""
    return escape_attribute(text).replace("'", "&apos;")


def _text_of(value):
    return value.cdata if isinstance(value, Element) else value_text(value)


def _fill_texts(element, values):
    for child in element.get_elements():
        if "{" in child.cdata:
            child.cdata = _fill(child.cdata, values, str)
        _fill_texts(child, values)
