"""`envmgr alm versions`: list, show, create, update and delete versions."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from envmgr.alm import refs
from envmgr.alm.client.fields import (
    get_int,
    get_name,
    get_object,
    get_objects,
    get_str,
    get_str_or_none,
    get_strs,
)
from envmgr.alm.push import artifacts
from envmgr.cli.alm import prompts
from envmgr.cli.alm.connection import alm_client, alm_context, with_conflict_hint
from envmgr.cli.alm.output.record_table import RecordTable
from envmgr.cli.alm.output.text import (
    DISPLAYED_COMMIT_LENGTH,
    escape_line,
    escape_text,
    key_values,
    print_truncation_note,
    section,
)
from envmgr.cli.alm.output.times import since, when
from envmgr.cli.console import print_outcome, print_result
from envmgr.kit.errors import UsageError
from envmgr.kit.frozen import frozen
from envmgr.ops.alm import resolve, versions
from envmgr.ops.alm.connection import connect

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envmgr.alm.client.fields import Document
    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style
    from envmgr.cli.output.table import Cell


@frozen
class VersionInput:
    """Fields of a version that is registered by hand."""

    commit: str = ""
    ref: str = ""
    changelog: str = ""
    artifacts: tuple[str, ...] = ()
    lock: str | None = None
    dotfile: str | None = None


def run_list(options: Options, filters: versions.Filter, limit: int) -> int:
    """Print versions, newest first."""
    with alm_client(options) as api:
        result, now = versions.listing(api, filters, limit), time.time()
    code = print_result(
        options,
        "alm-versions-list",
        lambda: {"versions": result.items, "more": result.more},
        lambda style, width: (
            version_lines(result.items, now, style, width)
            or ["no versions" if filters == versions.Filter() else "no matching versions"]
        ),
    )
    if result.more:
        print_truncation_note(options, f"latest {len(result.items)} versions")
    return code


def version_lines(result: Sequence[Document], now: float, style: Style, width: int) -> list[str]:
    """Return versions as a table: ID, name, branch, commit, tools, age."""
    return RecordTable(style, width, (2, 1)).lines([_row(version, now) for version in result])


def _row(version: Document, now: float) -> tuple[Cell, ...]:
    tools = len(get_objects(get_object(version, "toolchain"), "tools"))
    has_lock = get_str_or_none(get_object(version, "toolchain"), "lock_digest") is not None
    return (
        ("dim", str(get_int(version, "id"))),
        ("bold", f"{get_name(version, 'app')}@{get_name(version, 'tag')}"),
        ("cyan", escape_line(get_str(version, "ref"))),
        ("dim", get_name(version, "commit")[:DISPLAYED_COMMIT_LENGTH]),
        ("" if has_lock else "dim", f"{tools} tool{'' if tools == 1 else 's'}" if has_lock else "no lock"),
        ("dim", since(get_str(version, "created_at"), now)),
    )


def run_show(options: Options, args: Sequence[str]) -> int:
    """Print a version: provenance, tools, artifacts."""
    with alm_client(options) as api:
        version = resolve.find_version(api, refs.parse_version(tuple(args)))
    return print_result(
        options,
        "alm-versions-show",
        lambda: {"version": version},
        lambda style, width: _detail_lines(version, style, width),
    )


def _detail_lines(version: Document, style: Style, width: int) -> Iterator[str]:
    build, toolchain = get_object(version, "build"), get_object(version, "toolchain")
    yield style.paint("bold", f"{get_name(version, 'app')}@{get_name(version, 'tag')}")
    values = [
        ("id", str(get_int(version, "id"))),
        ("commit", get_name(version, "commit") + (" (dirty)" if build.get("dirty") else "")),
        ("ref", escape_line(get_str(version, "ref"))),
        ("built by", _built_by(build)),
        ("run", escape_line(get_str(build, "url"))),
        ("lock", escape_line(get_str_or_none(toolchain, "lock_digest") or "none")),
        ("digest", get_name(version, "digest")),
        ("created", when(get_str(version, "created_at"))),
        ("changelog", escape_text(get_str(version, "changelog"))),
    ]
    yield from key_values(values, style, width)
    tools = [_tool(tool) for tool in get_objects(toolchain, "tools")]
    yield from section("tools", RecordTable(style, width - 2, (2,)).lines(tools), style)
    artifacts = [_artifact(artifact) for artifact in get_objects(version, "artifacts")]
    yield from section("artifacts", RecordTable(style, width - 2, (0,)).lines(artifacts), style)


def _built_by(build: Document) -> str:
    return escape_line(
        " ".join(filter(None, (get_str(build, "ci"), get_str(build, "run_id"), get_str(build, "actor"))))
    )


def _tool(tool: Document) -> tuple[Cell, ...]:
    return (
        ("bold", get_name(tool, "tool")),
        ("green", get_name(tool, "version")),
        ("dim", escape_line(", ".join(get_strs(tool, "requests")))),
    )


def _artifact(artifact: Document) -> tuple[Cell, ...]:
    return (("bold", escape_line(get_str(artifact, "name"))), ("dim", get_name(artifact, "digest")))


def run_create(options: Options, args: Sequence[str], version_input: VersionInput) -> int:
    """Register a version by hand, without the defaults of `push`."""
    ref = refs.parse_version(tuple(args))
    if not isinstance(ref, refs.TagRef):
        raise UsageError(
            f"invalid new version {ref}: expected APP@TAG",
            "for example: envmgr alm versions create shop@1.4.0",
        )
    with alm_context(options) as context:
        body = _body(version_input, context.environment.cwd)
        api = connect(context, options.alm_url, options.alm_token)
        with with_conflict_hint(f"run `envmgr alm versions show {ref}` for details, or pass another tag"):
            version = versions.create(api, ref, body)
    return print_outcome(
        options, "alm-versions-create", lambda: {"version": version}, lambda *_: [f"registered {ref}"]
    )


def _body(version_input: VersionInput, cwd: str) -> dict[str, object]:
    return {
        "commit": version_input.commit,
        "ref": version_input.ref,
        "changelog": version_input.changelog,
        "artifacts": artifacts.read(version_input.artifacts, cwd),
        **versions.toolchain(_join_path(cwd, version_input.lock), _join_path(cwd, version_input.dotfile)),
    }


def _join_path(cwd: str, path: str | None) -> str | None:
    return None if path is None else os.path.join(cwd, path)


def run_update(options: Options, args: Sequence[str], changelog: str | None, branch: str | None) -> int:
    """Update a version's changelog or ref."""
    if changelog is None and branch is None:
        raise UsageError(
            "nothing to update: pass --changelog or --ref",
            "for example: envmgr alm versions update shop@1.4.0 --changelog 'Faster'",
        )
    with alm_client(options) as api:
        change = {"changelog": changelog, "ref": branch}
        version = versions.update(api, refs.parse_version(tuple(args)), change)
    return print_outcome(
        options, "alm-versions-update", lambda: {"version": version}, lambda *_: [f"updated {_name(version)}"]
    )


def run_delete(options: Options, args: Sequence[str]) -> int:
    """Delete a version after confirmation."""
    with alm_client(options) as api:
        version = resolve.find_version(api, refs.parse_version(tuple(args)))
        prompts.confirm_deletion(options, f"version {_name(version)}")
        with with_conflict_hint(
            f"run `envmgr alm apps show {get_name(version, 'app')}` to see its placements"
        ):
            versions.delete(api, version)
    return print_outcome(
        options, "alm-versions-delete", lambda: {"version": version}, lambda *_: [f"deleted {_name(version)}"]
    )


def _name(version: Document) -> str:
    return f"{get_name(version, 'app')}@{get_name(version, 'tag')}"
