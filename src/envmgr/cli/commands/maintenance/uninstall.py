"""`envmgr uninstall`: remove installed versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.cli.console import confirm_with, open_context, print_outcome
from envmgr.cli.output import progress
from envmgr.kit.errors import UsageError
from envmgr.ops.maintenance import uninstall
from envmgr.resolve import tool_specs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envmgr.cli.options import Options
    from envmgr.install.store import Installed


def run(options: Options, args: Sequence[str], *, dry_run: bool) -> int:
    """Remove the named versions, or only print them with `dry_run`."""
    with progress.show_progress(options) as display:
        context = open_context(options, display)
        requested = tool_specs.parse_many(args, lambda arg: uninstall.is_installed(context, arg))
        removed = uninstall.select(context, requested)
        if not dry_run:
            _confirm_ambiguous(options, removed.ambiguous)
            uninstall.remove(context, removed)
    verb = "would remove" if dry_run else "removed"
    return print_outcome(
        options,
        "uninstall",
        lambda: {"dry_run": dry_run, "removed": [_to_json(tree) for tree in removed.versions]},
        lambda style, _: [
            f"{verb} {style.paint('bold', tree.tool)} {tree.version}{_link_note(tree)}"
            for tree in removed.versions
        ],
    )


def _link_note(tree: Installed) -> str:
    return f" (the link; {tree.link} stays)" if tree.link else ""


def _confirm_ambiguous(options: Options, ambiguous: Iterable[Installed]) -> None:
    """Ask before several versions of one request are removed; raise UsageError without a confirmation."""
    by_tool: dict[str, list[str]] = {}
    for installed in ambiguous:
        by_tool.setdefault(installed.tool, []).append(installed.version)
    names = "; ".join(f"{tool} {', '.join(versions)}" for tool, versions in by_tool.items())
    if by_tool and not confirm_with(options, "n")(f"Remove {names}?"):
        tool, versions = next(iter(by_tool.items()))
        raise UsageError(
            f"several installed versions match: {names}",
            f"name those to remove, such as `envmgr uninstall {tool}@{versions[0]}`, or pass --yes for all",
        )


def _to_json(tree: Installed) -> dict[str, object]:
    return {"tool": tree.tool, "version": tree.version, "path": tree.path}
