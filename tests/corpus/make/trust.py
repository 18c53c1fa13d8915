"""What the service provider of the corpus trusts: metadata in tests/corpus/saml/trust."""

import base64

import keys
from keys import SAML
from tree import E, declare

PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol"
BINDING = "urn:oasis:names:tc:SAML:2.0:bindings:"
CORP = "https://idp.example.com/metadata"
OTHER = "https://other-idp.example.com/metadata"

#: name of the file: (entityID, keys, scopes)
IDPS = {
    "corp": (CORP, ["corp"], []),
    "corp-rollover": (CORP, ["corp-next", "corp"], []),
    "corp-ec": (CORP, ["corp-p256", "corp-p384", "corp-p521"], []),
    "corp-ed25519": (CORP, ["corp-ed25519"], []),
    "corp-all": (CORP, ["corp-ed25519", "corp-p256", "corp"], []),
    "corp-scoped": (CORP, ["corp"], ["example.com"]),
    "other": (OTHER, ["other"], []),
}


def key_descriptor(key, use="signing"):
    """A KeyDescriptor with a certificate."""
    der = base64.b64encode(keys.certificate_der(key)).decode()
    certificate = E("ds:X509Certificate", [], der)
    info = E("ds:KeyInfo", [declare("ds", "ds")], E("ds:X509Data", [], certificate))
    return E("md:KeyDescriptor", {"use": use}, info)


def entity(entity_id, names, scopes=(), host=None, descriptors=None):
    """An EntityDescriptor of an identity provider."""
    host = host or entity_id.removesuffix("/metadata")
    extensions = scopes and E(
        "md:Extensions",
        [],
        *[
            E("shibmd:Scope", {"xmlns:shibmd": "urn:mace:shibboleth:metadata:1.0", "regexp": "false"}, s)
            for s in scopes
        ],
    )
    if descriptors is None:
        descriptors = [key_descriptor(name) for name in names]
    role = E(
        "md:IDPSSODescriptor",
        {"protocolSupportEnumeration": PROTOCOL},
        extensions or None,
        *descriptors,
        E("md:SingleLogoutService", {"Binding": BINDING + "HTTP-Redirect", "Location": f"{host}/slo"}),
        E("md:SingleSignOnService", {"Binding": BINDING + "HTTP-Redirect", "Location": f"{host}/sso"}),
        E("md:SingleSignOnService", {"Binding": BINDING + "HTTP-POST", "Location": f"{host}/sso"}),
    )
    return E("md:EntityDescriptor", [declare("md", "md"), ("entityID", entity_id)], role)


def make():
    """Writes the files."""
    folder = SAML / "trust"
    folder.mkdir(parents=True, exist_ok=True)
    for name, (entity_id, names, scopes) in IDPS.items():
        text = entity(entity_id, names, scopes).write("  ") + "\n"
        (folder / f"{name}.xml").write_text(text)
