"""Splitting the XML that the view returns, one level at a time.

A parser visits every element of a text. Here an element is looked for only where a module looks: an element of which
nothing is asked is skipped by searching its end. The text is the host's: well-formed, without comments, CDATA sections and
processing instructions.
"""

import re

_START = re.compile(r"<([^\s/>]+)([^>]*?)(/?)>")


def split(text, start, end):
    """Returns the name, the text of the attributes, and the start and end of the content of each element.

    >>> xml = "<a><b x='1'><b/></b></a><c/>"
    >>> [(name, attributes, xml[start:end]) for name, attributes, start, end in split(xml, 0, len(xml))]
    [('a', '', "<b x='1'><b/></b>"), ('c', '', '')]
    """
    elements = []
    at = start
    while at < end:
        tag = _START.match(text, at, end)
        if tag is None:
            raise ValueError(f"unexpected text between elements: `{text[at:at + 40]}`")
        name, attributes, is_empty = tag.groups()
        content = tag.end()
        if is_empty:
            elements.append((name, attributes, content, content))
            at = content
            continue
        close = _close(text, name, content, end)
        elements.append((name, attributes, content, close))
        at = close + len(name) + 3
    return elements


def _close(text, name, at, end):
    """Returns where the end tag is of an element whose content starts at `at`."""
    close = text.find(f"</{name}>", at, end)
    if text.find(f"<{name}", at, close) < 0:
        return close
    # Elements with the same name, or with one that begins like it, are in between.
    depth = 1
    for tag in re.compile(rf"<(/?){re.escape(name)}(?=[\s/>])[^>]*?(/?)>").finditer(text, at, end):
        if tag[1]:
            depth -= 1
            if depth == 0:
                return tag.start()
        elif not tag[2]:
            depth += 1
    raise ValueError(f"the element `{name}` has no end")
