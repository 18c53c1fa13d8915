"""Encrypted assertions, NameIDs and attributes: those that can be read, and those that must not.

Encryption says who may read, never who wrote: everybody has the service provider's public key.
"""

import base64

import saml
import vendors
from case import Case
from encrypt import CONTENT, XENC, Encryption, encrypted
from saml import ALICE, CAROL, SP, Assertion, Attribute, Response, Style, evil, plain
from sign import Signature, read, signed
from tree import E, declare
from vendors import changed, expected

CBC_SETTING = "allow_cbc_in_unsigned_response=true"


def cases():
    yield from _valid()
    yield from _valid_parts()
    yield from _wrapping()
    yield from _algorithms()
    yield from _oracles()
    yield from _structure()
    yield from _plaintexts()
    yield from _parts_refused()
    yield from _rules()


def around(*inner, vendor=None, where_response=False, how=None, envelope=None):
    """A Response around EncryptedAssertions, as text."""
    style = vendor.style if vendor else Style()
    how = how or (vendor.signature if vendor else Signature())
    root = saml.response(style, envelope or (vendor.response if vendor else Response()), *inner)
    places = [(root, how)] if where_response else []
    return signed(root, *places, prolog=style.prolog)


def plaintext(vendor=None, inner=True, what=None, how=None):
    """A complete Assertion as text, signed or not."""
    if vendor:
        made = vendors.standalone(vendor, what)
        if vendor.style.prolog and vendor.style.a not in [k.split(":")[-1] for k, _ in made.attributes]:
            made.attributes.insert(0, declare(vendor.style.a, "saml"))
        how = how or vendor.signature
    else:
        made = saml.assertion(Style(), what or Assertion())
        how = how or Signature()
    return signed(made, *([(made, how)] if inner else []))


def message(data, where, vendor=None, text=None, how=None, what=None):
    """`where` says what is signed: response, assertion or both."""
    text = text or plaintext(vendor, where in ("assertion", "both"), what, how)
    prefix = vendor.style.a if vendor else "saml"
    inner = encrypted("EncryptedAssertion", text, data, prefix)
    if prefix in ("saml", "saml2"):
        inner.attributes.insert(0, declare(prefix, "saml"))
    elif not prefix:
        inner.attributes.insert(0, declare("", "saml"))
    return around(inner, vendor=vendor, where_response=where in ("response", "both"), how=how)


def accept(path, title, row, body, what, where, **more):
    """A case that has to be accepted."""
    return Case(
        path=f"valid/encrypted/{path}",
        title=title,
        row=row,
        signed=where,
        body=body,
        expect="accept",
        **{"decrypt_key": ("sp",), **expected(what), **more},
    )


def refuse(path, title, row, body, codes, where, **more):
    """A case that has to be refused."""
    return Case(
        path=f"attack/encryption/{path}",
        title=title,
        row=row,
        signed=where,
        body=body,
        expect=f"refuse {codes}",
        **{"decrypt_key": ("sp",), **more},
    )


