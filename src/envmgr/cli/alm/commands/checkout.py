"""`envmgr alm checkout`: the toolchain of a version, here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.alm import refs
from envmgr.alm.client.fields import get_int, get_name
from envmgr.alm.refs import CurrentRef, EnvironmentRef
from envmgr.cli.alm.connection import alm_client
from envmgr.cli.console import display_path, open_context, print_outcome
from envmgr.kit.errors import AlmNotFound
from envmgr.ops.alm.checkout import checkout, current_app

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envmgr.alm.refs import IdRef, TagRef
    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style
    from envmgr.ops.alm.checkout import CheckoutResult
    from envmgr.resolve.context import Context


def run(options: Options, words: Sequence[str], app: str | None, *, force: bool) -> int:
    """Write what a version was built with into the working directory."""
    context = open_context(options)
    named = _named(words, app, context)
    try:
        with alm_client(options) as api:
            done = checkout(api, named, context.environment.cwd, force=force)
    except AlmNotFound as error:
        guessed = named.app if isinstance(named, CurrentRef) and str(named) not in words else None
        if guessed is not None and f"no app {guessed!r}" in error.message:
            error.hint = f"{guessed!r} is what the project here is called: --app NAME names another"
        raise
    return print_outcome(
        options, "alm-checkout", lambda: _to_json(done), lambda style, _: _lines(done, context, style)
    )


def _named(words: Sequence[str], app: str | None, context: Context) -> TagRef | IdRef | CurrentRef:
    """Read what is meant; an environment alone is that of the given app, or of the one that is developed here."""
    named = refs.parse(words[0]) if len(words) == 1 else refs.parse_version(tuple(words))
    if not isinstance(named, EnvironmentRef):
        return named
    return CurrentRef(refs.check_app(app) if app else current_app(context.environment), named.environment)


def _to_json(done: CheckoutResult) -> dict[str, object]:
    return {
        "app": get_name(done.version, "app"),
        "tag": get_name(done.version, "tag"),
        "version_id": get_int(done.version, "id"),
        "lock_digest": done.lock_digest,
        "files": done.files,
        "changed": done.changed,
    }


def _lines(done: CheckoutResult, context: Context, style: Style) -> Iterator[str]:
    cwd = context.environment.cwd
    name = style.paint("bold", f"{get_name(done.version, 'app')}@{get_name(done.version, 'tag')}")
    if done.changed:
        wrote = " and ".join(display_path(path, cwd) for path in done.changed)
        yield f"wrote {wrote} of {name}"
    else:
        yield f"what {name} was built with is here already"
    if len(done.files) == 1:
        yield "it was registered without its .envmgr: write the requests yourself, the lock says their versions"
    yield f"next: {style.paint('bold', 'envmgr install --locked')}"
