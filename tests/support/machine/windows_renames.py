"""Renames as Windows refuses them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from envmgr.install import installer, staging
from envmgr.kit.windows import running_programs

if TYPE_CHECKING:
    import pytest

RUNNING = "running.exe"
"""Name of a program that runs: it can be renamed, directories that hold it cannot."""
OPEN = "open.dll"
"""Name of a file that another program keeps open: it cannot be renamed either."""


def refuse_renames(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse to rename what Windows would refuse, and move the store's trees as on Windows."""
    rename = os.rename

    def refuse(source: str, target: str) -> None:
        names = {path.name for path in Path(source).rglob("*")}
        if os.path.basename(source) == OPEN or names & {RUNNING, OPEN}:
            raise PermissionError(13, "Permission denied")
        rename(source, target)

    monkeypatch.setattr(os, "rename", refuse)
    for module in (installer, staging):
        monkeypatch.setattr(module, "move_tree", running_programs.move_tree)
    monkeypatch.setattr(installer, "move_tree_back", running_programs.move_tree_back)