def _valid():
    S, O, E_, A = vendors.SHIBBOLETH, vendors.OKTA, vendors.ENTRA, vendors.ADFS
    shib = Encryption(data="aes128-gcm", recipient=SP, key_info=True, wrap=76)
    okta = Encryption(data="aes256-cbc", place="retrieval", key_info=True, wrap=76, recipient=SP)
    microsoft = Encryption(data="aes256-cbc", key_info=True)
    for short, title, row, vendor, data, wheres, more in [
        ("shibboleth", "Shibboleth: AES-128-GCM, OAEP, key inside", "VAL-40, VAL-41, VAL-48", S, shib, ("response", "both", "assertion"), {}),
        ("shibboleth-cbc", "Shibboleth before version 4: AES-128-CBC in a signed Response", "VAL-40", S, changed(shib, data="aes128-cbc"), ("response", "both"), {}),
        ("okta", "Okta: AES-256-CBC, EncryptedKey beside, found by RetrievalMethod", "VAL-42, VAL-44", O, okta, ("both", "response"), {}),
        ("entra", "Entra ID: AES-256-CBC around a signed Assertion, Response not signed", "VAL-43", E_, microsoft, ("assertion",), {"set": (CBC_SETTING,)}),
        ("adfs", "AD FS: AES-256-CBC around a signed Assertion, Response not signed", "VAL-43", A, microsoft, ("assertion",), {"set": (CBC_SETTING,)}),
        ("adfs-both", "AD FS: everything signed, AES-256-CBC", "VAL-43", A, microsoft, ("both",), {}),
        ("keycloak", "Keycloak: AES-128-CBC, signed documents", "VAL-41", vendors.KEYCLOAK, Encryption(data="aes128-cbc"), ("both", "response"), {}),
        ("keycloak-gcm", "Keycloak: AES-256-GCM with OAEP of SHA-256", "VAL-46", vendors.KEYCLOAK, Encryption(data="aes256-gcm", transport="oaep", digest="sha256", mgf="sha256"), ("assertion", "both"), {}),
        ("onelogin", "OneLogin: AES-256-CBC in a signed Response", "VAL-41", vendors.ONELOGIN, Encryption(data="aes256-cbc", key_info=True), ("response",), {}),
        ("simplesamlphp", "SimpleSAMLphp: AES-128-CBC, both signed", "VAL-41", vendors.SIMPLESAMLPHP, Encryption(data="aes128-cbc", ds="dsig"), ("both",), {}),
        ("simplesamlphp-gcm", "SimpleSAMLphp 2: AES-128-GCM, both signed", "VAL-41", vendors.SIMPLESAMLPHP, Encryption(data="aes128-gcm", ds="dsig"), ("both", "assertion"), {}),
        ("pingfederate", "PingFederate: AES-256-CBC, Response signed", "VAL-41", vendors.PINGFEDERATE, Encryption(data="aes256-cbc", key_info=True), ("response", "both"), {}),
        ("forgerock", "ForgeRock AM: AES-128-GCM, CR in all base64", "VAL-48", vendors.FORGEROCK, Encryption(data="aes128-gcm", wrap=76, eol="&#13;\n", place="beside"), ("both", "assertion"), {}),
        ("generic", "Prefixes of no meaning, key beside", "VAL-45", vendors.GENERIC, Encryption(data="aes256-gcm", prefix="ns3", ds="ns2", place="reference-list"), ("response", "both"), {}),
    ]:
        if vendor is vendors.GENERIC:
            vendor = changed(vendor, style=changed(vendor.style, root_declares=("p", "a"), assertion_declares=("a", "xs", "xsi")))
        elif vendor.style.value_type and not vendor.style.value_declares and vendor is not vendors.SIMPLESAMLPHP:
            continue
        if vendor is vendors.SIMPLESAMLPHP or vendor is vendors.KEYCLOAK or vendor is vendors.ONELOGIN:
            style = changed(vendor.style, assertion_declares=("a", *vendor.style.assertion_declares))
            vendor = changed(vendor, style=style)
        for where in wheres:
            # A PrefixList of prefixes that are not declared in the plaintext has no effect.
            body = message(data, where, vendor)
            yield accept(f"{short}-{where}", f"{title}; signed: {where}", row, body, vendor.assertion, where, **more)
    for data in ("aes128-cbc", "aes192-cbc", "aes256-cbc", "aes128-gcm", "aes192-gcm", "aes256-gcm"):
        where = "response"
        body = message(Encryption(data=data), where)
        yield accept(f"data-{data}", f"{data} in a signed Response", "VAL-49", body, Assertion(), where)
    for short, transport, digest, mgf, row in [
        ("mgf1p-sha1-said", "oaep-mgf1p", "sha1", None, "VAL-47"),
        ("mgf1p-sha256", "oaep-mgf1p", "sha256", None, "VAL-47"),
        ("mgf1p-sha512", "oaep-mgf1p", "sha512", None, "VAL-47"),
        ("oaep-default", "oaep", None, None, "VAL-46"),
        ("oaep-sha256-sha1", "oaep", "sha256", "sha1", "VAL-46"),
        ("oaep-sha256-sha256", "oaep", "sha256", "sha256", "VAL-46"),
        ("oaep-sha1-sha256", "oaep", "sha1", "sha256", "VAL-46"),
        ("oaep-sha384-sha384", "oaep", "sha384", "sha384", "VAL-46"),
        ("oaep-sha512-sha512", "oaep", "sha512", "sha512", "VAL-46"),
    ]:
        data = Encryption(data="aes256-gcm", transport=transport, digest=digest, mgf=mgf)
        body = message(data, "assertion")
        title = f"Key transport {transport}, digest {digest or 'not said'}, mask {mgf or 'not said'}"
        yield accept(f"transport-{short}", title, row, body, Assertion(), "assertion")
    for place, title, row in [
        ("inside", "The EncryptedKey inside of KeyInfo", "VAL-40"),
        ("retrieval", "The EncryptedKey beside, named by a RetrievalMethod", "VAL-44"),
        ("reference-list", "The EncryptedKey beside, with a ReferenceList", "VAL-45"),
        ("beside", "The EncryptedKey beside, and nothing that says so", "VAL-45"),
    ]:
        for where in ("assertion", "response", "both"):
            data = Encryption(data="aes256-gcm", place=place)
            yield accept(f"place-{place}-{where}", f"{title}; signed: {where}", row, message(data, where), Assertion(), where)
    body = message(Encryption(), "both")
    yield accept("want-encrypted", "Encrypted, as has been demanded", "VAL-65", body, Assertion(), "both", set=("want_encrypted=true",))
    body = message(Encryption(data="tripledes-cbc"), "both")
    yield accept("tripledes", "Triple DES in a signed Response, excepted until a day that is to come", "VAL-66", body, Assertion(), "both", set=("allow_tripledes_until=2027-01-01",))
    for short, key, keys_ in [("new", "sp-next", ("sp-next", "sp")), ("old", "sp", ("sp-next", "sp"))]:
        body = message(Encryption(key=key), "assertion")
        yield accept(f"roll-over-{short}", f"Two keys of ours: encrypted to the {short} one", "VAL-67", body, Assertion(), "assertion", decrypt_key=keys_)
    # xmlsec1 leaves the declarations where they were; so do pysaml2 and all others who use it.
    root, made = plain(Style(root_declares=("p", "a", "xs", "xsi"), assertion_declares=(), value_type="xs:string"), Assertion(attributes=(Attribute("email", (ALICE,)),)))
    whole = signed(root, (made, Signature()))
    start, end = whole.index("<saml:Assertion"), whole.index("</saml:Assertion>") + 17
    for short, data in [("gcm", Encryption(data="aes256-gcm")), ("gcm-beside", Encryption(data="aes128-gcm", place="beside"))]:
        inner = encrypted("EncryptedAssertion", whole[start:end], data).write()
        body = whole[:start] + inner + whole[end:]
        yield accept(f"inherits-{short}", "A plaintext whose namespaces are declared around the ciphertext", "VAL-68", body, Assertion(attributes=(Attribute("email", (ALICE,)),)), "assertion")
    text = '<?xml version="1.0" encoding="UTF-8"?>' + plaintext()
    yield accept("declaration", "A plaintext with an XML declaration", "VAL-68", message(Encryption(), "assertion", text=text), Assertion(), "assertion")


