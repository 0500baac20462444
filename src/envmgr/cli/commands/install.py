"""`envmgr install` and `envmgr use`: what they are given, and how their results are shown."""

from __future__ import annotations

import os
from itertools import pairwise
from typing import TYPE_CHECKING

from envmgr import versions
from envmgr.cli.commands.current import source_entry
from envmgr.cli.console import display_path, open_context, print_outcome, print_status
from envmgr.cli.output import progress
from envmgr.cli.output.units import size
from envmgr.kit.errors import CatalogError, ProjectError, UsageError
from envmgr.kit.frozen import replace
from envmgr.ops import install, list_tools, use
from envmgr.resolve import install_plan, tool_specs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style
    from envmgr.install.installer import Outcome
    from envmgr.ops.install import InstallResult
    from envmgr.project.request import Request
    from envmgr.resolve.context import Context

_OPERATORS = frozenset("^~<>=|")
_BEGIN_SPECS = _OPERATORS | frozenset("0123456789*")


def run(options: Options, words: Sequence[str], how: install_plan.Options) -> int:
    """Install what is named, or everything the project asks for."""
    with progress.show_progress(options) as watcher:
        context = open_context(options, watcher)
        result = _install(context, words, how)
    _say_done(options, context, result)
    return print_outcome(
        options, "install", lambda: result_entry(result), lambda style, _: result_lines(result, style)
    )


def _install(context: Context, words: Sequence[str], how: install_plan.Options) -> InstallResult:
    if not words:
        _check_asked(context)
        return install.install_project(context, how)
    if _is_url_form(words):
        return install.install_url(context, _one_item(words[:-1]), words[-1], how)
    return install.install_tools(context, _items(context, words), how)


def _check_asked(context: Context) -> None:
    requests = context.project.requests()
    if not requests:
        raise ProjectError(
            f"nothing to install: no .envmgr in {context.environment.cwd} or above it asks for a tool",
            "name a tool (`envmgr install nodejs@^20`), or set one for this project (`envmgr use nodejs ^20`)",
        )
    list_tools.check_known(context, requests)


def _is_url_form(words: Sequence[str]) -> bool:
    return len(words) in {2, 3} and "://" in words[-1]  # TOOL@SPEC URL, TOOL SPEC URL


def _items(context: Context, words: Sequence[str]) -> list[tool_specs.ToolSpec]:
    items = tool_specs.parse_many(words, lambda word: _is_tool(context, word))
    for before, item in pairwise(items):
        if item.spec is None and item.tool[:1] in _BEGIN_SPECS and not _is_tool(context, item.tool):
            raise UsageError(
                f"{item.tool} is no tool",
                f"a version of several tools is written TOOL@VERSION: {before.tool}@{item.tool}",
            )
    return items


def _is_tool(context: Context, word: str) -> bool:
    try:
        context.catalog.manifest(word)
    except CatalogError:
        return False
    return True


def dry_run(options: Options, words: Sequence[str], how: install_plan.Options) -> int:
    """Show what would be installed."""
    with progress.show_progress(options) as watcher:
        context = open_context(options, watcher)
        planned = install.preview(context, _planned(context, words, how), how)
    return print_outcome(
        options,
        "install",
        lambda: {"dry_run": True, **result_entry(planned)},
        lambda style, _: _preview_lines(planned, style),
    )


def _planned(context: Context, words: Sequence[str], how: install_plan.Options) -> list[install_plan.Step]:
    if not words:
        _check_asked(context)
        return install_plan.plan_project(context, how)
    if _is_url_form(words):
        return [install_plan.plan_url(context, _one_item(words[:-1]), words[-1])]
    return install_plan.plan_tools(context, _items(context, words), how)


def _preview_lines(planned: InstallResult, style: Style) -> list[str]:
    if not planned.installed:
        return ["everything is installed already"]
    return [
        f"would install {style.paint('bold', one.tool)} {style.paint('green', one.version)}"
        f"{f' ({size(one.bytes)})' if one.bytes else ''} from {one.url}"
        for one in planned.installed
    ]


