from __future__ import annotations

import pytest

from envmgr.cli.completion.candidates import FILES, candidates


@pytest.mark.parametrize(
    ("args", "incomplete", "offered"),
    [
        (["alm", "deployments", "update", "9", "--status"], "in", ["in_progress"]),
        (["alm", "deploy", "shop@1", "--status"], "pen", ["pending"]),
        (["alm", "audit", "--verify", "--file"], "", [FILES]),
        (["alm", "audit", "--limit"], "", []),
        (["alm", "ap"], "ap", ["apps"]),
        (["alm", "apps"], "d", ["delete"]),
        (["alm", "audit"], "--sav", ["--save-checkpoint"]),
        (["lock", "--platform"], "", []),
    ],
)
def test_commands_options_and_values_that_never_change_are_offered(args, incomplete, offered):
    args = args if incomplete.startswith("-") or args[-1] != incomplete else args[:-1]
    assert list(candidates(args, incomplete)) == offered


def test_a_flag_does_not_change_the_candidates():
    assert "apps" in candidates(["alm", "--json"], "a")
    assert candidates(["alm", "audit", "--verify"], "--fo") == {
        "--follow": "Show new entries as they arrive."
    }
