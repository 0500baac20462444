"""`envmgr activate`, `hook`, `setup`: shells whose PATH and variables follow the directory."""

from __future__ import annotations

import sys

from envmgr.cli.console import confirm_with, open_context, print_outcome, print_result, print_status
from envmgr.kit.errors import UsageError
from envmgr.ops import activation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envmgr.cli.options import Options
    from envmgr.ops.shell_setup import StartFileChange


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
        'run `eval "$(envmgr activate bash)"` first, or the line of your shell: `envmgr activate --help`; '
        "in PowerShell, run `Disable-EnvmgrActivation`",
    )


def run_setup(options: Options, shell: str, *, remove: bool) -> int:
    """Add the line that activates a shell to its start file, or remove it, after a confirmation."""
    from envmgr.ops import shell_setup

    context = open_context(options)
    plan = shell_setup.plan_removal if remove else shell_setup.plan_setup
    change = plan(context, activation.shell_named(shell))
    if change.has_effect:
        _confirm(options, change, "-" if remove else "+")
        change = plan(context, activation.shell_named(shell))  # the file may have changed since
        shell_setup.apply_change(change)
    return print_outcome(
        options,
        "setup",
        lambda: {
            "shell": change.shell,
            "start_file": change.path,
            "line": change.line,
            "changed": change.has_effect,
        },
        lambda _style, _width: [_describe(change, remove=remove)],
    )


def _confirm(options: Options, change: StartFileChange, sign: str) -> None:
    """Show a change and ask for it; raise UsageError without a confirmation."""
    print_status(options, f"{change.path}\n{sign} {change.line}")
    if not confirm_with(options)(f"{'Add' if sign == '+' else 'Remove'} this line?"):
        raise UsageError(
            f"{change.path} is unchanged: setup requires a confirmation",
            "pass --yes, or edit the file yourself",
        )


def _describe(change: StartFileChange, *, remove: bool) -> str:
    if not change.has_effect:
        state = "does not activate" if remove else "already activates"
        return f"{change.path} {state} {change.shell}"
    return (
        f"{change.path} no longer activates {change.shell}"
        if remove
        else (f"{change.path} activates {change.shell}: start a new shell")
    )
