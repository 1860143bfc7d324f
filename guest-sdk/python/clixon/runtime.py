"""Runs a module of the Python server as a module of Confine."""

import ast
import contextlib
import importlib
import linecache
import sys
import types

import confine
from clixon import changes, failure, log, reading, sandbox
from clixon.selection import Selection


class ServerModule:
    """A module of the Python server, and the classes that Confine calls.

    `settings` are the attributes of `confine.Service` that describe the module.
    """

    def __init__(self, file, source, settings):
        self._settings = settings
        log.connect(confine.log)
        self._module = types.ModuleType(file.removesuffix(".py").replace("-", "_"))
        self._module.__file__ = file
        sys.modules[self._module.__name__] = self._module
        # There are no files at run time, and messages show lines of the module.
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        _import_all(source)
        sandbox.prepare()
        exec(compile(source, file, "exec"), self._module.__dict__)
        for name in ("SERVICE", "setup"):
            if not hasattr(self._module, name):
                raise SystemExit(f"{file} defines no `{name}`")
        # Both belong together: without the one, the Python server ignores the other.
        is_selected = hasattr(self._module, "SERVICE_XPATH") and hasattr(self._module, "SERVICE_NAMESPACES")
        self._selection = Selection.parse(self._module.SERVICE_XPATH) if is_selected else None

    def handler(self):
        """Returns the class `Handler` of the component."""

        def apply(_handler, commit, instance, view):
            self._run("setup", commit, instance, view, {}, _warn_about_services, None)

        return type("Handler", (confine.Service,), {**self._settings, "apply": apply})

    def hooks(self):
        """Returns the class `Hooks` of the component."""
        methods = {
            name.removeprefix("setup_"): self._hook(name)
            for name in ("setup_pre_commit", "setup_post_commit", "setup_post_commit_failed")
        }
        return type("Hooks", (confine.CommitHooks,), methods)

    def _hook(self, name):
        def call(_hooks, commit, instance, view):
            result = dict(commit.options).get("result")
            more = {} if result is None else {"result": result}
            refuse = _refuse_in_hook(name)
            self._run(name, commit, instance, view, more, refuse, refuse)

        return call

    def _run(self, name, commit, instance, view, more, change_of_services, change_of_devices):
        function = getattr(self._module, name, None)
        if function is None:
            return
        service = self._module.SERVICE.rpartition(":")[2]
        prefixes = self._settings["prefixes"]
        changing = (change_of_services, change_of_devices)
        root = reading.datastore(view, service, prefixes, *changing, self._selection)
        output = log.LogStream(confine.log, "info")
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            try:
                function(root, log.get_logger(), instance=instance.key, diff=commit.dry_run, **more)
                edit = changes.edit_of(root) if name == "setup" else ""
                if edit:
                    view.edit_xml(edit)
            except Exception as error:
                message = failure.describe(error)
                for line in message.splitlines():
                    confine.log("error", line)
                tag, path = getattr(error, "tag", "operation-failed"), getattr(error, "path", None)
                raise confine.Error(message, tag, path) from None
            finally:
                output.finish()


def _import_all(source):
    """Imports what the module imports anywhere: when it runs, there are no files to import from."""
    for node in ast.walk(ast.parse(source)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)


def _warn_about_services(element):
    where = failure.line_of_module(sys._getframe())
    log.get_logger().warning(
        "%s: a change of `%s` under `/services` is not written: a module writes the configuration of devices",
        where,
        element.origname(),
    )


def _refuse_in_hook(name):
    def refuse(element):
        raise RuntimeError(f"`{name}` changes `{element.origname()}`: a hook only reads; change it in `setup`")

    return refuse
