"""A gateway over a real database file, with operations of its users."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

from envmgr.server.contracts.identity_requests import ClientInfo, KeyCreate, Login, UserCreate
from envmgr.server.gateway import module
from envmgr.server.kit.common.context import Idempotency, RequestContext
from envmgr.server.kit.security.tokens import keyring
from support.services.database_runners import (
    DATABASE,
    create_postgres_database,
    postgres_databases,
    postgres_url,
)
from support.services.service_fixtures import emitted_events, opened
from support.services.version_fixtures import FewApps

PASSWORD = "correct horse battery staple"
RING = keyring(secret="a-secret-that-is-long-enough-for-a-test", private_key="", jwks="", path="")
HERE = ClientInfo("192.0.2.1")
APPS = ("shop", "blog")
"""The names of apps 1 and 2."""


class Gate:
    """A gateway with the operations that its tests repeat."""

    def __init__(self, gateway, database):
        self.gateway = gateway
        self.database = database
        self.sessions, self.users, self.keys = gateway.sessions, gateway.users, gateway.keys

    async def login(self, username="admin", password=PASSWORD, origin=HERE):
        return await self.sessions.login(origin, Login(username=username, password=password))

    async def principal_of(self, token):
        return await self.gateway.authenticator.authenticate(token)

    async def call(self, token, *, key=None, if_match=None):
        idempotency = None if key is None else Idempotency(key, "fingerprint")
        states = None if if_match is None else frozenset({if_match})
        return RequestContext(
            principal=await self.principal_of(token), idempotency=idempotency, if_match=states
        )

    async def admin(self, **conditions):
        return await self.call((await self.login()).access_token, **conditions)

    async def new_user(self, name, role="user"):
        return (
            await self.users.create(
                await self.admin(), UserCreate(username=name, password=PASSWORD, role=role)
            )
        ).value

    async def key(self, call, scopes=("apps:read",), **options):
        return (await self.keys.create(call, KeyCreate(name="ci", scopes=scopes, **options))).value

    async def emitted_events(self, *types):
        return [
            event
            for event in await emitted_events(self.database, "gateway")
            if not types or event.type in types
        ]


async def _create_admin(directory):
    async with opened(directory, module) as database:
        gateway = module.make(database, RING, FewApps())
        await gateway.create_initial_admin(PASSWORD)
        await gateway.close()


@cache
def sqlite_with_admin():
    """Return the bytes of a database with only the admin, as creating one takes longer than most tests."""
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(_create_admin(Path(directory)))
        return Path(directory, "gateway.db").read_bytes()


@cache
def _postgres_with_admin():
    """Return the name of such a database."""
    name = "template_gateway_with_admin"
    asyncio.run(_create_admin(name))
    created = postgres_url(name, module).rpartition("/")[2]
    postgres_databases().rename(created, name)
    return name


def _copy_database(directory):
    """Create a directory's database, unless it exists."""
    file = directory / "gateway.db"
    if DATABASE == "postgresql":
        create_postgres_database(directory, module, _postgres_with_admin())
    elif not file.exists():
        file.write_bytes(sqlite_with_admin())


@asynccontextmanager
async def gate_in(directory, **options):
    async with opened(directory, module) as database:
        gateway = module.make(database, RING, FewApps(*APPS), **options)
        try:
            yield Gate(gateway, database)
        finally:
            await gateway.close()


def run(directory, scenario, **options):
    """Run a scenario at a gateway whose admin has the password of this file."""

    async def run_scenario():
        async with gate_in(directory, **options) as gate:
            return await scenario(gate)

    _copy_database(directory)
    return asyncio.run(run_scenario())
