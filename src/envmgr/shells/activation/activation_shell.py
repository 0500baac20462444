"""Values that describe how a shell is activated, and the table of these shells."""

from __future__ import annotations

import os
import sys

from envmgr.kit.frozen import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from envmgr.kit.environment import Environment
    from envmgr.shells.activation.environment_plan import EnvironmentPlan


@frozen
class ActivationShell:
    """A shell: the templates of its script, its syntax, and the line of its start file.

    Shells with the same `plan_name` share their plans.
    """

    name: str
    plan_name: str
    templates: tuple[str, ...]
    quote: Callable[[str], str]
    render: Callable[[EnvironmentPlan], str]
    line: str
    start_file: Callable[[Environment], str]


def bash() -> ActivationShell:
    """Return bash."""
    from envmgr.shells.activation import posix

    return ActivationShell(
        "bash",
        "posix",
        ("activate.sh", "activate.bash"),
        posix.quote,
        posix.render,
        'eval "$(envmgr activate bash)"',
        _bash_start_file,
    )


def zsh() -> ActivationShell:
    """Return zsh."""
    from envmgr.shells.activation import posix

    return ActivationShell(
        "zsh",
        "posix",
        ("activate.sh", "activate.zsh"),
        posix.quote,
        posix.render,
        'eval "$(envmgr activate zsh)"',
        lambda environment: os.path.join(environment.get("ZDOTDIR", environment.home), ".zshrc"),
    )


def fish() -> ActivationShell:
    """Return fish."""
    from envmgr.shells.activation import fish as module

    return ActivationShell(
        "fish",
        "fish",
        ("activate.fish",),
        module.quote,
        module.render,
        "envmgr activate fish | source",
        lambda environment: os.path.join(_config_home(environment), "fish", "config.fish"),
    )


def xonsh() -> ActivationShell:
    """Return xonsh."""
    from envmgr.shells.activation import json_plan

    return ActivationShell(
        "xonsh",
        "json",
        ("activate.xsh",),
        repr,
        json_plan.render,
        "execx($(envmgr activate xonsh))",
        lambda environment: os.path.join(environment.home, ".xonshrc"),
    )


def elvish() -> ActivationShell:
    """Return Elvish."""
    from envmgr.shells.activation import elvish as module

    return ActivationShell(
        "elvish",
        "elvish",
        ("activate.elv",),
        module.quote,
        module.render,
        "eval (envmgr activate elvish | slurp)",
        lambda environment: os.path.join(_config_home(environment), "elvish", "rc.elv"),
    )


def nushell() -> ActivationShell:
    """Return Nushell, whose hooks run text as code: no other form evaluates the output of a program."""
    from envmgr.shells.activation import json_plan, nu

    return ActivationShell(
        "nu",
        "json",
        ("activate.nu",),
        nu.quote,
        json_plan.render,
        "$env.config.hooks.pre_prompt ++= [{ code: (^envmgr activate nu) }]",
        lambda environment: os.path.join(_nu_config_home(environment), "nushell", "config.nu"),
    )


def powershell() -> ActivationShell:
    """Return PowerShell."""
    from envmgr.shells.activation import powershell as module

    return ActivationShell(
        "pwsh",
        "pwsh",
        ("activate.ps1",),
        module.quote,
        module.render,
        "(& envmgr activate pwsh) -join [char]10 | Invoke-Expression",
        _powershell_start_file,
    )


def _powershell_start_file(environment: Environment) -> str:
    """Return the file that PowerShell reads in every program that hosts it."""
    if sys.platform == "win32":
        return os.path.join(environment.home, "Documents", "PowerShell", "profile.ps1")
    return os.path.join(_config_home(environment), "powershell", "profile.ps1")


def _bash_start_file(environment: Environment) -> str:
    """Return the file that bash reads in new terminals.

    macOS starts login shells there, which read the first that exists.
    """
    names = (".bash_profile", ".bash_login", ".profile") if sys.platform == "darwin" else (".bashrc",)
    paths = [os.path.join(environment.home, name) for name in names]
    return next((path for path in paths if os.path.isfile(path)), paths[0])


def _nu_config_home(environment: Environment) -> str:
    is_macos = sys.platform == "darwin" and not environment.get("XDG_CONFIG_HOME")
    return (
        os.path.join(environment.home, "Library", "Application Support")
        if is_macos
        else _config_home(environment)
    )


def _config_home(environment: Environment) -> str:
    return environment.get("XDG_CONFIG_HOME", os.path.join(environment.home, ".config"))


SHELLS: dict[str, Callable[[], ActivationShell]] = {
    "bash": bash,
    "zsh": zsh,
    "fish": fish,
    "xonsh": xonsh,
    "elvish": elvish,
    "nu": nushell,
    "pwsh": powershell,
}
