"""`envmgr alm password`: change the signed-in user's password."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.cli.alm.connection import alm_context
from envmgr.cli.alm.global_options import read_stdin_line
from envmgr.cli.alm.output.text import escape_line
from envmgr.cli.alm.prompts import prompt_password
from envmgr.cli.console import print_outcome, print_status
from envmgr.kit.environment import is_terminal
from envmgr.kit.errors import UsageError
from envmgr.ops.alm import password

if TYPE_CHECKING:
    from envmgr.cli.options import Options
    from envmgr.ops.alm.password import PasswordChange

_STDIN_HINT = "pass --password-stdin, and pipe the current and the new password, each on a line of its own"


def run(options: Options, *, revoke_keys: bool, password_stdin: bool) -> int:
    """Change the password, and sign in again."""
    if not (password_stdin or is_terminal(0)):
        raise UsageError("no terminal to prompt for passwords", _STDIN_HINT)
    with alm_context(options) as context:
        account = password.open_account(context, options.alm_url, options.alm_token)
        label = f"{escape_line(account.username)} at {account.transport.url}"
        current, new = _passwords_from_stdin() if password_stdin else _prompt_passwords(label)
        result = password.change_password(context, account, current, new, revoke_keys=revoke_keys)
    _print_key_counts(options, result)
    return print_outcome(
        options,
        "alm-password",
        lambda: _json(result),
        lambda _style, _width: [_line(result)],
    )


def _passwords_from_stdin() -> tuple[str, str]:
    current, new = read_stdin_line(), read_stdin_line()
    if not (current and new):
        raise UsageError("stdin lacks a password", _STDIN_HINT)
    return current, new


def _prompt_passwords(label: str) -> tuple[str, str]:
    current = prompt_password(f"Current password of {label}: ")
    new = prompt_password("New password: ")
    if prompt_password("Repeat the new password: ") != new:
        raise UsageError("the new passwords differ", "type the new password twice: run the command again")
    return current, new


def _print_key_counts(options: Options, result: PasswordChange) -> None:
    if result.revoked_keys:
        print_status(options, f"{result.revoked_keys} API key(s) revoked")
    if result.active_keys:
        print_status(
            options,
            f"{result.active_keys} API key(s) stay valid; revoke one with `envmgr alm keys revoke ID`, "
            "or all with `envmgr alm password --revoke-keys`",
        )


def _json(result: PasswordChange) -> dict[str, object]:
    return {
        "server": result.url,
        "actor": f"user:{result.username}",
        "active_keys": result.active_keys,
        "revoked_keys": result.revoked_keys,
        "signed_in": result.is_signed_in,
    }


def _line(result: PasswordChange) -> str:
    line = f"password of {escape_line(result.username)} changed at {result.url}"
    if result.is_signed_in:
        return f"{line}; other sessions have ended"
    return f"{line}; all sessions have ended: run `envmgr alm login {result.url}` to sign in again"
