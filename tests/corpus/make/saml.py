"""Responses and Assertions in the style of a product."""

import dataclasses
import datetime

from tree import E, declare, escape, name

NOW = datetime.datetime(2026, 11, 21, 12, 0, 0)
ACS = "https://sp.example.com/saml/acs"
SLO = "https://sp.example.com/saml/slo"
SP = "https://sp.example.com/saml/metadata"
IDP = "https://idp.example.com/metadata"
OTHER_IDP = "https://other-idp.example.com/metadata"
ALICE = "alice@example.com"  # the attacker's own account
CAROL = "carol@example.com"  # the victim

NAMEID = "urn:oasis:names:tc:SAML:1.1:nameid-format:"
NAMEID2 = "urn:oasis:names:tc:SAML:2.0:nameid-format:"
EMAIL = NAMEID + "emailAddress"
UNSPECIFIED = NAMEID + "unspecified"
PERSISTENT = NAMEID2 + "persistent"
TRANSIENT = NAMEID2 + "transient"
ENTITY = NAMEID2 + "entity"
BASIC = "urn:oasis:names:tc:SAML:2.0:attrname-format:basic"
URI = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"


def time(seconds=0, digits=0):
    """A time relative to the corpus' now."""
    moment = NOW + datetime.timedelta(seconds=seconds)
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    return text + (f".{'1234567890'[:digits]}" if digits else "") + "Z"


@dataclasses.dataclass
class Style:
    """How a product writes."""

    p: str = "samlp"  # the prefix of the protocol's namespace
    a: str = "saml"  # of the assertion's
    pretty: str = None
    prolog: str = ""
    root_declares: tuple = ("p",)  # p, a, and prefixes of tree.NAMESPACES
    assertion_declares: tuple = ("a",)
    issuer_declares: tuple = ("a",)  # the Response's Issuer, unless the root has declared it
    status_declares: tuple = ()  # Okta declares saml2p once more
    value_declares: tuple = ()  # AttributeValue
    value_type: str = None  # xsi:type, for instance xs:string
    issuer_format: str = None
    digits: int = 0  # of a second


@dataclasses.dataclass
class Attribute:
    """One Attribute element; `values` are texts, markup (E), or None for an empty element."""

    name: str
    values: tuple = ()
    name_format: str = None
    friendly_name: str = None
    more: tuple = ()


@dataclasses.dataclass
class Confirmation:
    """One SubjectConfirmation."""

    method: str = BEARER
    recipient: str = ACS
    in_response_to: str = "_request"
    not_before: str = None
    not_on_or_after: object = 300
    address: str = None
    data: bool = True


@dataclasses.dataclass
class Assertion:
    """What it says. Times are seconds from now, texts as they are, None for absent."""

    id: str = "_assertion"
    version: str = "2.0"
    issue_instant: object = 0
    issuer: str = IDP
    name_id: str = ALICE
    format: str = EMAIL
    name_qualifier: str = None
    sp_name_qualifier: str = None
    confirmations: tuple = (Confirmation(),)
    not_before: object = -300
    not_on_or_after: object = 300
    audiences: tuple = ((SP,),)
    conditions: tuple = ()  # more of them, as E
    advice: object = None  # an E
    authn_instant: object = -10
    session_index: str = "_session"
    session_not_on_or_after: object = None
    context_class: str = PASSWORD
    authority: str = None
    locality: str = None
    statements: tuple = ()  # more AuthnStatements, as E
    attributes: tuple = ()


@dataclasses.dataclass
class Response:
    """What it says."""

    id: str = "_response"
    version: str = "2.0"
    issue_instant: object = 0
    destination: str = ACS
    in_response_to: str = "_request"
    consent: str = None
    issuer: str = IDP
    status: str = SUCCESS
    sub_status: str = None
    message: str = None
    extensions: object = None


def _time(style, value):
    return time(value, style.digits) if isinstance(value, int) else value


def _declare(style, wanted):
    known = {"p": (style.p, "samlp"), "a": (style.a, "saml")}
    return [declare(*known.get(one, (one, one))) for one in wanted]


def issuer(style, text, declared=()):
    """saml:Issuer"""
    attributes = _declare(style, declared) + [("Format", style.issuer_format)]
    return E(name(style.a, "Issuer"), attributes, escape(text))


