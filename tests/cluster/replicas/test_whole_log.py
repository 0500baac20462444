"""Two processes of the audit log, and what all tests of this directory left in it; the last of them."""

from __future__ import annotations

from collections import Counter

import pytest

from support.server.cluster import NEEDS_CLUSTER
from support.server.loaded_cluster import wait_until
from support.server.races import CLIENTS, UNAVAILABLE, check_counts, statuses
from support.server.server_process import IDLE_EVENTS
from support.server.write_checks import KINDS, check_chain

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    NEEDS_CLUSTER,
]
ROUNDS = 2


@pytest.fixture
def settled(cluster):
    """Wait until every event is in the log."""

    def settled():
        wait_until(
            lambda: all(process.readiness().get("events") == IDLE_EVENTS for process in cluster.processes)
        )

    return settled


def test_one_of_several_checkpoints_of_a_head_is_signed(race, ask, list_all, settled):
    for number in range(ROUNDS):
        assert ask("POST", "/apps", {"name": f"signed-{number}"}).status == 201
        settled()
        replies = race("audit", [("POST", "/audit/checkpoints")] * CLIENTS)
        assert set(statuses(replies)) <= {200, 201, UNAVAILABLE}
        (newest,) = ask("GET", "/audit/checkpoints?limit=1").json
        heads = {reply.json["seq"] for reply in replies if reply.status != UNAVAILABLE}
        assert heads == {newest["seq"]}
        stored = [item for item in list_all("/audit/checkpoints?limit=200") if item["seq"] == newest["seq"]]
        assert len(stored) == 1
        check_counts(replies, 201, 1)


def test_the_log_has_each_event_once_in_one_chain(race, list_all, settled):
    """Also those of other tests, which ended a moment ago."""
    names = [f"audited-{number}" for number in range(2 * CLIENTS)]
    replies = race("gateway", [("POST", "/apps", {"name": name}) for name in names])
    assert set(statuses(replies)) <= {201, UNAVAILABLE}
    settled()
    entries = list_all("/audits?sort=seq&limit=200")
    check_chain(entries)
    for kind, (type_, key) in KINDS.items():
        counts = Counter(entry["payload"][key] for entry in entries if entry["event_type"] == type_)
        assert set(counts.values()) == {1}, kind
        assert {row["id"] for row in list_all(f"/{kind}?limit=200")} <= set(counts), kind
    rows = {app["id"] for app in list_all("/apps?limit=200")}
    ids = {
        type_: [entry["payload"]["app_id"] for entry in entries if entry["event_type"] == type_]
        for type_ in ("AppCreated", "AppDeleted")
    }
    assert sorted(ids["AppCreated"]) == sorted([*rows, *ids["AppDeleted"]])


def test_the_processes_have_logged_no_error_and_end_with_status_0(cluster):
    for process in cluster.processes:
        check_log(process.output)
    for _, second in cluster.replicas.values():
        before = len(second.output)
        assert second.stop() == 0
        check_log(second.output[before:])


def check_log(text):
    """Check that a process has logged no error but requests that it refused for a while."""
    assert "Traceback" not in text
    errors = [line for line in text.splitlines() if '"level":"error"' in line]
    assert [line for line in errors if f'"status":{UNAVAILABLE},' not in line] == []
