"""Signature wrapping: a signed element is there, and another one is meant."""

import copy

from attack import (
    ATTACKER,
    EMPTY_DIGEST,
    PLACES,
    VICTIM,
    Family,
    Message,
    assertion,
    attributes,
    bare,
    child,
    digest_of,
    extensions,
    odd_signed,
    put_before,
    replace,
    response,
    signed,
    status,
    subject,
    thing,
    victimise,
    victimised,
)
from encrypt import Encryption, encrypted
from saml import IDP as CORP
from saml import OTHER_IDP
from sign import read
from tree import E, declare

SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"


def cases():
    family = Family("xsw")
    classical(family)
    duplicate_ids(family)
    id_attributes(family)
    namespaces(family)
    below_the_signature(family)
    moved_signatures(family)
    hiding_places(family)
    encryption(family)
    several_roots(family)
    smuggled_digests(family)
    mixtures(family)
    return family.made


def classical(family):
    """The eight of Somorovsky et al. and their neighbours."""
    for where in ("response", "both"):
        m = Message(where)
        original = m.bare_response.copy() if where == "response" else without_own(m.root)
        evil = evil_response(m)
        child(evil, "Signature").children.append(original)
        family.add(
            f"01-response-in-signature-{where}",
            "Evil Response, the signed one inside of its Signature",
            "XSW-01",
            evil.write(),
            # With both, the Assertion's Signature went into the Response's.
            "sig.position" if where == "both" else "sig.structure",
            signed=where,
        )

        m = Message(where)
        original = m.bare_response.copy() if where == "response" else without_own(m.root)
        evil = evil_response(m)
        put_before(evil, child(evil, "Signature"), original)
        family.add(
            f"02-response-before-signature-{where}",
            "Evil Response, the signed one in front of the Signature",
            "XSW-02",
            evil.write(),
            "sig.position",
            signed=where,
        )

    for where in PLACES:
        m = Message(where)
        m.before("Assertion", m.evil())
        family.add(
            f"03-evil-assertion-first-{where}",
            "Evil Assertion in front of the signed one",
            "XSW-03",
            m.text(),
            "sig.digest" if where != "assertion" else "proto.assertion_count",
            signed=where,
        )
        m = Message(where)
        m.root.children.append(m.evil())
        family.add(
            f"09-evil-assertion-last-{where}",
            "Evil Assertion behind the signed one",
            "XSW-09",
            m.text(),
            "sig.digest" if where != "assertion" else "proto.assertion_count",
            signed=where,
        )

    for where in ("assertion", "both"):
        m = Message(where)
        evil = m.evil()
        original = m.assertion
        m.replace(original, evil)
        evil.children.append(original)
        family.add(
            f"04-signed-assertion-in-evil-one-{where}",
            "The signed Assertion as the last child of an evil one",
            "XSW-04",
            m.text(),
            "sig.position",
            signed=where,
        )

        m = Message(where)
        original = m.bare_assertion
        victimise(m.assertion).set("ID", "_evil")
        m.root.children.append(original)
        family.add(
            f"05-evil-keeps-signature-original-last-{where}",
            "Evil Assertion with the Signature, the original as the last child of the Response",
            "XSW-05",
            m.text(),
            "sig.digest" if where == "both" else "proto.assertion_count",
            signed=where,
        )

        m = Message(where)
        original = m.bare_assertion
        victimise(m.assertion).set("ID", "_evil")
        m.inner.children.append(original)
        family.add(
            f"06-original-in-signature-of-evil-{where}",
            "Evil Assertion with the Signature, the original inside of that",
            "XSW-06",
            m.text(),
            "sig.digest" if where == "both" else "sig.structure",
            signed=where,
        )

        m = Message(where)
        m.before("Status", extensions(m.evil("_assertion")))
        family.add(
            f"07-evil-same-id-in-extensions-{where}",
            "Evil Assertion with the ID of the signed one in the Extensions",
            "XSW-07",
            m.text(),
            "xml.id",
            signed=where,
        )

        m = Message(where)
        original = m.bare_assertion
        victimise(m.assertion)
        m.inner.children.append(thing(original))
        family.add(
            f"08-original-same-id-in-object-{where}",
            "Evil Assertion with ID and Signature, the original with the same ID in its Object",
            "XSW-08",
            m.text(),
            "xml.id",
            signed=where,
        )

        # The same once more, with nothing that would be found twice.
        m = Message(where)
        original = m.bare_assertion
        victimise(m.assertion).set("ID", "_evil")
        m.inner.children.append(thing(original))
        family.add(
            f"08b-original-in-object-{where}",
            "Evil Assertion with the Signature, the original in an Object of that",
            "XSW-08",
            m.text(),
            "sig.digest" if where == "both" else "sig.structure",
            signed=where,
        )

        m = Message(where)
        original = m.assertion
        m.replace(original, m.evil())
        child(m.root, "Status").children.append(E("samlp:StatusDetail", [], original))
        family.add(
            f"13-signed-in-status-detail-{where}",
            "Evil Assertion in place, the signed one in the StatusDetail",
            "XSW-13",
            m.text(),
            "sig.position",
            signed=where,
        )

        m = Message(where)
        original = m.assertion
        evil = m.evil()
        evil.after("Conditions", E("saml:Advice", [], original))
        m.replace(original, evil)
        family.add(
            f"14-signed-in-advice-{where}",
            "Evil Assertion in place, the signed one in its Advice",
            "XSW-14",
            m.text(),
            "sig.position",
            signed=where,
        )

        m = Message(where)
        evil = m.evil()
        evil.after("Conditions", E("saml:Advice", [], m.bare_assertion))
        evil.after("Issuer", m.inner)
        m.replace(m.assertion, evil)
        family.add(
            f"14b-bare-in-advice-signature-outside-{where}",
            "Evil Assertion with the Signature, what that covers in its Advice",
            "XSW-14",
            m.text(),
            "sig.digest" if where == "both" else "sig.reference",
            signed=where,
        )

    for extra, path, title in (
        (True, "10-both-evil-first-outer-broken", "the Response's Signature left as it was"),
        (False, "11-both-evil-first-outer-removed", "the Response's Signature removed"),
    ):
        m = Message("both")
        m.before("Assertion", m.evil())
        if not extra:
            m.root.without("Signature")
        family.add(
            path,
            f"Both signed, evil Assertion in front, {title}",
            "XSW-03" if extra else "XSW-11",
            m.text(),
            "sig.digest" if extra else "proto.assertion_count",
            signed="both",
        )


