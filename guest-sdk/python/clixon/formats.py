"""Trees as indented XML, JSON and YAML.

JSON and YAML have a list with an object for each element. An element without attributes and children is its text, or null if
it has none; any other is an object with its attributes (`@name`), its text (`#text`) and its children. Children with one
name are a list.
"""

import json
import re
from xml.dom import minidom

_PLAIN = re.compile(r"[A-Za-z/][\w/.,+()@%$ -]*(?<! )", re.ASCII)
_NOT_STRINGS = {"y", "yes", "n", "no", "true", "false", "on", "off", "null"}


def indented(text):
    """Returns XML with an element a line; what is not one element is returned unchanged."""
    if not text.startswith("<"):
        return text
    document = minidom.parseString(f"<root>{text}</root>")
    # Each top-level element is written by itself, because XML has only one.
    tops = [node.toprettyxml(indent="  ").rstrip("\n") for node in document.documentElement.childNodes]
    return "\n".join(['<?xml version="1.0" ?>', *tops])


def json_text(element):
    """Returns what is below an element as JSON."""
    return json.dumps(_top(element))


def yaml_text(element):
    """Returns what is below an element as YAML."""
    return "".join(_yaml_item(item, "") for item in _top(element)) or "[]\n"


def _top(element):
    return [{child.origname(): _value(child, with_attributes=False)} for child in element.get_elements()]


def _value(element, with_attributes=True):
    fields = {}
    if with_attributes:
        fields.update((f"@{name}", value) for name, value in element.attributes.items())
    children = element.get_elements()
    names = [child.origname() for child in children]
    for name, child in zip(names, children):
        value = _value(child)
        if names.count(name) > 1:
            fields.setdefault(name, []).append(value)
        else:
            fields[name] = value
    text = element.cdata if not children else ""
    if not fields:
        return text or None
    if text:
        fields["#text"] = text
    return fields


def _yaml_item(value, indent):
    """Returns an item of a list."""
    if isinstance(value, dict):
        text = _yaml_fields(value, indent + "  ")
        return f"{indent}- {text[len(indent) + 2 :]}"
    return f"{indent}- {_yaml_scalar(value)}\n"


def _yaml_fields(fields, indent):
    lines = []
    for name in sorted(fields):
        value, name = fields[name], _yaml_scalar(name)
        if isinstance(value, dict):
            lines.append(f"{indent}{name}:\n{_yaml_fields(value, indent + '  ')}")
        elif isinstance(value, list):
            items = "".join(_yaml_item(item, indent) for item in value)
            lines.append(f"{indent}{name}:\n{items}")
        else:
            lines.append(f"{indent}{name}: {_yaml_scalar(value)}\n")
    return "".join(lines)


def _yaml_scalar(value):
    if value is None:
        return "null"
    if _PLAIN.fullmatch(value) and value.lower() not in _NOT_STRINGS:
        return value
    if value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    return json.dumps(value)
