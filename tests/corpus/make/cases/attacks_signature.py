"""The signature itself: its shape, its reference, its transforms, its algorithms, its key."""

import base64
import hashlib
import hmac

from cryptography.hazmat.primitives import serialization

import keys
import sign
from attack import (
    ACS,
    ATTACKER,
    PLACES,
    VICTIM,
    Family,
    Message,
    assertion,
    attributes,
    bare,
    child,
    digest_of,
    either,
    extensions,
    odd_signed,
    replace,
    response,
    signed,
    thing,
    victimise,
    victimised,
)
from sign import ALGORITHM, C14N, DIGEST, DS, ENVELOPED, EXC, KEY_INFO, Signature, read
from tree import E, declare

CANARY = "http://127.0.0.1:9/canary"
XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"
FILTER2 = "http://www.w3.org/2002/06/xmldsig-filter2"
XSLT = "http://www.w3.org/TR/1999/REC-xslt-19991116"
ONE_PLACE = ("response", "assertion")


def cases():
    family = Family("sig")
    exclusion(family)
    structure(family)
    position(family)
    values(family)
    yield from family.made
    family = Family("ref")
    references(family)
    yield from family.made
    family = Family("trn")
    transforms(family)
    yield from family.made
    family = Family("key")
    key_info(family)
    hmacs(family)
    algorithms(family)
    other_keys(family)
    yield from family.made


# Signatures


def exclusion(family):
    for where in PLACES:
        m = Message(where)
        m.root.without("Signature")
        m.assertion.without("Signature")
        victimise(m.assertion)
        family.add(
            f"02-removed-{where}",
            "Evil Assertion, every Signature removed",
            "SIG-02",
            m.text(),
            "sig.missing",
            signed="none",
        )
        m = Message(where)
        m.root.without("Signature")
        m.assertion.without("Signature")
        family.add(
            f"02b-removed-honest-{where}",
            "Untouched, but every Signature removed",
            "SIG-02",
            m.text(),
            "sig.missing",
            signed="none",
        )
        m = Message(where)
        for value in m.assertion.find("AttributeStatement").walk():
            value.children = [
                c.replace(ATTACKER, VICTIM) if isinstance(c, str) else c for c in value.children
            ]
        family.add(
            f"04-attribute-changed-{where}",
            "An attribute changed under the signature",
            "SIG-04",
            m.text(),
            "sig.digest",
            signed=where,
        )
        m = Message(where)
        victimise(m.assertion)
        family.add(
            f"04b-victim-{where}",
            "NameID and attributes changed under the signature",
            "SIG-04",
            m.text(),
            "sig.digest",
            signed=where,
        )
    for local, name, value in (
        ("SubjectConfirmationData", "NotOnOrAfter", "2036-11-21T12:05:00Z"),
        ("SubjectConfirmationData", "Recipient", "https://other-sp.example.com/acs"),
        ("Conditions", "NotOnOrAfter", "2036-11-21T12:05:00Z"),
        ("NameID", "Format", "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"),
        ("Attribute", "Name", "groups"),
        ("AuthnStatement", "SessionIndex", "_other"),
    ):
        m = Message("assertion")
        m.assertion.find(local).set(name, value)
        family.add(
            f"04c-{local.lower()}-{name.lower()}-changed",
            f"{name} of {local} changed under the signature",
            "SIG-04",
            m.text(),
            "sig.digest",
        )

    # Both signed, one of the two is wrong.
    inner = read(signed(response(assertion()), "assertion"))
    value = inner.find("SignatureValue")
    value.children = [flipped(value.children[0])]
    family.add(
        "05-inner-value-wrong",
        "The Response's signature covers an Assertion whose own signature is wrong",
        "SIG-05",
        odd_signed(inner, inner, {}),
        "sig.invalid",
        signed="both",
    )
    inner = read(signed(response(assertion()), "assertion"))
    victimise(inner.find("Assertion"))
    family.add(
        "05b-inner-digest-wrong",
        "The Response's signature covers an Assertion that was changed after it was signed",
        "SIG-05",
        odd_signed(inner, inner, {}),
        "sig.digest",
        signed="both",
    )
    inner = read(signed(response(assertion()), "assertion", key="attacker"))
    family.add(
        "05c-inner-by-the-attacker",
        "The Response's signature is right, the Assertion's is the attacker's",
        "SIG-05",
        odd_signed(inner, inner, {}),
        "sig.invalid",
        signed="both",
    )
    inner = read(signed(response(assertion()), "assertion"))
    inner.find("Signature").children = []
    family.add(
        "05d-inner-empty",
        "The Response's signature is right, the Assertion's is empty",
        "SIG-05,SIG-18",
        odd_signed(inner, inner, {}),
        "sig.structure",
        signed="both",
    )
    m = Message("both")
    value = m.outer.find("SignatureValue")
    value.children = [flipped(value.children[0])]
    family.add(
        "05e-outer-value-wrong",
        "The Assertion's signature is right, the Response's is not",
        "SIG-05",
        m.text(),
        "sig.invalid",
        signed="both",
    )
    m = Message("both")
    m.root.set("InResponseTo", "_another")
    family.add(
        "05f-outer-digest-wrong",
        "The Assertion's signature is right, the Response was changed",
        "SIG-05",
        m.text(),
        "sig.digest",
        signed="both",
    )
    m = Message("assertion")
    attackers = Message("response", key="attacker")
    m.root.after("Issuer", attackers.outer)
    family.add(
        "05g-outer-by-the-attacker",
        "The Assertion's signature is right, the Response's is the attacker's",
        "SIG-05",
        m.text(),
        "sig.digest",
        signed="both",
    )


def flipped(text):
    data = bytearray(base64.b64decode(text))
    data[-1] ^= 1
    return base64.b64encode(data).decode()


