"""The part of the tree that `SERVICE_XPATH` selects."""

import re

_NAME = r"(?:[\w.-]+:)?([\w.-]+|\*)"
_STEP = re.compile(rf"/{_NAME}((?:\[\s*{_NAME}\s*=\s*(?:'[^']*'|\"[^\"]*\")\s*\])*)\s*")
_PREDICATE = re.compile(rf"\[\s*{_NAME}\s*=\s*(?:'([^']*)'|\"([^\"]*)\")\s*\]")


class Selection:
    """What of the children of a node is selected, with everything below them or with a part of it."""

    def __init__(self, paths):
        # Each path is a list of steps; a step is a name, or `*`, and the texts of children.
        self._paths = paths

    @classmethod
    def parse(cls, xpath):
        """Returns the selection of an XPath: absolute paths, joined by `|`, with predicates `[name='text']`.

        Returns none if it selects everything.
        """
        paths = []
        for path in _union(xpath):
            if path == "/":
                return None
            steps, at = [], 0
            while at < len(path):
                step = _STEP.match(path, at)
                if step is None:
                    raise ValueError(
                        f"the XPath `{path}` is not supported: write `/step[name='text']/step`, several with `|`"
                    )
                texts = {name: single or double for name, single, double in _PREDICATE.findall(step[2])}
                steps.append((step[1], texts))
                at = step.end()
            paths.append(steps)
        return cls(paths)

    def of_child(self, name, has_text):
        """Returns whether a child is selected, and what of it: a selection, or none for all of it.

        `has_text(name, text)` is whether the child has a child with this name and text.
        """
        rest = []
        for (wanted, texts), *below in self._paths:
            if wanted in (name, "*") and all(has_text(leaf, text) for leaf, text in texts.items()):
                if not below:
                    return True, None
                rest.append(below)
        return bool(rest), Selection(rest) if rest else None


def _union(xpath):
    """Returns the paths of a union. A `|` in a text separates nothing."""
    paths = [""]
    for part in re.findall(r"'[^']*'|\"[^\"]*\"|\||[^|'\"]+", xpath):
        if part == "|":
            paths.append("")
        else:
            paths[-1] += part
    return [path.strip() for path in paths]
