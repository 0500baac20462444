from __future__ import annotations

import json
import os
import sys

import pytest

from envmgr.kit.errors import AlmError, AlmNotFound, Forbidden, StorageError
from envmgr.ops.alm import audit
from support.alm.audit_entries import OTHER_KEY, checkpoints, entries
from support.alm.fake_api_client import FakeApiClient

LOG = list(entries(7))
SIGNED = checkpoints(LOG, 3, 6)


def server(log=LOG, signed=SIGNED, **responses):
    """Yield a server of a log in two pages, newest first unless sorted."""

    def audits(query):
        result = log if query.get("sort") == "seq" else log[::-1]
        return (result[:4], result[4:])

    stats = {"last_seq": len(log), "dead_letters": 0}
    return FakeApiClient(
        {
            "GET /audits": audits,
            "GET /audit/checkpoints": (signed[::-1], []),
            "GET /audit/stats": stats,
            **responses,
        }
    )


def test_the_newest_entries_are_listed_oldest_first():
    result = audit.listing(server(), audit.Filter(actor="user:ada"), 3)
    assert [item["seq"] for item in result.items] == [5, 6, 7]
    assert result.more


@pytest.mark.parametrize(
    ("provided", "requested"),
    [
        (audit.Filter("admin", "AppCreated", "shop"), audit.Filter("user:admin", "AppCreated", "app/7")),
        (audit.Filter(None, None, "app/shop"), audit.Filter(None, None, "app/7")),
        (audit.Filter(None, None, "app/shop/version/3"), audit.Filter(None, None, "app/7/version/3")),
        (audit.Filter(None, None, "app/9/version/3"), audit.Filter(None, None, "app/9/version/3")),
        (audit.Filter(None, None, "user/Ada"), audit.Filter(None, None, "user/Ada")),
        (audit.Filter("key:4", None, "environment/prod"), audit.Filter("key:4", None, "environment/prod")),
        (audit.Filter("anonymous"), audit.Filter("anonymous")),
        (audit.Filter(), audit.Filter()),
    ],
)
def test_a_bare_name_is_a_user_or_an_app(provided, requested):
    assert audit.normalize(server(**{"GET /apps/shop": {"id": 7}}), provided) == requested


def test_a_log_is_verified_from_its_server():
    report = audit.verify_server(server(), SIGNED[:1])
    assert report.is_intact
    assert (report.entries, report.checkpoints, report.saved_checkpoints) == (7, 2, 1)
    assert report.dead_letters == 0


def test_a_server_with_dead_letters_fails_the_verification_of_its_log_and_of_a_new_export(tmp_path):
    api, path = server(**{"GET /audit/stats": {"last_seq": 7, "dead_letters": 2}}), str(tmp_path / "log")
    audit.export_to(api, path)
    for report in (
        audit.verify_server(api, ()),
        audit.verify_export(api, path, ()),
        audit.verify_file(path, ()),
    ):
        assert [finding.kind for finding in report.findings] == ["dead-letters"]
        assert (report.is_intact, report.dead_letters) == (False, 2)


def test_an_export_without_dead_letters_has_entries_and_checkpoints_only(tmp_path):
    api, path = server(), tmp_path / "log"
    audit.export_to(api, str(path))
    assert [json.loads(line) for line in path.read_bytes().splitlines()] == [*LOG, *SIGNED]
    assert audit.verify_export(api, str(path), ()).dead_letters == 0
    assert audit.verify_file(str(path), ()).dead_letters is None


def test_an_older_server_leaves_the_dead_letters_unknown():
    report = audit.verify_server(server(**{"GET /audit/stats": AlmNotFound("not found: /audit/stats")}), ())
    assert (report.is_intact, report.dead_letters) == (True, None)


def test_checkpoints_are_requested_before_entries():
    api = server()
    audit.verify_server(api, ())
    assert next(requested[1] for requested in api.requests) == "/audit/checkpoints"


def test_dead_letters_are_counted_after_the_entries():
    api = server()
    audit.verify_server(api, ())
    assert [requested[1] for requested in api.requests][-1] == "/audit/stats"


def test_an_export_is_verified_without_a_server(tmp_path):
    path = str(tmp_path / "logs" / "audit.ndjson")
    assert audit.export_to(server(), path) == audit.Exported(path, 7, 2)
    report = audit.verify_file(path, SIGNED[1:])
    assert report.is_intact
    assert (report.entries, report.checkpoints, report.verified_up_to) == (7, 2, 6)


def test_an_empty_export_is_not_intact(tmp_path):
    path = tmp_path / "audit.ndjson"
    path.write_bytes(b"")
    assert [finding.kind for finding in audit.verify_file(str(path), ()).findings] == ["empty"]


@pytest.mark.parametrize("line", range(9))
def test_a_line_removed_from_an_export_is_detected_against_saved_checkpoints(tmp_path, line):
    path = tmp_path / "audit.ndjson"
    audit.export_to(server(), str(path))
    lines = path.read_bytes().splitlines(keepends=True)
    del lines[line]
    path.write_bytes(b"".join(lines))
    report = audit.verify_file(str(path), checkpoints(LOG, 3, 6, 7))
    assert report.is_intact == (line == 8)  # the last checkpoint, which nothing follows


