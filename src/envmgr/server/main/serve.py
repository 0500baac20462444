"""`envmgr-alm serve`: the server, from its first line to its orderly end."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from envmgr import __version__
from envmgr.kit import environment
from envmgr.server.main.output import print_line

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from socket import socket
    from types import FrameType

    from envmgr.server.kit.config.data_dir import DataDirectory
    from envmgr.server.kit.config.settings import Settings
    from envmgr.server.kit.http.server import Server
    from envmgr.server.kit.telemetry.logs import Log
    from envmgr.server.kit.telemetry.tracing import Tracing

STOP_SECONDS = 9.5
"""Until the process ends, whatever still goes on then; every answered write is on disk anyway."""
THREAD_SWITCH_INTERVAL_SECONDS = 0.001
"""How long one thread may keep the others from running: the loop must not wait for the writer, nor it for the loop."""
GC_THRESHOLD = 10_000
"""Objects after which the collector looks for cycles: as each request leaves hundreds, and nearly no cycle."""


def serve(options: argparse.Namespace) -> int:
    """Serve until told to stop."""
    from envmgr.server import bootstrap
    from envmgr.server.kit.config import settings
    from envmgr.server.kit.config.data_dir import DataDirectory
    from envmgr.server.kit.http import server
    from envmgr.server.kit.telemetry import logs

    read = settings.read(environment.current(), vars(options))
    bootstrap.validate_settings(read)
    stop = _SignalHandler()
    log = logs.create_logger(read.log_level)
    with (
        _tracing(read, log) as tracing,
        DataDirectory(read.data_dir) as data,
        server.bind(read.host, read.port) as listener,
    ):
        bootstrap.migrate(data)
        server.raise_file_limit(read.connections)
        sys.setswitchinterval(THREAD_SWITCH_INTERVAL_SECONDS)
        gc.set_threshold(GC_THRESHOLD)
        with asyncio.Runner(loop_factory=server.loop_factory()) as runner:
            runner.run(_run(read, data, listener, log, tracing, stop))
    return 0


@contextmanager
def _tracing(settings: Settings, log: Log) -> Iterator[Tracing | None]:
    """Send traces, where they are to go somewhere. Raise SettingsError where the extra is missing."""
    if not settings.traces_url:
        yield None
        return
    from envmgr.kit.distribution import requirement
    from envmgr.server.kit.config.settings import SettingsError

    try:
        from envmgr.server.kit.telemetry import tracing
    except ImportError as error:
        raise SettingsError(
            "OTEL_EXPORTER_OTLP_ENDPOINT asks for traces, and what sends them is not installed",
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
    listener: socket,
    log: Log,
    tracing: Tracing | None,
    stop: _SignalHandler,
) -> None:
    from envmgr.server import bootstrap
    from envmgr.server.kit.http import server

    embedded = await bootstrap.start_embedded(settings, data, log, tracing)
    url = _url(settings.host, listener.getsockname()[1])

    def started() -> None:
        print_line(
            _startup_banner(
                embedded.initial_admin_password, url, data.path, is_chosen=bool(settings.admin_password)
            )
        )
        if data.is_accessible_to_others:
            log.warning(
                "others on this machine may look into the data directory: chmod 700 it", path=data.path
            )
        if not _is_loopback(settings.host):
            log.warning(
                "other machines reach this server, and nothing encrypts what they send: "
                "have a proxy with TLS before it",
                host=settings.host,
            )

    def stopping() -> None:
        print_line("envmgr-alm stops: it finishes what it began; Ctrl-C once more ends it at once")
        embedded.begin_shutdown()

    limits = server.ConnectionLimits(settings.keep_alive, settings.connections)
    uvicorn_server = server.create_server(embedded.application, limits, started, stopping)
    stop.attach(uvicorn_server)
    # What is here now stays: the collector need not look at it again.
    gc.freeze()
    await uvicorn_server.serve(sockets=[listener])
    await embedded.stop()


class _SignalHandler:
    """Turns SIGTERM and Ctrl-C into an orderly end, and a second Ctrl-C into an end at once."""

    def __init__(self) -> None:
        self._stop_requested = False
        self._server: Server | None = None
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def attach(self, server: Server) -> None:
        """Say what is to be stopped."""
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
    """Say whether an address is of this machine only."""
    return host in {"localhost", "::1"} or host.startswith("127.")


def _url(host: str, port: int) -> str:
    name = "localhost" if host in {"", "0.0.0.0", "::"} else host  # noqa: S104 - what it is called, not where to listen
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def _startup_banner(password: str | None, url: str, path: str, *, is_chosen: bool) -> str:
    """Say where the server is; where its admin was made just now, also how to begin."""
    if password is None:
        return f"envmgr-alm {__version__} serves {url} from {path}; Ctrl-C stops it"
    shown = "the one in ALM_ADMIN_PASSWORD" if is_chosen else f"{password}   (shown only now: keep it)"
    lines = [
        f"envmgr-alm {__version__} serves {url}; Ctrl-C stops it",
        "",
        f"  data       {path}",
        "  user       admin",
        f"  password   {shown}",
        f"  docs       {url}/docs",
        "",
        "What to type next, in another terminal:",
        "",
        f"  envmgr alm login {url}",
        "  envmgr alm push        in a project: registers what was built",
        "",
    ]
    return "\n".join(lines)
