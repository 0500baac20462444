"""`envmgr alm affected`: which deployed versions a range of a tool's versions touches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.alm import refs
from envmgr.cli.alm.connection import alm_context
from envmgr.cli.alm.output.record_table import RecordTable
from envmgr.cli.alm.output.text import escape_line
from envmgr.cli.console import print_result
from envmgr.kit.errors import AlmInvalidRequest, AlmNotFound, CatalogError, InvalidRequest, UsageError
from envmgr.kit.suggest import closest
from envmgr.ops.alm.affected import affected, suggest_used_tools
from envmgr.ops.alm.connection import connect
from envmgr.resolve.tool_specs import from_two_args, parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envmgr.alm.client.api import Api
    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style
    from envmgr.cli.output.table import Cell
    from envmgr.ops.alm.affected import Affected, Use
    from envmgr.resolve.context import Context

MATCHES = 1
RANGES = "a range is written like '<20.11.1', '>=20 <22', ^20.1 or 20.9.0, in numbers: no word says which are meant"


def run(options: Options, words: Sequence[str], environment: str | None, *, exit_code: bool) -> int:
    """Show what matches, what cannot be told, and what came without a lock; with `exit_code`, 1 for a match.

    Raise AlmNotFound, with `exit_code`, where another tool was probably meant: nobody would see that a gate is open.
    """
    tool, wanted = _asked(words)
    if environment is not None:
        refs.check_environment(environment)
    with alm_context(options) as context:
        tool = _named(context, tool)
        api = connect(context, options.alm_url, options.alm_token)
        found = _affected(api, tool, wanted, environment)
        like_it = _suggestions(context, tool)
        near = () if found.is_used else suggest_used_tools(api, tool, like_it)
    if exit_code and not found.is_used and (near or like_it):
        raise _misnamed(tool, near, like_it)
    print_result(
        options,
        "alm-affected",
        lambda: {**_to_json(found, environment), "used_instead": near},
        lambda style, width: _lines(found, environment, near, style, width),
    )
    return MATCHES if exit_code and found.matches else 0


def _asked(words: Sequence[str]) -> tuple[str, str]:
    """Read TOOL RANGE or TOOL@RANGE; a range of several parts may come unquoted, as several words."""
    first, *rest = words
    try:
        item = from_two_args(first, " ".join(rest)) if rest else parse(first)
    except InvalidRequest as error:
        error.hint = RANGES
        raise
    if item.spec is None:
        raise UsageError(
            f"which versions of {item.tool} are meant?", "for example: envmgr alm affected nodejs '<20.11.1'"
        )
    return item.tool, item.spec


def _affected(api: Api, tool: str, wanted: str, environment: str | None) -> Affected:
    try:
        return affected(api, tool, wanted, environment)
    except AlmInvalidRequest as error:
        error.hint = RANGES
        raise


def _named(context: Context, tool: str) -> str:
    """Return a tool's own name, by which locks have it; one that is not known here may be known there."""
    try:
        return context.catalog.manifest(tool).name
    except CatalogError:
        return tool


def _suggestions(context: Context, tool: str) -> tuple[str, ...]:
    """Return what was perhaps meant by a name that no tool known here has."""
    names = context.catalog.registry.names()
    return () if tool in names else closest(tool, names)


def _misnamed(tool: str, near: Sequence[str], like_it: Sequence[str]) -> AlmNotFound:
    meant = near or like_it
    there = f"; with {' or '.join(near)}, something was" if near else ""
    return AlmNotFound(
        f"nothing deployed anywhere was locked with any version of {tool}{there}",
        f"did you mean {' or '.join(meant)}? Without --exit-code, this is no error",
    )


def _to_json(found: Affected, environment: str | None) -> dict[str, object]:
    return {
        "tool": found.tool,
        "range": found.range,
        "environment": environment,
        "used": found.is_used,
        "matches": [_use(one) for one in found.matches],
        "unknown": [_use(one) for one in found.unknown],
        "without_lock": [_use(one) for one in found.without_lock],
    }


def _use(one: Use) -> dict[str, object]:
    return {
        "app": one.app,
        "environment": one.environment,
        "tag": one.tag,
        "version_id": one.version_id,
        "tool_version": one.tool_version,
    }


def _lines(
    found: Affected, environment: str | None, near: Sequence[str], style: Style, width: int
) -> Iterator[str]:
    where = f"in {environment}" if environment else "anywhere"
    what = f"{found.tool} {found.range}"
    if not found.is_used:
        there = " or ".join(near)
        yield f"nothing deployed anywhere was locked with any version of {found.tool}" + (
            f"; with {there}, something was: ask for that" if near else ""
        )
    elif not found.matches:
        yield style.paint("green", f"nothing deployed {where} is known to have {what}")
    groups = (
        ("red", f"affected, with {what}", found.matches),
        ("yellow", f"cannot tell: its {found.tool} has no version that can be compared", found.unknown),
        ("yellow", "cannot tell: came without a lock", found.without_lock),
    )
    is_first = bool(found.matches)
    for kind, title, uses in groups:
        if uses:
            if not is_first:
                yield ""
            is_first = False
            yield style.paint(kind, f"{len(uses)} {title}")
            yield from (
                f"  {line}" for line in RecordTable(style, width - 2, (0, 1)).lines(_rows(uses, found.tool))
            )


def _rows(uses: Sequence[Use], tool: str) -> list[tuple[Cell, ...]]:
    return [
        (
            ("bold", f"{one.app}@{one.tag}"),
            ("", one.environment),
            ("cyan", f"{tool} {escape_line(one.tool_version)}" if one.tool_version else ""),
        )
        for one in uses
    ]
