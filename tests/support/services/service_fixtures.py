"""Services over real database files, without a server around them."""

from __future__ import annotations

from contextlib import asynccontextmanager

from envmgr.server.app import module as app_module
from envmgr.server.contracts import workflows
from envmgr.server.contracts.ports.deployments import DeletionHold
from envmgr.server.contracts.ports.versions import ToolQuery
from envmgr.server.contracts.resources import Environment, Rules
from envmgr.server.kit.common.context import SCOPES_BY_ROLE, Idempotency, Principal, RequestContext
from envmgr.server.kit.common.problems import NotFound
from envmgr.server.kit.messaging.outbox import Outbox
from support.services.database_runners import DATABASE, RerunningDatabase, open_database


class UnchangedPermissions:
    """Permissions that are never lost."""

    def require(self, _principal):
        pass


@asynccontextmanager
async def opened(directory, module):
    """Yield a service's open database, which runs each unit of work twice, as any runner may.

    Where a unit that is rolled back uses up IDs, which tests name, it runs once.
    """
    async with open_database(directory, module) as opened_database:
        yield RerunningDatabase(opened_database) if DATABASE == "sqlite" else opened_database


def call(role="admin", *, apps=None, key=None, fingerprint="f", if_match=None, actor="user:ada"):
    """Create the context of a caller with a role."""
    principal = Principal(
        actor=actor, role=role, scopes=SCOPES_BY_ROLE[role], apps=None if apps is None else frozenset(apps)
    )
    idempotency = None if key is None else Idempotency(key, fingerprint)
    return RequestContext(principal=principal, idempotency=idempotency, if_match=_states(if_match))


def _states(tag):
    return None if tag is None else frozenset({tag})


async def emitted_events(database, service):
    """Return every event in a service's outbox."""
    return await Outbox(database, service).pending(10_000)


class NoVersions:
    """A Versions port that accepts no registration."""

    def __init__(self):
        self.put_calls = []

    async def upsert(self, context, app, tag, put):
        self.put_calls.append((app, tag))
        raise AssertionError("no version was to be registered")


class FakeDeployments:
    """A Deployments port with dev and prod that counts placements; `left` has the deletion holds."""

    def __init__(self, placements=0, events=0):
        self.placements = placements
        self.events = events
        self.left = {}

    async def get_environment(self, context, name):
        if name not in {"dev", "prod"}:
            raise NotFound(f"environment {name!r} not found")
        return Environment(
            id=1, name=name, tier="other", sort_order=0, rules=Rules(), created_at="", updated_at="", rev=1
        )

    async def latest_sequence(self, context):
        return self.events

    async def begin_deletion(self, context, *, app_id=None, version_id=None, force=False):
        if self.placements and not force:
            return DeletionHold(self.placements)
        hold_id = len(self.left) + 1
        self.left[hold_id] = (app_id, version_id)
        return DeletionHold(self.placements, hold_id)

    async def cancel_deletion(self, context, hold):
        del self.left[hold.hold_id]


def app_service(opened_database, versions=None, deployments=None):
    """Create an app service with the workflows that its routes use, and doubles of other services."""
    return Apps(app_module.make(opened_database), versions or NoVersions(), deployments or FakeDeployments())


class Apps:
    """An app service whose apps are created and deleted as its routes do."""

    def __init__(self, service, versions, deployments):
        self.service = service
        self.versions = versions
        self.deployments = deployments

    def __getattr__(self, name):
        return getattr(self.service, name)

    async def create(self, context, new):
        return await workflows.create_app(self.service, self.versions, context, new)

    async def delete(self, context, ref, *, force):
        await workflows.delete_app(self.service, self.deployments, context, ref, force=force)


class Versions:
    """A version service whose versions are deleted, and usage is queried, as its routes do."""

    def __init__(self, service, deployments):
        self.service = service
        self.deployments = deployments

    def __getattr__(self, name):
        return getattr(self.service, name)

    async def delete(self, context, version_id):
        await workflows.delete_version(self.service, self.deployments, context, version_id)

    async def usage(self, context, tool, spec, environment, paging):
        query = ToolQuery(tool, spec, environment)
        return await workflows.find_usage(self.service, self.deployments, context, query, paging)
