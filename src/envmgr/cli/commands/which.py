"""`envmgr which`: the executable that runs for a command here."""

from __future__ import annotations

from envmgr.cli.console import open_context, show
from envmgr.kit.frozen import fields_of
from envmgr.ops.which import which

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envmgr.cli.options import Options


def run(options: Options, command: str) -> int:
    """Print the path."""
    found = which(open_context(options), command)
    return show(
        options,
        "which",
        lambda: {name: getattr(found, name) for name in fields_of(type(found))},
        lambda _style, _width: [found.path],
    )