def structure(family):
    for where in ONE_PLACE:
        family.add(
            f"00-untouched-{where}",
            "Made like the others of this family, and nothing done to it",
            "SIG-21",
            either(where),
            "accept",
            signed=where,
        )
        # Two of something, one forged.
        for path, row, first in (
            ("06-forged-signed-info-first", "SIG-06", True),
            ("07-forged-signed-info-last", "SIG-07", False),
        ):
            m = forged(where)
            signature = m.signature
            genuine = child(signature, "SignedInfo")
            copy = genuine.copy()
            copy.find("DigestValue").children = [m.forged]
            at = signature.children.index(genuine)
            signature.children[at : at + 1] = [copy, genuine] if first else [genuine, copy]
            family.add(
                f"{path}-{where}",
                "Two SignedInfos, one of them with the digest of the evil content",
                row,
                m.text(),
                "sig.structure",
                signed=where,
            )
            m = forged(where)
            signature = m.signature
            signature.without("KeyInfo")
            genuine = child(signature, "SignedInfo")
            copy = genuine.copy()
            copy.find("DigestValue").children = [m.forged]
            at = signature.children.index(genuine)
            signature.children[at : at + 1] = [copy, genuine] if first else [genuine, copy]
            family.add(
                f"{path}-without-key-info-{where}",
                "Two SignedInfos and no KeyInfo: three children, as usual",
                row,
                m.text(),
                "sig.structure",
                signed=where,
            )
        for path, row, make, code in (
            ("08-comment-in-digest", "SIG-09", lambda d, f: [f"<!--{f}-->", d], "xml.forbidden_node"),
            ("08b-comment-behind-digest", "SIG-09", lambda d, f: [d, f"<!--{f}-->"], "xml.forbidden_node"),
            ("09-instruction-in-digest", "SIG-09", lambda d, f: [f"<?x {f}?>", d], "xml.forbidden_node"),
            ("09b-cdata-in-digest", "SIG-09", lambda d, f: [f"<![CDATA[{d}]]>"], "xml.forbidden_node"),
            ("09c-element-in-digest", "SIG-09", lambda d, f: [f"<x>{f}</x>", d], "sig.encoding"),
            ("09d-two-digests-in-one", "SIG-09", lambda d, f: [f, d], "sig.encoding"),
            ("09e-digest-with-tail", "SIG-09", lambda d, f: [d, " ", f], "sig.encoding"),
        ):
            m = forged(where)
            value = m.signature.find("DigestValue")
            value.children = make(value.children[0], m.forged)
            family.add(
                f"{path}-{where}",
                "The forged digest is hidden in the genuine DigestValue",
                row,
                m.text(),
                code,
                signed=where,
            )
        m = Message(where)
        value = m.signature.find("SignatureValue")
        text = value.children[0]
        value.children = [text[:40], "<!-- -->", text[40:]]
        m.signature.find("SignedInfo").children.insert(1, "<!-- -->")
        family.add(
            f"10-comments-{where}",
            "Untouched, but with comments in SignatureValue and SignedInfo",
            "SIG-10",
            m.text(),
            "xml.forbidden_node",
            signed=where,
        )

        # Less than there should be.
        for path, row, local, code in (
            ("11-no-signature-value", "SIG-11", "SignatureValue", "sig.structure"),
            ("12-no-signed-info", "SIG-12", "SignedInfo", "sig.structure"),
            ("13-no-reference", "SIG-13", "Reference", "sig.reference"),
            ("14-no-digest-value", "SIG-14", "DigestValue", "sig.structure"),
            ("15-no-digest-method", "SIG-14", "DigestMethod", "sig.structure"),
            ("16-no-c14n-method", "SIG-16", "CanonicalizationMethod", "sig.structure"),
            ("17-no-signature-method", "SIG-16", "SignatureMethod", "sig.structure"),
            ("17b-no-transforms", "SIG-16", "Transforms", "sig.transform"),
        ):
            m = Message(where)
            victimise(m.assertion)
            for one in m.signature.walk():
                one.without(local)
            family.add(
                f"{path}-{where}",
                f"Evil Assertion, {local} removed",
                row,
                m.text(),
                code,
                signed=where,
            )
        def without_reference(signature):
            signature.find("SignedInfo").without("Reference")

        family.add(
            f"13b-no-reference-signed-{where}",
            "Signed by the identity provider: a SignedInfo without a Reference",
            "SIG-13",
            either(where, without_reference, root=victims()),
            "sig.reference",
            signed=where,
        )
        m = Message(where)
        victimise(m.assertion)
        m.signature.children = []
        family.add(
            f"18-empty-signature-{where}",
            "Evil Assertion, the Signature is empty",
            "SIG-18",
            m.text(),
            "sig.structure",
            signed=where,
        )
        m = Message(where)
        victimise(m.assertion)
        m.signature.find("SignatureValue").children = []
        m.signature.find("DigestValue").children = []
        family.add(
            f"19-empty-values-{where}",
            "Evil Assertion, SignatureValue and DigestValue are empty",
            "SIG-19",
            m.text(),
            "sig.encoding",
            signed=where,
        )
        m = forged(where)
        m.signature.find("DigestValue").children = [m.forged]
        m.signature.find("SignatureValue").children = []
        family.add(
            f"19b-right-digest-empty-value-{where}",
            "Evil Assertion with its right digest, SignatureValue is empty",
            "SIG-19",
            m.text(),
            "sig.invalid",
            signed=where,
        )
        m = forged(where)
        m.signature.find("DigestValue").children = [m.forged]
        family.add(
            f"19c-right-digest-old-value-{where}",
            "Evil Assertion with its right digest, SignatureValue is that of the honest one",
            "SIG-19",
            m.text(),
            "sig.invalid",
            signed=where,
        )

        # More than there should be, signed by the identity provider.
        def second_reference(signature):
            reference = signature.find("Reference")
            signature.find("SignedInfo").children.append(reference.copy())

        def unknown_child(signature):
            unknown = E("x:x", [("xmlns:x", "urn:x")], "y")
            signature.find("SignedInfo").children.append(unknown)

        def text_in_signed_info(signature):
            signature.find("SignedInfo").children.insert(1, "text")

        def attribute_on_reference(signature):
            signature.find("Reference").attributes.append(("Other", "1"))

        def reference_type(signature):
            signature.find("Reference").attributes.append(("Type", DS + "Object"))

        def manifest_type(signature):
            signature.find("Reference").attributes.append(("Type", DS + "Manifest"))

        def two_methods(signature):
            signature.after("SignedInfo")
            info = signature.find("SignedInfo")
            info.after("SignatureMethod", child(info, "SignatureMethod").copy())

        def two_c14n_methods(signature):
            info = signature.find("SignedInfo")
            info.children.insert(0, child(info, "CanonicalizationMethod").copy())

        def two_digest_values(signature):
            reference = signature.find("Reference")
            reference.children.append(reference.find("DigestValue").copy())

        def other_order(signature):
            signature.find("SignedInfo").children.reverse()

        def value_first(signature):
            signature.children.reverse()

        def two_values(signature):
            signature.after("SignatureValue", child(signature, "SignatureValue").copy())

        def two_key_infos(signature):
            signature.children.append(child(signature, "KeyInfo").copy())

        def text_in_signature(signature):
            signature.children.insert(1, "text")

        def signature_properties(signature):
            prop = E("ds:SignatureProperty", {"Target": "#x"}, "y")
            signature.children.append(thing(E("ds:SignatureProperties", [], prop)))

        def wrong_namespace(signature):
            info = signature.find("SignedInfo")
            info.find("DigestValue").name = "DigestValue"

        for path, row, edit, code, title in (
            ("21-two-references", "SIG-21", second_reference, "sig.reference", "two References, both right"),
            ("28-unknown-child", "SIG-28", unknown_child, "sig.structure", "an unknown element in SignedInfo"),
            ("28b-text-in-signed-info", "SIG-28", text_in_signed_info, "sig.structure", "text in SignedInfo"),
            ("28c-attribute-on-reference", "SIG-28", attribute_on_reference, "sig.structure", "an unknown attribute on Reference"),
            ("28d-reference-type-object", "SIG-28", reference_type, "sig.reference", "a Type on Reference"),
            ("28e-reference-type-manifest", "SIG-23", manifest_type, "sig.reference", "the Type of a Manifest on Reference"),
            ("28f-two-signature-methods", "SIG-28", two_methods, "sig.structure", "two SignatureMethods"),
            ("28g-two-c14n-methods", "SIG-28", two_c14n_methods, "sig.structure", "two CanonicalizationMethods"),
            ("28h-two-digest-values", "SIG-28", two_digest_values, "sig.structure", "two DigestValues"),
            ("28i-signed-info-reversed", "SIG-28", other_order, "sig.structure", "SignedInfo from its end"),
            ("28j-signature-reversed", "SIG-28", value_first, "sig.structure", "Signature from its end"),
            ("28k-two-signature-values", "SIG-28", two_values, "sig.structure", "two SignatureValues"),
            ("28l-two-key-infos", "SIG-28", two_key_infos, "sig.structure", "two KeyInfos"),
            ("28m-text-in-signature", "SIG-28", text_in_signature, "sig.structure", "text in Signature"),
            ("28n-signature-properties", "SIG-28", signature_properties, "sig.structure", "SignatureProperties in an Object"),
            ("28o-digest-value-elsewhere", "SIG-28", wrong_namespace, "sig.structure", "a DigestValue in no namespace"),
        ):
            family.add(
                f"{path}-{where}",
                f"Signed by the identity provider with {title}",
                row,
                either(where, edit),
                code,
                signed=where,
            )
        for local in ("SignedInfo", "SignatureValue", "Transforms", "DigestValue", "DigestMethod"):
            def odd_attribute(signature):
                signature.find(local).attributes.append(("xmlns:x", "urn:x"))
                signature.find(local).attributes.append(("x:y", "z"))

            family.add(
                f"29-attribute-on-{local.lower()}-{where}",
                f"Signed by the identity provider with a foreign attribute on {local}",
                "SIG-28",
                either(where, odd_attribute),
                "sig.structure",
                signed=where,
            )

    # A Reference to something that is not the content.
    def manifest(right):
        def edit(signature):
            reference = signature.find("Reference")
            reference.set("URI", "#_manifest").set("Type", DS + "Manifest")
            inner = reference.copy().set("URI", "#_assertion").set("Type", None)
            inner.find("DigestValue").children = [
                digest_of(bare(assertion())) if right else "AAAA" * 10 + "AAA="
            ]
            box = thing(E("ds:Manifest", {"Id": "_manifest"}, inner))
            signature.children.append(box)

        return edit

    def manifest_bytes(document):
        return sign.canonical(document.xpath("//*[local-name()='Manifest']")[0])

    for path, right in (("23-manifest", False), ("23b-manifest-right", True)):
        family.add(
            path,
            f"Signed: a Manifest, whose Reference to the Assertion is {'right' if right else 'wrong'}",
            "SIG-23",
            either("assertion", manifest(right), content=manifest_bytes),
            "sig.structure",
        )


