"""Verifies and decrypts every valid message by xmlsec1, so that the files are known to be right.

Each signature is checked by itself, with the keys of the case's metadata. What xmlsec1 can not do
is checked by others where there are any, and counted.
"""

import base64
import hashlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.parse
import zlib

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from lxml import etree

import keys
import trust
from encrypt import XENC11
from keys import SAML
from sign import DIGEST, _remove, canonical

XENC = "{http://www.w3.org/2001/04/xmlenc#}"
DS = "{http://www.w3.org/2000/09/xmldsig#}"
SAML_NS = "urn:oasis:names:tc:SAML:2.0:"
IDS = [
    f"{SAML_NS}assertion:Assertion",
    f"{SAML_NS}protocol:Response",
    f"{SAML_NS}protocol:LogoutRequest",
    f"{SAML_NS}protocol:LogoutResponse",
    f"{SAML_NS}metadata:EntityDescriptor",
    f"{SAML_NS}metadata:EntitiesDescriptor",
]


def read(path):
    """The header lines of a case and its document."""
    header, _, body = path.read_bytes().partition(b"\n---\n")
    fields = [line.split(": ", 1) for line in header.decode().splitlines() if line[0] != "#"]
    one = dict(fields)
    body = body.removesuffix(b"\n")
    if one.get("expand"):
        body = re.sub(
            rb"\{\{repeat (\d+) (.*?)\}\}", lambda m: m[2] * int(m[1]), body, flags=re.S
        )
    if one["body"] == "base64":
        body = base64.b64decode(body)
    elif one["body"] == "form":
        values = urllib.parse.parse_qs(body.decode())
        field = "SAMLResponse" if "SAMLResponse" in values else "SAMLRequest"
        body = base64.b64decode(values[field][0])
    return one, body


