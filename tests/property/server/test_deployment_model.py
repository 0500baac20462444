"""Deployment operations in any order: the service over its database behaves as a small model."""

from __future__ import annotations

import asyncio
import os
import tempfile
from dataclasses import dataclass, field
from functools import cache

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from envmgr.server.contracts.problems import (
    DeploymentActive,
    DeploymentInUse,
    InvalidTransition,
    SelfApprovalForbidden,
)
from envmgr.server.contracts.requests import DeploymentCreate, EnvironmentPut, StatusCreate
from envmgr.server.contracts.resources import AutoDeploy, Rules
from envmgr.server.deployment import module
from envmgr.server.kit.common.problems import NotFound
from envmgr.server.kit.db.migrations import upgrade
from envmgr.server.kit.db.sqlite import SqliteDatabase
from envmgr.server.kit.db.sqlite_file import SqliteFile
from envmgr.server.kit.messaging import event_numbering
from support.matrices import examples
from support.services.deployment_fixtures import KnownVersions, World, version
from support.services.service_fixtures import call
from support.services.version_fixtures import FewApps

STEPS = {
    "pending": {"in_progress", "queued", "awaiting_approval", "blocked", "cancelled"},
    "queued": {"in_progress", "awaiting_approval", "blocked", "cancelled"},
    "awaiting_approval": {"queued", "in_progress", "blocked", "cancelled"},
    "blocked": {"pending", "queued", "awaiting_approval", "cancelled"},
    "in_progress": {"successful", "failed", "cancelled"},
    "successful": {"superseded", "rolled_back"},
    "failed": {"rolled_back"},
}
STATUSES = sorted({*STEPS, *(end for ends in STEPS.values() for end in ends)})
BUSY = {"pending", "queued", "awaiting_approval", "blocked", "in_progress"}
APPS = {1: "shop", 2: "blog"}
ENVIRONMENTS = ["dev", "prod"]
ACTORS = ["user:ada", "user:grace"]


@dataclass
class Deployed:
    """A deployment of the model; `under` is the version that it superseded when it succeeded."""

    version: int
    app: int
    environment: str
    asker: str
    history: list = field(default_factory=list)
    approved: bool = False
    under: int | None = None
    deleted: bool = False

    @property
    def status(self):
        return self.history[-1]

    @property
    def placement(self):
        return self.app, self.environment


class Model:
    """A simple model of deployments that derives everything from the history."""

    def __init__(self):
        self.all = {}
        self.rules = {}
        self.gone = set()
        self.gone_apps = set()

    def busy(self, placement):
        return next(
            (id_ for id_, d in self.all.items() if d.placement == placement and d.status in BUSY), None
        )

    def current(self, placement):
        matches = [
            id_ for id_, d in self.all.items() if d.placement == placement and d.status == "successful"
        ]
        assert len(matches) <= 1
        return matches[0] if matches else None

    def last(self, placement):
        return max((id_ for id_, d in self.all.items() if d.placement == placement), default=None)

    def begin(self, id_, version, app, environment, asker):
        rules = self.rules.get(environment, Rules())
        new = self.all[id_] = Deployed(version, app, environment, asker, ["pending"])
        if rules.blocked:
            new.history.append("blocked")
        elif rules.requires_approval:
            new.history.append("awaiting_approval")

    def refusal(self, id_, status, actor):
        old = self.all[id_]
        if status not in STEPS.get(old.status, ()):
            return InvalidTransition
        request = (
            self.rules.get(old.environment, Rules()).requires_approval or old.status == "awaiting_approval"
        )
        if request and not old.approved and status in {"queued", "in_progress"} and actor == old.asker:
            return SelfApprovalForbidden
        return None

    def step(self, id_, status, actor):
        old = self.all[id_]
        current = self.current(old.placement)
        request = (
            self.rules.get(old.environment, Rules()).requires_approval or old.status == "awaiting_approval"
        )
        if status == "awaiting_approval":
            old.approved = False
        elif status in {"queued", "in_progress"} and request:
            old.approved = True
        was = old.status
        old.history.append(status)
        if status == "successful":
            old.under = current
            if current is not None:
                self.all[current].history.append("superseded")
        if was == "successful" and status == "rolled_back":
            before = old.under
            while before is not None:
                earlier = self.all[before]
                usable = not earlier.deleted and earlier.version not in self.gone
                if usable and earlier.app not in self.gone_apps and earlier.status == "superseded":
                    earlier.history.append("successful")
                    break
                before = earlier.under

    def end(self, index):
        for deployment in self.all.values():
            if index(deployment) and deployment.status in BUSY:
                deployment.history.append("cancelled")
        for deployment in self.all.values():
            if index(deployment) and deployment.status == "successful":
                deployment.history.append("superseded")


