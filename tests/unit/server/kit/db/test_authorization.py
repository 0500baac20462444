"""Units of work authorize the caller again in the writing transaction."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from envmgr.server.app import module as app_module
from envmgr.server.audit import module as audit_module
from envmgr.server.contracts.identity_requests import BindingCreate, KeyCreate, UserCreate, UserPatch
from envmgr.server.contracts.requests import (
    AppCreate,
    AppPatch,
    AppPut,
    DeploymentCreate,
    EnvironmentCreate,
    EnvironmentPatch,
    EnvironmentPut,
    StatusCreate,
    VersionPatch,
    VersionPut,
)
from envmgr.server.deployment import module as deployment_module
from envmgr.server.kit.common.problems import Unauthenticated
from envmgr.server.version import module as version_module
from support.services.deployment_fixtures import KnownVersions, version
from support.services.gateway_fixtures import run
from support.services.service_fixtures import call, emitted_events, opened
from support.services.version_fixtures import FewApps

APPS = {
    "create": lambda service, caller: service.create(caller, AppCreate(name="blog")),
    "replace": lambda service, caller: service.replace(caller, "shop", AppPut(name="store")),
    "update": lambda service, caller: service.update(caller, "shop", AppPatch(description="x")),
    "delete": lambda service, caller: service.delete(caller, "shop", 1),
}
VERSIONS = {
    "create": lambda service, caller: service.create(caller, "shop", "2.0", VersionPut()),
    "upsert": lambda service, caller: service.upsert(caller, "shop", "2.0", VersionPut()),
    "replace": lambda service, caller: service.replace(caller, 1, VersionPut(changelog="x")),
    "update": lambda service, caller: service.update(caller, 1, VersionPatch(changelog="x")),
    "delete": lambda service, caller: service.delete(caller, 1),
}
DEPLOYMENTS = {
    "create": lambda service, caller: service.create(
        caller, DeploymentCreate(version_id=1, environment="dev")
    ),
    "add_status": lambda service, caller: service.add_status(caller, 1, StatusCreate(status="in_progress")),
    "set_status": lambda service, caller: service.set_status(caller, 1, StatusCreate(status="in_progress")),
    "delete": lambda service, caller: service.delete(caller, 1),
    "begin_deletion": lambda service, caller: service.begin_deletion(caller, app_id=1, force=True),
    "create_environment": lambda service, caller: service.create_environment(
        caller, EnvironmentCreate(name="qa")
    ),
    "replace_environment": lambda service, caller: service.replace_environment(
        caller, "qa", EnvironmentPut()
    ),
    "update_environment": lambda service, caller: service.update_environment(
        caller, "prod", EnvironmentPatch(sort_order=1)
    ),
    "delete_environment": lambda service, caller: service.delete_environment(caller, "prod"),
}


class NoPermissions:
    def require(self, _principal):
        raise Unauthenticated("the credential was revoked or has expired")


async def _app(database):
    service = app_module.make(database)
    await service.create(call(), AppCreate(name="shop"))
    return service


async def _version(database):
    service = version_module.make(database, FewApps("shop"))
    await service.create(call(), "shop", "1.0", VersionPut())
    return service


async def _deployment(database):
    service = deployment_module.make(database, KnownVersions(version(1)), FewApps("shop"))
    await service.create(call(), DeploymentCreate(version_id=1, environment="prod"))
    return service


SERVICES = [
    (app_module, _app, APPS),
    (version_module, _version, VERSIONS),
    (deployment_module, _deployment, DEPLOYMENTS),
]


@pytest.mark.parametrize(
    ("module", "prepare", "attempt"),
    [
        pytest.param(module, prepare, attempt, id=f"{module.NAME}-{name}")
        for module, prepare, attempts in SERVICES
        for name, attempt in attempts.items()
    ],
)
def test_a_unit_of_work_of_a_caller_who_lost_the_scope_changes_nothing(tmp_path, module, prepare, attempt):
    async def scenario():
        async with opened(tmp_path, module) as database:
            service = await prepare(database)
            before = await emitted_events(database, module.NAME)
            with pytest.raises(Unauthenticated, match="revoked"):
                await attempt(service, replace(call(), current_permissions=NoPermissions))
            assert await emitted_events(database, module.NAME) == before

    asyncio.run(scenario())


def test_a_caller_who_lost_the_scope_cannot_create_a_checkpoint(tmp_path):
    async def scenario():
        async with opened(tmp_path, audit_module) as database:
            audit = audit_module.make(database, audit_module.private_key(str(tmp_path / "audit.key")))
            with pytest.raises(Unauthenticated, match="revoked"):
                await audit.checkpoint(replace(call(), current_permissions=NoPermissions))

    asyncio.run(scenario())


BINDING = BindingCreate(
    issuer="https://ci.example", audience="alm", claims={"sub": "x"}, scopes=("apps:read",)
)
GATEWAY = {
    "create_user": lambda gate, caller: gate.users.create(
        caller, UserCreate(username="new", password="correct horse battery")
    ),
    "update_user": lambda gate, caller: gate.users.update(caller, "admin", UserPatch(role="user")),
    "delete_user": lambda gate, caller: gate.users.delete(caller, "admin"),
    "create_key": lambda gate, caller: gate.keys.create(caller, KeyCreate(name="k", scopes=("apps:read",))),
    "revoke_key": lambda gate, caller: gate.keys.revoke(caller, 1),
    "create_binding": lambda gate, caller: gate.gateway.bindings.create(caller, BINDING),
    "delete_binding": lambda gate, caller: gate.gateway.bindings.delete(caller, 1),
}


@pytest.mark.parametrize("end", ["deleted", "deactivated", "demoted"])
@pytest.mark.parametrize("attempt", GATEWAY.values(), ids=GATEWAY)
def test_the_gateway_checks_the_caller_in_the_transaction(tmp_path, attempt, end):
    async def scenario(gate):
        admin = await gate.admin()
        await gate.key(admin)
        await gate.gateway.bindings.create(admin, BINDING)
        await gate.new_user("eve", "admin")
        late = await gate.call((await gate.login("eve")).access_token)
        if end == "deleted":
            await gate.users.delete(admin, "eve")
        else:
            change = UserPatch(active=False) if end == "deactivated" else UserPatch(role="user")
            await gate.users.update(admin, "eve", change)
        before = await gate.emitted_events()
        with pytest.raises(Unauthenticated):
            await attempt(gate, late)
        assert await gate.emitted_events() == before

    run(tmp_path, scenario)
