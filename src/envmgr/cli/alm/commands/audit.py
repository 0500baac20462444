"""`envmgr alm audit`: list, follow, export and verify the audit log."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

from envmgr.alm.client.fields import get_int
from envmgr.cli.alm.connection import alm_client, alm_context
from envmgr.cli.alm.output.audit_entries import EntryTable
from envmgr.cli.alm.output.audit_report import format_count, report_json, report_lines
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

NOT_INTACT_EXIT_CODE = 1


def run(options: Options, filters: audit.Filter, limit: int) -> int:
    """Print the latest entries, oldest first."""
    with alm_client(options) as api:
        result = audit.listing(api, _normalize(options, api, filters), limit)
    code = print_result(
        options,
        "alm-audit",
        lambda: {"entries": result.items, "more": result.more},
        lambda style, width: (
            EntryTable(style, width).lines(result.items)
            or ["no entries" if filters == audit.Filter() else "no matching entries"]
        ),
    )
    if result.more:
        print_truncation_note(options, f"latest {len(result.items)} entries")
    return code


def run_follow(options: Options, filters: audit.Filter, limit: int) -> int:
    """Print the latest entries, then new ones until interrupted; with `--json`, a document a line."""
    table = EntryTable(style_of(STDOUT), width_of(STDOUT))
    with alm_client(options) as api:
        filters = _normalize(options, api, filters)
        last_seq = audit.head(api)
        latest = audit.listing(api, filters, limit or 1).items  # rejects filters that cannot match
        previous = latest if limit else ()
        _print_entries(options, table, previous)
        for entry in audit.follow(
            api, filters, max([last_seq, *(get_int(entry, "seq") for entry in previous)])
        ):
            _print_entries(options, table, [entry])
    return 0


def _normalize(options: Options, api: Api, filters: audit.Filter) -> audit.Filter:
    """Return a filter in the log's form, and print what was changed."""
    normalized = audit.normalize(api, filters)
    for name in ("actor", "resource"):
        if getattr(normalized, name) != getattr(filters, name):
            print_status(options, f"filtering by {name} {getattr(normalized, name)}")
    return normalized


def _print_entries(options: Options, table: EntryTable, entries: Sequence[Document]) -> None:
    lines: Iterable[str] = (
        (json.dumps({"schema": "envmgr/alm-audit-entry/1", **entry}) for entry in entries)
        if options.json
        else table.lines(entries)
    )
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


@frozen
class VerifyOptions:
    """Operations on the whole log, with their files."""

    verify: bool = False
    file: str | None = None
    checkpoint: str | None = None
    export: str | None = None
    save: str | None = None


@frozen
class VerifyOutcome:
    """The outcome of operations on the whole log."""

    exported: Exported | None = None
    verdict: Report | None = None
    saved: Saved | None = None


def run_verify(options: Options, verify_options: VerifyOptions) -> int:
    """Export the log, verify it, save a checkpoint; no checkpoint if the verification fails."""
    _validate_options(verify_options)
    with alm_context(options) as context:
        cwd = context.environment.cwd
        outcome = _run_operations(options, _with_absolute_paths(verify_options, cwd), context)
    is_intact = outcome.verdict is None or outcome.verdict.is_intact
    print_report = print_outcome if is_intact else print_result  # a failure is printed also with --quiet
    print_report(
        options,
        "alm-audit-verify",
        lambda: _to_json(outcome),
        lambda style, width: _lines(outcome, cwd, style, width),
    )
    return 0 if is_intact else NOT_INTACT_EXIT_CODE


def _validate_options(verify_options: VerifyOptions) -> None:
    if not verify_options.verify and (verify_options.file or verify_options.checkpoint):
        option = "--file" if verify_options.file else "--checkpoint"
        raise UsageError(f"{option} requires --verify", "pass --verify")
    if verify_options.file and (verify_options.export or verify_options.save):
        raise UsageError("--file cannot be combined with --export or --save-checkpoint", "omit --file")


def _run_operations(options: Options, verify_options: VerifyOptions, context: Context) -> VerifyOutcome:
    saved_checkpoints = audit.read_checkpoints(verify_options.checkpoint) if verify_options.checkpoint else ()
    context.progress.step("audit", "checking")
    if verify_options.file:
        return VerifyOutcome(verdict=audit.verify_file(verify_options.file, saved_checkpoints))
    return _execute(connect(context, options.alm_url, options.alm_token), verify_options, saved_checkpoints)


def _with_absolute_paths(verify_options: VerifyOptions, cwd: str) -> VerifyOptions:
    """Return the options with paths relative to the working directory."""
    names = ("file", "checkpoint", "export", "save")
    paths = {name: path for name in names if (path := getattr(verify_options, name))}
    return replace(verify_options, **{name: os.path.join(cwd, path) for name, path in paths.items()})


def _execute(api: Api, verify_options: VerifyOptions, saved_checkpoints: Sequence[Document]) -> VerifyOutcome:
    exported = audit.export_to(api, verify_options.export) if verify_options.export else None
    verdict = _verify(api, verify_options.export, saved_checkpoints) if verify_options.verify else None
    if verify_options.save is None or (verdict is not None and not verdict.is_intact):
        return VerifyOutcome(exported, verdict)
    return VerifyOutcome(exported, verdict, audit.save_checkpoint(api, verify_options.save))


def _verify(api: Api, exported: str | None, saved_checkpoints: Sequence[Document]) -> Report:
    """Verify the export, or the server's log if the export cannot be read again (a pipe)."""
    if exported and os.path.isfile(exported):
        return audit.verify_export(api, exported, saved_checkpoints)
    return audit.verify_server(api, saved_checkpoints)


def _to_json(outcome: VerifyOutcome) -> dict[str, object]:
    exported, saved = outcome.exported, outcome.saved
    return {
        "verdict": None if outcome.verdict is None else report_json(outcome.verdict),
        "exported": None
        if exported is None
        else {"path": exported.path, "entries": exported.entries, "checkpoints": exported.checkpoints},
        "saved": None
        if saved is None
        else {"path": saved.path, "checkpoint": saved.checkpoint, "fresh": saved.is_new},
    }


def _lines(outcome: VerifyOutcome, cwd: str, style: Style, width: int) -> Iterator[str]:
    if outcome.exported is not None:
        entries, signed = (
            format_count(outcome.exported.entries),
            count_of(outcome.exported.checkpoints, "checkpoint"),
        )
        yield f"wrote {entries} and {signed} to {display_path(outcome.exported.path, cwd)}"
    if outcome.verdict is not None:
        yield from report_lines(outcome.verdict, style, width)
    if outcome.saved is not None:
        origin = "new" if outcome.saved.is_new else "latest"
        seq, path = get_int(outcome.saved.checkpoint, "seq"), display_path(outcome.saved.path, cwd)
        yield f"saved checkpoint at entry {seq} ({origin}) to {path}"
