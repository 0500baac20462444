"""Keys, and texts sealed with them: the one file of the server that knows which library does it."""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    SECP384R1,
    SECP521R1,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_pem_public_key,
)

RSA_BITS = 2048
"""The shortest RSA key that is taken (NIST SP 800-57)."""
_NONCE = 12

PrivateKey = RSAPrivateKey | Ed25519PrivateKey
PublicKey = RSAPublicKey | Ed25519PublicKey | EllipticCurvePublicKey
_CURVES = {SECP256R1: "ES256", SECP384R1: "ES384", SECP521R1: "ES512"}


def private_key(pem: bytes) -> PrivateKey:
    """Read a private key without a passphrase, RSA or Ed25519. Raise ValueError."""
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("it is no private key in PEM without a passphrase") from None
    if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        raise ValueError("it is neither an RSA nor an Ed25519 key")  # noqa: TRY004 - of the file, not of the call
    require_strong(key.public_key())
    return key


def public_key(pem: bytes) -> PublicKey:
    """Read a public key, RSA, Ed25519 or of a NIST curve. Raise ValueError."""
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("it is no public key in PEM") from None
    return require_strong(key)


def require_strong(key: object) -> PublicKey:
    """Return a public key of a kind and a length that is taken. Raise ValueError."""
    if not isinstance(key, RSAPublicKey | Ed25519PublicKey | EllipticCurvePublicKey):
        raise ValueError("it is neither an RSA, nor an EC, nor an Ed25519 public key")  # noqa: TRY004 - as above
    if isinstance(key, RSAPublicKey) and key.key_size < RSA_BITS:
        raise ValueError(f"it is an RSA key of {key.key_size} bits: take {RSA_BITS} or more")
    return key


def algorithm_of(key: PublicKey) -> str:
    """Name the one algorithm that a key is used with, as JWS has it. Raise ValueError."""
    if isinstance(key, RSAPublicKey):
        return "RS256"
    if isinstance(key, Ed25519PublicKey):
        return "EdDSA"
    name = _CURVES.get(type(key.curve))
    if name is None:
        raise ValueError(f"no algorithm goes with the curve {key.curve.name}")
    return name


def key_bytes(key: PrivateKey) -> bytes:
    """Return a private key as bytes, to derive others from."""
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def derive_key(secret: bytes, purpose: bytes) -> bytes:
    """Derive a key of 32 bytes for one purpose (RFC 5869)."""
    return HKDF(SHA256(), 32, salt=None, info=purpose).derive(secret)


def encrypt(key: bytes, text: bytes, context: bytes) -> bytes:
    """Encrypt a text so that it opens only with the same key and context (AES-GCM)."""
    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, text, context)


def decrypt(key: bytes, sealed: bytes, context: bytes) -> bytes:
    """Decrypt a sealed text. Raise ValueError where key or context are others."""
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], context)
    except InvalidTag:
        raise ValueError("sealed with another key") from None
