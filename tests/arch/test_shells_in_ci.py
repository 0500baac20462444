"""Shells in continuous integration: all are installed, as tests skip a missing shell."""

from __future__ import annotations

import os
import shutil
import sys

import pytest

IN_CI = bool(os.environ.get("CI"))  # read at import: the fixture of each test removes the variable


@pytest.mark.skipif(not IN_CI or sys.platform != "linux", reason="a developer's machine may lack shells")
@pytest.mark.parametrize("shell", ["sh", "dash", "bash", "zsh", "fish", "busybox"])
def test_continuous_integration_has_every_shell(shell):
    assert shutil.which(shell)
