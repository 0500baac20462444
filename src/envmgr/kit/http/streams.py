"""Streamed responses, from servers and local files."""

from __future__ import annotations

import contextlib
import os

from envmgr.kit.errors import HttpError, NetworkError, StorageError
from envmgr.kit.http import urls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_OK, _NOT_FOUND = 200, 404
_BLOCK = 1 << 18


class Stream:
    """A response with a streamed body, not decoded.

    `is_authorized`: its request, or one that was redirected to it, had credentials.
    """

    def __init__(
        self,
        status: int,
        url: str,
        headers: Mapping[str, str],
        chunks: Callable[[], Iterator[bytes]],
        *,
        is_authorized: bool = False,
    ) -> None:
        self.status = status
        self.url = url
        self.headers = headers
        self.chunks = chunks
        self.is_authorized = is_authorized


@contextlib.contextmanager
def open_file_url(url: str) -> Iterator[Stream]:
    """Open a file URL as a response; raise HttpError (404) or StorageError."""
    path = _path_of(url)
    try:
        file = open(path, "rb")  # noqa: SIM115 - closed by the block below
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise HttpError(f"file {path} not found", status=_NOT_FOUND) from None
    except OSError as error:
        raise StorageError(f"cannot read {path}: {os.strerror(error.errno or 0)}") from None
    with file:
        headers = {"content-length": str(os.fstat(file.fileno()).st_size)}
        yield Stream(_OK, url, headers, lambda: iter(lambda: file.read(_BLOCK), b""))


def _path_of(url: str) -> str:
    parts = urls.split(url)
    if parts.netloc not in {"", "localhost"}:
        raise NetworkError(f"file URL with a remote host: {url}")
    return urls.unquote_path(parts.path)


def read_limited(stream: Stream, limit: int) -> bytes:
    """Read a whole body; raise HttpError if it exceeds the limit."""
    announced = stream.headers.get("content-length", "")
    size = int(announced) if announced.isdigit() else 0
    blocks = []
    if size <= limit:
        size = 0
        for block in stream.chunks():
            size += len(block)
            if size > limit:
                break
            blocks.append(block)
    if size > limit:
        raise HttpError(
            f"response from {urls.redact(stream.url)} exceeds {limit / 2**20:g} MiB",
            "check the URL: a proxy may have intercepted the request",
            status=stream.status,
        )
    return b"".join(blocks)
