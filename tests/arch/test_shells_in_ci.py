"""Shells and databases in continuous integration: all are installed, as tests skip what is missing."""

from __future__ import annotations

import shutil

import pytest

from support.requirements import IN_CI
from support.services.database_runners import RUNNERS


@pytest.mark.skipif(not IN_CI, reason="a developer's machine may lack shells")
@pytest.mark.parametrize("shell", ["sh", "dash", "bash", "zsh", "fish", "busybox", "elvish", "direnv"])
def test_continuous_integration_has_every_shell(shell):
    assert shutil.which(shell)


@pytest.mark.skipif(not IN_CI, reason="a developer's machine may lack PostgreSQL")
def test_continuous_integration_has_every_database():
    assert set(RUNNERS) == {"sqlite", "postgresql"}
