"""Readiness of a service in a process of its own: the other services."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from envmgr.server.bootstrap.peers import Peers
from envmgr.server.bootstrap.service_health import peer_check
from envmgr.server.contracts.remote import event_state
from envmgr.server.contracts.remote.event_state_rpc import rpc_service
from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.grpc import channel
from envmgr.server.kit.messaging.event_state import EventState
from envmgr.server.kit.security.service_tokens import ServiceTokens
from envmgr.server.kit.security.tokens import keyring, shared_key
from support.services.remote_ports import SERVICE_KEYS, Principals, serving

OTHER_KEYS = [shared_key(b"another-secret-than-that-of-the-others")]
KEYRING = keyring(secret="a-secret-of-more-than-32-bytes-for-tests", private_key="", jwks="", path="")
UNREACHABLE = "127.0.0.1:1"


@pytest.fixture(autouse=True)
def _patience(monkeypatch):
    """Wait for peers on a busy machine."""
    monkeypatch.setattr(channel, "HEALTH_TIMEOUT_SECONDS", 60)
    monkeypatch.setattr(event_state, "POLL_TIMEOUT_SECONDS", 60)


async def read_state():
    return EventState(0, {}, ())


def check(required, keys, *, away=()):
    """Return the detail of the check of a service that calls two others with tokens of these keys."""

    async def main():
        async with AsyncExitStack() as stack:
            addresses = {
                name: await stack.enter_async_context(
                    serving([rpc_service(read_state)], Principals(), name=name)
                )
                for name in ("version", "audit")
            }
            addresses |= dict.fromkeys(away, UNREACHABLE)
            peers = Peers(addresses, ServiceTokens("app", keys), KEYRING)
            stack.push_async_callback(peers.close)
            await peers.event_states.refresh()
            return await peer_check(required, peers).run()

    return asyncio.run(main())


def test_services_that_accept_the_token_are_reachable():
    assert check(("version",), SERVICE_KEYS) == "2 services reachable"


@pytest.mark.parametrize("required", [(), ("version",)])
def test_a_service_with_another_secret_than_all_others_is_not_ready(required):
    with pytest.raises(ServiceUnavailable, match=r"version refuses calls of app: .*JWT_SECRET"):
        check(required, OTHER_KEYS, away=("gateway",))


def test_a_service_that_is_away_is_named_and_fails_only_where_it_is_required():
    assert check((), SERVICE_KEYS, away=("audit",)) == "service audit is unreachable"
    with pytest.raises(ServiceUnavailable, match="service audit is unreachable"):
        check(("audit",), SERVICE_KEYS, away=("audit",))