def without_own(root):
    """A copy of the Response without its own Signature; its Assertion keeps its one."""
    return bare(root, deep=False)


def evil_response(m):
    """The Response with its Signature, about the victim, with another ID."""
    evil = m.root.copy().set("ID", "_evil_response")
    found = evil.find("Assertion")
    replace(evil, found, victimised(bare(found), "_evil"))
    return evil


def duplicate_ids(family):
    for where in ("assertion", "both"):
        m = Message(where)
        m.before("Assertion", m.evil("_assertion"))
        family.add(
            f"15-same-id-first-{where}",
            "Evil Assertion with the ID of the signed one in front of it",
            "XSW-15",
            m.text(),
            "xml.id",
            signed=where,
        )
        m = Message(where)
        m.root.children.append(m.evil("_assertion"))
        family.add(
            f"16-same-id-last-{where}",
            "Evil Assertion with the ID of the signed one behind it",
            "XSW-16",
            m.text(),
            "xml.id",
            signed=where,
        )
        # An ID is one in whatever element it stands, even in one that SAML does not know.
        m = Message(where)
        m.before("Status", extensions(E("x:y", [("xmlns:x", "urn:x"), ("ID", "_assertion")])))
        family.add(
            f"16b-same-id-foreign-element-{where}",
            "The ID of the signed Assertion on an element of a foreign namespace",
            "XSW-16",
            m.text(),
            "xml.id",
            signed=where,
        )

    m = Message("assertion")
    original, signature = m.bare_assertion, m.inner
    signature.children.append(thing(original))
    m.replace(m.assertion, m.evil())
    m.root.set("ID", "_assertion")
    m.root.after("Issuer", signature)
    family.add(
        "17-response-takes-id-and-signature",
        "The Response takes ID and Signature of the Assertion, which sits in the Object",
        "XSW-17",
        m.text(),
        "xml.id",
    )
    m = Message("assertion")
    signature = m.inner
    m.replace(m.assertion, m.evil())
    m.root.set("ID", "_assertion")
    m.root.after("Issuer", signature)
    family.add(
        "17b-response-takes-id-and-signature-alone",
        "The Response takes ID and Signature of the Assertion, which is gone",
        "XSW-17",
        m.text(),
        "sig.digest",
    )
    m = Message("both")
    evil = m.evil("_response")
    m.root.set("ID", "_evil_response").without("Signature")
    m.before("Assertion", evil)
    family.add(
        "53-ids-crossed",
        "Evil Assertion with the ID of the Response, whose Signature is gone",
        "XSW-53",
        m.text(),
        "proto.assertion_count",
        signed="both",
    )
    m = Message("both")
    signature = m.outer
    inner = m.inner
    victimise(m.assertion).set("ID", "_response")
    m.root.set("ID", "_assertion").without("Signature")
    m.assertion.without("Signature").after("Issuer", signature)
    m.root.after("Issuer", inner)
    family.add(
        "53b-ids-and-signatures-swapped",
        "Response and Assertion swap IDs and Signatures",
        "XSW-53",
        m.text(),
        "sig.digest",
        signed="both",
    )