def xmlsec(arguments, document):
    """Whether xmlsec1 says OK, and what it says otherwise."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "message.xml"
        path.write_bytes(document)
        command = ["xmlsec1", *arguments, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stderr.strip().splitlines()
    return done.returncode == 0, lines[0] if lines else "no"


def names_of(one):
    """Names of the keys that may have signed."""
    if "metadata_signing_certificate" in one:
        return [one["metadata_signing_certificate"]]
    return trust.IDPS[one["idp"]][1]


def verify(document, names):
    """Every signature of a document by itself; what is wrong, or None."""
    root = etree.fromstring(document, etree.XMLParser(huge_tree=True))
    for signature in root.iter(f"{DS}Signature"):
        said = []
        for name in names:
            # Bare keys, and KeyInfo unread: certificates would be checked for their chain.
            arguments = ["--verify", "--enabled-key-data", "raw-x509-cert"]
            arguments += ["--pubkey-pem", str(SAML / "keys" / f"{name}.pub")]
            arguments += ["--node-xpath", position(signature)]
            for kind in IDS:
                arguments += ["--id-attr:ID", kind]
            fine, error = xmlsec(arguments, document)
            if fine:
                break
            said.append(error)
        else:
            return f"{signature.getparent().get('ID')}: {said}"
    return None


def position(element):
    """An XPath without prefixes."""
    parent = element.getparent()
    if parent is None:
        return "/*"
    place = [child for child in parent if isinstance(child.tag, str)].index(element)
    return f"{position(parent)}/*[{place + 1}]"


def decrypt(document, one_key):
    """The document with what is encrypted in it decrypted by xmlsec1, one after another."""
    while b"EncryptedData" in document:
        root = etree.fromstring(document, etree.XMLParser(huge_tree=True))
        data = next(root.iter(f"{XENC}EncryptedData"))
        beside = data.getparent().find(f"{XENC}EncryptedKey")
        if data.find(f"{DS}KeyInfo") is None and beside is not None:
            # xmlsec1 looks for keys in KeyInfo alone.
            info = etree.Element(f"{DS}KeyInfo")
            info.append(beside)
            data.find(f"{XENC}CipherData").addprevious(info)
            document = etree.tostring(root)
        with tempfile.TemporaryDirectory() as folder:
            message, out = pathlib.Path(folder) / "in.xml", pathlib.Path(folder) / "out.xml"
            message.write_bytes(document)
            command = ["xmlsec1", "--decrypt", "--privkey-pem", str(SAML / "keys" / f"{one_key}.key")]
            command += ["--id-attr:Id", "http://www.w3.org/2001/04/xmlenc#:EncryptedKey"]
            command += ["--node-xpath", position(data), "--output", str(out), str(message)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                return None, (done.stderr.strip().splitlines() or ["no"])[0]
            document = out.read_bytes()
    return document, None


def by_library(document, names):
    """RSA-PSS, of which xmlsec1 1.2 knows nothing, by the verifier of `cryptography`."""
    root = etree.fromstring(document)
    for signature in root.iter(f"{DS}Signature"):
        info = signature.find(f"{DS}SignedInfo")
        uri = info.find(f"{DS}SignatureMethod").get("Algorithm")
        octets = canonical(info)
        value = base64.b64decode(signature.findtext(f"{DS}SignatureValue"))
        public = keys.private(names[0]).public_key()
        parent = signature.getparent()
        wanted = base64.b64decode(info.findtext(f".//{DS}DigestValue"))
        copy = etree.fromstring(document)
        twin = copy.xpath(position(signature))[0]
        inside = twin.getparent()
        _remove(twin)
        method = info.find(f".//{DS}DigestMethod").get("Algorithm")
        name = next(name for name, known in DIGEST.items() if known == method)
        if hashlib.new(name, canonical(inside)).digest() != wanted:
            return f"{parent.get('ID')}: digest"
        if "eddsa" in uri:
            # There may be keys of other kinds beside it.
            public = keys.private("corp-ed25519").public_key()
            public.verify(value, octets)
        else:
            hashed = getattr(hashes, uri.split("#")[1].split("-")[0].upper())()
            pss = padding.PSS(padding.MGF1(hashed), hashed.digest_size)
            public.verify(value, octets, pss, hashed)
    return None


def unwrap(document):
    """Masks and digests of OAEP that xmlsec1 1.2 does not know, by `cryptography`."""
    root = etree.fromstring(document)
    key = next(root.iter(f"{XENC}EncryptedKey"))
    data = next(root.iter(f"{XENC}EncryptedData"))
    octets = lambda e: base64.b64decode(e.findtext(f"{XENC}CipherData/{XENC}CipherValue"))
    method = key.find(f"{XENC}EncryptionMethod")
    digest, mask = method.find(f"{DS}DigestMethod"), method.find(f"{{{XENC11}}}MGF")
    name = "sha1" if digest is None else next(n for n in DIGEST if DIGEST[n] == digest.get("Algorithm"))
    mgf = "sha1" if mask is None else mask.get("Algorithm").rpartition("mgf1")[2]
    hashed = lambda name: getattr(hashes, name.upper())()
    oaep = padding.OAEP(padding.MGF1(hashed(mgf)), hashed(name), None)
    session = keys.private("sp").decrypt(octets(key), oaep)
    cipher = octets(data)
    AESGCM(session).decrypt(cipher[:12], cipher[12:], None)
    return None


def verify_query(one, body):
    """The signature of a query, by OpenSSL's command line."""
    octets, _, tail = body.decode().partition("&Signature=")
    octets = octets[octets.index("SAMLRe") :]
    value = base64.b64decode(urllib.parse.unquote(tail.partition("&")[0]))
    algorithm = urllib.parse.unquote(octets.rpartition("SigAlg=")[2])
    if "rsa-sha" not in algorithm:
        return False, None
    digest = "-" + algorithm.rpartition("rsa-")[2]
    with tempfile.TemporaryDirectory() as folder:
        message, signature = pathlib.Path(folder) / "m", pathlib.Path(folder) / "s"
        message.write_bytes(octets.encode())
        signature.write_bytes(value)
        # The sender: the one of whom the message says that it is theirs.
        packed = urllib.parse.unquote(octets.partition("=")[2].partition("&")[0])
        text = zlib.decompress(base64.b64decode(packed), -15).decode()
        name = "other" if "other-idp.example.com/metadata" in text else names_of(one)[0]
        command = ["openssl", "dgst", digest, "-verify", str(SAML / "keys" / f"{name}.pub")]
        command += ["-signature", str(signature), str(message)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    return True, None if done.returncode == 0 else done.stdout + done.stderr


#: What xmlsec1 1.2 can not decrypt: other masks and digests than SHA-1.
OAEP = re.compile(rb"xmlenc11#rsa-oaep|DigestMethod[^>]*(?<=[#])sha(256|384|512)\"/></xenc:Encr")


def check(path):
    """One case: what is wrong or None, and who said so."""
    one, document = read(path)
    names = names_of(one)
    if one["body"] == "query":
        done, fault = verify_query(one, document)
        return fault, "OpenSSL" if done else "nobody: a query that is not by RSA PKCS#1"
    if one["kind"] == "metadata" and "metadata_signing_certificate" not in one:
        return None, "nobody: not signed"
    if b"eddsa" in document or b"-rsa-MGF1" in document:
        return by_library(document, names), "cryptography"
    if b"EncryptedData" not in document:
        return verify(document, names), "xmlsec1"
    fault = verify(document, names)
    if fault:
        return fault, "xmlsec1"
    if path.name == "declaration.case":
        return None, "nobody: an XML declaration in a plaintext"
    if OAEP.search(document):
        return unwrap(document), "cryptography"
    header = path.read_bytes().partition(b"\n---\n")[0].decode()
    own = [line.partition(": ")[2] for line in header.splitlines() if line.startswith("decrypt_key")]
    said = []
    for name in own:
        opened, fault = decrypt(document, name)
        if opened is not None:
            break
        said.append(fault)
    else:
        return str(said), "xmlsec1"
    if one["signed"] == "response" or b"EncryptedAssertion" not in document:
        return None, "xmlsec1"
    # The Response's signature was over the ciphertext; the Assertion's is what is left.
    root = etree.fromstring(opened, etree.XMLParser(huge_tree=True))
    outer = root.find(f"{DS}Signature")
    if outer is not None:
        _remove(outer)
    return verify(etree.tostring(root), names), "xmlsec1"


def public_keys():
    """Bare public keys beside the certificates, for as long as this runs."""
    made = []
    for name in keys.KINDS:
        path = SAML / "keys" / f"{name}.pub"
        path.write_bytes(
            keys.private(name)
            .public_key()
            .public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )
        made.append(path)
    return made


def main():
    made = public_keys()
    wrong, counts = [], {}
    try:
        for path in sorted(SAML.rglob("*.case")):
            header = path.read_bytes().partition(b"\n---\n")[0].decode()
            if "\nexpect: accept" not in header:
                continue
            try:
                fault, who = check(path)
            except Exception as error:  # noqa: BLE001
                fault, who = repr(error), "nobody: an exception"
            counts[who] = counts.get(who, 0) + 1
            if fault:
                wrong.append(f"{path.relative_to(SAML)}: {fault}")
    finally:
        for path in made:
            os.unlink(path)
    for who, count in sorted(counts.items()):
        print(f"{count:5} checked by {who}", file=sys.stderr)
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