def forged(where):
    """A Message about the victim; `forged` is what its digest would have to be."""
    m = Message(where)
    victimise(m.assertion)
    if where == "assertion":
        m.forged = digest_of(bare(m.assertion))
    else:
        text = bare(m.root, deep=False).write()
        m.forged = base64.b64encode(
            hashlib.sha256(sign.canonical(sign._parse(text).getroot())).digest()
        ).decode()
    return m


def position(family):
    def moved(to):
        m = Message("assertion")
        signature, one = m.inner, m.assertion
        one.without("Signature")
        to(m, one, signature)
        return m.text()

    def at_response(m, one, signature):
        m.root.after("Issuer", signature)

    def last(m, one, signature):
        one.children.append(signature)

    def first(m, one, signature):
        one.children.insert(0, signature)

    def behind_subject(m, one, signature):
        one.after("Subject", signature)

    def in_subject(m, one, signature):
        one.find("Subject").children.append(signature)

    def in_issuer(m, one, signature):
        one.find("Issuer").children.append(signature)

    def in_conditions(m, one, signature):
        one.find("Conditions").children.append(signature)

    def in_value(m, one, signature):
        one.find("AttributeValue").children.append(signature)

    def in_extensions(m, one, signature):
        m.before("Status", extensions(signature))

    def in_status(m, one, signature):
        child(m.root, "Status").children.append(E("samlp:StatusDetail", [], signature))

    def end_of_response(m, one, signature):
        m.root.children.append(signature)

    def response_first(m, one, signature):
        m.root.children.insert(0, signature)

    def twice(m, one, signature):
        one.after("Issuer", signature, signature.copy())

    def here_and_at_response(m, one, signature):
        one.after("Issuer", signature)
        m.root.after("Issuer", signature.copy())

    for path, row, to, code, title in (
        ("24-at-response", "SIG-24", at_response, "sig.reference", "at the Response"),
        ("25-last", "SIG-25", last, "sig.position", "at the end of the Assertion"),
        ("25b-first", "SIG-25", first, "sig.position", "in front of the Issuer"),
        ("25c-behind-subject", "SIG-25", behind_subject, "sig.position", "behind the Subject"),
        ("26-in-subject", "SIG-26", in_subject, "sig.position", "in the Subject"),
        ("26b-in-issuer", "SIG-26", in_issuer, "sig.position", "in the Issuer"),
        ("26c-in-conditions", "SIG-26", in_conditions, "sig.position", "in the Conditions"),
        ("26d-in-attribute-value", "SIG-26", in_value, "sig.position", "in an AttributeValue"),
        ("26e-in-extensions", "SIG-26", in_extensions, "sig.position", "in the Extensions"),
        ("26f-in-status-detail", "SIG-26", in_status, "sig.position", "in the StatusDetail"),
        ("26g-end-of-response", "SIG-26", end_of_response, "sig.position", "at the end of the Response"),
        ("26h-first-in-response", "SIG-26", response_first, "sig.position", "first in the Response"),
        ("26i-twice", "SIG-25", twice, "sig.position", "twice"),
        ("26j-also-at-response", "SIG-24", here_and_at_response, "sig.reference", "and at the Response too"),
    ):
        family.add(
            path,
            f"Untouched, but the Assertion's Signature is {title}",
            row,
            moved(to),
            code,
        )