def assertion(style, what, declares=None):
    """A saml:Assertion."""
    q = lambda local: name(style.a, local)
    t = lambda value: _time(style, value)
    subject = E(q("Subject"))
    if what.name_id is not None:
        named = [
            ("Format", what.format),
            ("NameQualifier", what.name_qualifier),
            ("SPNameQualifier", what.sp_name_qualifier),
        ]
        subject.children.append(E(q("NameID"), named, escape(what.name_id)))
    for one in what.confirmations:
        data = one.data and E(
            q("SubjectConfirmationData"),
            [
                ("Address", one.address),
                ("InResponseTo", one.in_response_to),
                ("NotBefore", t(one.not_before)),
                ("NotOnOrAfter", t(one.not_on_or_after)),
                ("Recipient", one.recipient),
            ],
        )
        subject.children.append(E(q("SubjectConfirmation"), {"Method": one.method}, data or None))
    restrictions = [
        E(q("AudienceRestriction"), [], *[E(q("Audience"), [], escape(a)) for a in audiences])
        for audiences in what.audiences
    ]
    conditions = E(
        q("Conditions"),
        {"NotBefore": t(what.not_before), "NotOnOrAfter": t(what.not_on_or_after)},
        *restrictions,
        *what.conditions,
    )
    statements = list(what.statements)
    if what.authn_instant is not None:
        statements.insert(0, authn_statement(style, what))
    if what.attributes:
        made = [attribute(style, one) for one in what.attributes]
        statements.append(E(q("AttributeStatement"), [], *made))
    declared = style.assertion_declares if declares is None else declares
    return E(
        q("Assertion"),
        _declare(style, declared)
        + [("ID", what.id), ("IssueInstant", t(what.issue_instant)), ("Version", what.version)],
        issuer(style, what.issuer) if what.issuer is not None else None,
        subject,
        conditions,
        what.advice,
        *statements,
    )


def authn_statement(style, what):
    """saml:AuthnStatement"""
    q = lambda local: name(style.a, local)
    return E(
        q("AuthnStatement"),
        [
            ("AuthnInstant", _time(style, what.authn_instant)),
            ("SessionIndex", what.session_index),
            ("SessionNotOnOrAfter", _time(style, what.session_not_on_or_after)),
        ],
        E(q("SubjectLocality"), {"Address": what.locality}) if what.locality else None,
        E(
            q("AuthnContext"),
            [],
            E(q("AuthnContextClassRef"), [], what.context_class),
            E(q("AuthenticatingAuthority"), [], what.authority) if what.authority else None,
        ),
    )


def attribute(style, what):
    """saml:Attribute"""
    made = E(
        name(style.a, "Attribute"),
        [
            ("FriendlyName", what.friendly_name),
            ("Name", what.name),
            ("NameFormat", what.name_format),
            *what.more,
        ],
    )
    for value in what.values:
        typed = [("xsi:type", style.value_type)] if style.value_type else []
        content = escape(value) if isinstance(value, str) else value
        declared = _declare(style, style.value_declares)
        made.children.append(E(name(style.a, "AttributeValue"), declared + typed, content))
    return made


def response(style, what, *assertions):
    """A samlp:Response around elements (or markup)."""
    q = lambda local: name(style.p, local)
    inner = E(q("StatusCode"), {"Value": what.sub_status}) if what.sub_status else None
    status = E(
        q("Status"),
        _declare(style, style.status_declares),
        E(q("StatusCode"), {"Value": what.status}, inner),
        E(q("StatusMessage"), [], escape(what.message)) if what.message else None,
    )
    declares = [one for one in style.issuer_declares if one not in style.root_declares]
    return E(
        q("Response"),
        _declare(style, style.root_declares)
        + [
            ("Consent", what.consent),
            ("Destination", what.destination),
            ("ID", what.id),
            ("InResponseTo", what.in_response_to),
            ("IssueInstant", _time(style, what.issue_instant)),
            ("Version", what.version),
        ],
        issuer(style, what.issuer, declares) if what.issuer is not None else None,
        what.extensions,
        status,
        *assertions,
    )


def plain(style=None, what=None, envelope=None):
    """The elements of an unsigned Response, and its Assertion: `root, assertion = plain()`."""
    style = style or Style()
    made = assertion(style, what or Assertion())
    return response(style, envelope or Response(), made), made


def evil(element, new_id="_evil"):
    """A deep copy without Signature that speaks of the victim, and has another ID unless None."""
    copy = element.copy()
    for one in copy.walk():
        one.without("Signature")
        one.children = [
            child.replace(ALICE, CAROL) if isinstance(child, str) else child
            for child in one.children
        ]
    return copy.set("ID", new_id) if new_id else copy
