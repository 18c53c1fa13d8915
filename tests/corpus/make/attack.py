"""What attacks are made of: one honest message in three ways to sign it, and ways to bend it.

alice@example.com is the attacker, who has an account of her own at the identity provider, and so a
message of her own that it has signed. carol@example.com is whom she would like to be.
"""

import base64
import hashlib

import keys
import sign
from case import Case
from saml import ACS, EMAIL, PASSWORD
from saml import ALICE as ATTACKER
from saml import CAROL as VICTIM
from saml import IDP as CORP
from saml import SP as ENTITY_ID
from sign import Signature, read
from tree import E, declare

CM = "urn:oasis:names:tc:SAML:2.0:cm:"
STATUS = "urn:oasis:names:tc:SAML:2.0:status:"
ISSUED = "2026-11-21T11:59:55Z"
BEFORE = "2026-11-21T11:59:00Z"
UNTIL = "2026-11-21T12:05:00Z"

PLACES = ("response", "assertion", "both")


# Building


def name_id(value=ATTACKER, **attributes):
    """saml:NameID. The value is markup."""
    return E("saml:NameID", {"Format": EMAIL, **attributes}, value)


def confirmation(method="bearer", **changes):
    """saml:SubjectConfirmation; an attribute that is None is left out."""
    data = {
        "InResponseTo": "_request",
        "NotOnOrAfter": UNTIL,
        "Recipient": ACS,
    } | changes
    return E(
        "saml:SubjectConfirmation",
        {"Method": CM + method},
        E("saml:SubjectConfirmationData", data),
    )


def audience(*names):
    """saml:AudienceRestriction."""
    return E("saml:AudienceRestriction", [], *[E("saml:Audience", [], n) for n in names])


def conditions(*inside, **changes):
    """saml:Conditions, for us unless said otherwise."""
    window = {"NotBefore": BEFORE, "NotOnOrAfter": UNTIL} | changes
    return E("saml:Conditions", window, *(inside or [audience(ENTITY_ID)]))


def attribute(name, *values, **more):
    """saml:Attribute; values are markup."""
    return E(
        "saml:Attribute",
        {"Name": name, **more},
        *[v if isinstance(v, E) else E("saml:AttributeValue", [], v) for v in values],
    )


def attributes(who=ATTACKER):
    """What is said about a person."""
    return E(
        "saml:AttributeStatement",
        [],
        attribute("email", who),
        attribute("groups", "staff"),
    )


def authn(**changes):
    """saml:AuthnStatement."""
    said = {"AuthnInstant": BEFORE, "SessionIndex": "_session"} | changes
    context = E("saml:AuthnContext", [], E("saml:AuthnContextClassRef", [], PASSWORD))
    return E("saml:AuthnStatement", said, context)


def subject(who=ATTACKER, *inside):
    """saml:Subject."""
    return E("saml:Subject", [], *(inside or [name_id(who), confirmation()]))


def assertion(who=ATTACKER, ID="_assertion", issuer=CORP, parts=None, **changes):
    """saml:Assertion. `parts` replaces what stands behind the Issuer."""
    if parts is None:
        parts = [subject(who), conditions(), authn(), attributes(who)]
    said = {"ID": ID, "Version": "2.0", "IssueInstant": ISSUED} | changes
    issuer = issuer if isinstance(issuer, (E, type(None))) else E("saml:Issuer", [], issuer)
    return E("saml:Assertion", said, issuer, *parts)


def status(value="Success", *inside):
    """samlp:Status."""
    return E(
        "samlp:Status", [], E("samlp:StatusCode", {"Value": STATUS + value}, *inside)
    )


def response(*inside, ID="_response", issuer=CORP, state=None, **changes):
    """samlp:Response around Assertions."""
    said = {
        "ID": ID,
        "Version": "2.0",
        "IssueInstant": ISSUED,
        "Destination": ACS,
        "InResponseTo": "_request",
    } | changes
    declared = [declare("samlp", "samlp"), declare("saml", "saml")]
    issuer = issuer and E("saml:Issuer", [], issuer)
    state = status() if state is None else state or None
    return E("samlp:Response", declared + list(said.items()), issuer, state, *inside)


def signed(root, where, **how):
    """The text of a Response that is signed in one of the PLACES."""
    how = Signature(**how)
    inner = root.find("Assertion") if where in ("assertion", "both") else None
    places = [(inner, how)] if inner is not None else []
    if where in ("response", "both"):
        places.append((root, how))
    return sign.signed(root, *places)


# Bending