def values(family):
    for where in ONE_PLACE:
        for path, local, bend, title in (
            ("27-signature-value-alphabet", "SignatureValue", lambda t: t[:8] + "!_" + t[8:], "! and _ in"),
            ("27b-signature-value-url-safe", "SignatureValue", lambda t: t.replace("+", "-").replace("/", "_"), "URL-safe"),
            ("27c-signature-value-no-padding", "SignatureValue", lambda t: t.rstrip("="), "no padding in"),
            ("27d-signature-value-more-padding", "SignatureValue", lambda t: t + "=", "too much padding in"),
            ("27e-signature-value-behind-padding", "SignatureValue", lambda t: t + "AAAA", "something behind the padding of"),
            ("27f-digest-value-alphabet", "DigestValue", lambda t: t[:8] + "." + t[8:], "a full stop in"),
            ("27g-digest-value-short", "DigestValue", lambda t: base64.b64encode(base64.b64decode(t)[:-1]).decode(), "one octet less in"),
            ("27h-digest-value-long", "DigestValue", lambda t: base64.b64encode(base64.b64decode(t) + b"\0").decode(), "one octet more in"),
            ("27i-digest-value-spare-bits", "DigestValue", spare_bits, "bits left over in"),
            ("27j-digest-value-hex", "DigestValue", lambda t: base64.b64decode(t).hex(), "hexadecimal"),
            ("27k-nbsp", "SignatureValue", lambda t: t[:8] + "\u00a0" + t[8:], "a no-break space in"),
            ("27l-null-digest", "DigestValue", lambda t: "", "nothing in"),
        ):
            m = Message(where)
            value = m.signature.find(local)
            bent = bend(value.children[0])
            if bent == value.children[0]:
                continue
            value.children = [bent]
            family.add(
                f"{path}-{where}",
                f"Untouched, but {title} {local}",
                "SIG-27",
                m.text(),
                "sig.encoding",
                signed=where,
            )
        for path, bend, title in (
            ("27m-value-one-octet-more", lambda v: v + b"\0", "an octet behind"),
            ("27n-value-leading-zero", lambda v: b"\0" + v, "a zero in front of"),
            ("27o-value-cut", lambda v: v[:-1], "an octet less in"),
        ):
            m = Message(where)
            value = m.signature.find("SignatureValue")
            value.children = [base64.b64encode(bend(base64.b64decode(value.children[0]))).decode()]
            family.add(
                f"{path}-{where}",
                f"Untouched, but {title} SignatureValue",
                "SIG-27",
                m.text(),
                "sig.invalid",
                signed=where,
            )


