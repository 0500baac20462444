"""What git says of the work tree that a build is made of."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from envmgr.kit.frozen import frozen

if TYPE_CHECKING:
    from envmgr.kit.environment import Environment

TIMEOUT = 20.0
"""Seconds after which git is given up: a push must not wait for a sick disk."""

_QUIET = {"GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


@frozen
class GitWorktree:
    """A work tree; what is not known is empty. `trouble` says why nothing is."""

    commit: str = ""
    branch: str = ""
    tag: str = ""
    remote: str = ""
    directory: str = ""
    is_dirty: bool = False
    error: str = ""


def read(environment: Environment, commit: str = "", timeout: float = TIMEOUT) -> GitWorktree:
    """Ask git about the working directory: its commit, or the one given, and that one's tag."""
    git = shutil.which("git", path=environment.get("PATH"))
    if git is None:
        return GitWorktree(error="git is not installed")
    try:
        return _read(_Git(git, environment, timeout), commit)
    except _GitError as error:
        return GitWorktree(error=str(error))


def _read(git: _Git, wanted: str) -> GitWorktree:
    common = git.run("rev-parse", "--path-format=absolute", "--git-common-dir")
    head = git.run_or_empty("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    if not head:
        return GitWorktree(
            remote=_remote(git), directory=_directory(git, common), error="nothing is committed yet"
        )
    commit = wanted or head
    return GitWorktree(
        commit=commit,
        branch=git.run_or_empty("symbolic-ref", "--quiet", "--short", "HEAD") if commit == head else "",
        tag=git.run_or_empty("describe", "--tags", "--exact-match", commit),
        remote=_remote(git),
        directory=_directory(git, common),
        is_dirty=bool(git.run_or_empty("status", "--porcelain", "--untracked-files=no")),
    )


def _remote(git: _Git) -> str:
    """Return the URL of `origin`, else of the only remote there is."""
    names = git.run_or_empty("remote").split()
    name = "origin" if "origin" in names else names[0] if len(names) == 1 else ""
    return git.run_or_empty("remote", "get-url", name) if name else ""


def _directory(git: _Git, common: str) -> str:
    """Return the directory of the repository: of a further work tree, that of the first one."""
    if os.path.basename(common) == ".git":
        return os.path.dirname(common)
    return git.run_or_empty("rev-parse", "--show-toplevel") or common.removesuffix(".git")


class _GitError(Exception):
    """Git could not answer."""


class _Git:
    """Runs git where a command runs, for a limited time."""

    def __init__(self, program: str, environment: Environment, timeout: float) -> None:
        self._program = program
        self._environment = environment
        self._timeout = timeout

    def run_or_empty(self, *words: str) -> str:
        """Return what git answers, empty where it says no."""
        return self._run(words)[1]

    def run(self, *words: str) -> str:
        """Return what git answers; raise _Failed where it says no."""
        code, out, error = self._run(words)
        if code:
            raise _GitError(_first(error) or f"git {words[0]} failed")
        return out

    def _run(self, words: tuple[str, ...]) -> tuple[int, str, str]:
        try:
            done = subprocess.run(  # noqa: S603 - git, with words of ours and a commit that was checked
                [self._program, *words],
                cwd=self._environment.cwd,
                env={**self._environment.variables, **_QUIET},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=self._timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise _GitError(f"git {words[0]} did not answer within {self._timeout:g} s") from None
        except OSError as error:
            raise _GitError(f"git cannot be run: {error.strerror}") from None
        out = done.stdout.decode(errors="replace").strip()
        return done.returncode, "" if done.returncode else out, done.stderr.decode(errors="replace")


def _first(text: str) -> str:
    return next((line.removeprefix("fatal: ").strip() for line in text.splitlines() if line.strip()), "")
