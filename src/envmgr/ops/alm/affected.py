"""Which deployed versions were locked with a tool's version in a range."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from envmgr.alm.documents import document, number, part, parts, text_or_none, word
from envmgr.kit.value import frozen
from envmgr.ops.alm import find
from envmgr.ops.alm.listing import PAGE

if TYPE_CHECKING:
    from envmgr.alm.api import Api
    from envmgr.alm.documents import Document


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
        find.require_environment(api, environment)
    path = f"/tools/{quote(tool, safe='')}/usage"
    where = {} if environment is None else {"environment": environment}
    found: dict[str, list[Use]] = {"matches": [], "unknown": [], "without_lock": []}
    for page in api.pages(path, {"range": wanted, **where, "limit": PAGE}):
        for name, uses in found.items():
            uses.extend(_use(one) for one in parts(document(page), name))
    is_used = bool(found["matches"] or found["unknown"]) or _is_used(api, path)
    return Affected(tool, wanted, is_used, *(tuple(sorted(uses, key=_order)) for uses in found.values()))


def _is_used(api: Api, path: str) -> bool:
    """Ask whether anything deployed anywhere was locked with the tool, in whatever version."""
    counts = part(document(api.get(path, {"range": "*", "limit": 1})), "counts")
    return number(counts, "matches") > 0


def _order(use: Use) -> tuple[str, str, str]:
    return use.app, use.environment, use.tool_version or ""


def _use(one: Document) -> Use:
    return Use(
        app=word(one, "app"),
        environment=word(one, "environment"),
        tag=word(one, "tag"),
        version_id=number(one, "version_id"),
        tool_version=text_or_none(one, "tool_version"),
    )