def spare_bits(text):
    """The last character before the padding says more than the octets need."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = text.rstrip("=")[-1]
    other = alphabet[alphabet.index(last) ^ 1]
    return text.rstrip("=")[:-1] + other + "=" * (len(text) - len(text.rstrip("=")))


# References


def references(family):
    def whole(document):
        signature = document.xpath("//*[local-name()='Signature']")[0]
        sign._remove(signature)
        return sign.canonical(document.getroot())

    def nothing(document):
        return b""

    for where in ONE_PLACE:
        named = "_assertion" if where == "assertion" else "_response"
        for path, row, uri, content, title in (
            ("01-empty", "REF-01", "", whole, "is empty, the digest that of the whole document"),
            ("03-xpointer", "REF-03", f"#xpointer(id('{named}'))", None, "is an XPointer"),
            ("03b-xpointer-root", "REF-03", "#xpointer(/)", whole, "is an XPointer to the document"),
            ("03c-element-scheme", "REF-03", "#element(/1)", whole, "is an XPointer by place"),
            ("04-hash", "REF-04", "#", whole, "is #"),
            ("06-absolute", "REF-06", f"{ACS}#{named}", None, "is our own address and the ID"),
            ("06b-relative", "REF-06", f"./#{named}", None, "is a relative address and the ID"),
            ("06c-bare-name", "REF-06", named, None, "is the ID without #"),
            ("06d-two-hashes", "REF-06", f"##{named}", None, "has two #"),
            ("06e-percent", "REF-06", f"#%5F{named[1:]}", None, "is percent-encoded"),
            ("06f-space", "REF-06", f"# {named}", None, "has a space in front of the ID"),
            ("06g-space-behind", "REF-06", f"#{named} ", None, "has a space behind the ID"),
            ("06h-upper-case", "REF-06", f"#{named.upper()}", None, "is in capitals"),
            ("06i-prefix", "REF-06", f"#{named[:-1]}", None, "lacks a letter"),
            ("06j-suffix", "REF-06", f"#{named}x", None, "has a letter more"),
            ("06k-cid", "REF-06", f"cid:{named}", None, "is a cid:"),
            ("08-file", "REF-08", "file:///dev/null", nothing, "is a file"),
            ("08b-http", "REF-08", CANARY, nothing, "is on the web"),
            ("08c-data", "REF-08", "data:,", nothing, "is a data: URL"),
            ("08d-protocol-relative", "REF-08", f"//127.0.0.1:9/canary#{named}", None, "is on another host"),
        ):
            root = response(assertion(VICTIM if row == "REF-08" else ATTACKER))
            family.add(
                f"{path}-{where}",
                f"Signed by the identity provider, but the URI of the Reference {title}",
                row,
                either(where, root=root, how={"uri": uri}, content=content),
                "sig.reference",
                signed=where,
            )

        def without_uri(signature):
            signature.find("Reference").set("URI", None)

        family.add(
            f"02-none-{where}",
            "Signed by the identity provider with a Reference without URI",
            "REF-02",
            either(where, without_uri, content=whole),
            "sig.reference",
            signed=where,
        )

        def qualified_uri(signature):
            reference = signature.find("Reference")
            reference.attributes = [("ds:URI", f"#{named}")]

        family.add(
            f"02b-qualified-{where}",
            "Signed by the identity provider, but the attribute is ds:URI",
            "REF-02",
            either(where, qualified_uri),
            "sig.structure",
            signed=where,
        )

    # To another element than the one around it.
    for path, at, named, code, title in (
        ("09-response-by-assertions-id", "response", "_assertion", "sig.reference", "the Response's names the Assertion"),
        ("09b-assertion-by-responses-id", "assertion", "_response", "sig.reference", "the Assertion's names the Response"),
    ):
        def content(document):
            signature = document.xpath("//*[local-name()='Signature']")[0]
            sign._remove(signature)
            return sign.canonical(document.xpath(f"//*[@ID='{named}']")[0])

        family.add(
            path,
            f"Signed by the identity provider: {title}",
            "REF-06",
            either(at, how={"uri": f"#{named}"}, content=content),
            code,
            signed=at,
        )

    def no_id(where):
        root = response(assertion())
        parent = root if where == "response" else root.find("Assertion")
        parent.set("ID", None)
        return odd_signed(root, parent, {"uri": "#"}, content=whole)

    for where in ONE_PLACE:
        family.add(
            f"10-no-id-{where}",
            "Signed by the identity provider, but there is no ID to refer to",
            "REF-04",
            no_id(where),
            "xml.schema" if where == "response" else "sig.reference",
            signed=where,
        )

        def empty_id(where):
            root = response(assertion())
            parent = root if where == "response" else root.find("Assertion")
            parent.set("ID", "")
            return odd_signed(root, parent, {"uri": "#"})

        family.add(
            f"10b-empty-id-{where}",
            "Signed by the identity provider, the ID is empty and the URI is #",
            "REF-04,PRO-52",
            empty_id(where),
            "xml.id",
            signed=where,
        )


# Transforms


def transforms(family):
    def transform(uri, *inside):
        return E("ds:Transform", {"Algorithm": uri}, *inside)

    def listed(*new):
        """Exactly these."""

        def edit(signature):
            signature.find("Transforms").children = [one.copy() for one in new]

        return edit

    enveloped, exc = transform(ENVELOPED), transform(EXC)
    xpath = transform(
        XPATH,
        E(
            "ds:XPath",
            [declare("saml", "saml")],
            "not(ancestor-or-self::saml:Subject)",
        ),
    )
    subtract = transform(
        FILTER2,
        E("f:XPath", [("xmlns:f", FILTER2), declare("saml", "saml"), ("Filter", "subtract")], "//saml:Subject"),
    )

    def stylesheet(template):
        return transform(
            XSLT,
            E(
                "xsl:stylesheet",
                [("xmlns:xsl", "http://www.w3.org/1999/XSL/Transform"), ("version", "1.0")],
                E("xsl:template", {"match": "/"}, template),
            ),
        )

    constant = stylesheet(E("xsl:text", [], "OK"))
    fetching = stylesheet(E("xsl:copy-of", {"select": f"document('{CANARY}')"}))

    def without_subject(document):
        signature = document.xpath("//*[local-name()='Signature']")[0]
        parent = signature.getparent()
        sign._remove(signature)
        for one in parent.xpath(".//*[local-name()='Subject']"):
            sign._remove(one)
        return sign.canonical(parent)

    def to_victim(text):
        return text.replace(f">{ATTACKER}</saml:NameID>", f">{VICTIM}</saml:NameID>")

    for where in ONE_PLACE:
        for path, row, new, content, title in (
            ("01-xpath", "TRN-01", [enveloped, xpath, exc], without_subject, "XPath leaves the Subject out"),
            ("01b-xpath-alone", "TRN-01", [xpath], without_subject, "XPath alone"),
            ("02-filter2", "TRN-02", [enveloped, subtract, exc], without_subject, "XPath Filter 2.0 takes the Subject out"),
            ("03-xslt-constant", "TRN-03", [enveloped, constant, exc], lambda _: b"OK", "XSLT makes it a constant"),
            ("03b-xslt-constant-last", "TRN-03", [enveloped, exc, constant], lambda _: b"OK", "XSLT comes last"),
        ):
            family.add(
                f"{path}-{where}",
                f"Signed by the identity provider: {title}; then the NameID became the victim's",
                row,
                to_victim(either(where, listed(*new), content=content)),
                "sig.transform",
                signed=where,
            )
        family.add(
            f"04-xslt-document-{where}",
            "By the attacker: XSLT that fetches something before any signature is checked",
            "TRN-04",
            either(where, listed(enveloped, fetching, exc), how={"key": "attacker"}),
            "sig.transform",
            signed=where,
        )
        family.add(
            f"06-c14n-200-times-{where}",
            "By the attacker: C14N two hundred times",
            "TRN-06",
            either(where, listed(enveloped, *[exc] * 200), how={"key": "attacker"}),
            "sig.transform",
            signed=where,
        )
        for path, new, title in (
            ("07-enveloped-alone", [enveloped], "enveloped-signature alone"),
            ("07b-c14n-alone", [exc], "exclusive C14N alone"),
            ("07c-reversed", [exc, enveloped], "the other way round"),
            ("07d-enveloped-twice", [enveloped, enveloped, exc], "enveloped-signature twice"),
            ("07e-c14n-twice", [enveloped, exc, exc], "exclusive C14N twice"),
            ("07f-none", [], "none at all"),
            ("08-base64", [enveloped, exc, transform(DS + "base64")], "base64 as well"),
            ("08b-decrypt", [transform("http://www.w3.org/2002/07/decrypt#XML"), enveloped, exc], "decryption as well"),
            ("08c-c14n2", [enveloped, transform("http://www.w3.org/2010/xml-c14n2")], "C14N 2.0"),
            ("08d-unknown", [enveloped, transform("urn:example:none")], "one that nobody knows"),
            ("08e-empty-algorithm", [enveloped, transform("")], "one without a name"),
            ("08f-case", [enveloped, transform(EXC.upper())], "a name in capitals"),
            ("08g-str", [enveloped, transform("http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#STR-Transform")], "an STR transform"),
            ("09-child-in-enveloped", [transform(ENVELOPED, E("ds:XPath", [], "self::node()")), exc], "XPath inside of enveloped-signature"),
            ("09b-xpath-in-c14n", [enveloped, transform(EXC, E("ds:XPath", [], "self::node()"))], "XPath inside of exclusive C14N"),
            ("09c-text-in-c14n", [enveloped, transform(EXC, "text")], "text inside of exclusive C14N"),
        ):
            family.add(
                f"{path}-{where}",
                f"Signed by the identity provider, transforms: {title}",
                "TRN-06" if path.startswith("07e") else "TRN-01",
                either(where, listed(*new)),
                "sig.transform",
                signed=where,
            )
        for path, new, title in (
            ("10-inclusive", transform(C14N["c14n"]), "inclusive C14N"),
            ("10b-inclusive-11", transform(C14N["c14n11"]), "C14N 1.1"),
        ):
            family.add(
                f"{path}-{where}",
                f"Signed by the identity provider with {title}, which nobody has allowed it",
                "TRN-01",
                either(where, listed(enveloped, new), how={"transform": "c14n"}),
                "sig.transform",
                signed=where,
            )

        # InclusiveNamespaces
        def namespaces_of(*attributes, name="ec:InclusiveNamespaces", space=EXC, inside=()):
            made = E(name, [("xmlns:ec", space), *attributes], *inside)
            return listed(enveloped, transform(EXC, made))

        for path, edit, title in (
            ("11-prefix-list-missing", namespaces_of(), "no PrefixList"),
            ("11b-prefix-list-other-attribute", namespaces_of(("PrefixList", "xs"), ("Other", "1")), "an attribute more"),
            ("11c-prefix-list-other-namespace", namespaces_of(("PrefixList", "xs"), space="urn:x"), "another namespace"),
            ("11d-prefix-list-not-a-prefix", namespaces_of(("PrefixList", "xs 1x a:b")), "no prefixes in it"),
            ("11e-prefix-list-17", namespaces_of(("PrefixList", " ".join(f"p{n}" for n in range(17)))), "17 prefixes"),
            ("11f-prefix-list-content", namespaces_of(("PrefixList", "xs"), inside=["text"]), "text in it"),
            ("11g-prefix-list-default-typo", namespaces_of(("PrefixList", "#Default")), "#Default"),
            ("11h-prefix-list-wildcard", namespaces_of(("PrefixList", "*")), "a wildcard"),
        ):
            family.add(
                f"{path}-{where}",
                f"Signed by the identity provider, InclusiveNamespaces with {title}",
                "C14-15",
                either(where, edit),
                "sig.transform",
                signed=where,
            )


# Keys


def pem(key, what="certificate"):
    """What a careless program might hand to HMAC as its secret."""
    encoding, form = serialization.Encoding, serialization.PublicFormat.SubjectPublicKeyInfo
    certificate = keys.certificate(key)
    return {
        "certificate": lambda: certificate.public_bytes(encoding.PEM),
        "certificate-der": lambda: certificate.public_bytes(encoding.DER),
        "public-key": lambda: certificate.public_key().public_bytes(encoding.PEM, form),
        "public-key-der": lambda: certificate.public_key().public_bytes(encoding.DER, form),
        "base64": lambda: base64.b64encode(certificate.public_bytes(encoding.DER)),
    }[what]()


def victims():
    return response(assertion(VICTIM))


def key_info(family):
    def certificates(*names):
        def build(how):
            data = [
                E("ds:X509Certificate", [], base64.b64encode(keys.certificate_der(name)).decode())
                for name in names
            ]
            return E("ds:KeyInfo", [], E("ds:X509Data", [], *data))

        return build

    def split(how):
        one = lambda name: E(
            "ds:X509Data",
            [],
            E("ds:X509Certificate", [], base64.b64encode(keys.certificate_der(name)).decode()),
        )
        return E("ds:KeyInfo", [], one("corp"), one("attacker"))

    def retrieval(uri, kind=DS + "X509Data"):
        def build(how):
            return E("ds:KeyInfo", [], E("ds:RetrievalMethod", {"URI": uri, "Type": kind}))

        return build

    def subject_key_identifier(how):
        return E("ds:KeyInfo", [], E("ds:X509Data", [], E("ds:X509SKI", [], "AAAA")))

    def der_key(how):
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        public = keys.private("attacker").public_key()
        data = base64.b64encode(public.public_bytes(serialization.Encoding.DER, form)).decode()
        value = E("d:DEREncodedKeyValue", [("xmlns:d", "http://www.w3.org/2009/xmldsig11#")], data)
        return E("ds:KeyInfo", [], value)

    for where in PLACES:
        for path, row, info, title in (
            ("01-own-certificate", "KEY-01", "x509", "with its certificate"),
            ("01b-no-key-info", "KEY-01", None, "without KeyInfo"),
            ("03-key-value", "KEY-03", "key-value", "with its bare key"),
            ("05-attacker-then-idp", "KEY-05", certificates("attacker", "corp"), "with its certificate, then that of the identity provider"),
            ("05b-idp-then-attacker", "KEY-05", certificates("corp", "attacker"), "with the certificate of the identity provider, then its own"),
            ("05c-idp-alone", "KEY-02", certificates("corp"), "with the certificate of the identity provider alone"),
        ):
            family.add(
                f"{path}-{where}",
                f"Signed by the attacker's key, {title}",
                row,
                signed(victims(), where, key="attacker", key_info=info),
                "sig.invalid",
                signed=where,
            )
    for path, row, info, title in (
        ("02-same-names", "KEY-02", "issuer-serial", "named by issuer and serial"),
        ("02b-subject", "KEY-02", "subject", "with the subject of the identity provider"),
        ("04-der-key-value", "KEY-03", der_key, "as DEREncodedKeyValue"),
        ("05d-two-x509-data", "KEY-05", split, "in the second of two X509Data"),
        ("06-key-name", "KEY-01", "key-name", "by the name of the identity provider"),
        ("06b-key-identifier", "KEY-01", subject_key_identifier, "by an identifier"),
        ("23-retrieval-http", "KEY-23", retrieval(CANARY), "to be fetched from the web"),
        ("23b-retrieval-file", "KEY-23", retrieval("file:///etc/hostname"), "to be read from a file"),
        ("23c-retrieval-same-document", "KEY-23", retrieval("#_key"), "somewhere in the document"),
        ("23d-retrieval-raw", "KEY-23", retrieval(CANARY, DS + "rawX509Certificate"), "to be fetched as it is"),
    ):
        family.add(
            path,
            f"Signed by the attacker's key, {title}",
            row,
            signed(victims(), "assertion", key="attacker", key_info=info),
            "sig.invalid",
        )
    family.add(
        "02c-clone",
        "Signed by the attacker's key, whose certificate has subject, issuer and serial of the real one",
        "KEY-02",
        signed(victims(), "assertion", key="attacker", key_info=clone),
        "sig.invalid",
    )
    # A loop that would have to be followed.
    def loop(how):
        one = E("ds:RetrievalMethod", {"URI": "#_info"})
        return E("ds:KeyInfo", {"Id": "_info"}, one)

    family.add(
        "23e-retrieval-loop",
        "Signed by the attacker's key, which is where KeyInfo itself is",
        "KEY-23",
        signed(victims(), "assertion", key="attacker", key_info=loop),
        "sig.invalid",
    )


def clone(how):
    """The genuine certificate with the attacker's key inside."""
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    real = keys.certificate("corp")
    key = keys.private("attacker")
    made = (
        x509.CertificateBuilder()
        .subject_name(real.subject)
        .issuer_name(real.issuer)
        .serial_number(real.serial_number)
        .not_valid_before(datetime.datetime(2026, 1, 1))
        .not_valid_after(datetime.datetime(2046, 1, 1))
        .public_key(key.public_key())
        .sign(key, hashes.SHA256())
    )
    data = base64.b64encode(made.public_bytes(serialization.Encoding.DER)).decode()
    return E("ds:KeyInfo", [], E("ds:X509Data", [], E("ds:X509Certificate", [], data)))


