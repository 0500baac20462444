"""The counts of API keys after a change of a user, over either transport."""

from __future__ import annotations

import asyncio

import pytest

from envmgr.server.contracts.identity_requests import UserPatch
from envmgr.server.contracts.identity_resources import ChangedUser
from envmgr.server.contracts.remote.identity_ports import RemoteUsers
from envmgr.server.gateway.rpc import rpc_services
from support.services.remote_ports import TRANSPORTS, Principals, port_over

TIME = "2026-01-02T03:04:05.000Z"


class Users:
    """Users whose change has a fixed result."""

    def __init__(self, changed):
        self.changed = changed

    async def update(self, _context, _ref, _change):
        return self.changed


class Identity:
    """An identity port with users only."""

    sessions = keys = bindings = exchange = None

    def __init__(self, users):
        self.users = users


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    "counts", [{}, {"active_keys": 2, "revoked_keys": 0}, {"active_keys": 0, "revoked_keys": 3}]
)
def test_a_change_returns_its_counts_if_it_has_any(transport, counts):
    changed = ChangedUser(
        id=1, username="ada", role="user", active=True, created_at=TIME, updated_at=TIME, rev=2, **counts
    )

    async def scenario():
        users, principals = Users(changed), Principals()
        services = rpc_services(Identity(users))
        async with port_over(transport, users, services, RemoteUsers, principals) as port:
            assert await port.update(principals.context(), "ada", UserPatch(active=True)) == changed

    asyncio.run(scenario())
