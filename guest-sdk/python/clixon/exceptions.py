"""The exceptions of the Python server. A module may raise them; any other exception does as well."""


class PropertyError(Exception):
    """A property of `/services/properties` is missing or wrong."""


class ConfigError(Exception):
    """The configuration is wrong."""


class RPCError(Exception):
    """A request was rejected."""


class TransactionError(Exception):
    """A transaction failed."""


class TimeoutException(Exception):
    """Something took too long."""


class ModuleError(Exception):
    """A module is wrong."""


class UnavailableError(Exception):
    """A module uses what a module on Confine does not have: a connection, a file, a process, a thread."""

    def __init__(self, what, instead):
        super().__init__(f"{what} is not available to a module on Confine: {instead} {GUIDE}")


GUIDE = '(see "Modules of the Python server" in the documentation, python-server-modules.html)'
