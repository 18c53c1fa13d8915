"""XML signatures by lxml's C14N and Python's big numbers: nothing shared with what is tested.

`signed(root, (element, Signature(...)), ...)` is the whole of it. PSS and ECDSA take their random
numbers from the message, so that the same files come out every time.
"""

import base64
import dataclasses
import hashlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from lxml import etree

import keys
from tree import NAMESPACES, E, declare, escape, name, spaced

DS = NAMESPACES["ds"]
EXC = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = DS + "enveloped-signature"

C14N = {
    "exc": EXC,
    "exc-comments": EXC + "WithComments",
    "c14n": "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
    "c14n-comments": "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments",
    "c14n11": "http://www.w3.org/2006/12/xml-c14n11",
    "c14n11-comments": "http://www.w3.org/2006/12/xml-c14n11#WithComments",
}
DIGEST = {
    "md5": "http://www.w3.org/2001/04/xmldsig-more#md5",
    "sha1": DS + "sha1",
    "sha224": "http://www.w3.org/2001/04/xmldsig-more#sha224",
    "sha256": "http://www.w3.org/2001/04/xmlenc#sha256",
    "sha384": "http://www.w3.org/2001/04/xmldsig-more#sha384",
    "sha512": "http://www.w3.org/2001/04/xmlenc#sha512",
}
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
ALGORITHM = {
    "rsa-md5": _MORE + "rsa-md5",
    "rsa-sha1": DS + "rsa-sha1",
    "rsa-sha224": _MORE + "rsa-sha224",
    "rsa-sha256": _MORE + "rsa-sha256",
    "rsa-sha384": _MORE + "rsa-sha384",
    "rsa-sha512": _MORE + "rsa-sha512",
    "ecdsa-sha1": _MORE + "ecdsa-sha1",
    "ecdsa-sha256": _MORE + "ecdsa-sha256",
    "ecdsa-sha384": _MORE + "ecdsa-sha384",
    "ecdsa-sha512": _MORE + "ecdsa-sha512",
    "pss-sha1": "http://www.w3.org/2007/05/xmldsig-more#sha1-rsa-MGF1",
    "pss-sha256": "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1",
    "pss-sha384": "http://www.w3.org/2007/05/xmldsig-more#sha384-rsa-MGF1",
    "pss-sha512": "http://www.w3.org/2007/05/xmldsig-more#sha512-rsa-MGF1",
    "ed25519": "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519",
    "hmac-sha1": DS + "hmac-sha1",
    "hmac-sha256": _MORE + "hmac-sha256",
}


@dataclasses.dataclass
class Signature:
    """How one signature is made and written."""

    key: str = "corp"
    algorithm: str = "rsa-sha256"
    digest: str = "sha256"
    c14n: str = "exc"  # of SignedInfo
    transform: str = "exc"  # of the Reference; None leaves the second transform out
    prefix_list: str = None  # InclusiveNamespaces of the transform
    prefix_list_signed_info: str = None
    ec: str = "ec"  # the prefix of InclusiveNamespaces
    prefix: str = "ds"
    key_info: object = "x509"  # name in KEY_INFO, a function(Signature) → E, or None
    wrap: int = None  # columns of base64
    eol: str = "\n"  # &#13;\n for products of an old Santuario
    first_eol: bool = False  # the value begins on a line of its own
    layout: str = None  # white space between the elements: what one step of indentation is
    uri: str = None  # default: # and the ID of the parent


def base64_text(data, wrap=None, eol="\n", first_eol=False):
    """Base64 as products write it."""
    text = base64.b64encode(data).decode()
    if wrap:
        text = eol.join(text[at : at + wrap] for at in range(0, len(text), wrap))
    return eol + text + eol if first_eol else text


def _x509(how, *inside, default_namespace=False):
    text = base64_text(keys.certificate_der(how.key), how.wrap, how.eol, how.first_eol)
    certificate = E(name(how.prefix, "X509Certificate"), [], text)
    data = E(name(how.prefix, "X509Data"), [], *inside, certificate)
    if default_namespace:
        return E("KeyInfo", [declare("", "ds")], data)
    return E(name(how.prefix, "KeyInfo"), [], data)


def _subject(how):
    subject = E(name(how.prefix, "X509SubjectName"), [], "CN=idp.example.com,O=Example")
    return _x509(how, subject)


