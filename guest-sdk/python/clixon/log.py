"""The log of the daemon as a logger of Python."""

import logging

LOGGER = logging.getLogger("pyserver")

_LEVELS = [(logging.ERROR, "error"), (logging.WARNING, "warn"), (logging.INFO, "info"), (logging.DEBUG, "debug")]


class HostHandler(logging.Handler):
    """Writes what is logged with `write(level, message)`, a function of the host."""

    def __init__(self, write):
        super().__init__()
        self._write = write

    def emit(self, record):
        level = next((name for least, name in _LEVELS if record.levelno >= least), "trace")
        message = record.getMessage()
        if record.exc_info:
            message += "\n" + logging.Formatter().formatException(record.exc_info)
        for line in message.splitlines() or [""]:
            self._write(level, line)


class LogStream:
    """A file for `print`: each line is one of the log."""

    encoding = "utf-8"

    def __init__(self, write, level):
        self._write = write
        self._level = level
        self._rest = ""

    def write(self, text):
        """Writes all complete lines, and keeps the rest."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._write(self._level, line)
        return len(text)

    def flush(self):
        """Does nothing: a line is written when it is complete."""

    def finish(self):
        """Writes a last line that is not complete."""
        if self._rest:
            self.write("\n")


def connect(write):
    """Sends what any logger gets to the host's log."""
    root = logging.getLogger()
    root.handlers = [HostHandler(write)]
    root.setLevel(logging.DEBUG)


def get_logger():
    """Returns the logger that `setup` gets."""
    return LOGGER


def get_log_factory(*_arguments, **_options):
    """Returns the logger that `setup` gets: Confine's settings say where and what the daemon logs."""
    return LOGGER
