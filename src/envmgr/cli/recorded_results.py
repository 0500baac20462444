"""Results of commands that had nothing to do: recorded at their end, printed at the next start."""

from __future__ import annotations

import sys

from envmgr.cli.fast_path import can_be_recorded
from envmgr.cli.output.style import STDOUT, style_of, width_of
from envmgr.kit import environment as environments
from envmgr.kit import result_cache
from envmgr.kit.environment import is_terminal
from envmgr.kit.paths import resolve_paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envmgr.cli.options import Options
    from envmgr.resolve.context import Context


_TABLE_COMMANDS = frozenset({"list", "plugin", "search"})
"""Commands that fit their output to the width of the terminal."""


def print_recorded(options: Options) -> int | None:
    """Print the recorded result of a command line; return None without one, or if an input has changed."""
    environment = environments.current(options.cwd)
    if options.verbose or environment.directory is None:
        return None
    words = (*options.arguments, *_rendering(options))
    result = result_cache.find(resolve_paths(environment), result_cache.key_of(environment, words))
    if result is None:
        return None
    sys.stderr.write(result.notes)
    sys.stdout.write(result.output)
    return 0


def record(options: Options, context: Context, output: str, notes: str = "") -> None:
    """Record the result of a command line that has one, unless details of the run were printed."""
    if options.verbose or not can_be_recorded(options.arguments):
        return
    from envmgr.ops.record_result import record_result

    key = result_cache.key_of(context.environment, (*options.arguments, *_rendering(options)))
    record_result(context, key, result_cache.Result(output, notes))


def _rendering(options: Options) -> tuple[str, ...]:
    """Return all that the form of the output depends on; the number keeps it apart from arguments."""
    form = f"json={options.json} quiet={options.quiet} offline={options.offline}"
    if options.json:
        return (str(len(options.arguments)), form)
    width = width_of(STDOUT) if _TABLE_COMMANDS.intersection(options.arguments[:1]) else 0
    terminal = f"colour={style_of(STDOUT).colour} width={width} terminal={is_terminal(STDOUT)}"
    return (str(len(options.arguments)), form, terminal)