def id_attributes(family):
    """Another attribute than ID holds the signed ID."""
    decoys = {
        "18-saml-id": ("XSW-18", [("saml:ID", "_assertion")], "first"),
        "19-saml-id-behind": ("XSW-18", [("saml:ID", "_assertion")], "last"),
        "20-xml-id": ("XSW-20", [("xml:id", "_assertion")], "last"),
        "21-mixed-case-id": ("XSW-21", [("Id", "_assertion")], "last"),
        "21b-mixed-case-id-in-front": ("XSW-21", [("iD", "_assertion")], "first"),
        "22-lower-case-and-assertion-id": (
            "XSW-22",
            [("id", "_assertion"), ("AssertionID", "_assertion")],
            "last",
        ),
        "22b-assertion-id": ("XSW-22", [("AssertionID", "_assertion")], "last"),
        "22c-foreign-id": (
            "XSW-18",
            [("xmlns:x", "urn:x"), ("x:ID", "_assertion")],
            "last",
        ),
        "22d-wsu-id": (
            "XSW-18",
            [
                (
                    "xmlns:wsu",
                    "http://docs.oasis-open.org/wss/2004/01/"
                    "oasis-200401-wss-wssecurity-utility-1.0.xsd",
                ),
                ("wsu:Id", "_assertion"),
            ],
            "last",
        ),
    }
    for path, (row, extra, end) in decoys.items():
        m = Message("assertion")
        original = m.bare_assertion
        victimise(m.assertion).set("ID", "_evil")
        m.inner.children.append(original)
        evil = m.assertion
        pairs = evil.attributes
        evil.attributes = extra + pairs if end == "first" else pairs + extra
        family.add(
            path,
            f"{extra[-1][0]} of the evil Assertion is the signed ID, the original in its Signature",
            row,
            m.text(),
            "xml.id",
        )
    for path, extra in (
        ("23-response-samlp-id", [("samlp:ID", "_response")]),
        ("23b-response-xml-id", [("xml:id", "_response")]),
        ("23c-response-lower-case-id", [("id", "_response")]),
    ):
        m = Message("response")
        original = m.bare_response
        evil = evil_response(m)
        child(evil, "Signature").children.append(thing(original))
        evil.attributes = extra + evil.attributes
        family.add(
            path,
            f"{extra[0][0]} of the evil Response is the signed ID, the original in an Object",
            "XSW-23",
            evil.write(),
            "xml.id",
            signed="response",
        )
    # The ID itself, but not there where it belongs.
    m = Message("assertion")
    m.assertion.attributes = [(("saml:ID" if k == "ID" else k), v) for k, v in m.assertion.attributes]
    family.add(
        "18b-only-saml-id",
        "The honest Assertion, but its ID is saml:ID",
        "XSW-18",
        m.text(),
        "xml.id",
    )
    m = Message("assertion")
    m.assertion.attributes = [(("id" if k == "ID" else k), v) for k, v in m.assertion.attributes]
    family.add(
        "22e-only-lower-case-id",
        "The honest Assertion, but its ID is id",
        "XSW-22",
        m.text(),
        "xml.id",
    )
    # Case is not folded when the Reference is compared.
    m = Message("assertion")
    original = m.bare_assertion
    victimise(m.assertion).set("ID", "_ASSERTION")
    m.before("Status", extensions(original))
    family.add(
        "21c-id-in-another-case",
        "The evil Assertion has the signed ID in capitals, the original is in the Extensions",
        "XSW-21",
        m.text(),
        "sig.reference",
    )
    m = Message("assertion")
    m.assertion.set("ID", " _assertion ")
    family.add(
        "21d-id-with-spaces",
        "The signed ID with spaces around it, which an xs:ID would lose",
        "XSW-21,PRO-52",
        m.text(),
        "xml.id",
    )


def foreign(element, namespace):
    """A copy whose elements are in another namespace, same local names, no prefixes."""
    made = element.copy()
    for one in made.walk():
        one.name = one.local
        one.attributes = [(k, v) for k, v in one.attributes if not k.startswith("xmlns")]
    made.attributes.insert(0, ("xmlns", namespace))
    return made


