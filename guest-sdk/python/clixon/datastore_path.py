"""The paths of the contract, as the view returns them."""

import re

_QUOTED = r"""'(?:[^']|'')*'|"(?:[^"]|"")*\""""
_STEP = re.compile(rf"/((?:[^/\[:]+:)?)([^/\[]+)((?:\[[^]='\"]+(?:=(?:{_QUOTED}))?\])*)")
_PREDICATE = re.compile(rf"\[([^]=]+)=({_QUOTED})\]")


class Step:
    """The last step of a path: a prefix or none, a name, and the values of the keys in order."""

    __slots__ = ("prefix", "name", "keys")

    def __init__(self, prefix, name, keys):
        self.prefix = prefix
        self.name = name
        self.keys = keys

    @property
    def entry(self):
        """The value of a leaf-list entry, or none."""
        return self.keys.get(".")


def last_step(path):
    """Returns the last step of a path.

    >>> step = last_step("/devices/device[name='a/b']/config/p:user[name='it''s'][id=\\"1\\"]")
    >>> step.prefix, step.name, step.keys
    ('p', 'user', {'name': "it's", 'id': '1'})
    """
    last = None
    for last in _STEP.finditer(path):
        pass
    if last is None:
        raise ValueError(f"`{path}` is not a path")
    keys = {}
    for name, quoted in _PREDICATE.findall(last[3]):
        quote = quoted[0]
        keys[name.rpartition(":")[2]] = quoted[1:-1].replace(quote * 2, quote)
    return Step(last[1].rstrip(":") or None, last[2], keys)