def _encrypted_name_id(data, name_id=ALICE):
    text = E("saml:NameID", [declare("saml", "saml"), ("Format", saml.EMAIL)], name_id).write()
    return encrypted("EncryptedID", text, data)


def _with_parts(data, what=None):
    """An Assertion with EncryptedID and an EncryptedAttribute."""
    what = what or Assertion(attributes=(Attribute("email", (ALICE,)), Attribute("salary", ("7",))))
    root, made = plain(Style(), what)
    subject = made.find("Subject")
    subject.children[0] = _encrypted_name_id(data)
    hidden = made.find("Attribute", 1)
    hidden.attributes.insert(0, declare("saml", "saml"))
    statement = made.find("AttributeStatement")
    statement.children[1] = encrypted("EncryptedAttribute", hidden.write(), data)
    return root, made, what


def _valid_parts():
    for data in ("aes256-gcm", "aes128-cbc"):
        for where in ("assertion", "response", "both"):
            root, made, what = _with_parts(Encryption(data=data))
            places = [(made, Signature())] if where != "response" else []
            places += [(root, Signature())] if where != "assertion" else []
            body = signed(root, *places)
            yield accept(f"parts-{data}-{where}", f"EncryptedID and EncryptedAttribute by {data}; signed: {where}", "VAL-69", body, what, where)
    for place in ("beside", "retrieval"):
        data = Encryption(data="aes128-gcm", place=place)
        root, made = plain()
        made.find("Subject").children[0] = _encrypted_name_id(data)
        body = signed(root, (made, Signature()))
        yield accept(f"name-id-{place}", f"EncryptedID with its key {place}", "VAL-69", body, Assertion(), "assertion")


def _parts_refused():
    stranger = Encryption(key="sp-stranger")
    root, made = plain()
    made.find("Subject").children[0] = _encrypted_name_id(stranger)
    yield refuse("name-id-for-another", "An EncryptedID that is encrypted to another service provider", "ENC-22", signed(root, (made, Signature())), "enc.failed", "assertion")
    root, made = plain()
    text = E("saml:Issuer", [declare("saml", "saml")], CAROL).write()
    made.find("Subject").children[0] = encrypted("EncryptedID", text, Encryption())
    yield refuse("name-id-is-issuer", "An EncryptedID in which there is an Issuer", "ENC-22", signed(root, (made, Signature())), "enc.content", "assertion")
    root, made = plain()
    whole = signed(root, (made, Signature()))
    doc = read(whole)
    doc.find("Subject").children[0] = _encrypted_name_id(Encryption(), CAROL)
    yield refuse("name-id-swapped", "The NameID of a signed Assertion replaced by an EncryptedID of the victim's", "ENC-22", doc.write(), "sig.digest", "assertion")
    root, made, _ = _with_parts(Encryption())
    made.find("AttributeStatement").children[1] = encrypted("EncryptedAttribute", plaintext(), Encryption())
    yield refuse("attribute-is-assertion", "An EncryptedAttribute in which there is an Assertion", "ENC-22", signed(root, (made, Signature())), "enc.content", "assertion")


