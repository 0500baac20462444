"""`envmgr alm flush`: what waits for the server, delivered."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from envmgr.cli.alm.connection import opened
from envmgr.cli.console import report, say
from envmgr.ops.alm.connection import connect
from envmgr.ops.alm.flush import flush_all

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style
    from envmgr.ops.alm.flush import Flushed, Refused


def run(options: Options) -> int:
    """Deliver what waits for the server, oldest first."""
    with opened(options) as context:
        api = connect(context, options.alm_url, options.alm_token, retries=context.settings.http_retries)
        done = flush_all(context, api)
    _say_trouble(options, done)
    report(options, "alm-flush", lambda: flushed_entry(done), lambda style, _: _lines(done, style))
    return 1 if done.refused else 0


def flushed_entry(done: Flushed) -> dict[str, object]:
    """Say as JSON what became of what waited."""
    return {
        "delivered": [{"app": one.app, "tag": one.tag, "created": one.is_new} for one in done.sent],
        "refused": [
            {"app": one.app, "tag": one.tag, "reason": one.reason, "path": one.path} for one in done.refused
        ],
        "waiting": [{"path": one.path, "reason": one.reason} for one in done.kept],
    }


def say_flushed(options: Options, done: Flushed) -> None:
    """Say on stderr what became of what waited."""
    for one in done.sent:
        say(options, f"delivered {one.app}@{one.tag}, which waited")
    _say_trouble(options, done)


def _say_trouble(options: Options, done: Flushed) -> None:
    for one in done.refused if not options.json else ():
        sys.stderr.write(
            f"error: {_named(one)} was refused for good: {one.reason}\nhint: it is in {one.path}\n"
        )
    for kept in done.kept:
        if not kept.is_for_other:
            say(options, f"warning: {kept.path} goes on waiting: {kept.reason}")


def _named(one: Refused) -> str:
    return f"{one.app}@{one.tag}" if one.app else "what waited"


def _lines(done: Flushed, style: Style) -> Iterator[str]:
    for one in done.sent:
        known = "delivered" if one.is_new else "was there already:"
        yield f"{known} {style.paint('bold', f'{one.app}@{one.tag}')}"
    for other in (one for one in done.kept if one.is_for_other):
        yield f"{other.path} goes on waiting: {other.reason}"
    if not (done.sent or done.refused or done.kept):
        yield "nothing waits"
