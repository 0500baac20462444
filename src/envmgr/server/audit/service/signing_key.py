"""Signing key of the audit log, in an owner-only file."""

from __future__ import annotations

from base64 import b64decode, b64encode

from envmgr.kit.audit_log import ed25519
from envmgr.kit.errors import EnvmgrError, StorageError
from envmgr.kit.fs import read_bytes, write_atomic


class SigningKeyError(EnvmgrError):
    """The signing key of the audit log is unusable."""


def private_key(path: str) -> bytes:
    """Return the key in a file, created if missing; raise SigningKeyError for an invalid file.

    The caller must own the directory: two processes that create the key at once may use different keys.
    """
    try:
        text = read_bytes(path)
    except StorageError as error:
        raise SigningKeyError(error.message, "check its ownership, or restore it from a backup") from error
    if text is not None:
        return _decode(text, path)
    key = ed25519.generate()
    write_atomic(path, b64encode(key) + b"\n", 0o600)
    return key


def configured_key(setting: str) -> bytes:
    """Return the key in a setting: the key itself, or the path of a file with it; raise SigningKeyError."""
    key = _parse(setting.encode())
    if key is not None:
        return key
    try:
        text = read_bytes(setting)
    except StorageError as error:
        raise SigningKeyError(
            f"cannot read the file in ALM_AUDIT_KEY: {error.message}", error.hint
        ) from error
    key = None if text is None else _parse(text)
    if key is None:
        raise SigningKeyError(
            "ALM_AUDIT_KEY is neither an Ed25519 private key nor a file with one",
            "set it to 32 random bytes as base64: `openssl rand -base64 32`",
        )
    return key


def _parse(text: bytes) -> bytes | None:
    """Return the key in a text; None if it is none."""
    try:
        key = b64decode(text.strip(), validate=True)
    except ValueError:
        return None
    return key if len(key) == ed25519.PRIVATE_LENGTH else None


def _decode(text: bytes, path: str) -> bytes:
    key = _parse(text)
    if key is None:
        raise SigningKeyError(
            f"{path} is not an Ed25519 private key",
            "restore it from a backup, or move it away to generate a new one: later checkpoints then have another key",
        )
    return key
