"""Index of a bundle: its content by digest.

A bundle is a tar archive of the index and of blobs, each named by its SHA-256: the dotfile, its lock, manifests,
signatures and archives, in this order.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from envmgr.kit import digest as digests
from envmgr.kit.errors import BadArchive
from envmgr.kit.frozen import frozen
from envmgr.kit.unique_json import loads

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 1
INDEX = "envmgr-bundle.json"
BLOBS = "blobs/"
MAX_INDEX_BYTES = 16 * 2**20
MAX_TEXT_BYTES = 64 * 2**20
"""The maximum size of a blob that is not an archive."""

_TABLES = ("archives", "manifests", "signatures")


@frozen
class BundleIndex:
    """The digests of a bundle's files.

    `archives` has them by URL, `manifests` by tool, `signatures` by the digest of the archive, `sizes` all of them.
    """

    platforms: tuple[str, ...]
    dotfile: str
    lock: str
    archives: Mapping[str, str]
    manifests: Mapping[str, str]
    signatures: Mapping[str, str]
    sizes: Mapping[str, int]

    @property
    def text_blobs(self) -> tuple[str, ...]:
        """Return the digests of the blobs that are no archives, in the order of the file."""
        others = (*sorted(self.manifests.values()), *sorted(self.signatures.values()))
        return tuple(dict.fromkeys((self.dotfile, self.lock, *others)))

    @property
    def archive_blobs(self) -> tuple[str, ...]:
        """Return the digests of the archives, in the order of the file."""
        return tuple(sorted({*self.archives.values()} - {*self.text_blobs}))


def render(index: BundleIndex) -> bytes:
    """Return the text of an index."""
    document = {
        "bundle": FORMAT,
        "platforms": list(index.platforms),
        "dotfile": index.dotfile,
        "lock": index.lock,
        **{name: dict(sorted(getattr(index, name).items())) for name in (*_TABLES, "sizes")},
    }
    return json.dumps(document, indent=1).encode() + b"\n"


def parse(content: bytes) -> BundleIndex:
    """Return the index of a text; raise BadArchive if it is invalid."""
    try:
        document = _table(loads(content))
        _check_format(document.get("bundle"))
        return _read(document)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadArchive(f"invalid index of a bundle: {error}") from None


def _table(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise TypeError("expected an object")
    return value


def _check_format(number: object) -> None:
    if isinstance(number, int) and number > FORMAT:
        raise BadArchive(f"unsupported bundle format {number}", "update envmgr: `envmgr self-update`")
    if number != FORMAT:
        raise ValueError(f"unknown format {number!r}")


def _read(document: Mapping[str, object]) -> BundleIndex:
    archives, manifests, signatures = (_digests(document[name]) for name in _TABLES)
    platforms, sizes = document["platforms"], document["sizes"]
    if not isinstance(platforms, list) or not all(isinstance(name, str) for name in platforms):
        raise TypeError("expected a list of platforms")
    if not isinstance(sizes, dict) or not all(type(size) is int and size >= 0 for size in sizes.values()):
        raise TypeError("expected sizes")
    index = BundleIndex(
        tuple(platforms),
        _digest(document["dotfile"]),
        _digest(document["lock"]),
        archives,
        manifests,
        signatures,
        sizes,
    )
    if not {*archives.values()}.isdisjoint(index.text_blobs):  # only archives are compared with the lock
        raise ValueError("an archive is listed as another file")
    if {*index.text_blobs, *index.archive_blobs} != {*sizes}:
        raise ValueError("sizes are not those of its content")
    if any(sizes[name] > MAX_TEXT_BYTES for name in index.text_blobs):
        raise ValueError("a file is too large")
    return index


def _digests(value: object) -> dict[str, str]:
    return {name: _digest(digest) for name, digest in _table(value).items()}


def _digest(value: object) -> str:
    if not isinstance(value, str) or digests.parse(value).value != value:
        raise ValueError(f"invalid digest {value!r}")
    return value
