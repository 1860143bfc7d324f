"""Random changes of random trees: what is written makes of the datastore what the module has left."""

import os
import random
import unittest

from clixon.changes import edit_of
from clixon.element import Element
from clixon.reading import ReadElement, datastore
from tests.fake_view import CONTROLLER, FakeView
from clixon.xml_text import element_text, escape

SEEDS = int(os.environ.get("CLIXON_SEEDS", "60"))
KEYS = {"device": ("name",), "entry": ("id",), "link": ("a", "b"), "service": ("service-name",)}
KEY_NAMES = {key for keys in KEYS.values() for key in keys}
LEAF_LISTS = {"tag"}
# Containers, with and without a namespace of their own; `m` has no prefix in the description.
NAMESPACES = {"system": "urn:p", "interfaces": "urn:m", "extra": "urn:p"}
PREFIXES = {"p": "urn:p", "s": "urn:s"}
# What a module may do, and how often.
CHANGES = ["create", "create", "add", "add", "text", "text", "delete", "delete", "replace", "move", "look", "delete-name"]
TEXTS = ["", "x", "a & <b>", "it's \"7\"", "line 1\nline 2", " space ", "true", "ü]]>"]


class Maker:
    """Makes random content for a place, each name once, and each list entry with other keys."""

    def __init__(self, chance):
        self.chance = chance
        self.number = 0

    def fresh(self):
        self.number += 1
        return f"k{self.number} {self.chance.choice(TEXTS)}"

    def xml(self, depth=0):
        """Returns the children of a node as XML."""
        parts = []
        for name in self.chance.sample(["leaf", "host-name", "mtu"], self.chance.randrange(4)):
            parts.append(element_text(name, {}, escape(self.chance.choice(TEXTS))))
        for _ in range(self.chance.randrange(3)):
            parts.append(element_text("tag", {}, escape(self.fresh())))
        if depth < 3:
            for name in self.chance.sample(["box", "extra", "find"], self.chance.randrange(3)):
                parts.append(element_text(name, self.declared(name), self.xml(depth + 1)))
            for name in ("entry", "link"):
                for _ in range(self.chance.randrange(3)):
                    keys = "".join(element_text(key, {}, escape(self.fresh())) for key in KEYS[name])
                    parts.append(element_text(name, {}, keys + self.xml(depth + 1)))
        return "".join(parts)

    def declared(self, name):
        return {"xmlns": NAMESPACES[name]} if name in NAMESPACES else {}

    def datastore(self):
        devices = "".join(
            f"<device><name>r{number}</name><addr>192.0.2.{number}</addr><config>"
            + "".join(
                element_text(name, {"xmlns": NAMESPACES[name]}, self.xml())
                for name in ("system", "interfaces")
                if self.chance.random() < 0.8
            )
            + "</config></device>"
            for number in range(1, 4)
        )
        service = '<service xmlns="urn:s"><service-name>one</service-name><text>t</text></service>'
        return (
            f'<services xmlns="{CONTROLLER}">{service}</services><devices xmlns="{CONTROLLER}">{devices}</devices>'
        )

    def element(self, depth=0):
        """Returns an element as a module makes one."""
        kind = self.chance.choice(["leaf", "tag", "box", "entry", "link"])
        if kind in ("leaf", "tag") or depth > 2:
            return Element("tag", data=self.fresh())
        if kind == "box":
            # No name of its own in the datastore, so that nothing is merged.
            made = Element(f"box-{self.number}")
            self.number += 1
        else:
            made = Element(kind)
            for key in KEYS[kind]:
                made.create(key, data=self.fresh())
        for _ in range(self.chance.randrange(3)):
            made.add(self.element(depth + 1))
        return made


def change(chance, maker, root):
    """Makes one random change somewhere below the configuration of a device."""
    devices = root.devices.get_elements("device")
    config = chance.choice(devices).config
    # Either by name, as modules do, or any child.
    place = config.find(chance.choice(["system", "interfaces"]))
    if place is None:
        return
    containers = ["box", "extra", "entry", "link"]
    while chance.random() < 0.6:
        name = chance.choice(containers) if chance.random() < 0.5 else ""
        below = [one for one in place.get_elements(name) if one.origname() in containers]
        if not below:
            break
        place = chance.choice(below)
    what = chance.choice(CHANGES)
    if what == "create":
        place.create(f"new-{maker.number}", data=maker.fresh())
    elif what == "add":
        place.add(maker.element())
    elif what == "look":
        place.dumps()
    elif what == "delete-name":
        place.delete(chance.choice(["leaf", "mtu", "extra", "box", "tag"]))
    else:
        change_child(chance, maker, place, what, config.get_elements())


def change_child(chance, maker, place, what, tops):
    """Makes a change of a random child."""
    children = place.get_elements()
    several = [one for one in children if one.origname() in ("entry", "link", "tag")]
    leaves = [one for one in children if not one.get_elements()]
    if what == "move" and several:
        # Its keys are like no other's, so that it stays one entry. The namespace may be another one there.
        element = chance.choice(several)
        element.delete()
        chance.choice([one for one in tops if one.find("box") is not None] or [place]).add(element)
    elif what == "text" and leaves:
        chance.choice(leaves).cdata = maker.fresh()
    elif what == "delete" and children:
        child = chance.choice(children)
        if child.origname() not in KEY_NAMES:
            child.delete()
    elif what == "replace" and several:
        place.delete(chance.choice(several))
        place.add(maker.element())


def left(element, namespace):
    """Returns the tree that a module left as the datastore has trees."""
    namespace = element.attributes.get("xmlns") or namespace
    if isinstance(element, ReadElement) and "xmlns" not in element.attributes:
        above = element._old_above
        while above is not None and "xmlns" not in above.attributes:
            above = above._old_above if isinstance(above, ReadElement) else above._above
        namespace = above.attributes["xmlns"] if above is not None else None
    children = [left(child, namespace) for child in element.get_elements()]
    return (namespace, element.origname(), "" if children else element.cdata, children)


def in_any_order(plain):
    namespace, name, text, children = plain
    return (str(namespace), name, text, sorted(map(in_any_order, children)))


class PropertyTest(unittest.TestCase):
    def test_edits_make_the_tree_that_the_module_left(self):
        changed = 0
        for seed in range(SEEDS):
            with self.subTest(seed=seed):
                chance = random.Random(seed)
                maker = Maker(chance)
                view = FakeView(maker.datastore(), KEYS, LEAF_LISTS, PREFIXES)
                root = datastore(view, "service", PREFIXES, None, None)
                for _ in range(chance.randrange(12)):
                    change(chance, maker, root)
                edit = edit_of(root)
                # What was not looked at is read when the edit is made, so that it cannot add to it.
                expected = in_any_order(left(root, None))
                if edit:
                    view.edit_xml(edit)
                    changed += 1
                self.assertEqual(in_any_order(view.top.plain())[3], expected[3], edit)
        self.assertGreater(changed, SEEDS / 2)


if __name__ == "__main__":
    unittest.main()
