"""Shells that tests run: pinned ones of the test environment, others of the system."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path


def find_shell(name: str) -> str | None:
    """Return the path of a shell, None if it is not installed."""
    environment = Path(sys.prefix)
    pinned = [environment / "bin", *environment.glob("npm/node_modules/@nushell/*/bin")]
    return shutil.which(name, path=os.pathsep.join(map(str, pinned))) or shutil.which(name)
