"""A federation's aggregate: identity providers with what those of federations have, signed as a whole.

It is written in canonical form (exclusive C14N), so that the digest is a hash of what is written.
"""

import datetime
import http.server
import random
import threading

import messages
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

MD = "urn:oasis:names:tc:SAML:2.0:metadata"
MDUI = "urn:oasis:names:tc:SAML:metadata:ui"
BINDINGS = "urn:oasis:names:tc:SAML:2.0:bindings:"
FILLER = "Lorem ipsum dolor sit amet, consetetur sadipscing elitr. " * 6


class Federation:
    """Who signs, and who is in it."""

    def __init__(self, count):
        self.count = count
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = messages.certificate(self.key, "federation")
        self.certificates = [messages.der(self.certificate_of(number)) for number in range(count)]
        self.moved = set()

    def certificate_of(self, number):
        """Another one for each, as everywhere. Nobody signs by them: any number has the size of a key."""
        modulus = random.getrandbits(2048) | 1 << 2047 | 1
        subject = x509.Name([
            x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, f"University {number}"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"idp{number}.example.org"),
        ])
        now = datetime.datetime.now(datetime.timezone.utc)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(rsa.RSAPublicNumbers(65537, modulus).public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=365))
            .sign(self.key, hashes.SHA256())
        )

    def pem(self):
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def document(self):
        until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=60)
        head = (
            f'<md:EntitiesDescriptor xmlns:md="{MD}" ID="_all" Name="https://federation.example.org" '
            f'cacheDuration="PT6H" validUntil="{until:%Y-%m-%dT%H:%M:%SZ}">'
        )
        tail = "".join(self.entity(number) for number in range(self.count)) + "</md:EntitiesDescriptor>"
        certificate = messages.der(self.certificate)
        signature = messages.signature(self.key, certificate, "_all", head + tail)
        # Where it stands there is no declaration of its prefix.
        return (head + signature + tail).encode()

    def entity(self, number):
        host = f"idp{number}.example.org"
        path = "moved" if number in self.moved else "idp"
        ui = "".join(
            f'<mdui:DisplayName xml:lang="{language}">University {number}</mdui:DisplayName>\n'
            f'<mdui:Description xml:lang="{language}">{FILLER}</mdui:Description>\n'
            f'<mdui:InformationURL xml:lang="{language}">https://{host}/about/{language}</mdui:InformationURL>\n'
            f'<mdui:PrivacyStatementURL xml:lang="{language}">https://{host}/privacy</mdui:PrivacyStatementURL>\n'
            for language in ("de", "en", "fr")
        )
        keys = "".join(
            f'<md:KeyDescriptor use="{use}"><ds:KeyInfo xmlns:ds="{messages.DSIG}"><ds:X509Data>'
            f"<ds:X509Certificate>\n{self.certificates[number]}\n</ds:X509Certificate>"
            "</ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
            for use in ("signing", "encryption")
        )
        services = {
            name: "".join(
                f'<md:{name} Binding="{BINDINGS}{binding}" '
                f'Location="https://{host}/{path}/profile/SAML2/{binding}/{name}"></md:{name}>\n'
                for binding in bindings
            )
            for name, bindings in {
                "SingleLogoutService": ("HTTP-Redirect", "HTTP-POST", "SOAP"),
                "SingleSignOnService": ("HTTP-Redirect", "HTTP-POST", "HTTP-POST-SimpleSign"),
                "AttributeService": ("SOAP",),
            }.items()
        }
        contacts = "".join(
            f'<md:ContactPerson contactType="{kind}">\n<md:GivenName>Service Desk</md:GivenName>\n'
            f"<md:EmailAddress>mailto:{kind}@{host}</md:EmailAddress>\n</md:ContactPerson>\n"
            for kind in ("administrative", "support", "technical")
        )
        categories = "".join(
            f"<saml:AttributeValue>http://refeds.org/category/example-{category}</saml:AttributeValue>\n"
            for category in range(6)
        )
        return (
            f'\n<md:EntityDescriptor entityID="{entity_id(number)}">\n<md:Extensions>\n'
            '<mdrpi:RegistrationInfo xmlns:mdrpi="urn:oasis:names:tc:SAML:metadata:rpi" '
            'registrationAuthority="https://federation.example.org" '
            'registrationInstant="2020-01-01T00:00:00Z"></mdrpi:RegistrationInfo>\n'
            '<mdattr:EntityAttributes xmlns:mdattr="urn:oasis:names:tc:SAML:metadata:attribute">'
            f'<saml:Attribute xmlns:saml="{messages.ASSERTION}" '
            'Name="http://macedir.org/entity-category-support" '
            f'NameFormat="{messages.URI}">\n{categories}</saml:Attribute></mdattr:EntityAttributes>\n'
            f'</md:Extensions>\n<md:IDPSSODescriptor errorURL="https://{host}/error" '
            f'protocolSupportEnumeration="{messages.PROTOCOL}">\n<md:Extensions>\n'
            '<shibmd:Scope xmlns:shibmd="urn:mace:shibboleth:metadata:1.0" regexp="false">'
            f'{host}</shibmd:Scope>\n<mdui:UIInfo xmlns:mdui="{MDUI}">\n{ui}'
            f'<mdui:Logo height="60" width="80">https://{host}/logo.png</mdui:Logo>\n</mdui:UIInfo>\n'
            f'</md:Extensions>\n{keys}{services["SingleLogoutService"]}'
            "<md:NameIDFormat>urn:oasis:names:tc:SAML:2.0:nameid-format:transient</md:NameIDFormat>\n"
            f'{services["SingleSignOnService"]}</md:IDPSSODescriptor>\n'
            f'<md:AttributeAuthorityDescriptor protocolSupportEnumeration="{messages.PROTOCOL}">\n'
            f'{keys}{services["AttributeService"]}</md:AttributeAuthorityDescriptor>\n<md:Organization>\n'
            f'<md:OrganizationName xml:lang="en">University {number}</md:OrganizationName>\n'
            f'<md:OrganizationDisplayName xml:lang="en">University {number}</md:OrganizationDisplayName>\n'
            f'<md:OrganizationURL xml:lang="en">https://{host}/</md:OrganizationURL>\n'
            f"</md:Organization>\n{contacts}</md:EntityDescriptor>"
        )


def entity_id(number):
    return f"https://idp{number}.example.org/idp/shibboleth"


class Host(http.server.BaseHTTPRequestHandler):
    """Gives the newest document, or says that it is the same."""

    document, etag = b"", '"0"'

    def do_GET(self):
        cls = type(self)
        same = self.headers.get("If-None-Match") == cls.etag
        self.send_response(304 if same else 200)
        self.send_header("ETag", cls.etag)
        self.send_header("Content-Length", str(0 if same else len(cls.document)))
        self.end_headers()
        if not same:
            self.wfile.write(cls.document)

    def log_message(self, *_):
        pass


def host():
    """Where the document is."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Host)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/all.xml"
