"""Secrets that one process writes down and another alone can read: sealed with a public key, opened with the private.

A message has a key pair of its own (X25519); what both sides make of it (HKDF) seals it (ChaCha20-Poly1305), bound to
what it is about, so that a seal moved to another row opens nothing.
"""

import base64

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from glimpse.errors import Invalid

KEY_BYTES = 32
NONCE = bytes(12)
"""No key seals twice."""


def read_key(text: str) -> bytes:
    """Read a key as settings have it. Raises Invalid."""
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise Invalid("a key for sealing is 32 bytes in base64, as `glimpse config seal` makes them")
    return key


def new_private_key() -> str:
    """Make a key that opens."""
    return base64.b64encode(X25519PrivateKey.generate().private_bytes_raw()).decode()


def public_key_of(private: str) -> str:
    """Return the key that seals for the one that opens."""
    public = X25519PrivateKey.from_private_bytes(read_key(private)).public_key()
    return base64.b64encode(public.public_bytes_raw()).decode()


def seal(public: str, about: str, secret: str) -> str:
    """Seal a secret for whoever has the private key, and for nothing but `about`."""
    theirs, ours = X25519PublicKey.from_public_bytes(read_key(public)), X25519PrivateKey.generate()
    ephemeral = ours.public_key().public_bytes_raw()
    sealed = _cipher(ours.exchange(theirs), ephemeral).encrypt(NONCE, secret.encode(), about.encode())
    return base64.b64encode(ephemeral + sealed).decode()


def opened(private: str, about: str, sealed: str) -> str:
    """Return what was sealed. Raises Invalid for another key, another subject, or a damaged seal."""
    try:
        whole = base64.b64decode(sealed, validate=True)
        ephemeral = X25519PublicKey.from_public_bytes(whole[:KEY_BYTES])
        shared = X25519PrivateKey.from_private_bytes(read_key(private)).exchange(ephemeral)
        secret = _cipher(shared, whole[:KEY_BYTES]).decrypt(NONCE, whole[KEY_BYTES:], about.encode())
    except (InvalidTag, ValueError):
        raise Invalid("this was not sealed for the key in import.sealing_key") from None
    return secret.decode()


def _cipher(shared: bytes, ephemeral: bytes) -> ChaCha20Poly1305:
    return ChaCha20Poly1305(HKDF(hashes.SHA256(), KEY_BYTES, salt=ephemeral, info=b"glimpse task").derive(shared))
