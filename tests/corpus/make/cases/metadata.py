"""Metadata: whose keys we are told to believe."""

import trust
from case import Case
from saml import IDP, OTHER_IDP, time
from sign import Signature, signed
from tree import E, declare

TOMORROW = 86_400
SIGNER = "federation"


def cases():
    yield from _valid()
    yield from _refused()


def entity(entity_id=IDP, keys=("corp",), valid=TOMORROW, identifier="_entity", **more):
    """An EntityDescriptor as E."""
    made = trust.entity(entity_id, list(keys), **more)
    made.set("ID", identifier)
    return made.set("validUntil", time(valid) if isinstance(valid, int) else valid)


def entities(*inside, valid=TOMORROW, name="https://federation.example.com"):
    """An EntitiesDescriptor around some."""
    return E(
        "md:EntitiesDescriptor",
        [
            declare("md", "md"),
            ("ID", "_federation"),
            ("Name", name),
            ("validUntil", time(valid) if isinstance(valid, int) else valid),
        ],
        *inside,
    )


def sign(root, how=None, prolog=""):
    """Signed as metadata is: the Signature first."""
    return signed(root, (root, how or Signature(key=SIGNER)), prolog=prolog, place=None)


def case(path, title, row, body, expect, key=(), signer=SIGNER, entity_id=None, **more):
    """A case of metadata."""
    extra = [("metadata_signing_certificate", signer)] if signer else []
    extra += [("entity_id", entity_id)] if entity_id else []
    return Case(
        path=path,
        title=title,
        row=row,
        body=body,
        expect=expect,
        kind="metadata",
        more=tuple(extra) + tuple(("key", name) for name in key),
        **more,
    )


def accept(path, title, row, body, *keys, **more):
    """Accepted, with these keys."""
    return case(f"valid/metadata/{path}", title, row, body, "accept", keys, **more)


def refuse(path, title, row, body, code, **more):
    """Refused."""
    return case(f"attack/metadata/{path}", title, row, body, f"refuse {code}", **more)


def _valid():
    yield accept("entity", "One entity, signed by itself", "MDX-00", sign(entity()), "corp")
    yield accept("entity-own-key", "One entity, signed by the key that it is about", "MDX-00", sign(entity(), Signature()), "corp", signer="corp")
    yield accept("entity-bom", "With a byte order mark, as Entra ID sends it", "MDX-00", sign(entity(), prolog="\ufeff" + '<?xml version="1.0" encoding="utf-8"?>'), "corp")
    body = sign(entities(entity(), entity(OTHER_IDP, ["other"], identifier="_other")))
    yield accept("federation", "A federation, signed as a whole", "MDX-00", body, "corp", entity_id=IDP)
    yield accept("federation-the-other", "The other one of the federation", "MDX-00", body, "other", entity_id=OTHER_IDP)
    inner = entity()
    body = signed(entities(entity(OTHER_IDP, ["other"], identifier="_other"), inner), (inner, Signature(key=SIGNER)), place=None)
    yield accept("entity-of-unsigned-federation", "A signed entity in a federation that nobody signed", "MDX-00", body, "corp", entity_id=IDP)
    nested = entities(entities(entity(), valid=None).set("ID", "_inner"), valid=TOMORROW)
    yield accept("federation-nested", "A federation in a federation", "MDX-00", sign(nested), "corp", entity_id=IDP)
    yield accept("two-keys", "Two keys, while one replaces the other", "MDX-10", sign(entity(keys=("corp", "corp-next"))), "corp", "corp-next")
    every = ("corp", "corp-p256", "corp-p384", "corp-p521", "corp-ed25519")
    yield accept("all-kinds-of-keys", "Keys of all kinds", "MDX-10", sign(entity(keys=every)), *every)
    both = entity(descriptors=[trust.key_descriptor("corp", None)])
    yield accept("key-without-use", "A KeyDescriptor without use is good for signing", "MDX-10", sign(both), "corp")
    mixed = entity(descriptors=[trust.key_descriptor("other", "encryption"), trust.key_descriptor("corp")])
    yield accept("encryption-key-left-out", "A key for encryption beside the one for signing", "MDX-09", sign(mixed), "corp")
    weak = entity(descriptors=[trust.key_descriptor("weak"), trust.key_descriptor("corp")])
    yield accept("weak-key-left-out", "A key of 1024 bits beside a good one is left out", "MDX-08", sign(weak), "corp")
    pretty = entity()
    yield accept("comments", "Comments and white space, as people write them", "MDX-11", sign(pretty).replace("<md:SingleSignOn", "<!-- here -->\n  <md:SingleSignOn", 1).replace("<!-- here -->\n  ", "<!-- here -->"), "corp")
    yield accept("unsigned-pinned", "Not signed: from a file that an operator trusts", "MDX-00", entity(valid=None).write("  "), "corp", signer=None)


