"""Digests of downloads, as upstreams publish and locks record them."""

from __future__ import annotations

from envmgr.kit.value import frozen

LENGTHS = {"sha256": 64, "sha512": 128, "sha384": 96, "sha1": 40}
_HEX = frozenset("0123456789abcdef")


@frozen
class Digest:
    """An algorithm's name and a lower-case hexadecimal value."""

    algorithm: str
    value: str

    def __str__(self) -> str:
        """Spell it `sha256:…`."""
        return f"{self.algorithm}:{self.value}"


def parse(text: str, algorithm: str = "sha256") -> Digest:
    """Read `sha256:…`, or bare hexadecimal of the given algorithm; raise ValueError for anything else."""
    name, _, value = text.strip().rpartition(":")
    digest = Digest((name or algorithm).lower(), value.lower())
    if LENGTHS.get(digest.algorithm) != len(digest.value) or not _HEX.issuperset(digest.value):
        raise ValueError(f"{text!r} is not a digest")
    return digest


def from_integrity(text: str) -> Digest:
    """Read Subresource Integrity (https://www.w3.org/TR/sri-2/): the strongest hash named; raise ValueError."""
    import base64

    found = [_from_base64(base64, *item.partition("-")[::2]) for item in text.split() if "-" in item]
    ranked = sorted((d for d in found if d), key=lambda d: LENGTHS[d.algorithm])
    if not ranked:
        raise ValueError(f"{text!r} holds no known hash")
    return ranked[-1]


def _from_base64(base64: object, algorithm: str, encoded: str) -> Digest | None:
    from typing import Any, cast

    if algorithm not in LENGTHS:
        return None
    raw: bytes = cast("Any", base64).b64decode(encoded.partition("?")[0], validate=True)
    return parse(raw.hex(), algorithm)