def _wrapping():
    how = Encryption()
    for short, row, title, codes, parts, wheres in [
        ("35-evil-encrypted-beside-signed", "XSW-35", "An evil EncryptedAssertion before the signed plain Assertion", "proto.assertion_count", "evil-encrypted, signed-plain", ("assertion",)),
        ("35-evil-encrypted-after-signed", "XSW-35", "An evil EncryptedAssertion behind the signed plain Assertion", "proto.assertion_count", "signed-plain, evil-encrypted", ("assertion",)),
        ("36-evil-plain-beside-encrypted", "XSW-36", "An evil plain Assertion before the encrypted signed one", "proto.assertion_count", "evil-plain, signed-encrypted", ("assertion",)),
        ("36-evil-plain-after-encrypted", "XSW-36", "An evil plain Assertion behind the encrypted signed one", "proto.assertion_count", "signed-encrypted, evil-plain", ("assertion",)),
        ("37-only-encrypted", "XSW-37", "Nothing but an Assertion that the attacker has encrypted", "sig.missing", "evil-encrypted", ("none",)),
        ("39-evil-then-signed-inside", "XSW-39", "A plaintext of two Assertions, evil first", "enc.content|enc.failed", "evil+signed", ("assertion",)),
        ("39-signed-then-evil-inside", "XSW-39", "A plaintext of two Assertions, evil last", "enc.content|enc.failed", "signed+evil", ("assertion",)),
        ("40-two-encrypted", "XSW-40", "Two EncryptedAssertions, evil first", "proto.assertion_count", "evil-encrypted, signed-encrypted", ("assertion",)),
        ("40-two-encrypted-evil-last", "XSW-40", "Two EncryptedAssertions, evil last", "proto.assertion_count", "signed-encrypted, evil-encrypted", ("assertion",)),
    ]:
        for where in wheres:
            good = plaintext()
            bad = evil(read(good)).write()
            made = {
                "evil-plain": lambda: bad,
                "signed-plain": lambda: good,
                "evil-encrypted": lambda: encrypted("EncryptedAssertion", bad, how),
                "signed-encrypted": lambda: encrypted("EncryptedAssertion", good, how),
                "evil+signed": lambda: encrypted("EncryptedAssertion", bad + good, how),
                "signed+evil": lambda: encrypted("EncryptedAssertion", good + bad, how),
            }
            inner = [made[name.strip()]() for name in parts.split(",")]
            body = _in_response(*inner)
            yield Case(
                path=f"attack/wrapping-encrypted/{short}",
                title=title,
                row=row,
                signed=where,
                body=body,
                expect=f"refuse {codes}",
                decrypt_key=("sp",),
            )
    for short, title, inner, codes in [
        ("37-forged-signature", "An encrypted Assertion signed by the attacker", plaintext(how=Signature(key="attacker")), "sig.invalid"),
        ("37-other-idp", "An encrypted Assertion signed by another provider that is trusted", plaintext(how=Signature(key="other")), "sig.invalid"),
    ]:
        text = inner.replace(ALICE, ALICE)
        body = _in_response(encrypted("EncryptedAssertion", text, how))
        yield Case(path=f"attack/wrapping-encrypted/{short}", title=title, row="XSW-37", signed="none", body=body, expect=f"refuse {codes}", decrypt_key=("sp",))
    # The wrappers of plain messages, under encryption.
    good = read(plaintext())
    bad = evil(good)
    nested = bad.copy()
    nested.children.append(good.copy())
    body = _in_response(encrypted("EncryptedAssertion", nested.write(), how))
    yield Case(path="attack/wrapping-encrypted/04-inside-the-evil-one", title="XSW 4 under encryption: the signed Assertion inside of the evil one", row="XSW-39", signed="assertion", body=body, expect="refuse sig.position", decrypt_key=("sp",))
    forged = good.copy()
    signature = forged.find("Signature")
    original = good.copy().without("Signature")
    forged.set("ID", "_evil")
    forged.find("NameID").children = [CAROL]
    signature.children.append(original)
    body = _in_response(encrypted("EncryptedAssertion", forged.write(), how))
    yield Case(path="attack/wrapping-encrypted/06-inside-the-signature", title="XSW 6 under encryption: the original inside of the evil one's Signature", row="XSW-39", signed="assertion", body=body, expect="refuse sig.structure|sig.position|enc.content", decrypt_key=("sp",))
    # The ID of the Response, taken by the plaintext.
    text = plaintext(what=Assertion(id="_response"))
    body = _in_response(encrypted("EncryptedAssertion", text, how))
    yield Case(path="attack/wrapping-encrypted/15-id-of-the-response", title="A plaintext with the ID that the Response has", row="XSW-39", signed="assertion", body=body, expect="refuse xml.id|enc.content", decrypt_key=("sp",))
    # A signed Response, its EncryptedAssertion exchanged.
    whole = message(how, "response")
    doc = read(whole)
    parent = doc
    old = doc.find("EncryptedAssertion")
    parent.children[parent.children.index(old)] = _declared(encrypted("EncryptedAssertion", bad.write(), how))
    yield Case(path="attack/wrapping-encrypted/37-exchanged-under-signature", title="The EncryptedAssertion of a signed Response exchanged", row="XSW-37", signed="response", body=doc.write(), expect="refuse sig.digest", decrypt_key=("sp",))


def _in_response(*inner):
    parts = []
    for one in inner:
        if isinstance(one, E):
            one.attributes.insert(0, declare("saml", "saml"))
        parts.append(one)
    return around(*parts)


