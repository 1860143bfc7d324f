"""Elements of the datastore, which are read when a module looks at them.

- Of the nodes down to a device's `config`, and of the containers below it whose namespace has a prefix in the module's
  description, the children are looked up by name: nothing is read of what a module passes on its way.
- Any other node that is looked up is read whole, when the module looks into it, and split level by level.

Each element keeps what was read of it, so that `changes.py` finds what the module has changed.
"""

import itertools
import re

from clixon.datastore_path import last_step
from clixon.element import Element
from clixon.scan import split
from clixon.xml_text import attribute_name, parse_attributes, unescape

CONTROLLER = "http://clicon.org/controller"

# The tags of the errors by which the host says that its models do not have a node.
_ABSENT = {"unknown-element"}
# What can be the name of a node.
_NAME = re.compile(r"[^\W\d][\w.-]*")
# Above that many `_` in an attribute's name, only names in which all stand for the same are tried.
_MOST_MIXED = 3


class ReadElement(Element):
    """An element that was read, with what was read of it."""

    __slots__ = (
        "_area",
        "_path",
        "_old_name",
        "_old_text",
        "_old_attributes",
        "_old_children",
        "_old_above",
        # What of the children is selected, or none for all of them; and whether the element itself is not.
        "_selection",
        "_is_hidden",
    )

    def __init__(self, area, above, name, attributes, text="", path=None):
        self._area = area
        self._path = path
        self._name = self._old_name = name
        self._text = self._old_text = text
        self._attributes = attributes
        self._old_attributes = None if attributes is None else dict(attributes)
        self._children = []
        self._old_children = []
        self._above = self._old_above = above
        self._selection = None
        self._is_hidden = False

    def _before_change(self):
        self._area.before_change(self)

    @property
    def path(self):
        """The path of the node as it was read, with its keys."""
        if self._path is None:
            above = self._old_above
            namesakes = [child for child in above._old_children if child._old_name == self._old_name]
            paths = self._area.find(f"{above.path}/{self._old_name}")
            if len(paths) != len(namesakes):
                raise ValueError(
                    f"`{self._old_name}` in `{above.path}` is in several YANG modules: add `# confine: prefixes = "
                    "{…}` with their namespaces to the head of the module"
                )
            for child, path in zip(namesakes, paths):
                child._path = path
        return self._path

    def is_changed(self):
        """Returns whether the element itself was changed, without its children."""
        return (
            self._name != self._old_name
            or self._text != self._old_text
            or self._attributes != self._old_attributes
        )

    def get_modified(self):
        """Returns whether the module has changed the element or something below it."""
        if self.is_changed():
            return True
        children, old = self._children, [child for child in self._old_children if not child._is_hidden]
        return len(children) != len(old) or any(
            child is not before or child.get_modified() for child, before in zip(children, old)
        )

    def _adopt(self, children):
        """Puts children that were read before what the module has made."""
        self._old_children = list(children)
        self._select(self._old_children)
        self._children = [child for child in self._old_children if not child._is_hidden] + self._children

    def _select(self, children):
        """Hides those of the children that were read that `SERVICE_XPATH` does not select."""
        if self._selection is None or not children:
            return
        keys = last_step(self.path).keys if self._old_above is not None else {}
        for child in children:
            is_selected, child._selection = self._selection.of_child(child._old_name, child._has_text)
            child._is_hidden = not is_selected and child._old_name not in keys
            # It may have been looked into for the texts of its children.
            child._select(child._old_children)
            child._children = [one for one in child._old_children if not one._is_hidden]

    def _has_text(self, name, text):
        return any(leaf.cdata == text for leaf in self.get_elements(name))

    def __deepcopy__(self, memo):
        copied = super().__deepcopy__(memo)
        namespace = namespace_of(self)
        if namespace is not None:
            # It is no longer below what it inherits its namespace from.
            copied._attributes.setdefault("xmlns", namespace)
        return copied


class SplitElement(ReadElement):
    """An element in a text that was read, of which the children are made when they are looked at."""

    __slots__ = ("_xml", "_range")

    def __init__(self, area, above, xml, part):
        name, attributes, start, end = part
        super().__init__(area, above, name, parse_attributes(attributes) if attributes else {})
        self._xml = xml
        self._range = (start, end)

    def _load(self):
        if self._range is None:
            return
        (start, end), self._range = self._range, None
        if start < end and self._xml[start] != "<":
            self._text = self._old_text = unescape(self._xml[start:end])
        else:
            self._adopt(SplitElement(self._area, self, self._xml, part) for part in split(self._xml, start, end))
        self._xml = None


