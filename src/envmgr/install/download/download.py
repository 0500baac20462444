"""Downloads: streaming, hashing, resuming, verification."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from envmgr.install.download import cache
from envmgr.install.download.growing_file import GrowingFile
from envmgr.install.download.hashing_writer import HashingWriter
from envmgr.install.download.partial import Origin, Partial
from envmgr.kit.errors import DigestMismatch, HttpError, IncompleteDownload, NetworkError
from envmgr.kit.file_locks import file_lock
from envmgr.kit.frozen import frozen
from envmgr.kit.fs import read_bytes, storage_errors
from envmgr.kit.http import urls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from envmgr.catalog.release import Location
    from envmgr.kit.http.client import Http
    from envmgr.kit.http.streams import Stream
    from envmgr.kit.paths import Paths
    from envmgr.kit.progress import Progress
    from envmgr.lockformat.model import Artifact

BATCH = 1 << 18
BATCH_SECONDS = 0.2
MIN_PROGRESS_BYTES = 1 << 20
"""Bytes of progress that reset the retry count."""

_OK, _PARTIAL_CONTENT, _UNSATISFIABLE = 200, 206, 416
_SNIFFED = 512


@frozen
class Download:
    """A verified file in the cache; `url` is the artifact's, without credentials."""

    path: str
    sha256: str
    size: int
    from_cache: bool
    url: str


@frozen
class _DownloadJob:
    """A download in progress."""

    artifact: Artifact
    location: Location
    http: Http
    partial: Partial
    progress: Progress
    task: str
    growing: GrowingFile

    @property
    def algorithms(self) -> frozenset[str]:
        """Return the algorithms to compute: SHA-256 for the cache, and the artifact's own."""
        digest = self.artifact.digest
        return frozenset({"sha256", digest.algorithm if digest else "sha256"})


def download(
    artifact: Artifact,
    *,
    http: Http,
    paths: Paths,
    locate: Callable[[Artifact], Location],
    progress: Progress,
    task: str,
    growing: GrowingFile | None = None,
) -> Download:
    """Return an artifact's file from the cache, downloading it if it is missing.

    `growing` gets the file of a download while it is written, before it is verified. Raises DigestMismatch, a
    NetworkError or a StorageError; an interrupted download resumes the next time.
    """
    cached = _from_cache(artifact, paths, progress, task)
    if cached:
        return cached
    progress.step(task, "waiting")
    with file_lock(
        paths,
        f"download-{cache.key_of(artifact.url)}",
        lambda: progress.step(task, "its archive is already being downloaded"),
    ):
        # the previous holder of the lock may have downloaded it
        cached = _from_cache(artifact, paths, progress, task)
        if cached:
            return cached
        partial = cache.partial_of(paths, artifact.url)
        job = _DownloadJob(
            artifact, locate(artifact), http, partial, progress, task, growing or GrowingFile()
        )
        with storage_errors(paths.downloads):
            sha256 = _download_verified(job)["sha256"]
        cache.record_digest(paths, artifact, sha256)
        partial.move_to(cache.path_of(paths, sha256))
    return _download(artifact, paths, sha256, from_cache=False)


def _from_cache(artifact: Artifact, paths: Paths, progress: Progress, task: str) -> Download | None:
    sha256 = cache.find(paths, artifact, progress, task)
    return _download(artifact, paths, sha256, from_cache=True) if sha256 else None


def _download(artifact: Artifact, paths: Paths, sha256: str, *, from_cache: bool) -> Download:
    path = cache.path_of(paths, sha256)
    url = urls.lock_url(artifact.url)
    return Download(path, sha256, os.path.getsize(path), from_cache, url)


def _download_verified(job: _DownloadJob) -> Mapping[str, str]:
    """Return the digests of the verified file; a mismatch after resuming restarts once."""
    if job.artifact.digest is None:
        job.partial.discard()  # damage by another run could not be detected
    digests, was_pieced = _download_complete(job)
    if not _has_expected_digest(job.artifact, digests) and was_pieced:
        job.partial.discard()
        job.progress.message(f"{job.task}: resumed download does not match its digest; restarting")
        digests, _ = _download_complete(job)
    if not _has_expected_digest(job.artifact, digests):
        raise _mismatch(job, digests)
    return digests


def _download_complete(job: _DownloadJob) -> tuple[Mapping[str, str], bool]:
    """Download with retries; return the digests and whether the download was resumed."""
    retry_policy, best = job.http.retry_policy(), 0
    while True:
        start_size = _usable(job)
        try:
            digests = _attempt(job, start_size)
        except NetworkError as error:
            size = job.partial.size
            if size >= max(best, start_size) + MIN_PROGRESS_BYTES:
                retry_policy.reset()
            best = max(best, start_size, size)
            retry_policy.wait_or_raise(error)
            continue
        if digests is not None:
            return digests, start_size > 0


def _usable(job: _DownloadJob) -> int:
    """Return the number of bytes to resume from."""
    origin = job.partial.origin()
    is_resumable = (
        origin is not None and origin.url == urls.redact(job.location.url) and bool(origin.validator)
    )
    return job.partial.size if is_resumable else 0


def _attempt(job: _DownloadJob, start: int) -> Mapping[str, str] | None:
    """Send one request for the missing bytes; None if the existing bytes were unusable and discarded."""
    origin = job.partial.origin() if start else None
    if origin and origin.length == start:
        return _hash_existing(job, start)
    with job.http.stream(job.location.url, _headers(job, start, origin)) as response:
        if response.status == _OK:
            return _from_start(job, response, is_new=origin is None)
        if not origin:
            raise HttpError(
                f"unexpected status {response.status} from {urls.host(response.url)} for {urls.redact(response.url)}",
                status=response.status,
            )
        if response.status == _PARTIAL_CONTENT and _is_continuation(response, start, origin):
            return _receive(job, response, start, origin.length)
    job.partial.discard()
    return None


