"""`envmgr alm checkout`: the toolchain of a version, here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.alm import refs
from envmgr.alm.client.fields import number, word
from envmgr.alm.refs import Everywhere, Standing
from envmgr.cli.alm.connection import connected
from envmgr.cli.console import open_context, report, short_path
from envmgr.kit.errors import AlmNotFound
from envmgr.ops.alm.checkout import app_here, checkout

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envmgr.alm.refs import Numbered, Tagged
    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style
    from envmgr.ops.alm.checkout import CheckedOut
    from envmgr.resolve.context import Context


def run(options: Options, words: Sequence[str], app: str | None, *, force: bool) -> int:
    """Write what a version was built with into the working directory."""
    context = open_context(options)
    named = _named(words, app, context)
    try:
        with connected(options) as api:
            done = checkout(api, named, context.environment.cwd, force=force)
    except AlmNotFound as error:
        guessed = named.app if isinstance(named, Standing) and str(named) not in words else None
        if guessed is not None and f"no app {guessed!r}" in error.message:
            error.hint = f"{guessed!r} is what the project here is called: --app NAME names another"
        raise
    return report(
        options, "alm-checkout", lambda: _entry(done), lambda style, _: _lines(done, context, style)
    )


def _named(words: Sequence[str], app: str | None, context: Context) -> Tagged | Numbered | Standing:
    """Read what is meant; an environment alone is that of the given app, or of the one that is developed here."""
    named = refs.parse(words[0]) if len(words) == 1 else refs.parse_version(tuple(words))
    if not isinstance(named, Everywhere):
        return named
    return Standing(refs.check_app(app) if app else app_here(context.environment), named.environment)


def _entry(done: CheckedOut) -> dict[str, object]:
    return {
        "app": word(done.version, "app"),
        "tag": word(done.version, "tag"),
        "version_id": number(done.version, "id"),
        "lock_digest": done.lock_digest,
        "files": done.files,
        "changed": done.changed,
    }


def _lines(done: CheckedOut, context: Context, style: Style) -> Iterator[str]:
    cwd = context.environment.cwd
    name = style.paint("bold", f"{word(done.version, 'app')}@{word(done.version, 'tag')}")
    if done.changed:
        wrote = " and ".join(short_path(path, cwd) for path in done.changed)
        yield f"wrote {wrote} of {name}"
    else:
        yield f"what {name} was built with is here already"
    if len(done.files) == 1:
        yield "it was registered without its .envmgr: write the requests yourself, the lock says their versions"
    yield f"next: {style.paint('bold', 'envmgr install --locked')}"
