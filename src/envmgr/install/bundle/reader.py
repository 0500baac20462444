"""Reading a bundle: each blob is verified by its name, in the order of the index."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from envmgr.install.archive import tar_reader
from envmgr.install.archive.entry import FILE
from envmgr.install.bundle.index import BLOBS, INDEX, MAX_INDEX_BYTES, parse
from envmgr.kit.errors import BadArchive, DigestMismatch, UnsafeArchive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import BinaryIO

    from envmgr.install.archive.entry import Entry
    from envmgr.install.bundle.index import BundleIndex

_BLOCK_BYTES = 1 << 20
_DAMAGED_HINT = "nothing was installed: copy the bundle again, or create it again"


class BundleReader:
    """The content of a bundle, read once from its start; memory does not depend on its size.

    All methods raise BadArchive for a damaged or truncated bundle, UnsafeArchive for other files in it, and
    DigestMismatch for other content.
    """

    def __init__(self, file: BinaryIO) -> None:
        blocks = iter(lambda: file.read(_BLOCK_BYTES), b"")
        self._entries = tar_reader.read(blocks, is_sealed=False, count_hole=_refuse_hole)
        self.index: BundleIndex = parse(self._read_index())

    def _read_index(self) -> bytes:
        content = bytearray()
        for part in self._next_file(INDEX).content:
            content += part
            if len(content) > MAX_INDEX_BYTES:
                raise BadArchive("invalid index of a bundle: too large")
        return bytes(content)

    def read_text(self, digest: str) -> bytes:
        """Return the next blob, which is not an archive."""
        content = bytearray()
        self.copy_blob(digest, ("sha256",), content.extend)
        return bytes(content)

    def copy_blob(
        self, digest: str, algorithms: Iterable[str], write: Callable[[bytes | memoryview], object]
    ) -> dict[str, str]:
        """Write the next blob in pieces; return its digests by algorithm."""
        hashers = {name: hashlib.new(name) for name in {"sha256", *algorithms}}
        size = 0
        for part in self._next_file(BLOBS + digest).content:
            size += len(part)
            if size > self.index.sizes[digest]:
                raise DigestMismatch(f"file {digest} exceeds the size in the index", _DAMAGED_HINT)
            for hasher in hashers.values():
                hasher.update(part)
            write(part)
        values = {name: hasher.hexdigest() for name, hasher in hashers.items()}
        if values["sha256"] != digest:
            raise DigestMismatch(
                f"digest mismatch in the bundle\n  expected sha256:{digest}\n  got      sha256:{values['sha256']}",
                _DAMAGED_HINT,
            )
        return values

    def check_end(self) -> None:
        """Check that nothing follows the last blob."""
        entry = next(self._entries, None)
        if entry is not None:
            raise _unexpected_error(entry)

    def _next_file(self, path: str) -> Entry:
        entry = next(self._entries, None)
        if entry is None:
            raise BadArchive(f"truncated: {path} is missing", _DAMAGED_HINT)
        if entry.path != path or entry.kind != FILE:
            raise _unexpected_error(entry)
        return entry


def _unexpected_error(entry: Entry) -> UnsafeArchive:
    return UnsafeArchive(
        f"unexpected {entry.kind} {entry.path!r}",
        "nothing was installed: a bundle of envmgr has no such file",
    )


def _refuse_hole(_count: int) -> None:
    raise BadArchive("contains a sparse file")
