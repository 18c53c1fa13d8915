"""XML Encryption. Random numbers come from the plaintext, so that the same files come out."""

import dataclasses
import hashlib
import hmac

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import keys
from sign import DIGEST, base64_text, mgf1
from tree import NAMESPACES, E, declare, name

XENC = NAMESPACES["xenc"]
XENC11 = NAMESPACES["xenc11"]

DATA = {
    "aes128-cbc": (XENC + "aes128-cbc", 16),
    "aes192-cbc": (XENC + "aes192-cbc", 24),
    "aes256-cbc": (XENC + "aes256-cbc", 32),
    "tripledes-cbc": (XENC + "tripledes-cbc", 24),
    "aes128-gcm": (XENC11 + "aes128-gcm", 16),
    "aes192-gcm": (XENC11 + "aes192-gcm", 24),
    "aes256-gcm": (XENC11 + "aes256-gcm", 32),
}
TRANSPORT = {
    "oaep-mgf1p": XENC + "rsa-oaep-mgf1p",
    "oaep": XENC11 + "rsa-oaep",
    "rsa-1_5": XENC + "rsa-1_5",
}
ELEMENT = XENC + "Element"
CONTENT = XENC + "Content"


@dataclasses.dataclass
class Encryption:
    """How something is encrypted and written."""

    key: str = "sp"
    data: str = "aes256-gcm"
    transport: str = "oaep-mgf1p"
    digest: str = None  # DigestMethod of OAEP; SHA-1 when absent
    mgf: str = None  # MGF of `oaep`; MGF1 with SHA-1 when absent
    place: str = "inside"  # inside | retrieval | reference-list | beside | none
    type: str = ELEMENT
    prefix: str = "xenc"
    ds: str = "ds"
    recipient: str = None
    key_info: bool = False  # X509 of our certificate inside of the EncryptedKey
    wrap: int = None
    eol: str = "\n"
    seed: str = ""  # another one makes other random numbers
    flip: int = None  # which octet of the ciphertext (IV included) is changed
    cipher: object = None  # octets to write instead of the ciphertext
    declares_ds: bool = True
    ids: bool = False  # Id on EncryptedData, too


def encrypted(what, plaintext, how, prefix="saml"):
    """An EncryptedAssertion, EncryptedID or EncryptedAttribute (`what`), as E."""
    data, loose = parts(plaintext, how)
    return E(name(prefix, what), [], data, *loose)


def parts(plaintext, how):
    """The EncryptedData, and the list of EncryptedKeys that go beside it."""
    octets = plaintext.encode() if isinstance(plaintext, str) else plaintext
    q = lambda local: name(how.prefix, local)
    session, cipher = encrypt(octets, how)
    if how.flip is not None:
        changed = bytearray(cipher)
        changed[how.flip] ^= 1
        cipher = bytes(changed)
    cipher = cipher if how.cipher is None else how.cipher
    beside = how.place in ("retrieval", "reference-list", "beside")
    encrypted_key = _encrypted_key(session, how, "ek" if beside else None)
    declared = [declare(how.ds, "ds")] if how.declares_ds else []
    info = None
    if how.place == "inside":
        info = E(name(how.ds, "KeyInfo"), declared, encrypted_key)
    elif how.place == "retrieval":
        method = E(
            name(how.ds, "RetrievalMethod"),
            {"Type": XENC + "EncryptedKey", "URI": "#ek"},
        )
        info = E(name(how.ds, "KeyInfo"), declared, method)
    data = E(
        q("EncryptedData"),
        [
            declare(how.prefix, "xenc"),
            ("Id", "ed" if how.ids or how.place == "reference-list" else None),
            ("Type", how.type),
        ],
        E(q("EncryptionMethod"), {"Algorithm": DATA[how.data][0]}),
        info,
        _cipher_data(cipher, how),
    )
    return data, [encrypted_key] if beside else []


def _encrypted_key(session, how, identifier):
    q = lambda local: name(how.prefix, local)
    method = E(q("EncryptionMethod"), {"Algorithm": TRANSPORT[how.transport]})
    if how.digest:
        declared = [declare(how.ds, "ds")]
        algorithm = ("Algorithm", DIGEST[how.digest])
        method.children.append(E(name(how.ds, "DigestMethod"), [*declared, algorithm]))
    if how.mgf:
        algorithm = ("Algorithm", f"{XENC11}mgf1{how.mgf}")
        method.children.append(E("xenc11:MGF", [declare("xenc11", "xenc11"), algorithm]))
    info = None
    if how.key_info:
        text = base64_text(keys.certificate_der(how.key), how.wrap, how.eol)
        certificate = E(name(how.ds, "X509Certificate"), [], text)
        declared = [] if how.place == "inside" and how.declares_ds else [declare(how.ds, "ds")]
        info = E(name(how.ds, "KeyInfo"), declared, E(name(how.ds, "X509Data"), [], certificate))
    references = None
    if how.place == "reference-list":
        references = E(q("ReferenceList"), [], E(q("DataReference"), {"URI": "#ed"}))
    declared = [declare(how.prefix, "xenc")] if identifier else []
    attributes = [*declared, ("Id", identifier), ("Recipient", how.recipient)]
    cipher = _cipher_data(transport(session, how), how)
    return E(q("EncryptedKey"), attributes, method, info, cipher, references)


def _cipher_data(octets, how):
    q = lambda local: name(how.prefix, local)
    value = E(q("CipherValue"), [], base64_text(octets, how.wrap, how.eol))
    return E(q("CipherData"), [], value)


def _random(how, use, octets, length):
    out, counter = b"", 0
    while len(out) < length:
        label = f"{use}/{how.seed}/{counter}".encode()
        out += hmac.new(label, octets, hashlib.sha256).digest()
        counter += 1
    return out[:length]


def encrypt(octets, how):
    """A session key, and IV and ciphertext."""
    length = DATA[how.data][1]
    session = _random(how, "key", octets, length)
    if how.data.endswith("gcm"):
        iv = _random(how, "iv", octets, 12)
        return session, iv + AESGCM(session).encrypt(iv, octets, None)
    if how.data == "tripledes-cbc":
        block, cipher = 8, TripleDES(session)
    else:
        block, cipher = 16, algorithms.AES(session)
    iv = _random(how, "iv", octets, block)
    fill = block - len(octets) % block
    padded = octets + _random(how, "pad", octets, fill - 1) + bytes([fill])
    encryptor = Cipher(cipher, modes.CBC(iv)).encryptor()
    return session, iv + encryptor.update(padded) + encryptor.finalize()


def transport(session, how):
    """The session key under the service provider's public key (RFC 8017, 7.1.1 and 7.2.1)."""
    public = keys.private(how.key).public_key().public_numbers()
    size = (public.n.bit_length() + 7) // 8
    if how.transport == "rsa-1_5":
        pad = _random(how, "pkcs1", session, size - len(session) - 3).replace(b"\0", b"\1")
        block = b"\0\2" + pad + b"\0" + session
    else:
        digest = how.digest or "sha1"
        mgf = how.mgf or "sha1"
        label = hashlib.new(digest, b"").digest()
        block = label + bytes(size - len(session) - 2 * len(label) - 2) + b"\1" + session
        seed = _random(how, "oaep", session, len(label))
        masked = bytes(a ^ b for a, b in zip(block, mgf1(mgf, seed, len(block)), strict=True))
        hidden = bytes(a ^ b for a, b in zip(seed, mgf1(mgf, masked, len(seed)), strict=True))
        block = b"\0" + hidden + masked
    return pow(int.from_bytes(block, "big"), public.e, public.n).to_bytes(size, "big")
