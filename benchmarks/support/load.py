"""A load of HTTP requests over persistent connections, from one process, with little overhead."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True)
class Load:
    """Result of a load: requests a second, and milliseconds."""

    name: str
    rate: float
    p50: float
    p95: float
    p99: float
    refused: int

    def line(self) -> str:
        """Format the result."""
        refused = f"   NOT 2xx: {self.refused}" if self.refused else ""
        return (
            f"{self.name:<34} {self.rate:8.0f} /s   p50 {self.p50:7.2f}   p95 {self.p95:7.2f}   "
            f"p99 {self.p99:7.2f} ms{refused}"
        )


def request(method: str, path: str, token: str, body: bytes = b"") -> bytes:
    """Format a request."""
    head = f"{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n"
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


def run(name: str, port: int, make: Callable[[], bytes], *, clients: int = 16, seconds: float = 4.0) -> Load:
    """Send the requests that `make` creates, from a number of clients at once, for a number of seconds."""
    return run_on(name, [port], make, clients=clients, seconds=seconds)


def run_on(
    name: str, ports: Sequence[int], make: Callable[[], bytes], *, clients: int = 16, seconds: float = 4.0
) -> Load:
    """Send requests as `run` does, to several servers in equal parts."""
    return asyncio.run(_run(name, ports, make, clients, seconds))


async def _run(
    name: str, ports: Sequence[int], make: Callable[[], bytes], clients: int, seconds: float
) -> Load:
    times: list[float] = []
    refused = [0]
    end = time.perf_counter() + seconds
    await asyncio.gather(*(_client(ports[n % len(ports)], make, end, times, refused) for n in range(clients)))
    times.sort()
    percentiles = [times[min(len(times) - 1, int(len(times) * share))] * 1000 for share in (0.5, 0.95, 0.99)]
    return Load(name, len(times) / seconds, percentiles[0], percentiles[1], percentiles[2], refused[0])


async def _client(
    port: int, make: Callable[[], bytes], end: float, times: list[float], refused: list[int]
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (start := time.perf_counter()) < end:
        writer.write(make())
        head = await reader.readuntil(b"\r\n\r\n")
        await _body(reader, head.lower())
        times.append(time.perf_counter() - start)
        refused[0] += head[9:10] != b"2"
    writer.close()


async def _body(reader: asyncio.StreamReader, head: bytes) -> None:
    if b"content-length: " in head:
        await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r")[0]))
        return
    while (size := int(await reader.readline(), 16)) > 0:
        await reader.readexactly(size + 2)
    await reader.readline()