class FoundElement(ReadElement):
    """A node that was found by its path. Its keys are known from the path; for anything else, all of it is read."""

    __slots__ = ("_is_loaded", "_looked_up", "_keys")

    def __init__(self, area, above, name, attributes, path, keys):
        super().__init__(area, above, name, attributes, path=path)
        self._is_loaded = False
        self._keys = keys
        # The children that were read before all were, by name.
        self._looked_up = {}

    @property
    def attributes(self):
        """The XML attributes. Where the namespace of the node is not known, the node is read for them."""
        if self._attributes is None:
            self._load()
        return self._attributes

    @attributes.setter
    def attributes(self, attributes):
        self.set_attributes(attributes)

    def _named(self, name):
        if not self._is_loaded:
            for key in self._keys:
                if name == key or name == attribute_name(key):
                    self._load_named(key)
                    return self._among_children(name)
        return super()._named(name)

    def _first_key(self):
        return next(iter(self._keys.values()), None)

    def _load_named(self, name):
        """Looks up the children with exactly this name, and returns those that were read."""
        if name not in self._looked_up:
            self._looked_up[name] = []
            self._looked_up[name] = found = self._lookup(name)
            self._select(found)
            if not self._children and not self._old_children and self._selection is None:
                self._old_children, self._children = list(found), list(found)
                return found
            self._old_children.extend(found)
            # What the module has made comes last.
            was = {id(child) for child in self._old_children}
            at = sum(id(child) in was for child in self._children)
            self._children[at:at] = [child for child in found if not child._is_hidden]
        return self._looked_up[name]

    def _lookup(self, name):
        return [ReadElement(self._area, self, name, {}, self._keys[name], f"{self._path}/{name}")]

    def _load(self):
        if self._is_loaded:
            return
        self._is_loaded = True
        xml = self._area.read(self.path)
        parts = split(xml, 0, len(xml))
        if not parts:
            self._take([])
            return
        if len(parts) > 1:
            raise ValueError(f"`{self.path}` is {len(parts)} nodes")
        _, attributes, start, end = parts[0]
        if self._attributes is None:
            self._attributes = parse_attributes(attributes)
            if self._attributes.get("xmlns") == namespace_of(self._old_above):
                del self._attributes["xmlns"]
            self._old_attributes = dict(self._attributes)
        if start < end and xml[start] != "<":
            self._text = self._old_text = unescape(xml[start:end])
            return
        self._take([SplitElement(self._area, self, xml, part) for part in split(xml, start, end)])

    def _take(self, children):
        """Adds what was read to what was looked up before, which the module may have changed."""
        rest = {name: iter(found) for name, found in self._looked_up.items()}
        merged = [next(rest[child._name], child) if child._name in rest else child for child in children]
        # What is taken to be there may not be.
        merged += [child for found in rest.values() for child in found]
        known = {id(child) for child in self._old_children}
        gone = known - {id(child) for child in self._children}
        made = [child for child in self._children if id(child) not in known]
        self._old_children = merged
        self._select([child for child in merged if id(child) not in known])
        still = [child for child in merged if id(child) not in gone and not child._is_hidden]
        self._children = still + made


class NamedElement(FoundElement):
    """A node that was found, of which the children are looked up by name as long as that is enough."""

    __slots__ = ("_namespace",)

    def __init__(self, area, above, name, attributes, path, keys, namespace):
        super().__init__(area, above, name, attributes, path, keys)
        self._namespace = namespace

    def _named(self, name):
        """Looks a child up: by the name as it is, or by those that the name of an attribute may stand for."""
        if self._is_loaded:
            return super()._named(name)
        for candidate in _names(name):
            if self._load_named(candidate):
                break
        return self._among_children(name)

    def _lookup(self, name):
        return super()._lookup(name) if name in self._keys else self._area.lookup(self, name)


class ServicesElement(NamedElement):
    """`/services`, of which a module reads the list that it serves, and `properties`."""

    __slots__ = ("_readable",)

    def __init__(self, area, above, service):
        super().__init__(area, above, "services", {"xmlns": CONTROLLER}, "/services", {}, CONTROLLER)
        self._readable = ("properties", service)

    def _load(self):
        if not self._is_loaded:
            for name in self._readable:
                self._load_named(name)
            self._is_loaded = True

    def _named(self, name):
        for readable in self._readable:
            if name in (readable, attribute_name(readable)):
                self._load_named(readable)
        found = self._among_children(name)
        if not found and name not in map(attribute_name, self._readable) and name not in self._readable:
            # The host refuses to read the services of others, and says so.
            self._area.find(f"/services/{name.replace('_', '-')}")
        return found


