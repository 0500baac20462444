"""`envmgr alm push`: what was built, with the lock it was built with."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from envmgr.alm.client.fields import get_int
from envmgr.cli.alm.commands.flush import flush_result_json, say_flushed
from envmgr.cli.alm.connection import alm_context
from envmgr.cli.console import display_path, print_outcome, print_status
from envmgr.ops.alm import push
from envmgr.ops.alm.connection import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style
    from envmgr.ops.alm.push import PreparedPush, PushOptions, PushOutcome


def run(options: Options, said: PushOptions, *, spool: bool) -> int:
    """Deliver what waits, then this push."""
    with alm_context(options) as context:
        api = connect(context, options.alm_url, options.alm_token, retries=context.settings.http_retries)
        packed = push.prepare(context, api.url, said)
        _warn(options, packed)
        done = (push.push_or_spool if spool else push.push)(context, api, packed)
        cwd = context.environment.cwd
    say_flushed(options, done.flushed)
    if done.spooled:
        print_status(options, f"{done.reason}; kept in {display_path(done.spooled, cwd)}")
    print_outcome(options, "alm-push", lambda: _to_json(done), lambda style, _: _lines(done, style))
    return 1 if done.flushed.rejected else 0


def _warn(options: Options, packed: PreparedPush) -> None:
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


def _to_json(done: PushOutcome) -> dict[str, object]:
    parcel, delivered = done.prepared.push, done.result
    return {
        "app": parcel.app,
        "tag": parcel.tag,
        "status": "spooled" if delivered is None else "created" if delivered.is_new else "unchanged",
        "app_created": delivered is not None and delivered.is_new_app,
        "server": parcel.url,
        "lock_digest": done.prepared.lock_digest,
        "version": delivered.version if delivered else None,
        "spooled": done.spooled,
        "reason": done.reason or None,
        "before": flush_result_json(done.flushed),
    }


def _lines(done: PushOutcome, style: Style) -> Iterator[str]:
    parcel, delivered = done.prepared.push, done.result
    name = style.paint("bold", f"{parcel.app}@{parcel.tag}")
    if delivered is None:
        yield f"{name} waits for {parcel.url}: the next push, or `envmgr alm flush`, delivers it"
        return
    if delivered.is_new_app:
        yield f"registered the app {style.paint('bold', parcel.app)}"
    version = f"version {get_int(delivered.version, 'id')}"
    yield (
        f"registered {name} ({version})" if delivered.is_new else f"{name} is registered already ({version})"
    )
