"""`envmgr install` and `envmgr use`: what they are given, and how their results are shown."""

from __future__ import annotations

import contextlib
import os
from itertools import pairwise
from typing import TYPE_CHECKING

from envmgr.cli import progress
from envmgr.cli.session import open_context, report, say, short_path
from envmgr.cli.units import size
from envmgr.kit.errors import CatalogError, UnknownTool, UsageError
from envmgr.ops import install, listing, planning, tools, use

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envmgr.cli.options import Options
    from envmgr.cli.style import Style
    from envmgr.install.installer import Outcome
    from envmgr.ops.context import Context
    from envmgr.ops.install import InstallResult

_BEGIN_SPECS = frozenset("0123456789^~<>=*")


def run(options: Options, words: Sequence[str], how: planning.Options) -> int:
    """Install what is named, or everything the project asks for."""
    with progress.watching(options) as watcher:
        context = open_context(options, watcher)
        result = _install(context, words, how)
    _say_done(options, context, result)
    return report(
        options, "install", lambda: result_entry(result), lambda style, _: result_lines(result, style)
    )


def _install(context: Context, words: Sequence[str], how: planning.Options) -> InstallResult:
    if not words:
        _check_asked(context)
        with naming_lines(context):
            return install.install_project(context, how)
    if _is_url_form(words):
        return install.install_url(context, _one_item(words[:-1]), words[-1], how)
    return install.install_tools(context, _items(context, words), how)


@contextlib.contextmanager
def naming_lines(context: Context) -> Iterator[None]:
    """Say of unknown tools which lines of the project name them."""
    try:
        yield
    except UnknownTool as error:
        raise (listing.unknown(context) or error) from None


def _check_asked(context: Context) -> None:
    if not context.project.requests():
        raise UsageError(
            f"nothing to install: no .envmgr in {context.environment.cwd} or above it asks for a tool",
            "name a tool (`envmgr install nodejs@^20`), or set one for this project (`envmgr use nodejs ^20`)",
        )


def _is_url_form(words: Sequence[str]) -> bool:
    return len(words) in {2, 3} and "://" in words[-1]  # TOOL@SPEC URL, TOOL SPEC URL


def _items(context: Context, words: Sequence[str]) -> list[tools.ToolSpec]:
    items = tools.parse_many(words, lambda word: _is_tool(context, word))
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


def dry_run(options: Options, words: Sequence[str], how: planning.Options) -> int:
    """Show what would be installed."""
    with progress.watching(options) as watcher:
        context = open_context(options, watcher)
        planned = install.preview(context, _planned(context, words, how), how)
    return report(
        options,
        "install",
        lambda: {"dry_run": True, **result_entry(planned)},
        lambda style, _: _preview_lines(planned, style),
    )


def _planned(context: Context, words: Sequence[str], how: planning.Options) -> list[planning.Step]:
    if not words:
        _check_asked(context)
        with naming_lines(context):
            return planning.plan_project(context, how)
    if _is_url_form(words):
        return [planning.plan_url(context, _one_item(words[:-1]), words[-1])]
    return planning.plan_tools(context, _items(context, words), how)


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
    with progress.watching(options) as watcher:
        context = open_context(options, watcher)
        if len(words) > 2:  # noqa: PLR2004 - TOOL SPEC
            raise UsageError("use sets one tool at a time", "for example: envmgr use nodejs ^20")
        item = _one_item(words)
        context.catalog.manifest(item.tool)
        with naming_lines(context):
            result = use.use(context, item, everywhere=everywhere, pin=pin)
    say(options, f"wrote {result.tool}={result.spec} to {short_path(result.file, context.environment.cwd)}")
    _say_done(options, context, result.result)
    return report(
        options,
        "use",
        lambda: {
            "tool": result.tool,
            "request": result.spec,
            "file": result.file,
            **result_entry(result.result),
        },
        lambda style, _: result_lines(result.result, style),
    )


def _one_item(words: Sequence[str]) -> tools.ToolSpec:
    if len(words) == 2:  # noqa: PLR2004 - TOOL SPEC
        return tools.make(words[0], words[1])
    item = tools.parse(words[0])
    if item.spec is None:
        raise UsageError(
            f"it takes a version of {item.tool}", f"for example: {item.tool} latest, or {item.tool}@latest"
        )
    return item


def result_entry(result: InstallResult) -> dict[str, object]:
    """Say as JSON what an installation did."""
    return {
        "installed": [_outcome_entry(one) for one in result.installed],
        "already": [_outcome_entry(one) for one in result.already],
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
        lines = [f"{one.tool} {one.version} is already installed" for one in result.already]
    return lines or ["nothing had to be installed"]


def _say_done(options: Options, context: Context, result: InstallResult) -> None:
    for path in result.locks:
        say(options, f"wrote {short_path(path, context.environment.cwd)}")
    if result.installed and context.paths.shims not in context.environment.get("PATH").split(os.pathsep):
        say(options, f"the commands are in {context.paths.shims}: put that directory in front of your PATH")
