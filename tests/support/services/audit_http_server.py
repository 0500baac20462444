"""The audit's REST API behind the middleware, on a local port."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import contextmanager

import httpx
import uvicorn
from litestar import Litestar
from litestar.exceptions import HTTPException

from envmgr.server.audit import module
from envmgr.server.bootstrap.registry import REQUEST_POLICY
from envmgr.server.kit.common.problems import Problem, Unauthenticated
from envmgr.server.kit.http.errors import http_exception_handler, problem_handler
from envmgr.server.kit.http.middleware import RequestMiddleware
from envmgr.server.kit.http.requests import check_request
from support.services.audit_fixtures import KEY
from support.services.service_fixtures import UnchangedPermissions, call, opened


class Tokens:
    """Authenticates tokens that are names of roles; `shop` is a key for one app only."""

    async def authenticate(self, token):
        if token == "shop":
            return call("viewer", apps={1}).principal
        if token not in {"admin", "user", "viewer", "ci"}:
            raise Unauthenticated("unknown token")
        return call(token).principal

    def current_permissions(self):
        return UnchangedPermissions()


class NullObserver:
    """An observer that records errors only."""

    def __init__(self):
        self.bugs = []

    async def on_denied(self, info, status):
        pass

    def on_response(self, info, status, seconds):
        pass

    def on_error(self, info, error):
        self.bugs.append(error)


class Running:
    """A running server, with access to its service."""

    def __init__(self, directory):
        self._directory = directory
        self._up = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self.observer = NullObserver()
        self.url = ""

    def start(self):
        self._thread.start()
        assert self._up.wait(20)

    def stop(self):
        """Stop as the server does: streams end first, then connections."""
        self._loop.call_soon_threadsafe(self._parts.begin_shutdown)
        self._server.should_exit = True
        self._thread.join(20)
        assert not self._thread.is_alive()

    def append(self, events):
        asyncio.run_coroutine_threadsafe(self._audit.append(events), self._loop).result(20)

    def client(self, token="viewer"):
        return httpx.Client(base_url=self.url, headers={"authorization": f"Bearer {token}"}, timeout=20)

    async def _serve(self):
        self._loop = asyncio.get_running_loop()
        async with opened(self._directory, module) as database:
            self._audit = module.make(database, KEY)
            self._parts = module.module(database, self._audit)
            application = Litestar(
                self._parts.routes,
                before_request=check_request,
                exception_handlers={HTTPException: http_exception_handler, Problem: problem_handler},
            )
            config = uvicorn.Config(
                RequestMiddleware(application, Tokens(), self.observer, policy=REQUEST_POLICY),
                log_config=None,
                access_log=False,
                lifespan="off",
                timeout_graceful_shutdown=5,
            )
            with socket.create_server(("127.0.0.1", 0)) as listener:
                self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
                self._server = uvicorn.Server(config)
                self._up.set()
                await self._server.serve([listener])
            await self._parts.close()


@contextmanager
def serving(directory):
    """Yield a running server, and stop it."""
    server = Running(directory)
    server.start()
    try:
        yield server
    finally:
        server.stop()
    assert server.observer.bugs == []
