"""Prompts: confirmation of irreversible changes, and passwords."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from envmgr.cli.console import confirm_with
from envmgr.kit.environment import can_prompt, is_terminal
from envmgr.kit.errors import AlmError, UsageError

if TYPE_CHECKING:
    from envmgr.cli.options import Options


def confirm_deletion(options: Options, resource: str) -> None:
    """Return if the user confirms a deletion; raise if not, or without a terminal."""
    _ask(options, f"Delete {resource} from the server?", f"deleting {resource}")


def confirm_revocation(options: Options, resource: str) -> None:
    """Return if the user confirms a revocation; raise as `confirm_deletion` does."""
    _ask(options, f"Revoke {resource}? Clients using it will be rejected.", f"revoking {resource}")


def prompt_password(prompt: str) -> str:
    """Return a password typed without echo; empty at the end of input."""
    from getpass import getpass

    try:
        return getpass(prompt, stream=sys.stderr)
    except EOFError:
        return ""


def _ask(options: Options, question: str, action: str) -> None:
    if options.yes:
        return
    if not can_prompt():
        cause = "this is CI" if is_terminal(0) else "stdin is not a terminal"
        raise UsageError(f"{action} requires confirmation, but {cause}", "pass --yes")
    if not confirm_with(options, "n")(question):
        raise AlmError("cancelled")
