"""What modules often need of the tree."""

import re

from clixon.element import Element

__all__ = [
    "get_data",
    "get_device",
    "get_devices",
    "get_devices_configuration",
    "get_devices_from_group",
    "get_junos_interface_address",
    "get_openconfig_interface_address",
    "get_path",
    "get_properties",
    "get_service_instance",
    "get_service_instances",
    "get_value",
    "is_juniper",
    "set_creator_attributes",
    "timeout",
]

_STEP = re.compile(r"/?([^/\[\]]+)((?:\[[^\]'\"]*(?:'[^']*'|\"[^\"]*\")?\])*)")
_PREDICATE = re.compile(r"\[\s*(?:([0-9]+)|([^=\]\s]+)\s*=\s*(?:'([^']*)'|\"([^\"]*)\"))\s*\]")


def timeout(seconds=10):
    """Returns a decorator that does nothing: a clock stands still in a module, and Confine limits how long it runs."""
    return lambda function: function


def get_service_instance(root, service_name, *args, **kwargs):
    """Returns the instance of a service that `instance` names, whatever its key is called; or none.

    The arguments of `setup` may be given as they are: `get_service_instance(root, SERVICE, **kwargs)`.
    """
    for given in args:
        kwargs = {**given, **kwargs}
    if kwargs.get("instance") is None:
        return None
    for instance in get_service_instances(root, service_name):
        if instance._first_key() == kwargs["instance"]:
            return instance
    return None


def get_service_instances(root, service_name):
    """Returns all instances of a service that the module serves."""
    return root.services.get_elements(service_name) if root.find("services") else []


def get_devices(root):
    """Iterates over all devices."""
    devices = root.find("devices")
    yield from devices.get_elements("device") if devices else []


def get_device(root, name):
    """Returns the device with this name, or none."""
    return next((device for device in get_devices(root) if device.name == str(name)), None)


def get_devices_configuration(root, name=""):
    """Returns the element `config` of the device with this name, or none. Without a name, those of all devices."""
    if name:
        device = get_device(root, name)
        return device.find("config") if device is not None else None
    return [config for device in get_devices(root) for config in device.get_elements("config")]


def get_devices_from_group(root, device_group_name):
    """Returns the names of the devices in a device group, and in the groups that it contains. A name is an element:
    it compares and prints as its text."""
    names, seen, groups = [], set(), [str(device_group_name)]
    all_groups = {}
    for group in root.devices.get_elements("device-group"):
        all_groups.setdefault(group.name.cdata, group)
    while groups:
        name = groups.pop(0)
        if name in seen or name not in all_groups:
            continue
        seen.add(name)
        group = all_groups[name]
        names.extend(one for one in group.get_elements("device-name") if one not in names)
        groups.extend(one.cdata for one in group.get_elements("device-group"))
    return names


def get_properties(root, name):
    """Returns the leaves of `/services/properties/NAME` by their names, and by their names with `_` for `-`."""
    services = root.find("services")
    every = services.find("properties") if services is not None else None
    properties = every.find(name) if every is not None else None
    values = {}
    for leaf in properties.get_elements() if properties is not None else []:
        values[leaf.origname()] = values[leaf.get_name()] = leaf.cdata
    return values


def is_juniper(device):
    """Returns whether the configuration of a device is one of Junos."""
    config = device.find("config")
    configuration = config.find("configuration") if config is not None else None
    return configuration is not None and "junos" in configuration.attributes.get("xmlns", "")


def get_path(root, path):
    """Returns the first element at a path below an element, or none.

    A step may name a position from 0, or a child and its text:

    >>> from clixon.parser import parse_string
    >>> root = parse_string("<a><b><name>x</name></b><b><name>y</name><c>1</c></b></a>")
    >>> get_path(root, "/a/b[name='y']/c"), get_path(root, "/a/b[1]/name"), get_path(root, "/a/b[2]")
    (1, y, None)
    """
    found = [root]
    at = 0
    while at < len(path):
        step = _STEP.match(path, at)
        if step is None:
            raise ValueError(f"`{path}` is not a path: write `/step[key='value']/step[0]`")
        at = step.end()
        found = [child for element in found for child in element.get_elements(step[1].strip())]
        for position, name, single, double in _PREDICATE.findall(step[2]):
            if position:
                found = found[int(position) : int(position) + 1]
            else:
                text = single or double
                found = [one for one in found if any(leaf == text for leaf in one.get_elements(name))]
    return found[0] if found else None


def get_value(element, val, required=False, default=""):
    """Returns the text of the child `val`. If there is none, it is an error if `required`, and `default` otherwise."""
    child = element.find(val) if isinstance(element, Element) else None
    if child is not None:
        return child.cdata
    if required:
        where = element.origname() if isinstance(element, Element) else element
        raise ValueError(f"`{where}` has no value for `{val}`")
    return default


def get_data(element, val, required=False, default=""):
    """Returns the text of a child: see `get_value`."""
    return get_value(element, val, required, default)


def set_creator_attributes(root, service_name, instance_name="", operation="create", *args, **kwargs):
    """Says that the instance has created an element.

    Confine keeps track of that by itself: what `setup` creates belongs to the instance that it runs for. What was there
    already becomes the instance's too, as far as another instance has created it.
    """
    root.update_attributes(
        {
            "cl:creator": f"{service_name}[service-name='{instance_name}']",
            "nc:operation": operation,
            "xmlns:cl": "http://clicon.org/lib",
        }
    )


def get_junos_interface_address(root, device, interface, unit, family="inet", primary=True):
    """Returns the addresses of a unit of a Junos interface; with `primary`, only those that are marked so."""
    place = (
        f"/config/configuration/interfaces/interface[name={_quoted(interface)}]"
        f"/unit[name={_quoted(unit)}]/family/{family}"
    )
    return [
        address.name.cdata
        for address in _addresses(root, device, place)
        if not primary or address.get_elements("primary")
    ]


def get_openconfig_interface_address(root, interface_name, interface_unit, device_name, family=""):
    """Returns the first address of a subinterface of an OpenConfig interface, with its prefix length if that is set.

    The family is `ipv4` or `ipv6`; without one, the first address of any. Returns the empty text if there is none.
    """
    for version in [family] if family else ["ipv4", "ipv6"]:
        place = (
            f"/config/interfaces/interface[name={_quoted(interface_name)}]"
            f"/subinterfaces/subinterface[index={_quoted(interface_unit)}]/{version}/addresses"
        )
        for address in _addresses(root, device_name, place):
            config = address.find("config")
            length = get_value(config, "prefix-length") if config is not None else ""
            ip = get_value(address, "ip") or get_value(config, "ip")
            return f"{ip}/{length}" if length else ip
    return ""


def _addresses(root, device_name, place):
    device = get_device(root, device_name)
    above = get_path(device, place) if device is not None else None
    return above.get_elements("address") if above is not None else []


def _quoted(value):
    """Returns a value as a path has it."""
    quote = '"' if "'" in str(value) else "'"
    if quote in str(value):
        raise ValueError(f"`{value}` has both kinds of quotes, which a path cannot have")
    return f"{quote}{value}{quote}"
