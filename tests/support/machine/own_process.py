"""A machine on which envmgr runs in this process: much cheaper than a process for each command."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING
from unittest import mock

from envmgr.cli.main import main
from envmgr.cli.output import progress, style  # noqa: F401 - not first imported while a test replaces what they import
from envmgr.kit import result_cache
from envmgr.resolve import context as context_module

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envmgr.resolve.context import Context
    from support.machine.sandbox import Sandbox


@dataclass(frozen=True)
class Run:
    """The result of a command, and whether it was a recorded one."""

    code: int
    out: str
    err: str
    is_recorded: bool

    @property
    def printed(self) -> tuple[int, str, str]:
        """Return all that a user sees."""
        return self.code, self.out, self.err


class OwnProcess:
    """Runs commands of a sandbox in this process; `reset` restores the state of its files at the creation."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._pristine = sandbox.root.with_name("pristine")
        shutil.copytree(sandbox.root, self._pristine, symlinks=True)

    def reset(self) -> None:
        """Restore all files, without recorded results."""
        shutil.rmtree(self.sandbox.root)
        shutil.copytree(self._pristine, self.sandbox.root, symlinks=True)

    def run(self, *arguments: str, env: Mapping[str, str] | None = None, cwd: str | None = None) -> Run:
        """Run a command."""
        out, err, recorded = io.StringIO(), io.StringIO(), []
        with (
            _surroundings({**self.sandbox.environment, **(env or {})}, cwd or str(self.sandbox.project)),
            _no_terminal(),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            mock.patch.object(result_cache, "find", _spy(recorded)),
            _closed_connections(),
        ):
            code = main(list(arguments))
        return Run(code, out.getvalue(), err.getvalue(), is_recorded=any(recorded))

    def run_until_recorded(self, *arguments: str, env: Mapping[str, str] | None = None) -> Run:
        """Repeat a command until its recorded result is used: two runs a clock tick apart must have had it."""
        for _ in range(100):
            run = self.run(*arguments, env=env)
            assert run.code == 0, run
            if run.is_recorded:
                return run
        raise AssertionError(f"the result of {arguments} is never recorded: {run}")

    def run_afresh(self, *arguments: str, env: Mapping[str, str] | None = None) -> Run:
        """Run a command without recorded results."""
        shutil.rmtree(self.sandbox.home / "cache" / "results", ignore_errors=True)
        run = self.run(*arguments, env=env)
        assert not run.is_recorded
        return run


def _spy(recorded: list[bool]) -> object:
    find = result_cache.find

    def find_and_note(*arguments: object) -> object:
        result = find(*arguments)
        recorded.append(result is not None)
        return result

    return find_and_note


@contextlib.contextmanager
def _closed_connections() -> Iterator[None]:
    """Close the connections of all commands that run in the block, as the end of their process would."""
    open_context, contexts = context_module.current, []

    def current(**keywords: object) -> Context:
        contexts.append(open_context(**keywords))
        return contexts[-1]

    try:
        with mock.patch.object(context_module, "current", current):
            yield
    finally:
        for context in contexts:
            context.close()


@contextlib.contextmanager
def _no_terminal() -> Iterator[None]:
    """Point the descriptors of output at no terminal: where the tests print must not decide the rendering."""
    descriptors = {stream: os.dup(stream) for stream in (1, 2)}
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        for stream in descriptors:
            os.dup2(null, stream)
        yield
    finally:
        for stream, descriptor in descriptors.items():
            os.dup2(descriptor, stream)
            os.close(descriptor)
        os.close(null)


@contextlib.contextmanager
def _surroundings(variables: Mapping[str, str], cwd: str) -> Iterator[None]:
    before, stdin = os.getcwd(), sys.stdin
    os.chdir(cwd)
    try:
        with mock.patch.dict(os.environ, {**variables, "PWD": cwd}, clear=True):
            yield
    finally:
        sys.stdin = stdin
        os.chdir(before)
