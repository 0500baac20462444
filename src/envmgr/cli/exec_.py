"""`envmgr exec`: run a command with the project's or the named tools; what shims call when they have no plan."""

from __future__ import annotations

from envmgr.cli.session import confirm_with, open_context
from envmgr.kit.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.cli.options import Options


def run(options: Options, words: Sequence[str]) -> int:
    """Become the command; return only on Windows, with its exit code."""
    from envmgr.ops import exec_

    context = open_context(options)
    confirm = confirm_with(options)
    if words[:1] == ["--shim"]:
        command, arguments = words[1], words[2:]
        arguments = arguments[1:] if arguments[:1] == ["--"] else arguments
        return exec_.run_shim(context, command, arguments, confirm)
    tools, command_line = _split(words)
    return exec_.run(context, tools, command_line, confirm)


def _split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    at = words.index("--") if "--" in words else len(words)
    tools, command_line = list(words[:at]), list(words[at + 1 :])
    if not command_line:
        raise UsageError(
            "exec needs a command after --", "for example: envmgr exec nodejs@20 -- node --version"
        )
    return tools, command_line
