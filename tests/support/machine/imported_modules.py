"""The modules that a command has imported when it ends."""

from __future__ import annotations

import os
import subprocess
import sys

from envmgr.install import receipt
from envmgr.kit.paths import single_root
from support.machine.installed_tools import new_receipt

REPORT = """
import os, sys
from envmgr.cli.main import main
os.execve = lambda *_: None  # the program of `exec` replaces the process
code = main(sys.argv[1:])
sys.stderr.write("\\n@modules " + " ".join(sys.modules) + "\\n")
"""


def install_node(home, tool="nodejs"):
    """Create an installation of Node.js 20.1.0 without the installer."""
    directory = single_root(str(home)).install(tool, "20.1.0")
    os.makedirs(os.path.join(directory, "bin"))
    with open(os.path.join(directory, "bin", "node"), "w") as file:
        os.chmod(file.name, 0o755)
    receipt.write(directory, new_receipt(tool, "20.1.0"))


def imported_by(arguments, tmp_path, request="nodejs=^20.1", variables=None):
    """Return the modules that a command has imported when it ends."""
    project = tmp_path / "project"
    project.mkdir(exist_ok=True)
    dotfile = project / ".envmgr"
    if not dotfile.exists():
        dotfile.write_text(f"{request}\n")
    result = subprocess.run(
        [sys.executable, "-I", "-c", REPORT, *arguments],
        cwd=project,
        env={"ENVMGR_HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin", **(variables or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("@modules ")]
    return set(line.split()[1:])
