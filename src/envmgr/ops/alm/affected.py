"""Which deployed versions were locked with a tool's version in a range."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from envmgr.alm.client.fields import (
    get_int,
    get_name,
    get_object,
    get_objects,
    get_str_or_none,
    require_object,
)
from envmgr.kit.frozen import frozen
from envmgr.ops.alm import resolve
from envmgr.ops.alm.pages import MAX_PAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envmgr.alm.client.api import Api
    from envmgr.alm.client.fields import Document


@frozen
class Use:
    """A version that stands somewhere; the version of the tool that it was locked with, where there is one."""

    app: str
    environment: str
    tag: str
    version_id: int
    tool_version: str | None


@frozen
class Affected:
    """What matches, what cannot be compared, and what came without a lock.

    `is_used`: some deployed version was locked with the tool; else its name may be another one than was meant.
    """

    tool: str
    range: str
    is_used: bool
    matches: tuple[Use, ...]
    unknown: tuple[Use, ...]
    without_lock: tuple[Use, ...]


def affected(api: Api, tool: str, wanted: str, environment: str | None) -> Affected:
    """Ask for every deployed version that a range of a tool's versions touches."""
    if environment is not None:
        resolve.require_environment(api, environment)
    where = {} if environment is None else {"environment": environment}
    found: dict[str, list[Use]] = {"matches": [], "unknown": [], "without_lock": []}
    for page in api.pages(_path(tool), {"range": wanted, **where, "limit": MAX_PAGE_SIZE}):
        for name, uses in found.items():
            uses.extend(_use(one) for one in get_objects(require_object(page), name))
    is_used = bool(found["matches"] or found["unknown"]) or _is_used(api, tool)
    return Affected(tool, wanted, is_used, *(tuple(sorted(uses, key=_order)) for uses in found.values()))


def suggest_used_tools(api: Api, tool: str, like_it: Iterable[str]) -> tuple[str, ...]:
    """Return the tools that may be meant by one that nothing is locked with, and that something deployed is.

    These are the same name of another source (`pypi:ruff` for `ruff`), and those of `like_it`.
    """
    name = tool.partition(":")[2] or tool
    candidates = dict.fromkeys((name, *(f"{source}:{name}" for source in _PACKAGE_PREFIXES), *like_it))
    return tuple(one for one in candidates if one != tool and _is_used(api, one))


_PACKAGE_PREFIXES = ("pypi", "npm")
"""Where a tool comes from whose name is a package's."""


def _path(tool: str) -> str:
    return f"/tools/{quote(tool, safe='')}/usage"


def _is_used(api: Api, tool: str) -> bool:
    """Ask whether anything deployed anywhere was locked with the tool, in whatever version."""
    counts = get_object(require_object(api.get(_path(tool), {"range": "*", "limit": 1})), "counts")
    return get_int(counts, "matches") > 0


def _order(use: Use) -> tuple[str, str, str]:
    return use.app, use.environment, use.tool_version or ""


def _use(one: Document) -> Use:
    return Use(
        app=get_name(one, "app"),
        environment=get_name(one, "environment"),
        tag=get_name(one, "tag"),
        version_id=get_int(one, "version_id"),
        tool_version=get_str_or_none(one, "tool_version"),
    )
