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


def last_step(path, above=None):
    """Returns the last step of a path. It is found sooner if `above`, the path of the node above, is known.

    >>> step = last_step("/devices/device[name='a/b']/config/p:user[name='it''s'][id=\\"1\\"]")
    >>> step.prefix, step.name, step.keys
    ('p', 'user', {'name': "it's", 'id': '1'})
    >>> last_step("/devices/device[name='r1']", "/devices").keys
    {'name': 'r1'}
    """
    last = None
    if above is not None and path.startswith(above):
        last = _STEP.fullmatch(path, len(above))
    if last is None:
        for last in _STEP.finditer(path):
            pass
    if last is None:
        raise ValueError(f"`{path}` is not a path")
    prefix, name, predicates = last.groups()
    keys = {}
    for key, quoted in _PREDICATE.findall(predicates) if predicates else ():
        quote = quoted[0]
        keys[key.rpartition(":")[2]] = quoted[1:-1].replace(quote * 2, quote)
    return Step(prefix[:-1] or None, name, keys)
