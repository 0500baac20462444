"""A gRPC service of apps whose answers tests choose."""

from __future__ import annotations

from envmgr.server.app.rpc import rpc_service
from envmgr.server.contracts.resources import App

APP = App(
    id=1,
    name="shop",
    description="",
    created_at="2026-01-02T03:04:05.678Z",
    updated_at="2026-01-02T03:04:05.678Z",
    rev=1,
)


class ScriptedApps:
    """An Apps port whose methods return what `answer(context)` does; `contexts` has those of all calls."""

    def __init__(self, response=None):
        self.response = response
        self.contexts = []

    async def get(self, context, ref):
        return await self._respond(context)

    async def update(self, context, ref, change):
        return await self._respond(context)

    async def _respond(self, context):
        self.contexts.append(context)
        return APP if self.response is None else await self.response(context)


def scripted_service(response=None):
    """Return a port, and the gRPC service that serves it."""
    apps = ScriptedApps(response)
    return apps, rpc_service(apps)
