"""Verification of signatures of archives."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envmgr.catalog.manifest import file_of
from envmgr.install.download import cache, minisign
from envmgr.kit.errors import HttpError, SignatureError, StorageError
from envmgr.kit.fs import read_bytes, write_atomic
from envmgr.kit.http import urls

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from envmgr.catalog.release import Signature
    from envmgr.install.download.digests import Report
    from envmgr.install.download.download import Download
    from envmgr.kit.http.client import Http
    from envmgr.kit.paths import Paths
    from envmgr.lockformat.model import Artifact

LIMIT = 1 << 16
_ABSENT = frozenset({404, 410})
_PROBLEMS: Mapping[str, Callable[[bytes, tuple[str, ...], str, str, Report], str | None]] = {
    "minisign": minisign.problem
}


def verify(
    signature: Signature, artifact: Artifact, download: Download, *, http: Http, paths: Paths, report: Report
) -> None:
    """Raise SignatureError unless a download is signed; cache the signature with the download.

    A download without a digest is deleted on failure, so that the next run downloads it again.
    """
    path = cache.signature_of(paths, download.sha256)
    document = read_bytes(path, LIMIT)
    if document is not None and _problem(signature, document, download, report) is None:
        return
    try:
        document = _fetch(signature, download, http)
        problem = _problem(signature, document, download, report)
        if problem:
            raise _verification_error(signature, download, problem)
    except SignatureError:
        if artifact.digest is None:
            cache.remove(paths, artifact, download.sha256)
        raise
    write_atomic(path, document)


def _problem(signature: Signature, document: bytes, download: Download, report: Report) -> str | None:
    try:
        return _PROBLEMS[signature.kind](
            document, signature.keys, download.path, file_of(download.url), report
        )
    except OSError as error:
        raise StorageError(f"cannot read {download.path}: {os.strerror(error.errno or 0)}") from error


def _fetch(signature: Signature, download: Download, http: Http) -> bytes:
    try:
        return http.get(signature.url, limit=LIMIT).body
    except HttpError as error:
        if error.status not in _ABSENT:
            raise
        raise SignatureError(
            f"{signature.kind} signature for {urls.redact(download.url)} not found: "
            f"{urls.redact(signature.url)}",
            "nothing was installed: the manifest requires a signature; "
            "check that upstream or the mirror publishes it",
        ) from None


def _verification_error(signature: Signature, download: Download, problem: str) -> SignatureError:
    return SignatureError(
        f"signature verification failed for {urls.redact(download.url)}: {problem}\n"
        f"  signature {urls.redact(signature.url)}\n"
        f"  expected  {signature.kind} by {' or '.join(signature.keys)}",
        "nothing was installed: the archive or its signature was changed upstream or in transit; "
        "compare them with what upstream publishes",
    )
