"""Latency of the ALM server with 5,000 placements and 100,000 versions and deployments.

The databases are filled directly, while no server has them open. Run as `python benchmarks/alm_scale.py`.
"""

from __future__ import annotations

import http.client
import json
import os
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from typing import TYPE_CHECKING

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from support.alm import Server, serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

APPS, ENVIRONMENTS, PLACES, HISTORY = 500, 10, 100_000, 100_000
TOOLS = ("nodejs", "python", "zig", "pypi:ruff", "npm:prettier")
ROUNDS = 60
_NOW = 1_790_000_000_000


def main() -> None:
    """Measure with little data, fill the databases, and measure with much."""
    with tempfile.TemporaryDirectory() as directory:
        data = os.path.join(directory, "alm")
        os.mkdir(data)
        with serve(data) as server:
            version = _version(server)
            little = _deploying(server, version)
            _events(server)
        _fill(data)
        with serve(data) as server:
            print(f"start to ready with much: {server.ready:.2f} s")
            much = _deploying(server, version)
            print(f"POST /deployments with {HISTORY} in the history ÷ with few: {much / little:.2f}")
            _time("GET /matrix, 500 apps x 10 environments", lambda: server.fetch("/matrix"))
            for spec in ("%3C20.11.1", "%3E%3D18", "%3D18.0.0"):
                _time(
                    f"GET /tools/nodejs/usage?range={spec}",
                    lambda s=spec: server.fetch(f"/tools/nodejs/usage?range={s}"),
                )
            _time(
                "… &environment=env-3",
                lambda: server.fetch("/tools/nodejs/usage?range=%3C20.11.1&environment=env-3"),
            )
            print(f"memory after: {server.memory():.0f} MiB")


def _version(server: Server) -> int:
    server.ask("POST", "/apps", {"name": "shop"})
    return int(server.ask("PUT", "/apps/shop/versions/1.0", {"commit": "3f2c1ab"})["id"])


def _deploying(server: Server, version: int) -> float:
    """Deploy repeatedly; return the median time of a POST, in milliseconds."""
    times = []
    for number in range(ROUNDS):
        start = time.perf_counter()
        deployment = server.ask(
            "POST", "/deployments", {"version_id": version, "environment": f"fresh-{number % 10}"}
        )
        times.append((time.perf_counter() - start) * 1000)
        for status in ("in_progress", "successful"):
            server.ask("POST", f"/deployments/{deployment['id']}/statuses", {"status": status})
    _print_times("POST /deployments", times)
    return statistics.median(times)


def _events(server: Server) -> None:
    """Print the times from the request of a write until its entry is streamed from the audit log."""
    response_times: dict[str, float] = {}
    lags: list[float] = []
    listening, done = threading.Event(), threading.Event()
    reader = threading.Thread(
        target=_listen, args=(server, response_times, lags, listening, done), daemon=True
    )
    reader.start()
    listening.wait(10)
    for number in range(200):
        name = f"timed-{number}"
        response_times[name] = time.perf_counter()
        server.ask("POST", "/apps", {"name": name})
        time.sleep(0.005)
    done.wait(10)
    _print_times("from a write's request to its audit entry, streamed", lags)


def _listen(
    server: Server,
    response_times: dict[str, float],
    lags: list[float],
    listening: threading.Event,
    done: threading.Event,
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    headers = {"accept": "text/event-stream", "authorization": f"Bearer {server.token}"}
    connection.request("GET", "/audit/events", headers=headers)
    response = connection.getresponse()
    listening.set()
    while len(lags) < 200:
        line = response.readline()
        if line.startswith(b"data:"):
            name = json.loads(line[5:])["payload"].get("name")
            if name in response_times:
                lags.append((time.perf_counter() - response_times[name]) * 1000)
    done.set()


def _fill(data: str) -> None:
    start = time.perf_counter()
    _insert(data, "deployment", "environment", _environments())
    _insert(data, "deployment", "app_projection", ((10_000 + a, f"app-{a}", 1, 0) for a in range(APPS)))
    _insert(data, "deployment", "placement", _placements())
    _insert(data, "deployment", "deployment", _history())
    _insert(data, "version", "placement", _standing())
    _insert(data, "version", "placement_tool", _tools())
    print(f"filled in {time.perf_counter() - start:.0f} s")


def _insert(data: str, service: str, table: str, rows: Iterable[tuple[object, ...]]) -> None:
    connection = sqlite3.connect(os.path.join(data, f"{service}.db"))
    width = len(connection.execute(f"PRAGMA table_info({table})").fetchall())
    with connection:
        connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * width)})", rows)
    connection.close()


def _environments() -> Iterator[tuple[object, ...]]:
    for e in range(ENVIRONMENTS):
        yield (100 + e, f"env-{e}", "other", e, "{}", _NOW, _NOW, 1, f"env-{e}")


def _placements() -> Iterator[tuple[object, ...]]:
    for a in range(APPS):
        for e in range(ENVIRONMENTS):
            current = (1_000_000 + a, a, f"1.{a}.{e}", "user:ada", _NOW)
            last = (1_000_000 + a, a, f"1.{a}.{e}", "successful", "user:ada", _NOW)
            yield (10_000 + a, f"env-{e}", f"app-{a}", *current, *last)


def _history() -> Iterator[tuple[object, ...]]:
    for n in range(HISTORY):
        yield (
            *(2_000_000 + n, 1, 1, "shop", "1.0", f"fresh-{n % 10}", "superseded", "", "user:ada"),
            *(_NOW, _NOW, _NOW, 3, 1, "", None),
        )


def _standing() -> Iterator[tuple[object, ...]]:
    for n in range(PLACES):
        app, environment = divmod(n, ENVIRONMENTS)
        yield (50_000 + app, f"env-{environment}", f"app-{app}", n, "1.0", 2, 1)


def _tools() -> Iterator[tuple[object, ...]]:
    for n in range(PLACES):
        app, environment = divmod(n, ENVIRONMENTS)
        for tool in TOOLS:
            yield (tool, f"{18 + n % 5}.{n % 12}.{n % 3}", f"env-{environment}", 50_000 + app)


def _time(name: str, ask: Callable[[], object]) -> None:
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        ask()
        times.append((time.perf_counter() - start) * 1000)
    _print_times(name, times)


def _print_times(name: str, times: list[float]) -> None:
    times.sort()
    p95, p99 = times[int(len(times) * 0.95)], times[min(len(times) - 1, int(len(times) * 0.99))]
    print(f"{name:<52} p50 {statistics.median(times):7.1f}   p95 {p95:7.1f}   p99 {p99:7.1f} ms", flush=True)


if __name__ == "__main__":
    main()
