"""The elements of the configuration tree, and of trees that a module makes."""

from clixon import formats
from clixon.xml_text import attribute_name, attributes_text, element_text, escape, value_text

__all__ = ["Element"]


class Element:
    """An element with attributes, and with text or children.

    A child is an attribute whose name has `_` for `-`, `.` and `:`. Several children with one name are a list:

    >>> root = Element("root")
    >>> system = root.create("system", attributes={"xmlns": "urn:example"})
    >>> name = system.create("host-name", data="r1")
    >>> root.system.host_name
    r1
    >>> root.dumps()
    '<system xmlns="urn:example"><host-name>r1</host-name></system>'

    A child that is called like a method, such as `find`, is reached with `find` and `get_elements`.
    """

    __slots__ = ("_name", "_attributes", "_text", "_children", "_above")

    def __init__(self, name="root", attributes=None, cdata="", data="", parent=None):
        self._name = name
        self._attributes = dict(attributes or {})
        self._text = value_text(data) or value_text(cdata)
        self._children = []
        self._above = parent

    # What elements that are read from the datastore do otherwise.

    def _load(self):
        """Reads the text and all children."""

    def _before_change(self):
        """Called before the element is changed."""

    # Names, text and attributes.

    def get_name(self):
        """Returns the name with `_` for `-`, as an attribute has it."""
        return attribute_name(self._name)

    def origname(self):
        """Returns the name as XML has it."""
        return self._name

    def rename(self, name, origname=None, modified=True):
        """Gives the element another name: `origname` if given, because `name` may have `_` for `-`."""
        self._before_change()
        self._load()
        self._name = origname or name

    @property
    def cdata(self):
        """The text of the element, without escapes."""
        self._load()
        return self._text

    @cdata.setter
    def cdata(self, value):
        self.set_data(value)

    def set_data(self, data, modified=True):
        """Sets the text. A number is written in decimal, and a Boolean as `true` or `false`."""
        self._before_change()
        self._load()
        self._text = value_text(data)

    def get_data(self, typecast=None):
        """Returns the text, as a `typecast` if one is given.

        >>> Element("mtu", data=9000).get_data(int), Element("enabled", data="false").get_data(bool)
        (9000, False)
        """
        text = self.cdata
        if typecast is None:
            return text
        return {"true": True, "false": False}.get(text, bool(text)) if typecast is bool else typecast(text)

    @property
    def attributes(self):
        """The XML attributes. Changes of the dictionary are changes of the element."""
        return self._attributes

    @attributes.setter
    def attributes(self, attributes):
        self.set_attributes(attributes)

    def set_attributes(self, attributes, modified=True):
        """Replaces all attributes."""
        self._before_change()
        self._load()
        self._attributes = dict(attributes)

    def update_attributes(self, attributes, modified=True):
        """Adds attributes, or replaces their values."""
        self.set_attributes({**self.attributes, **attributes})

    def get_attributes(self, key=None):
        """Returns all attributes; with a key, the value of that one, or none."""
        return self.attributes if key is None else self.attributes.get(key)

    def get_attributes_str(self):
        """Returns the attributes as a start tag has them."""
        return attributes_text(self.attributes)

    # Making changes.

    def create(self, name, attributes=None, cdata="", data="", element=None, modified=True):
        """Adds a new child and returns it. `data` and `cdata` are its text, and `element` is its own child."""
        self._before_change()
        child = Element(name, attributes, cdata, data, self)
        if element is not None:
            child.add(element)
        self._children.append(child)
        return child

    def add(self, element):
        """Adds an element, several, or all elements of a parsed document."""
        if isinstance(element, (list, tuple)):
            for one in element:
                self.add(one)
            return
        if isinstance(element, Document):
            self.add(element.get_elements())
            return
        if not isinstance(element, Element):
            raise TypeError(f"add() takes an Element, not {type(element).__name__}")
        if any(above is element for above in [self, *self.parents()]):
            raise ValueError(f"`{element._name}` cannot be added to an element below it")
        self._before_change()
        element._above = self
        self._children.append(element)

    def delete(self, name=None, element=None):
        """Deletes the children with this name, or one `element`, or all children with `*`. Without arguments,
        deletes the element itself. What is not there is no error."""
        if isinstance(name, Element):
            name, element = None, name
        if name is None and element is None:
            if self._above is not None:
                self._above.delete(element=self)
            return
        if element is not None:
            gone = [element]
        else:
            gone = self.get_elements() if name == "*" else self.get_elements(name)
        ids = {id(child) for child in gone}
        if any(id(child) in ids for child in self._children):
            self._before_change()
            self._children = [child for child in self._children if id(child) not in ids]

    def replace(self, name, element):
        """Puts an element where the children with this name are. Adds it if there are none."""
        old = {id(child) for child in self.get_elements(name)}
        at = next((at for at, child in enumerate(self._children) if id(child) in old), None)
        self.add(element)
        new = self._children.pop()
        if at is None:
            at = len(self._children)
        self._children.insert(at, new)
        self._children = [child for child in self._children if id(child) not in old or child is new]

    # Looking at the tree.

    def parent(self):
        """Returns the element above, or none."""
        return self._above

    def parents(self):
        """Iterates over the elements above, the nearest first."""
        above = self._above
        while above is not None:
            yield above
            above = above._above

    def find(self, name):
        """Returns the first child with this name, or none."""
        found = self.findall(name)
        return found[0] if found else None

    def findall(self, name):
        """Returns the children with this name."""
        return self.get_elements(name)

    def get_elements(self, name="", data="", elements=None, recursive=False, get_modified_elements=False):
        """Returns the children; those with this name, and with this text, if given.

        With `recursive`, looks at everything below. `elements` is a list to which those that are found are added.
        With `get_modified_elements`, returns only those that the module has made or changed.
        """
        found = [] if elements is None else elements
        for child in self._named(name) if name and not recursive else self._all():
            is_named = not name or child._name == name or attribute_name(child._name) == name
            if is_named and (not data or child.cdata == data):
                if not get_modified_elements or child.get_modified():
                    found.append(child)
            if recursive:
                child.get_elements(name, data, found, True, get_modified_elements)
        return found

    def _all(self):
        self._load()
        return self._children

    def _named(self, name):
        """Returns the children with this name, in which `_` may stand for `-`, `.` or `:`."""
        self._load()
        return self._among_children(name)

    def _among_children(self, name):
        exact = [child for child in self._children if child._name == name]
        return exact or [child for child in self._children if attribute_name(child._name) == name]

    def _first_key(self):
        """Returns the value of the first key, if the element is a service instance. Its keys come first."""
        usual = [leaf for name in ("service-name", "instance") for leaf in self.get_elements(name)]
        leaves = usual or self.get_elements()
        return leaves[0].cdata if leaves else None

    def get_modified(self):
        """Returns whether the module has made or changed the element or something below it."""
        return True

    def set_modified(self, modified=True):
        """Does nothing: what has changed is found by comparing the tree with what was read."""
        return modified

    def find_modified(self):
        """Returns the elements below that the module has made or changed."""
        return self.get_elements(recursive=True, get_modified_elements=True)

    def __getattr__(self, key):
        if key.startswith("__"):
            raise AttributeError(key)
        found = self._named(key)
        if not found:
            raise AttributeError(f"`{self._name}` has no child `{key}`")
        return found[0] if len(found) == 1 else list(found)

    def __getitem__(self, key):
        """Returns an attribute; or, with a number, the element as the only one of a list."""
        return self.attributes[key] if isinstance(key, str) else [self][key]

    def __iter__(self):
        """Iterates over the element alone, so that one child and a list of several are iterated alike."""
        return iter([self])

    def __len__(self):
        return len(self._all())

    def __contains__(self, key):
        """Returns whether there is a child with this name; or, of a leaf, whether this is its text."""
        children = self._all()
        return bool(self._named(key)) if children else self.cdata == key

    def __bool__(self):
        return True

    def __eq__(self, other):
        """Compares the text, with text or with another leaf."""
        if isinstance(other, Element):
            return self is other or not (self._all() or other._all()) and self.cdata == other.cdata
        return self.cdata == other if isinstance(other, str) else NotImplemented

    def __hash__(self):
        return hash(self.cdata)

    def __deepcopy__(self, memo):
        """Returns an element of its own with the same text, attributes and children, to be added elsewhere."""
        return self._copied(None)

    def _copied(self, above):
        copied = Element(self._name, self.attributes, self.cdata, parent=above)
        copied._children = [child._copied(copied) for child in self._all()]
        return copied

    def __copy__(self):
        return self.__deepcopy__({})

    def __str__(self):
        return self.cdata

    def __repr__(self):
        return self.cdata if self.cdata or not self._children else self._name

    def __dir__(self):
        return sorted({*super().__dir__(), *(attribute_name(child._name) for child in self._all())})

    # Writing the tree as text.

    def dumps(self, modified=False):
        """Returns what is below the element as XML; with `modified`, only what the module has made or changed."""
        return "".join(
            element_text(child._name, child.attributes, child.dumps(modified) or escape(child.cdata))
            for child in self._all()
            if not modified or child.get_modified()
        )

    def dumps_pp(self, modified=False):
        """Returns the same with indentation."""
        return formats.indented(self.dumps(modified))

    def dumpj(self):
        """Returns what is below the element as JSON."""
        return formats.json_text(self)

    def dumpy(self):
        """Returns what is below the element as YAML."""
        return formats.yaml_text(self)


class Document(Element):
    """What a parser returns: its children are the elements of the text."""

    __slots__ = ()