def _algorithms():
    for where in ("both", "response", "assertion"):
        for data in ("aes256-gcm", "aes256-cbc"):
            yield refuse(f"01-rsa-1_5-{data}-{where}", f"RSA PKCS#1 v1.5 key transport of {data}; signed: {where}", "ENC-01", message(Encryption(data=data, transport="rsa-1_5"), where), "enc.algorithm", where, set=(CBC_SETTING,))
        yield refuse(f"02-tripledes-{where}", f"Triple DES; signed: {where}", "ENC-02", message(Encryption(data="tripledes-cbc"), where), "enc.algorithm", where, set=(CBC_SETTING,))
    yield refuse("02-tripledes-exception-over", "Triple DES, excepted until a day that is over", "ENC-02", message(Encryption(data="tripledes-cbc"), "both"), "enc.algorithm", "both", set=("allow_tripledes_until=2026-11-21T12:00:00Z",))
    yield refuse("02-tripledes-unsigned", "Triple DES, excepted, in a Response that is not signed", "ENC-02", message(Encryption(data="tripledes-cbc"), "assertion"), "enc.cbc_unsigned", "assertion", set=("allow_tripledes_until=2027-01-01",))
    good = message(Encryption(data="aes256-gcm"), "assertion")
    for short, title, old, new in [
        ("unknown-data", "An unknown algorithm for the content", "http://www.w3.org/2009/xmlenc11#aes256-gcm", "http://www.w3.org/2001/04/xmldsig-more#camellia256-cbc"),
        ("key-wrap", "AES key wrap in place of a public key", XENC + "rsa-oaep-mgf1p", XENC + "kw-aes256"),
        ("rsa-1_5-renamed", "The algorithm of the key renamed to RSA 1.5", XENC + "rsa-oaep-mgf1p", XENC + "rsa-1_5"),
        ("gcm-renamed-cbc", "GCM renamed to CBC, to get rid of its tag", "http://www.w3.org/2009/xmlenc11#aes256-gcm", XENC + "aes256-cbc"),
    ]:
        codes = "enc.cbc_unsigned" if short == "gcm-renamed-cbc" else "enc.algorithm"
        yield refuse(f"18-{short}", title, "ENC-18", good.replace(old, new), codes, "assertion")
    for where, codes in (("assertion", "enc.cbc_unsigned"), ("none", "enc.cbc_unsigned")):
        for data in ("aes128-cbc", "aes256-cbc"):
            body = message(Encryption(data=data), where)
            yield refuse(f"19-cbc-{data}-{where}", f"{data} in a Response that is not signed, signed: {where}", "ENC-19", body, codes, where)


def _oracles():
    cbc = Encryption(data="aes256-cbc")
    gcm = Encryption(data="aes256-gcm")
    allowed = {"set": (CBC_SETTING,)}
    for short, row, title, data in [
        ("03-cbc-last-byte", "ENC-03", "AES-CBC, last byte changed: the padding", changed(cbc, flip=-1)),
        ("03-cbc-last-block-but-one", "ENC-03", "AES-CBC, the byte changed that decides the padding", changed(cbc, flip=-17)),
        ("04-cbc-iv", "ENC-04", "AES-CBC, first byte of the IV changed: no longer well-formed", changed(cbc, flip=0)),
        ("04-cbc-middle", "ENC-04", "AES-CBC, a byte in the middle changed", changed(cbc, flip=100)),
        ("09-cbc-short", "ENC-09", "AES-CBC, five bytes of ciphertext", changed(cbc, cipher=b"abcde")),
        ("09-cbc-iv-alone", "ENC-09", "AES-CBC, an IV and nothing else", changed(cbc, cipher=bytes(16))),
        ("09-cbc-not-a-block", "ENC-09", "AES-CBC, not a whole number of blocks", changed(cbc, cipher=bytes(40))),
    ]:
        body = message(data, "assertion")
        # Five bytes in place of everything would also stand for the key.
        yield refuse(short, title + ", allowed", row, body, "enc.failed", "assertion", **allowed)
        yield refuse(short + "-not-allowed", title + ", not allowed", row, body, "enc.cbc_unsigned", "assertion")
    for short, row, title, data in [
        ("08-gcm-ciphertext", "ENC-08", "AES-GCM, a byte of the ciphertext changed", changed(gcm, flip=40)),
        ("08-gcm-nonce", "ENC-08", "AES-GCM, a byte of the nonce changed", changed(gcm, flip=0)),
        ("08-gcm-tag", "ENC-08", "AES-GCM, a byte of the tag changed", changed(gcm, flip=-1)),
        ("09-gcm-short", "ENC-09", "AES-GCM, five bytes of ciphertext", changed(gcm, cipher=b"abcde")),
        ("09-gcm-nonce-and-tag", "ENC-09", "AES-GCM, a nonce and a tag and nothing between", changed(gcm, cipher=bytes(28))),
        ("09-gcm-tag-cut", "ENC-09", "AES-GCM, a nonce and half of a tag", changed(gcm, cipher=bytes(20))),
        ("20-another-sp", "ENC-20", "Encrypted to another service provider", changed(gcm, key="sp-stranger")),
        ("20-another-sp-cbc", "ENC-20", "Encrypted to another service provider, by AES-CBC", changed(cbc, key="sp-stranger")),
    ]:
        for where in ("assertion", "both"):
            if "cbc" in short and where == "assertion":
                continue
            yield refuse(f"{short}-{where}", f"{title}; signed: {where}", row, message(data, where), "enc.failed", where)
    yield refuse("20-no-key-of-ours", "Encrypted, and we have no key", "ENC-20", message(gcm, "both"), "enc.failed", "both", decrypt_key=())
    text = plaintext(inner=False)
    forged = text.replace(ALICE, CAROL)
    yield refuse("06-cbc-unsigned", "AES-CBC around an unsigned Assertion", "ENC-06", message(cbc, "none", text=forged), "enc.cbc_unsigned", "none")
    yield refuse("06-cbc-unsigned-allowed", "AES-CBC around an unsigned Assertion, AES-CBC allowed", "ENC-06", message(cbc, "none", text=forged), "sig.missing", "none", **allowed)
    # The key's own ciphertext.
    good = message(gcm, "assertion")
    value = read(good).find("EncryptedKey").find("CipherValue").children[0]
    octets = bytearray(base64.b64decode(value))
    octets[10] ^= 1
    for short, title, new in [
        ("key-changed", "a byte of the wrapped key changed", bytes(octets)),
        ("key-short", "a wrapped key of five bytes", b"abcde"),
        ("key-long", "a wrapped key that is longer than the modulus", bytes(octets) + b"\0"),
        ("key-too-large", "a wrapped key that is a larger number than the modulus", b"\xff" * 256),
        ("key-zero", "a wrapped key of zeros", bytes(256)),
    ]:
        body = good.replace(value, base64.b64encode(new).decode())
        yield refuse(f"21-{short}", f"AES-GCM and {title}", "ENC-21", body, "enc.failed", "assertion")
    wrong = message(Encryption(data="aes128-gcm"), "assertion").replace("aes128-gcm", "aes256-gcm")
    yield refuse("21-key-of-another-length", "A key of 128 bits for AES-256", "ENC-21", wrong, "enc.failed", "assertion")
    wrong = message(Encryption(transport="oaep", digest="sha256", mgf="sha256"), "assertion").replace("#mgf1sha256", "#mgf1sha1")
    yield refuse("21-another-mask", "OAEP with another mask than is said", "ENC-21", wrong, "enc.failed", "assertion")
    broken = good.replace(value, value[:-4] + "*" + value[-3:])
    yield refuse("21-not-base64", "A wrapped key that is not base64", "ENC-21", broken, "enc.structure|enc.failed", "assertion")