def _key_value(how):
    public = keys.private(how.key).public_key()
    number = lambda n: base64.b64encode(n.to_bytes((n.bit_length() + 7) // 8, "big")).decode()
    numbers = public.public_numbers()
    value = E(
        name(how.prefix, "RSAKeyValue"),
        [],
        E(name(how.prefix, "Modulus"), [], number(numbers.n)),
        E(name(how.prefix, "Exponent"), [], number(numbers.e)),
    )
    return E(name(how.prefix, "KeyValue"), [], value)


def _only_key_value(how):
    return E(name(how.prefix, "KeyInfo"), [], _key_value(how))


def _x509_and_key_value(how):
    info = _x509(how)
    info.children.append(_key_value(how))
    return info


def _keycloak(how):
    info = _x509_and_key_value(how)
    key_name = "FJ86GcF3jTbNLOco4NvZkUCIUmfYCqoqtOQeMfbhNlE"
    info.children.insert(0, E(name(how.prefix, "KeyName"), [], key_name))
    return info


def _issuer_serial(how):
    certificate = keys.certificate(how.key)
    serial = E(
        name(how.prefix, "X509IssuerSerial"),
        [],
        E(name(how.prefix, "X509IssuerName"), [], "CN=idp.example.com"),
        E(name(how.prefix, "X509SerialNumber"), [], str(certificate.serial_number)),
    )
    return E(name(how.prefix, "KeyInfo"), [], E(name(how.prefix, "X509Data"), [], serial))


def _key_name(how):
    key_name = E(name(how.prefix, "KeyName"), [], "CN=idp.example.com")
    return E(name(how.prefix, "KeyInfo"), [], key_name)


KEY_INFO = {
    "x509": _x509,
    "x509-default": lambda how: _x509(how, default_namespace=True),
    "subject": _subject,
    "key-value": _only_key_value,
    "x509+key-value": _x509_and_key_value,
    "keycloak": _keycloak,
    "issuer-serial": _issuer_serial,
    "key-name": _key_name,
}


def element(how, number, reference):
    """The ds:Signature, with places to fill in."""
    q = lambda local: name(how.prefix, local)

    def method(local, c14n, prefix_list):
        inclusive = prefix_list is not None and E(
            name(how.ec, "InclusiveNamespaces"),
            [(declare(how.ec, EXC)), ("PrefixList", prefix_list)],
        )
        return E(q(local), {"Algorithm": C14N.get(c14n, c14n)}, inclusive or None)

    transforms = [E(q("Transform"), {"Algorithm": ENVELOPED})]
    if how.transform:
        transforms.append(method("Transform", how.transform, how.prefix_list))
    info = E(
        q("SignedInfo"),
        [],
        method("CanonicalizationMethod", how.c14n, how.prefix_list_signed_info),
        E(q("SignatureMethod"), {"Algorithm": ALGORITHM.get(how.algorithm, how.algorithm)}),
        E(
            q("Reference"),
            {"URI": reference if how.uri is None else how.uri},
            E(q("Transforms"), [], *transforms),
            E(q("DigestMethod"), {"Algorithm": DIGEST.get(how.digest, how.digest)}),
            E(q("DigestValue"), [], f"@D{number}@"),
        ),
    )
    build = KEY_INFO.get(how.key_info, how.key_info)
    made = E(
        q("Signature"),
        [declare(how.prefix, "ds")],
        info,
        E(q("SignatureValue"), [], f"@S{number}@"),
        build(how) if build else None,
    )
    return spaced(made, how.layout) if how.layout is not None else made


def signed(root, *places, prolog="", pretty=None, place="Issuer"):
    """The document as text; `places` are pairs of an element in it and a Signature, inner first.

    `place` is the child behind which the Signature goes; None makes it the first child.
    """
    for number, (parent, how) in enumerate(places):
        made = element(how, number, f"#{parent.get('ID')}")
        if place is None:
            parent.children.insert(0, made)
        else:
            parent.after(place, made)
    text = prolog + root.write(pretty)
    for number, (_, how) in enumerate(places):
        text = _fill(text, number, how)
    return text


def _fill(text, number, how):
    document = _parse(text)
    value = document.xpath(f"//*[text()='@S{number}@']")[0]
    signature = value.getparent()
    parent = signature.getparent()
    _remove(signature)
    content = canonical(parent, how.transform or "c14n", how.prefix_list)
    digest = getattr(hashlib, how.digest)(content).digest()
    text = text.replace(f"@D{number}@", base64.b64encode(digest).decode())

    document = _parse(text)
    value = document.xpath(f"//*[text()='@S{number}@']")[0]
    info = value.getparent().find(f"{{{DS}}}SignedInfo")
    octets = canonical(info, how.c14n, how.prefix_list_signed_info)
    made = raw(keys.private(how.key), how.algorithm, octets)
    return text.replace(f"@S{number}@", base64_text(made, how.wrap, how.eol, how.first_eol))


def _parse(text):
    data = text.encode() if isinstance(text, str) else text
    parser = etree.XMLParser(resolve_entities=False, huge_tree=True)
    return etree.fromstring(data, parser).getroottree()


def _remove(element):
    """Without the text behind it."""
    parent, before, tail = element.getparent(), element.getprevious(), element.tail or ""
    if before is not None:
        before.tail = (before.tail or "") + tail
    else:
        parent.text = (parent.text or "") + tail
    parent.remove(element)


def canonical(element, method="exc", prefix_list=None):
    """Canonical bytes by libxml2. C14N 1.1 differs from 1.0 in xml:id and xml:base alone, and
    the corpus has neither in what it signs."""
    exclusive = method.startswith("exc")
    return etree.tostring(
        element,
        method="c14n",
        exclusive=exclusive,
        with_comments=method.endswith("comments"),
        inclusive_ns_prefixes=prefix_list.split() if exclusive and prefix_list else None,
    )


def raw(key, algorithm, octets):
    """The octets of a signature."""
    family, _, digest = algorithm.partition("-")
    if family == "ed25519":
        return key.sign(octets)
    hashed = getattr(hashes, digest.upper())()
    if family == "rsa":
        return key.sign(octets, padding.PKCS1v15(), hashed)
    if family == "pss":
        return _pss(key, digest, octets)
    if family == "ecdsa":
        der = key.sign(octets, ec.ECDSA(hashed, deterministic_signing=True))
        size = (key.curve.key_size + 7) // 8
        r, s = utils.decode_dss_signature(der)
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    if family == "hmac":
        # With the public key as the secret: the classic confusion.
        import hmac

        from cryptography.hazmat.primitives import serialization as s

        secret = key.public_key().public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo)
        return hmac.new(secret, octets, digest).digest()
    raise ValueError(algorithm)


def mgf1(digest, seed, length):
    """RFC 8017, B.2.1."""
    out = b""
    for counter in range(length):
        if len(out) >= length:
            break
        out += hashlib.new(digest, seed + counter.to_bytes(4, "big")).digest()
    return out[:length]


def _xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b, strict=True))


