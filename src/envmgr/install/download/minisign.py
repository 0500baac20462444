"""Minisign signatures, as https://jedisct1.github.io/minisign/ describes them ("Signature format").

A key is an Ed25519 key with eight bytes that identify it. What it signs is the file itself (`Ed`, the older form) or
its BLAKE2b-512 (`ED`); a second signature is over the first one and the trusted comment.
"""

from __future__ import annotations

import base64
import contextlib
import mmap
import os
import re
from typing import TYPE_CHECKING

from envmgr.install.download.digests import hash_file, ignore_progress
from envmgr.kit.audit_log.ed25519 import is_signed
from envmgr.kit.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envmgr.install.download.digests import Report

_WHOLE, _HASHED = b"Ed", b"ED"
_UNTRUSTED, _TRUSTED = b"untrusted comment:", b"trusted comment: "
_LINES = 4
_ID_START, _ID_END = 2, 10
_KEY_LENGTH, _SIGNATURE_LENGTH, _SEAL_LENGTH = 42, 74, 64
# The fields of the comment that minisign writes are separated by tabs: timestamp:…, file:…, hashed
_FILE = re.compile(rb"(?:^|\s)file:([^\t]*)")


@frozen
class _Signed:
    """A decoded signature document; `seal` is the signature over signature and comment."""

    algorithm: bytes
    key_id: bytes
    signature: bytes
    comment: bytes
    seal: bytes


def problem(
    document: bytes, keys: Iterable[str], path: str, name: str, report: Report = ignore_progress
) -> str | None:
    """Return why a document is not a valid signature of the file `path`, called `name`; else None."""
    try:
        signed = _read(document)
        trusted_keys = dict(_key(text) for text in keys)
    except ValueError as error:
        return str(error)
    public = trusted_keys.get(signed.key_id)
    if public is None:
        return (
            f"signed by key {_format_key_id(signed.key_id)}, "
            f"expected {' or '.join(map(_format_key_id, trusted_keys))}"
        )
    if not is_signed(public, signed.seal, signed.signature + signed.comment):
        return "invalid signature of the trusted comment"
    signed_name = _other_file(signed.comment, name)
    if signed_name is not None:
        return f"signature is for {signed_name!r}, expected {name!r}"
    with _message(path, signed.algorithm, report) as message:
        is_good = is_signed(public, signed.signature, message)
    return None if is_good else "invalid signature"


def _read(document: bytes) -> _Signed:
    lines = [line.removesuffix(b"\r") for line in document.removesuffix(b"\n").split(b"\n")]
    if len(lines) != _LINES or not (lines[0].startswith(_UNTRUSTED) and lines[2].startswith(_TRUSTED)):
        raise ValueError("not a minisign signature")
    first, seal = _decode(lines[1], _SIGNATURE_LENGTH), _decode(lines[3], _SEAL_LENGTH)
    algorithm = first[:_ID_START]
    if algorithm not in {_WHOLE, _HASHED}:
        raise ValueError(f"unknown signature algorithm {algorithm!r}")
    comment = lines[2].removeprefix(_TRUSTED)
    return _Signed(algorithm, first[_ID_START:_ID_END], first[_ID_END:], comment, seal)


def _key(text: str) -> tuple[bytes, bytes]:
    """Return the ID of a public key, and the key."""
    key = _decode(text.encode(), _KEY_LENGTH)
    if key[:_ID_START] != _WHOLE:
        raise ValueError(f"invalid minisign public key {text!r}")
    return key[_ID_START:_ID_END], key[_ID_END:]


def _decode(text: bytes, length: int) -> bytes:
    try:
        decoded = base64.b64decode(text, validate=True)
    except ValueError:
        decoded = b""
    if len(decoded) != length:
        raise ValueError(f"{text[:80].decode(errors='replace')!r}: expected {length} bytes in base64")
    return decoded


def _other_file(comment: bytes, name: str) -> str | None:
    """Return the file name in the comment if it differs from the expected one."""
    names = [match.decode(errors="replace") for match in _FILE.findall(comment)]
    return next((file for file in names if file != name), None)


@contextlib.contextmanager
def _message(path: str, algorithm: bytes, report: Report) -> Iterator[bytes | memoryview]:
    """Yield the signed message of a file, without reading it all into memory."""
    with open(path, "rb", buffering=0) as file:
        if algorithm == _HASHED:
            yield hash_file(file, "blake2b", report)
        elif os.fstat(file.fileno()).st_size == 0:
            yield b""  # an empty file cannot be mapped
        else:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content, memoryview(content) as view:
                yield view


def _format_key_id(key_id: bytes) -> str:
    """Format a key ID like minisign does."""
    return f"{int.from_bytes(key_id, 'little'):016X}"
