"""Delay of the audit log at a steady rate of writes.

It is the time from the response to a write until its entry arrives on a stream.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from typing import TYPE_CHECKING

from support.load import request

if TYPE_CHECKING:
    from collections.abc import Iterator

ARRIVAL_TIMEOUT_SECONDS = 30
_NAME = re.compile(rb'"name":"(delay-[^"]+)"')


class AuditDelay:
    """A load of POST /apps at a steady rate, and a stream of the audit log beside it."""

    def __init__(self, port: int, audit_port: int, token: str, prefix: str) -> None:
        self._port = port
        self._audit_port = audit_port
        self._token = token
        self._prefix = f"delay-{prefix}"
        self._responses: dict[bytes, float] = {}
        self._arrivals: dict[bytes, float] = {}
        self._refused = 0

    def measure(self, rate: float, seconds: float, clients: int = 16) -> list[float]:
        """Return the milliseconds of each write; an entry that arrives before the response counts as 0."""
        asyncio.run(self._run(rate, seconds, clients))
        if self._refused:
            raise SystemExit(f"error: {self._refused} writes were refused")
        return [
            max(0.0, self._arrivals[name] - responded) * 1000 for name, responded in self._responses.items()
        ]

    async def _run(self, rate: float, seconds: float, clients: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._audit_port)
        head = request("GET", "/audit/events", self._token)
        writer.write(head.replace(b"\r\n\r\n", b"\r\nAccept: text/event-stream\r\n\r\n"))
        await reader.readuntil(b"retry: ")
        listening = asyncio.create_task(self._listen(reader))
        due = self._schedule(rate, seconds)
        await asyncio.gather(*(self._write(due) for _ in range(clients)))
        async with asyncio.timeout(ARRIVAL_TIMEOUT_SECONDS):
            await self._until_all_arrived()
        listening.cancel()
        writer.close()

    async def _until_all_arrived(self) -> None:
        while self._responses.keys() - self._arrivals.keys():  # noqa: ASYNC110 - an event for each is dearer
            await asyncio.sleep(0.05)

    def _schedule(self, rate: float, seconds: float) -> Iterator[tuple[float, str]]:
        start = time.perf_counter()
        for number in range(int(rate * seconds)):
            yield start + number / rate, f"{self._prefix}-{number}"

    async def _write(self, due: Iterator[tuple[float, str]]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        for at, name in due:
            await asyncio.sleep(max(0.0, at - time.perf_counter()))
            body = json.dumps({"name": name, "description": "x" * 20}).encode()
            writer.write(request("POST", "/apps", self._token, body))
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r")[0]))
            self._responses[name.encode()] = time.perf_counter()
            self._refused += head[9:10] != b"2"
        writer.close()

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            if line.startswith(b"data:") and (match := _NAME.search(line)):
                self._arrivals[match.group(1)] = time.perf_counter()
