"""Partial downloads: the bytes, and a sidecar file with what resuming requires."""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING

from envmgr.kit.frozen import frozen
from envmgr.kit.fs import make_dir, read_bytes, storage_errors, write_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping


@frozen
class Origin:
    """The source of a partial download: its total `length`, and the validators of its server."""

    url: str
    length: int | None = None
    etag: str = ""
    modified: str = ""

    @property
    def validator(self) -> str:
        """Return the If-Range value (RFC 9110, 13.1.5): a strong ETag, else the date, else empty."""
        return self.etag if self.etag.startswith('"') else self.modified


@frozen
class Partial:
    """The files of one partial download."""

    path: str

    @property
    def _sidecar(self) -> str:
        return f"{self.path}.json"

    @property
    def size(self) -> int:
        """Return the size in bytes."""
        try:
            return os.path.getsize(self.path)
        except OSError:
            return 0

    def origin(self) -> Origin | None:
        """Return the origin of the bytes, if known."""
        try:
            fields = json.loads(read_bytes(self._sidecar) or b"null")
            return _origin(fields) if isinstance(fields, dict) else None
        except (ValueError, TypeError):
            return None

    def begin(self, origin: Origin) -> None:
        """Start an empty download; truncated first, so that the sidecar never describes other bytes."""
        make_dir(os.path.dirname(self.path))
        with storage_errors(os.path.dirname(self.path)), open(self.path, "wb"):
            pass
        fields = {
            "url": origin.url,
            "length": origin.length,
            "etag": origin.etag,
            "modified": origin.modified,
        }
        write_atomic(self._sidecar, json.dumps(fields), 0o600)

    def discard(self) -> None:
        """Remove both files."""
        for path in (self.path, self._sidecar):
            with storage_errors(os.path.dirname(path)), contextlib.suppress(FileNotFoundError):
                os.unlink(path)

    def move_to(self, path: str) -> None:
        """Move the completed file to its place."""
        make_dir(os.path.dirname(path))
        with storage_errors(os.path.dirname(path)):
            os.replace(self.path, path)
        self.discard()


def _origin(fields: Mapping[str, object]) -> Origin:
    url, length, etag, modified = (fields.get(name) for name in ("url", "length", "etag", "modified"))
    if not (isinstance(url, str) and isinstance(etag, str) and isinstance(modified, str)):
        raise TypeError("expected strings")
    if not isinstance(length, int | None):
        raise TypeError("expected an integer")
    return Origin(url, length, etag, modified)
