"""`envmgr alm affected`: find deployed versions affected by a tool version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.alm import refs
from envmgr.cli.alm.connection import alm_context
from envmgr.cli.alm.output.record_table import RecordTable
from envmgr.cli.alm.output.text import escape_line
from envmgr.cli.console import print_result
from envmgr.kit.errors import AlmInvalidRequest, AlmNotFound, CatalogError, InvalidRequest, UsageError
from envmgr.kit.suggest import closest
from envmgr.ops.alm.affected import find_affected, suggest_used_tools
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

MATCHES_EXIT_CODE = 1
RANGE_HINT = "use a numeric version range such as '<20.11.1', '>=20 <22', ^20.1 or 20.9.0"


def run(options: Options, args: Sequence[str], environment: str | None, *, exit_code: bool) -> int:
    """Print matches, unknown versions and those without a lock; with `exit_code`, return 1 for a match.

    With `exit_code`, raise AlmNotFound for a probably misspelled tool, so that a CI gate does not pass by mistake.
    """
    tool, version_range = _parse_args(args)
    if environment is not None:
        refs.check_environment(environment)
    with alm_context(options) as context:
        tool = _canonical_name(context, tool)
        api = connect(context, options.alm_url, options.alm_token)
        result = _find_affected(api, tool, version_range, environment)
        similar = _similar_tools(context, tool)
        suggestions = () if result.is_used else suggest_used_tools(api, tool, similar)
    if exit_code and not result.is_used and (suggestions or similar):
        raise _unused_tool_error(tool, suggestions, similar)
    print_result(
        options,
        "alm-affected",
        lambda: {**_to_json(result, environment), "suggestions": suggestions},
        lambda style, width: _lines(result, environment, suggestions, style, width),
    )
    return MATCHES_EXIT_CODE if exit_code and result.matches else 0


def _parse_args(args: Sequence[str]) -> tuple[str, str]:
    """Parse TOOL RANGE or TOOL@RANGE; an unquoted range may be several arguments."""
    first, *range_args = args
    try:
        requested = from_two_args(first, " ".join(range_args)) if range_args else parse(first)
    except InvalidRequest as error:
        error.hint = RANGE_HINT
        raise
    if requested.spec is None:
        raise UsageError(
            f"specify a version range for {requested.tool}",
            "for example: envmgr alm affected nodejs '<20.11.1'",
        )
    return requested.tool, requested.spec


def _find_affected(api: Api, tool: str, version_range: str, environment: str | None) -> Affected:
    try:
        return find_affected(api, tool, version_range, environment)
    except AlmInvalidRequest as error:
        error.hint = RANGE_HINT
        raise


def _canonical_name(context: Context, tool: str) -> str:
    """Return a tool's canonical name, as in locks; an unknown name is returned unchanged."""
    try:
        return context.registry.check(tool).name
    except CatalogError:
        return tool


def _similar_tools(context: Context, tool: str) -> tuple[str, ...]:
    """Return similar names of known tools for an unknown one."""
    names = context.registry.names()
    return () if tool in names else closest(tool, names)


def _unused_tool_error(tool: str, suggestions: Sequence[str], similar: Sequence[str]) -> AlmNotFound:
    used = f" (used instead: {' or '.join(suggestions)})" if suggestions else ""
    return AlmNotFound(
        f"no deployed version uses {tool}{used}",
        f"did you mean {' or '.join(suggestions or similar)}? Omit --exit-code to ignore this",
    )


def _to_json(result: Affected, environment: str | None) -> dict[str, object]:
    return {
        "tool": result.tool,
        "range": result.range,
        "environment": environment,
        "used": result.is_used,
        "matches": [_use_json(use) for use in result.matches],
        "unknown": [_use_json(use) for use in result.unknown],
        "without_lock": [_use_json(use) for use in result.without_lock],
    }


def _use_json(use: Use) -> dict[str, object]:
    return {
        "app": use.app,
        "environment": use.environment,
        "tag": use.tag,
        "version_id": use.version_id,
        "tool_version": use.tool_version,
    }


def _lines(
    result: Affected, environment: str | None, suggestions: Sequence[str], style: Style, width: int
) -> Iterator[str]:
    where = f" in {environment}" if environment else ""
    affected_versions = f"{result.tool} {result.range}"
    if not result.is_used:
        used = f" (used instead: {' or '.join(suggestions)})" if suggestions else ""
        yield f"no deployed version uses {result.tool}{used}"
    elif not result.matches:
        yield style.paint("green", f"no deployed version{where} uses {affected_versions}")
    groups = (
        ("red", f"affected, with {affected_versions}", result.matches),
        ("yellow", f"unknown: {result.tool} version not comparable", result.unknown),
        ("yellow", "unknown: no lock file", result.without_lock),
    )
    is_first = bool(result.matches)
    for kind, title, uses in groups:
        if uses:
            if not is_first:
                yield ""
            is_first = False
            yield style.paint(kind, f"{len(uses)} {title}")
            yield from (
                f"  {line}" for line in RecordTable(style, width - 2, (0, 1)).lines(_rows(uses, result.tool))
            )


def _rows(uses: Sequence[Use], tool: str) -> list[tuple[Cell, ...]]:
    return [
        (
            ("bold", f"{use.app}@{use.tag}"),
            ("", use.environment),
            ("cyan", f"{tool} {escape_line(use.tool_version)}" if use.tool_version else ""),
        )
        for use in uses
    ]
