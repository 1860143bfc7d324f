#!/usr/bin/env python3
"""Prepares a module of the Clixon controller's Python server to be compiled: a file with `SERVICE` and `setup`.

Writes a module in Python that `componentize-py` compiles, and prints the world of its component. For a file of another
kind, prints nothing. The file itself is not run here.
"""

import argparse
import ast
import hashlib
import os
import pathlib
import re
import sys

SERVICES = "http://clicon.org/controller"
HOOKS = ("setup_pre_commit", "setup_post_commit", "setup_post_commit_failed")
# What a line `# confine: name = value` may set, and the type of the value.
DIRECTIVES = {
    "service": str,
    "version": str,
    "reads": list,
    "writes": list,
    "shares_with": list,
    "prefixes": dict,
    "commit_time": bool,
}

ENTRY = '''"""Generated from {file}."""

from clixon.runtime import ServerModule

_MODULE = ServerModule({file!r}, {source!r}, {settings!r})
Handler = _MODULE.handler()
Hooks = _MODULE.hooks()
'''


class Refusal(Exception):
    """Why the file cannot be compiled, in a line for its author."""


class ServerFile:
    """The text of a module, and what it says about itself."""

    def __init__(self, path, source):
        self.path = path
        self.source = source
        try:
            self.tree = ast.parse(source, filename=str(path))
        except SyntaxError as error:
            raise Refusal(f"{path.name}, line {error.lineno}: {error.msg}") from None
        self.constants = {
            target.id: node.value
            for node in self.tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        functions = {node.name for node in self.tree.body if isinstance(node, ast.FunctionDef)}
        self.is_module = "SERVICE" in self.constants and "setup" in functions
        self.has_hooks = any(name in functions for name in HOOKS)

    def constant(self, name, default=None):
        """Returns the value of a constant at the top of the module."""
        node = self.constants.get(name)
        if node is None:
            return default
        try:
            return ast.literal_eval(node)
        except ValueError:
            raise Refusal(f"{self.path.name}, line {node.lineno}: write `{name}` as a constant") from None

    def directives(self):
        """Returns what the lines `# confine: name = value` say."""
        values = {}
        for number, line in enumerate(self.source.splitlines(), 1):
            directive = re.match(r"#\s*confine:\s*(\w+)\s*=\s*(.*)", line)
            if directive is None:
                continue
            name, where = directive[1], f"{self.path.name}, line {number}"
            if name not in DIRECTIVES:
                raise Refusal(f"{where}: there is no `{name}`: write one of {', '.join(DIRECTIVES)}")
            try:
                values[name] = ast.literal_eval(directive[2])
            except (SyntaxError, ValueError):
                values[name] = None
            if not isinstance(values[name], DIRECTIVES[name]):
                raise Refusal(f"{where}: `{name}` is not a {DIRECTIVES[name].__name__} of Python")
        return values

    def check_imports(self):
        """Refuses to import parts of the Python server that talk to the controller."""
        here = pathlib.Path(__file__).parent
        for node in ast.walk(self.tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                if name.startswith("clixon.") and not here.joinpath(*name.split(".")).with_suffix(".py").exists():
                    raise Refusal(
                        f"{self.path.name}, line {node.lineno}: `{name}` is not available to a module on Confine, which "
                        f"has no connection: it reads and changes the tree that `setup` receives"
                    )

    def namespaces(self):
        """Returns the namespaces that the module gives to elements, in the order of the file."""
        texts = [
            node for node in ast.walk(self.tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]
        found = []
        for text in texts:
            found += re.findall(r"""\sxmlns(?::[\w.-]+)?\s*=\s*["']([^"']+)["']""", text.value)
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Dict):
                for key, value in zip(node.keys, node.values):
                    is_declaration = isinstance(key, ast.Constant) and str(key.value).startswith("xmlns")
                    if is_declaration and isinstance(value, ast.Constant):
                        found.append(str(value.value))
        return list(dict.fromkeys(found))


def namespaces_in_yang(path, service):
    """Returns the files, namespaces and prefixes of the YANG modules that add the list to the controller's services."""
    files = sorted(path.rglob("*.yang")) if path.is_dir() else [path]
    found = []
    for file in files:
        text = file.read_text(encoding="utf-8", errors="replace")
        text = re.sub(r"(?:^|(?<=\s))//[^\n]*|/\*.*?\*/", "", text, flags=re.S | re.M)
        augments = re.search(r"""augment\s+["']?/[\w-]+:services["']?\s*\{""", text)
        namespace = re.search(r"""namespace\s+["']?([^"';\s]+)["']?\s*;""", text)
        prefix = re.search(r"""\bprefix\s+["']?([\w.-]+)["']?\s*;""", text)
        lists = re.search(rf"""\blist\s+["']?{re.escape(service)}["']?\s*\{{""", text)
        if augments and namespace and prefix and lists:
            found.append((file, namespace[1], prefix[1]))
    return found


def service_list(file, service, directives, namespace, yang):
    """Returns the list that the module serves as `prefix:name`, and its prefix and namespace."""
    declared = file.constant("SERVICE_NAMESPACES", {}) | directives.get("prefixes", {})
    if "service" in directives:
        prefix = directives["service"].partition(":")[0]
        if prefix not in declared and namespace is None:
            raise Refusal(f"{file.path.name}: add `# confine: prefixes = {{{prefix!r}: NAMESPACE}}`")
        return directives["service"], {prefix: namespace or declared[prefix]}
    if namespace is not None:
        return f"service:{service}", {"service": namespace}
    step = re.search(rf"services/([\w.-]+):{re.escape(service)}\b", file.constant("SERVICE_XPATH", ""))
    if step and step[1] in declared:
        return f"{step[1]}:{service}", {step[1]: declared[step[1]]}
    found = namespaces_in_yang(yang, service)
    if len({namespace for _, namespace, _ in found}) == 1:
        _, namespace, prefix = found[0]
        return f"{prefix}:{service}", {prefix: namespace}
    if found:
        several = " and ".join(f"`{namespace}` ({file.name})" for file, namespace, _ in found)
        raise Refusal(f"the list `{service}` is in several namespaces, {several}: name one with --namespace")
    raise Refusal(
        f"the namespace of the list `{service}` is not known: no YANG module in {yang} has it. Name the directory with "
        f"--yang, or the namespace with --namespace"
    )


def settings_of(file, namespace, yang):
    """Returns what the description of the module says, as attributes of `confine.Service`."""
    directives = file.directives()
    name = file.constant("SERVICE")
    if not isinstance(name, str):
        raise Refusal(f"{file.path.name}: write `SERVICE` as a text")
    name = name.rpartition(":")[2]
    service, own = service_list(file, name, directives, namespace, yang)
    prefixes = file.constant("SERVICE_NAMESPACES", {}) | directives.get("prefixes", {}) | own
    prefixes = {prefix: uri for prefix, uri in prefixes.items() if uri != SERVICES}
    reserved = {SERVICES, "http://clicon.org/lib", "urn:ietf:params:xml:ns:netconf:base:1.0"}
    for uri in file.namespaces():
        if uri not in reserved and uri not in prefixes.values():
            prefixes[new_prefix(uri, prefixes)] = uri
    digest = hashlib.sha256(file.source.encode()).hexdigest()[:8]
    return {
        "services": [service],
        "version": directives.get("version") or file.constant("__version__") or f"source-{digest}",
        "prefixes": prefixes,
        "reads": directives.get("reads", ["/devices"]) + [f"/services/{service}"],
        "writes": directives.get("writes", []),
        "shares_with": directives.get("shares_with", []),
        "commit_time": directives.get("commit_time", False),
    }


def new_prefix(uri, prefixes):
    """Returns a prefix for a namespace that has none in the module."""
    last = re.sub(r"[^\w.-]", "", re.split(r"[/:]", uri.rstrip("/:"))[-1])
    prefix = last if re.match(r"[A-Za-z_]", last) else f"ns-{last}"
    number = 2
    while prefix in prefixes or prefix == "ctrl":
        prefix = f"{last}-{number}"
        number += 1
    return prefix


def main():
    """Writes the module that is compiled."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("--namespace", help="the namespace of the list that the module serves")
    parser.add_argument("--yang", type=pathlib.Path, help="the YANG module that has the list, or a directory with it")
    parser.add_argument("--output", type=pathlib.Path, required=True, help="the module to write")
    arguments = parser.parse_args()
    try:
        path = arguments.file
        file = ServerFile(path, path.read_text(encoding="utf-8"))
        if not file.is_module:
            return 0
        file.check_imports()
        yang = arguments.yang or pathlib.Path(os.path.abspath(path)).parent
        settings = settings_of(file, arguments.namespace, yang)
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        return 1
    arguments.output.write_text(
        ENTRY.format(file=path.name, source=file.source, settings=settings), encoding="utf-8"
    )
    print("service-with-hooks" if file.has_hooks else "service")
    return 0


if __name__ == "__main__":
    sys.exit(main())
