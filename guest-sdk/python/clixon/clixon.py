"""The client of the Python server, which a module on Confine cannot open."""

from clixon.exceptions import UnavailableError

_INSTEAD = (
    "read and change the tree that `setup` receives. "
    "For commits, pulls and RPCs of devices, use another program with a session of its own."
)


class Clixon:
    """A session with the controller. To open one is an error."""

    def __init__(self, *_arguments, **_options):
        raise UnavailableError("`Clixon()`", _INSTEAD)


def rpc(*_arguments, **_options):
    """Returns a decorator that calls the function as it is: there is no session to open around it."""
    return lambda function: function
