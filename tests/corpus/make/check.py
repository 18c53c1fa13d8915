"""Verifies every valid message by xmlsec1, so that the files are known to be right.

Each signature is checked by itself (`--node-id`), with the keys of the case's metadata. What
xmlsec1 can not do is named and left out.
"""

import base64
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.parse

from lxml import etree

import keys
import trust
from keys import SAML

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


def can(document):
    """Whether xmlsec1 knows the algorithms."""
    text = document.decode("utf-8-sig")
    if "eddsa" in text:
        return "Ed25519"
    return None


def public_keys():
    """Bare public keys beside the certificates, for as long as this runs."""
    from cryptography.hazmat.primitives import serialization as s

    made = []
    for name in keys.KINDS:
        path = SAML / "keys" / f"{name}.pub"
        path.write_bytes(
            keys.private(name)
            .public_key()
            .public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo)
        )
        made.append(path)
    return made


def main():
    made = public_keys()
    wrong, left_out, fine = [], {}, 0
    try:
        for path in sorted(SAML.rglob("*.case")):
            one, document = check_input(path)
            if document is None:
                continue
            name = path.relative_to(SAML)
            reason = can(document)
            if reason:
                left_out.setdefault(reason, []).append(str(name))
                continue
            fault = verify(document, names_of(one))
            if fault:
                wrong.append(f"{name}: {fault}")
            else:
                fine += 1
    finally:
        for path in made:
            os.unlink(path)
    for reason, names in left_out.items():
        print(f"not by xmlsec1 ({reason}): {len(names)}", file=sys.stderr)
    print(f"{fine} verified by xmlsec1", file=sys.stderr)
    if wrong:
        sys.exit("\n".join(wrong))


def check_input(path):
    """Header and document of a case that has to be accepted and holds its signatures."""
    header = path.read_bytes().partition(b"\n---\n")[0].decode()
    if "\nexpect: accept" not in header or "\nbody: query" in header:
        return None, None
    return read(path)


if __name__ == "__main__":
    main()
