from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from envmgr.alm.push import spool
from envmgr.alm.push.spool import SpooledPush
from envmgr.kit.errors import AlmError

BODY = {"commit": "abc1234", "artifacts": [], "build": {"run_id": "1"}, "changelog": ""}
PUSH = SpooledPush("https://alm.example.com", "shop", "v1", BODY)


@pytest.fixture
def directory(tmp_path):
    return str(tmp_path / "spool")


def test_spooled_pushes_are_read_back_oldest_first(directory):
    pushes = [
        PUSH,
        SpooledPush(PUSH.url, "shop", "v2", BODY),
        SpooledPush(PUSH.url, "app", "v1", BODY),
    ]
    paths = [spool.add(directory, item) for item in pushes]
    assert spool.pending(directory) == paths
    assert [spool.read(path) for path in paths] == pushes


def test_only_the_owner_can_read_the_spool(directory):
    path = Path(spool.add(directory, PUSH))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_identical_push_is_spooled_once(directory):
    first = spool.add(directory, PUSH)
    assert (
        spool.add(directory, SpooledPush(PUSH.url, "shop", "v1", {**BODY, "build": {"run_id": "2"}})) == first
    )
    assert spool.pending(directory) == [first]


@pytest.mark.parametrize(
    "other",
    [
        SpooledPush("https://other.example.com", "shop", "v1", BODY),
        SpooledPush(PUSH.url, "shop", "v1", {**BODY, "commit": "def5678"}),
    ],
)
def test_another_server_or_content_is_another_push(directory, other):
    spool.add(directory, PUSH)
    spool.add(directory, other)
    assert len(spool.pending(directory)) == 2


def test_a_delivered_push_is_removed(directory):
    spool.remove(spool.add(directory, PUSH))
    assert spool.pending(directory) == []


def test_a_rejected_push_is_set_aside_with_the_reason(directory):
    moved = Path(spool.reject(spool.add(directory, PUSH), "another content"))
    assert spool.pending(directory) == []
    assert moved.parent == Path(directory, "rejected")
    assert json.loads(moved.read_text())["app"] == "shop"
    assert Path(f"{moved}.reason").read_text() == "another content\n"


def test_an_unused_spool_is_empty(directory):
    assert spool.pending(directory) == []


@pytest.mark.parametrize("content", ["", "{", "[]", '{"url": 1}'])
def test_an_invalid_spool_file_is_named(directory, content):
    path = Path(spool.add(directory, PUSH))
    path.write_text(content)
    with pytest.raises(AlmError):
        spool.read(str(path))
