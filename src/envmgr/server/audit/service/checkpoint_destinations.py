"""Destinations of published checkpoints: a file, an HTTP endpoint, an S3-compatible store.

Publishing a checkpoint again, as a job does that was killed, leaves it published once: the end of a file is searched,
and other destinations receive the same name and content.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import msgspec

from envmgr.kit.audit_log.checkpoint import fingerprint
from envmgr.kit.errors import NetworkError
from envmgr.kit.fs import sync_path
from envmgr.kit.http.client import HttpRequest
from envmgr.server.kit.common.clock import now_ms
from envmgr.server.kit.security.aws_signature import AwsCredentials, object_url, signed_headers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from envmgr.kit.http.client import Http
    from envmgr.server.contracts.resources import Checkpoint

MAX_RESPONSE_BYTES = 2**16
_JSON = {"content-type": "application/json"}
_SUCCESS = range(200, 300)
TAIL_BYTES = 2**18
"""The end of a file that is searched: about 500 checkpoints, and a job repeats one of the last."""


class CheckpointDestination(Protocol):
    """A place outside of the server; its methods block."""

    def publish(self, checkpoint: Checkpoint) -> None:
        """Store a checkpoint durably; raise OSError, NetworkError."""
        ...


@dataclass(frozen=True, slots=True)
class FileDestination:
    """A file of JSON lines, which only grows."""

    path: str

    def publish(self, checkpoint: Checkpoint) -> None:
        """Append a checkpoint unless the file has it."""
        line = _encode(checkpoint)
        descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        with os.fdopen(descriptor, "r+b") as file:
            size = file.seek(0, os.SEEK_END)
            if not size:
                _sync_name(self.path)
            file.seek(max(size - TAIL_BYTES, 0))
            lines = file.read(TAIL_BYTES).split(b"\n")
            if line not in lines:
                # A process that was killed may have left a part of a line.
                file.write((b"\n" if lines[-1] else b"") + line + b"\n")
            file.flush()
            os.fsync(file.fileno())


def _sync_name(path: str) -> None:
    """Flush the name of a new file to the disk, unless its directory cannot be read."""
    with suppress(PermissionError):
        sync_path(os.path.dirname(os.path.abspath(path)))


@dataclass(frozen=True, slots=True)
class HttpDestination:
    """An endpoint that receives each checkpoint by POST, with its fingerprint as idempotency key."""

    open_http: Callable[[], Http]
    url: str
    token: str

    def publish(self, checkpoint: Checkpoint) -> None:
        """Send a checkpoint."""
        headers = {**_JSON, "idempotency-key": fingerprint(msgspec.structs.asdict(checkpoint))}
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        _send(self.open_http, HttpRequest("POST", self.url, headers, _encode(checkpoint)))


@dataclass(frozen=True, slots=True)
class S3Destination:
    """A bucket that receives each checkpoint as an object: `PREFIX/ORIGIN/SEQ-TIMESTAMP.json`."""

    open_http: Callable[[], Http]
    endpoint: str
    bucket: str
    prefix: str
    credentials: AwsCredentials

    def publish(self, checkpoint: Checkpoint) -> None:
        """Store a checkpoint."""
        name = f"{checkpoint.origin}/{checkpoint.seq:016}-{checkpoint.timestamp}.json"
        url = object_url(self.endpoint, self.bucket, f"{self.prefix}/{name}".lstrip("/"))
        body = _encode(checkpoint)
        headers = signed_headers(self.credentials, "PUT", url, _JSON, body, now_ms())
        _send(self.open_http, HttpRequest("PUT", url, _without_host(headers), body))


def _without_host(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers without the one that the HTTP client sets from the URL."""
    return {name: value for name, value in headers.items() if name != "host"}


def _send(open_http: Callable[[], Http], request: HttpRequest) -> None:
    """Send a request once: the job retries; raise NetworkError, also for another status than 2xx."""
    with open_http() as http:
        response = http.send(request, repeatable=False, limit=MAX_RESPONSE_BYTES)
    if response.status not in _SUCCESS:
        raise NetworkError(f"publish checkpoint: {request.method} answered {response.status}")


def _encode(checkpoint: Checkpoint) -> bytes:
    return msgspec.json.encode(checkpoint)