def namespaces(family):
    spaces = {
        "24-foreign": ("urn:evil", "xml.schema"),
        "24b-saml-1.1": ("urn:oasis:names:tc:SAML:1.0:assertion", "xml.schema"),
        "24c-protocol": (SAMLP, "xml.schema"),
        "24d-upper-case": (SAML.upper(), "xml.schema"),
        "24e-trailing-space": (SAML + " ", "xml.namespace"),
        "24f-escaped": (SAML.replace("a", "%61"), "xml.schema"),
    }
    for path, (space, code) in spaces.items():
        m = Message("assertion")
        m.before("Assertion", foreign(m.evil(), space))
        family.add(
            f"{path}-namespace-first",
            f"Evil Assertion in the namespace {space!r} in front of the signed one",
            "XSW-24",
            m.text(),
            code,
        )
    m = Message("assertion")
    m.before("Assertion", foreign(m.evil(), ""))
    family.add(
        "24g-no-namespace-first",
        "Evil Assertion in no namespace in front of the signed one",
        "XSW-24",
        m.text(),
        "xml.schema",
    )
    m = Message("assertion")
    m.before("Status", extensions(foreign(m.evil(), "urn:evil")))
    family.add(
        "24h-foreign-namespace-in-extensions",
        "Evil Assertion in a foreign namespace in the Extensions, where anything may be: not read",
        "XSW-24",
        m.text(),
        "accept",
    )
    # In a signed Assertion: elements of a foreign namespace beside the real ones.
    m = Message("assertion")
    m.before("Assertion", E("x:Subject", [("xmlns:x", "urn:x")], *subject(VICTIM).children))
    family.add(
        "24i-foreign-subject",
        "A Subject in a foreign namespace in front of the signed Assertion",
        "XSW-24,XSW-43",
        m.text(),
        "xml.schema",
    )
    # The Signature in a foreign namespace is no Signature.
    for path, space in (
        ("24j-signature-foreign-namespace", "urn:evil"),
        ("24k-signature-in-dsig11", "http://www.w3.org/2009/xmldsig11#"),
        ("24l-signature-in-saml-namespace", SAML),
    ):
        m = Message("assertion")
        signature = foreign(m.inner, space)
        victimise(m.assertion).without("Signature").after("Issuer", signature)
        family.add(
            path,
            f"Evil Assertion with a Signature that is in the namespace {space}",
            "XSW-24,SIG-02",
            m.text(),
            "sig.missing",
        )
    # The prefix says nothing: saml is something else inside of the Assertion.
    m = Message("assertion")
    evil = m.evil()
    evil.attributes.insert(0, ("xmlns:saml", "urn:evil"))
    m.before("Assertion", evil)
    family.add(
        "24m-prefix-rebound",
        "Evil Assertion whose prefix saml means another namespace",
        "XSW-24",
        m.text(),
        "xml.schema",
    )
    m = Message("assertion")
    evil = m.evil()
    for one in evil.walk():
        one.name = f"x:{one.local}"
    evil.attributes.insert(0, ("xmlns:x", SAML))
    m.before("Assertion", evil)
    family.add(
        "24n-other-prefix-same-namespace",
        "Evil Assertion with another prefix for the right namespace",
        "XSW-24,XSW-03",
        m.text(),
        "proto.assertion_count",
    )


def below_the_signature(family):
    """What is below ds:Signature is unsigned, also where the signature is valid."""
    for where in PLACES:
        m = Message(where)
        m.signature.children.append(thing(m.evil()))
        family.add(
            f"26-evil-in-object-{where}",
            "Untouched, but for an evil Assertion in an Object of the valid Signature",
            "XSW-26",
            m.text(),
            "sig.structure" if where != "both" else "sig.digest",
            signed=where,
        )
        m = Message(where)
        children = [subject(VICTIM), attributes(VICTIM)]
        m.signature.children.append(thing(*children))
        family.add(
            f"28-evil-subject-in-object-{where}",
            "Untouched, but for an evil Subject and AttributeStatement in an Object",
            "XSW-28",
            m.text(),
            "sig.structure" if where != "both" else "sig.digest",
            signed=where,
        )
    m = Message("response")
    m.outer.children.insert(0, thing(m.evil()))
    family.add(
        "26b-object-first",
        "The Object with the evil Assertion is the first child of the valid Signature",
        "XSW-26",
        m.text(),
        "sig.structure",
        signed="response",
    )
    m = Message("response")
    m.outer.children.append(m.evil())
    family.add(
        "26c-evil-in-signature-without-object",
        "The evil Assertion is a child of the valid Signature itself",
        "XSW-26",
        m.text(),
        "sig.structure",
        signed="response",
    )
    for where in ("response", "assertion"):
        # KeyInfo may hold anything else, and is never looked into.
        m = Message(where)
        child(m.signature, "KeyInfo").children.append(m.evil())
        family.add(
            f"26d-evil-in-key-info-{where}",
            "The evil Assertion is in KeyInfo: unsigned, and nobody looks there",
            "XSW-26",
            m.text(),
            "proto.assertion_count",
            signed=where,
        )
    m = Message("response")
    child(m.outer, "KeyInfo").children.append(m.evil("_assertion"))
    family.add(
        "26e-evil-same-id-in-key-info",
        "The evil Assertion in KeyInfo has the ID of the honest one",
        "XSW-26",
        m.text(),
        "xml.id",
        signed="response",
    )
    m = Message("response")
    child(m.outer, "KeyInfo").children.append(m.outer.copy())
    family.add(
        "26f-signature-in-key-info",
        "A second Signature in KeyInfo of the first",
        "XSW-26",
        m.text(),
        "sig.position",
        signed="response",
    )
    m = Message("response")
    child(m.outer, "SignatureValue").children.append(m.evil())
    family.add(
        "26g-evil-in-signature-value",
        "The evil Assertion is inside of SignatureValue",
        "XSW-26",
        m.text(),
        "sig.encoding",
        signed="response",
    )

    for path, title, children in (
        ("29-second-signature-same-value", "the genuine SignatureValue", ["SignatureValue"]),
        ("30-second-signature-empty", "nothing else", []),
        ("30b-second-signature-whole", "all of the genuine one", None),
    ):
        for place in ("first", "behind"):
            m = Message("assertion")
            genuine = m.inner
            if children is None:
                second = genuine.copy()
            else:
                kept = [child(genuine, local).copy() for local in children]
                second = E("ds:Signature", [declare("ds", "ds")], *kept)
            second.children.append(thing(subject(VICTIM), attributes(VICTIM)))
            if place == "first":
                m.assertion.children.insert(0, second)
            else:
                m.assertion.after("Signature", second)
            family.add(
                f"{path}-{place}",
                f"A second Signature ({place}) with {title} hides an evil Subject",
                "XSW-29" if children == ["SignatureValue"] else "XSW-30",
                m.text(),
                "sig.position",
            )


