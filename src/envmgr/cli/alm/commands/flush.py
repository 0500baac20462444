"""`envmgr alm flush`: what waits for the server, delivered."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from envmgr.cli.alm.connection import alm_context
from envmgr.cli.console import print_outcome, print_status
from envmgr.ops.alm.connection import connect
from envmgr.ops.alm.flush import flush_or_fail

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style
    from envmgr.ops.alm.flush import FlushResult, RejectedPush


def run(options: Options) -> int:
    """Deliver what waits for the server, oldest first."""
    with alm_context(options) as context:
        api = connect(context, options.alm_url, options.alm_token, retries=context.settings.http_retries)
        done = flush_or_fail(context, api)
    _say_trouble(options, done)
    print_outcome(options, "alm-flush", lambda: flush_result_json(done), lambda style, _: _lines(done, style))
    return 1 if done.rejected else 0


def flush_result_json(done: FlushResult) -> dict[str, object]:
    """Say as JSON what became of what waited."""
    return {
        "delivered": [{"app": one.app, "tag": one.tag, "created": one.is_new} for one in done.delivered],
        "refused": [
            {"app": one.app, "tag": one.tag, "reason": one.reason, "path": one.path} for one in done.rejected
        ],
        "waiting": [{"path": one.path, "reason": one.reason} for one in done.pending],
    }


def say_flushed(options: Options, done: FlushResult) -> None:
    """Say on stderr what became of what waited."""
    for one in done.delivered:
        print_status(options, f"delivered {one.app}@{one.tag}, which waited")
    _say_trouble(options, done)


def _say_trouble(options: Options, done: FlushResult) -> None:
    for one in done.rejected if not options.json else ():
        sys.stderr.write(
            f"error: {_named(one)} was refused for good: {one.reason}\nhint: it is in {one.path}\n"
        )
    for kept in done.pending:
        if not kept.is_for_other:
            print_status(options, f"warning: {kept.path} goes on waiting: {kept.reason}")


def _named(one: RejectedPush) -> str:
    return f"{one.app}@{one.tag}" if one.app else "what waited"


def _lines(done: FlushResult, style: Style) -> Iterator[str]:
    for one in done.delivered:
        known = "delivered" if one.is_new else "was there already:"
        yield f"{known} {style.paint('bold', f'{one.app}@{one.tag}')}"
    for other in (one for one in done.pending if one.is_for_other):
        yield f"{other.path} goes on waiting: {other.reason}"
    if not (done.delivered or done.rejected or done.pending):
        yield "nothing waits"
