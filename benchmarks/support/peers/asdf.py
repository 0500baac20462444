"""asdf with plugins that download with curl and unpack with tar, as most do."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from support.peers.environments import Setup, base_environment
from support.tiny_tools import VERSION, VERSIONS, write_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from support.tiny_tools import Project, ToolSource

_INSTALL = """#!/usr/bin/env bash
set -euo pipefail
mkdir -p "$ASDF_INSTALL_PATH"
curl -sSf -o "$ASDF_INSTALL_PATH.archive" "{url}"
tar -xf "$ASDF_INSTALL_PATH.archive" -C "$ASDF_INSTALL_PATH" --strip-components=1
rm "$ASDF_INSTALL_PATH.archive"
"""


def asdf_variables(program: str, home: str) -> dict[str, str]:
    """Return variables that confine asdf to a directory."""
    return {"ASDF_DIR": os.path.dirname(os.path.dirname(program)), "ASDF_DATA_DIR": home}


def write_plugin(home: str, name: str, url: str, versions: Sequence[str]) -> None:
    """Write a plugin of one tool."""
    plugin = os.path.join(home, "plugins", name, "bin")
    write_text(os.path.join(plugin, "list-all"), f"#!/bin/sh\necho {' '.join(versions)}\n", 0o755)
    write_text(os.path.join(plugin, "install"), _INSTALL.format(url=url), 0o755)


def prepare_asdf(program: str, root: str, source: ToolSource, projects: Sequence[Project]) -> Setup:
    """Write plugins and the file of each project; tools are copied, as asdf installs them one by one."""
    home = os.path.join(root, "asdf")
    shims = os.path.join(home, "shims")
    environment = {
        **base_environment(root, shims, os.path.dirname(program)),
        **asdf_variables(program, home),
    }
    for project in projects:
        lines = [f"{name} {VERSION}\n" for name in project.tools]
        write_text(os.path.join(project.directory, ".tool-versions"), "".join(lines))
    for name in {name for project in projects for name in project.tools}:
        write_plugin(home, name, f"{source.base}/{name}.tar.gz", VERSIONS if name == "tool0" else [VERSION])
        bin_dir = os.path.join(home, "installs", name, VERSION, "bin")
        os.makedirs(bin_dir)
        shutil.copy(source.program, os.path.join(bin_dir, name))
    subprocess.run([program, "reshim"], cwd=root, env=environment, check=True, capture_output=True)
    return Setup(program, environment, shims)