def moved_signatures(family):
    """The Assertion's Signature stands at the Response, and the original is out of sight."""

    def moved(hide):
        m = Message("assertion")
        original, signature = m.bare_assertion, m.inner
        evil = m.evil()
        m.replace(m.assertion, evil)
        m.root.after("Issuer", signature)
        hide(m, original, signature, evil)
        return m.text()

    def in_object(m, original, signature, evil):
        signature.children.append(thing(original))

    def in_status_detail(m, original, signature, evil):
        child(m.root, "Status").children.append(E("samlp:StatusDetail", [], original))

    def in_extensions(m, original, signature, evil):
        m.before("Status", extensions(original))

    def in_attribute_value(m, original, signature, evil):
        evil.find("AttributeValue").children = [original]

    def in_advice(m, original, signature, evil):
        evil.after("Conditions", E("saml:Advice", [], original))

    def in_confirmation(m, original, signature, evil):
        evil.find("SubjectConfirmationData").children = [original]

    def in_context_decl(m, original, signature, evil):
        evil.find("AuthnContext").children.append(E("saml:AuthnContextDecl", [], original))

    def beside(m, original, signature, evil):
        m.root.children.append(original)

    for path, row, title, hide, code in (
        ("46-object", "XSW-47", "in its Object", in_object, "sig.structure"),
        ("47-status-detail", "XSW-47", "in the StatusDetail", in_status_detail, "sig.reference"),
        ("48-extensions", "XSW-48", "in the Extensions", in_extensions, "sig.reference"),
        ("49-attribute-value", "XSW-49", "in an AttributeValue of the evil one", in_attribute_value, "sig.reference"),
        ("50-advice", "XSW-48", "in the Advice of the evil one", in_advice, "sig.reference"),
        ("50b-confirmation-data", "XSW-49", "in the SubjectConfirmationData of the evil one", in_confirmation, "sig.reference"),
        ("50c-context-decl", "XSW-49", "in the AuthnContextDecl of the evil one", in_context_decl, "sig.reference"),
        ("50d-beside", "XSW-47", "behind the evil one", beside, "sig.reference"),
    ):
        family.add(
            f"{path}-signature-at-response",
            f"The Assertion's Signature at the Response, the original {title}",
            row,
            moved(hide),
            code,
        )


