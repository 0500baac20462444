"""Commits between two versions, if the working directory's repository has both."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

from envmgr.kit.frozen import frozen

if TYPE_CHECKING:
    from envmgr.kit.environment import Environment

MAX_COMMITS = 50
GIT_TIMEOUT_SECONDS = 20
_COMMIT = re.compile(r"[0-9a-f]{7,64}")


@frozen
class Commits:
    """Commits of `git log A..B`, newest first, and the counts in both directions.

    `entries` holds the first MAX_COMMITS as pairs of short commit and subject. `dropped` counts those only in A.
    """

    added: int
    dropped: int
    entries: tuple[tuple[str, str], ...]


class Repository:
    """The git repository of the working directory, if it has one and git is installed."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._git = shutil.which("git", path=environment.get("PATH"))

    def between(self, before: str, after: str) -> Commits | None:
        """Return the commits from one to another; None if the repository lacks them."""
        if not all(_COMMIT.fullmatch(commit) and self._has_commit(commit) for commit in (before, after)):
            return None
        counts = self._run_git("rev-list", "--left-right", "--count", f"{before}...{after}")
        log = self._run_git("log", f"--max-count={MAX_COMMITS}", "--format=%h %s", f"{before}..{after}")
        if counts is None or log is None:
            return None
        dropped, added = counts.split()
        return Commits(int(added), int(dropped), tuple(_entry(line) for line in log.splitlines()))

    def _has_commit(self, commit: str) -> bool:
        return self._run_git("cat-file", "-e", f"{commit}^{{commit}}") is not None

    def _run_git(self, *args: str) -> str | None:
        """Return the output of git; None if it fails."""
        if self._git is None:
            return None
        try:
            process = subprocess.run(  # noqa: S603 - git, with commits of hexadecimal digits only
                [self._git, "-c", "log.showSignature=false", *args],
                cwd=self._environment.cwd,
                env={**self._environment.variables, "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=GIT_TIMEOUT_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return None if process.returncode else process.stdout.decode(errors="replace")


def _entry(line: str) -> tuple[str, str]:
    commit, _, subject = line.partition(" ")
    return commit, subject
