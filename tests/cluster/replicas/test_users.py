"""Users and their sessions, changed at once through two gateways.

These tests run after the others, as admins are removed.
"""

from __future__ import annotations

from itertools import cycle

import pytest

from support.server.cluster import NEEDS_CLUSTER
from support.server.races import CLIENTS, UNAVAILABLE, Admin, calls_of, check_winner, created, send_at_once
from support.server.server_process import ADMIN_PASSWORD

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    NEEDS_CLUSTER,
]
REFRESH_ROUNDS, REMOVAL_ROUNDS = 8, 4


def test_a_refresh_token_is_used_once(cluster, admins):
    for _ in range(REFRESH_ROUNDS):
        session = cluster.gateway.login(admins[0].name, ADMIN_PASSWORD)
        request = "POST", "/auth/refresh", {"refresh_token": session["refresh_token"]}
        replies = send_at_once(calls_of(cluster.replicas["gateway"], "", [request] * CLIENTS))
        check_winner(replies, 200, 401)


REMOVALS = {
    "deleted": ("DELETE", None),
    "demoted": ("PATCH", {"role": "viewer"}),
    "deactivated": ("PATCH", {"active": False}),
}


@pytest.mark.parametrize("removal", REMOVALS)
def test_of_two_admins_who_remove_each_other_one_remains(cluster, admins, ask, list_all, removal):
    method, body = REMOVALS[removal]
    for number in range(REMOVAL_ROUNDS):
        first = admins[0]
        name = f"{removal}-{number}"
        created(ask("POST", "/users", {"username": name, "password": ADMIN_PASSWORD, "role": "admin"}))
        second = Admin(cluster.gateway, name)
        calls = [
            (daemon, remover.token, method, f"/users/{removed.name}", body)
            for daemon, (remover, removed) in zip(
                cluster.replicas["gateway"] * (CLIENTS // 2),
                cycle([(first, second), (second, first), (second, first), (first, second)]),
                strict=False,
            )
        ]
        replies = send_at_once(calls)
        assert {reply.status for reply in replies} <= {200, 204, 401, 403, 404, 409, UNAVAILABLE}
        admins[0] = remaining(cluster, first, second)
        rows = [row for row in list_all("/users?limit=200") if row["role"] == "admin" and row["active"]]
        assert [row["username"] for row in rows] == [admins[0].name]


def remaining(cluster, *candidates):
    """Return the admin of two who can still sign in, with a new session."""
    with cluster.gateway.wire() as wire:
        replies = {
            admin.name: wire.ask("POST", "/auth/login", {"username": admin.name, "password": ADMIN_PASSWORD})
            for admin in candidates
        }
    sessions = {name: reply.json["access_token"] for name, reply in replies.items() if reply.status == 200}
    names = []
    for name, token in sessions.items():
        with cluster.gateway.wire(token) as wire:
            if wire.ask("GET", "/users?limit=1").status == 200:
                names.append(name)
    assert len(names) == 1, (names, {name: reply.status for name, reply in replies.items()})
    return Admin(cluster.gateway, names[0])
