"""Picking from 800 versions compared with `packaging`, by a program in the client's environment."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from report.results import Samples
    from support.suites.setting import Setting

PROGRAM = os.path.join(os.path.dirname(os.path.dirname(__file__)), "programs", "pick_versions.py")
ROWS = ("pick", "pick-prefix", "pick-range", "pick-latest", "pick-first", "read")


def measure_rows(setting: Setting, names: Collection[str]) -> dict[str, Samples]:
    """Return the samples of the named rows."""
    command = [setting.client.python, PROGRAM, str(setting.rounds(201))]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    samples: dict[str, Samples] = json.loads(result.stdout)
    return {name: samples[name] for name in ROWS if name in names}
