"""The client of the Python server, which a module on Confine cannot open."""

import functools

from clixon.exceptions import UnavailableError

_INSTEAD = (
    "the tree that `setup` receives is the module's access to the controller. "
    "Commits, pulls, RPCs of devices and other users' sessions belong into a program of their own."
)


class Clixon:
    """A session with the controller. To open one is an error."""

    def __init__(self, *_arguments, **_options):
        raise UnavailableError("`Clixon()`", _INSTEAD)


def rpc(*_arguments, **_options):
    """Returns a decorator that calls the function as it is: there is no session to open around it."""

    def decorate(function):
        @functools.wraps(function)
        def call(*args, **kwargs):
            return function(*args, **kwargs)

        return call

    return decorate
