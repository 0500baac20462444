"""`envmgr alm login`: a name and a password, or a token, for what the server gives."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from envmgr.cli.alm.commands.whoami import entry, lines
from envmgr.cli.alm.connection import opened
from envmgr.cli.alm.global_options import line_of_stdin
from envmgr.cli.alm.output.text import plain
from envmgr.cli.console import report, say
from envmgr.kit.environment import is_terminal
from envmgr.kit.errors import UsageError
from envmgr.ops.alm import auth
from envmgr.ops.alm.connection import TOKEN, address

if TYPE_CHECKING:
    from envmgr.cli.options import Options
    from envmgr.ops.alm.auth import SignedIn
    from envmgr.resolve.context import Context


def run(options: Options, url: str | None, username: str | None, *, password_stdin: bool) -> int:
    """Sign in, and keep what the server gives."""
    named = url or options.alm_url
    if url and options.alm_url:
        raise UsageError("the server is named twice", "leave --url out: envmgr alm login URL")
    if options.alm_token and (username or password_stdin):
        raise UsageError(
            "--token is instead of a name and a password", "leave --username and --password-stdin out"
        )
    with opened(options) as context:
        place = address(context, named)
        if options.alm_token:
            done = auth.with_token(context, place, options.alm_token)
        else:
            name = username or _asked_name(place)
            password = _piped(place) if password_stdin else _asked_password(name, place)
            done = auth.with_password(context, place, name, password)
        _say_what_holds(options, context, done)
    return report(
        options,
        "alm-login",
        lambda: entry(done.url, done.me),
        lambda style, width: lines(done.url, done.me, style, width),
    )


def _asked_name(place: str) -> str:
    if not is_terminal(0):
        raise UsageError(
            "who signs in? There is no terminal to ask at",
            f"envmgr alm login {place} --username NAME --password-stdin < FILE, or --token TOKEN",
        )
    sys.stderr.write(f"Username at {place}: ")
    sys.stderr.flush()
    name = line_of_stdin().strip()
    if not name:
        raise UsageError("no username was given", f"for example: envmgr alm login {place} --username ada")
    return name


def _asked_password(name: str, place: str) -> str:
    if not is_terminal(0):
        raise UsageError(
            "there is no terminal to ask for the password at", "--password-stdin reads it from stdin"
        )
    from getpass import getpass

    try:
        return _given(getpass(f"Password of {name} at {place}: ", stream=sys.stderr), place)
    except EOFError:
        return _given("", place)


def _piped(place: str) -> str:
    return _given(line_of_stdin(), place)


def _given(password: str, place: str) -> str:
    if not password:
        raise UsageError("no password was given", f"for example: envmgr alm login {place} --username ada")
    return password


def _say_what_holds(options: Options, context: Context, done: SignedIn) -> None:
    """Say what commands will do from now on, where that may surprise."""
    if done.replaced:
        say(
            options,
            f"this takes the place of the sign-in of {plain(done.replaced)}, which is not kept any more",
        )
    if done.is_new_default:
        say(options, f"{done.url} is your ALM server now (the setting alm_url)")
    elif not done.is_default:
        say(
            options,
            f"your ALM server is still {context.settings.alm_url}: "
            f"`envmgr config set alm_url {done.url}` changes that, --url {done.url} asks this one",
        )
    if context.environment.get(TOKEN):
        say(options, f"warning: {TOKEN} is set, and goes before what was kept now")
