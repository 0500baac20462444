"""Deployed versions whose lock has a tool's version in a range."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.alm.client.fields import (
    get_int,
    get_name,
    get_object,
    get_objects,
    get_str_or_none,
    require_object,
)
from envmgr.alm.client.transport import path_segment
from envmgr.catalog import registry
from envmgr.kit.frozen import frozen
from envmgr.ops.alm import resolve
from envmgr.ops.alm.pages import MAX_PAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envmgr.alm.client.api import Api
    from envmgr.alm.client.fields import Document


@frozen
class Use:
    """A deployed version, and the tool's version in its lock, if any."""

    app: str
    environment: str
    tag: str
    version_id: int
    tool_version: str | None


@frozen
class Affected:
    """Matching versions, versions that cannot be compared, and versions without a lock.

    `is_used`: a deployed version uses the tool; if none does, the name may be wrong.
    """

    tool: str
    range: str
    is_used: bool
    matches: tuple[Use, ...]
    unknown: tuple[Use, ...]
    without_lock: tuple[Use, ...]


def find_affected(api: Api, tool: str, version_range: str, environment: str | None) -> Affected:
    """Return the deployed versions that a version range of a tool affects."""
    if environment is not None:
        resolve.require_environment(api, environment)
    environment_query = {} if environment is None else {"environment": environment}
    uses_by_group: dict[str, list[Use]] = {"matches": [], "unknown": [], "without_lock": []}
    for page in api.pages(_path(tool), {"range": version_range, **environment_query, "limit": MAX_PAGE_SIZE}):
        for name, uses in uses_by_group.items():
            uses.extend(_use(document) for document in get_objects(require_object(page), name))
    is_used = bool(uses_by_group["matches"] or uses_by_group["unknown"]) or _is_used(api, tool)
    return Affected(
        tool, version_range, is_used, *(tuple(sorted(uses, key=_sort_key)) for uses in uses_by_group.values())
    )


def suggest_used_tools(api: Api, tool: str, suggestions: Iterable[str]) -> tuple[str, ...]:
    """Return the tools of deployed versions that an unused name may refer to.

    Candidates are the same name of another source (`pypi:ruff` for `ruff`), and `suggestions`.
    """
    name = tool.partition(":")[2] or tool
    candidates = dict.fromkeys((name, *registry.package_tools(name), *suggestions))
    return tuple(candidate for candidate in candidates if candidate != tool and _is_used(api, candidate))


def _path(tool: str) -> str:
    return f"/tools/{path_segment(tool)}/usage"


def _is_used(api: Api, tool: str) -> bool:
    """Return whether any deployed version uses the tool."""
    counts = get_object(require_object(api.get(_path(tool), {"range": "*", "limit": 1})), "counts")
    return get_int(counts, "matches") > 0


def _sort_key(use: Use) -> tuple[str, str, str]:
    return use.app, use.environment, use.tool_version or ""


def _use(document: Document) -> Use:
    return Use(
        app=get_name(document, "app"),
        environment=get_name(document, "environment"),
        tag=get_name(document, "tag"),
        version_id=get_int(document, "version_id"),
        tool_version=get_str_or_none(document, "tool_version"),
    )
