"""What a second reader of the code asked: things that are signed and still none of our business."""

from attack import ATTACKER, VICTIM, Family, assertion, attribute, response, signed, subject, victimised
from encrypt import Encryption, encrypted
from sign import Signature
from sign import signed as signed_at
from tree import E, declare

EPPN = "urn:oid:1.3.6.1.4.1.5923.1.1.1.6"
FOREIGN = "carol@attacker.example.net"
PLACES = ("assertion", "response", "both")


def cases():
    family = Family("review")
    nested(family)
    values(family)
    scopes(family)
    answers(family)
    comments(family)
    return family.made


def about(*statements, ID="_assertion"):
    """An Assertion about the attacker, with these AttributeStatements as well."""
    made = assertion(ID=ID)
    made.children += [E("saml:AttributeStatement", [], *statements)]
    return made


def carried(ID="_evil"):
    """An Assertion about the victim that is a document of its own."""
    made = victimised(assertion(), ID)
    made.attributes.insert(0, declare("saml", "saml"))
    return made


def at(root, where):
    """Signs the Assertion that is the last child."""
    places = [(root.children[-1], Signature())] if where != "response" else []
    return signed_at(root, *places, *([(root, Signature())] if where != "assertion" else []))


def nested(family):
    """An Assertion where the schema lets anything in: nobody reads it, and nobody sends it."""
    row = "XSW-14,XSW-49"
    hidden = lambda: encrypted("EncryptedAssertion", carried().write(), Encryption())
    for path, inside, title in (("plain", carried, "Assertion"), ("encrypted", hidden, "EncryptedAssertion")):
        for where in PLACES:
            made = assertion()
            made.after("Conditions", E("saml:Advice", [], inside()))
            family.add(
                f"01-advice-{path}-{where}",
                f"The signer's Advice holds an {title}",
                row,
                signed(response(made), where),
                "proto.assertion_count",
                signed=where,
                decrypt_key=("sp",),
            )
        for where in PLACES:
            root = response(assertion())
            root.after("Issuer", E("samlp:Extensions", [], inside()))
            family.add(
                f"02-extensions-{path}-{where}",
                f"The Extensions of the Response hold an {title}",
                "XSW-48",
                at(root, where),
                "proto.assertion_count",
                signed=where,
                decrypt_key=("sp",),
            )
            root = response(assertion())
            root.find("Status").children.append(E("samlp:StatusDetail", [], inside()))
            family.add(
                f"03-status-detail-{path}-{where}",
                f"The StatusDetail of the Response holds an {title}",
                "XSW-48",
                at(root, where),
                "proto.assertion_count",
                signed=where,
                decrypt_key=("sp",),
            )
        text = signed(response(assertion()), "assertion")
        end = "</ds:X509Data>"
        family.add(
            f"04-key-info-{path}",
            f"The KeyInfo of the Signature, which nothing signs, holds an {title}",
            "XSW-49",
            text.replace(end, end + inside().write()),
            "proto.assertion_count",
            decrypt_key=("sp",),
        )
    for where in PLACES:
        inner = assertion()
        inner.attributes.insert(0, declare("saml", "saml"))
        inner.after("Conditions", E("saml:Advice", [], carried()))
        text = signed_at(inner, *([(inner, Signature())] if where != "response" else []))
        root = response(encrypted("EncryptedAssertion", text, Encryption()))
        family.add(
            f"05-decrypted-advice-{where}",
            "The decrypted Assertion has another in its Advice",
            row,
            signed_at(root, *([(root, Signature())] if where != "assertion" else [])),
            "proto.assertion_count",
            signed=where,
            decrypt_key=("sp",),
        )
    value = attribute("note", E("saml:AttributeValue", [], carried()))
    value.attributes.insert(0, declare("saml", "saml"))
    made = about(encrypted("EncryptedAttribute", value.write(), Encryption()))
    family.add(
        "06-encrypted-attribute",
        "A decrypted Attribute has an Assertion for its value",
        row,
        signed(response(made), "assertion"),
        "enc.content",
        decrypt_key=("sp",),
    )


