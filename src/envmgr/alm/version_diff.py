"""What differs between two versions: commits, tools of the toolchain, artifacts. Pure."""

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
    """A thing that was added (no `before`), removed (no `after`), or changed.

    `direction` tells a changed version's: `up`, `down`, or empty where versions cannot be compared.
    """

    name: str
    before: str | None
    after: str | None
    direction: str = ""

    @property
    def kind(self) -> str:
        """Say in a word what happened: added, removed or changed."""
        if self.before is None:
            return "added"
        return "removed" if self.after is None else "changed"


@frozen
class VersionDiff:
    """Two versions and what differs; a side is None where there is no version at all, and then nothing is compared.

    `lock_differs` where the locks are not the same though their tools' versions are.
    """

    before: VersionSide | None
    after: VersionSide | None
    tools: tuple[Change, ...] = ()
    artifacts: tuple[Change, ...] = ()

    @property
    def lock_differs(self) -> bool:
        """Tell whether the locks differ at all."""
        return (self.before and self.before.lock_digest) != (self.after and self.after.lock_digest)

    @property
    def is_same_version(self) -> bool:
        """Tell whether both sides are one version."""
        if self.before is None or self.after is None:
            return self.before is self.after
        return self.before.version_id == self.after.version_id


def compare(before: object | None, after: object | None) -> VersionDiff:
    """Compare two versions as the server answers them; their tools, if both came with a lock."""
    one, other = _side(before), _side(after)
    if one is None or other is None:
        return VersionDiff(one, other)
    have_locks = one.lock_digest is not None and other.lock_digest is not None
    return VersionDiff(
        before=one,
        after=other,
        tools=_tools(_locked(before), _locked(after)) if have_locks else (),
        artifacts=_artifacts(_artifacts_by_name(before), _artifacts_by_name(after)),
    )


def _side(answer: object | None) -> VersionSide | None:
    if answer is None:
        return None
    version = require_object(answer)
    return VersionSide(
        version_id=get_int(version, "id"),
        app=get_name(version, "app"),
        tag=get_name(version, "tag"),
        commit=get_name(version, "commit"),
        lock_digest=get_str_or_none(get_object(version, "toolchain"), "lock_digest"),
    )


def _locked(version: object) -> dict[str, dict[str, frozenset[str]]]:
    """Return by tool its locked versions, each with the requests that it answers."""
    found: dict[str, dict[str, frozenset[str]]] = {}
    for tool in get_objects(get_object(require_object(version), "toolchain"), "tools"):
        requests = frozenset(get_strs(tool, "requests"))
        found.setdefault(get_name(tool, "tool"), {})[get_name(tool, "version")] = requests
    return found


def _tools(
    before: Mapping[str, Mapping[str, frozenset[str]]], after: Mapping[str, Mapping[str, frozenset[str]]]
) -> tuple[Change, ...]:
    return tuple(
        change
        for tool in sorted({*before, *after})
        for change in _tool(tool, before.get(tool, {}), after.get(tool, {}))
    )


def _tool(
    tool: str, before: Mapping[str, frozenset[str]], after: Mapping[str, frozenset[str]]
) -> Iterable[Change]:
    """Pair the versions that went with those that came: by a request that both answer, or when there is one each."""
    gone = {version: requests for version, requests in before.items() if version not in after}
    come = {version: requests for version, requests in after.items() if version not in before}
    for old in [*gone]:
        new = next((version for version, requests in come.items() if requests & gone[old]), None)
        if new is None and len(gone) == len(come) == 1:
            new = next(iter(come))
        if new is not None:
            del gone[old], come[new]
            yield Change(tool, old, new, _direction(old, new))
    yield from (Change(tool, old, None) for old in gone)
    yield from (Change(tool, None, new) for new in come)


def _direction(old: str, new: str) -> str:
    one, other = versions.parse(old), versions.parse(new)
    if one.opaque or other.opaque or one.vendor != other.vendor:
        return ""
    order = versions.compare_build(old, new)
    return "up" if order < 0 else "down" if order > 0 else ""


def _artifacts_by_name(version: object) -> Mapping[str, str]:
    return {
        get_name(one, "name"): get_name(one, "digest")
        for one in get_objects(require_object(version), "artifacts")
    }


def _artifacts(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Change, ...]:
    names: Sequence[str] = sorted({*before, *after})
    return tuple(
        Change(name, before.get(name), after.get(name))
        for name in names
        if before.get(name) != after.get(name)
    )
