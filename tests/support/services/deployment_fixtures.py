"""A deployment service over a real database file, with versions to deploy, and events."""

from __future__ import annotations

import asyncio

from envmgr.server.contracts.requests import DeploymentCreate, StatusCreate
from envmgr.server.contracts.resources import App, Build, Toolchain, Version
from envmgr.server.deployment import module
from envmgr.server.deployment.store import placements
from envmgr.server.kit.common.clock import rfc3339
from envmgr.server.kit.common.events import EventEnvelope
from envmgr.server.kit.common.pages import PageRequest
from envmgr.server.kit.common.problems import NotFound
from envmgr.server.kit.jobs import job_queue
from envmgr.server.kit.jobs.unit_job import run_unit
from envmgr.server.kit.messaging.bus import InProcessBus
from support.services.queued_bus import FAST_DELIVERY
from support.services.service_fixtures import call, emitted_events, opened
from support.services.version_fixtures import AT, FewApps, app_data, version_data

DIGEST = f"sha256:{0:064}"
ANOTHER = "user:grace"


def version(id_, app_id=1, app="shop", tag=None):
    return Version(
        id=id_,
        app_id=app_id,
        app=app,
        tag=tag or f"{id_}.0.0",
        changelog="",
        commit="",
        ref="",
        artifacts=(),
        build=Build(),
        toolchain=Toolchain(lock_digest=None, tools=()),
        digest=DIGEST,
        created_at=rfc3339(0),
        updated_at=rfc3339(0),
        rev=1,
    )


class KnownVersions:
    """A Versions port with these versions; `asked` is the record of its calls."""

    def __init__(self, *versions):
        self.by_id = {item.id: item for item in versions}
        self.requests = []

    async def get(self, call, version_id):
        self.requests.append((call, version_id))
        result = self.by_id.get(version_id)
        if result is None or not call.principal.can_access(result.app_id):
            raise NotFound(f"version {version_id} not found")
        return result


class AnyVersion(KnownVersions):
    """A Versions port with versions 1 to 999 of shop, and 1000 to 1999 of blog."""

    def __init__(self):
        super().__init__(
            *(version(n) for n in range(1, 1000)), *(version(n, 2, "blog") for n in range(1000, 2000))
        )


ANY_VERSION = AnyVersion()


class World:
    """The service, its database, and a bus that it subscribes to; `event` numbers events as outboxes do."""

    def __init__(self, service, database, parts):
        self.service = service
        self.database = database
        self.dead_letters = parts.dead_letters
        self.job_units = parts.job_units
        self.bus = InProcessBus(FAST_DELIVERY)
        for subscription in parts.subscriptions:
            self.bus.subscribe(subscription)
        self._sequences = {}

    async def deploy(self, version_id=1, environment="prod", *, by=None, reason=""):
        """Create a deployment and return it."""
        new = DeploymentCreate(version_id=version_id, environment=environment, reason=reason)
        return (await self.service.create(by or call(), new)).value

    async def step(self, deployment, *statuses, by=None, reason=""):
        """Add these statuses to a deployment and return it."""
        for status in statuses:
            await self.service.add_status(
                by or call(), deployment.id, StatusCreate(status=status, reason=reason)
            )
        return await self.service.get(call(), deployment.id)

    async def deploy_successfully(self, version_id=1, environment="prod"):
        """Deploy a version successfully."""
        return await self.step(await self.deploy(version_id, environment), "in_progress", "successful")

    async def status(self, deployment):
        return (await self.service.get(call(), deployment.id)).status

    async def history(self, deployment):
        """Return a deployment's history, oldest first."""
        page = await self.service.list_statuses(call(), deployment.id, PageRequest(sort="id", limit=200))
        return [(entry.status, entry.reason, entry.actor) for entry in page.items]

    async def placement(self, environment="prod", app="shop"):
        """Return the placement in the matrix."""
        result = (await self.service.matrix(call(), None)).placements
        return next((item for item in result if (item.app, item.environment) == (app, environment)), None)

    async def current(self, environment="prod", app="shop"):
        """Return the ID of the current version of a placement."""
        placement = await self.placement(environment, app)
        return placement.current.version_id if placement and placement.current else None

    async def placement_count(self, app_id):
        """Count the placements where an app is current or being deployed."""
        return await self.database.read_inline(lambda reader: placements.count_active_for_app(reader, app_id))

    async def emitted_events(self, type_=None):
        """Return all emitted events, or those of a type."""
        events = await emitted_events(self.database, module.NAME)
        return [event for event in events if type_ in {None, event.type}]

    def event(self, source, type_, subject, data):
        """Create the next event of another service."""
        number = self._sequences[source] = self._sequences.get(source, 0) + 1
        return EventEnvelope(
            id=f"{source}-{number}",
            source=f"alm/{source}",
            type=type_,
            subject=subject,
            time=rfc3339(number),
            sequence=number,
            actor="user:ada",
            data=data,
            traceparent=f"00-{number:032x}-{number:016x}-01",
        )

    def app_event(self, type_, app_id=1, name="shop"):
        return self.event("app", type_, f"app/{app_id}", app_data(app_id, name))

    def version_event(self, type_, version_id, app_id=1, app="shop", tag=None):
        data = version_data(version_id, app_id, app, tag or f"{version_id}.0.0")
        return self.event("version", type_, f"app/{app_id}/version/{version_id}", data)

    async def deliver(self, *events):
        """Deliver events, each batch as its source would, and run the jobs that they enqueue."""
        await self.publish(*events)
        await self.run_jobs()

    async def publish(self, *events):
        """Deliver events, whose jobs wait."""
        await self.bus.publish(events)
        assert await self.dead_letters.all() == []

    async def claim(self, lease_ms=60_000):
        """Claim the oldest job; return it, or None."""
        jobs = await self.database.write(lambda transaction: job_queue.claim(transaction, 1, lease_ms))
        return jobs[0] if jobs else None

    async def run_job(self, job):
        """Run a claimed job in its unit of work."""
        unit = self.job_units[job.kind]
        await self.database.write(lambda transaction: run_unit(transaction, job, unit))

    async def run_jobs(self):
        """Run the jobs that wait, in turn."""
        while (job := await self.claim()) is not None:
            await self.run_job(job)

    async def jobs(self):
        """Return all jobs, the oldest first."""
        return (await self.database.read(job_queue.list_jobs))[::-1]


def apps_of(versions):
    """Create an Apps port with the apps of these versions."""
    apps = FewApps()
    for item in versions.by_id.values():
        apps.apps[item.app_id] = App(
            id=item.app_id, name=item.app, description="", created_at=AT, updated_at=AT, rev=1
        )
    return apps


def run(directory, scenario, versions=ANY_VERSION, apps=None):
    """Run a scenario over a new service: `scenario(world)`, with the apps of its versions by default."""

    async def run_scenario():
        async with opened(directory, module) as database:
            service = module.make(database, versions, apps or apps_of(versions))
            return await scenario(World(service, database, module.module(database, service)))

    return asyncio.run(run_scenario())