def _headers(job: _DownloadJob, start: int, origin: Origin | None) -> dict[str, str]:
    if not origin:
        return dict(job.location.headers)
    return {**job.location.headers, "range": f"bytes={start}-", "if-range": origin.validator}


def _is_continuation(response: Stream, start: int, origin: Origin) -> bool:
    """Return whether a partial response continues this file at this offset."""
    unit, _, content_range = response.headers.get("content-range", "").partition(" ")
    span, _, total = content_range.partition("/")
    same_length = total == "*" or origin.length is None or total == str(origin.length)
    same_tag = response.headers.get("etag", origin.etag) == origin.etag
    return unit == "bytes" and span.partition("-")[0] == str(start) and same_length and same_tag


def _from_start(job: _DownloadJob, response: Stream, *, is_new: bool) -> Mapping[str, str]:
    announced = response.headers.get("content-length", "")
    length = int(announced) if announced.isascii() and announced.isdigit() else None
    expected = job.artifact.size
    is_wrong = None not in {length, expected} and length != expected
    is_page = "text/html" in response.headers.get("content-type", "")
    if is_page and (is_wrong or job.artifact.digest is None or not is_new):
        raise _html_instead_error(job)
    if is_wrong:
        raise _size_mismatch_error(job, f"size is {length} bytes, expected {expected}")
    validators = response.headers.get("etag", ""), response.headers.get("last-modified", "")
    job.partial.begin(Origin(urls.redact(job.location.url), length, *validators))
    return _receive(job, response, 0, length)


def _receive(job: _DownloadJob, response: Stream, start: int, length: int | None) -> Mapping[str, str]:
    """Write the body after `start` bytes of a file that should have `length`."""
    expected = job.artifact.size if length is None else length
    job.progress.step(job.task, "downloading", expected)
    job.progress.advance(job.task, start)
    with _writer(job, start, expected) as sink:
        count = _copy(job, response, sink, start, expected)
        digests = sink.finish()
    if expected is None or count == expected:
        return digests
    if count > expected:
        job.partial.discard()
        raise _size_mismatch_error(job, f"size exceeds the expected {expected} bytes")
    raise IncompleteDownload(
        f"{urls.redact(job.location.url)}: connection closed after {count} of {expected} bytes",
        "retry; downloads resume",
        passing=True,
    )


def _copy(job: _DownloadJob, response: Stream, sink: HashingWriter, count: int, expected: int | None) -> int:
    """Copy the body until it ends or is too long; return the number of bytes."""
    for batch in _batches(response.chunks()):
        if count == 0 and job.artifact.digest is None and _is_page(batch):
            raise _html_instead_error(job)
        sink.write(batch)
        job.progress.advance(job.task, len(batch))
        count += len(batch)
        if expected is not None and count > expected:
            break
    return count


def _batches(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield blocks joined by size or time; also what arrived before a failure."""
    pending: list[bytes] = []
    size, since = 0, time.monotonic()
    try:
        for block in blocks:
            pending.append(block)
            size += len(block)
            if size >= BATCH or time.monotonic() - since > BATCH_SECONDS:
                yield b"".join(pending)
                pending, size, since = [], 0, time.monotonic()
    except NetworkError:
        if pending:
            yield b"".join(pending)
        raise
    if pending:
        yield b"".join(pending)


def _hash_existing(job: _DownloadJob, size: int) -> Mapping[str, str]:
    """Hash a file that an earlier run completed."""
    job.progress.step(job.task, "verifying", size)
    with _writer(job, size, size) as sink:
        return sink.finish()


def _writer(job: _DownloadJob, start: int, length: int | None) -> HashingWriter:
    job.growing.begin(job.partial.path, length, start)
    return HashingWriter(job.partial.path, start, job.algorithms, job.growing.extend)


def _has_expected_digest(artifact: Artifact, digests: Mapping[str, str]) -> bool:
    return artifact.digest is None or digests[artifact.digest.algorithm] == artifact.digest.value


def _mismatch(job: _DownloadJob, digests: Mapping[str, str]) -> DigestMismatch | HttpError:
    """Return the error of a mismatch, after discarding the file."""
    content = read_bytes(job.partial.path, _SNIFFED) or b""
    job.partial.discard()
    expected_digest = job.artifact.digest
    if expected_digest is None or _is_page(content):
        return _html_instead_error(job)
    return DigestMismatch(
        f"digest mismatch for {urls.redact(job.location.url)}\n"
        f"  expected {expected_digest}\n"
        f"  got      {expected_digest.algorithm}:{digests[expected_digest.algorithm]}",
        "nothing was installed: the file was changed upstream or in transit; "
        "compare it with the published digest",
    )


def _size_mismatch_error(job: _DownloadJob, detail: str) -> DigestMismatch:
    """Return the error of a wrong size, which is permanent."""
    return DigestMismatch(
        f"{urls.redact(job.location.url)}: {detail}",
        "nothing was installed: the file was replaced upstream or in transit; "
        "compare it with the published digest",
    )


def _html_instead_error(job: _DownloadJob) -> HttpError:
    return HttpError(
        f"{urls.redact(job.location.url)} returned an HTML page instead of an archive",
        "a proxy or a captive portal may have intercepted the request: open any site in a browser, then retry",
        status=_OK,
    )


def _is_page(content: bytes) -> bool:
    head = content[:_SNIFFED].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return head.startswith((b"<!doctype html", b"<html", b"<head", b"<script"))