def _pss(key, digest, octets):
    """RFC 8017, 9.1.1 with a salt that comes from the message."""
    numbers = key.private_numbers()
    modulus = numbers.public_numbers.n
    bits = modulus.bit_length() - 1
    size = (bits + 7) // 8
    hashed = hashlib.new(digest, octets).digest()
    salt = hashlib.new(digest, b"salt" + octets).digest()
    h = hashlib.new(digest, bytes(8) + hashed + salt).digest()
    block = bytes(size - len(salt) - len(h) - 2) + b"\x01" + salt
    masked = bytearray(_xor(block, mgf1(digest, h, len(block))))
    masked[0] &= 0xFF >> (8 * size - bits)
    encoded = int.from_bytes(bytes(masked) + h + b"\xbc", "big")
    length = (modulus.bit_length() + 7) // 8
    return pow(encoded, numbers.d, modulus).to_bytes(length, "big")


def read(text):
    """A text as elements again, to take it apart. Same canonical form, so signatures hold."""
    root = _parse(text).getroot()
    return _element(root, {})


def _element(node, outer):
    prefix = {uri: p for p, uri in node.nsmap.items() if p}
    declared = [
        declare(p or "", uri) for p, uri in node.nsmap.items() if outer.get(p) != uri
    ]
    if None in outer and None not in node.nsmap:
        declared.append(("xmlns", ""))
    attributes = []
    for key, value in node.attrib.items():
        space, _, local = key.rpartition("}")
        space = space.lstrip("{")
        known = {"http://www.w3.org/XML/1998/namespace": "xml", **prefix}
        attributes.append((f"{known[space]}:{local}" if space else local, value))
    local = etree.QName(node).localname
    made = E(f"{node.prefix}:{local}" if node.prefix else local, declared + attributes)
    if node.text:
        made.children.append(escape(node.text))
    for child in node:
        if isinstance(child.tag, str):
            made.children.append(_element(child, node.nsmap))
        elif child.tag is etree.Comment:
            made.children.append(f"<!--{child.text}-->")
        if child.tail:
            made.children.append(escape(child.tail))
    return made
