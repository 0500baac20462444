"""The hook of activated shells: where nothing changed, and after a change to a known project.

Each figure is the processor time of a shell that runs a loop, less that of one that does the same without the hook.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
from typing import TYPE_CHECKING, NamedTuple

from report.rows import ENVMGR, MISE
from support.suites.setting import install_tools
from support.tiny_tools import write_text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from report.results import Samples
    from support.suites.setting import Installations, Setting

ROWS = ("hook-idle", "hook-change")
_FIRST, _SECOND = 4, 5
"""Numbers of tools of the two projects between which the shell changes."""

POSIX = """
cd {first}; . {script}; {hook}; cd {second}; {hook}
none() {{ return 0; }}
[ {run} = {hook} ] || {deactivate}
i=0; while [ $i -lt {prompts} ]; do i=$((i + 1)); {run}; done
i=0; while [ $i -lt {changes} ]; do i=$((i + 1)); cd {first}; {run}; cd {second}; {run}; done
"""
FISH = """
cd {first}; source {script}
cd {second}
function none; end
test {run} = {hook}; or {deactivate}
for i in (seq {prompts}); {run}; end
for i in (seq {changes}); cd {first}; {run}; cd {second}; {run}; end
"""
SHELLS = {
    "bash": (["bash", "--norc", "-c"], POSIX),
    "zsh": (["zsh", "-f", "-c"], POSIX),
    "fish": (["fish", "--no-config", "-c"], FISH),
}


class Hook(NamedTuple):
    """Names of the functions of a shell's activation, and how often they are called."""

    run: str
    deactivate: str
    prompts: int
    changes: int


class Shell(NamedTuple):
    """A shell with an activation: program and options, loop, script, hook, environment, and two projects."""

    words: list[str]
    loop: str
    script: str
    hook: Hook
    environment: Mapping[str, str]
    first: str
    second: str


HOOKS = {
    ENVMGR: Hook("__envmgr_hook", "__envmgr_deactivate", 2000, 200),
    MISE: Hook("_mise_hook", "mise deactivate", 60, 30),
}
SHELLS_OF_PEERS = ("bash", "zsh")
"""mise's function has another name in fish."""


def measure_rows(setting: Setting, names: Collection[str]) -> dict[str, Samples]:
    """Return the samples of the named rows: of each program, those of the shell where it is slowest."""
    with install_tools(setting, (_FIRST, _SECOND), (MISE,)) as installations:
        shells = _shells(installations)
        rounds = [{name: _measure(shell) for name, shell in shells.items()} for _ in range(setting.rounds(7))]
    programs = {program for program, _ in shells}
    return {
        row: {program: _slowest(rounds, program, index) for program in programs}
        for index, row in enumerate(ROWS)
        if row in names
    }


def _slowest(
    rounds: Sequence[Mapping[tuple[str, str], tuple[float, float]]], program: str, index: int
) -> list[float]:
    """Return the series of the shell with the highest median."""
    names = [name for name in rounds[0] if name[0] == program]
    return max(([result[name][index] for result in rounds] for name in names), key=statistics.median)


def _shells(installations: Installations) -> dict[tuple[str, str], Shell]:
    """Return the shells that this machine has, by program and shell."""
    return {
        (name, shell): _activate(installations, name, shell)
        for name in installations.setups
        for shell in SHELLS
        if shutil.which(shell) and (name == ENVMGR or shell in SHELLS_OF_PEERS)
    }


def _activate(installations: Installations, name: str, shell: str) -> Shell:
    setup = installations.setups[name]
    result = subprocess.run(
        [setup.program, "activate", shell],
        env=setup.environment,
        cwd=installations.root,
        check=True,
        capture_output=True,
        text=True,
    )
    script = os.path.join(installations.root, f"{name}.{shell}")
    write_text(script, result.stdout)
    words, loop = SHELLS[shell]
    first, second = (installations.project(name, count) for count in (_FIRST, _SECOND))
    return Shell(words, loop, script, HOOKS[name], setup.environment, first, second)


def _measure(shell: Shell) -> tuple[float, float]:
    """Return the milliseconds of a prompt where nothing changed, and of one after a change."""

    def time_of(prompts: int, changes: int) -> float:
        seconds = [
            _processor_seconds(
                shell,
                script=shell.script,
                first=shell.first,
                second=shell.second,
                hook=shell.hook.run,
                deactivate=shell.hook.deactivate,
                run=run,
                prompts=prompts,
                changes=changes,
            )
            for run in (shell.hook.run, "none")
        ]
        return (seconds[0] - seconds[1]) * 1000

    hook = shell.hook
    none, prompts, changes = time_of(0, 0), time_of(hook.prompts, 0), time_of(0, hook.changes)
    return (prompts - none) / hook.prompts, (changes - none) / (2 * hook.changes)


def _processor_seconds(shell: Shell, **values: str | int) -> float:
    """Return the processor time of a shell and of all programs that it starts."""
    words = [*shell.words, shell.loop.format(**values)]
    program = shutil.which(words[0]) or words[0]
    null = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    process = os.posix_spawn(program, words, dict(shell.environment), file_actions=null)
    _, status, usage = os.wait4(process, 0)
    if status:
        raise SystemExit(f"{words[0]} failed: exit code {os.waitstatus_to_exitcode(status)}")
    return usage.ru_utime + usage.ru_stime