def _structure():
    how = Encryption(data="aes256-gcm")

    def bent(change, data=how, where="assertion"):
        """The message with a change, under its signature if the Response is signed."""
        text = plaintext()
        inner = encrypted("EncryptedAssertion", text, data)
        inner.attributes.insert(0, declare("saml", "saml"))
        change(inner)
        return around(inner, where_response=where == "both")

    def reference(inner):
        data = inner.find("EncryptedData")
        part = [c for c in data.children if c.local == "CipherData"][0]
        part.children = [E("xenc:CipherReference", {"URI": "http://127.0.0.1:9/canary"})]

    def reference_of_key(inner):
        part = inner.find("EncryptedKey").find("CipherData")
        part.children = [E("xenc:CipherReference", {"URI": "http://127.0.0.1:9/canary"})]

    def reference_and_value(inner):
        part = [c for c in inner.find("EncryptedData").children if c.local == "CipherData"][0]
        part.children.append(E("xenc:CipherReference", {"URI": "#x"}))

    def xslt(inner):
        transform = E("ds:Transform", {"Algorithm": "http://www.w3.org/TR/1999/REC-xslt-19991116"})
        inner.find("RetrievalMethod").children = [E("ds:Transforms", [], transform)]

    def elsewhere(uri):
        return lambda inner: inner.find("RetrievalMethod").set("URI", uri)

    def retrieval_type(inner):
        inner.find("RetrievalMethod").set("Type", "http://www.w3.org/2000/09/xmldsig#X509Data")

    def two_keys_beside(inner):
        other = inner.find("EncryptedKey").copy().set("Id", "ek2")
        inner.children.append(other)

    def same_id(inner):
        inner.children.append(inner.find("EncryptedKey").copy())

    def two_keys_inside(inner):
        info = inner.find("KeyInfo")
        info.children.append(info.children[0].copy())

    def inside_and_beside(inner):
        key = inner.find("EncryptedKey").copy()
        key.attributes.insert(0, declare("xenc", "xenc"))
        inner.children.append(key)

    def two_data(inner):
        inner.children.insert(0, inner.find("EncryptedData").copy())

    def nested_retrieval(inner):
        key = inner.find("EncryptedKey")
        method = E("ds:RetrievalMethod", {"Type": XENC + "EncryptedKey", "URI": "#ek"})
        key.children.insert(1, E("ds:KeyInfo", [declare("ds", "ds")], method))

    def key_without_method(inner):
        inner.find("EncryptedKey").without("EncryptionMethod")

    def data_without_method(inner):
        inner.find("EncryptedData").without("EncryptionMethod")

    def key_name(inner):
        inner.find("KeyInfo").children = [E("ds:KeyName", [], "sp")]

    def agreement(inner):
        inner.find("KeyInfo").children = [
            E("xenc:AgreementMethod", {"Algorithm": "http://www.w3.org/2009/xmlenc11#ECDH-ES"})
        ]

    def plain_beside(inner):
        inner.children.append(evil(read(plaintext())))

    def other_data(inner):
        inner.find("DataReference").set("URI", "#_assertion")

    beside = changed(how, place="beside")
    retrieval = changed(how, place="retrieval")
    listed = changed(how, place="reference-list")
    for short, row, title, change, data in [
        ("10-cipher-reference", "ENC-10", "CipherReference to an address", reference, how),
        ("10-cipher-reference-of-key", "ENC-10", "CipherReference to an address in the EncryptedKey", reference_of_key, how),
        ("10-value-and-reference", "ENC-10", "CipherValue and CipherReference", reference_and_value, how),
        ("12-retrieval-xslt", "ENC-12", "RetrievalMethod with an XSLT transform", xslt, retrieval),
        ("12-retrieval-http", "ENC-12", "RetrievalMethod to an address", elsewhere("http://127.0.0.1:9/canary"), retrieval),
        ("12-retrieval-file", "ENC-12", "RetrievalMethod to a file", elsewhere("file:///etc/passwd"), retrieval),
        ("12-retrieval-empty", "ENC-12", "RetrievalMethod to the whole document", elsewhere(""), retrieval),
        ("12-retrieval-xpointer", "ENC-12", "RetrievalMethod by XPointer", elsewhere("#xpointer(id('ek'))"), retrieval),
        ("12-retrieval-nobody", "ENC-12", "RetrievalMethod to an Id that nobody has", elsewhere("#nobody"), retrieval),
        ("12-retrieval-data", "ENC-12", "RetrievalMethod to something that is no EncryptedKey", elsewhere("#_assertion"), retrieval),
        ("12-retrieval-type", "ENC-12", "RetrievalMethod of another Type", retrieval_type, retrieval),
        ("12-retrieval-loop", "ENC-12", "RetrievalMethod without any EncryptedKey", lambda inner: inner.without("EncryptedKey"), retrieval),
        ("13-two-keys-beside", "ENC-13", "Two EncryptedKeys beside, for nobody in particular", two_keys_beside, beside),
        ("13-two-keys-inside", "ENC-13", "Two EncryptedKeys inside, for nobody in particular", two_keys_inside, how),
        ("13-inside-and-beside", "ENC-13", "An EncryptedKey inside and one beside", inside_and_beside, how),
        ("13-no-key", "ENC-13", "No EncryptedKey at all", lambda inner: inner.find("EncryptedData").without("KeyInfo"), how),
        ("13-key-name", "ENC-13", "A KeyName in place of a key", key_name, how),
        ("13-agreement", "ENC-13", "Key agreement in place of a key", agreement, how),
        ("13-two-data", "ENC-13", "Two EncryptedData", two_data, how),
        ("13-key-without-method", "ENC-13", "An EncryptedKey without EncryptionMethod", key_without_method, how),
        ("13-data-without-method", "ENC-13", "EncryptedData without EncryptionMethod", data_without_method, how),
        ("13-plain-beside", "ENC-13", "A plain Assertion inside of the EncryptedAssertion", plain_beside, how),
        ("13-list-of-other-data", "ENC-13", "An EncryptedKey whose ReferenceList names other data", other_data, listed),
        ("17-type-content", "ENC-17", "EncryptedData of Type Content", lambda inner: inner.find("EncryptedData").set("Type", CONTENT), how),
        ("17-type-unknown", "ENC-17", "EncryptedData of another Type", lambda inner: inner.find("EncryptedData").set("Type", "urn:example:gzip"), how),
    ]:
        for where in ("assertion", "both"):
            body = bent(change, data, where)
            yield refuse(f"{short}-{where}", f"{title}; signed: {where}", row, body, "enc.structure", where)
    body = bent(same_id, retrieval)
    yield refuse("13-two-keys-of-one-id", "Two EncryptedKeys of one Id", "ENC-13", body, "enc.structure|xml.id", "assertion")


