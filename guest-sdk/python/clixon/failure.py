"""What the committing user reads of an exception in a module."""

import os
import traceback

# Where frames are that say nothing about the module: this package, and the standard library.
_OWN = (os.path.dirname(__file__), os.path.dirname(traceback.__file__))
# The frames that are shown, the last ones.
_MOST_FRAMES = 4
_NO_FILES = "a module has no files, no network and no processes"


def describe(error):
    """Returns where an exception was raised, what it says, and the calls that led there, in one text.

    The first line is `FILE, line N: TYPE: MESSAGE`, of the last frame in the module's own files.
    """
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _is_own(frame.filename)]
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if hasattr(error, "tag"):
        # The host's words, or those that a module chose for the user.
        text = str(error)
    if isinstance(error, OSError):
        text += f" ({_NO_FILES})"
    if not frames:
        return text
    last = frames[-1]
    lines = [f"{_file(last)}, line {last.lineno}: {text}"]
    for frame in frames[-_MOST_FRAMES:]:
        source = f": {frame.line}" if frame.line else ""
        lines.append(f"  {_file(frame)}, line {frame.lineno}, in {frame.name}{source}")
    return "\n".join(lines)


def line_of_module(frame):
    """Returns `FILE, line N` of the nearest frame that is not in this package."""
    while frame is not None and _is_own(frame.f_code.co_filename):
        frame = frame.f_back
    return f"{os.path.basename(frame.f_code.co_filename)}, line {frame.f_lineno}" if frame else "an unknown line"


def _is_own(filename):
    return filename.startswith((*_OWN, "<frozen")) or os.path.basename(filename) == "confine.py"


def _file(frame):
    return os.path.basename(frame.filename)
