"""Identity providers: how each writes a Response, as far as captures and documents show it.

What a message says is invented; how it says it is not.
"""

import copy
import dataclasses

import saml
from saml import (
    ALICE,
    BASIC,
    EMAIL,
    ENTITY,
    PERSISTENT,
    SP,
    TRANSIENT,
    UNSPECIFIED,
    URI,
    Assertion,
    Attribute,
    Response,
    Style,
)
from sign import Signature, signed
from tree import arranged, declare

XSD = "http://www.w3.org/2001/XMLSchema"
CLAIM = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
MICROSOFT = "http://schemas.microsoft.com/"
UNSPECIFIED_CONTEXT = "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified"
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'


@dataclasses.dataclass
class Vendor:
    """One product."""

    style: Style
    signature: Signature = dataclasses.field(default_factory=Signature)
    assertion: Assertion = dataclasses.field(default_factory=Assertion)
    response: Response = dataclasses.field(default_factory=Response)
    order: tuple = ()  # of the attributes of Response
    order_assertion: tuple = ()
    adjust: object = None  # function(element): a last touch


def elements(vendor, what=None, envelope=None):
    """The unsigned Response and its Assertion."""
    what = what or vendor.assertion
    made = standalone(vendor, what)
    root = saml.response(vendor.style, envelope or vendor.response, made)
    arranged(root, vendor.order)
    if vendor.adjust:
        vendor.adjust(root)
    return root, made


def standalone(vendor, what=None, declares=None):
    """The unsigned Assertion alone."""
    made = saml.assertion(vendor.style, what or vendor.assertion, declares)
    return arranged(made, vendor.order_assertion)


def message(vendor, where, what=None, envelope=None, signature=None):
    """A signed Response as text."""
    root, made = elements(vendor, what, envelope)
    how = signature or vendor.signature
    places = []
    if where in ("assertion", "both"):
        places.append((made, how))
    if where in ("response", "both"):
        places.append((root, how))
    return signed(root, *places, prolog=vendor.style.prolog, pretty=vendor.style.pretty)


def expected(what):
    """What has to be read out of it: arguments of Case."""
    values = [
        (one.name, value)
        for one in what.attributes
        for value in one.values
        if isinstance(value, str)
    ]
    return {
        "name_id": what.name_id,
        "format": what.format if what.name_id is not None else None,
        "session_index": what.session_index,
        "attributes": tuple(values),
    }


def changed(record, **changes):
    """A copy with other values."""
    return dataclasses.replace(copy.deepcopy(record), **changes)


def _declare_everywhere(root):
    """Okta declares saml2 at the Assertion and once more at each of its children."""
    for child in root.find("Assertion").children:
        if not child.local == "Signature" and not any(key == "xmlns:saml2" for key, _ in child.attributes):
            child.attributes.insert(0, declare("saml2", "saml"))


def _default_at_assertion(root):
    """Keycloak declares a default namespace at the Assertion that nothing there uses."""
    root.find("Assertion").attributes.insert(0, declare("", "saml"))


_ENTRA_ID = "_b9b26f8e-41c8-4e41-a7c1-1e4e6a1d0c00"
_MICROSOFT_ORDER = (
    "ID", "Version", "IssueInstant", "Destination", "Consent", "InResponseTo", "xmlns",
)  # fmt: skip
_MICROSOFT_STYLE = Style(a="", digits=3)

