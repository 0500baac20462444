"""`envmgr alm serve`: this process becomes the server."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from envmgr.cli.session import open_context
from envmgr.kit.errors import UsageError
from envmgr.ops.alm.serve import command_line

if TYPE_CHECKING:
    from envmgr.cli.options import Options
    from envmgr.ops.alm.serve import Wish


def run(options: Options, wish: Wish) -> int:
    """Run the server in this process's place, so that signals reach it and it alone."""
    if options.json:
        raise UsageError("serve prints a log, not one document", "leave --json out")
    line = command_line(open_context(options), wish)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(line[0], line)  # noqa: S606 - our own interpreter, with words of ours
