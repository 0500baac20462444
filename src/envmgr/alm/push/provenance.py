"""Provenance of a build: from options, else the CI environment, else git, without I/O."""

from __future__ import annotations

import os
import re

from envmgr.alm.push import git_tags
from envmgr.alm.push.ci import repository_of
from envmgr.alm.refs import TAG_RULE, is_tag
from envmgr.kit.errors import MissingProvenance, UsageError
from envmgr.kit.frozen import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envmgr.alm.push.ci import CiRun
    from envmgr.alm.push.git_worktree import GitWorktree

# Patterns are compiled when they are used: most pushes need one of them.
_APP_NAME = r"(?![0-9]+\Z)[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
_COMMIT = r"[0-9a-f]{7,64}"
_URL = r"https?://[^\s\x00-\x1f\x7f]{1,1990}"
_CONTROL = r"[\x00-\x1f\x7f\ud800-\udfff]+"
_MAX_LINE_LENGTH = 300
SHORT_COMMIT_LENGTH = 12
"""Digits of a commit that serve as the tag of an untagged build."""


@frozen
class ProvenanceOptions:
    """Values of options; None defaults to the CI environment or git."""

    app: str | None = None
    tag: str | None = None
    commit: str | None = None
    ref: str | None = None


@frozen
class Provenance:
    """App and version of a build, and its origin; `other_tags` of the commit were passed over for `tag`."""

    app: str
    tag: str
    commit: str
    ref: str
    build: tuple[tuple[str, str | bool], ...]
    other_tags: tuple[str, ...] = ()


def commit_of(options: ProvenanceOptions, run: CiRun) -> str:
    """Return the commit of the option or the CI, or an empty string; raise UsageError if invalid."""
    if options.commit is None:
        return run.commit.lower() if _is_commit(run.commit.lower()) else ""
    commit = options.commit.lower()
    if not _is_commit(commit):
        raise UsageError(
            f"invalid --commit {options.commit}: expected 7 to 64 hex digits",
            "for example: --commit $(git rev-parse HEAD)",
        )
    return commit


def collect(options: ProvenanceOptions, run: CiRun, worktree: GitWorktree, directory: str) -> Provenance:
    """Return the provenance; raise MissingProvenance if app or tag is unknown or invalid."""
    commit = commit_of(options, run) or worktree.commit
    tag, other_tags = _tag(options, run, worktree, commit)
    return Provenance(
        app=_app(options, run, worktree, directory),
        tag=tag,
        commit=commit,
        ref=_line(run.ref or worktree.branch if options.ref is None else options.ref),
        build=(
            ("ci", run.ci),
            ("run_id", _line(run.run_id)),
            ("run_attempt", _line(run.run_attempt)),
            ("url", run.url if run.url and re.fullmatch(_URL, run.url) else ""),
            ("actor", _line(run.actor)),
            ("repository", _line(run.repository or repository_of(worktree.remote))),
            ("dirty", worktree.is_dirty),
        ),
        other_tags=other_tags,
    )


def _app(options: ProvenanceOptions, run: CiRun, worktree: GitWorktree, directory: str) -> str:
    repository = run.repository or repository_of(worktree.remote) or worktree.directory or directory
    name = os.path.basename(repository.rstrip("/\\")) if options.app is None else options.app
    if re.fullmatch(_APP_NAME, name):
        return name
    rule = "1 to 100 letters, digits, `.`, `_` and `-`, the first a letter or a digit, not all digits"
    if options.app is not None:
        raise UsageError(f"invalid --app {name!r}", f"use {rule}")
    raise MissingProvenance(f"repository name {name!r} is not a valid app name", f"pass --app NAME: {rule}")


def _tag(
    options: ProvenanceOptions, run: CiRun, worktree: GitWorktree, commit: str
) -> tuple[str, tuple[str, ...]]:
    """Return the tag of the option, the CI, git or the commit, and those of git that were passed over."""
    if options.tag is not None:
        if not is_tag(options.tag):
            raise UsageError(f"invalid --tag {options.tag!r}", f"use {TAG_RULE}")
        return options.tag, ()
    if run.tag and _is_of_commit(run, commit):
        return _valid_tag(run.tag), ()
    if worktree.tags:
        return _git_tag(worktree, commit)
    if not commit:
        raise MissingProvenance(
            f"cannot determine the version: {worktree.error or 'no commit found'}",
            "pass --tag TAG, or run in a git repository",
        )
    return commit[:SHORT_COMMIT_LENGTH], ()


def _is_of_commit(run: CiRun, commit: str) -> bool:
    """Return whether a CI run builds this commit; its tag is not that of another `--commit`."""
    built = run.commit.lower()
    return not _is_commit(built) or built.startswith(commit) or commit.startswith(built)


def _is_commit(text: str) -> bool:
    # without a call of `re` for the empty text of most builds, which would compile the pattern
    return bool(text) and re.fullmatch(_COMMIT, text) is not None


def _git_tag(worktree: GitWorktree, commit: str) -> tuple[str, tuple[str, ...]]:
    """Return the tag of a commit and the others; raise MissingProvenance if it is unclear or invalid."""
    selection = git_tags.select([tag for tag in worktree.tags if is_tag(tag.name)])
    names = selection.candidates
    if not names:
        return _valid_tag(worktree.tags[0].name), ()
    if selection.winner is None:
        raise MissingProvenance(
            f"commit {commit[:SHORT_COMMIT_LENGTH]} has several tags: {', '.join(names)}",
            f"choose one, for example `envmgr alm push --tag {names[0]}`",
        )
    return selection.winner, tuple(name for name in names if name != selection.winner)


def _valid_tag(tag: str) -> str:
    if is_tag(tag):
        return tag
    raise MissingProvenance(f"git tag {tag!r} is not a valid version tag", f"pass --tag TAG: {TAG_RULE}")


def _line(text: str) -> str:
    line = text if text.isprintable() else re.sub(_CONTROL, " ", text)
    return line.strip()[:_MAX_LINE_LENGTH]
