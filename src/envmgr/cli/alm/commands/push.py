"""`envmgr alm push`: what was built, with the lock it was built with."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from envmgr.alm.client.fields import number
from envmgr.cli.alm.commands.flush import flushed_entry, say_flushed
from envmgr.cli.alm.connection import opened
from envmgr.cli.console import report, say, short_path
from envmgr.ops.alm import push
from envmgr.ops.alm.connection import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style
    from envmgr.ops.alm.push import Packed, Pushed, Said


def run(options: Options, said: Said, *, spool: bool) -> int:
    """Deliver what waits, then this push."""
    with opened(options) as context:
        api = connect(context, options.alm_url, options.alm_token, retries=context.settings.http_retries)
        packed = push.pack(context, api.url, said)
        _warn(options, packed)
        done = (push.push_or_spool if spool else push.push)(context, api, packed)
        cwd = context.environment.cwd
    say_flushed(options, done.before)
    if done.spooled:
        say(options, f"{done.reason}; kept in {short_path(done.spooled, cwd)}")
    report(options, "alm-push", lambda: _entry(done), lambda style, _: _lines(done, style))
    return 1 if done.before.refused else 0


def _warn(options: Options, packed: Packed) -> None:
    """Say what a version would be better with; it is no error unless one asks for that."""
    if packed.lock is None and not options.json:
        sys.stderr.write(
            "warning: there is no .envmgr.lock here, so nobody will know which tools this was built with; "
            "`envmgr lock` writes one\n"
        )
    if packed.gaps:
        sys.stderr.write(
            f"warning: .envmgr.lock is not of the .envmgr beside it: {', '.join(packed.gaps)}; "
            "`envmgr lock` brings it up to date, and --require-lock makes this an error\n"
        )


def _entry(done: Pushed) -> dict[str, object]:
    parcel, delivered = done.packed.parcel, done.delivered
    return {
        "app": parcel.app,
        "tag": parcel.tag,
        "status": "spooled" if delivered is None else "created" if delivered.is_new else "unchanged",
        "app_created": delivered is not None and delivered.is_new_app,
        "server": parcel.url,
        "lock_digest": done.packed.lock_digest,
        "version": delivered.version if delivered else None,
        "spooled": done.spooled,
        "reason": done.reason or None,
        "before": flushed_entry(done.before),
    }


def _lines(done: Pushed, style: Style) -> Iterator[str]:
    parcel, delivered = done.packed.parcel, done.delivered
    name = style.paint("bold", f"{parcel.app}@{parcel.tag}")
    if delivered is None:
        yield f"{name} waits for {parcel.url}: the next push, or `envmgr alm flush`, delivers it"
        return
    if delivered.is_new_app:
        yield f"registered the app {style.paint('bold', parcel.app)}"
    version = f"version {number(delivered.version, 'id')}"
    yield (
        f"registered {name} ({version})" if delivered.is_new else f"{name} is registered already ({version})"
    )
