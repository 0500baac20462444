"""Comparison of two versions: commits, toolchain, artifacts, without I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr import versions
from envmgr.alm.client.fields import (
    get_int,
    get_name,
    get_object,
    get_objects,
    get_str_or_none,
    get_strs,
    require_object,
)
from envmgr.kit.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


@frozen
class VersionSide:
    """One of the two versions."""

    version_id: int
    app: str
    tag: str
    commit: str
    lock_digest: str | None


@frozen
class Change:
    """An item that was added (no `before`), removed (no `after`), or changed.

    `direction` of a version is `up`, `down`, or empty if the versions cannot be compared.
    """

    name: str
    before: str | None
    after: str | None
    direction: str = ""

    @property
    def kind(self) -> str:
        """Return `added`, `removed` or `changed`."""
        if self.before is None:
            return "added"
        return "removed" if self.after is None else "changed"


@frozen
class VersionDiff:
    """Two versions and their differences; without one of the versions nothing is compared."""

    before: VersionSide | None
    after: VersionSide | None
    tools: tuple[Change, ...] = ()
    artifacts: tuple[Change, ...] = ()

    @property
    def has_different_lock(self) -> bool:
        """Return whether the locks differ, even if the tool versions are equal."""
        return (self.before and self.before.lock_digest) != (self.after and self.after.lock_digest)

    @property
    def is_same_version(self) -> bool:
        """Return whether both sides are the same version."""
        if self.before is None or self.after is None:
            return self.before is self.after
        return self.before.version_id == self.after.version_id


def compare(before: object | None, after: object | None) -> VersionDiff:
    """Compare two versions of the API; their tools, if both have a lock."""
    old, new = _side(before), _side(after)
    if old is None or new is None:
        return VersionDiff(old, new)
    have_locks = old.lock_digest is not None and new.lock_digest is not None
    return VersionDiff(
        before=old,
        after=new,
        tools=_toolchain_changes(_locked_versions(before), _locked_versions(after)) if have_locks else (),
        artifacts=_artifact_changes(_artifacts_by_name(before), _artifacts_by_name(after)),
    )


def _side(document: object | None) -> VersionSide | None:
    if document is None:
        return None
    version = require_object(document)
    return VersionSide(
        version_id=get_int(version, "id"),
        app=get_name(version, "app"),
        tag=get_name(version, "tag"),
        commit=get_name(version, "commit"),
        lock_digest=get_str_or_none(get_object(version, "toolchain"), "lock_digest"),
    )


def _locked_versions(version: object) -> dict[str, dict[str, frozenset[str]]]:
    """Return the locked versions by tool, each with the requests that it satisfies."""
    locked: dict[str, dict[str, frozenset[str]]] = {}
    for tool in get_objects(get_object(require_object(version), "toolchain"), "tools"):
        requests = frozenset(get_strs(tool, "requests"))
        locked.setdefault(get_name(tool, "tool"), {})[get_name(tool, "version")] = requests
    return locked


def _toolchain_changes(
    before: Mapping[str, Mapping[str, frozenset[str]]], after: Mapping[str, Mapping[str, frozenset[str]]]
) -> tuple[Change, ...]:
    return tuple(
        change
        for tool in sorted({*before, *after})
        for change in _tool_changes(tool, before.get(tool, {}), after.get(tool, {}))
    )


def _tool_changes(
    tool: str, before: Mapping[str, frozenset[str]], after: Mapping[str, frozenset[str]]
) -> Iterable[Change]:
    """Pair removed and added versions: by a request that both satisfy, or if there is one of each."""
    removed = {version: requests for version, requests in before.items() if version not in after}
    added = {version: requests for version, requests in after.items() if version not in before}
    for old in [*removed]:
        new = next((version for version, requests in added.items() if requests & removed[old]), None)
        if new is None and len(removed) == len(added) == 1:
            new = next(iter(added))
        if new is not None:
            del removed[old], added[new]
            yield Change(tool, old, new, _direction(old, new))
    yield from (Change(tool, old, None) for old in removed)
    yield from (Change(tool, None, new) for new in added)


def _direction(old: str, new: str) -> str:
    old_version, new_version = versions.parse(old), versions.parse(new)
    if old_version.is_opaque or new_version.is_opaque or old_version.vendor != new_version.vendor:
        return ""
    order = versions.compare_build(old, new)
    return "up" if order < 0 else "down" if order > 0 else ""


def _artifacts_by_name(version: object) -> Mapping[str, str]:
    return {
        get_name(artifact, "name"): get_name(artifact, "digest")
        for artifact in get_objects(require_object(version), "artifacts")
    }


def _artifact_changes(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Change, ...]:
    names: Sequence[str] = sorted({*before, *after})
    return tuple(
        Change(name, before.get(name), after.get(name))
        for name in names
        if before.get(name) != after.get(name)
    )
