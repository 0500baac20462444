"""Commands without writes need no writable ENVMGR_HOME if everything is installed."""

from __future__ import annotations

import pytest

from support.machine import limited_mounts


@limited_mounts.needs_mounts()
@pytest.mark.parametrize(
    "words", [["install", "--locked"], ["install"], ["exec", "--", "alpha"], ["current"]]
)
def test_commands_without_writes_need_no_lock(two_tools, words):
    two_tools.ok("install")
    mounting = limited_mounts.read_only(two_tools.home)
    done = limited_mounts.run(two_tools, mounting, *words)
    assert done.code == 0, done.err
