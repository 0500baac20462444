"""Digests of downloads: algorithm and hexadecimal value."""

from __future__ import annotations

import sys

from envmgr.kit.frozen import frozen

LENGTHS = {"sha256": 64, "sha512": 128, "sha384": 96, "sha1": 40}
_HEX = frozenset("0123456789abcdef")
_SHA256_MODULE = "_sha2" if sys.version_info >= (3, 12) else "_sha256"


@frozen
class Digest:
    """An algorithm name and a lower-case hexadecimal value."""

    algorithm: str
    value: str

    def __str__(self) -> str:
        """Return it as `sha256:…`."""
        return f"{self.algorithm}:{self.value}"


def parse(text: str, algorithm: str = "sha256") -> Digest:
    """Parse `sha256:…`, or bare hexadecimal of the given algorithm; raise ValueError if invalid."""
    name, _, value = text.strip().rpartition(":")
    digest = Digest((name or algorithm).lower(), value.lower())
    if LENGTHS.get(digest.algorithm) != len(digest.value) or not _HEX.issuperset(digest.value):
        raise ValueError(f"invalid digest {text!r}")
    return digest


def sha256_of(content: bytes) -> str:
    """Return the SHA-256 of a short content in hexadecimal.

    Python's own is used, as its `random` does: loading OpenSSL takes a quarter of the time of Python's start.
    """
    try:
        module = __import__(_SHA256_MODULE)
    except ImportError:  # a Python that has only OpenSSL's
        import hashlib as module
    digest: str = module.sha256(content).hexdigest()
    return digest


def from_integrity(text: str) -> Digest:
    """Parse Subresource Integrity and return the strongest hash; raise ValueError if none is supported.

    Format: https://www.w3.org/TR/sri-2/ (`sha512-<base64>`, several separated by blanks, options after `?`).
    """
    pairs = [item.partition("-")[::2] for item in text.split()]
    supported = [(algorithm, value) for algorithm, value in pairs if algorithm in LENGTHS]
    if not supported:
        raise ValueError(f"no supported hash in {text!r}")
    algorithm, value = max(supported, key=lambda pair: LENGTHS[pair[0]])
    return parse(_decode(value.partition("?")[0]).hex(), algorithm)


def _decode(encoded: str) -> bytes:
    import base64

    return base64.b64decode(encoded, validate=True)
