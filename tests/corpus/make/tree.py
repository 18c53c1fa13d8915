"""Elements that are written exactly as they were put together: prefixes, order, white space.

A library's serialiser would tidy up, and what a vendor sends is not tidy.
"""

import copy

NAMESPACES = {
    "samlp": "urn:oasis:names:tc:SAML:2.0:protocol",
    "saml": "urn:oasis:names:tc:SAML:2.0:assertion",
    "md": "urn:oasis:names:tc:SAML:2.0:metadata",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
    "xenc": "http://www.w3.org/2001/04/xmlenc#",
    "xenc11": "http://www.w3.org/2009/xmlenc11#",
    "xs": "http://www.w3.org/2001/XMLSchema",
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
}


def escape(text):
    """Text content."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("\r", "&#13;")


def escape_attribute(text):
    """The value of an attribute in double quotes."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    for character in "\t\n\r":
        text = text.replace(character, f"&#{ord(character)};")
    return text


class E:
    """One element. `children` are elements and strings of markup, which are written as they are."""

    def __init__(self, name, attributes=(), *children):
        self.name = name
        pairs = attributes.items() if isinstance(attributes, dict) else attributes
        self.attributes = [(key, value) for key, value in pairs if value is not None]
        self.children = [child for child in children if child is not None]

    @property
    def local(self):
        """The name without its prefix."""
        return self.name.rpartition(":")[2]

    def get(self, key):
        """An attribute's value, or None."""
        return dict(self.attributes).get(key)

    def set(self, key, value):
        """Changes an attribute where it stands, adds it at the end, or drops it (None)."""
        kept = [(name, value if name == key else old) for name, old in self.attributes]
        if key not in dict(self.attributes):
            kept.append((key, value))
        self.attributes = [(name, text) for name, text in kept if text is not None]
        return self

    def copy(self):
        """A deep copy."""
        return copy.deepcopy(self)

    def walk(self):
        """The element and all below it, in document order."""
        yield self
        for child in self.children:
            if isinstance(child, E):
                yield from child.walk()

    def find(self, local, number=0):
        """The element of this local name, itself or below."""
        return [found for found in self.walk() if found.local == local][number]

    def parent_of(self, wanted):
        """The element that has `wanted` as a child."""
        return next(e for e in self.walk() if any(child is wanted for child in e.children))

    def after(self, local, *new):
        """Puts children behind the first child of this local name."""
        place = next(
            place
            for place, child in enumerate(self.children)
            if isinstance(child, E) and child.local == local
        )
        self.children[place + 1 : place + 1] = new
        return self

    def without(self, local):
        """Drops the children of this local name."""
        self.children = [
            child for child in self.children if not (isinstance(child, E) and child.local == local)
        ]
        return self

    def write(self, pretty=None, depth=0):
        """As text. `pretty` is what one step of indentation is, for instance four spaces."""
        tag = "".join(f' {key}="{escape_attribute(value)}"' for key, value in self.attributes)
        if not self.children:
            return f"<{self.name}{tag}/>"
        only_elements = all(isinstance(child, E) for child in self.children)
        inner = pretty if only_elements else None
        parts = [
            child.write(inner, depth + 1) if isinstance(child, E) else child
            for child in self.children
        ]
        if inner is not None:
            step = "\n" + inner * (depth + 1)
            body = step + step.join(parts) + "\n" + inner * depth
        else:
            body = "".join(parts)
        return f"<{self.name}{tag}>{body}</{self.name}>"


def name(prefix, local):
    """`saml`, `Issuer` → `saml:Issuer`; the empty prefix is the default namespace."""
    return f"{prefix}:{local}" if prefix else local


def declare(prefix, namespace):
    """The attribute that declares a prefix."""
    return (f"xmlns:{prefix}" if prefix else "xmlns", NAMESPACES.get(namespace, namespace))


def spaced(element, step="  ", depth=1):
    """The same with white space between the elements, as children of its own."""
    if element.children and all(isinstance(child, E) for child in element.children):
        line = "\n" + step * depth
        children = [part for child in element.children for part in (line, spaced(child, step, depth + 1))]
        element.children = [*children, "\n" + step * (depth - 1)]
    return element


def arranged(element, names):
    """Attributes in this order; `xmlns` stands for all declarations, the rest follows."""
    place = {name: number for number, name in enumerate(names)}
    rank = lambda key: place.get("xmlns" if key.split(":")[0] == "xmlns" else key, len(place))
    element.attributes.sort(key=lambda pair: rank(pair[0]))
    return element