def hmacs(family):
    def maced(secret, digest):
        return lambda octets: hmac.new(secret, octets, digest).digest()

    for where in ONE_PLACE:
        for path, row, algorithm, what in (
            ("07-hmac-sha256-certificate", "KEY-07", "hmac-sha256", "certificate"),
            ("07b-hmac-sha256-certificate-der", "KEY-07", "hmac-sha256", "certificate-der"),
            ("07c-hmac-sha256-base64", "KEY-07", "hmac-sha256", "base64"),
            ("08-hmac-sha1-certificate", "KEY-08", "hmac-sha1", "certificate"),
            ("09-hmac-sha256-public-key", "KEY-09", "hmac-sha256", "public-key"),
            ("09b-hmac-sha256-public-key-der", "KEY-09", "hmac-sha256", "public-key-der"),
        ):
            value = maced(pem("corp", what), algorithm[5:])
            family.add(
                f"{path}-{where}",
                f"{algorithm} with the identity provider's {what} as the secret",
                row,
                either(where, root=victims(), how={"algorithm": algorithm}, value=value),
                "sig.algorithm",
                signed=where,
            )

        def output_length(bits):
            def edit(signature):
                method = signature.find("SignatureMethod")
                method.children.append(E("ds:HMACOutputLength", [], bits))

            return edit

        for path, bits, value in (
            ("11-hmac-length-0", "0", lambda _: b""),
            ("11b-hmac-length-8", "8", lambda _: b"\0"),
            ("11c-hmac-length-negative", "-1", lambda _: b""),
        ):
            family.add(
                f"{path}-{where}",
                f"HMAC with HMACOutputLength {bits}",
                "KEY-11",
                either(
                    where,
                    output_length(bits),
                    root=victims(),
                    how={"algorithm": "hmac-sha256"},
                    value=value,
                ),
                "sig.algorithm",
                signed=where,
            )
        family.add(
            f"11d-rsa-with-output-length-{where}",
            "Signed by the identity provider by RSA, with an HMACOutputLength",
            "KEY-11",
            either(where, output_length("0")),
            "sig.algorithm",
            signed=where,
        )