def _plaintexts():
    how = Encryption(data="aes256-gcm")
    good = plaintext()
    text = good
    for depth in range(20):
        inner = encrypted("EncryptedAssertion", text, Encryption(data="aes128-gcm", seed=str(depth)))
        inner.attributes.insert(0, declare("saml", "saml"))
        text = inner.write()
        if depth in (0, 3):
            yield refuse(f"14-nested-{depth + 2}", f"EncryptedAssertions inside of each other, {depth + 2} deep", "ENC-14", message(how, "both", text=text), "enc.content", "both")
        # Base64 in base64: more levels do not fit into a message.
        if len(text) > 100_000:
            break
    yield refuse("14-nested-deep", f"EncryptedAssertions inside of each other, {depth + 2} deep", "ENC-14", message(how, "both", text=text), "enc.content|xml.limit", "both")
    doctype = '<!DOCTYPE saml:Assertion [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    for where in ("both", "assertion"):
        yield refuse(f"15-doctype-{where}", f"A plaintext with a DOCTYPE and an external entity; signed: {where}", "ENC-15", message(how, where, text=doctype + good), "enc.content|enc.failed", where)
    comment = plaintext(what=Assertion(name_id=CAROL + ".attacker.example"))
    comment = comment.replace(CAROL, CAROL + "<!-- -->")
    for where in ("assertion", "both"):
        yield refuse(f"16-comment-{where}", f"A comment that cuts the NameID in the plaintext; signed: {where}", "ENC-16", message(how, where, text=comment), "enc.content|enc.failed", where)
    for short, title, text in [
        ("empty", "Nothing in the ciphertext", b""),
        ("text", "Words in the ciphertext", b"hello"),
        ("response", "A whole Response in the ciphertext", read(around(plaintext(inner=False))).write().encode()),
        ("evil-namespace", "An Assertion in another namespace", good.replace("urn:oasis:names:tc:SAML:2.0:assertion", "urn:evil").encode()),
        ("latin-1", "A plaintext that is not UTF-8", good.replace("alice", "\u00e9").encode("latin-1")),
        ("processing-instruction", "A processing instruction in the plaintext", good.replace("<saml:Subject>", "<?x?><saml:Subject>").encode()),
        ("cdata", "CDATA in the plaintext", good.replace(ALICE, f"<![CDATA[{ALICE}]]>").encode()),
        ("after", "Something behind the Assertion", (good + "<x/>").encode()),
        ("unclosed", "An Assertion without its end", good[:-1].encode()),
        ("many-elements", "A plaintext of too many elements", good.replace("<saml:Subject>", "<saml:Subject>" + "<a/>" * 5000).encode()),
    ]:
        body = around(_declared(encrypted("EncryptedAssertion", text, how)))
        yield refuse(f"16-plaintext-{short}", title, "ENC-23", body, "enc.content|enc.failed", "assertion")
    # What xmlsec1 leaves to inherit may be inherited under a signature of its own alone.
    style = Style(root_declares=("p", "a"), assertion_declares=())
    root, made = plain(style)
    text = made.write()
    for where, codes in (("response", "enc.content"), ("none", "sig.missing")):
        root = saml.response(style, Response(), encrypted("EncryptedAssertion", text, how))
        body = signed(root, *([(root, Signature())] if where == "response" else []))
        yield refuse(f"23-inherits-unsigned-{where}", f"An unsigned plaintext that inherits its namespaces; signed: {where}", "ENC-23", body, codes, where)
    root, made = plain()
    yield refuse("24-want-encrypted", "A plain Assertion where encryption is demanded", "ENC-24", signed(root, (made, Signature()), (root, Signature())), "enc.required", "both", set=("want_encrypted=true",))
    yield refuse("24-tampered-plaintext", "An Assertion that was changed between signing and encrypting", "ENC-23", message(how, "assertion", text=good.replace(ALICE, CAROL)), "sig.digest", "assertion")


