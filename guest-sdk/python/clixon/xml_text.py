"""XML as text: names, escapes and the text of whole elements."""

import functools
import re

_ENTITY = re.compile(r"&(#x[0-9a-fA-F]+|#[0-9]+|[a-z]+);")
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}
_ATTRIBUTE = re.compile(r"""([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")


@functools.lru_cache(maxsize=4096)
def attribute_name(name):
    """Returns the Python name of an element.

    >>> attribute_name("ssh-key"), attribute_name("ge.0"), attribute_name("oc:mtu")
    ('ssh_key', 'ge_0', 'oc_mtu')
    """
    return name.replace("-", "_").replace(".", "_").replace(":", "_")


def escape(text):
    """Returns text as the content of an element.

    >>> escape("a & <b>")
    'a &amp; &lt;b&gt;'
    """
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("\r", "&#13;")


def escape_attribute(text):
    """Returns text as the value of an attribute, for double quotes."""
    return escape(text).replace('"', "&quot;").replace("\n", "&#10;").replace("\t", "&#9;")


def unescape(text):
    """Returns the text that the content of an element stands for.

    >>> unescape("a &amp; &#60;b&gt;")
    'a & <b>'
    """
    return _ENTITY.sub(_character, text) if "&" in text else text


def _character(entity):
    name = entity[1]
    if name.startswith("#x"):
        return chr(int(name[2:], 16))
    if name.startswith("#"):
        return chr(int(name[1:]))
    return _NAMED[name]


def parse_attributes(text):
    """Returns the attributes in a start tag.

    >>> parse_attributes(''' xmlns="urn:a" b='&lt;' ''')
    {'xmlns': 'urn:a', 'b': '<'}
    """
    if not text:
        return {}
    return {name: unescape(double or single) for name, double, single in _ATTRIBUTE.findall(text)}


def attributes_text(attributes):
    """Returns attributes as a start tag has them.

    >>> attributes_text({"xmlns": "urn:a", "n": 1})
    ' xmlns="urn:a" n="1"'
    """
    return "".join(f' {name}="{escape_attribute(str(value))}"' for name, value in attributes.items())


def element_text(name, attributes, content):
    """Returns the text of an element with content that is escaped already."""
    tag = f"{name}{attributes_text(attributes)}"
    return f"<{tag}>{content}</{name}>" if content else f"<{tag}/>"


def value_text(value):
    """Returns a value as YANG writes it (RFC 7950, section 9); none is the empty text.

    >>> value_text(True), value_text(9000), value_text(None)
    ('true', '9000', '')
    """
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
