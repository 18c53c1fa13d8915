"""Comments where they could mean something: in what is signed, and in what is read.

Around the document element, and between the children of a Response that is not signed itself, they
are harmless (`valid/wire/comment-*`). Everywhere else two readers could see two things.
"""

from case import Case
from saml import ALICE, CAROL, Assertion, Response, plain
from sign import Signature, read, signed

NOTE = "<!-- -->"


def cases():
    for where in ("assertion", "response", "both"):
        yield from _signed(where)
    yield from _texts()
    yield from _cut()


def refuse(path, title, row, body, where, codes="xml.forbidden_node"):
    """A case that has to be refused."""
    return Case(
        path=f"attack/comments/{path}",
        title=title,
        row=row,
        signed=where,
        body=body,
        expect=f"refuse {codes}",
    )


def _message(where, what=None, envelope=None):
    root, made = plain(None, what or Assertion(), envelope)
    places = [(made, Signature())] if where in ("assertion", "both") else []
    places += [(root, Signature())] if where in ("response", "both") else []
    return signed(root, *places)


def _signed(where):
    text = _message(where)
    for short, title, place in [
        ("assertion", "between the children of the Assertion", "<saml:Subject>"),
        ("subject", "between the children of the Subject", "<saml:SubjectConfirmation "),
        ("statement", "between the children of the AuthnStatement", "<saml:AuthnContext>"),
        ("signature", "between SignedInfo and SignatureValue", "<ds:SignatureValue>"),
        ("signed-info", "in SignedInfo", "<ds:SignatureMethod "),
        ("transforms", "among the Transforms", "<ds:Transform "),
        ("key-info", "in KeyInfo", "<ds:X509Data>"),
    ]:
        body = text.replace(place, NOTE + place)
        yield refuse(f"{short}-{where}", f"A comment {title}; signed: {where}", "CMT-01", body, where)
    for short, title, tag in [
        ("signature-value", "in SignatureValue", "ds:SignatureValue"),
        ("digest-value", "in DigestValue", "ds:DigestValue"),
        ("certificate", "in the certificate", "ds:X509Certificate"),
    ]:
        body = text.replace(f"</{tag}>", f"{NOTE}</{tag}>")
        yield refuse(f"{short}-{where}", f"A comment {title}; signed: {where}", "CMT-01", body, where)
    if where != "assertion":
        for short, place in (("status", "<samlp:Status>"), ("assertion-itself", "<saml:Assertion ")):
            body = text.replace(place, NOTE + place)
            title = f"A comment between the children of a signed Response; signed: {where}"
            yield refuse(f"before-{short}-{where}", title, "CMT-01", body, where)


def _texts():
    text = _message("assertion", envelope=Response(message="all is well"))
    issuer = "https://idp.example.com/metadata</saml:Issuer>"
    for short, title, old, new in [
        ("issuer", "in the Issuer of a Response that is not signed", issuer, f"https://idp.example.com/{NOTE}metadata</saml:Issuer>"),
        ("issuer-end", "at the end of that Issuer", issuer, issuer.replace("</", NOTE + "</")),
        ("status-message", "in the StatusMessage", "all is well", f"all is {NOTE}well"),
        ("status", "in the Status", "<samlp:StatusCode ", f"{NOTE}<samlp:StatusCode "),
        ("in-tag", "inside of a tag", "<samlp:Status>", f"<samlp:Status {NOTE}>"),
        ("in-value", "unescaped in an attribute's value", 'Destination="', f'Destination="{NOTE}'),
    ]:
        codes = "xml.forbidden_node"
        if short in ("in-tag", "in-value"):
            codes = "xml.syntax"
        yield refuse(f"text-{short}", f"A comment {title}", "CMT-02", text.replace(old, new, 1), "assertion", codes)
    good = _message("assertion")
    for short, title, body in [
        ("unclosed", "A comment that does not end", good + "<!-- "),
        ("two-dashes", "A comment with two dashes in it", "<!-- a -- b -->" + good),
        ("three-dashes", "A comment that ends in three dashes", "<!-- a --->" + good),
        ("before-declaration", "A comment before the XML declaration", NOTE + '<?xml version="1.0"?>' + good),
        ("text-beside", "A comment and text between the children of the Response", good.replace("<samlp:Status>", f"x{NOTE}y<samlp:Status>")),
        ("root-only", "A comment and nothing else", NOTE),
    ]:
        codes = {
            "unclosed": "xml.syntax",
            "two-dashes": "xml.syntax",
            "three-dashes": "xml.syntax",
            "before-declaration": "xml.forbidden_node|xml.syntax",
            "text-beside": "xml.forbidden_node|xml.schema",
            "root-only": "xml.syntax",
        }[short]
        yield refuse(f"form-{short}", title, "CMT-03", body, "assertion", codes)


def _cut():
    what = Assertion(name_id=CAROL + ".attacker.example")
    for where in ("assertion", "response", "both"):
        text = _message(where, what)
        for short, title, new in [
            ("behind", "behind the victim's name", CAROL + NOTE),
            ("in-front", "in front of it", NOTE + CAROL),
            ("empty", "empty, behind it", CAROL + "<!---->"),
            ("within-comment", "a comment with markup in it", CAROL + "<!--</saml:NameID>-->"),
        ]:
            body = text.replace(CAROL, new)
            yield refuse(f"cut-{short}-{where}", f"A comment in a signed NameID, {title}; signed: {where}", "CMT-04", body, where)
    # A comment that hides the evil Assertion from whoever skips it, or the good one.
    good = read(_message("assertion"))
    from saml import evil

    bad = evil(good.find("Assertion")).write()
    text = good.write()
    place = text.index("<saml:Assertion")
    end = text.index("</saml:Assertion>") + 17
    body = text[:place] + bad + "<!--" + text[place:end] + "-->" + text[end:]
    yield Case(
        path="attack/comments/hides-the-signed-one",
        title="The signed Assertion in a comment behind the evil one",
        row="CMT-05",
        signed="none",
        body=body,
        expect="refuse sig.missing",
    )
    body = text[:place] + "<!--" + bad + "-->" + text[place:]
    yield Case(
        path="valid/wire/comment-hides-the-evil-one",
        title="An evil Assertion in a comment before the signed one is nobody's",
        row="VAL-36",
        signed="assertion",
        body=body,
        expect="accept",
        name_id=ALICE,
        format="urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
        session_index="_session",
    )