def algorithms(family):
    for where in ONE_PLACE:
        for path, row, octets, title in (
            ("13-rsa-zeros", "KEY-13", bytes(256), "256 zeros"),
            ("14-rsa-one", "KEY-14", bytes(255) + b"\1", "the number one"),
            ("14b-rsa-ones", "KEY-14", b"\xff" * 256, "larger than the modulus"),
            ("14c-rsa-short", "KEY-14", b"\1", "one octet"),
        ):
            family.add(
                f"{path}-{where}",
                f"SignatureValue of rsa-sha256 is {title}",
                row,
                either(where, root=victims(), value=lambda _: octets),
                "sig.invalid",
                signed=where,
            )
        for path, row, uri, value in (
            ("15-none", "KEY-15", DS + "none", lambda _: b""),
            ("15b-empty", "KEY-15", "", lambda _: b""),
            ("15c-unknown", "KEY-15", "urn:example:none", lambda _: b""),
            ("15d-digest-as-signature", "KEY-15", DIGEST["sha256"], lambda o: hashlib.sha256(o).digest()),
            ("15e-dsa", "KEY-15", DS + "dsa-sha1", lambda _: bytes(40)),
            ("15f-dsa-sha256", "KEY-15", "http://www.w3.org/2009/xmldsig11#dsa-sha256", lambda _: bytes(64)),
            ("15g-white-space", "KEY-15", " " + ALGORITHM["rsa-sha256"], lambda _: b""),
            ("15h-case", "KEY-15", ALGORITHM["rsa-sha256"].upper(), lambda _: b""),
            ("15i-ripemd", "KEY-20", "http://www.w3.org/2001/04/xmldsig-more#rsa-ripemd160", lambda _: bytes(256)),
        ):
            family.add(
                f"{path}-{where}",
                f"SignatureMethod is {uri!r}",
                row,
                either(where, root=victims(), how={"algorithm": uri}, value=value),
                "sig.algorithm",
                signed=where,
            )

        def no_algorithm(signature):
            signature.find("SignatureMethod").set("Algorithm", None)

        family.add(
            f"15j-missing-{where}",
            "SignatureMethod has no Algorithm",
            "KEY-15",
            either(where, no_algorithm, root=victims(), value=lambda _: b""),
            "sig.algorithm",
            signed=where,
        )
        for path, row, how, code in (
            ("18-rsa-sha1-sha1", "KEY-18", {"algorithm": "rsa-sha1", "digest": "sha1"}, "sig.algorithm"),
            ("18b-rsa-sha1-sha256", "KEY-18", {"algorithm": "rsa-sha1"}, "sig.algorithm"),
            ("18c-rsa-sha256-sha1", "KEY-18", {"digest": "sha1"}, "sig.digest_algorithm"),
            ("20-rsa-md5", "KEY-20", {"algorithm": "rsa-md5"}, "sig.algorithm"),
            ("21-digest-md5", "KEY-21", {"digest": "md5"}, "sig.digest_algorithm"),
            ("21b-digest-sha224", "KEY-21", {"digest": "sha224"}, "sig.digest_algorithm"),
            ("21c-rsa-sha224", "KEY-20", {"algorithm": "rsa-sha224"}, "sig.algorithm"),
        ):
            family.add(
                f"{path}-{where}",
                f"Signed by the identity provider with {', '.join(how.values())}",
                row,
                signed(response(assertion()), where, **how),
                code,
                signed=where,
            )
        for path, uri, code in (
            ("21d-digest-empty", "", "sig.digest_algorithm"),
            ("21e-digest-is-signature", ALGORITHM["rsa-sha256"], "sig.digest_algorithm"),
            ("21f-digest-unknown", "urn:example:none", "sig.digest_algorithm"),
            ("21g-digest-sha256-in-dsig", DS + "sha256", "sig.digest_algorithm"),
        ):
            family.add(
                f"{path}-{where}",
                f"DigestMethod is {uri!r}",
                "KEY-21",
                either(where, how={"digest": uri}),
                code,
                signed=where,
            )
        family.add(
            f"18d-sha1-until-yesterday-{where}",
            "RSA-SHA1, which was allowed until a moment ago",
            "KEY-18",
            signed(response(assertion()), where, algorithm="rsa-sha1", digest="sha1"),
            "sig.algorithm",
            signed=where,
            set=("allow_sha1_until=2026-11-21T12:00:00Z",),
        )
        for path, how in (
            ("18e-md5-where-sha1-is-allowed", {"algorithm": "rsa-md5"}),
            ("18f-hmac-where-sha1-is-allowed", {"algorithm": "hmac-sha1"}),
        ):
            family.add(
                f"{path}-{where}",
                f"{how['algorithm']} where SHA-1 is allowed",
                "KEY-18,KEY-20",
                signed(victims(), where, **how),
                "sig.algorithm",
                signed=where,
                set=("allow_sha1_until=2030-01-01",),
            )

    # A key of one kind, an algorithm of another.
    for path, row, how, idp, code in (
        ("17-rsa-declared-ec-used", "KEY-17", {"key": "attacker-p256", "algorithm": "ecdsa-sha256"}, "corp", "sig.algorithm"),
        ("17c-ec-key-rsa-declared", "KEY-17", {"key": "attacker", "algorithm": "rsa-sha256"}, "corp-ec", "sig.algorithm"),
    ):
        family.add(
            path,
            f"{how['algorithm']}, and the identity provider has no such key",
            row,
            signed(victims(), "assertion", **how),
            code,
            idp=idp,
        )
    ec_value = lambda octets: sign.raw(keys.private("attacker-p256"), "ecdsa-sha256", octets)
    family.add(
        "17b-rsa-declared-ec-value",
        "SignatureMethod says rsa-sha256, the value is the attacker's by ECDSA",
        "KEY-17",
        either("assertion", root=victims(), value=ec_value),
        "sig.invalid",
    )
    for path, octets, title in (
        ("17d-ecdsa-zeros", bytes(64), "zeros (CVE-2022-21449)"),
        ("17e-ecdsa-empty", b"", "nothing"),
        ("17f-ecdsa-ones", b"\xff" * 64, "larger than the order"),
        ("17g-ecdsa-one-one", (bytes(31) + b"\1") * 2, "r = s = 1"),
    ):
        family.add(
            path,
            f"SignatureValue of ecdsa-sha256 is {title}",
            "KEY-13,KEY-14",
            either(
                "assertion",
                root=victims(),
                how={"key": "corp-p256", "algorithm": "ecdsa-sha256"},
                value=lambda _: octets,
            ),
            "sig.invalid",
            idp="corp-ec",
        )

    def as_der(octets):
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        key = keys.private("corp-p256")
        return key.sign(octets, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))

    family.add(
        "17h-ecdsa-der",
        "Signed by the identity provider by ECDSA, but the value is DER",
        "KEY-17",
        either(
            "assertion",
            how={"key": "corp-p256", "algorithm": "ecdsa-sha256"},
            value=as_der,
        ),
        "sig.invalid",
        idp="corp-ec",
    )


