"""`envmgr alm login`: sign in with a password or a token, and store the credentials."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from envmgr.cli.alm.commands.whoami import whoami_json, whoami_lines
from envmgr.cli.alm.connection import alm_context
from envmgr.cli.alm.global_options import read_stdin_line
from envmgr.cli.alm.output.text import escape_line
from envmgr.cli.alm.prompts import prompt_password
from envmgr.cli.console import print_outcome, print_status
from envmgr.kit.environment import is_terminal
from envmgr.kit.errors import UsageError
from envmgr.ops.alm import auth
from envmgr.ops.alm.connection import TOKEN_VARIABLE, server_url

if TYPE_CHECKING:
    from envmgr.cli.options import Options
    from envmgr.ops.alm.auth import SignedIn
    from envmgr.resolve.context import Context


def run(options: Options, url: str | None, username: str | None, *, password_stdin: bool) -> int:
    """Sign in, and store the credentials."""
    requested_url = url or options.alm_url
    if url and options.alm_url:
        raise UsageError("server given twice (argument and --url)", "omit --url: envmgr alm login URL")
    if options.alm_token and (username or password_stdin):
        raise UsageError(
            "--token cannot be combined with --username or --password-stdin",
            "omit --username and --password-stdin",
        )
    with alm_context(options) as context:
        server = server_url(context, requested_url)
        if options.alm_token:
            result = auth.login_with_token(context, server, options.alm_token)
        else:
            name = username or _prompt_username(server)
            password = _password_from_stdin(server) if password_stdin else _prompt_password(name, server)
            result = auth.login_with_password(context, server, name, password)
        _print_active_server(options, context, result)
    return print_outcome(
        options,
        "alm-login",
        lambda: whoami_json(result.url, result.me),
        lambda style, width: whoami_lines(result.url, result.me, style, width),
    )


def _prompt_username(server: str) -> str:
    if not is_terminal(0):
        raise UsageError(
            "no terminal: pass --username and --password-stdin",
            f"run `envmgr alm login {server} --username NAME --password-stdin < FILE`, or pass --token TOKEN",
        )
    sys.stderr.write(f"Username at {server}: ")
    sys.stderr.flush()
    name = read_stdin_line().strip()
    if not name:
        raise UsageError("empty username", f"for example: envmgr alm login {server} --username ada")
    return name


def _prompt_password(name: str, server: str) -> str:
    if not is_terminal(0):
        raise UsageError(
            "no terminal: pass --password-stdin", "pass --password-stdin to read the password from stdin"
        )
    return _require_password(prompt_password(f"Password of {name} at {server}: "), server)


def _password_from_stdin(server: str) -> str:
    return _require_password(read_stdin_line(), server)


def _require_password(password: str, server: str) -> str:
    if not password:
        raise UsageError("empty password", f"for example: envmgr alm login {server} --username ada")
    return password


def _print_active_server(options: Options, context: Context, result: SignedIn) -> None:
    """Print which server and credentials later commands use, if that is not obvious."""
    if result.replaced:
        print_status(
            options,
            f"replaced the stored login of {escape_line(result.replaced)}",
        )
    if result.is_new_default:
        print_status(options, f"default ALM server set to {result.url} (alm_url)")
    elif not result.is_default:
        print_status(
            options,
            f"the default ALM server is still {context.settings.alm_url}; "
            f"run `envmgr config set alm_url {result.url}` to change it, or pass --url {result.url}",
        )
    if context.environment.get(TOKEN_VARIABLE):
        print_status(options, f"warning: {TOKEN_VARIABLE} is set and overrides this login")
