"""pyenv with versions of a `python` that is the tiny program."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from support.peers.environments import Setup, base_environment
from support.tiny_tools import write_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from support.tiny_tools import Project, ToolSource

VERSIONS = ("3.11.9", "3.12.7", "3.13.1", "3.14.0")


def prepare_pyenv(program: str, root: str, source: ToolSource, projects: Sequence[Project]) -> Setup:
    """Create versions, and the file of each project, which requests the first."""
    home = os.path.join(root, "pyenv")
    shims = os.path.join(home, "shims")
    environment = {**base_environment(root, shims, os.path.dirname(program)), "PYENV_ROOT": home}
    for project in projects:
        write_text(os.path.join(project.directory, ".python-version"), f"{VERSIONS[0]}\n")
    for version in VERSIONS:
        bin_dir = os.path.join(home, "versions", version, "bin")
        os.makedirs(bin_dir)
        shutil.copy(source.program, os.path.join(bin_dir, "python"))
    subprocess.run([program, "rehash"], cwd=root, env=environment, check=True, capture_output=True)
    return Setup(program, environment, shims)