def hiding_places(family):
    """The signed Assertion with its Signature somewhere else, an evil one in place; and evil
    things outside of a signed Assertion."""

    def put(find, local="AttributeValue"):
        m = Message("assertion")
        original = m.assertion
        evil = m.evil()
        m.replace(original, evil)
        find(m, evil, original)
        return m.text()

    def attribute_value(m, evil, original):
        evil.find("AttributeValue").children = [original]

    def confirmation_data(m, evil, original):
        evil.find("SubjectConfirmationData").children = [original]

    def extension(m, evil, original):
        m.before("Status", extensions(original))

    def wrapper(m, evil, original):
        m.root.children.append(E("Wrapper", [], original))

    def nested_response(m, evil, original):
        m.before("Status", extensions(response(original, ID="_inner")))

    def nested_response_behind(m, evil, original):
        m.root.children.append(response(original, ID="_inner"))

    def issuer(m, evil, original):
        child(m.root, "Issuer").children.append(original)

    def context_decl(m, evil, original):
        evil.find("AuthnContext").children.append(E("saml:AuthnContextDecl", [], original))

    for path, row, title, find in (
        ("60-attribute-value", "XSW-49", "in an AttributeValue of the evil one", attribute_value),
        ("60b-confirmation-data", "XSW-49", "in SubjectConfirmationData", confirmation_data),
        ("60c-extensions", "XSW-48", "in the Extensions", extension),
        ("60d-wrapper", "XSW-45", "in a Wrapper at the end", wrapper),
        ("60e-nested-response", "XSW-48", "in a Response in the Extensions", nested_response),
        ("60f-nested-response-last", "XSW-48", "in a Response at the end", nested_response_behind),
        ("60g-issuer", "XSW-48", "in the Issuer of the Response", issuer),
        ("60h-context-decl", "XSW-49", "in the AuthnContextDecl of the evil one", context_decl),
    ):
        family.add(
            f"{path}-signed-assertion",
            f"Evil Assertion in place, the signed one {title}",
            row,
            put(find),
            "sig.position",
        )

    # The signer signs an Assertion that brings another one, in the places where anything may be.
    def carrier(edit):
        carried = victimised(assertion(), "_evil")
        outer = assertion()
        edit(outer, carried)
        return outer

    def advice(outer, carried):
        outer.after("Conditions", E("saml:Advice", [], carried))

    def value(outer, carried):
        outer.find("AttributeStatement").children.append(
            E("saml:Attribute", {"Name": "x"}, E("saml:AttributeValue", [], carried))
        )

    def data(outer, carried):
        outer.find("SubjectConfirmationData").children.append(carried)

    for path, edit in (("61-advice", advice), ("61b-value", value), ("61c-confirmation-data", data)):
        family.add(
            f"{path}-signed-evil-is-not-read",
            "The signed Assertion carries another about somebody else: signed, and still not what is meant",
            "XSW-14,XSW-49",
            signed(response(carrier(edit)), "assertion"),
            "proto.assertion_count",
        )

    for path, where_to in (("43-evil-subject-before", "before"), ("43b-evil-subject-last", "last")):
        m = Message("assertion")
        new = [subject(VICTIM), attributes(VICTIM)]
        if where_to == "before":
            m.before("Assertion", *new)
        else:
            m.root.children += new
        family.add(
            path,
            f"Evil Subject and AttributeStatement as children of the Response, {where_to}",
            "XSW-43",
            m.text(),
            "xml.schema",
        )
    m = Message("assertion")
    m.assertion.children.insert(0, subject(VICTIM))
    family.add(
        "43c-evil-subject-in-signed",
        "Evil Subject as the first child of the signed Assertion",
        "XSW-43",
        m.text(),
        "sig.position",
    )
    m = Message("assertion")
    m.assertion.children.append(attributes(VICTIM))
    family.add(
        "43d-evil-statement-in-signed",
        "Evil AttributeStatement as the last child of the signed Assertion",
        "XSW-43",
        m.text(),
        "sig.digest",
    )

    # A signed message without any login.
    golden = response(state=status("Requester"))
    for path, hide in (("32-golden-object", "object"), ("32b-golden-extensions", "extensions")):
        m = Message("response", golden.copy())
        error, signature = m.bare_response, m.outer
        evil = response(assertion(VICTIM, ID="_evil"), ID="_evil_response")
        evil.after("Issuer", signature)
        if hide == "object":
            signature.children.append(thing(error))
        else:
            put_before(evil, child(evil, "Status"), extensions(error))
        family.add(
            path,
            f"Evil Response with the Signature of an error Response, which is in {hide}",
            "XSW-32",
            evil.write(),
            "sig.structure" if hide == "object" else "sig.reference",
            signed="response",
        )
    m = Message("response", golden.copy())
    m.root.children.append(assertion(VICTIM))
    child(m.root, "Status").find("StatusCode").set(
        "Value", "urn:oasis:names:tc:SAML:2.0:status:Success"
    )
    family.add(
        "32c-golden-filled",
        "A signed error Response that became a success with an Assertion",
        "XSW-32",
        m.text(),
        "sig.digest",
        signed="response",
    )
    golden = Message("response", golden.copy())
    evil = assertion(VICTIM, ID="_evil")
    evil.after("Issuer", golden.outer.copy())
    family.add(
        "32d-golden-signature-at-assertion",
        "Evil Assertion with the Signature of an error Response",
        "XSW-32",
        response(evil, ID="_response").write(),
        "sig.reference",
        signed="response",
    )


