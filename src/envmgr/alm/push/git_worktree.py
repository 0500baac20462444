"""State of the git worktree of a build."""

from __future__ import annotations

import os
import subprocess
import sys

from envmgr.alm.push.git_tags import GitTag
from envmgr.kit.frozen import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from envmgr.kit.environment import Environment

GIT_TIMEOUT_SECONDS = 20.0
"""A push must not wait for a hanging disk."""

_NOT_INSTALLED = "git is not installed"
_COMMON_DIRECTORY = ("rev-parse", "--path-format=absolute", "--git-common-dir")
_HEAD = (*_COMMON_DIRECTORY, "HEAD^{commit}", "--symbolic-full-name", "HEAD")
_TAG_NAMED_HEAD = "refs/tags/HEAD"
_REMOTES = ("remote", "--verbose")
_STATUS = ("status", "--porcelain", "--untracked-files=no")
_STATUS_CODE_LENGTH = len("MM ")
_OPTIONS = ("-c", "core.warnAmbiguousRefs=false")
"""Beside a branch or tag of that name, git would print no name for HEAD."""
_QUIET = {"GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


@frozen
class GitWorktree:
    """A worktree, with empty fields for what is unknown, and in `error` why git could not be run.

    `tags` are those of the commit, `changes` the tracked files that differ from HEAD.
    """

    commit: str = ""
    branch: str = ""
    tags: tuple[GitTag, ...] = ()
    remote: str = ""
    directory: str = ""
    changes: tuple[str, ...] = ()
    error: str = ""

    @property
    def is_dirty(self) -> bool:
        """Return whether tracked files differ from HEAD."""
        return bool(self.changes)


def read(
    environment: Environment,
    commit: str = "",
    timeout: float = GIT_TIMEOUT_SECONDS,
    *,
    meanwhile: Callable[[], None] | None = None,
) -> GitWorktree:
    """Return the worktree of the working directory, with the tags of `commit` (default: HEAD).

    `meanwhile` is called while git runs.
    """
    try:
        with _Git(_find_git(environment), environment, timeout) as git:
            git.start(_HEAD, _tags_at(commit), _REMOTES, _STATUS)
            if meanwhile is not None:
                meanwhile()
            return _read(git, commit)
    except _GitError as error:
        return GitWorktree(error=str(error))


def _find_git(environment: Environment) -> str:
    """Return git's path, or its name where starting it searches PATH."""
    path = environment.get("PATH")
    if sys.platform != "win32" and path:
        return "git"
    import shutil  # takes a tenth of the time of Python's start

    git = shutil.which("git", path=path)
    if git is None:
        raise _GitError(_NOT_INSTALLED)
    return git


def _read(git: _Git, requested_commit: str) -> GitWorktree:
    common, head, branch = _head(git)
    if not head:
        return GitWorktree(remote=_remote(git), directory=_directory(git, common), error="no commits yet")
    commit = requested_commit or head
    return GitWorktree(
        commit=commit,
        branch=branch if head.startswith(commit) else "",
        tags=_tags(git, requested_commit),
        remote=_remote(git),
        directory=_directory(git, common),
        changes=_changes(git),
    )


def _head(git: _Git) -> tuple[str, str, str]:
    """Return the directory that worktrees share, and the commit and the branch of HEAD, empty without one."""
    lines = git.run_or_empty(*_HEAD)
    if not lines:  # no commits yet, or no repository
        return git.run(*_COMMON_DIRECTORY), "", ""
    common, commit, ref = lines.rsplit("\n", 2)
    if ref == _TAG_NAMED_HEAD:  # git takes it for HEAD where that has no commits yet
        return common, "", ""
    return common, commit, "" if ref == "HEAD" else ref.removeprefix("refs/heads/")


def _tags_at(commit: str) -> tuple[str, ...]:
    """Return the arguments for the tags of a commit; `refname:short` would depend on branches."""
    names = "--format=%(objecttype) %(refname:lstrip=2) %(taggerdate:unix)"
    return ("for-each-ref", f"--points-at={commit or 'HEAD'}", names, "refs/tags")


def _tags(git: _Git, commit: str) -> tuple[GitTag, ...]:
    lines = git.run_or_empty(*_tags_at(commit)).splitlines()
    return tuple(_tag(*line.split(" ")) for line in lines)


def _tag(kind: str, name: str, created: str = "") -> GitTag:
    return GitTag(name, int(created or 0) if kind == "tag" else None)


def _changes(git: _Git) -> tuple[str, ...]:
    """Return the changed paths; git quotes those with control characters."""
    lines = git.run_or_empty(*_STATUS).splitlines()
    return tuple(line[_STATUS_CODE_LENGTH:] for line in lines)


def _remote(git: _Git) -> str:
    """Return the URL of `origin`, else of the only remote."""
    lines = [line.partition("\t") for line in git.run_or_empty(*_REMOTES).splitlines()]
    names = list(dict.fromkeys(name for name, _, _ in lines))
    origin = "origin" if "origin" in names else names[0] if len(names) == 1 else ""
    urls = (text.rpartition(" (fetch)")[0] for name, _, text in lines if name == origin)
    return next(filter(None, urls), "")


def _directory(git: _Git, common: str) -> str:
    """Return the directory of the repository; for a linked worktree, that of the main one."""
    if os.path.basename(common) == ".git":
        return os.path.dirname(common)
    return git.run_or_empty("rev-parse", "--show-toplevel") or common.removesuffix(".git")


class _GitError(Exception):
    """Running git failed."""


class _Git:
    """Runs git in the working directory, each time with a timeout in seconds."""

    def __init__(self, program: str, environment: Environment, timeout: float) -> None:
        self._program = program
        self._environment = environment
        self._timeout = timeout
        self._started: dict[tuple[str, ...], subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        """Enter the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the processes whose output was not used."""
        while self._started:
            _end(self._started.popitem()[1])

    def start(self, *commands: tuple[str, ...]) -> None:
        """Start commands at once; their output is used when they are run."""
        for args in commands:
            self._started[args] = self._start(args)

    def run_or_empty(self, *args: str) -> str:
        """Return the output of git, empty if it fails."""
        return self._execute(args)[1]

    def run(self, *args: str) -> str:
        """Return the output of git; raise _GitError if it fails."""
        code, out, error = self._execute(args)
        if code:
            raise _GitError(_first_line(error) or f"git {args[0]} failed")
        return out

    def _execute(self, args: tuple[str, ...]) -> tuple[int, str, str]:
        process = self._started.pop(args, None) or self._start(args)
        try:
            out, error = process.communicate(timeout=self._timeout)
        except subprocess.TimeoutExpired:
            raise _GitError(f"git {args[0]} timed out after {self._timeout:g} s") from None
        finally:
            _end(process)
        text = out.decode(errors="replace").rstrip("\r\n")
        return process.returncode, "" if process.returncode else text, error.decode(errors="replace")

    def _start(self, args: tuple[str, ...]) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(  # noqa: S603 - git, with constant arguments and a validated commit
                [self._program, *_OPTIONS, *args],
                cwd=self._environment.cwd,
                env={**self._environment.variables, **_QUIET},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except OSError as error:
            if isinstance(error, FileNotFoundError) and error.filename == self._program:
                raise _GitError(_NOT_INSTALLED) from None
            raise _GitError(f"cannot run git: {error.strerror}") from None


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process that is running, and close its pipes."""
    with process:
        process.kill()


def _first_line(text: str) -> str:
    return next((line.removeprefix("fatal: ").strip() for line in text.splitlines() if line.strip()), "")
