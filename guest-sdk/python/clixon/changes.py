"""What a module has changed in a tree, as an edit for the view.

The tree is compared with what was read of it: what was not looked at was not changed. The edit has

- what was created, with everything below it;
- what was deleted, by its keys;
- the text of leaves that was changed;
- the elements above these, and the keys of list entries on the way.

An element whose name or keys were changed is another one: the old one is removed, and the new one created. Who
created what is left to the host, so the attributes `cl:creator` and `nc:operation` are not part of the edit.
"""

from clixon.datastore_path import last_step
from clixon.reading import ReadElement, namespace_of
from clixon.xml_text import element_text, escape

NETCONF = "urn:ietf:params:xml:ns:netconf:base:1.0"
_CLIXON = "http://clicon.org/lib"
_REMOVED = {"nc:operation": "remove", "xmlns:nc": NETCONF}
# What `nc:operation` says about an element that is created anyway.
_CREATED = ("create", "merge")


def edit_of(root):
    """Returns the edit that makes the changes of a module, as the content of `<config>`; the empty text if there are none.

    Services are left out: a module does not write them.
    """
    was = {id(child) for child in root._old_children}
    parts = []
    for child in root._children:
        if id(child) not in was:
            parts.append(_created(child, None))
        elif child._old_name != "services":
            parts.append(_changed(child))
    return "".join(parts)


def _changed(element):
    """Returns what has changed in an element that was read and is still there."""
    if not element._children and not element._old_children and not element.is_changed():
        # Most elements are leaves, or nobody has looked into them.
        return ""
    if _is_removal(element):
        return _removed(element)
    if element._name != element._old_name or _namespace_has_changed(element) or _key_has_changed(element):
        return _removed(element) + _created(element, namespace_of(element._old_above))
    children = _changed_children(element)
    if element._text != element._old_text:
        return children + _changed_text(element)
    new = _new_attributes(element)
    if not children and not new and not _is_claimed(element):
        return ""
    if not children and not last_step(element.path).keys:
        # Only what is below a container can belong to somebody.
        return _created(element, namespace_of(element._old_above))
    attributes = {**_bindings(element.attributes), **new}
    return element_text(element._old_name, attributes, _keys(element) + children)


def _changed_children(element):
    old, new = element._old_children, element._children
    if not old and not new:
        return ""
    _ = element.attributes  # May read the element, and so add to its children.
    was, still = {id(child) for child in old}, {id(child) for child in new}
    parts = [_removed(child) for child in old if id(child) not in still and not child._is_hidden]
    namespace = None
    for child in new:
        if id(child) in was:
            parts.append(_changed(child))
        else:
            namespace = namespace or namespace_of(element)
            parts.append(_created(child, namespace))
    return "".join(parts)


def _changed_text(element):
    if last_step(element.path).entry is not None:
        # An entry of a leaf-list has no other name than its value.
        return _removed(element) + _created(element, namespace_of(element._old_above))
    return element_text(element._old_name, _bindings(element.attributes), escape(element._text))


def _namespace_has_changed(element):
    return (element._attributes or {}).get("xmlns") != (element._old_attributes or {}).get("xmlns")


def _new_attributes(element):
    """Returns the attributes that the module has given to an element, but for those that are left out."""
    old = element._old_attributes or {}
    return {name: value for name, value in _others(element._attributes or {}).items() if old.get(name) != value}


def _key_has_changed(element):
    """Returns whether the element is a list entry with other values of its keys."""
    still = {id(child): child for child in element._children}
    suspects = [
        child._old_name
        for child in element._old_children
        if not child._is_hidden and not child._old_children
        if id(child) not in still or child.is_changed()
    ]
    return bool(suspects) and any(name in last_step(element.path).keys for name in suspects)


def _removed(element):
    """Returns the removal of an element that was read."""
    attributes = {**_bindings(element._old_attributes or element.attributes), **_REMOVED}
    return element_text(element._old_name, attributes, _keys(element))


def _keys(element):
    """Returns the keys of a list entry as elements, and the value of a leaf-list entry."""
    step = last_step(element.path)
    if step.entry is not None:
        return escape(step.entry)
    leaves = {child._old_name: child for child in element._old_children}
    return "".join(
        element_text(name, _bindings(leaves[name]._old_attributes) if name in leaves else {}, escape(value))
        for name, value in step.keys.items()
    )


def _created(element, namespace):
    """Returns an element with everything below it, for a place in a namespace."""
    attributes = _bindings(element.attributes)
    if isinstance(element, ReadElement) and "xmlns" not in attributes:
        # It may come from a place in another namespace.
        own = namespace_of(element)
        if own is not None and own != namespace:
            attributes["xmlns"] = own
    if _is_removal(element):
        attributes.update(_REMOVED)
    else:
        attributes.update(_others(element.attributes))
    namespace = attributes.get("xmlns", namespace)
    children = element.get_elements()
    content = "".join(_created(child, namespace) for child in children) or escape(element.cdata)
    return element_text(element._name, attributes, content)


def _bindings(attributes):
    """Returns the declarations of namespaces, but for those of the attributes that are left out."""
    return {
        name: value
        for name, value in attributes.items()
        if _declares(name) and (name == "xmlns" or value not in (NETCONF, _CLIXON))
    }


def _others(attributes):
    """Returns the attributes that the host is to decide about."""
    return {
        name: value
        for name, value in attributes.items()
        if not _declares(name)
        and name != "cl:creator"
        and not (name == "nc:operation" and value in _CREATED)
    }


def _declares(name):
    return name == "xmlns" or name.startswith("xmlns:")


def _is_removal(element):
    return (element._attributes or {}).get("nc:operation") in ("remove", "delete")


def _is_claimed(element):
    """Returns whether the module says of an element that was there that the instance has created it."""
    return "cl:creator" in (element._attributes or {})
