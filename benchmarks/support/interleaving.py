"""Commands run in turn, so that all see the same machine."""

from __future__ import annotations

import contextlib
import math
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from report.results import Series

MILLISECONDS = 1000


class Command(NamedTuple):
    """Arguments, a directory, all environment variables, and what to do before each run, untimed."""

    args: Sequence[str]
    directory: str
    environment: Mapping[str, str]
    prepare: Callable[[], object] | None = None


class Plan(NamedTuple):
    """Rounds, and the seconds that one way may take of all of them: a slow one is left out of some."""

    rounds: int
    seconds: float


def measure(commands: Mapping[str, Command], plan: Plan, required: Sequence[str]) -> dict[str, Series]:
    """Return the milliseconds of each command by round.

    A command that fails ends the benchmark if it is required; otherwise it is left out, with a warning.
    """
    with contextlib.chdir(os.getcwd()):
        return _measure(commands, plan, required)


def _measure(commands: Mapping[str, Command], plan: Plan, required: Sequence[str]) -> dict[str, Series]:
    durations = {name: _warm_up(name, command, required) for name, command in commands.items()}
    strides = {
        name: max(1, math.ceil(plan.rounds * duration / plan.seconds))
        for name, duration in durations.items()
        if duration is not None
    }
    rounds: dict[str, list[float | None]] = {name: [] for name in strides}
    for number in range(plan.rounds):
        for name, stride in strides.items():
            rounds[name].append(None if number % stride else run(commands[name]) * MILLISECONDS)
    return dict(rounds)


def _warm_up(name: str, command: Command, required: Sequence[str]) -> float | None:
    try:
        run(command)
        return run(command)
    except subprocess.CalledProcessError as error:
        if name in required:
            raise SystemExit(f"{' '.join(command.args)} failed: {_error_output(command)}") from error
        print(f"warning: {name} left out: {' '.join(command.args)} failed", file=sys.stderr)
        return None


def _error_output(command: Command) -> str:
    result = subprocess.run(
        command.args, cwd=command.directory, env=command.environment, capture_output=True, check=False
    )
    return result.stderr.decode(errors="replace").strip()


def run(command: Command) -> float:
    """Run a command and return its seconds.

    Raise CalledProcessError if it fails.
    """
    if command.prepare:
        command.prepare()
    os.chdir(command.directory)
    variables = {**command.environment, "PWD": command.directory}
    null = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1, 2)]
    started = time.perf_counter()
    process = os.posix_spawn(command.args[0], list(command.args), variables, file_actions=null)
    _, status = os.waitpid(process, 0)
    duration = time.perf_counter() - started
    if status:
        raise subprocess.CalledProcessError(os.waitstatus_to_exitcode(status), command.args)
    return duration