@cache
def migrated():
    """Return an empty migrated database as bytes, as migrations take longer than the tests."""
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "deployment.db")
        upgrade(SqliteFile(path), module.MIGRATIONS, module.HEAD)
        with open(path, "rb") as file:
            return file.read()


def fresh(directory):
    """Open a new database in a directory."""
    path = os.path.join(directory, "deployment.db")
    with open(path, "wb") as file:
        file.write(migrated())
    return SqliteDatabase(path, module.NAME, event_numbering.append)


class Deployments(RuleBasedStateMachine):
    """Applies each operation to the service and to the model."""

    deployments = Bundle("deployments")

    def __init__(self):
        super().__init__()
        self.directory = tempfile.TemporaryDirectory(prefix="deployment-states-")
        self.runner = asyncio.Runner()
        database = fresh(self.directory.name)
        versions = [
            version(n, app, name) for app, name in APPS.items() for n in range(app * 100, app * 100 + 6)
        ]
        service = module.make(database, KnownVersions(*versions), FewApps("shop", "blog"))
        self.world = World(service, database, module.module(database, service))
        self.model = Model()
        self.born = set()

    def teardown(self):
        self.runner.run(self.world.database.close())
        self.runner.close()
        self.directory.cleanup()

    def do(self, awaitable):
        return self.runner.run(awaitable)

    def attempt(self, awaitable, *refusals):
        """Return the result, or the kind of problem."""
        try:
            return self.do(awaitable)
        except refusals as refusal:
            return type(refusal)

    @rule(
        target=deployments,
        app=st.sampled_from(sorted(APPS)),
        n=st.integers(0, 5),
        environment=st.sampled_from(ENVIRONMENTS),
        actor=st.sampled_from(ACTORS),
    )
    def try_deploy(self, app, n, environment, actor):
        result = self.deploy(app, n, environment, actor)
        return multiple() if result is None else result

    def deploy(self, app, n, environment, actor):
        id_ = app * 100 + n
        new = DeploymentCreate(version_id=id_, environment=environment)
        result = self.attempt(self.world.service.create(call(actor=actor), new), NotFound, DeploymentActive)
        if id_ in self.model.gone or app in self.model.gone_apps:
            assert result is NotFound
            return None
        if self.model.busy((app, environment)) is not None:
            assert result is DeploymentActive
            return None
        self.model.begin(result.value.id, id_, app, environment, actor)
        assert result.value.status == self.model.all[result.value.id].status
        return result.value.id

    @rule(
        id_=deployments,
        pick=st.integers(0, 5),
        status=st.sampled_from(STATUSES),
        actor=st.sampled_from(ACTORS),
        put=st.booleans(),
    )
    def try_step(self, id_, pick, status, actor, put):
        """Add a status, mostly a valid one."""
        ways = sorted(STEPS.get(self.model.all[id_].status, ()))
        self.step(id_, ways[pick] if pick < len(ways) else status, actor, put=put)

    @rule(id_=deployments, end=st.sampled_from(["successful", "failed", "cancelled"]), back=st.booleans())
    def finish(self, id_, end, back):
        self.hurry(id_, end)
        if back and self.model.all[id_].status == "failed" and not self.model.all[id_].deleted:
            self.step(id_, "rolled_back", ACTORS[1])

    def hurry(self, id_, end="successful"):
        """Complete a deployment, so that there is one to supersede and to roll back."""
        for status in ("queued", "in_progress", end):
            for actor in ACTORS:
                deployed = self.model.all[id_]
                if not deployed.deleted and status in STEPS.get(deployed.status, ()):
                    self.step(id_, status, actor)

    @initialize(target=deployments, count=st.integers(1, 3))
    def fill(self, count):
        """Deploy some versions of one app in turn, so that there is a history to roll back to."""
        return multiple(*(self.succeed(1, n, "prod") for n in range(count)))

    @rule(target=deployments, n=st.integers(0, 5))
    def supersede(self, n):
        """Deploy another version to the placements of the first ones."""
        busy = self.model.busy((1, "prod"))
        if busy is not None or 100 + n in self.model.gone:
            return multiple()
        return self.succeed(1, n, "prod")

    def succeed(self, app, n, environment):
        id_ = self.deploy(app, n, environment, ACTORS[0])
        self.hurry(id_)
        return id_

    @rule()
    def roll_back(self):
        current = self.model.current((1, "prod"))
        if current is not None:
            self.step(current, "rolled_back", ACTORS[0])

    def step(self, id_, status, actor, *, put=False):
        service, new = self.world.service, StatusCreate(status=status)
        ask = service.set_status if put else service.add_status
        result = self.attempt(
            ask(call(actor=actor), id_, new), InvalidTransition, SelfApprovalForbidden, NotFound
        )
        if self.model.all[id_].deleted:
            assert result is NotFound
            return
        if put and self.model.all[id_].status == status:
            assert result.status == status
            return
        refusal = self.model.refusal(id_, status, actor)
        if refusal is not None:
            assert result is refusal
            return
        self.model.step(id_, status, actor)
        assert (result if put else result.value).status == status

    @rule(id_=deployments)
    def delete(self, id_):
        result = self.attempt(self.world.service.delete(call(), id_), NotFound, DeploymentInUse)
        deployed = self.model.all[id_]
        if deployed.deleted:
            assert result is NotFound
            return
        is_deployed = deployed.app not in self.model.gone_apps and id_ in {
            self.model.current(deployed.placement),
            self.model.last(deployed.placement),
        }
        if is_deployed or deployed.status in BUSY:
            assert result is DeploymentInUse
        else:
            assert result is None
            deployed.deleted = True

    @rule(
        environment=st.sampled_from(ENVIRONMENTS), approval=st.booleans(), blocked=st.sampled_from(["", "no"])
    )
    def set_rules(self, environment, approval, blocked):
        auto = (AutoDeploy(app="shop"),) if environment == "dev" else ()
        rules = Rules(auto_deploy=auto, requires_approval=approval, blocked=blocked)
        self.do(self.world.service.replace_environment(call(), environment, EnvironmentPut(rules=rules)))
        self.model.rules[environment] = rules

    @rule(target=deployments, n=st.integers(0, 5), again=st.booleans())
    def register(self, n, again):
        """Register a version of shop, which a rule may deploy to dev."""
        id_ = 100 + n
        if id_ in self.born:
            return multiple()
        self.born.add(id_)
        event = self.world.version_event("VersionCreated", id_)
        self.do(self.world.deliver(*[event] * (2 if again else 1)))
        placement = (1, "dev")
        rules = self.model.rules.get("dev", Rules())
        last, busy = self.model.last(placement), self.model.busy(placement)
        if not rules.auto_deploy or id_ in self.model.gone or 1 in self.model.gone_apps:
            return multiple()
        if last is not None and self.model.all[last].version >= id_:
            return multiple()
        if busy is not None:
            in_the_way = self.model.all[busy]
            if in_the_way.asker != "system:auto-deploy" or in_the_way.status == "in_progress":
                return multiple()
            in_the_way.history.append("cancelled")
        deployment_id = self.do(self.world.placement("dev")).last.deployment_id
        self.model.begin(deployment_id, id_, 1, "dev", "system:auto-deploy")
        return deployment_id

    @rule(app=st.sampled_from(sorted(APPS)), n=st.integers(0, 2))
    def forget_version(self, app, n):
        id_ = app * 100 + n
        self.do(self.world.deliver(self.world.version_event("VersionDeleted", id_, app, APPS[app])))
        self.model.gone.add(id_)
        self.model.end(lambda deployed: deployed.version == id_)

    @rule(sure=st.integers(0, 9))
    def forget_app(self, sure):
        if sure:
            return
        self.do(self.world.deliver(self.world.app_event("AppDeleted", 2, "blog")))
        self.model.gone_apps.add(2)
        self.model.end(lambda deployed: deployed.app == 2)

    @invariant()
    def histories_agree(self):
        for id_, deployed in self.model.all.items():
            if not deployed.deleted:
                assert [
                    status for status, _, _ in self.do(self.world.history(self._id(id_)))
                ] == deployed.history

    @invariant()
    def placements_agree(self):
        placements = {(item.app_id, item.environment): item for item in self.do(self._placements())}
        expected = {d.placement for d in self.model.all.values() if d.app not in self.model.gone_apps}
        assert set(placements) == expected
        for key, placement in placements.items():
            assert (placement.current.deployment_id if placement.current else None) == self.model.current(key)
            last = self.model.last(key)
            assert (placement.last.deployment_id, placement.last.status) == (
                last,
                self.model.all[last].status,
            )

    @invariant()
    def counts_agree(self):
        for app in APPS:
            expected = {
                d.placement
                for d in self.model.all.values()
                if d.app == app and d.status in {*BUSY, "successful"}
            }
            assert self.do(self.world.placement_count(app)) == len(expected)

    @invariant()
    def events_match_placements(self):
        latest = {}
        for event in self.do(self.world.emitted_events()):
            if event.type.startswith("Deployment"):
                latest[event.data["app_id"], event.data["environment"]] = event.data["current_version_id"]
        for placement, current_version in latest.items():
            current = self.model.current(placement)
            assert current_version == (None if current is None else self.model.all[current].version)

    async def _placements(self):
        return (await self.world.service.matrix(call(), None)).placements

    @staticmethod
    def _id(id_):
        return type("Deployment", (), {"id": id_})()


Deployments.TestCase.settings = settings(
    max_examples=examples(40),
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestDeployments = Deployments.TestCase
