"""`envmgr alm login`: a name and a password, or a token, for what the server gives."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from envmgr.cli.alm.commands.whoami import lines, whoami_json
from envmgr.cli.alm.connection import alm_context
from envmgr.cli.alm.global_options import line_of_stdin
from envmgr.cli.alm.output.text import escape_line
from envmgr.cli.console import print_outcome, print_status
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
    with alm_context(options) as context:
        place = address(context, named)
        if options.alm_token:
            done = auth.login_with_token(context, place, options.alm_token)
        else:
            name = username or _prompt_username(place)
            password = _password_from_stdin(place) if password_stdin else _prompt_password(name, place)
            done = auth.login_with_password(context, place, name, password)
        _print_active_server(options, context, done)
    return print_outcome(
        options,
        "alm-login",
        lambda: whoami_json(done.url, done.me),
        lambda style, width: lines(done.url, done.me, style, width),
    )


def _prompt_username(place: str) -> str:
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


def _prompt_password(name: str, place: str) -> str:
    if not is_terminal(0):
        raise UsageError(
            "there is no terminal to ask for the password at", "--password-stdin reads it from stdin"
        )
    from getpass import getpass

    try:
        return _require_password(getpass(f"Password of {name} at {place}: ", stream=sys.stderr), place)
    except EOFError:
        return _require_password("", place)


def _password_from_stdin(place: str) -> str:
    return _require_password(line_of_stdin(), place)


def _require_password(password: str, place: str) -> str:
    if not password:
        raise UsageError("no password was given", f"for example: envmgr alm login {place} --username ada")
    return password


def _print_active_server(options: Options, context: Context, done: SignedIn) -> None:
    """Say what commands will do from now on, where that may surprise."""
    if done.replaced:
        print_status(
            options,
            f"this takes the place of the sign-in of {escape_line(done.replaced)}, which is not kept any more",
        )
    if done.is_new_default:
        print_status(options, f"{done.url} is your ALM server now (the setting alm_url)")
    elif not done.is_default:
        print_status(
            options,
            f"your ALM server is still {context.settings.alm_url}: "
            f"`envmgr config set alm_url {done.url}` changes that, --url {done.url} asks this one",
        )
    if context.environment.get(TOKEN):
        print_status(options, f"warning: {TOKEN} is set, and goes before what was kept now")
