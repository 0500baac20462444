"""Requests sent at once to several processes, and checks of how many had an effect."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, zip_longest
from threading import Barrier
from typing import TYPE_CHECKING

from support.server.server_process import ADMIN_PASSWORD

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from support.http.raw_client import Reply
    from support.server.server_process import Daemon

CLIENTS = 32
UNAVAILABLE = 503
"""The status of a request that had no effect, unless its problem contains UNKNOWN_EFFECT."""
UNKNOWN_EFFECT = "may have had its effect"
TIMEOUT_SECONDS = 60


class Admin:
    """The admin that is left: a test may remove the one before."""

    def __init__(self, gateway: Daemon, name: str = "admin") -> None:
        self.name = name
        self.token = gateway.login(name, ADMIN_PASSWORD)["access_token"]


def send_at_once(calls: Sequence[tuple]) -> list[Reply]:
    """Send requests, each of a daemon and a token, all at once; return the replies."""
    barrier = Barrier(len(calls))

    def send(call: tuple) -> Reply:
        daemon, token, *request = call
        with daemon.wire(token, timeout=TIMEOUT_SECONDS) as wire:
            barrier.wait()
            return wire.ask(*request)

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(send, calls))


def calls_of(daemons: Sequence[Daemon], token: str, requests: Iterable[tuple]) -> list[tuple]:
    """Return calls of processes in turn."""
    return [(daemon, token, *request) for daemon, request in zip(cycle(daemons), requests, strict=False)]


def alternating(first: Iterable[tuple], second: Iterable[tuple]) -> list[tuple]:
    """Return both lists as one, in turn while both last."""
    pairs = zip_longest(first, second)
    return [call for pair in pairs for call in pair if call is not None]


def created(reply: Reply) -> dict:
    """Return what a request created."""
    assert reply.status == 201, reply.text
    return reply.json


def statuses(replies: Iterable[Reply]) -> Counter[int]:
    """Count replies by their status."""
    return Counter(reply.status for reply in replies)


def check_counts(replies: Sequence[Reply], status: int, count: int) -> None:
    """Check the number of effects: replies with this status, and perhaps some whose effect is unknown."""
    effects = statuses(replies)[status]
    unknown_effects = sum(UNKNOWN_EFFECT in reply.text for reply in replies)
    assert effects <= count <= effects + unknown_effects, (count, [reply.text for reply in replies])


def check_winner(replies: Sequence[Reply], winner: int, loser: int) -> None:
    """Check that one request succeeded, or that the effect of some is unknown."""
    assert set(statuses(replies)) <= {winner, loser, UNAVAILABLE}, [reply.text for reply in replies]
    check_counts(replies, winner, 1)
