"""The arguments of the Python server, of which a module on Confine has none."""

from clixon.exceptions import UnavailableError
from clixon.log import get_logger

__all__ = ["get_arg", "get_logger", "get_prettyprint", "get_sockpath", "parse_args"]


def get_prettyprint():
    """Returns false: Confine's log has no XML."""
    return False


def get_arg(opt):
    """Fails: there is no command line."""
    raise UnavailableError(f"the option `{opt}`", "use a leaf of the service or of `/services/properties`.")


def get_sockpath():
    """Fails: a module has no connection to the controller."""
    raise UnavailableError("the controller's socket", "read and change the tree that `setup` receives.")


def parse_args(cli_args=None):
    """Fails: there is no command line."""
    raise UnavailableError("the command line", "use a leaf of the service or of `/services/properties`.")
