"""Download cache: files by SHA-256, and an index of URLs."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from typing import TYPE_CHECKING

from envmgr.install.download.digests import has_digest
from envmgr.install.download.partial import Partial
from envmgr.kit.digest import Digest, parse
from envmgr.kit.fs import read_bytes, storage_errors, write_atomic

if TYPE_CHECKING:
    from envmgr.kit.paths import Paths
    from envmgr.kit.progress import Progress
    from envmgr.lockformat.model import Artifact

_SHA256 = "sha256"


def key_of(url: str) -> str:
    """Return a path-safe name for a URL."""
    return hashlib.sha256(url.encode(errors="surrogateescape")).hexdigest()


def path_of(paths: Paths, sha256: str) -> str:
    """Return the path of a file with this digest."""
    return os.path.join(paths.downloads, _SHA256, sha256)


def partial_of(paths: Paths, url: str) -> Partial:
    """Return the partial download of a URL."""
    return Partial(os.path.join(paths.downloads, "partial", key_of(url)))


def find(paths: Paths, artifact: Artifact, progress: Progress, task: str) -> str | None:
    """Return the SHA-256 of the cached file of an artifact, after verifying its content; else None.

    It is the last download of the artifact's URL: in an edited lock, the digest may be that of another version.
    """
    sha256 = _sha256_of(paths, artifact)
    if sha256 is None or not _is_expected(sha256, artifact.digest):
        return None
    path = path_of(paths, sha256)
    if not os.path.isfile(path):
        return None
    progress.step(task, "verifying", os.path.getsize(path))
    if not has_digest(path, Digest(_SHA256, sha256), lambda count: progress.advance(task, count)):
        _remove(path)
        return None
    is_other = artifact.digest is not None and not has_digest(path, artifact.digest)
    return None if is_other else sha256


def record_digest(paths: Paths, artifact: Artifact, sha256: str) -> None:
    """Record the digest that a URL returned."""
    note = {"url": key_of(artifact.url), "sha256": sha256}
    write_atomic(_index_entry(paths, artifact.url), json.dumps(note))


def remove(paths: Paths, artifact: Artifact, sha256: str) -> None:
    """Delete the cached file of an artifact's URL."""
    for path in (path_of(paths, sha256), _index_entry(paths, artifact.url)):
        _remove(path)


def signature_of(paths: Paths, sha256: str) -> str:
    """Return the path of the cached signature for a file with this digest, for offline verification."""
    return os.path.join(paths.downloads, "signatures", sha256)


def _is_expected(sha256: str, digest: Digest | None) -> bool:
    """Return whether a file may have the digest; one of another algorithm is checked by its content."""
    return digest is None or digest.algorithm != _SHA256 or digest.value == sha256


def _sha256_of(paths: Paths, artifact: Artifact) -> str | None:
    try:
        note = json.loads(read_bytes(_index_entry(paths, artifact.url)) or b"null")
        return parse(note["sha256"]).value
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _index_entry(paths: Paths, url: str) -> str:
    return os.path.join(paths.downloads, "urls", f"{key_of(url)}.json")


def _remove(path: str) -> None:
    with storage_errors(os.path.dirname(path)), contextlib.suppress(FileNotFoundError):
        os.unlink(path)
