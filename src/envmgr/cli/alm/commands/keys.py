"""`envmgr alm keys`: list, create and revoke API keys."""

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
"""Columns to truncate: scopes, apps, name."""


def run_list(options: Options, limit: int) -> int:
    """Print keys, newest first."""
    with alm_client(options) as api:
        result, now = keys.listing(api, limit), time.time()
    code = print_result(
        options,
        "alm-keys-list",
        lambda: {"keys": result.items, "more": result.more},
        lambda style, width: lines(result.items, now, style, width),
    )
    if result.more:
        print_truncation_note(options, f"latest {len(result.items)} keys")
    return code


def lines(result: Sequence[Document], now: float, style: Style, width: int) -> list[str]:
    """Return keys as a table with headings."""
    if not result:
        return ["no API keys; create one with `envmgr alm keys create NAME`"]
    heading = [("dim", heading) for heading in HEADINGS]
    return RecordTable(style, width, _SHRINKABLE_COLUMNS).lines([_row(key, now) for key in result], heading)


def _row(key: Document, now: float) -> tuple[Cell, ...]:
    expires_at, last_used_at = get_str_or_none(key, "expires_at"), get_str_or_none(key, "last_used_at")
    return (
        ("", str(get_int(key, "id"))),
        ("bold", escape_line(get_str(key, "name"))),
        ("", escape_line(" ".join(get_strs(key, "scopes")))),
        ("", _apps(key)),
        ("", "never" if expires_at is None else end(expires_at, now)),
        ("dim", "never" if last_used_at is None else f"{since(last_used_at, now)} ago"),
    )


def _apps(key: Document) -> str:
    return "all" if key.get("apps") is None else escape_line(" ".join(get_strs(key, "apps")))


def run_create(options: Options, key_options: KeyOptions) -> int:
    """Create a key and print only its secret to stdout, so that it can be piped to a secret store."""
    with alm_client(options) as api:
        key = keys.create(api, key_options)
    secret = get_name(key, "key")
    code = print_result(options, "alm-keys-create", lambda: {"key": key}, lambda *_: [secret])
    sys.stdout.flush()
    print_status(options, _created_message(key))
    return code


def _created_message(key: Document) -> str:
    expires_at = get_str_or_none(key, "expires_at")
    apps = "all" if key.get("apps") is None else _apps(key)
    expiry = "no expiry" if expires_at is None else f"expires {when(expires_at)}"
    return (
        f"created {_name(key)} (scopes {escape_line(', '.join(get_strs(key, 'scopes')))}; apps {apps}; {expiry})\n"
        "the key will not be shown again"
    )


def run_revoke(options: Options, key_id: int) -> int:
    """Revoke a key after confirmation."""
    with alm_client(options) as api:
        key = keys.show(api, key_id)
        prompts.confirm_revocation(options, _name(key))
        keys.revoke(api, key)
    return print_outcome(
        options, "alm-keys-revoke", lambda: {"key": key}, lambda *_: [f"revoked {_name(key)}"]
    )


def _name(key: Document) -> str:
    return f"key {get_int(key, 'id')} ({escape_line(get_str(key, 'name'))})"
