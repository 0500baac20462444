"""mise with tools of a local server, by its `http` backend."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from support.peers.environments import Setup, base_environment
from support.tiny_tools import VERSION, write_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from support.tiny_tools import Project, ToolSource

DIRECTORIES = {
    "MISE_DATA_DIR": "data",
    "MISE_CACHE_DIR": "cache",
    "MISE_CONFIG_DIR": "config",
    "MISE_STATE_DIR": "state",
    "MISE_GLOBAL_CONFIG_FILE": "none",
}


def mise_variables(home: str) -> dict[str, str]:
    """Return variables that confine mise to a directory."""
    paths = {name: os.path.join(home, directory) for name, directory in DIRECTORIES.items()}
    return {**paths, "MISE_TRUSTED_CONFIG_PATHS": "/"}


def prepare_mise(program: str, root: str, source: ToolSource, projects: Sequence[Project]) -> Setup:
    """Write the configuration of each project, and install its tools."""
    home = os.path.join(root, "mise")
    shims = os.path.join(home, "data", "shims")
    environment = {
        **base_environment(root, shims, os.path.dirname(program)),
        **mise_variables(home),
    }
    for project in projects:
        lines = [_tool(name, source.base) for name in project.tools]
        write_text(os.path.join(project.directory, "mise.toml"), "[tools]\n" + "".join(lines))
        subprocess.run(
            [program, "install", "--yes"],
            cwd=project.directory,
            env=environment,
            check=True,
            capture_output=True,
        )
    return Setup(program, environment, shims)


def _tool(name: str, base: str) -> str:
    versions = "many" if name == "tool0" else "one"
    options = {
        "version": VERSION,
        "url": f"{base}/{name}.tar.gz",
        "version_list_url": f"{base}/{versions}.json",
        "bin_path": "bin",
    }
    fields = [*(f'{key} = "{value}"' for key, value in options.items()), "strip_components = 1"]
    return f'"http:{name}" = {{{", ".join(fields)}}}\n'