def namespace_of(element):
    """Returns the namespace of an element; of one that was read, that of the place where it was."""
    while element is not None:
        if "xmlns" in element.attributes:
            return element.attributes["xmlns"]
        element = element._old_above if isinstance(element, ReadElement) else element._above
    return None


def _names(name):
    """Iterates over the names of elements that the name of an attribute may stand for, the likely ones first."""
    yield name
    count = name.count("_")
    if not count:
        return
    parts = name.split("_")
    mixed = itertools.product("-_.", repeat=count) if count <= _MOST_MIXED else []
    for separators in itertools.chain(("-" * count, "." * count), mixed):
        candidate = parts[0] + "".join(map("".join, zip(separators, parts[1:])))
        if candidate != name:
            yield candidate


class Area:
    """A part of the tree: what is found there, and what a change there means."""

    def __init__(self, view, prefixes, before_change):
        self._view = view
        # Prefix by namespace, and the other way round.
        self._prefixes = {namespace: prefix for prefix, namespace in prefixes.items()}
        self._prefixes[CONTROLLER] = "ctrl"
        self._namespaces = {prefix: namespace for namespace, prefix in self._prefixes.items()}
        self._change = before_change

    def before_change(self, element):
        """Called before a module changes an element that was read."""
        if self._change is not None:
            self._change(element)

    def read(self, path):
        """Returns what is at a path as XML."""
        return self._view.read_xml(path)

    def find(self, path):
        """Returns the paths of the nodes that a path matches: none if the models have no such node."""
        try:
            return self._view.find(path)
        except Exception as error:
            if getattr(error, "tag", None) in _ABSENT:
                return []
            raise

    def lookup(self, above, name):
        """Returns the children of a node that have this name."""
        if not _NAME.fullmatch(name):
            return []
        namespace, prefix = above._namespace, self._prefixes.get(above._namespace)
        is_device = namespace == CONTROLLER and above._name == "device"
        if is_device and name == "config":
            # It is there, if only as a place for what the module creates.
            return [self._found(above, f"{above._path}/config")]
        # Below these two, everything is in other namespaces.
        is_mount = namespace == CONTROLLER and above._name in ("config", "services")
        if prefix and not is_mount:
            found = self.find(f"{above._path}/{prefix}:{name}")
            if found:
                return [self._found(above, path) for path in found]
        found = self.find(f"{above._path}/{name}")
        return [self._found(above, path, is_other=True) for path in found]

    def _found(self, above, path, is_other=False):
        """Returns an element for a path; with `is_other`, of a node that is not known to be in the namespace above."""
        step = last_step(path, above._path)
        namespace = self._namespaces.get(step.prefix) if is_other else above._namespace
        if namespace is None:
            return FoundElement(self, above, step.name, None, path, step.keys)
        attributes = {} if namespace == above._namespace else {"xmlns": namespace}
        if step.entry is not None:
            return ReadElement(self, above, step.name, attributes, step.entry, path)
        is_device = namespace == CONTROLLER and step.name == "device"
        is_container = not step.keys and not path.startswith("/services/")
        if is_device or is_container:
            return NamedElement(self, above, step.name, attributes, path, step.keys, namespace)
        return FoundElement(self, above, step.name, attributes, path, step.keys)


def datastore(view, service, prefixes, change_of_services, change_of_devices, selection=None):
    """Returns the root of the tree that a view shows, or what a selection leaves of it.

    `service` is the name of the list that the module serves, and `prefixes` are those of its description. The functions are
    called before an element is changed that was read there; they may refuse the change with an exception.
    """
    areas = [Area(view, prefixes, change) for change in (change_of_services, change_of_devices)]
    root = NamedElement(areas[1], None, "root", {}, "", {}, None)
    services = ServicesElement(areas[0], root, service)
    devices = NamedElement(areas[1], root, "devices", {"xmlns": CONTROLLER}, "/devices", {}, CONTROLLER)
    root._selection = selection
    root._adopt([services, devices])
    root._is_loaded = True
    return root
