"""`envmgr-alm serve`: start, banner, signals and shutdown."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import threading
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from envmgr import __version__
from envmgr.kit import environment
from envmgr.server.main.output import print_line

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from socket import socket
    from types import FrameType

    from envmgr.server.bootstrap.backend import DatabaseBackend
    from envmgr.server.kit.config.data_dir import DataDirectory
    from envmgr.server.kit.config.settings import Settings
    from envmgr.server.kit.http.server import Server
    from envmgr.server.kit.telemetry.logs import Log
    from envmgr.server.kit.telemetry.tracing import Tracing

STOP_SECONDS = 9.5
"""Seconds until the process exits even if work remains; acknowledged writes are on disk anyway."""
THREAD_SWITCH_INTERVAL_SECONDS = 0.001
"""Short, as the event loop and the writer compete for the GIL."""
GC_THRESHOLD = 10_000
"""Allocations between garbage collections: each request leaves hundreds of objects and almost no cycle."""


def serve(options: argparse.Namespace) -> int:
    """Serve until a signal stops the server."""
    from envmgr.server.bootstrap import backend, databases, embedded, registry
    from envmgr.server.kit.config import settings
    from envmgr.server.kit.http import server
    from envmgr.server.kit.telemetry import logs

    read = settings.read(environment.current(), vars(options), registry.SERVICE_NAMES)
    embedded.validate_settings(read)
    stop = _SignalHandler()
    log = logs.create_logger(read.log_level)
    with (
        _tracing(read, log) as tracing,
        databases.data_directory(read.data_dir) as data,
        server.bind(read.host, read.port) as listener,
    ):
        place = backend.database_backend(read, data)
        databases.prepare(place)
        connections = server.raise_file_limit(read.connections)
        if connections < read.connections:
            log.warning("connection_limit_lowered", connections=connections, hint="raise `ulimit -n`")
        sys.setswitchinterval(THREAD_SWITCH_INTERVAL_SECONDS)
        gc.set_threshold(GC_THRESHOLD)
        with asyncio.Runner(loop_factory=server.loop_factory()) as runner:
            runner.run(
                _run(replace(read, connections=connections), data, place, listener, log, tracing, stop)
            )
    return 0


@contextmanager
def _tracing(settings: Settings, log: Log) -> Iterator[Tracing | None]:
    """Start tracing if an endpoint is configured. Raise SettingsError if the extra is missing."""
    if not settings.traces_url:
        yield None
        return
    from envmgr.kit.distribution import requirement
    from envmgr.server.kit.config.settings import SettingsError

    try:
        from envmgr.server.kit.telemetry import tracing
    except ImportError as error:
        raise SettingsError(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set but the `otel` extra is not installed",
            f"run `pipx install --force '{requirement('server', 'otel')}'`, or unset the variable",
        ) from error
    started = tracing.start(settings.traces_url, settings.service_name, log)
    try:
        yield started
    finally:
        started.stop()


async def _run(
    settings: Settings,
    data: DataDirectory,
    backend: DatabaseBackend,
    listener: socket,
    log: Log,
    tracing: Tracing | None,
    stop: _SignalHandler,
) -> None:
    from envmgr.server.bootstrap.embedded import start_embedded
    from envmgr.server.kit.http import server

    embedded = await start_embedded(settings, data, backend, log, tracing)
    url = _url(settings.host, listener.getsockname()[1])

    def started() -> None:
        print_line(
            _startup_banner(
                embedded.initial_admin_password,
                url,
                backend.location,
                is_chosen=bool(settings.admin_password),
            )
        )
        if data.is_accessible_to_others:
            log.warning("data_dir_permissions_too_open", path=data.path, hint=f"chmod 700 {data.path}")
        if not _is_loopback(settings.host):
            log.warning(
                "listening_without_tls",
                host=settings.host,
                hint="put a TLS-terminating proxy in front",
            )

    def stopping() -> None:
        print_line("Shutting down: finishing in-flight requests. Press Ctrl-C again to stop immediately.")
        embedded.begin_shutdown()

    limits = server.ConnectionLimits(settings.keep_alive, settings.connections)
    uvicorn_server = server.create_server(embedded.application, limits, started, stopping)
    stop.attach(uvicorn_server)
    # Start-up objects live as long as the process: exclude them from garbage collection.
    gc.freeze()
    await uvicorn_server.serve(sockets=[listener])
    await embedded.stop()
    await backend.release()


class _SignalHandler:
    """Shut down on SIGTERM or Ctrl-C; exit at once on a second Ctrl-C."""

    def __init__(self) -> None:
        self._stop_requested = False
        self._server: Server | None = None
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def attach(self, server: Server) -> None:
        """Set the server to stop."""
        self._server = server
        server.should_exit = self._stop_requested

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._stop_requested and number == signal.SIGINT:
            os._exit(130)
        if not self._stop_requested:
            last = threading.Timer(STOP_SECONDS, os._exit, [0])
            last.daemon = True
            last.start()
        self._stop_requested = True
        if self._server is not None:
            self._server.should_exit = True


def _is_loopback(host: str) -> bool:
    """Return whether an address is a loopback address."""
    return host in {"localhost", "::1"} or host.startswith("127.")


def _url(host: str, port: int) -> str:
    name = "localhost" if host in {"", "0.0.0.0", "::"} else host  # noqa: S104 - what it is called, not where to listen
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def _startup_banner(password: str | None, url: str, path: str, *, is_chosen: bool) -> str:
    """Return the banner; with the first admin's password and first steps on a new data directory."""
    if password is None:
        return f"envmgr-alm {__version__} listening on {url} (data: {path}). Press Ctrl-C to stop."
    display = "(from ALM_ADMIN_PASSWORD)" if is_chosen else f"{password}   (shown only once; save it)"
    lines = [
        f"envmgr-alm {__version__} listening on {url}. Press Ctrl-C to stop.",
        "",
        f"  data       {path}",
        "  user       admin",
        f"  password   {display}",
        f"  docs       {url}/docs",
        "",
        "Next, in another terminal:",
        "",
        f"  envmgr alm login {url}",
        "  envmgr alm push        (in a project) register a build",
        "",
    ]
    return "\n".join(lines)
