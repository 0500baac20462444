"""Writing a bundle: the same content gives the same bytes."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

from envmgr.install.bundle.index import BLOBS, INDEX, BundleIndex, render
from envmgr.kit.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO


@frozen
class BundleContent:
    """The content of a bundle: texts, and the paths of archives, each by its SHA-256."""

    index: BundleIndex
    texts: Mapping[str, bytes]
    archives: Mapping[str, str]


def write(content: BundleContent, output: BinaryIO) -> None:
    """Write a bundle as a tar archive without times and owners."""
    with tarfile.open(fileobj=output, mode="w|", format=tarfile.GNU_FORMAT) as archive:
        text = render(content.index)
        archive.addfile(_member(INDEX, len(text)), io.BytesIO(text))
        for digest in content.index.text_blobs:
            blob = content.texts[digest]
            archive.addfile(_member(BLOBS + digest, len(blob)), io.BytesIO(blob))
        for digest in content.index.archive_blobs:
            with open(content.archives[digest], "rb") as file:
                archive.addfile(_member(BLOBS + digest, content.index.sizes[digest]), file)


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    return member
