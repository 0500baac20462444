"""Archives of small tools, created by the real packers."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import tarfile
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

DATE = 1_700_000_000


def program(name: str, version: str) -> bytes:
    """Return a shell script that prints its name, version and arguments."""
    text = f"""#!/bin/sh
if [ "${{1-}}" = --version ]; then echo '{name} {version}'; exit; fi
printf '%s' '{name} {version}'
for argument; do printf ' <%s>' "$argument"; done
echo
"""
    return text.encode()


def tar(files: Mapping[str, bytes], *, compression: str = "gz") -> bytes:
    """Return a tar of files by path; those below `bin/` are executable."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mtime, entry.mode = len(content), DATE, mode_of(path)
            archive.addfile(entry, io.BytesIO(content))
    return compress(plain.getvalue(), compression)


def compress(content: bytes, kind: str) -> bytes:
    """Compress content in the format of a file extension."""
    if kind == "zst":
        from backports import zstd

        return zstd.compress(content)
    packers = {"gz": lambda c: gzip.compress(c, mtime=0), "xz": lzma.compress, "bz2": bz2.compress, "": bytes}
    return packers[kind](content)


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Return a zip of files by path, with their modes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            entry = zipfile.ZipInfo(path, (2024, 1, 1, 0, 0, 0))
            entry.external_attr = (0o100000 | mode_of(path)) << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


def mode_of(path: str) -> int:
    """Return the file mode of a path in an archive."""
    return 0o755 if "bin/" in path else 0o644


def sha256(content: bytes) -> str:
    """Return a digest in the format of checksum files."""
    return hashlib.sha256(content).hexdigest()
