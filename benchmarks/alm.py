"""Requests a second of the ALM server, beside the bounds of its stack, in one run.

Bounds: a handler of the same server stack that returns a constant (for reading), and the same two inserts in one
synced transaction through sqlite3 itself (for writing). With `--directus DIR` (where `npm install directus sqlite3`
was run) the same is asked of Directus, too. Run as `python benchmarks/alm.py [--directus DIR] [--seconds N]`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from support.load import Load, request, run

from support.alm import Server, ask, free_port, serve, until_ready

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOCK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".envmgr.lock")
_ADMIN = ("admin@example.com", "a password for benchmarks")
_CONSTANT = """
import sys
import uvicorn
from litestar import Litestar, get

@get("/constant")
async def constant() -> dict[str, str]:
    return {"name": "shop", "description": "a constant"}

@get("/readyz")
async def readyz() -> None: ...

application = Litestar([constant, readyz], openapi_config=None)
uvicorn.run(application, port=int(sys.argv[1]), loop="uvloop", http="httptools", access_log=False, log_level="warning")
"""


def main() -> None:
    """Run all loads and print figures and ratios."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--directus", metavar="DIR")
    parser.add_argument("--seconds", type=float, default=4)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        data = os.path.join(directory, "alm")
        os.mkdir(data)
        limit = _limit(directory, options.seconds)
        constant = _constant(options.seconds)
        with serve(data) as server:
            idle = server.memory()
            ours = _ours(server, options.seconds)
            print(
                f"\nstart to ready {server.ready:.2f} s; memory {idle:.0f} MiB idle, {server.memory():.0f} MiB after"
            )
        peer = _directus(options.directus, directory, options.seconds) if options.directus else {}
    _report(limit, constant, ours, peer)


def _limit(directory: str, seconds: float) -> float:
    connection = sqlite3.connect(os.path.join(directory, "limit.db"), isolation_level=None)
    for statement in (
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL",
        "CREATE TABLE app (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, description TEXT, at INTEGER)",
        "CREATE TABLE outbox (sequence INTEGER PRIMARY KEY, id TEXT, type TEXT, subject TEXT, data TEXT)",
    ):
        connection.execute(statement)
    count, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(
            "INSERT INTO app (name, description, at) VALUES (?, ?, ?)", (f"app-{count}", "x" * 20, count)
        )
        connection.execute(
            "INSERT INTO outbox (id, type, subject, data) VALUES (?, ?, ?, ?)",
            (
                f"{count:032}",
                "AppCreated",
                f"app/{count}",
                json.dumps({"app_id": count, "name": f"app-{count}"}),
            ),
        )
        connection.execute("COMMIT")
        count += 1
    connection.close()
    print(f"{'sqlite3: two inserts, FULL sync':<34} {count / seconds:8.0f} /s   (one writer, no server)")
    return count / seconds


def _constant(seconds: float) -> Load:
    port = free_port()
    with subprocess.Popen([sys.executable, "-c", _CONSTANT, str(port)]) as process:
        try:
            until_ready(port, process)
            warm_up = request("GET", "/constant", "none")
            return _read_output(run("the same stack: a constant", port, lambda: warm_up, seconds=seconds))
        finally:
            process.terminate()


def _ours(server: Server, seconds: float) -> dict[str, Load]:
    counter = itertools.count(1)
    with open(_LOCK) as file:
        version = json.dumps({"commit": "3f2c1ab", "toolchain": {"lock": file.read()}}).encode()

    def app() -> bytes:
        body = {"name": f"app-{next(counter)}", "description": "x" * 20}
        return request("POST", "/apps", server.token, json.dumps(body).encode())

    item, listing = request("GET", "/apps/1", server.token), request("GET", "/apps?limit=50", server.token)
    post = _read_output(run("POST /apps", server.port, app, seconds=seconds))
    server.until_quiet()
    return {
        "POST": post,
        "GET": _read_output(run("GET /apps/1", server.port, lambda: item, seconds=seconds)),
        "list": _read_output(run("GET /apps?limit=50", server.port, lambda: listing, seconds=seconds)),
        "PUT": _read_output(
            run(
                f"PUT …/versions/TAG ({len(version) // 1024} KiB)",
                server.port,
                lambda: request("PUT", f"/apps/1/versions/1.{next(counter)}", server.token, version),
                seconds=seconds,
            )
        ),
    }


def _directus(installed: str, directory: str, seconds: float) -> dict[str, Load]:
    with _directus_serving(installed, directory) as (port, token):
        fields = [
            {
                "field": "id",
                "type": "integer",
                "schema": {"is_primary_key": True, "has_auto_increment": True},
            },
            {"field": "name", "type": "string", "schema": {"is_unique": True}},
            {"field": "description", "type": "text"},
        ]
        ask(
            port,
            "POST",
            "/collections",
            {"collection": "app", "schema": {}, "meta": {}, "fields": fields},
            token,
        )
        ask(port, "POST", "/items/app", {"name": "shop", "description": "sells"}, token)
        counter = itertools.count(1)

        def app() -> bytes:
            body = {"name": f"app-{next(counter)}", "description": "x" * 20}
            return request("POST", "/items/app", token, json.dumps(body).encode())

        item, listing = request("GET", "/items/app/1", token), request("GET", "/items/app?limit=50", token)
        return {
            "POST": _read_output(run("Directus: POST /items/app", port, app, seconds=seconds)),
            "GET": _read_output(run("Directus: GET /items/app/1", port, lambda: item, seconds=seconds)),
            "list": _read_output(
                run("Directus: GET /items/app?limit=50", port, lambda: listing, seconds=seconds)
            ),
        }


@contextmanager
def _directus_serving(installed: str, directory: str) -> Iterator[tuple[int, str]]:
    port = free_port()
    environment = {
        **os.environ,
        "DB_CLIENT": "sqlite3",
        "DB_FILENAME": os.path.join(directory, "directus.db"),
        "SECRET": "0123456789abcdef0123456789abcdef",
        "ADMIN_EMAIL": _ADMIN[0],
        "ADMIN_PASSWORD": _ADMIN[1],
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "LOG_LEVEL": "error",
        "TELEMETRY": "false",
        "RATE_LIMITER_ENABLED": "false",
        "ACCESS_TOKEN_TTL": "1h",
    }
    command = os.path.join(installed, "node_modules", ".bin", "directus")
    subprocess.run(
        [command, "bootstrap"], env=environment, cwd=installed, check=True, stdout=subprocess.DEVNULL
    )
    with subprocess.Popen(
        [command, "start"], env=environment, cwd=installed, stdout=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            until_ready(port, process, "/server/ping")
            credentials = {"email": _ADMIN[0], "password": _ADMIN[1]}
            response: Any = ask(port, "POST", "/auth/login", credentials)
            yield port, response["data"]["access_token"]
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


def _read_output(load: Load) -> Load:
    print(load.line(), flush=True)
    return load


def _report(limit: float, constant: Load, ours: dict[str, Load], peer: dict[str, Load]) -> None:
    print(f"\nPOST /apps ÷ sqlite3            {ours['POST'].rate / limit:5.2f}   (target 0.60)")
    print(f"GET /apps/1 ÷ a constant        {ours['GET'].rate / constant.rate:5.2f}   (target 0.50)")
    for name, load in peer.items():
        print(f"{name:<4} ÷ Directus                 {ours[name].rate / load.rate:5.1f}   (target 3)")


if __name__ == "__main__":
    main()
