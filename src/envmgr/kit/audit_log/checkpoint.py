"""Checkpoints: signed statements of a log's length and last hash.

The signature covers the canonical JSON of `SIGNED_FIELDS`; `previous` is the hexadecimal SHA-256 of the canonical JSON
of the previous checkpoint, empty in the first, so that checkpoints form a chain. Keys and signatures are in base64.
A checkpoint is the mapping that the API returns.
"""

from __future__ import annotations

from envmgr.kit.audit_log.canonical_json import canonicalize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

SIGNED_FIELDS = ("origin", "seq", "hash", "timestamp", "previous", "public_key")
ALL_FIELDS = (*SIGNED_FIELDS, "signature")


def sign(private: bytes, stated: Mapping[str, object]) -> dict[str, object]:
    """Create a signed checkpoint of `origin`, `seq`, `hash`, `timestamp` and `previous`."""
    from base64 import b64encode

    from envmgr.kit.audit_log import ed25519

    checkpoint = {**stated, "public_key": public_key(private)}
    signature = ed25519.sign(private, statement(checkpoint))
    return {**checkpoint, "signature": b64encode(signature).decode()}


def public_key(private: bytes) -> str:
    """Return the public key of a private key, in base64."""
    from base64 import b64encode

    from envmgr.kit.audit_log import ed25519

    return b64encode(ed25519.public_of(private)).decode()


def statement(checkpoint: Mapping[str, object]) -> bytes:
    """Return the signed bytes of a checkpoint; raise KeyError if a field is missing."""
    return canonicalize({name: checkpoint[name] for name in SIGNED_FIELDS})


def fingerprint(checkpoint: Mapping[str, object]) -> str:
    """Return the hash that the next checkpoint has as `previous`."""
    from hashlib import sha256

    return sha256(canonicalize({name: checkpoint[name] for name in ALL_FIELDS})).hexdigest()


def verify_error(checkpoint: Mapping[str, object], trusted: str | None = None) -> str | None:
    """Return the reason why a checkpoint is invalid, else None.

    `trusted` is the public key (base64) that must have signed it. Without it, the checkpoint is verified with its own
    key, which only detects changes.
    """
    from base64 import b64decode

    from envmgr.kit.audit_log.ed25519 import is_signed

    try:
        _require_types(checkpoint)
        if trusted not in {None, checkpoint["public_key"]}:
            return f"signed by key {checkpoint['public_key']}, expected {trusted}"
        public = b64decode(str(checkpoint["public_key"]), validate=True)
        signature = b64decode(str(checkpoint["signature"]), validate=True)
        is_good = is_signed(public, signature, statement(checkpoint))
    except KeyError as error:
        return f"field {error.args[0]} missing"
    except ValueError as error:
        return f"invalid checkpoint: {error}"
    return None if is_good else "invalid signature"


def _require_types(checkpoint: Mapping[str, object]) -> None:
    for name in ALL_FIELDS:
        expected = int if name in {"seq", "timestamp"} else str
        if type(checkpoint[name]) is not expected:
            raise ValueError(f"invalid {name} {checkpoint[name]!r}")
    if int(str(checkpoint["seq"])) < 0:
        raise ValueError("seq is negative")