def run_use(options: Options, words: Sequence[str], *, everywhere: bool, pin: bool) -> int:
    """Set a tool's version for the project, or for everywhere."""
    with progress.show_progress(options) as watcher:
        context = open_context(options, watcher)
        item = _parse_use_args(words)
        context.catalog.manifest(item.tool)
        list_tools.check_known(context, _other_requests(context, item.tool, everywhere=everywhere))
        result = use.use(context, item, everywhere=everywhere, pin=pin)
    print_status(
        options, f"wrote {result.tool}={result.spec} to {display_path(result.file, context.environment.cwd)}"
    )
    decider = context.project.request(result.tool)
    if decider and decider.origin.name != result.file:
        _warn_overridden(options, context, decider)
    _say_done(options, context, result.result)
    return print_outcome(
        options,
        "use",
        lambda: {
            "tool": result.tool,
            "request": result.spec,
            "file": result.file,
            "source": source_entry(decider.origin) if decider else None,
            **result_entry(result.result),
        },
        lambda style, _: result_lines(result.result, style),
    )


def _other_requests(context: Context, tool: str, *, everywhere: bool) -> list[Request]:
    """Return what else the file asks for that is to name a tool: all of it will be locked."""
    path = context.paths.global_file if everywhere else use.project_path(context)
    files = [file for file in context.project.files if file.path == path]
    return [entry for file in files for entry in file.entries if entry.tool != tool]


def _warn_overridden(options: Options, context: Context, decider: Request) -> None:
    """Warn that what was written does not hold here."""
    origin = decider.origin
    asker = replace(origin, name=display_path(origin.name, context.environment.cwd))
    way = "unset it" if origin.kind == "environment" else f"run `envmgr use {decider.tool} VERSION`"
    print_status(
        options,
        f"warning: here {asker} decides: {decider.tool} is {', '.join(decider.specs)}; {way} to change that",
    )


def _parse_use_args(words: Sequence[str]) -> tool_specs.ToolSpec:
    """Read the one tool and one spec that `use` takes."""
    if len(words) > 2:  # noqa: PLR2004 - TOOL SPEC
        raise _too_many(words)
    item = _one_item(words)
    if len(versions.split_requests(item.spec or "latest")) > 1:
        raise UsageError(
            f"use sets one version of {item.tool}, not {item.spec}",
            f"for several, write {item.tool}={item.spec} into .envmgr and run `envmgr install`",
        )
    return item


def _too_many(words: Sequence[str]) -> UsageError:
    tool, *specs = words
    if any(spec[:1] in _OPERATORS for spec in specs[1:]):
        return UsageError(
            f"use takes the version of {tool} as one word", f"quote it: envmgr use {tool} '{' '.join(specs)}'"
        )
    if all(spec[:1] in _BEGIN_SPECS for spec in specs):
        return UsageError(
            f"use sets one version of {tool}, not {', '.join(specs)}",
            f"for several, write {tool}={', '.join(specs)} into .envmgr and run `envmgr install`",
        )
    return UsageError("use sets one tool at a time", "for example: envmgr use nodejs ^20")


def _one_item(words: Sequence[str]) -> tool_specs.ToolSpec:
    if len(words) == 2:  # noqa: PLR2004 - TOOL SPEC
        return tool_specs.from_two_args(words[0], words[1])
    item = tool_specs.parse(words[0])
    if item.spec is None:
        raise UsageError(
            f"it takes a version of {item.tool}", f"for example: {item.tool} latest, or {item.tool}@latest"
        )
    return item


def result_entry(result: InstallResult) -> dict[str, object]:
    """Say as JSON what an installation did."""
    return {
        "installed": [_outcome_entry(one) for one in result.installed],
        "already": [_outcome_entry(one) for one in result.already_installed],
    }


def _outcome_entry(one: Outcome) -> dict[str, object]:
    return {
        "tool": one.tool,
        "version": one.version,
        "path": one.path,
        "url": one.url,
        "sha256": one.sha256,
        "bytes": one.bytes,
        "seconds": round(one.seconds, 3),
        "from_cache": one.from_cache,
    }


def result_lines(result: InstallResult, style: Style) -> list[str]:
    """Say in words what an installation did."""
    lines = [
        f"installed {style.paint('bold', one.tool)} {style.paint('green', one.version)} in {one.seconds:.1f} s"
        for one in result.installed
    ]
    if not lines:
        lines = [f"{one.tool} {one.version} is already installed" for one in result.already_installed]
    return lines or ["nothing had to be installed"]


def _say_done(options: Options, context: Context, result: InstallResult) -> None:
    for path in result.locks:
        print_status(options, f"wrote {display_path(path, context.environment.cwd)}")
    if result.installed and context.paths.shims not in context.environment.get("PATH").split(os.pathsep):
        print_status(
            options, f"the commands are in {context.paths.shims}: put that directory in front of your PATH"
        )