OKTA = Vendor(
    style=Style(
        p="saml2p",
        a="saml2",
        prolog=DECLARATION,
        root_declares=("p", "xs"),
        assertion_declares=("a", "xs"),
        status_declares=("p",),
        value_declares=("xs", "xsi"),
        value_type="xs:string",
        issuer_format=ENTITY,
        digits=3,
    ),
    signature=Signature(prefix_list="xs", wrap=76),
    assertion=Assertion(
        id="id17398419085742141204117301",
        session_index="id1763980799000.1048233450",
        attributes=(
            Attribute("email", (ALICE,), UNSPECIFIED.replace("1.1:nameid", "2.0:attrname")),
            Attribute("groups", ("Everyone", "IT Managers"), BASIC),
        ),
    ),
    response=Response(id="id1739841908513209870452741"),
    order=("Destination", "ID", "InResponseTo", "IssueInstant", "Version", "xmlns"),
    order_assertion=("ID", "IssueInstant", "Version", "xmlns"),
    adjust=_declare_everywhere,
)

ENTRA = Vendor(
    style=_MICROSOFT_STYLE,
    signature=Signature(prefix=""),
    assertion=Assertion(
        id=_ENTRA_ID,
        format=EMAIL,
        session_index=_ENTRA_ID,
        not_before=-300,
        not_on_or_after=3600,
        confirmations=(saml.Confirmation(not_on_or_after=3600),),
        authn_instant=-80_000,
        context_class="urn:oasis:names:tc:SAML:2.0:ac:classes:Password",
        attributes=(
            Attribute(MICROSOFT + "identity/claims/tenantid", ("0d5c1e71-8b2d-4a2b-9d3b-3a0f6f1f2a11",)),
            Attribute(MICROSOFT + "identity/claims/objectidentifier", ("c7a3e2b0-5a47-4b0e-8c1f-2d9d8f7e6a55",)),
            Attribute(MICROSOFT + "identity/claims/displayname", ("Alice Åström",)),
            Attribute(
                MICROSOFT + "ws/2008/06/identity/claims/groups",
                ("8a4f2d0e-0000-4000-8000-1b2c3d4e5f60", "9b5f3e1f-0000-4000-8000-2c3d4e5f6071"),
            ),
            Attribute(CLAIM + "emailaddress", (ALICE,)),
            Attribute(CLAIM + "givenname", ("Alice",)),
            Attribute(CLAIM + "name", (ALICE,)),
        ),
    ),
    response=Response(id="_4a52c1c1-0b8e-4ac6-9f4e-6a0a2f1e7d10"),
    order=_MICROSOFT_ORDER,
    order_assertion=("ID", "IssueInstant", "Version", "xmlns"),
)

ADFS = Vendor(
    style=_MICROSOFT_STYLE,
    signature=Signature(key_info="x509-default"),
    assertion=Assertion(
        id="_d5ec7a9b-8d8f-4b44-8c94-9812612142be",
        session_index="_d5ec7a9b-8d8f-4b44-8c94-9812612142be",
        not_before=0,
        not_on_or_after=3600,
        context_class="urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
        attributes=(
            Attribute(CLAIM + "emailaddress", (ALICE,)),
            Attribute(CLAIM + "upn", (ALICE,)),
            Attribute("http://schemas.xmlsoap.org/claims/Group", ("Domain Users", "IT Managers")),
        ),
    ),
    response=Response(
        id="_8e8dc5f69a98cc4c1ff3427e5ce34606fd672f91e6",
        consent="urn:oasis:names:tc:SAML:2.0:consent:unspecified",
    ),
    order=_MICROSOFT_ORDER,
    order_assertion=("ID", "IssueInstant", "Version", "xmlns"),
)

GOOGLE = Vendor(
    style=Style(
        p="saml2p",
        a="saml2",
        prolog='<?xml version="1.0" encoding="UTF-8" standalone="no"?>',
        value_declares=("xs", "xsi"),
        value_type="xs:anyType",
        digits=3,
    ),
    signature=Signature(key_info="subject", wrap=76),
    assertion=Assertion(
        id="_0c1d6cd8c3a7e1f0a5f6e0b9f3d7c2ab",
        format=UNSPECIFIED,
        session_index="_0c1d6cd8c3a7e1f0a5f6e0b9f3d7c2ab",
        context_class=UNSPECIFIED_CONTEXT,
        attributes=(
            Attribute("email", (ALICE,)),
            Attribute("phone"),
            Attribute("address"),
            Attribute("jobTitle"),
            Attribute("firstName", ("Alice",)),
        ),
    ),
    response=Response(id="_6c2f3f8e2bb6f7d0a8a4e4f9f2d1c0de"),
)