def other_keys(family):
    for where in PLACES:
        family.add(
            f"16-our-own-key-{where}",
            "Signed by our own key",
            "KEY-16",
            signed(victims(), where, key="sp"),
            "sig.invalid",
            signed=where,
        )
        family.add(
            f"22-weak-key-{where}",
            "Signed by a key of 1024 bits that no metadata has",
            "KEY-22",
            signed(victims(), where, key="weak"),
            "sig.invalid",
            signed=where,
        )
        family.add(
            f"24-other-trusted-idp-{where}",
            "Signed by another trusted identity provider in the name of this one",
            "KEY-24",
            signed(victims(), where, key="other"),
            "sig.invalid",
            signed=where,
        )
    family.add(
        "24b-rolled-over-key",
        "Signed by a key that the identity provider does not have any more",
        "KEY-24",
        signed(victims(), "assertion", key="corp-next"),
        "sig.invalid",
    )
    # The Response by the real key, the Assertion by the attacker's, and both in one.
    root = read(signed(victims(), "assertion", key="attacker"))
    root.after("Issuer", Message("response").outer)
    family.add(
        "26-attackers-assertion-genuine-outer",
        "An Assertion by the attacker under the Signature of an honest Response",
        "KEY-01,SIG-05",
        root.write(),
        "sig.digest",
        signed="both",
    )