def _refused():
    attacker = entity(keys=("attacker",))
    yield refuse("01-attackers-key-and-signature", "The attacker's key, signed by the attacker", "MDX-01", sign(attacker, Signature(key="attacker")), "md.signature")
    yield refuse("01-attackers-signature", "The right key, signed by the attacker", "MDX-01", sign(entity(), Signature(key="attacker")), "md.signature")
    yield refuse("01-unsigned", "Not signed", "MDX-01", entity().write(), "md.signature")
    good = sign(entity())
    other = sign(entity(keys=("attacker",)))
    start = lambda text: text.index("<ds:X509Certificate>", text.index("KeyDescriptor"))
    end = lambda text: text.index("</ds:X509Certificate>", start(text))
    swapped = good[: start(good)] + other[start(other) : end(other)] + good[end(good) :]
    yield refuse("01-key-swapped", "The key exchanged under the signature", "MDX-01", swapped, "md.signature")
    yield refuse("01-location-swapped", "The sign-on address exchanged under the signature", "MDX-01", good.replace("https://idp.example.com/sso", "https://evil.example/sso"), "md.signature")
    yield refuse("02-expired", "validUntil yesterday", "MDX-02", sign(entity(valid=-TOMORROW)), "md.valid_until")
    yield refuse("02-expired-now", "validUntil this second", "MDX-02", sign(entity(valid=0)), "md.valid_until")
    yield refuse("02-federation-expired", "A federation of yesterday with an entity of tomorrow", "MDX-02", sign(entities(entity(), valid=-TOMORROW)), "md.valid_until", entity_id=IDP)
    yield refuse("02-extended", "validUntil put off under the signature", "MDX-02", sign(entity(valid=-TOMORROW)).replace(time(-TOMORROW), time(TOMORROW)), "md.signature")
    yield refuse("02-not-a-time", "validUntil is no time", "MDX-02", sign(entity(valid="tomorrow")), "md.valid_until")
    yield refuse("02-pinned-expired", "validUntil yesterday, from a file", "MDX-02", entity(valid=-TOMORROW).write(), "md.valid_until", signer=None)
    yield refuse("03-no-valid-until", "A federation without validUntil", "MDX-03", sign(entities(entity(valid=None), valid=None)), "md.valid_until", entity_id=IDP)
    doctype = '<!DOCTYPE md:EntityDescriptor [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    yield refuse("05-doctype", "A DOCTYPE with an external entity", "MDX-05", doctype + good, "md.syntax")
    lol = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    yield refuse("05-entities", "Entities inside of each other", "MDX-05", lol + good, "md.syntax")
    twice = entities(entity(), entity(keys=("attacker",), identifier="_again"))
    yield refuse("07-two-of-a-name", "Two entities of one entityID, signed as a whole", "MDX-07", sign(twice), "md.entity", entity_id=IDP)
    yield refuse("07-unknown", "The entity that was chosen is not there", "MDX-07", sign(entities(entity(OTHER_IDP, ["other"]))), "md.entity", entity_id=IDP)
    yield refuse("07-no-choice", "Several entities and no choice", "MDX-07", sign(entities(entity(), entity(OTHER_IDP, ["other"], identifier="_o"))), "md.entity")
    same_id = entities(entity(), entity(OTHER_IDP, ["attacker"], identifier="_entity"))
    yield refuse("07-two-of-an-id", "Two entities of one ID", "MDX-07", sign(same_id), "md.syntax", entity_id=IDP)
    yield refuse("08-weak-key", "A signing key of 1024 bits", "MDX-08", sign(entity(keys=("weak",))), "md.key")
    only = entity(descriptors=[trust.key_descriptor("corp", "encryption")])
    yield refuse("09-encryption-only", "The only key is for encryption", "MDX-09", sign(only), "md.key")
    yield refuse("09-no-key", "No key", "MDX-09", sign(entity(descriptors=[])), "md.key")
    broken = entity()
    broken.find("X509Certificate").children = ["AAAA"]
    yield refuse("09-no-certificate", "A key that is no certificate", "MDX-09", sign(broken), "md.key")
    for short, location in [
        ("http", "http://idp.example.com/sso"),
        ("javascript", "javascript:alert(1)"),
        ("user", "https://sp.example.com@evil.example/sso"),
        ("relative", "/sso"),
    ]:
        bad = entity()
        for one in bad.walk():
            if one.local == "SingleSignOnService":
                one.set("Location", location)
        yield refuse(f"12-{short}", f"Sign-on by {location.split(':')[0]}", "MDX-12", sign(bad), "md.endpoint")
    sp = entity()
    sp.find("IDPSSODescriptor").name = "md:SPSSODescriptor"
    yield refuse("13-no-idp", "An entity that is no identity provider", "MDX-13", sign(sp), "md.entity")
    old = entity()
    old.find("IDPSSODescriptor").set("protocolSupportEnumeration", "urn:oasis:names:tc:SAML:1.1:protocol")
    yield refuse("13-saml-1", "An identity provider of SAML 1.1", "MDX-13", sign(old), "md.entity")
    # Wrapping: what is read must be what was signed.
    inner = entity()
    text = signed(inner, (inner, Signature(key=SIGNER)), place=None)
    evil = entity(keys=("attacker",), identifier="_evil").write()
    wrapped = entities(evil, text).write()
    yield refuse("14-evil-before-signed", "An evil entity of the same name before the signed one", "MDX-14", wrapped, "md.entity|md.signature", entity_id=IDP)
    evil_first = entity(keys=("attacker",), identifier="_evil")
    from sign import read

    evil_first.children.insert(0, E("md:Extensions", [], read(text)))
    yield refuse("14-signed-in-extensions", "The signed entity in Extensions of the evil one", "MDX-14", evil_first.write(), "md.signature")
    signature = read(text).find("Signature")
    original = read(text).without("Signature")
    stolen = entity(keys=("attacker",), identifier="_evil")
    moved = signature.copy()
    moved.children.append(E("ds:Object", [], original))
    stolen.children.insert(0, moved)
    yield refuse("14-original-in-object", "The original in ds:Object of the evil one's Signature", "MDX-14", stolen.write(), "md.signature")
    renamed = read(text)
    renamed.set("entityID", OTHER_IDP)
    yield refuse("14-renamed", "A signed entity under another name", "MDX-14", renamed.write(), "md.signature")
    sha1 = Signature(key=SIGNER, algorithm="rsa-sha1", digest="sha1")
    yield refuse("15-sha1", "Signed by RSA-SHA1", "MDX-15", sign(entity(), sha1), "md.signature")
    last = entity()
    yield refuse("15-signature-last", "The Signature at the end", "MDX-15", signed(last, (last, Signature(key=SIGNER)), place="IDPSSODescriptor"), "md.signature")
    yield refuse("16-response", "A Response where metadata is expected", "MDX-16", "<x/>", "md.syntax", signer=None)
