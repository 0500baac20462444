"""`envmgr alm push`: register a build with its lock file."""

from __future__ import annotations

import sys

from envmgr.alm.client.fields import get_int
from envmgr.cli.alm.commands.flush import flush_result_json, print_flushed
from envmgr.cli.alm.connection import alm_context
from envmgr.cli.alm.output.text import escape_line
from envmgr.cli.console import display_path, print_outcome, print_status
from envmgr.cli.output.units import abbreviate_names
from envmgr.ops.alm import push
from envmgr.ops.alm.connection import connect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style
    from envmgr.ops.alm.push import PreparedPush, PushOptions, PushOutcome


def run(options: Options, push_options: PushOptions, *, spool: bool) -> int:
    """Deliver queued pushes, then this one; return the exit code."""
    with alm_context(options) as context:
        api = connect(context, options.alm_url, options.alm_token, retries=context.settings.http_retries)
        prepared = push.prepare(context, api.url, push_options)
        _print_warnings(options, prepared)
        outcome = (push.push_or_spool if spool else push.push)(context, api, prepared)
        cwd = context.environment.cwd
    print_flushed(options, outcome.flushed)
    if outcome.spooled:
        print_status(options, f"{outcome.reason}; queued in {display_path(outcome.spooled, cwd)}")
    print_outcome(options, "alm-push", lambda: _to_json(outcome), lambda style, _: _lines(outcome, style))
    return 1 if outcome.flushed.rejected else 0


def _print_warnings(options: Options, prepared: PreparedPush) -> None:
    """Print how the tag was chosen, and what the commit or the lock does not describe."""
    _print_source_warnings(options, prepared)
    if prepared.lock is None and not options.json:
        sys.stderr.write(
            "warning: no .envmgr.lock: the toolchain will not be recorded; run `envmgr lock` to create one\n"
        )
    if prepared.gaps:
        sys.stderr.write(
            f"warning: .envmgr.lock is out of date: {', '.join(prepared.gaps)}; "
            "run `envmgr lock` to update it; --require-lock makes this an error\n"
        )


def _print_source_warnings(options: Options, prepared: PreparedPush) -> None:
    if prepared.other_tags:
        print_status(
            options,
            f"tag {prepared.push.tag} chosen, not {', '.join(prepared.other_tags)}; pass --tag to choose another",
        )
    if prepared.changes:
        sys.stderr.write(
            f"warning: uncommitted changes ({abbreviate_names([escape_line(path) for path in prepared.changes])}): "
            f"the commit is not all of what {prepared.push.tag} was built from\n"
        )


def _to_json(outcome: PushOutcome) -> dict[str, object]:
    spooled_push, result = outcome.prepared.push, outcome.result
    return {
        "app": spooled_push.app,
        "tag": spooled_push.tag,
        "status": "spooled" if result is None else "created" if result.is_new else "unchanged",
        "app_created": result is not None and result.is_new_app,
        "server": spooled_push.url,
        "dirty": bool(outcome.prepared.changes),
        "other_tags": list(outcome.prepared.other_tags),
        "lock_digest": outcome.prepared.lock_digest,
        "version": result.version if result else None,
        "spooled": outcome.spooled,
        "reason": outcome.reason or None,
        "flushed": flush_result_json(outcome.flushed),
    }


def _lines(outcome: PushOutcome, style: Style) -> Iterator[str]:
    spooled_push, result = outcome.prepared.push, outcome.result
    name = style.paint("bold", f"{spooled_push.app}@{spooled_push.tag}")
    if result is None:
        yield f"{name} queued for {spooled_push.url}; the next push or `envmgr alm flush` delivers it"
        return
    if result.is_new_app:
        yield f"registered app {style.paint('bold', spooled_push.app)}"
    version = f"version {get_int(result.version, 'id')}"
    yield (f"registered {name} ({version})" if result.is_new else f"{name} already registered ({version})")