def encryption(family):
    """Anybody can encrypt to the service provider."""
    key = {"decrypt_key": ("sp",)}

    def scope(element):
        made = element.copy()
        have = {k for k, _ in made.attributes}
        if "xmlns:saml" not in have:
            made.attributes.insert(0, declare("saml", "saml"))
        return made

    def sealed(*elements, **how):
        plain = "".join(scope(e).write() if isinstance(e, E) else e for e in elements)
        return encrypted("EncryptedAssertion", plain, Encryption(**how))

    m = Message("assertion")
    m.before("Assertion", sealed(m.evil()))
    family.add(
        "35-evil-encrypted-first",
        "Evil EncryptedAssertion in front of the signed plain one",
        "XSW-35",
        m.text(),
        "proto.assertion_count",
        **key,
    )
    m = Message("assertion")
    m.root.children.append(sealed(m.evil()))
    family.add(
        "35b-evil-encrypted-last",
        "Evil EncryptedAssertion behind the signed plain one",
        "XSW-35",
        m.text(),
        "proto.assertion_count",
        **key,
    )
    for path, first in (("36-plain-evil-first", True), ("36b-plain-evil-last", False)):
        m = Message("assertion")
        evil, box = m.evil(), sealed(m.assertion)
        m.replace(m.assertion, *((evil, box) if first else (box, evil)))
        family.add(
            path,
            f"Plain evil Assertion {'in front of' if first else 'behind'} the encrypted signed one",
            "XSW-36",
            m.text(),
            "proto.assertion_count",
            **key,
        )
    m = Message("assertion")
    m.replace(m.assertion, sealed(m.evil()))
    family.add(
        "37-encrypted-unsigned",
        "Nothing signed: one EncryptedAssertion by the attacker",
        "XSW-37",
        m.text(),
        "sig.missing",
        signed="none",
        **key,
    )
    for path, order in (("39-two-roots-evil-first", True), ("39b-two-roots-evil-last", False)):
        m = Message("assertion")
        pair = (m.evil(), m.assertion) if order else (m.assertion, m.evil())
        m.replace(m.assertion, sealed(*pair))
        family.add(
            path,
            "The plaintext has two document elements, one of them signed",
            "XSW-39",
            m.text(),
            "enc.content",
            **key,
        )
    m = Message("assertion")
    m.replace(m.assertion, sealed(m.evil()), sealed(m.assertion))
    family.add(
        "40-two-encrypted",
        "Two EncryptedAssertions, the second one signed",
        "XSW-40",
        m.text(),
        "proto.assertion_count",
        **key,
    )
    m = Message("assertion")
    m.replace(m.assertion, sealed(E("Wrapper", [], scope(m.evil()), scope(m.assertion))))
    family.add(
        "39c-wrapper-in-plaintext",
        "The plaintext is a wrapper around an evil Assertion and the signed one",
        "XSW-39",
        m.text(),
        "enc.content",
        **key,
    )
    m = Message("assertion")
    m.replace(m.assertion, sealed(m.root))
    family.add(
        "39d-response-in-plaintext",
        "The plaintext is a whole Response",
        "XSW-39",
        m.text(),
        "enc.content",
        **key,
    )
    m = Message("assertion")
    evil = m.evil()
    evil.children.append(m.assertion)
    m.replace(m.assertion, sealed(evil))
    family.add(
        "39e-signed-inside-of-evil-in-plaintext",
        "The plaintext is an evil Assertion with the signed one as its last child",
        "XSW-39,XSW-04",
        m.text(),
        "sig.position",
        **key,
    )
    m = Message("assertion")
    m.replace(m.assertion, sealed(m.evil()))
    m.before("Status", extensions(m.bare_assertion))
    m.root.after("Issuer", Message("assertion").inner)
    family.add(
        "37b-encrypted-evil-signature-at-response",
        "EncryptedAssertion by the attacker, the genuine Signature at the Response",
        "XSW-37,XSW-48",
        m.text(),
        "sig.reference",
        **key,
    )
    for local in ("EncryptedID", "EncryptedAttribute"):
        m = Message("assertion")
        if local == "EncryptedID":
            box = encrypted(local, '<saml:NameID xmlns:saml="%s">%s</saml:NameID>' % (SAML, VICTIM), Encryption())
            replace(m.assertion.find("Subject"), m.assertion.find("NameID"), box)
        else:
            box = encrypted(local, scope(attributes(VICTIM).find("Attribute")).write(), Encryption())
            m.assertion.find("AttributeStatement").children.insert(0, box)
        family.add(
            f"38-{local.lower()}-by-the-attacker",
            f"{local} by the attacker inside of the signed Assertion",
            "XSW-37",
            m.text(),
            "sig.digest",
            **key,
        )


def several_roots(family):
    for where, row_first, row_last in (("response", "XSW-41", "XSW-42"), ("assertion", "XSW-41", "XSW-51")):
        good = Message(where).text()
        evil = response(assertion(VICTIM, ID="_evil"), ID="_evil_response").write()
        for path, text, row in (
            (f"41-evil-then-signed-{where}", evil + good, row_first),
            (f"42-signed-then-evil-{where}", good + evil, row_last),
            (f"42b-signed-line-evil-{where}", good + "\n" + evil, row_last),
        ):
            family.add(
                path,
                "Two document elements, one behind the other",
                row,
                text,
                "xml.syntax",
                signed=where,
            )
    good = Message("response").text()
    evil = response(assertion(VICTIM, ID="_evil"), ID="_evil_response").write()
    family.add(
        "41b-wrapped-in-nothing",
        "Two Responses in one unknown document element",
        "XSW-41",
        f"<x>{evil}{good}</x>",
        "proto.root",
        signed="response",
    )
    family.add(
        "41c-second-xml-declaration",
        "A second document, with an XML declaration of its own",
        "XSW-41",
        good + '<?xml version="1.0"?>' + evil,
        "xml.forbidden_node",
        signed="response",
    )


