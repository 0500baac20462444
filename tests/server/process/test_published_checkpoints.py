"""Checkpoints of a running server, published outside of it, and verified against."""

from __future__ import annotations

from collections import Counter

import pytest

from support.http.scripted_server import Scripted, ScriptedResponse
from support.server.installations import SqliteInstallation
from support.server.server_process import Daemon
from support.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def started(tmp_path, url):
    installation = SqliteInstallation(tmp_path)
    installation.daemon = Daemon(tmp_path, environment={"ALM_CHECKPOINT_URL": url})
    return installation, installation.daemon.start().login()["access_token"]


def create_checkpoint(daemon, token):
    daemon.settle(token)
    with daemon.wire(token) as wire:
        reply = wire.ask("POST", "/audit/checkpoints", {})
    assert reply.status in {200, 201}
    return reply.json


def test_a_published_file_verifies_the_log(tmp_path):
    path = tmp_path / "published.jsonl"
    installation, token = started(tmp_path, path.as_uri())
    try:
        create_checkpoint(installation.daemon, token)
        wait_until(lambda: path.exists() and path.read_text().endswith("\n"))
        code, report = installation.verify(token, "--checkpoint", str(path))
        assert (code, report["findings"]) == (0, [])
        assert report["saved_checkpoints"] >= 1
    finally:
        installation.daemon.end()


def test_an_endpoint_that_fails_receives_the_checkpoint_later(tmp_path):
    attempts = Counter()

    def respond(request):
        # The server may also publish a checkpoint that is due.
        seq = request.document["seq"]
        attempts[seq] += 1
        return ScriptedResponse({1: 503, 2: 500}.get(attempts[seq], 204))

    with Scripted(respond) as server:
        installation, token = started(tmp_path, f"{server.url}/checkpoints")
        try:
            checkpoint = create_checkpoint(installation.daemon, token)
            wait_until(lambda: attempts[checkpoint["seq"]] >= 3)
            documents = [request.document for request in server.requests]
            first = next(document for document in documents if document["seq"] == checkpoint["seq"])
            assert documents.count(first) == 3
            wait_until(lambda: "done" in installation.run("jobs", "list", "--state", "done").stdout)
            assert "audit-publish-checkpoint" in installation.run("jobs", "list", "--state", "done").stdout
        finally:
            installation.daemon.end()
