"""Where a shell is missing its tests are skipped; continuous integration has them all."""

from __future__ import annotations

import os
import shutil
import sys

import pytest

IN_CI = bool(os.environ.get("CI"))  # read at once: tests get an environment without it


@pytest.mark.skipif(not IN_CI or sys.platform != "linux", reason="a developer's machine may lack shells")
@pytest.mark.parametrize("shell", ["sh", "dash", "bash", "zsh", "fish", "busybox"])
def test_continuous_integration_has_every_shell(shell):
    assert shutil.which(shell)