def values(family):
    """Characters that nobody sees, and others that do something."""
    for path, text, title in (
        ("lf", "staff&#10;admins", "a line feed"),
        ("tab", "staff&#9;admins", "a tab"),
        ("del", "staff&#127;", "DEL"),
        ("csi", "&#x9b;31mstaff", "a terminal's escape"),
        ("paragraph", "staff&#x2029;admins", "a paragraph separator"),
        ("override", "&#x202e;staff", "an override of direction"),
    ):
        for name, what in (("groups", "group"), ("displayName", "name"), ("title", "title"), ("department", "department")):
            made = assertion(parts=None)
            made.find("AttributeStatement").children = [attribute(name, text)]
            family.add(
                f"10-{what}-{path}",
                f"A {what} with {title}",
                "VLU-02",
                signed(response(made), "assertion"),
                "value.refused",
            )
    for path, text, title in (
        ("soft-hyphen", "&#xAD;", "a soft hyphen"),
        ("zero-width-space", "&#x200B;", "a zero-width space"),
        ("joiner", "&#x200D;", "a joiner"),
        ("word-joiner", "&#x2060;", "a word joiner"),
        ("invisible-times", "&#x2062;", "an invisible operator"),
        ("deprecated", "&#x206F;", "a deprecated format character"),
        ("byte-order-mark", "&#xFEFF;", "a byte order mark"),
        ("tag", "&#xE0041;", "a tag"),
        ("variation", "&#xE0100;", "a variation selector"),
    ):
        whom = VICTIM.replace("@", text + "@")
        family.add(
            f"11-name-id-{path}",
            f"The NameID is the victim's with {title}",
            "VLU-13",
            signed(response(assertion(parts=parts(subject(whom)))), "assertion"),
            "value.refused",
        )
        made = assertion()
        made.find("AttributeStatement").children = [attribute("email", whom)]
        family.add(
            f"11-email-{path}",
            f"The e-mail address is the victim's with {title}",
            "VLU-13",
            signed(response(made), "assertion"),
            "value.refused",
        )


def parts(who):
    """The rest of an Assertion about this Subject."""
    return [who, *assertion().children[2:]]


def scopes(family):
    """The same attributes under the names that others know them by."""
    for path, name, more in (
        ("eppn", "eduPersonPrincipalName", {}),
        ("eppn-mace", "urn:mace:dir:attribute-def:eduPersonPrincipalName", {}),
        ("affiliation", "eduPersonScopedAffiliation", {}),
        ("affiliation-mace", "urn:mace:dir:attribute-def:eduPersonScopedAffiliation", {}),
        ("unique-id", "urn:oid:1.3.6.1.4.1.5923.1.1.1.13", {}),
        ("unique-id-name", "eduPersonUniqueId", {}),
        ("subject-id", "subject-id", {}),
        ("pairwise-id", "pairwise-id", {}),
        ("friendly", "urn:x-other", {"FriendlyName": "eduPersonPrincipalName"}),
    ):
        made = assertion()
        made.find("AttributeStatement").children = [attribute(name, FOREIGN, **more)]
        family.add(
            f"20-scope-{path}",
            "A scoped attribute under another of its names, with a scope that the metadata does not list",
            "VLU-09",
            signed(response(made), "assertion"),
            "value.scope",
            idp="corp-scoped",
        )


def answers(family):
    """Core 3.2.2: whoever answers says so, and a signed message can not have lost it."""
    for where in ("response", "both"):
        family.add(
            f"30-no-in-response-to-{where}",
            "A signed Response to a request does not say that it is one",
            "PRO-62",
            signed(response(assertion(), InResponseTo=None), where),
            "proto.in_response_to",
            signed=where,
        )


def comments(family):
    """C14N drops comments; what decrypts to one was never digested."""
    inner = assertion()
    inner.attributes.insert(0, declare("saml", "saml"))
    text = inner.write().replace("<saml:Conditions", "<!-- --><saml:Conditions", 1)
    root = response(encrypted("EncryptedAssertion", text, Encryption()))
    family.add(
        "40-decrypted-comment-response",
        "A comment in a decrypted Assertion that the signature of the Response covers",
        "ENC-16",
        signed_at(root, (root, Signature())),
        "xml.forbidden_node",
        signed="response",
        decrypt_key=("sp",),
    )
