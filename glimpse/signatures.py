"""Signed images: what is said of a signature, the certificate it was made for, and whether it holds (OP-100 to OP-104).

The signature is over a digest of the bytes as they came, so nothing is read for it a second time.
"""

import asyncio
import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import aiohttp
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from glimpse import settings
from glimpse.errors import Invalid, Unavailable

SAID = ("img_signature", "img_signature_hash_method", "img_signature_key_type", "img_signature_certificate_uuid")
"""All of them together make an image a signed one; fewer mean nothing (OP-100)."""
HASHES: Mapping[str, hashes.HashAlgorithm] = {
    "SHA-224": hashes.SHA224(),
    "SHA-256": hashes.SHA256(),
    "SHA-384": hashes.SHA384(),
    "SHA-512": hashes.SHA512(),
}
CURVES = {"ECC_SECP521R1": "secp521r1", "ECC_SECP384R1": "secp384r1"}
BINARY_CURVES = ("ECC_SECT571K1", "ECC_SECT409K1", "ECC_SECT571R1", "ECC_SECT409R1")
KEY_TYPES = ("RSA-PSS", "DSA", *CURVES)
CERTIFICATE = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,63}")
LARGEST_CERTIFICATE = 64 * 1024
TOLD = "os_glimpse_signature_"
"""What the names begin with that tell of a signature which held."""

PublicKey = rsa.RSAPublicKey | dsa.DSAPublicKey | ec.EllipticCurvePublicKey


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature, and the key that says whether it holds."""

    value: bytes = field(repr=False)
    method: str
    certificate: str
    key: PublicKey = field(repr=False)

    @property
    def algorithm(self) -> str:
        """The digest that is signed, by hashlib's name."""
        return HASHES[self.method].name

    def verify(self, digests: Mapping[str, str]) -> None:
        """Raise Invalid unless the bytes with these digests are those that were signed."""
        digest, method = bytes.fromhex(digests[self.algorithm]), HASHES[self.method]
        prehashed = Prehashed(method)
        try:
            if isinstance(self.key, rsa.RSAPublicKey):
                salted = padding.PSS(padding.MGF1(method), padding.PSS.MAX_LENGTH)
                self.key.verify(self.value, digest, salted, prehashed)
            elif isinstance(self.key, dsa.DSAPublicKey):
                self.key.verify(self.value, digest, prehashed)
            else:
                self.key.verify(self.value, digest, ec.ECDSA(prehashed))
        except (InvalidSignature, ValueError, UnsupportedAlgorithm):
            raise Invalid(
                f"the signature of this image does not hold: with certificate {self.certificate}, other bytes were "
                "signed, or with another key"
            ) from None

    def told(self, digests: Mapping[str, str], at: datetime) -> dict[str, str]:
        """Return what an image says of a signature that held (OP-103)."""
        return {
            f"{TOLD}verified_at": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            f"{TOLD}certificate": self.certificate,
            f"{TOLD}hash_algo": self.algorithm,
            f"{TOLD}hash_value": digests[self.algorithm],
        }


def is_signed(properties: Mapping[str, str]) -> bool:
    """Say whether an image is to be verified."""
    return all(properties.get(name) for name in SAID)


async def find(properties: Mapping[str, str], rules: settings.Signatures, token: str | None) -> Signature | None:
    """Read what an image says of its signature, and its certificate; None when it is not signed.

    Raises Invalid for what makes no sense or is not there, Unavailable when the key manager does not answer.
    """
    if not is_signed(properties):
        return None
    text, method, key_type, certificate = (properties[name] for name in SAID)
    if method not in HASHES:
        raise Invalid(f"img_signature_hash_method is {method!r}; {', '.join(HASHES)} can be verified")
    if key_type in BINARY_CURVES:
        raise Invalid(f"keys of type {key_type} are not verified any more: sign with one of {', '.join(KEY_TYPES)}")
    if key_type not in KEY_TYPES:
        raise Invalid(f"img_signature_key_type is {key_type!r}; {', '.join(KEY_TYPES)} can be verified")
    try:
        value = base64.b64decode(text, validate=True)
    except ValueError:
        raise Invalid("img_signature is not base64") from None
    if not CERTIFICATE.fullmatch(certificate):
        raise Invalid("img_signature_certificate_uuid is no id of a certificate")
    key = _key(await _certificate(certificate, rules, token), certificate, key_type)
    return Signature(value, method, certificate, key)


def _key(encoded: bytes, certificate: str, key_type: str) -> PublicKey:
    try:
        if encoded.lstrip().startswith(b"-----BEGIN"):
            key = x509.load_pem_x509_certificate(encoded).public_key()
        else:
            key = x509.load_der_x509_certificate(encoded).public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise Invalid(f"certificate {certificate} can not be read: it is to be X.509, in PEM or DER") from None
    fits = (
        (key_type == "RSA-PSS" and isinstance(key, rsa.RSAPublicKey))
        or (key_type == "DSA" and isinstance(key, dsa.DSAPublicKey))
        or (isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == CURVES.get(key_type))
    )
    if not fits or not isinstance(key, PublicKey):
        raise Invalid(f"certificate {certificate} has no key of type {key_type}")
    return key


async def _certificate(name: str, rules: settings.Signatures, token: str | None) -> bytes:
    if rules.certificates_dir is not None:
        found = await asyncio.to_thread(_read, rules.certificates_dir, name)
        if found is not None:
            return found
    if rules.key_manager_url is not None:
        return await _fetched(name, rules, token)
    if rules.certificates_dir is None:
        raise Invalid("this image is signed, and there is nothing here to verify it with: [signatures] is not set")
    raise Invalid(f"there is no certificate {name}")


def _read(folder: Path, name: str) -> bytes | None:
    for ending in (".pem", ".der"):
        try:
            with (folder / f"{name}{ending}").open("rb") as file:
                return file.read(LARGEST_CERTIFICATE)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise Unavailable(f"certificates can not be read: {error.strerror}") from None
    return None


async def _fetched(name: str, rules: settings.Signatures, token: str | None) -> bytes:
    """Ask the key manager, in the caller's name. Raises Invalid, and Unavailable."""
    headers = {"Accept": "application/octet-stream"} | ({"X-Auth-Token": token} if token else {})
    timeout = aiohttp.ClientTimeout(total=rules.timeout_seconds)
    url = f"{(rules.key_manager_url or '').rstrip('/').removesuffix('/v1')}/v1/secrets/{name}/payload"
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=False) as session,
            session.get(url, headers=headers, allow_redirects=False) as answer,
        ):
            content = bytearray()
            async for chunk in answer.content.iter_chunked(LARGEST_CERTIFICATE):
                content += chunk
                if len(content) > LARGEST_CERTIFICATE:
                    raise Invalid(f"certificate {name} is larger than certificates are")
            status = answer.status
    except (aiohttp.ClientError, TimeoutError, OSError):
        raise Unavailable("the key manager does not answer, so the signature can not be verified now") from None
    if status == 200:
        return bytes(content)
    if status in (401, 403, 404):
        raise Invalid(f"the key manager gives you no certificate {name} (it answered {status})")
    raise Unavailable(f"the key manager can not answer now ({status}), so the signature can not be verified")
