"""Versions, their locks, and events of their deployments."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from itertools import count

from envmgr.server.contracts.requests import ToolchainInput, VersionPut
from envmgr.server.contracts.resources import App
from envmgr.server.kit.common.events import EventEnvelope
from envmgr.server.kit.common.problems import NotFound
from envmgr.server.version import module as version_module
from support.services.service_fixtures import FakeDeployments, Versions, opened

AT = "2026-01-02T03:04:05.678Z"
_numbers = count(1)


class FewApps:
    """An Apps port with these apps, numbered from 1."""

    def __init__(self, *names):
        self.apps = {
            n: App(id=n, name=name, description="", created_at=AT, updated_at=AT, rev=1)
            for n, name in enumerate(names, 1)
        }

    async def get(self, call, ref):
        for app in self.apps.values():
            if ref in {app.name, str(app.id)} and call.principal.can_access(app.id):
                return app
        raise NotFound(f"app {ref!r} not found")

    async def find_ids(self, names):
        return {app.name: app.id for app in self.apps.values() if app.name in names}

    async def find_names(self, app_ids):
        return {app.id: app.name for app in self.apps.values() if app.id in app_ids}


def lock(*pins, platforms=("linux-x64",)):
    """Return a lock that pins each `tool@version`, requested as `tool@version`."""
    tools = {}
    for pin in pins:
        tool, _, version = pin.rpartition("@")
        artifacts = {platform: {"url": f"https://e.org/{version}"} for platform in platforms}
        tools.setdefault(tool, {})[version] = {"plugin": f"sha256:{'a' * 64}", "artifacts": artifacts}
    resolved = {pin: pin.rpartition("@")[2] for pin in pins}
    return json.dumps({"lockfile": 1, "resolved": resolved, "tools": tools})


def built_with(*pins, **fields):
    """Return a version that was built with these."""
    return VersionPut(toolchain=ToolchainInput(lock=lock(*pins)), **fields)


@asynccontextmanager
async def versions_of(directory, *apps, deployments=None):
    """Yield a version service with doubles of other services, its database and its module."""
    async with opened(directory, version_module) as database:
        deployment_port = deployments or FakeDeployments()
        service = version_module.make(database, FewApps(*apps))
        yield (
            Versions(service, deployment_port),
            database,
            version_module.module(database, service, deployment_port),
        )


def event(type_, sequence, data, *, subject="", source="deployment"):
    """Create an event as another service emits it."""
    return EventEnvelope(
        id=f"{source}-{sequence}-{next(_numbers)}",
        source=f"alm/{source}",
        type=type_,
        subject=subject,
        time=AT,
        sequence=sequence,
        actor="user:bob",
        data=data,
    )


def deployment_event(sequence, app_id, app, environment, version, type_="DeploymentUpdated"):
    """Create an event that sets the current version of a placement (None: nothing)."""
    return event(
        type_,
        sequence,
        {
            "deployment_id": sequence,
            "version_id": version.id if version else 1,
            "app_id": app_id,
            "app": app,
            "tag": version.tag if version else "1.0",
            "environment": environment,
            "status": "successful",
            "reason": "",
            "actor": "user:bob",
            "created_at": AT,
            "updated_at": AT,
            "finished_at": AT,
            "current_version_id": version and version.id,
            "current_tag": version and version.tag,
        },
    )


def version_data(version_id, app_id, app, tag):
    """Return the data of a version's event."""
    return {
        "version_id": version_id,
        "app_id": app_id,
        "app": app,
        "tag": tag,
        "changelog": "",
        "commit": "",
        "ref": "",
        "artifacts": [],
        "build": {},
        "toolchain": {"lock_digest": None, "tools": []},
        "created_at": AT,
        "updated_at": AT,
    }


def app_data(app_id, name, at=AT):
    """Return the data of an app's event."""
    return {"app_id": app_id, "name": name, "description": "", "created_at": AT, "updated_at": at}


async def deliver(module, *events):
    """Deliver events to the consumers of a service, one by one, as the bus does."""
    for item in events:
        for subscription in module.subscriptions:
            if subscription.select([item]):
                await subscription.handle([item])
