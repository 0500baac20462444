"""Units of work interleaved with another one between any two of their statements: no lost update.

The contract of a database rules this out; what each unit reads is nevertheless checked again where it writes.
"""

from __future__ import annotations

import asyncio
import shutil
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from envmgr.server.app import module as app_module
from envmgr.server.contracts.identity_requests import Login, UserCreate, UserPatch
from envmgr.server.contracts.problems import RefreshTokenReused
from envmgr.server.contracts.requests import (
    AppCreate,
    AppPut,
    DeploymentCreate,
    EnvironmentCreate,
    EnvironmentPut,
    StatusCreate,
    VersionPatch,
)
from envmgr.server.deployment import module as deployment_module
from envmgr.server.gateway import module as gateway_module
from envmgr.server.kit.common.preconditions import etag_of
from envmgr.server.kit.common.problems import (
    AlreadyExists,
    Conflict,
    IdempotencyKeyInUse,
    PreconditionFailed,
    Problem,
    Unauthenticated,
)
from envmgr.server.kit.common.results import Result
from envmgr.server.version import module as version_module
from support.services.database_runners import (
    Captured,
    CapturingDatabase,
    InterleavingDatabase,
    sqlite_database,
)
from support.services.deployment_fixtures import KnownVersions, version
from support.services.gateway_fixtures import HERE, PASSWORD, RING
from support.services.service_fixtures import FakeDeployments, Versions, app_service, call
from support.services.version_fixtures import FewApps, built_with

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

MAX_STATEMENTS = 60


@dataclass(frozen=True)
class Scenario:
    """Two calls of a service, and the allowed results of the first if the second interrupts it."""

    module: Any
    make: Callable[[Any], Any]
    prepare: Callable[[Any], Awaitable[Any]]
    first: Callable[[Any, Any], Awaitable[Any]]
    second: Callable[[Any, Any], Awaitable[Any]]
    errors: tuple[type[Problem], ...]
    check: Callable[[Any, Any], bool]
    """Whether the results of both, where the first one succeeded, are those of one after the other."""


async def no_preparation(_service):
    return None


async def an_app(service):
    return (await service.create(call(), AppCreate(name="shop"))).value


async def an_environment(service):
    return (await service.create_environment(call(), EnvironmentCreate(name="prod"))).value


async def a_version(service):
    return (await service.create(call(), "shop", "1.0", built_with("nodejs@20.1.0"))).value


async def a_deployment(service):
    return (await service.create(call(), DeploymentCreate(version_id=1, environment="prod"))).value


async def a_token(gateway):
    await gateway.create_initial_admin(PASSWORD)
    return (await gateway.sessions.login(HERE, Login(username="admin", password=PASSWORD))).refresh_token


async def a_user(gateway):
    await gateway.create_initial_admin(PASSWORD)
    return (
        await gateway.users.create(call(), UserCreate(username="ada", password=PASSWORD, role="user"))
    ).value


def with_etag(resource):
    return call(if_match=etag_of(resource))


def with_idempotency_key():
    return call(key="once")


def versions(database):
    return Versions(version_module.make(database, FewApps("shop")), FakeDeployments())


def deployments(database):
    return deployment_module.make(database, KnownVersions(version(1), version(2)), FewApps("shop"))


def gateway(database):
    return gateway_module.make(database, RING, FewApps())


def only_one(first, second):
    return first is not None and second is None


def same(first, second):
    return second is None or _value(first).id == _value(second).id


def _value(result):
    return result.value if isinstance(result, Result) else result


