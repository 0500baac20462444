"""Clients that write to an ALM server despite failures, and record its responses."""

from __future__ import annotations

import json
import random
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from support.http.raw_client import ConnectionClosed, Reply, Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Self

WAIT_SECONDS = 0.02
"""Time before a request without a response is repeated."""
STOP_TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Write:
    """A write request; `event` is the type of the only event that it must emit.

    `mark` is the part of that event's payload that is unique.
    """

    method: str
    target: str
    body: Mapping[str, object]
    event: str
    mark: Mapping[str, object] = field(default_factory=dict)
    key: str = field(default_factory=lambda: uuid.uuid4().hex)

    def send(self, wire: Wire) -> Reply:
        """Send the request and return the response."""
        headers = {"Idempotency-Key": f'"{self.key}"'} if self.method == "POST" else {}
        return wire.ask(self.method, self.target, self.body, headers)


@dataclass
class Book:
    """Responses, requests without a response, and errors."""

    confirmed: list[tuple[Write, Reply]] = field(default_factory=list)
    abandoned: list[Write] = field(default_factory=list)
    retried: int = 0
    wrong: list[str] = field(default_factory=list)


class WriterPool:
    """A number of writers, each in a thread with a connection of its own."""

    def __init__(
        self,
        port: int,
        token: str,
        work: Callable[[Writer], None],
        size: int,
        *,
        first: int = 0,
        create: Callable[[int, int, str, threading.Event], Writer] | None = None,
        pause_seconds: float = 0.0,
    ) -> None:
        """Create a pool; the names that its writers use contain their numbers, from `first` on.

        A writer waits for `pause_seconds` after each response, and before it repeats a request.
        """
        self.stop = threading.Event()
        create = create or Writer
        self.writers = [create(number, port, token, self.stop) for number in range(first, first + size)]
        for writer in self.writers:
            writer.pause_seconds = pause_seconds
        self._threads = [
            threading.Thread(target=self._run, args=(writer, work), daemon=True) for writer in self.writers
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        end = time.monotonic() + STOP_TIMEOUT_SECONDS
        for thread in self._threads:
            thread.join(timeout=max(0.0, end - time.monotonic()))

    def _run(self, writer: Writer, work: Callable[[Writer], None]) -> None:
        try:
            while not self.stop.is_set():
                work(writer)
        except Exception as error:  # noqa: BLE001 - the pool reports errors of threads
            writer.book.wrong.append(f"writer {writer.number}: {type(error).__name__}: {error}")
        finally:
            writer.hang_up()

    @property
    def confirmed(self) -> list[tuple[Write, Reply]]:
        """All requests with their responses."""
        return [pair for writer in self.writers for pair in writer.book.confirmed]

    @property
    def abandoned(self) -> list[Write]:
        """All requests without a response."""
        return [write for writer in self.writers for write in writer.book.abandoned]

    @property
    def retried(self) -> int:
        """The number of repeated requests."""
        return sum(writer.book.retried for writer in self.writers)

    @property
    def wrong(self) -> list[str]:
        """All errors."""
        return [text for writer in self.writers for text in writer.book.wrong]


class Abandoned(Exception):
    """A writer stopped waiting for a response."""


class Writer:
    """One client."""

    def __init__(self, number: int, port: int, token: str, stop: threading.Event) -> None:
        self.number = number
        self.book = Book()
        self.dice = random.Random(number)
        self.pause_seconds = 0.0
        self._port, self._token, self._stop = port, token, stop
        self._wire: Wire | None = None
        self._serial = 0

    def count(self) -> int:
        """Return the next number of this writer."""
        self._serial += 1
        return self._serial

    def unique(self, kind: str) -> str:
        """Return an unused name."""
        return f"{kind}-{self.number}-{self.count()}"

    def write(self, write: Write, *, faint: float = 0.0) -> Reply:
        """Repeat the request until it succeeds, or give up with the probability `faint`.

        Raise Abandoned.
        """
        tries = 0
        while True:
            try:
                reply = write.send(self._connected())
            except (ConnectionClosed, TimeoutError):
                self.hang_up()
                reply = None
            tries += 1
            if reply is not None and reply.status != 503 and not _is_busy(reply):
                return self._note(write, reply, tries)
            if self.dice.random() < faint and reply is None:
                self.book.abandoned.append(write)
                raise Abandoned
            self.book.retried += 1
            time.sleep(max(WAIT_SECONDS, self.pause_seconds))

    def _note(self, write: Write, reply: Reply, tries: int) -> Reply:
        if reply.status not in {200, 201}:
            request = f"{write.method} {write.target} {json.dumps(write.body)[:200]}"
            self.book.wrong.append(f"try {tries}: {request}: {reply.status} {reply.text}")
            raise Abandoned
        self.book.confirmed.append((write, reply))
        self._stop.wait(self.pause_seconds)
        return reply

    def _connected(self) -> Wire:
        if self._wire is None:
            self._wire = Wire(self._port, token=self._token, timeout=30)
        return self._wire

    def hang_up(self) -> None:
        """Close the connection."""
        if self._wire is not None:
            self._wire.close()
            self._wire = None


def _is_busy(reply: Reply) -> bool:
    """Return whether the first request with the same key is still running."""
    return reply.status == 409 and b"idempotency-key-in-use" in reply.body


def life_of_an_app(writer: Writer) -> None:
    """Create an app with versions, change it, and deploy it twice to one environment and once to another."""
    try:
        _live(writer)
    except Abandoned:
        return


def _live(writer: Writer) -> None:
    name, faint = writer.unique("app"), 0.3
    first = {"name": name, "description": "", **({"version": "0.1.0"} if writer.dice.random() < 0.5 else {})}
    app = writer.write(Write("POST", "/apps", first, "AppCreated", {"name": name}), faint=faint).json
    text = writer.unique("text")
    update = Write("PATCH", f"/apps/{app['id']}", {"description": text}, "AppUpdated", {"description": text})
    writer.write(update, faint=faint)
    for environment in ("staging", "prod", "prod"):
        version = writer.write(new_version(writer, name), faint=faint).json
        deploy(writer, version, environment, faint=faint)


def new_version(writer: Writer, app: str) -> Write:
    """Register a version with a lock, by PUT or by POST."""
    tag = f"{writer.count()}.0.{writer.number}"
    body = {"commit": f"{writer.number:04x}{writer.dice.randrange(16**8):08x}", "toolchain": {"lock": lock()}}
    mark = {"app": app, "tag": tag}
    if writer.dice.random() < 0.5:
        return Write("PUT", f"/apps/{app}/versions/{tag}", body, "VersionCreated", mark)
    return Write("POST", f"/apps/{app}/versions", {**body, "tag": tag}, "VersionCreated", mark)


def deploy(writer: Writer, version: Mapping[str, object], environment: str, *, faint: float = 0.0) -> None:
    """Deploy a version to an environment, until it is successful."""
    body = {"version_id": version["id"], "environment": environment}
    mark = {"version_id": version["id"], "environment": environment}
    deployment = writer.write(
        Write("POST", "/deployments", body, "DeploymentCreated", mark), faint=faint
    ).json
    for status in ("in_progress", "successful"):
        target = f"/deployments/{deployment['id']}/statuses"
        step = {"deployment_id": deployment["id"], "status": status}
        writer.write(Write("POST", target, {"status": status}, "DeploymentUpdated", step), faint=faint)


def lock(version: str = "20.11.0", request: str = "^20.1") -> str:
    """Return a lock of one tool on one platform."""
    artifact = {"url": "https://example.org/node.tar.gz", "sha256": "0" * 64, "size": 24_512_345}
    document = {
        "lockfile": 1,
        "resolved": {f"nodejs@{request}": version},
        "tools": {
            "nodejs": {version: {"plugin": f"sha256:{'1' * 64}", "artifacts": {"linux-x64": artifact}}}
        },
    }
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def pages(wire: Wire, target: str) -> Iterator[dict[str, object]]:
    """Yield all items of a list, by its `Link` headers."""
    while True:
        reply = wire.ask("GET", target)
        assert reply.status == 200, (target, reply, reply.text)
        yield from reply.json
        link = reply.header("link")
        if link is None:
            return
        target = link.partition("<")[2].partition(">")[0]
