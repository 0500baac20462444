"""The key that signs the audit, in a file that only its owner reads."""

from __future__ import annotations

from base64 import b64decode, b64encode

from envmgr.kit.audit_log import ed25519
from envmgr.kit.fs import read_bytes, write_atomic


def private_key(path: str) -> bytes:
    """Return the key kept in a file; make both where there is none. Raise ValueError for a file that holds none.

    Whoever calls this owns the directory: two that make the key at once may each go on with another.
    """
    text = read_bytes(path)
    if text is not None:
        return _decoded(text, path)
    key = ed25519.generate()
    write_atomic(path, b64encode(key) + b"\n", 0o600)
    return key


def _decoded(text: bytes, path: str) -> bytes:
    try:
        key = b64decode(text.strip(), validate=True)
    except ValueError:
        key = b""
    if len(key) != ed25519.PRIVATE_LENGTH:
        raise ValueError(
            f"{path} holds no Ed25519 key: put the right one back, or move it away to begin a new one"
        )
    return key
