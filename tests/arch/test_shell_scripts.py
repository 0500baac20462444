"""Shell scripts follow shellcheck, and can be run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
SCRIPTS = [
    CHECKOUT / ".ci" / "run",
    *sorted((CHECKOUT / "deploy").rglob("*.sh")),
    *sorted((CHECKOUT / "integrations").rglob("*.sh")),
]
SOURCED = CHECKOUT / "deploy" / "local"
PROGRAMS = [path for path in SCRIPTS if path.parent != SOURCED]


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.name)
def test_a_script_follows_shellcheck(path):
    """With the files that it sources."""
    shellcheck = Path(sys.executable).with_name("shellcheck")
    command = [shellcheck, "--external-sources", path.relative_to(CHECKOUT)]
    result = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=120, check=False)
    assert (result.returncode, result.stdout) == (0, "")


def test_each_part_is_sourced_and_therefore_checked():
    text = (CHECKOUT / "deploy" / "local.sh").read_text()
    assert {path.name for path in SOURCED.glob("*.sh")} == {
        line.rpartition("/")[2] for line in text.splitlines() if line.startswith("# shellcheck source=")
    }


@pytest.mark.parametrize("path", [path for path in PROGRAMS if path.suffix], ids=lambda path: path.name)
def test_a_script_can_be_run(path):
    assert os.access(path, os.X_OK)
    assert path.read_text().startswith(("#!/usr/bin/env bash\n", "#!/bin/sh\n"))
