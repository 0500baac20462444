"""Destinations of published checkpoints: a file, an HTTP endpoint, an S3-compatible store.

Publishing a checkpoint again, as a job does that was killed, leaves it published once: a file is searched, and other
destinations receive the same name and content.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import msgspec

from envmgr.kit.audit_log.checkpoint import fingerprint
from envmgr.kit.errors import NetworkError
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
_READ_BYTES = 2**16


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
        with os.fdopen(descriptor, "r+b", buffering=_READ_BYTES) as file:
            lines = file.read().split(b"\n")
            if line not in lines:
                # A process that was killed may have left a part of a line.
                file.write((b"\n" if lines[-1] else b"") + line + b"\n")
            file.flush()
            os.fsync(file.fileno())


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
