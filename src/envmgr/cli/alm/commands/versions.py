"""`envmgr alm versions`: what there is, and changes to it."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from envmgr.alm import refs
from envmgr.alm.client.fields import number, part, parts, text, text_or_none, texts, word
from envmgr.alm.push import artifacts
from envmgr.cli.alm import prompts
from envmgr.cli.alm.connection import connected, leading_on, opened
from envmgr.cli.alm.output.record_table import Columns
from envmgr.cli.alm.output.text import COMMIT, facts, note_more, plain, prose, section
from envmgr.cli.alm.output.times import since, when
from envmgr.cli.console import report, show
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
class Said:
    """What is said of a version that is registered by hand."""

    commit: str = ""
    ref: str = ""
    changelog: str = ""
    artifacts: tuple[str, ...] = ()
    lock: str | None = None
    dotfile: str | None = None


def run_list(options: Options, which: versions.Filter, limit: int) -> int:
    """Show versions, newest first."""
    with connected(options) as api:
        found, now = versions.listing(api, which, limit), time.time()
    code = show(
        options,
        "alm-versions-list",
        lambda: {"versions": found.items, "more": found.more},
        lambda style, width: (
            version_lines(found.items, now, style, width)
            or ["no version" if which == versions.Filter() else "no such version"]
        ),
    )
    if found.more:
        note_more(options, f"the newest {len(found.items)} versions")
    return code


def version_lines(found: Sequence[Document], now: float, style: Style, width: int) -> list[str]:
    """Lay versions out, a line each: number, name, branch, commit, tools, age."""
    return Columns(style, width, (2, 1)).lines([_row(one, now) for one in found])


def _row(version: Document, now: float) -> tuple[Cell, ...]:
    tools = len(parts(part(version, "toolchain"), "tools"))
    has_lock = text_or_none(part(version, "toolchain"), "lock_digest") is not None
    return (
        ("dim", str(number(version, "id"))),
        ("bold", f"{word(version, 'app')}@{word(version, 'tag')}"),
        ("cyan", plain(text(version, "ref"))),
        ("dim", word(version, "commit")[:COMMIT]),
        ("" if has_lock else "dim", f"{tools} tool{'' if tools == 1 else 's'}" if has_lock else "no lock"),
        ("dim", since(text(version, "created_at"), now)),
    )


def run_show(options: Options, words: Sequence[str]) -> int:
    """Show a version: where it comes from, its tools, its artifacts."""
    with connected(options) as api:
        version = resolve.version(api, refs.parse_version(tuple(words)))
    return show(
        options,
        "alm-versions-show",
        lambda: {"version": version},
        lambda style, width: _shown(version, style, width),
    )


def _shown(version: Document, style: Style, width: int) -> Iterator[str]:
    build, toolchain = part(version, "build"), part(version, "toolchain")
    yield style.paint("bold", f"{word(version, 'app')}@{word(version, 'tag')}")
    about = [
        ("number", str(number(version, "id"))),
        ("commit", word(version, "commit") + (" and changes beside it" if build.get("dirty") else "")),
        ("ref", plain(text(version, "ref"))),
        ("built by", _built_by(build)),
        ("run", plain(text(build, "url"))),
        ("lock", plain(text_or_none(toolchain, "lock_digest") or "none was sent")),
        ("digest", word(version, "digest")),
        ("created", when(text(version, "created_at"))),
        ("changelog", prose(text(version, "changelog"))),
    ]
    yield from facts(about, style, width)
    tools = [_tool(tool) for tool in parts(toolchain, "tools")]
    yield from section("tools", Columns(style, width - 2, (2,)).lines(tools), style)
    artifacts = [_artifact(one) for one in parts(version, "artifacts")]
    yield from section("artifacts", Columns(style, width - 2, (0,)).lines(artifacts), style)


def _built_by(build: Document) -> str:
    return plain(" ".join(filter(None, (text(build, "ci"), text(build, "run_id"), text(build, "actor")))))


def _tool(tool: Document) -> tuple[Cell, ...]:
    return (
        ("bold", word(tool, "tool")),
        ("green", word(tool, "version")),
        ("dim", plain(", ".join(texts(tool, "requests")))),
    )


def _artifact(artifact: Document) -> tuple[Cell, ...]:
    return (("bold", plain(text(artifact, "name"))), ("dim", word(artifact, "digest")))


def run_create(options: Options, words: Sequence[str], said: Said) -> int:
    """Register a version by hand; `push` does it with all that is known here."""
    named = refs.parse_version(tuple(words))
    if not isinstance(named, refs.Tagged):
        raise UsageError(f"{named} is no new version", "for example: envmgr alm versions create shop@1.4.0")
    with opened(options) as context:
        body = _body(said, context.environment.cwd)
        api = connect(context, options.alm_url, options.alm_token)
        with leading_on(f"`envmgr alm versions show {named}` shows it; choose another tag for another build"):
            version = versions.create(api, named, body)
    return report(
        options, "alm-versions-create", lambda: {"version": version}, lambda *_: [f"registered {named}"]
    )


def _body(said: Said, cwd: str) -> dict[str, object]:
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
    with connected(options) as api:
        change = {"changelog": changelog, "ref": ref}
        version = versions.update(api, refs.parse_version(tuple(words)), change)
    return report(
        options, "alm-versions-update", lambda: {"version": version}, lambda *_: [f"changed {_name(version)}"]
    )


def run_delete(options: Options, words: Sequence[str]) -> int:
    """Delete a version, after asking."""
    with connected(options) as api:
        version = resolve.version(api, refs.parse_version(tuple(words)))
        prompts.deletion(options, f"the version {_name(version)}")
        with leading_on(f"`envmgr alm apps show {word(version, 'app')}` shows where it stands"):
            versions.delete(api, version)
    return report(
        options, "alm-versions-delete", lambda: {"version": version}, lambda *_: [f"deleted {_name(version)}"]
    )


def _name(version: Document) -> str:
    return f"{word(version, 'app')}@{word(version, 'tag')}"