def _declared(element):
    element.attributes.insert(0, declare("saml", "saml"))
    return element


def _rules():
    """What was decrypted is under the same rules as everything else."""
    from saml import Confirmation

    how = Encryption()
    elsewhere = "https://another-sp.example.com"
    for short, title, what, code in [
        ("audience", "for another audience", Assertion(audiences=((elsewhere,),)), "proto.audience"),
        ("recipient", "for another recipient", Assertion(confirmations=(Confirmation(recipient=elsewhere),)), "subject.recipient"),
        ("expired", "too late", Assertion(confirmations=(Confirmation(not_on_or_after=-600),)), "subject.expired"),
        ("conditions", "whose Conditions are over", Assertion(not_before=-900, not_on_or_after=-600), "time.expired"),
        ("issuer", "of another issuer", Assertion(issuer=saml.OTHER_IDP), "proto.issuer"),
        ("in-response-to", "that answers another request", Assertion(confirmations=(Confirmation(in_response_to="_another"),)), "proto.in_response_to"),
    ]:
        for where in ("assertion", "response"):
            body = message(how, where, what=what)
            yield refuse(f"25-{short}-{where}", f"An encrypted Assertion {title}; signed: {where}", "ENC-25", body, code, where)
    for short, title, key, old, codes in [
        ("attacker", "by the attacker", "attacker", None, "sig.invalid"),
        ("other", "by another provider", "other", None, "sig.invalid"),
        ("changed", "before it was changed", "corp", ALICE, "sig.digest"),
    ]:
        inner = plaintext(how=Signature(key=key))
        text = inner.replace(old, CAROL) if old else inner
        body = around(_declared(encrypted("EncryptedAssertion", text, how)), where_response=True)
        yield refuse(f"26-inner-signature-{short}", f"A signed Response around an Assertion that was signed {title}", "ENC-26", body, codes, "both")
    inner = _declared(encrypted("EncryptedAssertion", plaintext(), how))
    body = around(inner, envelope=Response(issuer=None))
    yield accept("no-issuer-outside", "The Response has no Issuer, and the Assertion's can not be seen", "VAL-60", body, Assertion(), "assertion")
    unsolicited = Assertion(confirmations=(Confirmation(in_response_to=None),))
    for short, title, issuer in [("with", "with", saml.IDP), ("without", "without", None)]:
        inner = _declared(encrypted("EncryptedAssertion", plaintext(what=unsolicited), how))
        body = around(inner, envelope=Response(issuer=issuer, in_response_to=None))
        more = {"unsolicited": True, "set": ("allow_idp_initiated=true",)}
        if issuer:
            yield accept("idp-initiated", "Encrypted, and begun at the provider", "VAL-55", body, unsolicited, "assertion", **more)
        else:
            yield refuse("27-nobody", "Encrypted, begun at a provider that the Response does not name", "ENC-27", body, "idp.unknown", "assertion", **more)
