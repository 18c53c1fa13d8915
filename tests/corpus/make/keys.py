"""The keys of the corpus: made once by `python keys.py`, kept in tests/corpus/saml/keys.

They are for tests alone; everybody has them.
"""

import datetime
import pathlib
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

SAML = pathlib.Path(__file__).resolve().parent.parent / "saml"
FOLDER = SAML / "keys"

#: name: (what it is, the name in its certificate)
KINDS = {
    "corp": ("rsa2048", "idp.example.com"),
    "corp-next": ("rsa3072", "idp.example.com"),
    "corp-p256": ("p256", "idp.example.com"),
    "corp-p384": ("p384", "idp.example.com"),
    "corp-p521": ("p521", "idp.example.com"),
    "corp-ed25519": ("ed25519", "idp.example.com"),
    "other": ("rsa2048", "other-idp.example.com"),
    "weak": ("rsa1024", "idp.example.com"),
    "attacker": ("rsa2048", "idp.example.com"),
    "attacker-p256": ("p256", "idp.example.com"),
    "federation": ("rsa2048", "federation.example.com"),
    "sp": ("rsa2048", "sp.example.com"),
    "sp-next": ("rsa3072", "sp.example.com"),
    "sp-stranger": ("rsa2048", "another-sp.example.com"),
}

_MAKERS = {
    "rsa1024": lambda: rsa.generate_private_key(65537, 1024),
    "rsa2048": lambda: rsa.generate_private_key(65537, 2048),
    "rsa3072": lambda: rsa.generate_private_key(65537, 3072),
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}

_cache = {}


def private(name):
    """The private key of this name."""
    if name not in _cache:
        pem = (FOLDER / f"{name}.key").read_bytes()
        _cache[name] = serialization.load_pem_private_key(pem, None)
    return _cache[name]


def certificate(name):
    """Its certificate."""
    return x509.load_pem_x509_certificate((FOLDER / f"{name}.crt").read_bytes())


def certificate_der(name):
    """Its certificate, as bytes."""
    return certificate(name).public_bytes(serialization.Encoding.DER)


def make():
    """Makes those that are missing."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, (kind, common_name) in KINDS.items():
        if (FOLDER / f"{name}.key").exists():
            continue
        key = _MAKERS[kind]()
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])
        digest = None if kind == "ed25519" else hashes.SHA256()
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime.datetime(2026, 1, 1))
            .not_valid_after(datetime.datetime(2046, 1, 1))
            .sign(key, digest)
        )
        pem = serialization.Encoding.PEM
        (FOLDER / f"{name}.key").write_bytes(
            key.private_bytes(
                pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        (FOLDER / f"{name}.crt").write_bytes(made.public_bytes(pem))
        print(f"made {name}", file=sys.stderr)


if __name__ == "__main__":
    make()
