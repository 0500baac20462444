"""Cryptographic keys and encryption: the only module that imports the library."""

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
"""Minimum RSA key length in bits (NIST SP 800-57)."""
_NONCE = 12

PrivateKey = RSAPrivateKey | Ed25519PrivateKey
PublicKey = RSAPublicKey | Ed25519PublicKey | EllipticCurvePublicKey
_CURVES = {SECP256R1: "ES256", SECP384R1: "ES384", SECP521R1: "ES512"}


def private_key(pem: bytes) -> PrivateKey:
    """Parse an unencrypted RSA or Ed25519 private key; raise ValueError."""
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("not an unencrypted PEM private key") from None
    if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        raise ValueError("unsupported key type: use RSA or Ed25519")  # noqa: TRY004 - the file's content is invalid, not the argument's type
    require_strong(key.public_key())
    return key


def public_key(pem: bytes) -> PublicKey:
    """Parse an RSA, Ed25519 or NIST-curve public key; raise ValueError."""
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("not a PEM public key") from None
    return require_strong(key)


def require_strong(key: object) -> PublicKey:
    """Return a public key of a supported type and length; raise ValueError."""
    if not isinstance(key, RSAPublicKey | Ed25519PublicKey | EllipticCurvePublicKey):
        raise ValueError("unsupported key type: use RSA, EC or Ed25519")  # noqa: TRY004 - as above
    if isinstance(key, RSAPublicKey) and key.key_size < RSA_BITS:
        raise ValueError(f"RSA key too short ({key.key_size} bits): at least {RSA_BITS} bits")
    return key


def algorithm_of(key: PublicKey) -> str:
    """Return the JWS algorithm of a key; raise ValueError."""
    if isinstance(key, RSAPublicKey):
        return "RS256"
    if isinstance(key, Ed25519PublicKey):
        return "EdDSA"
    name = _CURVES.get(type(key.curve))
    if name is None:
        raise ValueError(f"unsupported curve {key.curve.name}")
    return name


def key_bytes(key: PrivateKey) -> bytes:
    """Return a private key as bytes, for key derivation."""
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def derive_key(secret: bytes, purpose: bytes) -> bytes:
    """Derive a 32-byte key for one purpose (RFC 5869)."""
    return HKDF(SHA256(), 32, salt=None, info=purpose).derive(secret)


def encrypt(key: bytes, text: bytes, context: bytes) -> bytes:
    """Encrypt a text with AES-GCM, bound to a context."""
    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, text, context)


def decrypt(key: bytes, sealed: bytes, context: bytes) -> bytes:
    """Decrypt a text; raise ValueError for another key or context."""
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], context)
    except InvalidTag:
        raise ValueError("encrypted with a different key") from None