JUMPCLOUD = Vendor(
    style=Style(value_declares=("xs", "xsi"), value_type="xs:string", digits=3),
    assertion=Assertion(
        id="A4L8Q2ZJ0W7PT5XK1M9BCVD3RE6NGYHSUFOIA2B4",
        format="urn:oasis:names:tc:SAML:1.0:nameid-format:unspecified",
        session_index="5b8a7f0c6d1e4a3b9c2d8e7f6a5b4c3d",
        attributes=(Attribute("email", (ALICE,), BASIC), Attribute("memberOf", ("it",), BASIC)),
    ),
    response=Response(
        id="Z7XQ3N5M1K9J8H6G4F2D0SAPLOIUYTREWQ1234AB",
        consent="urn:oasis:names:tc:SAML:2.0:consent:unspecified",
    ),
)

KEYCLOAK = Vendor(
    style=Style(
        root_declares=("p", "a"),
        assertion_declares=(),
        value_declares=("xs", "xsi"),
        value_type="xs:string",
        digits=3,
    ),
    signature=Signature(prefix="dsig", key_info="keycloak"),
    assertion=Assertion(
        id="ID_2b5a1d38-0d7e-4e55-9f16-6e7b7c6a2d11",
        not_before=-2,
        not_on_or_after=58,
        confirmations=(saml.Confirmation(not_on_or_after=298),),
        session_index="0f3c3f31-6d3a-4c53-8d9a-3f0a0b2e2c1d::d3f1b6a9-2a47-44a5-a9a1-2d4f4cb1a6d2",
        session_not_on_or_after=36_000,
        context_class=UNSPECIFIED_CONTEXT,
        attributes=(
            Attribute("Role", ("offline_access",), BASIC),
            Attribute("Role", ("uma_authorization",), BASIC),
            Attribute("Role", ("it-manager",), BASIC),
            Attribute("urn:oid:1.2.840.113549.1.9.1", (ALICE,), URI, "email"),
        ),
    ),
    response=Response(id="ID_0e4f6d6c-64a9-4a4e-b6f4-4c53b0f7b6bb"),
    order=("xmlns", "Destination", "ID", "InResponseTo", "IssueInstant", "Version"),
    adjust=_default_at_assertion,
)

ONELOGIN = Vendor(
    style=Style(
        root_declares=("a", "p"),
        assertion_declares=("xs", "xsi"),
        value_declares=("xsi",),
        value_type="xs:string",
    ),
    assertion=Assertion(
        id="pfx41d8ef22-e612-8c50-9960-1b16f15741b3",
        not_before=-180,
        not_on_or_after=180,
        confirmations=(saml.Confirmation(not_on_or_after=180),),
        session_not_on_or_after=86_400,
        attributes=(
            Attribute("User.email", (ALICE,), BASIC),
            Attribute("memberOf", ("IT;Managers",), BASIC),
            Attribute("User.LastName", ("Example",), BASIC),
            Attribute("PersonImmutableID", ("",), BASIC),
            Attribute("User.FirstName", ("Alice",), BASIC),
        ),
    ),
    response=Response(id="R7a0b9e4f52b0e8ac4d1f1c1f4ad2d5b1e0d0a3c8"),
    order=("xmlns", "ID", "Version", "IssueInstant", "Destination", "InResponseTo"),
    order_assertion=("xmlns", "Version", "ID", "IssueInstant"),
)

