"""Signs Responses like an identity provider, thousands of them, before anything is measured.

The text of each message is its own canonical form (exclusive C14N), so that a digest is a hash of
what is written. No two messages have an ID or a person in common.
"""

import base64
import datetime
import hashlib
import multiprocessing
import os
import secrets
from urllib.parse import quote_plus

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

IDP = "https://idp.example.com/metadata"
PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol"
ASSERTION = "urn:oasis:names:tc:SAML:2.0:assertion"
DSIG = "http://www.w3.org/2000/09/xmldsig#"
C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
URI = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"

# What a university or a company sends: Name, FriendlyName, values.
ATTRIBUTES = [
    ("urn:oid:0.9.2342.19200300.100.1.1", "uid", ["{user}"]),
    ("urn:oid:0.9.2342.19200300.100.1.3", "mail", ["{user}@example.com"]),
    ("urn:oid:2.5.4.42", "givenName", ["Alice"]),
    ("urn:oid:2.5.4.4", "sn", ["Example"]),
    ("urn:oid:2.16.840.1.113730.3.1.241", "displayName", ["Alice Example"]),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.6", "eduPersonPrincipalName", ["{user}@example.com"]),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.9", "eduPersonScopedAffiliation",
     ["staff@example.com", "member@example.com"]),
    ("urn:oid:2.5.4.11", "ou", ["Information Technology"]),
    ("urn:oid:1.3.6.1.4.1.5923.1.5.1.1", "isMemberOf",
     [f"cn=group-{number},ou=groups,dc=example,dc=com" for number in range(8)]),
]


class Idp:
    """A key, and the certificate of it."""

    def __init__(self, key=None):
        self.key = key or rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.certificate = certificate(self.key, "idp.example.com")

    def metadata(self):
        return (
            f'<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{IDP}">'
            f'<IDPSSODescriptor protocolSupportEnumeration="{PROTOCOL}">'
            f'<KeyDescriptor use="signing"><KeyInfo xmlns="{DSIG}"><X509Data><X509Certificate>'
            f"{der(self.certificate)}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>"
            '<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" '
            'Location="https://idp.example.com/sso"/></IDPSSODescriptor></EntityDescriptor>'
        )

    def pem(self):
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


def write(path, idp, sp, acs, signed, number):
    """`number` forms for `acs`, a line each."""
    workers = len(os.sched_getaffinity(0))
    share = -(-number // workers)
    parts = [f"{path}.{worker}" for worker in range(workers)]
    work = [(part, idp.pem(), der(idp.certificate), sp, acs, signed, share) for part in parts]
    with multiprocessing.Pool(workers) as pool:
        pool.map(write_part, work)
    with open(path, "wb") as whole:
        for part in parts:
            with open(part, "rb") as file:
                whole.write(file.read())
            os.unlink(part)


def write_part(work):
    path, pem, cert, sp, acs, signed, number = work
    key = serialization.load_pem_private_key(pem, None)
    with open(path, "w", encoding="ascii") as file:
        for _ in range(number):
            xml = response(key, cert, sp, acs, signed)
            form = quote_plus(base64.b64encode(xml.encode()).decode())
            file.write(f"SAMLResponse={form}\n")


def response(key, cert, sp, acs, signed):
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)

    def at(seconds):
        return (now + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")

    user = f"user-{secrets.token_hex(8)}"
    assertion_id, response_id = f"_{secrets.token_hex(20)}", f"_{secrets.token_hex(20)}"
    attributes = "".join(
        f'<saml:Attribute FriendlyName="{friendly}" Name="{name}" NameFormat="{URI}">'
        + "".join(
            f"<saml:AttributeValue>{value.format(user=user)}</saml:AttributeValue>"
            for value in values
        )
        + "</saml:Attribute>"
        for name, friendly, values in ATTRIBUTES
    )
    head = (
        f'<saml:Assertion xmlns:saml="{ASSERTION}" ID="{assertion_id}" IssueInstant="{at(0)}" '
        f'Version="2.0"><saml:Issuer>{IDP}</saml:Issuer>'
    )
    tail = (
        '<saml:Subject><saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"'
        f' NameQualifier="{IDP}" SPNameQualifier="{sp}">{user}</saml:NameID>'
        '<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">'
        f'<saml:SubjectConfirmationData NotOnOrAfter="{at(3600)}" Recipient="{acs}">'
        "</saml:SubjectConfirmationData></saml:SubjectConfirmation></saml:Subject>"
        f'<saml:Conditions NotBefore="{at(-60)}" NotOnOrAfter="{at(3600)}">'
        f"<saml:AudienceRestriction><saml:Audience>{sp}</saml:Audience>"
        "</saml:AudienceRestriction></saml:Conditions>"
        f'<saml:AuthnStatement AuthnInstant="{at(-30)}" SessionIndex="_{secrets.token_hex(20)}">'
        "<saml:AuthnContext><saml:AuthnContextClassRef>"
        "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
        "</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>"
        f"<saml:AttributeStatement>{attributes}</saml:AttributeStatement></saml:Assertion>"
    )
    assertion = head + signature(key, cert, assertion_id, head + tail) + tail
    head = (
        f'<samlp:Response xmlns:samlp="{PROTOCOL}" Destination="{acs}" ID="{response_id}" '
        f'IssueInstant="{at(0)}" Version="2.0">'
        f'<saml:Issuer xmlns:saml="{ASSERTION}">{IDP}</saml:Issuer>'
    )
    tail = (
        '<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success">'
        f"</samlp:StatusCode></samlp:Status>{assertion}</samlp:Response>"
    )
    if signed == "both":
        return head + signature(key, cert, response_id, head + tail) + tail
    return head + tail


def sign(key, octets):
    """Elliptic curves sign ten times as quickly, for whoever needs very many."""
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(octets, padding.PKCS1v15(), hashes.SHA256())
    # XML signatures hold the two numbers side by side (RFC 6931, 2.3.6).
    numbers = decode_dss_signature(key.sign(octets, ec.ECDSA(hashes.SHA256())))
    return b"".join(number.to_bytes(32, "big") for number in numbers)


def signature(key, cert, reference, content):
    algorithm = "rsa" if isinstance(key, rsa.RSAPrivateKey) else "ecdsa"
    digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    info = (
        f'<ds:CanonicalizationMethod Algorithm="{C14N}"></ds:CanonicalizationMethod>'
        f'<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#{algorithm}-sha256">'
        f'</ds:SignatureMethod><ds:Reference URI="#{reference}"><ds:Transforms>'
        f'<ds:Transform Algorithm="{DSIG}enveloped-signature"></ds:Transform>'
        f'<ds:Transform Algorithm="{C14N}"></ds:Transform></ds:Transforms>'
        '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></ds:DigestMethod>'
        f"<ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>"
    )
    octets = f'<ds:SignedInfo xmlns:ds="{DSIG}">{info}'.encode()
    value = base64.b64encode(sign(key, octets)).decode()
    return (
        f'<ds:Signature xmlns:ds="{DSIG}"><ds:SignedInfo>{info}'
        f"<ds:SignatureValue>{value}</ds:SignatureValue><ds:KeyInfo><ds:X509Data>"
        f"<ds:X509Certificate>{cert}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></ds:Signature>"
    )


def certificate(key, name):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=365))
        .sign(key, hashes.SHA256())
    )


def der(cert):
    return base64.b64encode(cert.public_bytes(serialization.Encoding.DER)).decode()