class Message:
    """An honest message to take apart. `root` may be changed; `text()` is what comes out."""

    def __init__(self, where, root=None, **how):
        self.where = where
        self.root = read(signed(root or response(assertion()), where, **how))
        # Of whom the words are, without any Signature.
        self.bare_assertion = self.assertion and bare(self.assertion)
        self.bare_response = bare(self.root, deep=False)

    @property
    def assertion(self):
        """The signed one (the first, before anything is done)."""
        return next((one for one in self.root.walk() if one.local == "Assertion"), None)

    @property
    def outer(self):
        """The Signature of the Response."""
        return child(self.root, "Signature")

    @property
    def inner(self):
        """The Signature of the Assertion."""
        return self.assertion and child(self.assertion, "Signature")

    @property
    def signature(self):
        """The one that covers the Assertion most closely."""
        return self.inner or self.outer

    @property
    def holder(self):
        """What that one covers."""
        return self.assertion if self.inner else self.root

    def evil(self, ID="_evil"):
        """A copy of the Assertion about the victim, unsigned."""
        return victimised(self.bare_assertion, ID)

    def before(self, local, *new):
        """Puts new children of the Response in front of this child."""
        put_before(self.root, child(self.root, local), *new)

    def replace(self, old, *new):
        """Puts others where a child was."""
        replace(self.root.parent_of(old), old, *new)

    def text(self):
        """As it goes out."""
        return self.root.write()


def child(parent, local):
    """The first child of this local name, or None."""
    found = (c for c in parent.children if isinstance(c, E) and c.local == local)
    return next(found, None)


def put_before(parent, mark, *new):
    """Puts children in front of another."""
    at = next(at for at, c in enumerate(parent.children) if c is mark)
    parent.children[at:at] = new


def replace(parent, old, *new):
    """Puts children where another was."""
    at = next(at for at, c in enumerate(parent.children) if c is old)
    parent.children[at : at + 1] = new


def bare(element, deep=True):
    """A copy without its Signature (and those below it)."""
    made = element.copy()
    for one in list(made.walk()) if deep else [made]:
        one.without("Signature")
    return made


def victimised(element, ID=None, who=VICTIM):
    """A copy that is about the victim."""
    made = element.copy()
    if ID:
        made.set("ID", ID)
    for one in made.walk():
        if one.local in ("NameID", "AttributeValue"):
            one.children = [
                c.replace(ATTACKER, who) if isinstance(c, str) else c for c in one.children
            ]
    return made


def victimise(element):
    """The same in place."""
    element.children = victimised(element).children
    return element


def thing(*inside):
    """ds:Object."""
    return E("ds:Object", [declare("ds", "ds")], *inside)


def extensions(*inside):
    """samlp:Extensions."""
    return E("samlp:Extensions", [], *inside)


def digest_of(element, root=None):
    """SHA-256 of an element's canonical form, as base64. It is put into a Response to find out
    which namespaces are in scope there."""
    held = response(element)
    document = sign._parse(held.write())
    found = document.getroot()[-1]
    return base64.b64encode(hashlib.sha256(sign.canonical(found)).digest()).decode()


EMPTY_DIGEST = base64.b64encode(hashlib.sha256(b"").digest()).decode()


def odd_signed(root, parent, how, edit=None, content=None, octets=None, value=None, place="Issuer"):
    """Signs like `sign.signed`, with a hand in everything.

    `edit(signature)` changes the ds:Signature before it is filled in; `content(document)` are the
    bytes that are digested; `octets` those that are signed; `value(octets)` makes SignatureValue.
    """
    how = Signature(**how)
    made = sign.element(how, 0, f"#{parent.get('ID')}")
    if edit:
        edit(made)
    if place is None:
        parent.children.insert(0, made)
    else:
        parent.after(place, made)
    text = root.write()
    document = sign._parse(text)
    signature = document.xpath("//*[local-name()='Signature']")[0]
    if content is None:
        covered = signature.getparent()
        sign._remove(signature)
        data = sign.canonical(covered, how.transform or "c14n", how.prefix_list)
    else:
        data = content(document)
    name = how.digest if how.digest in sign.DIGEST else "sha256"
    digest = base64.b64encode(getattr(hashlib, name)(data).digest()).decode()
    text = text.replace("@D0@", digest)
    if "@S0@" not in text:
        return text
    if octets is None:
        info = sign._parse(text).xpath("//*[local-name()='SignedInfo']")[0]
        method = how.c14n if how.c14n in sign.C14N else "exc"
        octets = sign.canonical(info, method, how.prefix_list_signed_info)
    if value is None:
        value = lambda octets: sign.raw(keys.private(how.key), how.algorithm, octets)
    return text.replace("@S0@", base64.b64encode(value(octets)).decode())


def either(where, edit=None, root=None, how=None, **more):
    """`odd_signed` at the Response or the Assertion."""
    root = root or response(assertion())
    parent = root if where == "response" else root.find("Assertion")
    return odd_signed(root, parent, how or {}, edit, **more)


# Writing


class Family:
    """The files of one family, in a folder of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.made = []

    def add(self, path, title, row, body, code, signed="assertion", **more):
        """A message that is refused with this code."""
        expect = code if code == "accept" else f"refuse {code}"
        if code == "accept" and "name_id" not in more:
            more |= honest()
        self.made.append(
            Case(
                path=f"attack/{self.folder}/{path}",
                title=title,
                row=row,
                body=body,
                expect=expect,
                signed=signed,
                **more,
            )
        )


def honest(who=ATTACKER):
    """What an accepted message says."""
    return {
        "name_id": who,
        "format": EMAIL,
        "session_index": "_session",
        "attributes": (("email", who), ("groups", "staff")),
    }
