"""Directories whose files are in use on a network file system are moved away, deleted later."""

from __future__ import annotations

import pytest

from support.machine import odd_file_systems

pytestmark = odd_file_systems.needs_preload()


@pytest.fixture
def box(sandbox, tmp_path):
    """Return a machine on which directories named `share` are in use while the file `in use` exists."""
    sandbox.publish("alpha", ("1.0.0", "1.1.0"), ballast=1)
    marker = sandbox.root / "in use"
    sandbox.variables |= {**odd_file_systems.preload(tmp_path), "RMDIR_WHILE": str(marker)}
    sandbox.ok("install", "alpha@1.0.0", "alpha@1.1.0")
    marker.touch()
    return sandbox


def release(box):
    (box.root / "in use").unlink()


@pytest.mark.parametrize(
    ("command", "remaining"),
    [(["install", "alpha@1.1.0", "--force"], ["1.0.0", "1.1.0"]), (["uninstall", "alpha@1.1.0"], ["1.0.0"])],
    ids=["install --force", "uninstall"],
)
def test_a_directory_in_use_is_moved_away_and_deleted_later(box, command, remaining):
    box.ok(*command)
    assert sorted(path.name for path in (box.home / "installs/alpha").iterdir()) == remaining
    assert box.incomplete() == []
    assert len(box.staged()) == 1
    box.ok("install", "alpha@1.0.0")  # it cannot be deleted yet
    assert len(box.staged()) == 1
    release(box)
    assert "cleaned up 1 interrupted" in box.ok("doctor", "--fix").out
    assert box.staged() == []


def test_clearing_the_cache_leaves_what_is_in_use(box):
    (box.home / "cache/downloads/share").mkdir()
    box.ok("cache", "clear")
    assert [path.name for path in (box.home / "cache/downloads").iterdir()] == ["share"]
    release(box)
    box.ok("cache", "clear")
    assert not (box.home / "cache/downloads").exists()
