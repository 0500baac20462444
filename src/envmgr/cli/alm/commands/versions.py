"""`envmgr alm versions`: what there is, and changes to it."""

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
    COMMIT,
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
    """What is said of a version that is registered by hand."""

    commit: str = ""
    ref: str = ""
    changelog: str = ""
    artifacts: tuple[str, ...] = ()
    lock: str | None = None
    dotfile: str | None = None


def run_list(options: Options, which: versions.Filter, limit: int) -> int:
    """Show versions, newest first."""
    with alm_client(options) as api:
        found, now = versions.listing(api, which, limit), time.time()
    code = print_result(
        options,
        "alm-versions-list",
        lambda: {"versions": found.items, "more": found.more},
        lambda style, width: (
            version_lines(found.items, now, style, width)
            or ["no version" if which == versions.Filter() else "no such version"]
        ),
    )
    if found.more:
        print_truncation_note(options, f"the newest {len(found.items)} versions")
    return code


def version_lines(found: Sequence[Document], now: float, style: Style, width: int) -> list[str]:
    """Lay versions out, a line each: number, name, branch, commit, tools, age."""
    return RecordTable(style, width, (2, 1)).lines([_row(one, now) for one in found])


def _row(version: Document, now: float) -> tuple[Cell, ...]:
    tools = len(get_objects(get_object(version, "toolchain"), "tools"))
    has_lock = get_str_or_none(get_object(version, "toolchain"), "lock_digest") is not None
    return (
        ("dim", str(get_int(version, "id"))),
        ("bold", f"{get_name(version, 'app')}@{get_name(version, 'tag')}"),
        ("cyan", escape_line(get_str(version, "ref"))),
        ("dim", get_name(version, "commit")[:COMMIT]),
        ("" if has_lock else "dim", f"{tools} tool{'' if tools == 1 else 's'}" if has_lock else "no lock"),
        ("dim", since(get_str(version, "created_at"), now)),
    )


def run_show(options: Options, words: Sequence[str]) -> int:
    """Show a version: where it comes from, its tools, its artifacts."""
    with alm_client(options) as api:
        version = resolve.find_version(api, refs.parse_version(tuple(words)))
    return print_result(
        options,
        "alm-versions-show",
        lambda: {"version": version},
        lambda style, width: _shown(version, style, width),
    )


def _shown(version: Document, style: Style, width: int) -> Iterator[str]:
    build, toolchain = get_object(version, "build"), get_object(version, "toolchain")
    yield style.paint("bold", f"{get_name(version, 'app')}@{get_name(version, 'tag')}")
    about = [
        ("number", str(get_int(version, "id"))),
        ("commit", get_name(version, "commit") + (" and changes beside it" if build.get("dirty") else "")),
        ("ref", escape_line(get_str(version, "ref"))),
        ("built by", _built_by(build)),
        ("run", escape_line(get_str(build, "url"))),
        ("lock", escape_line(get_str_or_none(toolchain, "lock_digest") or "none was sent")),
        ("digest", get_name(version, "digest")),
        ("created", when(get_str(version, "created_at"))),
        ("changelog", escape_text(get_str(version, "changelog"))),
    ]
    yield from key_values(about, style, width)
    tools = [_tool(tool) for tool in get_objects(toolchain, "tools")]
    yield from section("tools", RecordTable(style, width - 2, (2,)).lines(tools), style)
    artifacts = [_artifact(one) for one in get_objects(version, "artifacts")]
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


def run_create(options: Options, words: Sequence[str], said: VersionInput) -> int:
    """Register a version by hand; `push` does it with all that is known here."""
    named = refs.parse_version(tuple(words))
    if not isinstance(named, refs.TagRef):
        raise UsageError(f"{named} is no new version", "for example: envmgr alm versions create shop@1.4.0")
    with alm_context(options) as context:
        body = _body(said, context.environment.cwd)
        api = connect(context, options.alm_url, options.alm_token)
        with with_conflict_hint(
            f"`envmgr alm versions show {named}` shows it; choose another tag for another build"
        ):
            version = versions.create(api, named, body)
    return print_outcome(
        options, "alm-versions-create", lambda: {"version": version}, lambda *_: [f"registered {named}"]
    )


def _body(said: VersionInput, cwd: str) -> dict[str, object]:
    return {
        "commit": said.commit,
        "ref": said.ref,
        "changelog": said.changelog,
        "artifacts": artifacts.read(said.artifacts, cwd),
        **versions.toolchain(_below(cwd, said.lock), _below(cwd, said.dotfile)),
    }


def _below(cwd: str, path: str | None) -> str | None:
    return None if path is None else os.path.join(cwd, path)


def run_update(options: Options, words: Sequence[str], changelog: str | None, ref: str | None) -> int:
    """Change what may change of a version."""
    if changelog is None and ref is None:
        raise UsageError(
            "nothing to change was given",
            "for example: envmgr alm versions update shop@1.4.0 --changelog 'Faster'",
        )
    with alm_client(options) as api:
        change = {"changelog": changelog, "ref": ref}
        version = versions.update(api, refs.parse_version(tuple(words)), change)
    return print_outcome(
        options, "alm-versions-update", lambda: {"version": version}, lambda *_: [f"changed {_name(version)}"]
    )


def run_delete(options: Options, words: Sequence[str]) -> int:
    """Delete a version, after asking."""
    with alm_client(options) as api:
        version = resolve.find_version(api, refs.parse_version(tuple(words)))
        prompts.deletion(options, f"the version {_name(version)}")
        with with_conflict_hint(f"`envmgr alm apps show {get_name(version, 'app')}` shows where it stands"):
            versions.delete(api, version)
    return print_outcome(
        options, "alm-versions-delete", lambda: {"version": version}, lambda *_: [f"deleted {_name(version)}"]
    )


def _name(version: Document) -> str:
    return f"{get_name(version, 'app')}@{get_name(version, 'tag')}"
