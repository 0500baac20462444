"""envmgr with tools of a local server."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

from support.peers.environments import Setup, base_environment
from support.tiny_tools import VERSION, write_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from support.tiny_tools import Project, ToolSource


def prepare_envmgr(program: str, root: str, source: ToolSource, projects: Sequence[Project]) -> Setup:
    """Describe tools by manifests, and install and lock those of each project."""
    home = os.path.join(root, "envmgr")
    shims = os.path.join(home, "shims")
    environment = {**base_environment(root, shims), "ENVMGR_HOME": home}
    for name in {name for project in projects for name in project.tools}:
        write_text(os.path.join(home, "plugins", f"{name}.json"), json.dumps(_manifest(name, source.base)))
    for project in projects:
        lines = [f"{name}={VERSION}\n" for name in project.tools]
        write_text(os.path.join(project.directory, ".envmgr"), "".join(lines))
        subprocess.run(
            [program, "install"], cwd=project.directory, env=environment, check=True, capture_output=True
        )
    return Setup(program, environment, shims)


def _manifest(name: str, base: str) -> dict[str, object]:
    versions = "many" if name == "tool0" else "one"
    return {
        "name": name,
        "versions_url": f"{base}/{versions}.json",
        "versions": {},
        "download_url_template": f"{base}/{name}.tar.gz",
        "format": "tar.gz",
        "bin": ["bin"],
        "checksum": {"url_template": f"{base}/SHA256SUMS", "format": "sums"},
    }
