"""`envmgr-alm serve`: start, banner, signals and shutdown."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from envmgr import __version__
from envmgr.kit import environment
from envmgr.server.main.output import print_line

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable, Coroutine, Iterator
    from socket import socket
    from types import FrameType

    from envmgr.server.kit.config.settings import Settings
    from envmgr.server.kit.http.asgi import Application
    from envmgr.server.kit.http.server import Server
    from envmgr.server.kit.telemetry.logs import Log
    from envmgr.server.kit.telemetry.tracing import Tracing

STOP_SECONDS = 9.5
"""Seconds until the process exits even if work remains; acknowledged writes are on disk anyway."""
THREAD_SWITCH_INTERVAL_SECONDS = 0.001
"""Short, as the event loop and the writer compete for the GIL."""
GC_THRESHOLD = 10_000
"""Allocations between garbage collections: each request leaves hundreds of objects and almost no cycle."""


class RunningServer(Protocol):
    """A server that has started, except that it does not listen for requests yet."""

    @property
    def application(self) -> Application:
        """Return the ASGI application."""
        ...

    @property
    def initial_admin_password(self) -> str | None:
        """Return the password of the first admin, if it was created by this start."""
        ...

    @property
    def shutdown_notice_seconds(self) -> float:
        """Return how long requests are still served after the shutdown has begun."""
        ...

    def begin_shutdown(self) -> None:
        """End streaming responses and fail readiness."""
        ...

    async def stop(self) -> None:
        """Finish and close everything."""
        ...


def serve(options: argparse.Namespace) -> int:
    """Serve until a signal stops the server."""
    if options.service == "all":
        _serve_all(options)
    else:
        _serve_service(options)
    return 0


def _serve_all(options: argparse.Namespace) -> None:
    """Run all services in this process."""
    from envmgr.server.bootstrap import backend, databases, embedded, registry
    from envmgr.server.kit.config import settings
    from envmgr.server.kit.http import server
    from envmgr.server.kit.telemetry import logs

    if options.grpc_port is not None:
        raise settings.SettingsError(
            "--grpc-port has no effect: `serve all` has no gRPC API", "omit it, or serve a single service"
        )
    read = settings.read(environment.current(), _flags(options), registry.SERVICE_NAMES)
    embedded.validate_settings(read)
    stop = _SignalHandler()
    log = logs.create_logger(read.log_level)
    with (
        _tracing(read, log) as tracing,
        databases.data_directory(read.data_dir) as data,
        server.bind(read.host, read.port) as listener,
    ):
        database = backend.database_backend(read, data)
        databases.prepare(database)

        async def start() -> RunningServer:
            return await embedded.start_embedded(read, data, database, log, tracing)

        if data.is_accessible_to_others:
            log.warning("data_dir_permissions_too_open", path=data.path, hint=f"chmod 700 {data.path}")

        def banner(running: RunningServer) -> str:
            return _startup_banner(
                running.initial_admin_password,
                _url(read.host, listener.getsockname()[1]),
                database.location,
                is_chosen=bool(read.admin_password),
            )

        _run_loop(_run(read, start, banner, listener, log, stop, database.release))


def _serve_service(options: argparse.Namespace) -> None:
    """Run one service in this process."""
    from envmgr.server.bootstrap import embedded, registry
    from envmgr.server.bootstrap.extras import require_grpc
    from envmgr.server.kit.config import service_settings
    from envmgr.server.kit.http import server
    from envmgr.server.kit.telemetry import logs

    read = service_settings.read_service(
        environment.current(), _flags(options), options.service, registry.SERVICE_RULES
    )
    common = read.common
    embedded.validate_settings(common)
    with require_grpc(common.bus):
        from envmgr.server.bootstrap import service
    keys = service.ServiceKeys(read)
    stop = _SignalHandler()
    log = logs.create_logger(common.log_level)
    with _tracing(common, log) as tracing, server.bind(common.host, common.port) as listener:
        location = service.require_migrated(read)

        port = listener.getsockname()[1]

        async def start() -> RunningServer:
            running = service.ServiceServer(read, keys, port, log, tracing)
            await running.start()
            return running

        def banner(running: RunningServer) -> str:
            return _service_banner(
                options.service,
                running.initial_admin_password,
                _url(common.host, port),
                location,
                is_chosen=bool(common.admin_password),
            )

        _run_loop(_run(common, start, banner, listener, log, stop))


def _flags(options: argparse.Namespace) -> dict[str, str | int | bool | None]:
    """Return the options that are settings."""
    return {name: value for name, value in vars(options).items() if name not in {"run", "service"}}


def _run_loop(main: Coroutine[object, object, None]) -> None:
    """Run the server to its end, on the fastest event loop installed."""
    from envmgr.server.kit.http import server

    sys.setswitchinterval(THREAD_SWITCH_INTERVAL_SECONDS)
    gc.set_threshold(GC_THRESHOLD)
    with asyncio.Runner(loop_factory=server.loop_factory()) as runner:
        runner.run(main)


@contextmanager
def _tracing(settings: Settings, log: Log) -> Iterator[Tracing | None]:
    """Start tracing if an endpoint is configured; raise SettingsError if the extra is missing."""
    if not settings.traces_url:
        yield None
        return
    from envmgr.server.bootstrap.extras import require_extra

    with require_extra("otel", "OTEL_EXPORTER_OTLP_ENDPOINT is set", alternative="unset the variable"):
        from envmgr.server.kit.telemetry import tracing
    started = tracing.start(settings.traces_url, settings.service_name, log)
    try:
        yield started
    finally:
        started.stop()


async def _release_nothing() -> None:
    """Do nothing."""


async def _run(
    settings: Settings,
    start: Callable[[], Awaitable[RunningServer]],
    banner: Callable[[RunningServer], str],
    listener: socket,
    log: Log,
    stop: _SignalHandler,
    release: Callable[[], Awaitable[None]] = _release_nothing,
) -> None:
    """Serve until a signal; `release` is called last."""
    from envmgr.server.kit.http import server

    running = await start()

    def announce_start() -> None:
        print_line(banner(running))
        if not _is_loopback(settings.host):
            log.warning(
                "listening_without_tls",
                host=settings.host,
                hint="put a TLS-terminating proxy in front",
            )

    def announce_shutdown() -> None:
        print_line("Shutting down: finishing in-flight requests. Press Ctrl-C again to stop immediately.")
        running.begin_shutdown()

    connections = server.raise_file_limit(settings.connections)
    if connections < settings.connections:
        log.warning("connection_limit_lowered", connections=connections, hint="raise `ulimit -n`")
    limits = server.ConnectionLimits(settings.keep_alive, connections)
    uvicorn_server = server.create_server(
        running.application, limits, announce_start, announce_shutdown, running.shutdown_notice_seconds
    )
    stop.attach(uvicorn_server)
    # Start-up objects live as long as the process: exclude them from garbage collection.
    gc.freeze()
    await uvicorn_server.serve(sockets=[listener])
    await running.stop()
    await release()


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


def _service_banner(service: str, password: str | None, url: str, database: str, *, is_chosen: bool) -> str:
    """Return the banner of a single service; with the first admin's password, if it was created."""
    line = f"envmgr-alm {__version__}: {service} listening on {url} (database: {database}). Press Ctrl-C to stop."
    if password is None:
        return line
    return "\n".join([line, "", *_credentials(password, is_chosen=is_chosen), ""])


def _startup_banner(password: str | None, url: str, path: str, *, is_chosen: bool) -> str:
    """Return the banner; with the first admin's password and first steps on a new data directory."""
    if password is None:
        return f"envmgr-alm {__version__} listening on {url} (data: {path}). Press Ctrl-C to stop."
    lines = [
        f"envmgr-alm {__version__} listening on {url}. Press Ctrl-C to stop.",
        "",
        f"  data       {path}",
        *_credentials(password, is_chosen=is_chosen),
        f"  docs       {url}/docs",
        "",
        "Next, in another terminal:",
        "",
        f"  envmgr alm login {url}",
        "  envmgr alm push        (in a project) register a build",
        "",
    ]
    return "\n".join(lines)


def _credentials(password: str, *, is_chosen: bool) -> list[str]:
    """Return the lines of a banner with the credentials of the first admin."""
    display = "(from ALM_ADMIN_PASSWORD)" if is_chosen else f"{password}   (shown only once; save it)"
    return ["  user       admin", f"  password   {display}"]
