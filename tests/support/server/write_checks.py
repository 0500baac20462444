"""Checks of concurrent writers: rows, events and the audit log match their responses."""

from __future__ import annotations

from collections import Counter

from envmgr.kit.audit_log.hash_chain import Verifier
from support.server.concurrent_writers import pages
from support.waiting import wait_until

AUTO = "auto"
"""An environment with a rule that deploys every new version."""
JOBS_TIMEOUT_SECONDS = 120
KINDS = {
    "apps": ("AppCreated", "app_id"),
    "versions": ("VersionCreated", "version_id"),
    "deployments": ("DeploymentCreated", "deployment_id"),
}
MARKS = (
    ("name",),
    ("description",),
    ("app", "tag"),
    ("version_id", "environment"),
    ("deployment_id", "status"),
)
"""Members of an event's payload that identify a write of `support.server.concurrent_writers`."""


def prepare(wire):
    """Create the environment whose rule deploys every new version."""
    reply = wire.ask("POST", "/environments", {"name": AUTO, "rules": {"auto_deploy": [{"app": "*"}]}})
    assert reply.status == 201, reply.text


def await_deployments_by_rule(wire):
    """Wait until the jobs of all versions have run, whose events may arrive first."""

    def has_all():
        deployed = {row["version_id"] for row in pages(wire, f"/deployments?environment={AUTO}&limit=200")}
        return {row["id"] for row in pages(wire, "/versions?limit=200")} <= deployed

    wait_until(has_all, "versions are not deployed by the rule", JOBS_TIMEOUT_SECONDS)


def check_everything(crew, wire):
    """Check rows, events and the audit log; return the log's entries."""
    audits = list(pages(wire, "/audits?sort=seq&limit=200"))
    rows = {kind: {row["id"]: row for row in pages(wire, f"/{kind}?limit=200")} for kind in KINDS}
    check_chain(audits)
    check_confirmed_writes_are_there(crew, rows, wire)
    check_every_write_has_one_event(crew, audits)
    check_rows_match_events(rows, audits)
    check_each_version_was_deployed_by_itself_once(rows, audits)
    check_placements_match_last_deployments(rows, wire)
    return audits


def check_chain(audits):
    """Check that chain and sources have no gap, and that the events of each source are in order."""
    verifier = Verifier()
    findings = [finding for entry in audits for finding in verifier.add(entry)]
    assert [*findings, *verifier.finish()] == []
    assert [entry["seq"] for entry in audits] == list(range(1, len(audits) + 1))
    sequences = {}
    for entry in audits:
        sequences.setdefault(entry["source_service"], []).append(entry["source_sequence"])
    assert {source: numbers for source, numbers in sequences.items() if numbers != sorted(numbers)} == {}


def check_confirmed_writes_are_there(crew, rows, wire):
    missing = [write for write, reply in crew.confirmed if not is_there(write, reply.json, rows, wire)]
    assert missing == []


def is_there(write, output, rows, wire):
    for kind, (created, _) in KINDS.items():
        if write.event == created:
            row = rows[kind].get(output["id"], {})
            return row == {**row, **write.mark}
    if write.event == "AppUpdated":
        return rows["apps"][output["id"]]["description"] == write.body["description"]
    steps = wire.ask("GET", write.target).json
    return [step["id"] for step in steps if step["status"] == write.body["status"]] == [output["id"]]


def check_every_write_has_one_event(crew, audits):
    """Check that acknowledged writes have one event, and others at most one."""
    counts = Counter((entry["event_type"], mark) for entry in audits for mark in marks(entry["payload"]))
    once = [write for write, _ in crew.confirmed if counts[write.event, frozenset(write.mark.items())] != 1]
    assert once == []
    duplicates = [write for write in crew.abandoned if counts[write.event, frozenset(write.mark.items())] > 1]
    assert duplicates == []


def marks(payload):
    groups = [group for group in MARKS if all(name in payload for name in group)]
    return [frozenset((name, payload[name]) for name in group) for group in groups]


def check_rows_match_events(rows, audits):
    for kind, (type_, name) in KINDS.items():
        counts = Counter(entry["payload"][name] for entry in audits if entry["event_type"] == type_)
        assert counts == Counter(list(rows[kind])), kind


def check_each_version_was_deployed_by_itself_once(rows, audits):
    """Check that a rule deployed each version once."""
    by_itself = Counter(
        row["version_id"] for row in rows["deployments"].values() if row["environment"] == AUTO
    )
    assert by_itself == Counter(list(rows["versions"]))
    assert not [entry for entry in audits if entry["event_type"] == "AutoDeploySkipped"]


def check_placements_match_last_deployments(rows, wire):
    """Check that the projections of both services match the events."""
    current = {}
    for row in sorted(rows["deployments"].values(), key=lambda row: row["id"]):
        if row["status"] in {"successful", "superseded"}:
            current[row["app"], row["environment"]] = row["version_id"]
    matrix = wire.ask("GET", "/matrix").json
    assert {
        (placement["app"], placement["environment"]): placement["current"]["version_id"]
        for placement in matrix["placements"]
        if placement["current"]
    } == current
    usage = wire.ask("GET", "/tools/nodejs/usage?range=*").json
    assert sum(usage["counts"].values()) == len(current)