def test_a_failed_export_leaves_no_file(tmp_path):
    def breaks(_query):
        raise AlmError("the server went away")

    with pytest.raises(AlmError, match="went away"):
        audit.export_to(server(**{"GET /audits": breaks}), str(tmp_path / "audit.ndjson"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="pipes with names are POSIX's")
def test_an_export_to_a_pipe_keeps_the_pipe(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        audit.export_to(server(), str(pipe))
        assert len(os.read(reader, 1 << 16).splitlines()) == 9
        audit.save_checkpoint(server(**{"POST /audit/checkpoints": SIGNED[0]}), str(pipe))
        assert json.loads(os.read(reader, 1 << 16)) == SIGNED[:1]
    finally:
        os.close(reader)
    assert pipe.is_fifo()


@pytest.mark.skipif(sys.platform == "win32", reason="links are POSIX's")
@pytest.mark.parametrize(
    ("write", "lines"),
    [
        (lambda path: audit.export_to(server(), path), 9),
        (lambda path: audit.save_checkpoint(server(**{"POST /audit/checkpoints": SIGNED[0]}), path), 11),
    ],
)
def test_a_link_is_written_through(tmp_path, write, lines):
    link, real = tmp_path / "link", tmp_path / "elsewhere" / "f"
    link.symlink_to(real)
    write(str(link))
    assert link.is_symlink()
    assert len(real.read_bytes().splitlines()) == lines


def test_a_missing_export_is_an_error(tmp_path):
    with pytest.raises(StorageError, match="No such file"):
        audit.verify_file(str(tmp_path / "none"), ())


def test_a_new_checkpoint_is_appended_to_the_saved_ones(tmp_path):
    path = tmp_path / "kept.json"
    first = server(**{"POST /audit/checkpoints": SIGNED[0]})
    second = server(**{"POST /audit/checkpoints": SIGNED[1]})
    assert audit.save_checkpoint(first, str(path)) == audit.Saved(str(path), SIGNED[0], True)
    audit.save_checkpoint(second, str(path))
    audit.save_checkpoint(second, str(path))
    assert json.loads(path.read_text()) == SIGNED
    assert audit.read_checkpoints(str(path)) == tuple(SIGNED)


def test_without_permission_the_newest_existing_checkpoint_is_saved(tmp_path):
    api = server(**{"POST /audit/checkpoints": Forbidden("no")})
    saved = audit.save_checkpoint(api, str(tmp_path / "kept.json"))
    assert (saved.checkpoint, saved.is_new) == (SIGNED[1], False)


def test_without_any_checkpoint_nothing_is_saved(tmp_path):
    api = server(signed=[], **{"POST /audit/checkpoints": Forbidden("no")})
    with pytest.raises(AlmError, match="no checkpoint exists yet"):
        audit.save_checkpoint(api, str(tmp_path / "kept.json"))
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_of_another_key_is_not_saved_beside_the_first(tmp_path):
    path = tmp_path / "kept.json"
    path.write_text(json.dumps(SIGNED[0]))
    (other,) = checkpoints(LOG, 6, key=OTHER_KEY)
    with pytest.raises(AlmError, match="invalid server checkpoint"):
        audit.save_checkpoint(server(**{"POST /audit/checkpoints": other}), str(path))
    assert json.loads(path.read_text()) == SIGNED[0]


def test_published_checkpoints_are_read_one_a_line(tmp_path):
    path = tmp_path / "published.jsonl"
    lines = [json.dumps(SIGNED[0]), "", '{"written": "in pa', "[1]", json.dumps(SIGNED[1])]
    path.write_text("\n".join(lines) + "\n")
    assert audit.read_checkpoints(str(path)) == tuple(SIGNED)


def test_a_list_with_one_checkpoint_a_line_is_read_as_a_list(tmp_path):
    path = tmp_path / "kept.json"
    path.write_text("[\n" + ",\n".join(map(json.dumps, SIGNED)) + "\n]")
    assert audit.read_checkpoints(str(path)) == tuple(SIGNED)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", "[1]", '"x"', "[" * 100_000])
def test_a_file_without_checkpoints_is_an_error(tmp_path, content):
    path = tmp_path / "kept.json"
    path.write_text(content)
    with pytest.raises(AlmError) as caught:
        audit.read_checkpoints(str(path))
    assert str(path) in caught.value.message
    assert "--save-checkpoint" in caught.value.hint


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(AlmError, match="not found"):
        audit.read_checkpoints(str(tmp_path / "none"))


def test_following_yields_the_matching_entries():
    api = server(**{"FOLLOW /audit/events": LOG})
    result = audit.follow(api, audit.Filter(event_type="AppUpdated", resource="app/2"), 0)
    assert [item["seq"] for item in result] == [item["seq"] for item in LOG if item["resource"] == "app/2"]
    assert audit.head(api) == 7
    assert audit.head(server(log=[])) == 0


def test_a_filter_by_environment_ignores_the_case():
    matching = audit.Filter(resource="environment/AUTO").is_match
    names = ("environment/auto", "environment/Auto", "environment/auto-eu", "app/1")
    assert [
        matching({"actor": "user:ada", "event_type": "EnvironmentCreated", "resource": name})
        for name in names
    ] == [True, True, False, False]


def test_a_filter_by_resource_includes_all_below_it():
    matching = audit.Filter(resource="app/1").is_match
    names = ("app/1", "app/1/version/2", "app/10", "app")
    assert [
        matching({"actor": "user:ada", "event_type": "AppCreated", "resource": name}) for name in names
    ] == [True, True, False, False]
