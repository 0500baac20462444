from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from envmgr.alm.push import spool
from envmgr.alm.push.spool import SpooledPush
from envmgr.kit.errors import AlmError

BODY = {"commit": "abc1234", "artifacts": [], "build": {"run_id": "1"}, "changelog": ""}
PARCEL = SpooledPush("https://alm.example.com", "shop", "v1", BODY)


@pytest.fixture
def place(tmp_path):
    return str(tmp_path / "spool")


def test_what_is_put_waits_oldest_first_and_is_the_same_when_it_is_read(place):
    parcels = [
        PARCEL,
        SpooledPush(PARCEL.url, "shop", "v2", BODY),
        SpooledPush(PARCEL.url, "app", "v1", BODY),
    ]
    paths = [spool.add(place, item) for item in parcels]
    assert spool.pending(place) == paths
    assert [spool.read(path) for path in paths] == parcels


def test_only_the_user_can_read_it(place):
    path = Path(spool.add(place, PARCEL))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_same_twice_is_one_even_from_another_run(place):
    first = spool.add(place, PARCEL)
    assert (
        spool.add(place, SpooledPush(PARCEL.url, "shop", "v1", {**BODY, "build": {"run_id": "2"}})) == first
    )
    assert spool.pending(place) == [first]


@pytest.mark.parametrize(
    "other",
    [
        SpooledPush("https://other.example.com", "shop", "v1", BODY),
        SpooledPush(PARCEL.url, "shop", "v1", {**BODY, "commit": "def5678"}),
    ],
)
def test_for_another_server_or_with_other_content_it_is_another(place, other):
    spool.add(place, PARCEL)
    spool.add(place, other)
    assert len(spool.pending(place)) == 2


def test_what_was_delivered_is_gone(place):
    spool.remove(spool.add(place, PARCEL))
    assert spool.pending(place) == []


def test_what_is_refused_is_put_aside_with_the_reason(place):
    moved = Path(spool.reject(spool.add(place, PARCEL), "another content"))
    assert spool.pending(place) == []
    assert moved.parent == Path(place, "rejected")
    assert json.loads(moved.read_text())["app"] == "shop"
    assert Path(f"{moved}.reason").read_text() == "another content\n"


def test_nothing_waits_where_nothing_was_put(place):
    assert spool.pending(place) == []


@pytest.mark.parametrize("content", ["", "{", "[]", '{"url": 1}'])
def test_a_file_that_holds_no_push_is_named(place, content):
    path = Path(spool.add(place, PARCEL))
    path.write_text(content)
    with pytest.raises(AlmError):
        spool.read(str(path))
