"""`envmgr alm audit`: who did what; followed as it happens, kept in a file, and verified."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

from envmgr.alm.client.fields import get_int
from envmgr.cli.alm.connection import alm_client, alm_context
from envmgr.cli.alm.output.audit_entries import EntryTable
from envmgr.cli.alm.output.audit_report import counted, report_json, report_lines
from envmgr.cli.alm.output.text import print_truncation_note
from envmgr.cli.console import display_path, print_outcome, print_result, print_status
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
    with alm_client(options) as api:
        found = audit.listing(api, _normalize(options, api, which), limit)
    code = print_result(
        options,
        "alm-audit",
        lambda: {"entries": found.items, "more": found.more},
        lambda style, width: (
            EntryTable(style, width).of(found.items)
            or ["no entry" if which == audit.Filter() else "no entry matches what was asked for"]
        ),
    )
    if found.more:
        print_truncation_note(options, f"the newest {len(found.items)} entries")
    return code


def run_follow(options: Options, which: audit.Filter, limit: int) -> int:
    """Show the newest entries, then every other as it comes, until interrupted; with `--json`, a document a line."""
    lines = EntryTable(style_of(STDOUT), width_of(STDOUT))
    with alm_client(options) as api:
        which = _normalize(options, api, which)
        last = audit.head(api)
        newest = audit.listing(api, which, limit or 1).items  # which refuses what nothing can match
        before = newest if limit else ()
        _say(options, lines, before)
        for entry in audit.follow(api, which, max([last, *(get_int(one, "seq") for one in before)])):
            _say(options, lines, [entry])
    return 0


def _normalize(options: Options, api: Api, which: audit.Filter) -> audit.Filter:
    """Return a filter as the log spells it, and say where that is not as it was written."""
    asked = audit.normalize(api, which)
    for name in ("actor", "resource"):
        if getattr(asked, name) != getattr(which, name):
            print_status(options, f"{getattr(which, name)}: asked for the {name} {getattr(asked, name)}")
    return asked


def _say(options: Options, lines: EntryTable, entries: Sequence[Document]) -> None:
    told: Iterable[str] = (
        (json.dumps({"schema": "envmgr/alm-audit-entry/1", **entry}) for entry in entries)
        if options.json
        else lines.of(entries)
    )
    sys.stdout.writelines(f"{line}\n" for line in told)
    sys.stdout.flush()


@frozen
class VerifyOptions:
    """What is to be done with the log as a whole, each with the file it goes to or comes from."""

    verify: bool = False
    file: str | None = None
    checkpoint: str | None = None
    export: str | None = None
    save: str | None = None


@frozen
class VerifyOutcome:
    """What came of it."""

    exported: Exported | None = None
    verdict: Report | None = None
    saved: Saved | None = None


def run_verify(options: Options, checks: VerifyOptions) -> int:
    """Export the log, verify it, keep a checkpoint: in this order; one that is not intact gives no checkpoint."""
    _validate_options(checks)
    with alm_context(options) as context:
        cwd = context.environment.cwd
        done = _done(options, _placed(checks, cwd), context)
    is_good = done.verdict is None or done.verdict.is_intact
    tell = print_outcome if is_good else print_result  # which has words for a failure, also with --quiet
    tell(
        options,
        "alm-audit-verify",
        lambda: _to_json(done),
        lambda style, width: _lines(done, cwd, style, width),
    )
    return 0 if is_good else NOT_INTACT


def _validate_options(checks: VerifyOptions) -> None:
    if not checks.verify and (checks.file or checks.checkpoint):
        option = "--file" if checks.file else "--checkpoint"
        raise UsageError(f"{option} says what to verify, or against what", "add --verify")
    if checks.file and (checks.export or checks.save):
        raise UsageError(
            "--file asks no server, and there is nothing to export or to save then", "leave --file out"
        )


def _done(options: Options, checks: VerifyOptions, context: Context) -> VerifyOutcome:
    kept = audit.read_checkpoints(checks.checkpoint) if checks.checkpoint else ()
    context.progress.step("audit", "checking")
    if checks.file:
        return VerifyOutcome(verdict=audit.verify_file(checks.file, kept))
    return _execute(connect(context, options.alm_url, options.alm_token), checks, kept)


def _placed(checks: VerifyOptions, cwd: str) -> VerifyOptions:
    """Return the checks with their files where the command runs."""
    names = ("file", "checkpoint", "export", "save")
    given = {name: path for name in names if (path := getattr(checks, name))}
    return replace(checks, **{name: os.path.join(cwd, path) for name, path in given.items()})


def _execute(api: Api, checks: VerifyOptions, kept: Sequence[Document]) -> VerifyOutcome:
    exported = audit.export_to(api, checks.export) if checks.export else None
    verdict = _verified(api, checks.export, kept) if checks.verify else None
    if checks.save is None or (verdict is not None and not verdict.is_intact):
        return VerifyOutcome(exported, verdict)
    return VerifyOutcome(exported, verdict, audit.save_checkpoint(api, checks.save))


def _verified(api: Api, exported: str | None, kept: Sequence[Document]) -> Report:
    """Verify what was exported, or, where that cannot be read again (it went into a pipe), what the server has."""
    if exported and os.path.isfile(exported):
        return audit.verify_file(exported, kept)
    return audit.verify_server(api, kept)


def _to_json(done: VerifyOutcome) -> dict[str, object]:
    exported, saved = done.exported, done.saved
    return {
        "verdict": None if done.verdict is None else report_json(done.verdict),
        "exported": None
        if exported is None
        else {"path": exported.path, "entries": exported.entries, "checkpoints": exported.checkpoints},
        "saved": None
        if saved is None
        else {"path": saved.path, "checkpoint": saved.checkpoint, "fresh": saved.is_new},
    }


def _lines(done: VerifyOutcome, cwd: str, style: Style, width: int) -> Iterator[str]:
    if done.exported is not None:
        entries, signed = counted(done.exported.entries), count_of(done.exported.checkpoints, "checkpoint")
        yield f"wrote {entries} and {signed} to {display_path(done.exported.path, cwd)}"
    if done.verdict is not None:
        yield from report_lines(done.verdict, style, width)
    if done.saved is not None:
        how = "signed just now" if done.saved.is_new else "the newest that the server has"
        seq, path = get_int(done.saved.checkpoint, "seq"), display_path(done.saved.path, cwd)
        yield f"kept the checkpoint at entry {seq}, {how}, in {path}"
