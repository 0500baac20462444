"""Permissions are read again once the gateway's database has changed, and only then."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from envmgr.server.contracts.identity_requests import BindingCreate, Logout, UserPatch
from envmgr.server.gateway.auth import current_principal
from envmgr.server.gateway.auth.authenticator import Authenticator
from envmgr.server.kit.common.clock import now_ms
from envmgr.server.kit.common.context import Principal
from envmgr.server.kit.common.problems import Forbidden, Unauthenticated
from support.services.database_runners import reads_sqlite_file
from support.services.gateway_fixtures import RING, run

SCOPES = frozenset({"apps:read", "users:admin"})
BINDING = BindingCreate(
    issuer="https://ci.example", audience="alm", claims={"sub": "x"}, scopes=("apps:read",)
)
RUN_SQL = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
with connection:
    assert connection.execute(sys.argv[2]).rowcount >= 1
"""


class CountingDatabase:
    """A gateway's database that counts the reads of a writing thread."""

    def __init__(self, inner):
        self._inner = inner
        self.reads = 0

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def read_blocking(self, work):
        self.reads += 1
        return self._inner.read_blocking(work)


class Checks:
    """Checks of principals in one thread, as in the writer of another service's database."""

    def __init__(self, gate):
        self.database = CountingDatabase(gate.database)
        self._authenticator = Authenticator(self.database, RING)
        self._thread = ThreadPoolExecutor(1)

    async def require(self, principal):
        def check():
            self._authenticator.current_permissions().require(principal)

        await asyncio.get_running_loop().run_in_executor(self._thread, check)


async def principals(gate):
    """Return a principal of each kind, all of eve's or of a binding."""
    admin = await gate.admin()
    await gate.new_user("eve", "admin")
    eve = await gate.call((await gate.login("eve")).access_token)
    key = await gate.principal_of((await gate.key(eve, tuple(sorted(SCOPES)))).key)
    binding = (await gate.gateway.bindings.create(admin, BINDING)).value
    oidc = Principal(
        actor=f"oidc:{binding.id}/7",
        role="ci",
        scopes=frozenset({"apps:read"}),
        credential=f"oidc:{binding.id}",
    )
    return admin, {"session": eve.principal, "key": key, "binding": oidc}


async def _delete_user(gate, admin, _eve):
    await gate.users.delete(admin, "eve")


async def _lower_role(gate, admin, _eve):
    await gate.users.update(admin, "eve", UserPatch(role="user"))


async def _deactivate(gate, admin, _eve):
    await gate.users.update(admin, "eve", UserPatch(active=False))


async def _sign_out(gate, _admin, eve):
    await gate.sessions.logout(eve, Logout())


async def _revoke_key(gate, admin, _eve):
    await gate.keys.revoke(admin, 1)


async def _delete_binding(gate, admin, _eve):
    await gate.gateway.bindings.delete(admin, 1)


LOSSES = [
    ("session", _delete_user, Unauthenticated),
    ("session", _lower_role, Unauthenticated),
    ("session", _deactivate, Unauthenticated),
    ("key", _delete_user, Unauthenticated),
    ("key", _lower_role, Forbidden),
    ("key", _deactivate, Unauthenticated),
    ("key", _revoke_key, Unauthenticated),
    ("binding", _delete_binding, Unauthenticated),
]


@pytest.mark.parametrize(("kind", "lose", "problem"), LOSSES)
def test_a_loss_is_seen_by_the_next_check(tmp_path, kind, lose, problem):
    async def scenario(gate):
        admin, by_kind = await principals(gate)
        checks = Checks(gate)
        for _ in range(3):
            await checks.require(by_kind[kind])
        await lose(gate, admin, by_kind["session"])
        for _ in range(2):
            with pytest.raises(problem):
                await checks.require(by_kind[kind])

    run(tmp_path, scenario)


LOSSES_BY_SQL = [
    ("session", "UPDATE user SET deleted_at = 1 WHERE username = 'eve'", Unauthenticated),
    ("session", "UPDATE user SET active = 0 WHERE username = 'eve'", Unauthenticated),
    ("session", "UPDATE user SET role = 'viewer' WHERE username = 'eve'", Forbidden),
    ("session", "UPDATE session SET revoked_at = 1", Unauthenticated),
    ("key", "UPDATE user SET deleted_at = 1 WHERE username = 'eve'", Unauthenticated),
    ("key", "UPDATE user SET role = 'viewer' WHERE username = 'eve'", Forbidden),
    ("key", "UPDATE api_key SET revoked_at = 1", Unauthenticated),
    ("binding", "DELETE FROM binding", Unauthenticated),
]


@reads_sqlite_file
@pytest.mark.parametrize(("kind", "statement", "problem"), LOSSES_BY_SQL)
def test_a_loss_by_another_process_is_seen_by_the_next_check(tmp_path, kind, statement, problem):
    async def scenario(gate):
        _, by_kind = await principals(gate)
        checks = Checks(gate)
        for _ in range(3):
            await checks.require(by_kind[kind])
        command = [sys.executable, "-c", RUN_SQL, str(tmp_path / "gateway.db"), statement]
        await asyncio.to_thread(subprocess.run, command, check=True)
        with pytest.raises(problem):
            await checks.require(by_kind[kind])

    run(tmp_path, scenario)


@reads_sqlite_file  # other databases have no version of their content, so the rows are read each time
def test_rows_are_read_once_while_nothing_changes(tmp_path):
    async def scenario(gate):
        _, by_kind = await principals(gate)
        checks = Checks(gate)
        for _ in range(5):
            for principal in by_kind.values():
                await checks.require(principal)
        assert checks.database.reads == len(by_kind)
        await gate.new_user("ada")
        for principal in by_kind.values():
            await checks.require(principal)
        assert checks.database.reads == 2 * len(by_kind)

    run(tmp_path, scenario)


def test_a_principal_with_more_scopes_is_checked_on_its_own(tmp_path):
    async def scenario(gate):
        _, by_kind = await principals(gate)
        checks = Checks(gate)
        await checks.require(by_kind["key"])
        key = by_kind["key"]
        wider = Principal(
            actor=key.actor,
            role=key.role,
            scopes=key.scopes | {"apps:write"},
            user_id=key.user_id,
            credential=key.credential,
        )
        with pytest.raises(Forbidden, match="apps:write"):
            await checks.require(wider)

    run(tmp_path, scenario)


@pytest.mark.parametrize("kind", ["session", "key"])
def test_a_credential_expires_although_nothing_changes(tmp_path, monkeypatch, kind):
    async def scenario(gate):
        eve = await gate.admin()
        key = await gate.principal_of((await gate.key(eve, expires_in=3600)).key)
        principal = {"session": eve.principal, "key": key}[kind]
        checks = Checks(gate)
        await checks.require(principal)
        monkeypatch.setattr(current_principal, "now_ms", lambda: now_ms() + 3590 * 1000)
        await checks.require(principal)
        monkeypatch.setattr(current_principal, "now_ms", lambda: now_ms() + 365 * 24 * 3600 * 1000)
        with pytest.raises(Unauthenticated):
            await checks.require(principal)

    run(tmp_path, scenario)
