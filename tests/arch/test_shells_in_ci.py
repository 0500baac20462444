"""Shells and databases in continuous integration: all are installed, as tests skip what is missing."""

from __future__ import annotations

import platform

import pytest

from support.machine.shells import find_shell
from support.requirements import IN_CI
from support.services.database_runners import RUNNERS

NU = pytest.param(
    "nu", marks=pytest.mark.skipif(platform.machine() != "x86_64", reason="npm has it for x86-64 only")
)


@pytest.mark.skipif(not IN_CI, reason="a developer's machine may lack shells")
@pytest.mark.parametrize(
    "shell",
    ["sh", "dash", "bash", "zsh", "fish", "busybox", "mksh", "ksh93", "elvish", "xonsh", "direnv", NU],
)
def test_continuous_integration_has_every_shell(shell):
    assert find_shell(shell)


@pytest.mark.skipif(not IN_CI, reason="a developer's machine may lack PostgreSQL")
def test_continuous_integration_has_every_database():
    assert set(RUNNERS) == {"sqlite", "postgresql"}
