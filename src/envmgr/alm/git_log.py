"""The commits between two versions, where the repository of the working directory has both."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

from envmgr.kit.frozen import frozen

if TYPE_CHECKING:
    from envmgr.kit.environment import Environment

MAX_COMMITS = 50
TIMEOUT = 20
_COMMIT = re.compile(r"[0-9a-f]{7,64}")


@frozen
class Commits:
    """What `git log A..B` lists, newest first, and how many commits there are each way.

    `listed` holds the first `MOST` as pairs of short commit and subject. `dropped` are those of A that B lacks.
    """

    added: int
    dropped: int
    listed: tuple[tuple[str, str], ...]


class Repository:
    """The git repository that holds a directory, if there is one, and git."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._git = shutil.which("git", path=environment.get("PATH"))

    def between(self, before: str, after: str) -> Commits | None:
        """Return the commits that lead from one to another; None where they are not known here."""
        if not all(_COMMIT.fullmatch(commit) and self._has(commit) for commit in (before, after)):
            return None
        counts = self._run_git("rev-list", "--left-right", "--count", f"{before}...{after}")
        log = self._run_git("log", f"--max-count={MAX_COMMITS}", "--format=%h %s", f"{before}..{after}")
        if counts is None or log is None:
            return None
        dropped, added = counts.split()
        return Commits(int(added), int(dropped), tuple(_entry(line) for line in log.splitlines()))

    def _has(self, commit: str) -> bool:
        return self._run_git("cat-file", "-e", f"{commit}^{{commit}}") is not None

    def _run_git(self, *words: str) -> str | None:
        """Return what git answers; None where it cannot."""
        if self._git is None:
            return None
        try:
            done = subprocess.run(  # noqa: S603 - git, with commits that are hexadecimal digits only
                [self._git, "-c", "log.showSignature=false", *words],
                cwd=self._environment.cwd,
                env={**self._environment.variables, "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=TIMEOUT,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return None if done.returncode else done.stdout.decode(errors="replace")


def _entry(line: str) -> tuple[str, str]:
    commit, _, subject = line.partition(" ")
    return commit, subject
