"""`envmgr which`: the executable for a command."""

from __future__ import annotations

from envmgr.cli.console import open_context, print_result
from envmgr.kit.frozen import field_names
from envmgr.ops.which import which

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envmgr.cli.options import Options


def run(options: Options, command: str) -> int:
    """Print the path of the executable."""
    result = which(open_context(options), command)
    return print_result(
        options,
        "which",
        lambda: {name: getattr(result, name) for name in field_names(type(result))},
        lambda _style, _width: [result.path],
    )
