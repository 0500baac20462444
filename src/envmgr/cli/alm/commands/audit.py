"""`envmgr alm audit`: who did what; followed as it happens, kept in a file, and verified."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

from envmgr.alm.client.fields import number
from envmgr.cli.alm.connection import connected, opened
from envmgr.cli.alm.output.audit_entries import Lines
from envmgr.cli.alm.output.audit_report import counted, verdict_entry, verdict_lines
from envmgr.cli.alm.output.text import note_more
from envmgr.cli.console import report, say, short_path, show
from envmgr.cli.output.style import STDOUT, style_of, width_of
from envmgr.cli.output.units import count_of
from envmgr.kit.errors import UsageError
from envmgr.kit.frozen import frozen, replace
from envmgr.ops.alm import audit
from envmgr.ops.alm.connection import connect

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from envmgr.alm.audit.verify import Report
    from envmgr.alm.client.api import Api
    from envmgr.alm.client.fields import Document
    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style
    from envmgr.ops.alm.audit import Exported, Saved
    from envmgr.resolve.context import Context

NOT_INTACT = 1


def run(options: Options, which: audit.Filter, limit: int) -> int:
    """Show the newest entries, the newest last."""
    with connected(options) as api:
        found = audit.listing(api, _spelled(options, api, which), limit)
    code = show(
        options,
        "alm-audit",
        lambda: {"entries": found.items, "more": found.more},
        lambda style, width: (
            Lines(style, width).of(found.items)
            or ["no entry" if which == audit.Filter() else "no entry matches what was asked for"]
        ),
    )
    if found.more:
        note_more(options, f"the newest {len(found.items)} entries")
    return code


def run_follow(options: Options, which: audit.Filter, limit: int) -> int:
    """Show the newest entries, then every other as it comes, until interrupted; with `--json`, a document a line."""
    lines = Lines(style_of(STDOUT), width_of(STDOUT))
    with connected(options) as api:
        which = _spelled(options, api, which)
        last = audit.head(api)
        newest = audit.listing(api, which, limit or 1).items  # which refuses what nothing can match
        before = newest if limit else ()
        _say(options, lines, before)
        for entry in audit.follow(api, which, max([last, *(number(one, "seq") for one in before)])):
            _say(options, lines, [entry])
    return 0


def _spelled(options: Options, api: Api, which: audit.Filter) -> audit.Filter:
    """Return a filter as the log spells it, and say where that is not as it was written."""
    asked = audit.spelled(api, which)
    for name in ("actor", "resource"):
        if getattr(asked, name) != getattr(which, name):
            say(options, f"{getattr(which, name)}: asked for the {name} {getattr(asked, name)}")
    return asked


def _say(options: Options, lines: Lines, entries: Sequence[Document]) -> None:
    told: Iterable[str] = (
        (json.dumps({"schema": "envmgr/alm-audit-entry/1", **entry}) for entry in entries)
        if options.json
        else lines.of(entries)
    )
    sys.stdout.writelines(f"{line}\n" for line in told)
    sys.stdout.flush()


@frozen
class Checks:
    """What is to be done with the log as a whole, each with the file it goes to or comes from."""

    verify: bool = False
    file: str | None = None
    checkpoint: str | None = None
    export: str | None = None
    save: str | None = None


@frozen
class Done:
    """What came of it."""

    exported: Exported | None = None
    verdict: Report | None = None
    saved: Saved | None = None


def run_checks(options: Options, checks: Checks) -> int:
    """Export the log, verify it, keep a checkpoint: in this order; one that is not intact gives no checkpoint."""
    _require_sense(checks)
    with opened(options) as context:
        cwd = context.environment.cwd
        done = _done(options, _placed(checks, cwd), context)
    is_good = done.verdict is None or done.verdict.is_intact
    tell = report if is_good else show  # which has words for a failure, also with --quiet
    tell(
        options,
        "alm-audit-verify",
        lambda: _entry(done),
        lambda style, width: _lines(done, cwd, style, width),
    )
    return 0 if is_good else NOT_INTACT


def _require_sense(checks: Checks) -> None:
    if not checks.verify and (checks.file or checks.checkpoint):
        option = "--file" if checks.file else "--checkpoint"
        raise UsageError(f"{option} says what to verify, or against what", "add --verify")
    if checks.file and (checks.export or checks.save):
        raise UsageError(
            "--file asks no server, and there is nothing to export or to save then", "leave --file out"
        )


def _done(options: Options, checks: Checks, context: Context) -> Done:
    kept = audit.read_kept(checks.checkpoint) if checks.checkpoint else ()
    context.progress.step("audit", "checking")
    if checks.file:
        return Done(verdict=audit.verify_file(checks.file, kept))
    return _done_with(connect(context, options.alm_url, options.alm_token), checks, kept)


def _placed(checks: Checks, cwd: str) -> Checks:
    """Return the checks with their files where the command runs."""
    names = ("file", "checkpoint", "export", "save")
    given = {name: path for name in names if (path := getattr(checks, name))}
    return replace(checks, **{name: os.path.join(cwd, path) for name, path in given.items()})


def _done_with(api: Api, checks: Checks, kept: Sequence[Document]) -> Done:
    exported = audit.export_to(api, checks.export) if checks.export else None
    verdict = _verified(api, checks.export, kept) if checks.verify else None
    if checks.save is None or (verdict is not None and not verdict.is_intact):
        return Done(exported, verdict)
    return Done(exported, verdict, audit.save_checkpoint(api, checks.save))


def _verified(api: Api, exported: str | None, kept: Sequence[Document]) -> Report:
    """Verify what was exported, or, where that cannot be read again (it went into a pipe), what the server has."""
    if exported and os.path.isfile(exported):
        return audit.verify_file(exported, kept)
    return audit.verify_server(api, kept)


def _entry(done: Done) -> dict[str, object]:
    exported, saved = done.exported, done.saved
    return {
        "verdict": None if done.verdict is None else verdict_entry(done.verdict),
        "exported": None
        if exported is None
        else {"path": exported.path, "entries": exported.entries, "checkpoints": exported.checkpoints},
        "saved": None
        if saved is None
        else {"path": saved.path, "checkpoint": saved.checkpoint, "fresh": saved.is_fresh},
    }


def _lines(done: Done, cwd: str, style: Style, width: int) -> Iterator[str]:
    if done.exported is not None:
        entries, signed = counted(done.exported.entries), count_of(done.exported.checkpoints, "checkpoint")
        yield f"wrote {entries} and {signed} to {short_path(done.exported.path, cwd)}"
    if done.verdict is not None:
        yield from verdict_lines(done.verdict, style, width)
    if done.saved is not None:
        how = "signed just now" if done.saved.is_fresh else "the newest that the server has"
        seq, path = number(done.saved.checkpoint, "seq"), short_path(done.saved.path, cwd)
        yield f"kept the checkpoint at entry {seq}, {how}, in {path}"
