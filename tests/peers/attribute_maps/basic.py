"""Plain names, as the identity providers for companies send them."""

_NAMES = [
    "uid",
    "mail",
    "givenName",
    "sn",
    "displayName",
    "department",
    "title",
    "employeeNumber",
    "manager",
    "groups",
]

MAP = {
    "identifier": "urn:oasis:names:tc:SAML:2.0:attrname-format:basic",
    "fro": {name: name for name in _NAMES},
    "to": {name: name for name in _NAMES},
}
