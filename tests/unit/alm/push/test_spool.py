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
def place(tmp_path):
    return str(tmp_path / "spool")


def test_spooled_pushes_are_read_back_oldest_first(place):
    pushes = [
        PUSH,
        SpooledPush(PUSH.url, "shop", "v2", BODY),
        SpooledPush(PUSH.url, "app", "v1", BODY),
    ]
    paths = [spool.add(place, item) for item in pushes]
    assert spool.pending(place) == paths
    assert [spool.read(path) for path in paths] == pushes


def test_only_the_owner_can_read_the_spool(place):
    path = Path(spool.add(place, PUSH))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_identical_push_is_spooled_once(place):
    first = spool.add(place, PUSH)
    assert spool.add(place, SpooledPush(PUSH.url, "shop", "v1", {**BODY, "build": {"run_id": "2"}})) == first
    assert spool.pending(place) == [first]


@pytest.mark.parametrize(
    "other",
    [
        SpooledPush("https://other.example.com", "shop", "v1", BODY),
        SpooledPush(PUSH.url, "shop", "v1", {**BODY, "commit": "def5678"}),
    ],
)
def test_another_server_or_content_is_another_push(place, other):
    spool.add(place, PUSH)
    spool.add(place, other)
    assert len(spool.pending(place)) == 2


def test_a_delivered_push_is_removed(place):
    spool.remove(spool.add(place, PUSH))
    assert spool.pending(place) == []


def test_a_rejected_push_is_set_aside_with_the_reason(place):
    moved = Path(spool.reject(spool.add(place, PUSH), "another content"))
    assert spool.pending(place) == []
    assert moved.parent == Path(place, "rejected")
    assert json.loads(moved.read_text())["app"] == "shop"
    assert Path(f"{moved}.reason").read_text() == "another content\n"


def test_an_unused_spool_is_empty(place):
    assert spool.pending(place) == []


@pytest.mark.parametrize("content", ["", "{", "[]", '{"url": 1}'])
def test_an_invalid_spool_file_is_named(place, content):
    path = Path(spool.add(place, PUSH))
    path.write_text(content)
    with pytest.raises(AlmError):
        spool.read(str(path))
