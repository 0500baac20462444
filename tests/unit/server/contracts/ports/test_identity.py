"""The contract of the ports of identity, for the local gateway and over gRPC."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from msgspec import structs
from msgspec.structs import asdict

from envmgr.server.contracts.identity_requests import (
    BindingCreate,
    ClientInfo,
    KeyCreate,
    Login,
    Logout,
    PasswordChange,
    TokenExchangeRequest,
    UserCreate,
    UserPatch,
)
from envmgr.server.contracts.problems import InvalidCredentials, LastAdmin, RefreshTokenReused, TokenRefused
from envmgr.server.contracts.remote.identity import RemoteIdentity, RemotePrincipals
from envmgr.server.gateway.rpc import rpc_services
from envmgr.server.kit.common.context import Principal, PrincipalRef, RequestContext
from envmgr.server.kit.common.pages import PageRequest
from envmgr.server.kit.common.problems import Forbidden, InvalidFields, NotFound, Unauthenticated
from envmgr.server.kit.db.unit_calls import UnitCalls
from envmgr.server.kit.telemetry.request_info import RequestInfo
from support.services import gateway_fixtures
from support.services.gateway_fixtures import HERE, PASSWORD
from support.services.remote_ports import TRANSPORTS, port_over

ANOTHER_PASSWORD = "another correct horse battery"


@pytest.fixture(params=TRANSPORTS)
def run(request, tmp_path):
    """Run a scenario at a gateway: `scenario(identity, gate)`; `caller` calls it over gRPC."""

    def run_scenario(scenario, caller="app"):
        async def at_gate(gate):
            async with _identity_over(request.param, gate.gateway, caller) as identity:
                return await scenario(identity, gate)

        return gateway_fixtures.run(tmp_path, at_gate)

    return run_scenario


@asynccontextmanager
async def _identity_over(transport, gateway, caller):
    def remote(channel):
        return RemoteIdentity(channel, RemotePrincipals(channel, UnitCalls().wait))

    async with port_over(
        transport, gateway, rpc_services(gateway), remote, gateway.authenticator, caller=caller
    ) as identity:
        yield identity


async def admin_of(identity, **options):
    tokens = await identity.sessions.login(HERE, Login(username="admin", password=PASSWORD))
    principal = await identity.authenticator.authenticate(tokens.access_token)
    return RequestContext(principal=principal, **options)


def ref_of(principal, scopes=None):
    return PrincipalRef(
        actor=principal.actor,
        credential=principal.credential,
        scopes=principal.scopes if scopes is None else frozenset(scopes),
    )


def test_a_session_is_started_refreshed_and_ended(run):
    async def scenario(identity, _gate):
        sessions = identity.sessions
        first = await sessions.login(HERE, Login(username="admin", password=PASSWORD))
        assert (first.token_type, first.expires_in) == ("Bearer", 900)
        second = await sessions.refresh(HERE, first.refresh_token)
        principal = await identity.authenticator.authenticate(second.access_token)
        assert (principal.actor, principal.role, principal.apps) == ("user:admin", "admin", None)
        with pytest.raises(RefreshTokenReused):
            await sessions.refresh(HERE, first.refresh_token)
        third = await sessions.login(ClientInfo("192.0.2.2"), Login(username="admin", password=PASSWORD))
        await sessions.logout(None, Logout(refresh_token=third.refresh_token))
        with pytest.raises(Unauthenticated):
            await sessions.refresh(HERE, third.refresh_token)
        with pytest.raises(InvalidCredentials):
            await sessions.login(HERE, Login(username="admin", password="wrong"))

    run(scenario)


def test_a_caller_reads_its_identity_changes_its_password_and_signs_out(run):
    async def scenario(identity, gate):
        context = await admin_of(identity)
        current = await identity.sessions.current_principal(context)
        assert (current.actor, current.role, current.app_ids, current.apps) == (
            "user:admin",
            "admin",
            None,
            None,
        )
        assert (await identity.sessions.public_keys()).keys == ()
        await gate.key(context)
        change = PasswordChange(current=PASSWORD, new=ANOTHER_PASSWORD, revoke_keys=True)
        keys = await identity.sessions.change_password(context, HERE, change)
        assert (keys.active_keys, keys.revoked_keys) == (0, 1)
        tokens = await identity.sessions.login(HERE, Login(username="admin", password=ANOTHER_PASSWORD))
        again = RequestContext(principal=await identity.authenticator.authenticate(tokens.access_token))
        await identity.sessions.logout(again, Logout())
        with pytest.raises(Unauthenticated):
            await identity.sessions.refresh(HERE, tokens.refresh_token)

    run(scenario)


def test_a_principal_is_resolved_with_its_present_permissions(run):
    async def scenario(identity, gate):
        context = await admin_of(identity)
        user = (
            await identity.users.create(context, UserCreate(username="ada", password=PASSWORD, role="user"))
        ).value
        ada = await gate.principal_of((await gate.login("ada")).access_token)
        assert await identity.principals.resolve(ref_of(ada)) == ada
        narrow = await identity.principals.resolve(ref_of(ada, ["apps:read", "users:admin"]))
        assert narrow.scopes == {"apps:read"}
        await identity.users.update(context, str(user.id), UserPatch(active=False))
        with pytest.raises(Unauthenticated, match="revoked"):
            await identity.principals.resolve(ref_of(ada, ["apps:write"]))

    run(scenario)


@pytest.mark.parametrize(
    "changes",
    [
        {"actor": "user:other"},
        {"credential": "session:999"},
        {"credential": "session:x"},
        {"credential": "key:1"},
        {"credential": "root:1"},
        {"credential": ""},
    ],
    ids=str,
)
def test_a_principal_that_its_credential_does_not_have_is_refused(run, changes):
    async def scenario(identity, _gate):
        context = await admin_of(identity)
        with pytest.raises(Unauthenticated):
            await identity.principals.resolve(structs.replace(ref_of(context.principal), **changes))

    run(scenario)


def test_a_unit_of_work_checks_the_present_permissions(run):
    async def scenario(identity, gate):
        context = await admin_of(identity)
        principal = context.principal

        async def check(checked):
            await gate.database.write(
                lambda transaction: transaction.share(identity.authenticator.current_permissions).require(
                    checked
                )
            )

        await check(principal)
        await check(Principal(actor="system:deployment", role="system", scopes=frozenset()))
        key = (await identity.keys.create(context, KeyCreate(name="ci", scopes=("apps:read",)))).value
        limited = await identity.authenticator.authenticate(key.key)
        with pytest.raises(Forbidden, match="missing scope apps:write"):
            await check(structs.replace(limited, scopes=limited.scopes | {"apps:write"}))
        await identity.sessions.logout(context, Logout())
        with pytest.raises(Unauthenticated):
            await check(principal)

    run(scenario)


def test_users_are_created_listed_updated_and_deleted(run):
    async def scenario(identity, _gate):
        context = await admin_of(identity)
        result = await identity.users.create(
            context, UserCreate(username="ada", password=PASSWORD, role="viewer")
        )
        assert (result.created, result.value.role, result.value.active) == (True, "viewer", True)
        updated = await identity.users.update(context, "ada", UserPatch(role="user"))
        assert (updated.role, updated.active) == ("user", True)
        assert asdict(await identity.users.get(context, "ada")).items() <= asdict(updated).items()
        page = await identity.users.list(context, PageRequest())
        assert [user.username for user in page.items] == ["ada", "admin"]
        await identity.users.delete(context, "ada")
        with pytest.raises(NotFound):
            await identity.users.get(context, "ada")
        with pytest.raises(LastAdmin):
            await identity.users.delete(context, "admin")
        with pytest.raises(InvalidFields) as caught:
            await identity.users.create(context, UserCreate(username="eve", password="short"))
        assert [pointer for pointer, _ in caught.value.errors] == ["/password"]

    run(scenario)


def test_the_operator_sets_passwords_and_creates_the_first_admin(run):
    async def scenario(identity, gate):
        await gate.key(await gate.admin())
        keys = await identity.users.set_password("admin", ANOTHER_PASSWORD)
        assert (keys.active_keys, keys.revoked_keys) == (1, 0)
        keys = await identity.users.set_password("admin", ANOTHER_PASSWORD, revoke_keys=True)
        assert (keys.active_keys, keys.revoked_keys) == (0, 1)
        await gate.sessions.login(HERE, Login(username="admin", password=ANOTHER_PASSWORD))
        assert await identity.create_initial_admin() is None

    run(scenario, caller="operator")


def test_keys_show_their_secret_once(run):
    async def scenario(identity, _gate):
        context = await admin_of(identity)
        new = KeyCreate(name="ci", scopes=("versions:write",), app="shop", expires_in=3600)
        key = (await identity.keys.create(context, new)).value
        assert (key.app_ids, key.apps, key.scopes) == ((1,), ("shop",), ("versions:write",))
        principal = await identity.authenticator.authenticate(key.key)
        assert (principal.actor, principal.apps) == (f"key:{key.id}", {1})
        stored = await identity.keys.get(context, key.id)
        assert stored == structs.replace(key, key=stored.key, last_used_at=stored.last_used_at)
        assert not isinstance(stored.key, str)
        assert [item.id for item in (await identity.keys.list(context, PageRequest())).items] == [key.id]
        await identity.keys.revoke(context, key.id)
        with pytest.raises(NotFound):
            await identity.keys.get(context, key.id)

    run(scenario)


def test_bindings_are_created_listed_and_deleted(run):
    async def scenario(identity, _gate):
        context = await admin_of(identity)
        new = BindingCreate(
            issuer="https://issuer.example",
            audience="alm",
            claims={"repository_id": "7"},
            scopes=("versions:write",),
            apps=("shop", "blog"),
        )
        binding = (await identity.bindings.create(context, new)).value
        assert (binding.claims, binding.app_ids, binding.lifetime) == ({"repository_id": "7"}, (1, 2), 900)
        assert await identity.bindings.get(context, binding.id) == binding
        assert list((await identity.bindings.list(context, PageRequest())).items) == [binding]
        await identity.bindings.delete(context, binding.id)
        with pytest.raises(NotFound):
            await identity.bindings.get(context, binding.id)

    run(scenario)


def test_an_exchange_that_is_refused_has_its_oauth_error(run):
    async def scenario(identity, _gate):
        request = TokenExchangeRequest(
            grant_type="other", subject_token="x", subject_token_type="urn:ietf:params:oauth:token-type:jwt"
        )
        with pytest.raises(TokenRefused) as caught:
            await identity.exchange.exchange(HERE, request)
        assert caught.value.members["error"] == "unsupported_grant_type"
        assert caught.value.status == 400

    run(scenario)


def test_denials_are_recorded(run):
    async def scenario(identity, gate):
        info = RequestInfo("GET", "/apps", "192.0.2.1", "request-1", actor="user:eve", problem="forbidden")
        await identity.denials.record_denial(replace(info, reason="missing scope"), 403)
        (event,) = await gate.emitted_events("AccessDenied")
        assert (event.actor, event.data["path"]) == ("user:eve", "/apps")

    run(scenario)


def test_unknown_tokens_are_refused(run):
    async def scenario(identity, _gate):
        with pytest.raises(Unauthenticated) as caught:
            await identity.authenticator.authenticate("nonsense")
        assert caught.value.headers["www-authenticate"].startswith("Bearer")

    run(scenario)