SCENARIOS = {
    "two updates of an app": Scenario(
        app_module,
        app_service,
        an_app,
        lambda apps, app: apps.replace(with_etag(app), "shop", AppPut(name="shop", description="one")),
        lambda apps, app: apps.replace(with_etag(app), "shop", AppPut(name="shop", description="two")),
        (PreconditionFailed,),
        only_one,
    ),
    "two apps of a name": Scenario(
        app_module,
        app_service,
        no_preparation,
        lambda apps, _: apps.create(call(), AppCreate(name="shop")),
        lambda apps, _: apps.create(call(), AppCreate(name="shop")),
        (AlreadyExists,),
        only_one,
    ),
    "two requests with a key": Scenario(
        deployment_module,
        deployments,
        no_preparation,
        lambda service, _: service.create(
            with_idempotency_key(), DeploymentCreate(version_id=1, environment="prod")
        ),
        lambda service, _: service.create(
            with_idempotency_key(), DeploymentCreate(version_id=1, environment="prod")
        ),
        (IdempotencyKeyInUse, Conflict),
        same,
    ),
    "two versions of a tag": Scenario(
        version_module,
        versions,
        no_preparation,
        lambda service, _: service.create(call(), "shop", "1.0", built_with("nodejs@20.1.0")),
        lambda service, _: service.create(call(), "shop", "1.0", built_with("nodejs@20.1.0")),
        (Conflict,),
        only_one,
    ),
    "one version put twice": Scenario(
        version_module,
        versions,
        no_preparation,
        lambda service, _: service.upsert(call(), "shop", "1.0", built_with("nodejs@20.1.0")),
        lambda service, _: service.upsert(call(), "shop", "1.0", built_with("nodejs@20.1.0")),
        (),
        same,
    ),
    "two updates of a version": Scenario(
        version_module,
        versions,
        a_version,
        lambda service, old: service.update(with_etag(old), old.id, VersionPatch(changelog="one")),
        lambda service, old: service.update(with_etag(old), old.id, VersionPatch(changelog="two")),
        (PreconditionFailed,),
        only_one,
    ),
    "two environments of a name": Scenario(
        deployment_module,
        deployments,
        no_preparation,
        lambda service, _: service.create_environment(call(), EnvironmentCreate(name="prod")),
        lambda service, _: service.create_environment(call(), EnvironmentCreate(name="prod")),
        (AlreadyExists,),
        only_one,
    ),
    "one environment put twice": Scenario(
        deployment_module,
        deployments,
        no_preparation,
        lambda service, _: service.replace_environment(call(), "prod", EnvironmentPut()),
        lambda service, _: service.replace_environment(call(), "prod", EnvironmentPut()),
        (),
        same,
    ),
    "two updates of an environment": Scenario(
        deployment_module,
        deployments,
        an_environment,
        lambda service, old: service.replace_environment(
            with_etag(old), "prod", EnvironmentPut(sort_order=7)
        ),
        lambda service, old: service.replace_environment(
            with_etag(old), "prod", EnvironmentPut(sort_order=8)
        ),
        (PreconditionFailed,),
        only_one,
    ),
    "two deployments to a place": Scenario(
        deployment_module,
        deployments,
        no_preparation,
        lambda service, _: service.create(call(), DeploymentCreate(version_id=1, environment="prod")),
        lambda service, _: service.create(call(), DeploymentCreate(version_id=2, environment="prod")),
        (Conflict,),
        only_one,
    ),
    "two transitions of a deployment": Scenario(
        deployment_module,
        deployments,
        a_deployment,
        lambda service, old: service.set_status(with_etag(old), old.id, StatusCreate(status="in_progress")),
        lambda service, old: service.set_status(with_etag(old), old.id, StatusCreate(status="cancelled")),
        (PreconditionFailed,),
        only_one,
    ),
    "a refresh token used twice": Scenario(
        gateway_module,
        gateway,
        a_token,
        lambda service, token: service.sessions.refresh(HERE, token),
        lambda service, token: service.sessions.refresh(HERE, token),
        (RefreshTokenReused, Unauthenticated),
        only_one,
    ),
    "two updates of a user": Scenario(
        gateway_module,
        gateway,
        a_user,
        lambda service, old: service.users.update(with_etag(old), "ada", UserPatch(role="viewer")),
        lambda service, old: service.users.update(with_etag(old), "ada", UserPatch(active=False)),
        (PreconditionFailed,),
        only_one,
    ),
}


@asynccontextmanager
async def closing(database):
    try:
        yield database
    finally:
        await database.close()


async def set_up(directory, scenario):
    """Create the state that both calls start from and return it."""
    async with closing(sqlite_database(directory, scenario.module)) as database:
        return await scenario.prepare(scenario.make(database))


async def interleave(directory, scenario, state, position):
    """Run both; return the first call's result or problem, the second's result, and whether it ran."""
    async with closing(sqlite_database(directory, scenario.module)) as database:
        with pytest.raises(Captured) as captured:
            await scenario.second(scenario.make(CapturingDatabase(database)), state)
        interleaving = InterleavingDatabase(database, captured.value.unit, position)
        try:
            result = await scenario.first(scenario.make(interleaving), state)
        except Problem as problem:
            result = problem
        return result, interleaving.result, interleaving.has_interleaved


@pytest.mark.timeout(120)
@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_units_are_correct_with_another_unit_between_any_two_statements(tmp_path, scenario):
    async def work():
        origin = tmp_path / "origin"
        origin.mkdir()
        state = await set_up(origin, scenario)
        for position in range(MAX_STATEMENTS):
            directory = tmp_path / str(position)
            shutil.copytree(origin, directory)
            first, second, has_interleaved = await interleave(directory, scenario, state, position)
            if not has_interleaved:
                return position
            if isinstance(first, Problem):
                assert isinstance(first, scenario.errors), (position, first)
            else:
                assert scenario.check(first, second), (position, first, second)
        raise AssertionError("the first call has too many statements")

    assert asyncio.run(work()) >= 1
