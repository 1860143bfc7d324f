"""Errors that say what a module does not have, in place of those of an interpreter without a system.

The sandbox is the host's: nothing here protects anything.
"""

import os
import socket
import subprocess
import sys
import threading
import types

from clixon.exceptions import UnavailableError

_NETWORK = "have another program write what the module needs into the service or into `/services/properties`."
_PROCESS = "do the work in Python, or in another program."

# Packages that open connections: they may be there when a module is built, and cannot work in it.
NETWORK_PACKAGES = ("aiohttp", "httpx", "ncclient", "netmiko", "paramiko", "pynetbox", "requests")


def prepare():
    """Replaces what would fail without an explanation."""
    for name in ("socket", "create_connection", "getaddrinfo", "gethostbyname"):
        setattr(socket, name, _unavailable(f"`socket.{name}`", _NETWORK))
    subprocess.Popen = _unavailable("`subprocess`", _PROCESS)
    os.system = os.popen = _unavailable("`os.system`", _PROCESS)
    threading.Thread.start = _unavailable("a thread", "do the work without threads.")
    for name in NETWORK_PACKAGES:
        sys.modules[name] = sys.modules[f"{name}.exceptions"] = _NetworkPackage(name)


def _unavailable(what, instead):
    def fail(*_arguments, **_options):
        raise UnavailableError(what, instead)

    return fail


class _NetworkPackage(types.ModuleType):
    """A package that can be imported, and fails where it is used."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        if name == "exceptions":
            return self
        if name.endswith(("Error", "Exception", "Timeout")):
            # A module names them to catch them, and must not catch what says that the package does not work.
            return type(name, (Exception,), {})
        raise UnavailableError(f"`{self.__name__}`", _NETWORK)
