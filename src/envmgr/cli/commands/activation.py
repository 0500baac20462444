"""`envmgr activate`, `hook`: code for shells whose PATH and variables follow the directory."""

from __future__ import annotations

import sys

from envmgr.cli.console import open_context, print_result
from envmgr.kit.errors import UsageError
from envmgr.ops import activation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envmgr.cli.options import Options


def run(options: Options, shell: str) -> int:
    """Print the code that a shell's start file evaluates."""
    context = open_context(options)
    activation_shell = activation.shell_named(shell)
    script = activation.script(context, activation_shell)
    return print_result(
        options,
        "activate",
        lambda: {"shell": activation_shell.name, "script": script},
        lambda _style, _width: script.rstrip("\n").split("\n"),
    )


def run_hook(options: Options, shell: str) -> int:
    """Print the environment plan of the directory, which activated shells evaluate."""
    if options.json:
        raise UsageError("--json is not supported by hook", "omit --json")
    sys.stdout.write(activation.plan_directory(open_context(options), activation.shell_named(shell)))
    return 0


def refuse_deactivation() -> int:
    """Raise UsageError: in an activated shell, `deactivate` is run by a function of that shell."""
    raise UsageError(
        "deactivate requires an activated shell",
        'run `eval "$(envmgr activate bash)"` first, or the line of your shell: `envmgr activate --help`',
    )
