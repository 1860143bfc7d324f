"""Write service modules for Confine in Python.

A service module turns a service instance, an entry of a list under `/services`, into device
configuration. It defines a class `Handler`:

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

The module undoes and deletes nothing: the host removes what an instance created in an earlier commit and
does not create in this one. An exception fails the whole commit, and the committing user reads its message.
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
    """An error that fails the commit. `tag` is an error-tag of RFC 6241, `path` the node that it is about."""

    def __init__(self, message, tag="operation-failed", path=None):
        super().__init__(message)
        self.tag = tag
        self.path = path


class Service:
    """A service. Attributes describe it; `apply(self, commit, instance, view)` creates its configuration.

    `secrets.token_bytes` is secret and the same in every run of an instance: fit for a key. `random` is not secret.
    """

    services = []
    """The lists under `/services` that the module serves, each as `prefix:name`. At least one."""
    version = ""
    """The module's own version, for people."""
    prefixes = {}
    """Prefix and namespace of each YANG module that paths and identityref values use."""
    reads = []
    """The paths that it reads besides its instance and `writes`; the host refuses all others."""
    writes = []
    """The paths that it writes; the host refuses all others. If empty, it writes and reads all devices' configuration."""
    shares_with = []
    """The lists, as in `services`, whose instances may own objects together with its own; their modules must agree.

    An operator may let lists share in confine.toml, whatever modules say (`shares_with` in `[service.LIST]`).
    """
    commit_time = False
    """Whether the wall clock shows when the commit began, the same in all its calls. If not, it shows 2000-01-01."""

    def describe(self):
        options = [("shares-with", name) for name in self.shares_with]
        if self.commit_time:
            options.append(("wall-clock", "commit"))
        return _types.Description(
            services=list(self.services),
            version=self.version,
            reads=list(self.reads),
            writes=list(self.writes),
            prefixes=list(self.prefixes.items()),
            options=options,
        )

    def __init_subclass__(cls, **arguments):
        super().__init_subclass__(**arguments)
        _export(cls, "apply")


class CommitHooks:
    """Hooks around a commit. A module defines a class `Hooks` with some of these methods beside `Handler`.

    The host calls each hook once for each instance that the module runs for in the commit. `view` is read-only.
    """

    def pre_commit(self, commit, instance, view):
        """Called before any module's `apply`. An exception fails the commit."""

    def post_commit(self, commit, instance, view):
        """Called after the devices have accepted the configuration, never for a dry run."""

    def post_commit_failed(self, commit, instance, view):
        """Called after the commit has failed. `commit.options` holds the result and the reason."""

    def __init_subclass__(cls, **arguments):
        super().__init_subclass__(**arguments)
        for name in ["pre_commit", "post_commit", "post_commit_failed"]:
            _export(cls, name)


def _export(cls, name):
    """Wraps the method `name` of a class, if the class defines it, for calls by the host."""
    if name in cls.__dict__:
        setattr(cls, name, _as_export(cls.__dict__[name]))


def _as_export(method):
    """Wraps a method: the host's view becomes a `View`, and an exception becomes the contract's error."""

    @functools.wraps(method)
    def export(self, commit, instance, view):
        try:
            method(self, commit, instance, View(view))
        except Error as error:
            raise Err(_types.Error(error.tag, str(error), error.path)) from error
        except Exception as error:
            # The host writes standard error to its log, where the module's author finds it.
            traceback.print_exc(file=sys.stderr)
            message = f"{type(error).__name__}: {error}"
            raise Err(_types.Error("operation-failed", message, None)) from error

    return export


