"""Write service modules for Confine in Python.

A service module turns a service instance, an entry of a list under `/services`, into device
configuration. It is a class `Handler` in the module that is compiled:

    from confine import Service

    class Handler(Service):
        services = ["banner:banner"]
        version = "1.0.0"
        prefixes = {"banner": "urn:example:banner", "oc-sys": "http://openconfig.net/yang/system"}
        reads = ["/devices/device/name"]
        writes = ["/devices/device/config/oc-sys:system/config/login-banner"]

        def apply(self, commit, instance, view):
            text = view.require("text")
            for device in view.list("/devices/device"):
                device.set("config/oc-sys:system/config/login-banner", text)

What an instance made before and does not make this time is taken away by the host: there is nothing to
undo and nothing to delete. Any exception fails the whole commit, and its user reads the message.
"""

import functools
import re
import sys
import traceback
from xml.sax.saxutils import escape

from componentize_py_types import Err
from wit_world.imports import log as _log
from wit_world.imports import types as _types

__all__ = ["Batch", "CommitHooks", "Error", "Service", "View", "log", "path", "template"]


class Error(Exception):
    """Fails the commit. `tag` is an error-tag of RFC 6241, `path` the node that it is about."""

    def __init__(self, message, tag="operation-failed", path=None):
        super().__init__(message)
        self.tag = tag
        self.path = path


class Service:
    """A service: what it needs as attributes, and `apply(self, commit, instance, view)`."""

    services = []
    """The lists under `/services` that the module serves, each as `prefix:name`. At least one."""
    version = ""
    """The module's own version, for people."""
    prefixes = {}
    """Prefix and namespace of each YANG module that paths and identityref values name."""
    reads = []
    """What `apply` reads besides its instance, and no more."""
    writes = []
    """What `apply` writes: writes anywhere else are refused. Empty leaves it to the host's rules."""

    def describe(self):
        return _types.Description(
            services=list(self.services),
            version=self.version,
            reads=list(self.reads),
            writes=list(self.writes),
            prefixes=list(self.prefixes.items()),
            options=[],
        )

    def __init_subclass__(cls, **arguments):
        super().__init_subclass__(**arguments)
        _export(cls, "apply")


class CommitHooks:
    """What a module does around a commit besides: a class `Hooks` beside `Handler` that has some of these.

    Each is called for each instance that the commit runs. `view` is read only.
    """

    def pre_commit(self, commit, instance, view):
        """Before anything of the commit is sent: an exception fails it."""

    def post_commit(self, commit, instance, view):
        """After the devices have it."""

    def post_commit_failed(self, commit, instance, view):
        """After it failed; `commit.options` says how."""

    def __init_subclass__(cls, **arguments):
        super().__init_subclass__(**arguments)
        for name in ["pre_commit", "post_commit", "post_commit_failed"]:
            _export(cls, name)


def _export(cls, name):
    """Makes what a class defines callable by the host."""
    if name in cls.__dict__:
        setattr(cls, name, _as_export(cls.__dict__[name]))


def _as_export(method):
    """A method as the host calls it: with a `View` of ours, and an exception as the contract's error."""

    @functools.wraps(method)
    def export(self, commit, instance, view):
        try:
            method(self, commit, instance, View(view))
        except Error as error:
            raise Err(_types.Error(error.tag, str(error), error.path)) from error
        except Exception as error:
            # For the module's author: the host keeps what is written here for its log.
            traceback.print_exc(file=sys.stderr)
            message = f"{type(error).__name__}: {error}"
            raise Err(_types.Error("operation-failed", message, None)) from error

    return export


class View:
    """A place in the configuration tree, and everything at and below it.

    The one that `apply` is handed stands at the instance; `at` and `list` make others from it. Paths are
    relative to the place, unless they begin with `/`. Each method raises `Error` where the host refuses.
    """

    def __init__(self, host, path="."):
        self._host = host
        self.path = path

    def _resolve(self, path):
        """`path` as seen from the root or the instance.

        >>> View(None, "/devices")._resolve("device[name='r1']")
        "/devices/device[name='r1']"
        >>> View(None, "/devices")._resolve("/services"), View(None)._resolve("text")
        ('/services', 'text')
        """
        if path.startswith("/") or self.path == ".":
            return path
        return self.path if path == "." else f"{self.path.rstrip('/')}/{path}"

    def _call(self, name, *arguments):
        try:
            return getattr(self._host, name)(*arguments)
        except Err as error:
            raise Error(error.value.message, error.value.tag, error.value.path) from None

    def at(self, path):
        """The place at `path`. Nothing need be there."""
        return View(self._host, self._resolve(path))

    def key(self, name):
        """The value that the last step of the place's own path gives to a key.

        >>> View(None, "/devices/device[name='r1']/user[name=\\"it's\\"][id='''\\"']").key("name")
        "it's"
        """
        step = re.search(rf"[^/\[]*(?:{_PREDICATE})*$", self.path).group()
        for key, value in re.findall(rf"\[([^]=]+)=({_QUOTED})\]", step):
            if key.rpartition(":")[2] == name:
                quote = value[0]
                return value[1:-1].replace(quote * 2, quote)
        raise Error(f"`{self.path}` gives no value to key `{name}`", "missing-element", self.path)

    def get(self, path, kind=str):
        """The value of a leaf as a `kind`, None where there is none. An empty leaf has the value ``""``."""
        value = self._call("get", self._resolve(path))
        if value is None or kind is str:
            return value
        try:
            return {"true": True, "false": False}[value] if kind is bool else kind(value)
        except (KeyError, ValueError) as error:
            path = self._resolve(path)
            message = f"`{path}` is `{value}`, which is no {kind.__name__}"
            raise Error(message, "invalid-value", path) from error

    def require(self, path, kind=str):
        """The value of a leaf that must be there."""
        value = self.get(path, kind)
        if value is None:
            path = self._resolve(path)
            raise Error(f"`{path}` has no value", "data-missing", path)
        return value

    def values(self, path):
        """The values of all leaves or leaf-list entries that match, in document order."""
        return [node.value for node in self.read(path) if node.depth == 0 and node.value is not None]

    def exists(self, path):
        """Whether anything matches."""
        return self._call("exists", self._resolve(path))

    def list(self, path):
        """The places of all list entries that match, in document order, each with its keys in its path."""
        return [View(self._host, found) for found in self._call("find", self._resolve(path))]

    def read(self, path):
        """The subtrees of all nodes that match, as nodes with `depth`, `name`, `namespace`, `value`."""
        return self._call("read", self._resolve(path))

    def read_xml(self, path):
        """The same as XML, which is several times faster."""
        return self._call("read_xml", self._resolve(path))

    def set(self, path, value):
        """Sets a leaf, and makes what is missing above it."""
        self._call("set", self._resolve(path), _text(value))

    def create(self, path):
        """Makes a presence container, an empty leaf, or a list entry with its keys."""
        self._call("create", self._resolve(path))

    def remove(self, path):
        """Takes away every node that matches, with all below it. There need be none."""
        self._call("remove", self._resolve(path))

    def batch(self):
        """Edits that are made together when the `with` block ends, and not at all when it raises:

            with view.batch() as edits:
                for vlan in range(1, 4095):
                    edits.set(path("vlans/vlan[vlan-id={}]/config/name", vlan), f"customer {vlan}")

        A call of the host costs Python more than Rust: worth it from ten edits on.
        """
        return Batch(self)

    def edit_xml(self, config):
        """Merges a fragment of XML from the root of the tree, whatever this view's place is.

        `template` fills places of it with values.
        """
        self._call("edit_xml", config)


