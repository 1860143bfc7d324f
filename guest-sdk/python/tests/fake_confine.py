"""The modules that `componentize-py` provides, for running `confine.py` and `clixon.runtime` without a component."""

import sys
import types


class Record:
    """A record of the contract."""

    def __init__(self, *values, **fields):
        self.values = values
        self.__dict__.update(fields)


class Err(Exception):
    """The error case of a result."""

    def __init__(self, value):
        super().__init__(value)
        self.value = value


class ErrorRecord:
    """The contract's error."""

    def __init__(self, tag, message, path):
        self.tag, self.message, self.path = tag, message, path


LOG = []


def install():
    """Makes the modules importable, and empties the log."""
    LOG.clear()
    component = types.ModuleType("componentize_py_types")
    component.Err = Err
    imports = types.ModuleType("wit_world.imports")
    imports.types = types.SimpleNamespace(Description=Record, Edit=Record, Error=ErrorRecord)
    imports.log = types.SimpleNamespace(log=lambda level, message, fields: LOG.append((level, message)))
    world = types.ModuleType("wit_world")
    world.imports = imports
    for module in (component, world, imports):
        sys.modules.setdefault(module.__name__, module)


def commit(dry_run=False, **options):
    """Returns a commit of a user."""
    return Record(transaction="7", user="alice", dry_run=dry_run, options=list(options.items()))


def instance(key="ops"):
    """Returns the instance that a call is about."""
    return Record(service="ssh-users", key=key, path=f"/services/ssh-users[service-name='{key}']", options=[])
