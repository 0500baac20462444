"""Provenance of a build: from options, else the CI environment, else git. Pure."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from envmgr.alm.push.ci import repository_of
from envmgr.alm.refs import TAG_RULE, is_tag
from envmgr.kit.errors import MissingProvenance, UsageError
from envmgr.kit.frozen import frozen

if TYPE_CHECKING:
    from envmgr.alm.push.ci import CiRun
    from envmgr.alm.push.git_worktree import GitWorktree

_APP_NAME = re.compile(r"(?![0-9]+\Z)[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_URL = re.compile(r"https?://[^\s\x00-\x1f\x7f]{1,1990}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]+")
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
    """App and version of a build, and its origin."""

    app: str
    tag: str
    commit: str
    ref: str
    build: tuple[tuple[str, str | bool], ...]


def commit_of(options: ProvenanceOptions, run: CiRun) -> str:
    """Return the commit of the option or the CI, or an empty string; raise UsageError if invalid."""
    if options.commit is None:
        return run.commit.lower() if _COMMIT.fullmatch(run.commit.lower()) else ""
    commit = options.commit.lower()
    if not _COMMIT.fullmatch(commit):
        raise UsageError(
            f"invalid --commit {options.commit}: expected 7 to 64 hex digits",
            "for example: --commit $(git rev-parse HEAD)",
        )
    return commit


def collect(options: ProvenanceOptions, run: CiRun, worktree: GitWorktree, directory: str) -> Provenance:
    """Return the provenance; raise MissingProvenance if app or tag is unknown or invalid."""
    commit = commit_of(options, run) or worktree.commit
    return Provenance(
        app=_app(options, run, worktree, directory),
        tag=_tag(options, run, worktree, commit),
        commit=commit,
        ref=_line(run.ref or worktree.branch if options.ref is None else options.ref),
        build=(
            ("ci", run.ci),
            ("run_id", _line(run.run_id)),
            ("run_attempt", _line(run.run_attempt)),
            ("url", run.url if _URL.fullmatch(run.url) else ""),
            ("actor", _line(run.actor)),
            ("repository", _line(run.repository or repository_of(worktree.remote))),
            ("dirty", worktree.is_dirty),
        ),
    )


def _app(options: ProvenanceOptions, run: CiRun, worktree: GitWorktree, directory: str) -> str:
    repository = run.repository or repository_of(worktree.remote) or worktree.directory or directory
    name = os.path.basename(repository.rstrip("/\\")) if options.app is None else options.app
    if _APP_NAME.fullmatch(name):
        return name
    rule = "1 to 100 letters, digits, `.`, `_` and `-`, the first a letter or a digit, not all digits"
    if options.app is not None:
        raise UsageError(f"invalid --app {name!r}", f"use {rule}")
    raise MissingProvenance(f"repository name {name!r} is not a valid app name", f"pass --app NAME: {rule}")


def _tag(options: ProvenanceOptions, run: CiRun, worktree: GitWorktree, commit: str) -> str:
    if options.tag is None:
        tag = run.tag or worktree.tag or commit[:SHORT_COMMIT_LENGTH]
        if not tag:
            raise MissingProvenance(
                f"cannot determine the version: {worktree.error or 'no commit found'}",
                "pass --tag TAG, or run in a git repository",
            )
    else:
        tag = options.tag
    if is_tag(tag):
        return tag
    if options.tag is not None:
        raise UsageError(f"invalid --tag {tag!r}", f"use {TAG_RULE}")
    raise MissingProvenance(f"git tag {tag!r} is not a valid version tag", f"pass --tag TAG: {TAG_RULE}")


def _line(text: str) -> str:
    return _CONTROL.sub(" ", text).strip()[:_MAX_LINE_LENGTH]