class Batch:
    """See `View.batch`."""

    def __init__(self, view):
        self._view = view
        self._edits = []

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is None:
            self._view._call("edit", self._edits)

    def _add(self, operation, path, value=None):
        self._edits.append(_types.Edit(operation, self._view._resolve(path), value, []))

    def set(self, path, value):
        self._add("set", path, _text(value))

    def create(self, path):
        self._add("create", path)

    def remove(self, path):
        self._add("remove", path)


def path(pattern, *values):
    """A path with values for its `{}`, which it quotes: no value can change which node a path means.

    >>> path("/devices/device[name={}]/user[name={}]", "r1", "it's")
    '/devices/device[name=\\'r1\\']/user[name="it\\'s"]'
    >>> print(path("user[name={}]", "7\\" o'clock"))
    user[name='7" o''clock']
    >>> path("device[name={}]/config")
    Traceback (most recent call last):
    ValueError: `device[name={}]/config` has 1 place for 0 values
    >>> path("device[name='{}']", "r1")
    Traceback (most recent call last):
    ValueError: a `{}` stands as `[key={}]`: its quotes come with the value
    """
    parts = pattern.split("{}")
    if len(parts) - 1 != len(values):
        places = len(parts) - 1
        raise ValueError(f"`{pattern}` has {places} place{'s' * (places != 1)} for {len(values)} values")
    for before, after in zip(parts, parts[1:]):
        if not (before.endswith("=") and after.startswith("]")):
            raise ValueError("a `{}` stands as `[key={}]`: its quotes come with the value")
    return parts[0] + "".join(_quote(_text(value)) + part for value, part in zip(values, parts[1:]))


def template(text, **values):
    """An XML text with values for its `{{NAME}}` places, which it escapes: no value can become markup.

    Names are letters, digits, `_` and `-`, which is `_` in the name of an argument.

    >>> template("<user><name>{{NAME}}</name><full-name x='{{X-Y}}'/></user>", NAME="a & b", X_Y="it's")
    "<user><name>a &amp; b</name><full-name x='it&apos;s'/></user>"
    >>> template("<mtu>{{MTU}}</mtu>")
    Traceback (most recent call last):
    ValueError: the template has a place `{{MTU}}` and no value for it
    >>> template("<mtu/>", MTU=9000)
    Traceback (most recent call last):
    ValueError: the template has no place for `MTU`
    """
    used = set()

    def fill(place):
        name = place[1].replace("-", "_")
        if name not in values:
            raise ValueError(f"the template has a place `{{{{{place[1]}}}}}` and no value for it")
        used.add(name)
        return escape(_text(values[name]), {'"': "&quot;", "'": "&apos;", "\r": "&#13;"})

    filled = re.sub(r"\{\{\s*([\w-]+)\s*\}\}", fill, text)
    for name in values.keys() - used:
        raise ValueError(f"the template has no place for `{name}`")
    return filled


def log(level, message, **fields):
    """Writes a line to the host's log. Level is `error`, `warn`, `info`, `debug` or `trace`."""
    _log.log(level, message, [(name, _text(value)) for name, value in fields.items()])


def _quote(value):
    if "'" not in value:
        return f"'{value}'"
    return f'"{value}"' if '"' not in value else "'" + value.replace("'", "''") + "'"


def _text(value):
    """A value as YANG writes it (RFC 7950, section 9).

    >>> _text(True), _text(9000), _text("x")
    ('true', '9000', 'x')
    """
    return str(value).lower() if isinstance(value, bool) else str(value)


_QUOTED = r"""'(?:[^']|'')*'|"(?:[^"]|"")*\""""
_PREDICATE = rf"\[[^]='\"]+(?:=(?:{_QUOTED}))?\]"
