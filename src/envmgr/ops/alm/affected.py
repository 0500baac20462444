"""Which deployed versions were locked with a tool's version in a range."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from envmgr.alm.documents import document, number, parts, text, text_or_none
from envmgr.kit.value import frozen

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
    """What matches, what cannot be compared, and what came without a lock."""

    tool: str
    range: str
    matches: tuple[Use, ...]
    unknown: tuple[Use, ...]
    without_lock: tuple[Use, ...]


def affected(api: Api, tool: str, wanted: str, environment: str | None) -> Affected:
    """Ask for every deployed version that a range of a tool's versions touches."""
    found: dict[str, list[Use]] = {"matches": [], "unknown": [], "without_lock": []}
    query = {"range": wanted, **({"environment": environment} if environment else {}), "limit": 200}
    for page in api.pages(f"/tools/{quote(tool, safe='')}/usage", query):
        for name, uses in found.items():
            uses.extend(_use(one) for one in parts(document(page), name))
    return Affected(tool, wanted, *(tuple(sorted(uses, key=_order)) for uses in found.values()))


def _order(use: Use) -> tuple[str, str, str]:
    return use.app, use.environment, use.tool_version or ""


def _use(one: Document) -> Use:
    return Use(
        app=text(one, "app"),
        environment=text(one, "environment"),
        tag=text(one, "tag"),
        version_id=number(one, "version_id"),
        tool_version=text_or_none(one, "tool_version"),
    )