PINGONE = Vendor(
    style=Style(value_declares=("xs", "xsi"), value_type="xs:string", digits=3),
    signature=Signature(key_info="x509+key-value", wrap=76, first_eol=True),
    assertion=Assertion(
        id="_9f6a1c0e-7b3d-4d28-8c11-5a0b7d6e4f21",
        name_id="2e1d0c9b-8a7f-4e6d-9c5b-4a3f2e1d0c9b",
        format=None,
        not_before=-60,
        session_not_on_or_after=300,
        attributes=(Attribute("saml_subject", ("2e1d0c9b-8a7f-4e6d-9c5b-4a3f2e1d0c9b",), BASIC),),
    ),
    response=Response(id="_3c5b7a19-0f2e-4d6c-9b8a-7f6e5d4c3b2a"),
)

PINGFEDERATE = Vendor(
    style=Style(value_declares=("xs", "xsi"), value_type="xs:string", digits=3),
    signature=Signature(key_info=None),
    assertion=Assertion(
        id="Jx7.b0aQ-Wz_1K.vYc-9oR",
        session_index="Jx7.b0aQ-Wz_1K.vYc-9oR",
        format=UNSPECIFIED,
        attributes=(Attribute("mail", (ALICE,), BASIC), Attribute("memberOf", ("CN=IT,DC=example",), BASIC)),
    ),
    response=Response(id="Hq2-.PmA_0z.L-u"),
    order=("Version", "ID", "IssueInstant", "InResponseTo", "Destination", "xmlns"),
    order_assertion=("ID", "IssueInstant", "Version", "xmlns"),
)

AUTH0 = Vendor(
    style=Style(
        assertion_declares=("a",),
        value_declares=("xs", "xsi"),
        value_type="xs:string",
        digits=3,
    ),
    signature=Signature(prefix=""),
    assertion=Assertion(
        id="_jKX2mq9v0DvnYqWbE4hU3r7sTzPaLc5F",
        name_id="auth0|64b7f0c2a1d3e5f708192a3b",
        format=UNSPECIFIED,
        session_index="_nB0xqv9k3m2d5z7y1w8t6r4p",
        not_before=0,
        not_on_or_after=3600,
        context_class=UNSPECIFIED_CONTEXT,
        attributes=(
            Attribute(CLAIM + "nameidentifier", ("auth0|64b7f0c2a1d3e5f708192a3b",), URI),
            Attribute(CLAIM + "emailaddress", (ALICE,), URI),
            Attribute("http://schemas.auth0.com/identities/default/isSocial", ("false",), URI),
            Attribute("http://schemas.auth0.com/email_verified", ("true",), URI),
        ),
    ),
    response=Response(id="_4f1c0b7a2d9e8f6a5b3c"),
    order=("xmlns", "ID", "Version", "IssueInstant", "InResponseTo", "Destination"),
    order_assertion=("xmlns", "Version", "ID", "IssueInstant"),
)

_OID = "urn:oid:"
SHIBBOLETH = Vendor(
    style=Style(
        p="saml2p",
        a="saml2",
        prolog=DECLARATION + "\n",
        value_declares=("xsi",),
        digits=3,
        root_declares=("p",),
    ),
    signature=Signature(prefix_list="xsd", wrap=76, eol="\n", first_eol=True),
    assertion=Assertion(
        id="_e0f5b1c7a9d34286b1f0a7c6d5e4f3a2",
        name_id="AAdzZWNyZXQxN2Y3YjA0Yy1mYjM4LTQ5",
        format=TRANSIENT,
        name_qualifier=saml.IDP,
        sp_name_qualifier=SP,
        session_index="_7b1c9d0e2f3a4b5c6d7e8f90a1b2c3d4",
        not_before=0,
        locality="192.0.2.7",
        confirmations=(saml.Confirmation(address="192.0.2.7"),),
        attributes=(
            Attribute(_OID + "0.9.2342.19200300.100.1.3", (ALICE,), URI, "mail"),
            Attribute(_OID + "2.5.4.42", ("Alice",), URI, "givenName"),
            Attribute(_OID + "1.3.6.1.4.1.5923.1.1.1.9", ("member@example.com", "staff@example.com"), URI, "eduPersonScopedAffiliation"),
        ),
    ),
    response=Response(id="_f0e1d2c3b4a5968778695a4b3c2d1e0f"),
)


