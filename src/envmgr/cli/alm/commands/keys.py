"""`envmgr alm keys`: what lets programs in."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from envmgr.alm.client.fields import get_int, get_name, get_str, get_str_or_none, get_strs
from envmgr.cli.alm import prompts
from envmgr.cli.alm.connection import alm_client
from envmgr.cli.alm.output.record_table import RecordTable
from envmgr.cli.alm.output.text import escape_line, print_truncation_note
from envmgr.cli.alm.output.times import end, since, when
from envmgr.cli.console import print_outcome, print_result, print_status
from envmgr.ops.alm import keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.alm.client.fields import Document
    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style
    from envmgr.cli.output.table import Cell
    from envmgr.ops.alm.keys import KeyOptions

HEADINGS = ("id", "name", "scopes", "apps", "expires", "last used")
_SHRINKABLE_COLUMNS = (2, 3, 1)
"""What gives way: scopes, apps, the name."""


def run_list(options: Options, limit: int) -> int:
    """Show keys, newest first."""
    with alm_client(options) as api:
        found, now = keys.listing(api, limit), time.time()
    code = print_result(
        options,
        "alm-keys-list",
        lambda: {"keys": found.items, "more": found.more},
        lambda style, width: lines(found.items, now, style, width),
    )
    if found.more:
        print_truncation_note(options, f"the newest {len(found.items)} keys")
    return code


def lines(found: Sequence[Document], now: float, style: Style, width: int) -> list[str]:
    """Lay keys out, a line each, below what the columns are."""
    if not found:
        return ["no key yet: `envmgr alm keys create NAME` makes one"]
    heading = [("dim", heading) for heading in HEADINGS]
    return RecordTable(style, width, _SHRINKABLE_COLUMNS).lines([_row(key, now) for key in found], heading)


def _row(key: Document, now: float) -> tuple[Cell, ...]:
    until, used = get_str_or_none(key, "expires_at"), get_str_or_none(key, "last_used_at")
    return (
        ("", str(get_int(key, "id"))),
        ("bold", escape_line(get_str(key, "name"))),
        ("", escape_line(" ".join(get_strs(key, "scopes")))),
        ("", _apps(key)),
        ("", "never" if until is None else end(until, now)),
        ("dim", "never" if used is None else f"{since(used, now)} ago"),
    )


def _apps(key: Document) -> str:
    return "all" if key.get("apps") is None else escape_line(" ".join(get_strs(key, "apps")))


def run_create(options: Options, wish: KeyOptions) -> int:
    """Make a key and print it, alone on stdout: whatever reads that has the key and nothing else."""
    with alm_client(options) as api:
        key = keys.create(api, wish)
    secret = get_name(key, "key")
    code = print_result(options, "alm-keys-create", lambda: {"key": key}, lambda *_: [secret])
    sys.stdout.flush()
    print_status(options, _made(key))
    return code


def _made(key: Document) -> str:
    until = get_str_or_none(key, "expires_at")
    apps = "all apps" if key.get("apps") is None else _apps(key)
    lasts = "until it is revoked" if until is None else f"until {when(until)}"
    return (
        f"made {_named(key)}: {escape_line(', '.join(get_strs(key, 'scopes')))}; of {apps}; {lasts}\n"
        "it is not shown again"
    )


def run_revoke(options: Options, key_id: int) -> int:
    """Revoke a key, after asking."""
    with alm_client(options) as api:
        key = keys.show(api, key_id)
        prompts.revocation(options, _named(key))
        keys.revoke(api, key)
    return print_outcome(
        options, "alm-keys-revoke", lambda: {"key": key}, lambda *_: [f"revoked {_named(key)}"]
    )


def _named(key: Document) -> str:
    return f"key {get_int(key, 'id')} ({escape_line(get_str(key, 'name'))})"