class View:
    """A view of the configuration tree from one node.

    The view that `apply` receives is at the instance; `at` and `list` return views of other nodes. A path
    that does not start with `/` is relative to the view's node. A method raises `Error` if the host refuses
    the call.
    """

    def __init__(self, host, path="."):
        self._host = host
        self.path = path

    def _resolve(self, path):
        """Returns `path` as a path from the root or from the instance.

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
        """Returns a view of the node at `path`, whether or not it exists."""
        return View(self._host, self._resolve(path))

    def key(self, name):
        """Returns the value of a key in the last step of the view's own path.

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
        """Returns the value of a leaf, or its default if it is not set, as a `kind`; else None.

        A leaf of type `empty` has the value ``""``.
        """
        value = self._call("get", self._resolve(path))
        if value is None or kind is str:
            return value
        try:
            return {"true": True, "false": False}[value] if kind is bool else kind(value)
        except (KeyError, ValueError) as error:
            path = self._resolve(path)
            message = f"`{path}` is `{value}`, which is not of type {kind.__name__}"
            raise Error(message, "invalid-value", path) from error

    def require(self, path, kind=str):
        """Returns the value of a leaf that must be set or have a default."""
        value = self.get(path, kind)
        if value is None:
            path = self._resolve(path)
            raise Error(f"`{path}` has no value", "data-missing", path)
        return value

    def values(self, path):
        """Returns the values of all leaves or leaf-list entries that match, in document order."""
        return [node.value for node in self.read(path) if node.depth == 0 and node.value is not None]

    def exists(self, path):
        """Returns whether any node matches."""
        return self._call("exists", self._resolve(path))

    def find(self, path):
        """Returns the paths of all nodes that match, in document order, with all keys."""
        return self._call("find", self._resolve(path))

    def list(self, path):
        """Returns views of all list entries that match, in document order, with their keys in their paths."""
        return [View(self._host, found) for found in self.find(path)]

    def read(self, path):
        """Returns the subtrees of all nodes that match, as nodes with `depth`, `name`, `namespace`, `value`."""
        return self._call("read", self._resolve(path))

    def read_xml(self, path):
        """Returns the same as XML, which is several times faster."""
        return self._call("read_xml", self._resolve(path))

    def set(self, path, value):
        """Sets a leaf, and creates missing nodes above it."""
        self._call("set", self._resolve(path), _text(value))

    def create(self, path):
        """Creates a presence container, a leaf of type `empty`, or a list entry with its keys."""
        self._call("create", self._resolve(path))

    def remove(self, path):
        """Removes every node that matches, with its subtree. Succeeds if no node matches."""
        self._call("remove", self._resolve(path))

    def batch(self):
        """Returns a batch of edits. They are made when the `with` block ends, and discarded if it raises:

            with view.batch() as edits:
                for vlan in range(1, 4095):
                    edits.set(path("vlans/vlan[vlan-id={}]/config/name", vlan), f"customer {vlan}")

        A call of the host is more expensive in Python than in Rust: a batch pays off from ten edits on.
        """
        return Batch(self)

    def edit_xml(self, config):
        """Merges an XML fragment that starts at the root of the tree, whatever the view's own node.

        `template` fills in values.
        """
        self._call("edit_xml", config)


class Batch:
    """A batch of edits. See `View.batch`."""

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
    """Returns a path with each `{}` replaced by a value in quotes.

    No value can change which node the path selects.

    >>> path("/devices/device[name={}]/user[name={}]", "r1", "it's")
    '/devices/device[name=\\'r1\\']/user[name="it\\'s"]'
    >>> print(path("user[name={}]", "7\\" o'clock"))
    user[name='7" o''clock']
    >>> path("device[name={}]/config")
    Traceback (most recent call last):
    ValueError: `device[name={}]/config` needs 1 value, not 0
    >>> path("device[name='{}']", "r1")
    Traceback (most recent call last):
    ValueError: write a `{}` as `[key={}]`, without quotes: they are added
    """
    parts = pattern.split("{}")
    if len(parts) - 1 != len(values):
        needed = len(parts) - 1
        raise ValueError(f"`{pattern}` needs {needed} value{'s' * (needed != 1)}, not {len(values)}")
    for before, after in zip(parts, parts[1:]):
        if not (before.endswith("=") and after.startswith("]")):
            raise ValueError("write a `{}` as `[key={}]`, without quotes: they are added")
    return parts[0] + "".join(_quote(_text(value)) + part for value, part in zip(values, parts[1:]))


def template(text, **values):
    """Returns an XML text with each `{{NAME}}` replaced by an escaped value: no value can become markup.

    A name consists of letters, digits, `_` and `-`. A `-` is `_` in the name of the argument.

    >>> template("<user><name>{{NAME}}</name><full-name x='{{X-Y}}'/></user>", NAME="a & b", X_Y="it's")
    "<user><name>a &amp; b</name><full-name x='it&apos;s'/></user>"
    >>> template("<mtu>{{MTU}}</mtu>")
    Traceback (most recent call last):
    ValueError: the template needs a value for `{{MTU}}`
    >>> template("<mtu/>", MTU=9000)
    Traceback (most recent call last):
    ValueError: the template does not use `MTU`
    """
    used = set()

    def fill(placeholder):
        name = placeholder[1].replace("-", "_")
        if name not in values:
            raise ValueError(f"the template needs a value for `{{{{{placeholder[1]}}}}}`")
        used.add(name)
        return escape(_text(values[name]), {'"': "&quot;", "'": "&apos;", "\r": "&#13;"})

    filled = re.sub(r"\{\{\s*([\w-]+)\s*\}\}", fill, text)
    for name in values.keys() - used:
        raise ValueError(f"the template does not use `{name}`")
    return filled


def log(level, message, **fields):
    """Writes a line to the host's log. The level is `error`, `warn`, `info`, `debug` or `trace`."""
    _log.log(level, message, [(name, _text(value)) for name, value in fields.items()])


def _quote(value):
    if "'" not in value:
        return f"'{value}'"
    return f'"{value}"' if '"' not in value else "'" + value.replace("'", "''") + "'"


def _text(value):
    """Returns a value as YANG writes it (RFC 7950, section 9).

    >>> _text(True), _text(9000), _text("x")
    ('true', '9000', 'x')
    """
    return str(value).lower() if isinstance(value, bool) else str(value)


_QUOTED = r"""'(?:[^']|'')*'|"(?:[^"]|"")*\""""
_PREDICATE = rf"\[[^]='\"]+(?:=(?:{_QUOTED}))?\]"
