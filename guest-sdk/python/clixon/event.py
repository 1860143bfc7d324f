"""Callbacks by the name of an event."""

from fnmatch import fnmatch


class RPCEventHandler:
    """Calls functions when an event is emitted.

    >>> events = RPCEventHandler()
    >>> show = events.register("device-*")(lambda name: print("changed:", name))
    >>> events.emit("device-changed", name="r1")
    changed: r1
    """

    def __init__(self):
        self.events = {}

    def register(self, event):
        """Returns a decorator that registers a function for the events that match a pattern such as `device-*`."""

        def decorate(callback):
            self.events.setdefault(event, []).append(callback)
            return callback

        return decorate

    def unregister(self, event, callback):
        """Removes a function that was registered for a pattern."""
        if callback in self.events.get(event, []):
            self.events[event].remove(callback)

    def emit(self, event, not_found_error=False, *args, **kwargs):
        """Calls all functions whose pattern matches. With `not_found_error`, it is an error if there is none."""
        callbacks = [
            callback
            for pattern, registered in self.events.items()
            if fnmatch(event, pattern)
            for callback in registered
        ]
        if not_found_error and not callbacks:
            raise LookupError(f"nothing is registered for the event `{event}`")
        for callback in callbacks:
            callback(*args, **kwargs)