def _declare_xsd(root):
    for one in (root, root.find("Assertion")):
        one.attributes.append(("xmlns:xsd", XSD))


SHIBBOLETH.adjust = _declare_xsd

SIMPLESAMLPHP = Vendor(
    style=Style(
        root_declares=("p", "a"),
        assertion_declares=("xsi", "xs"),
        value_type="xs:string",
    ),
    signature=Signature(layout="  "),
    assertion=Assertion(
        id="_bec424fa5103428909a30ff1e31168327f79474984",
        name_id="_ce3d2948b4cf20146dee0a0b3dd6f69b6cf86f62d7",
        format=TRANSIENT,
        sp_name_qualifier=SP,
        not_before=-30,
        not_on_or_after=300,
        session_not_on_or_after=28_800,
        session_index="_be9967abd904ddcae3c0eb4189adbe3f71e327cf93",
        context_class="urn:oasis:names:tc:SAML:2.0:ac:classes:Password",
        attributes=(
            Attribute("uid", ("alice",), BASIC),
            Attribute("mail", (ALICE,), BASIC),
            Attribute("eduPersonAffiliation", ("users", "examplerole1"), BASIC),
        ),
    ),
    response=Response(id="_8e8dc5f69a98cc4c1ff3427e5ce34606fd672f91e6"),
    order=("xmlns", "ID", "Version", "IssueInstant", "Destination", "InResponseTo"),
    order_assertion=("xmlns", "ID", "Version", "IssueInstant"),
)

FORGEROCK = Vendor(
    style=Style(pretty="    ", prolog=DECLARATION + "\n"),
    signature=Signature(wrap=76, eol="&#13;\n", first_eol=True),
    assertion=Assertion(
        id="s2c0ffee0d15ea5edeadbeef0123456789abcdef01",
        format=PERSISTENT,
        name_id="kY1Vd0mP7cXn2Qe8sZr5",
        name_qualifier=saml.IDP,
        sp_name_qualifier=SP,
        session_index="s2a9b8c7d6e5f4a3b2c1d0e9f8a7b6c5d4e3f2a101",
        attributes=(Attribute("mail", (ALICE,)), Attribute("cn", ("Alice Example",))),
    ),
    response=Response(id="s20112233445566778899aabbccddeeff00112233"),
)

GENERIC = Vendor(
    style=Style(p="ns0", a="ns1", prolog=DECLARATION + "\n", root_declares=("p", "a", "xs", "xsi"), assertion_declares=(), value_type="xs:string"),
    signature=Signature(prefix="ns2", wrap=64),
    assertion=Assertion(
        id="id-GvhNq1dz0EwXG3pXv",
        session_index="id-5tq4r0GfQd1V8Xbbe",
        attributes=(Attribute("urn:oid:1.3.6.1.4.1.5923.1.1.1.7", ("urn:example:it",), URI, "eduPersonEntitlement"),),
    ),
    response=Response(id="id-Lp0aWbTrBOqZfK9ms"),
)

ALL = {
    "okta": OKTA,
    "entra": ENTRA,
    "adfs": ADFS,
    "google": GOOGLE,
    "jumpcloud": JUMPCLOUD,
    "keycloak": KEYCLOAK,
    "onelogin": ONELOGIN,
    "pingone": PINGONE,
    "pingfederate": PINGFEDERATE,
    "auth0": AUTH0,
    "shibboleth": SHIBBOLETH,
    "simplesamlphp": SIMPLESAMLPHP,
    "forgerock": FORGEROCK,
    "generic": GENERIC,
}
