"""Marks of tests that need programs: skipped where one is missing, required in continuous integration."""

from __future__ import annotations

import os
import shutil
import sys

import pytest

IN_CI = bool(os.environ.get("CI")) and sys.platform == "linux"
"""Whether everything must be there, as `.ci/run` installs it; read at import, as fixtures change the environment."""


def needs(is_installed: object, name: str) -> pytest.MarkDecorator:
    """Return a mark that skips a test if something is missing, but for continuous integration."""
    return pytest.mark.skipif(not IN_CI and not is_installed, reason=f"{name} is not installed")


def needs_programs(*names: str) -> pytest.MarkDecorator:
    """Return a mark that skips a test if a program is missing, but for continuous integration."""
    missing = [name for name in names if shutil.which(name) is None]
    return needs(not missing, ", ".join(missing))
