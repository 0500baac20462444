"""Published checkpoints, each once: in a file, at an HTTP endpoint, in an S3-compatible store."""

from __future__ import annotations

import asyncio
import json
import os

import msgspec
import pytest

from envmgr.kit.environment import Environment
from envmgr.kit.errors import NetworkError
from envmgr.server.audit import module as audit_module
from envmgr.server.audit.service import checkpoint_destinations
from envmgr.server.audit.service.checkpoint_destinations import FileDestination
from envmgr.server.audit.service.checkpoint_jobs import PUBLISH_KIND
from envmgr.server.bootstrap.checkpoints import checkpoint_destination
from envmgr.server.contracts.resources import Checkpoint
from envmgr.server.kit.config import checkpoint_settings
from envmgr.server.kit.jobs import job_queue
from support.http.scripted_server import Scripted, ScriptedResponse
from support.services.audit_fixtures import KEY, events
from support.services.service_fixtures import opened

pytestmark = pytest.mark.timeout(60)


def signed(number):
    return Checkpoint(
        origin="alm-1",
        seq=number,
        hash="aa" * 32,
        timestamp=1_700_000_000_000 + number,
        previous="",
        public_key="key",
        signature=f"signature-{number}",
    )


def destination(url, **variables):
    return checkpoint_destination(
        checkpoint_settings.read(Environment({"ALM_CHECKPOINT_URL": url, **variables}, "/place"))
    )


def test_a_file_has_each_checkpoint_once(tmp_path):
    file = destination((tmp_path / "published.jsonl").as_uri())
    for number in (1, 2, 1, 2, 3):
        file.publish(signed(number))
    lines = (tmp_path / "published.jsonl").read_text().splitlines()
    assert [json.loads(line)["seq"] for line in lines] == [1, 2, 3]


def test_a_line_that_was_written_in_part_does_not_spoil_the_next(tmp_path):
    path = tmp_path / "published.jsonl"
    FileDestination(str(path)).publish(signed(1))
    with path.open("a") as file:
        file.write('{"origin": "al')
    FileDestination(str(path)).publish(signed(2))
    lines = path.read_text().splitlines()
    assert [json.loads(lines[number])["seq"] for number in (0, 2)] == [1, 2]


class RecordedFile:
    """A file that records the size of what is read."""

    def __init__(self, file, sizes):
        self._file, self._sizes = file, sizes

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._file.close()

    def __getattr__(self, name):
        return getattr(self._file, name)

    def read(self, *arguments):
        data = self._file.read(*arguments)
        self._sizes.append(len(data))
        return data


@pytest.mark.parametrize("end", ["\n", '\n{"origin": "al'])
def test_only_the_end_of_a_long_file_is_read(tmp_path, monkeypatch, end):
    path, sizes = tmp_path / "published.jsonl", []
    path.write_text("".join(f"{'x' * 1000}\n" for _ in range(1000)))
    FileDestination(str(path)).publish(signed(1))
    with path.open("a") as file:
        file.write(end)
    opened = os.fdopen
    monkeypatch.setattr(
        checkpoint_destinations.os, "fdopen", lambda *options: RecordedFile(opened(*options), sizes)
    )
    for number in (1, 2, 2):
        FileDestination(str(path)).publish(signed(number))
    assert sizes == [checkpoint_destinations.TAIL_BYTES] * 3
    published = [
        line for line in path.read_text().splitlines() if line.startswith("{") and line.endswith("}")
    ]
    assert [json.loads(line)["seq"] for line in published] == [1, 2]


def test_the_name_of_a_new_file_is_flushed_before_its_content(tmp_path, monkeypatch):
    flushed, path = [], tmp_path / "published.jsonl"

    def record(directory):
        flushed.append((directory, path.stat().st_size))

    monkeypatch.setattr(checkpoint_destinations, "sync_path", record)
    for number in (1, 2):
        FileDestination(str(path)).publish(signed(number))
    assert flushed == [(str(tmp_path), 0)]


def test_an_endpoint_receives_the_checkpoint_and_a_key_for_repetitions():
    with Scripted(lambda _: ScriptedResponse(204)) as server:
        http = destination(f"{server.url}/checkpoints", ALM_CHECKPOINT_TOKEN="secret")
        for _ in range(2):
            http.publish(signed(1))
    first, second = server.requests
    assert str(first) == "POST /checkpoints"
    assert first.document == msgspec.to_builtins(signed(1))
    assert first.headers["authorization"] == "Bearer secret"
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]


def test_a_store_receives_a_signed_object():
    keys = {"AWS_ACCESS_KEY_ID": "key-id", "AWS_SECRET_ACCESS_KEY": "a-secret"}
    with Scripted(lambda _: ScriptedResponse(200)) as server:
        destination("s3://logs/alm", AWS_ENDPOINT_URL=server.url, **keys).publish(signed(7))
    (request,) = server.requests
    assert str(request) == "PUT /logs/alm/alm-1/0000000000000007-1700000000007.json"
    assert request.document["seq"] == 7
    assert request.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=key-id/")
    assert "a-secret" not in str(request.headers)


@pytest.mark.parametrize("status", [301, 401, 409, 500, 503])
def test_a_response_that_is_no_success_is_an_error(status):
    with Scripted(lambda _: ScriptedResponse(status)) as server:
        with pytest.raises(NetworkError):
            destination(server.url).publish(signed(1))
        assert len(server.requests) == 1


def test_the_job_of_a_checkpoint_is_enqueued_with_it(tmp_path):
    async def main():
        async with opened(tmp_path, audit_module) as database:
            audit = audit_module.make(database, KEY, FileDestination(str(tmp_path / "published")))
            await audit.append(events(3))
            await audit.checkpoint_if_changed()
            await audit.checkpoint_if_changed()
            (job,) = await database.read(job_queue.list_jobs)
            assert (job.kind, job.payload["seq"]) == (PUBLISH_KIND, 3)
            module = audit_module.module(database, audit)
            await module.job_handlers[PUBLISH_KIND](job)

    asyncio.run(main())
    assert json.loads((tmp_path / "published").read_text())["seq"] == 3


def test_without_a_destination_nothing_is_enqueued(tmp_path):
    async def main():
        async with opened(tmp_path, audit_module) as database:
            audit = audit_module.make(database, KEY)
            await audit.append(events(3))
            await audit.checkpoint_if_changed()
            assert await database.read(job_queue.list_jobs) == []
            assert audit_module.module(database, audit).job_handlers == {}

    asyncio.run(main())
