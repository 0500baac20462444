"""Shells and databases in continuous integration: all are installed, as tests skip what is missing."""

from __future__ import annotations

import os
import shutil
import sys

import pytest

from support.services.database_runners import RUNNERS

IN_CI = bool(os.environ.get("CI"))  # read at import: the fixture of each test removes the variable


@pytest.mark.skipif(not IN_CI or sys.platform != "linux", reason="a developer's machine may lack shells")
@pytest.mark.parametrize("shell", ["sh", "dash", "bash", "zsh", "fish", "busybox"])
def test_continuous_integration_has_every_shell(shell):
    assert shutil.which(shell)


@pytest.mark.skipif(not IN_CI or sys.platform != "linux", reason="a developer's machine may lack PostgreSQL")
def test_continuous_integration_has_every_database():
    assert set(RUNNERS) == {"sqlite", "postgresql"}
