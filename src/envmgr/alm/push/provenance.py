"""What a push says of a build, from flags, else the CI's environment, else git. Pure."""

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

_APP = re.compile(r"(?![0-9]+\Z)[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_URL = re.compile(r"https?://[^\s\x00-\x1f\x7f]{1,1990}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]+")
_LINE = 300
SHORT_COMMIT_LENGTH = 12
"""Digits of a commit that stand for a tag where there is none."""


@frozen
class ProvenanceOptions:
    """What flags say; None is left to the CI and to git."""

    app: str | None = None
    tag: str | None = None
    commit: str | None = None
    ref: str | None = None


@frozen
class Provenance:
    """Which version of which app a build is, and where it comes from."""

    app: str
    tag: str
    commit: str
    ref: str
    build: tuple[tuple[str, str | bool], ...]


def commit_of(wanted: ProvenanceOptions, run: CiRun) -> str:
    """Return the commit that a flag or the CI names, empty where neither does; raise UsageError for a bad flag."""
    if wanted.commit is None:
        return run.commit.lower() if _COMMIT.fullmatch(run.commit.lower()) else ""
    commit = wanted.commit.lower()
    if not _COMMIT.fullmatch(commit):
        raise UsageError(
            f"--commit {wanted.commit} is no commit",
            "it takes 7 to 64 hexadecimal digits: $(git rev-parse HEAD)",
        )
    return commit


def collect(wanted: ProvenanceOptions, run: CiRun, work: GitWorktree, directory: str) -> Provenance:
    """Put together what is known; raise NoProvenance where app or tag can't be told, or can't be what was found."""
    commit = commit_of(wanted, run) or work.commit
    return Provenance(
        app=_app(wanted, run, work, directory),
        tag=_tag(wanted, run, work, commit),
        commit=commit,
        ref=_line(run.ref or work.branch if wanted.ref is None else wanted.ref),
        build=(
            ("ci", run.ci),
            ("run_id", _line(run.run_id)),
            ("run_attempt", _line(run.run_attempt)),
            ("url", run.url if _URL.fullmatch(run.url) else ""),
            ("actor", _line(run.actor)),
            ("repository", _line(run.repository or repository_of(work.remote))),
            ("dirty", work.is_dirty),
        ),
    )


def _app(wanted: ProvenanceOptions, run: CiRun, work: GitWorktree, directory: str) -> str:
    repository = run.repository or repository_of(work.remote) or work.directory or directory
    name = os.path.basename(repository.rstrip("/\\")) if wanted.app is None else wanted.app
    if _APP.fullmatch(name):
        return name
    rule = "1 to 100 letters, digits, `.`, `_` and `-`, the first a letter or a digit, not all digits"
    if wanted.app is not None:
        raise UsageError(f"--app {name!r} is no name of an app", f"it takes {rule}")
    raise MissingProvenance(
        f"{name!r}, as the repository is called, is no name of an app", f"say --app NAME: {rule}"
    )


def _tag(wanted: ProvenanceOptions, run: CiRun, work: GitWorktree, commit: str) -> str:
    if wanted.tag is None:
        tag = run.tag or work.tag or commit[:SHORT_COMMIT_LENGTH]
        if not tag:
            raise MissingProvenance(
                f"which version this is cannot be told: {work.error or 'there is no commit'}",
                "say --tag TAG, or run it in a git repository",
            )
    else:
        tag = wanted.tag
    if is_tag(tag):
        return tag
    if wanted.tag is not None:
        raise UsageError(f"--tag {tag!r} cannot name a version", f"it takes {TAG_RULE}")
    raise MissingProvenance(f"the tag {tag!r} cannot name a version", f"say --tag TAG: {TAG_RULE}")


def _line(text: str) -> str:
    return _CONTROL.sub(" ", text).strip()[:_LINE]
