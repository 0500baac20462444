"""The server is killed at random times, repeatedly: writes are neither lost nor repeated."""

from __future__ import annotations

import random
import time

import pytest

from support.server.concurrent_writers import WriterPool, life_of_an_app, pages
from support.server.server_process import Daemon
from support.server.write_checks import await_deployments_by_rule, check_everything, prepare
from support.waiting import wait_until

CLIENTS = 8
KILLS = 12
LIFE_SECONDS = (0.3, 1.2)
"""Seconds between readiness and the kill, at least."""
MIN_WRITES_OF_A_LIFE = 25
"""Writes between them, for which a busy machine needs more time."""
REPLAYS = 100


@pytest.fixture
def daemon(tmp_path):
    daemon = Daemon(tmp_path)
    yield daemon.start()
    daemon.end()


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_writes_are_neither_lost_nor_repeated_despite_kills(daemon):
    token = daemon.login()["access_token"]
    with daemon.wire(token) as wire:
        prepare(wire)
    dice = random.Random(3)
    with WriterPool(daemon.port, token, life_of_an_app, CLIENTS) as crew:
        for _ in range(KILLS):
            enough = len(crew.confirmed) + MIN_WRITES_OF_A_LIFE
            time.sleep(dice.uniform(*LIFE_SECONDS))
            wait_until(lambda enough=enough: len(crew.confirmed) >= enough or crew.wrong)
            daemon.kill()
            daemon.start()
    with daemon.wire(token) as wire:
        await_deployments_by_rule(wire)
    daemon.settle(token)
    check_much_happened(crew)
    with daemon.wire(token) as wire:
        audits = check_everything(crew, wire)
        check_repeated_requests_change_nothing(crew, wire, daemon, audits)
    check_output(daemon.output)


def check_much_happened(crew):
    assert crew.wrong == []
    assert len(crew.confirmed) >= KILLS * MIN_WRITES_OF_A_LIFE
    assert crew.retried > KILLS
    assert len(crew.abandoned) > KILLS / 4


def check_repeated_requests_change_nothing(crew, wire, daemon, audits):
    posted = [pair for pair in crew.confirmed if pair[0].method == "POST"]
    for write, reply in random.Random(5).sample(posted, REPLAYS):
        again = write.send(wire)
        assert (again.status, again.header("idempotent-replayed")) == (201, "true"), (write, again.text)
        assert again.json == reply.json
    daemon.settle(wire.token)
    assert next(pages(wire, "/audits?limit=1"))["seq"] == len(audits)


def check_output(output):
    for word in ("Traceback", "database is locked", '"level":"error"'):
        assert word not in output, output[max(0, output.index(word) - 500) :][:3000]
