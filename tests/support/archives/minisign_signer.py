"""Minisign signatures, valid and invalid."""

from __future__ import annotations

import hashlib
from base64 import b64encode

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


class Signer:
    """A signer with a key; the same seed yields the same key, the same `key_id` one that looks the same."""

    def __init__(self, seed: str = "upstream", key_id: bytes | None = None) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(seed.encode()).digest())
        self.key_id = key_id or hashlib.sha256(b"id of " + seed.encode()).digest()[:8]

    @property
    def public(self) -> str:
        """Return the public key in the format of manifests."""
        return b64encode(b"Ed" + self.key_id + self._key.public_key().public_bytes_raw()).decode()

    def sign(self, content: bytes, name: str | None, *, legacy: bool = False, comment: str = "") -> bytes:
        """Return the document that `minisign -S` writes for a file."""
        hashed = content if legacy else hashlib.blake2b(content).digest()
        signature = self._key.sign(hashed)
        file_comment = [f"file:{name}"] if name is not None else []
        trusted_comment = comment or "\t".join(
            ["timestamp:1700000000", *file_comment, *([] if legacy else ["hashed"])]
        )
        lines = [
            "untrusted comment: signature from minisign secret key",
            b64encode((b"Ed" if legacy else b"ED") + self.key_id + signature).decode(),
            f"trusted comment: {trusted_comment}",
            b64encode(self._key.sign(signature + trusted_comment.encode())).decode(),
        ]
        return "".join(f"{line}\n" for line in lines).encode()
