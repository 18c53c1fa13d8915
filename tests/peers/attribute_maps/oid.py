"""LDAP's object identifiers, as universities and Shibboleth sites send them."""

_NAMES = {
    "uid": "urn:oid:0.9.2342.19200300.100.1.1",
    "mail": "urn:oid:0.9.2342.19200300.100.1.3",
    "givenName": "urn:oid:2.5.4.42",
    "sn": "urn:oid:2.5.4.4",
    "displayName": "urn:oid:2.16.840.1.113730.3.1.241",
    "department": "urn:oid:2.16.840.1.113730.3.1.2",
    "title": "urn:oid:2.5.4.12",
    "employeeNumber": "urn:oid:2.16.840.1.113730.3.1.3",
    "manager": "urn:oid:0.9.2342.19200300.100.1.10",
    "groups": "urn:oid:1.3.6.1.4.1.5923.1.5.1.1",
    "eduPersonAffiliation": "urn:oid:1.3.6.1.4.1.5923.1.1.1.1",
    "eduPersonPrincipalName": "urn:oid:1.3.6.1.4.1.5923.1.1.1.6",
    "eduPersonEntitlement": "urn:oid:1.3.6.1.4.1.5923.1.1.1.7",
    "eduPersonScopedAffiliation": "urn:oid:1.3.6.1.4.1.5923.1.1.1.9",
    "eduPersonAssurance": "urn:oid:1.3.6.1.4.1.5923.1.1.1.11",
}

MAP = {
    "identifier": "urn:oasis:names:tc:SAML:2.0:attrname-format:uri",
    "fro": {name: local for local, name in _NAMES.items()},
    "to": _NAMES,
}
