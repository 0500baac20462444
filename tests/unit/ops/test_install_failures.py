"""The error of several tools that could not be installed."""

from __future__ import annotations

import pytest

from envmgr.kit.errors import EnvmgrError
from envmgr.ops import install

FAILURES = {"alpha 1.0.0": EnvmgrError("no network", "check it"), "beta 2.0.0": EnvmgrError("no space")}


@pytest.mark.parametrize(
    ("outcomes", "hint"),
    [
        ({}, "fix the causes, then retry"),
        ({("gamma", "1"): None}, "the others were installed; retry for the rest"),
    ],
    ids=["none installed", "others installed"],
)
def test_the_hint_says_whether_other_tools_were_installed(outcomes, hint):
    error = install._combine_failures(FAILURES, outcomes)
    assert error.hint == hint
    assert error.message.splitlines() == [
        "failed to install 2 tools",
        "  alpha 1.0.0: no network",
        "    check it",
        "  beta 2.0.0: no space",
    ]
