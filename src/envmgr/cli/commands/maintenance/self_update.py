"""`envmgr self-update`: the commands that update envmgr."""

from __future__ import annotations

import os
import shlex
import subprocess
from typing import TYPE_CHECKING

from envmgr import __version__
from envmgr.cli.console import print_result, print_status
from envmgr.ops.maintenance.self_update import advise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.cli.options import Options

_NAMES = {"git": "a clone", "uv": "uv tool", "debian": "apt", "rpm": "dnf"}


def run(options: Options) -> int:
    """Print the commands that update envmgr, for a shell of this system."""
    advice = advise()
    name = _NAMES.get(advice.installer, advice.installer)
    print_status(options, f"envmgr {__version__} from {name} in {advice.location}; to update it, run:")
    return print_result(
        options,
        "self-update",
        lambda: {
            "version": __version__,
            "installer": advice.installer,
            "origin": advice.origin,
            "location": advice.location,
            "commands": [[*command] for command in advice.commands],
        },
        lambda _style, _width: [_join(command) for command in advice.commands],
    )


def _join(words: Sequence[str]) -> str:
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)
