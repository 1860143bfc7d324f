"""A view of the contract on a datastore in memory."""

import re
import xml.etree.ElementTree as ElementTree

from clixon.datastore_path import _STEP, last_step
from clixon.xml_text import element_text, escape

CONTROLLER = "http://clicon.org/controller"
_OPERATION = "{urn:ietf:params:xml:ns:netconf:base:1.0}operation"


class Refused(Exception):
    """The host's refusal of a call."""

    def __init__(self, tag, message):
        super().__init__(message)
        self.tag = tag
        self.path = None


class Node:
    """A node of the datastore."""

    def __init__(self, namespace, name, text=None):
        self.namespace = namespace
        self.name = name
        self.text = text
        self.children = []

    def child(self, namespace, name):
        """Returns the first child with this name, or none."""
        return next((one for one in self.children if (one.namespace, one.name) == (namespace, name)), None)

    def plain(self):
        """Returns the subtree as tuples, to compare."""
        return (self.namespace, self.name, self.text or "", [child.plain() for child in self.children])


class FakeView:
    """A datastore whose models are the keys of its lists and the names of its leaf-lists.

    `names`, if given, are all names that its models have. `calls` are the calls so far.
    """

    def __init__(self, xml, keys, leaf_lists=(), prefixes=None, names=None):
        self.keys = keys
        self.leaf_lists = set(leaf_lists)
        self.prefixes = {"ctrl": CONTROLLER, **(prefixes or {})}
        self.names = names
        self.calls = []
        self.top = Node(None, "top")
        for element in ElementTree.fromstring(f"<top>{xml}</top>"):
            self._load(self.top, element)

    def _load(self, above, element):
        node = _node(element)
        above.children.append(node)
        for child in element:
            self._load(node, child)

    # The calls of the contract.

    def find(self, path):
        self.calls.append(("find", path))
        return [self._path(lineage) for lineage in self._match(path)]

    def read_xml(self, path):
        self.calls.append(("read_xml", path))
        return "".join(self._xml(lineage[-1], None) for lineage in self._match(path))

    def edit_xml(self, config):
        self.calls.append(("edit_xml", config))
        for element in ElementTree.fromstring(f"<top>{config}</top>"):
            self._merge(self.top, element)

    def edits(self):
        """Returns the edits so far."""
        return [config for call, config in self.calls if call == "edit_xml"]

    def reads(self):
        """Returns the paths that were read whole."""
        return [path for call, path in self.calls if call == "read_xml"]

    # How they work.

    def _match(self, path):
        found = [[self.top]]
        for step in _STEP.finditer(path):
            prefix, name = step[1].rstrip(":"), step[2]
            if self.names is not None and name not in self.names:
                raise Refused("unknown-element", f"no model has `{name}`")
            keys = last_step(step[0]).keys
            found = [
                [*lineage, child]
                for lineage in found
                for child in self._named(lineage[-1], prefix, name)
                if self._has_keys(child, keys)
            ]
        return found

    def _named(self, node, prefix, name):
        children = [child for child in node.children if child.name == name]
        if prefix:
            return [child for child in children if child.namespace == self.prefixes[prefix]]
        return [child for child in children if child.namespace == node.namespace] or children

    def _has_keys(self, node, keys):
        if "." in keys:
            return node.text == keys["."]
        return all((node.child(node.namespace, key) or Node(None, "")).text == value for key, value in keys.items())

    def _path(self, lineage):
        text, namespace = "", CONTROLLER
        for node in lineage[1:]:
            prefix = next((prefix for prefix, uri in self.prefixes.items() if uri == node.namespace), None)
            text += f"/{prefix}:" if prefix and node.namespace != namespace else "/"
            namespace = node.namespace
            text += node.name
            for key in self.keys.get(node.name, ()) if node.children else ():
                text += f"[{key}={_quoted(node.child(node.namespace, key).text)}]"
            if node.name in self.leaf_lists:
                text += f"[.={_quoted(node.text)}]"
        return text

    def _xml(self, node, namespace):
        attributes = {} if node.namespace == namespace else {"xmlns": node.namespace}
        content = "".join(self._xml(child, node.namespace) for child in node.children)
        return element_text(node.name, attributes, content or escape(node.text or ""))

    def _merge(self, above, element):
        if element.get("operation"):
            raise Refused("operation-not-supported", "an operation without a namespace")
        unknown = set(element.keys()) - {_OPERATION}
        if unknown:
            raise Refused("operation-not-supported", f"unknown attributes: {unknown}")
        node = _node(element)
        keys = self.keys.get(node.name) if len(element) else None
        same = [child for child in above.children if (child.namespace, child.name) == (node.namespace, node.name)]
        if keys is not None:
            values = {key: element.findtext(f"{{{node.namespace}}}{key}") for key in keys}
            if None in values.values():
                raise Refused("missing-element", f"`{node.name}` lacks a key: {values}")
            same = [child for child in same if self._has_keys(child, {k: v or "" for k, v in values.items()})]
        elif node.name in self.leaf_lists:
            same = [child for child in same if (child.text or "") == (node.text or "")]
        operation = element.get(_OPERATION, "merge")
        if operation not in ("merge", "remove"):
            raise Refused("operation-not-supported", operation)
        if operation == "remove":
            gone = {id(child) for child in same}
            above.children = [child for child in above.children if id(child) not in gone]
            return
        if not same:
            above.children.append(node)
            same = [node]
        if not len(element):
            if node.name in self.keys.get(above.name, ()) and same[0].text != node.text:
                raise Refused("invalid-value", f"`{node.name}` is a key: it cannot change")
            same[0].text = node.text
        for child in element:
            self._merge(same[0], child)


def _node(element):
    namespace, name = re.fullmatch(r"(?:\{(.*)\})?(.*)", element.tag).groups()
    return Node(namespace, name, None if len(element) else (element.text or ""))


def _quoted(text):
    return "'" + (text or "").replace("'", "''") + "'"