def smuggled_digests(family):
    """Values that are searched for in the whole document."""

    def smuggled(where, hide, value=None):
        m = Message(where)
        victimise(m.assertion)
        digest = value or digest_of(m.bare_assertion and bare(m.assertion))
        hide(m, E("ds:DigestValue", [declare("ds", "ds")], digest))
        return m

    def status_detail(m, value):
        child(m.root, "Status").children.append(E("samlp:StatusDetail", [], value))

    def first_in_extensions(m, value):
        m.before("Status", extensions(value))

    def in_key_info(m, value):
        child(m.inner, "KeyInfo").children.insert(0, value)

    def beside_the_genuine(m, value):
        m.inner.find("Reference").children.insert(0, value)

    for path, hide, code in (
        ("34-status-detail", status_detail, "sig.digest"),
        ("34b-extensions", first_in_extensions, "sig.digest"),
        ("34c-key-info", in_key_info, "sig.digest"),
        ("34d-in-reference", beside_the_genuine, "sig.transform"),
    ):
        family.add(
            f"{path}-digest-value",
            "Evil Assertion in place; a forged DigestValue elsewhere in the document",
            "XSW-34",
            smuggled("assertion", hide).text(),
            code,
        )
    # A whole Signature, with all that a search could want.
    m = Message("assertion")
    genuine = m.inner.copy()
    victimise(m.assertion)
    forged = m.inner
    forged.find("DigestValue").children = [digest_of(bare(m.assertion))]
    child(m.root, "Status").children.append(E("samlp:StatusDetail", [], genuine))
    family.add(
        "34e-genuine-signature-in-status-detail",
        "Evil Assertion with a forged digest, the genuine Signature in the StatusDetail",
        "XSW-34",
        m.text(),
        "sig.position",
    )
    m = Message("assertion")
    genuine = m.inner.copy()
    victimise(m.assertion)
    m.inner.find("DigestValue").children = [digest_of(bare(m.assertion))]
    parts = [child(genuine, "SignedInfo"), child(genuine, "SignatureValue")]
    parts[0].attributes.insert(0, declare("ds", "ds"))
    parts[1].attributes.insert(0, declare("ds", "ds"))
    child(m.root, "Status").children.append(E("samlp:StatusDetail", [], *parts))
    family.add(
        "34f-genuine-signed-info-in-status-detail",
        "Evil Assertion with a forged digest, the genuine SignedInfo in the StatusDetail",
        "XSW-34",
        m.text(),
        "sig.invalid",
    )

    # CVE-2019-3465
    m = Message("assertion")
    original = m.assertion
    genuine = m.inner
    evil = m.evil()
    forged = child(genuine, "SignedInfo").copy()
    forged.find("Reference").set("URI", "#_evil")
    forged.find("DigestValue").children = [digest_of(evil)]
    two = genuine.copy()
    two.after("SignatureValue", forged)
    evil.after("Issuer", two)
    m.replace(original, evil)
    m.root.children.append(E("Wrapper", [], original))
    family.add(
        "45-two-signed-infos",
        "Evil Assertion whose Signature has two SignedInfos, the signed one in a Wrapper",
        "XSW-45",
        m.text(),
        "sig.position",
    )
    m = Message("assertion")
    evil = m.evil()
    two = m.inner.copy()
    forged = child(two, "SignedInfo").copy()
    forged.find("Reference").set("URI", "#_evil")
    forged.find("DigestValue").children = [digest_of(evil)]
    two.children = [c for c in two.children if c.local != "KeyInfo"]
    two.after("SignatureValue", forged)
    evil.after("Issuer", two)
    m.replace(m.assertion, evil)
    m.before("Status", extensions(m.bare_assertion))
    family.add(
        "45b-two-signed-infos-original-in-extensions",
        "Evil Assertion whose Signature has two SignedInfos, the original in the Extensions",
        "XSW-45",
        m.text(),
        "sig.structure",
    )


def mixtures(family):
    """Messages of two logins, of two identity providers, of two purposes."""
    # The attacker's signed Assertion inside of a Response that is signed by another provider.
    mine = read(signed(response(assertion()), "assertion"))
    for path, issuer, code in (
        ("70-response-by-another-idp", OTHER_IDP, "proto.mix_up"),
        ("70b-response-by-another-idp-in-our-name", CORP, "sig.invalid"),
    ):
        theirs = response(mine.find("Assertion").copy(), issuer=issuer)
        family.add(
            path,
            f"An Assertion of one identity provider in a Response that another one signed as {issuer}",
            "XSW-03,PRO-60",
            odd_signed(theirs, theirs, {"key": "other"}),
            code,
            signed="both",
        )
    # Two signed Assertions, both genuine.
    first = read(signed(response(assertion(ID="_first")), "assertion")).find("Assertion")
    second = read(signed(response(assertion(ID="_second")), "assertion")).find("Assertion")
    family.add(
        "71-two-signed-assertions",
        "Two Assertions, both genuinely signed",
        "XSW-03",
        response(first, second).write(),
        "proto.assertion_count",
    )
    # The Signature of one login at the Assertion of another.
    mine = Message("assertion")
    other = copy.deepcopy(mine.assertion)
    victimise(other)
    mine.replace(mine.assertion, other)
    family.add(
        "72-signature-of-another-login",
        "The Assertion of somebody else with a Signature of one's own",
        "XSW-03",
        mine.text(),
        "sig.digest",
    )
    # The Assertion nested where the schema has none, both genuine.
    m = Message("response")
    m.before("Assertion", E("saml:Assertion", {"ID": "_x", "Version": "2.0", "IssueInstant": "2026-11-21T11:59:55Z"}))
    family.add(
        "73-empty-assertion-first",
        "An empty Assertion in front of the signed Response's own",
        "XSW-03",
        m.text(),
        "sig.digest",
        signed="response",
    )
    # A void: the digest of nothing.
    m = Message("assertion")
    victimise(m.assertion)
    m.inner.find("DigestValue").children = [EMPTY_DIGEST]
    family.add(
        "74-digest-of-nothing",
        "Evil Assertion, DigestValue is that of no bytes at all",
        "XSW-34,C14-11",
        m.text(),
        "sig.digest",
    )
