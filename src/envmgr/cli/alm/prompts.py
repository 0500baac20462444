"""Asking before something is gone for everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.cli.console import confirm_with
from envmgr.kit.environment import is_terminal
from envmgr.kit.errors import AlmError, UsageError

if TYPE_CHECKING:
    from envmgr.cli.options import Options


def deletion(options: Options, what: str) -> None:
    """Return when the user wants it deleted; raise when they do not, or when there is nobody to ask."""
    _ask(
        options, f"Delete {what}, from the server, for everybody?", f"deleting {what}", "nothing was deleted"
    )


def revocation(options: Options, what: str) -> None:
    """Return when the user wants it revoked; raise as `deletion` does."""
    question = f"Revoke {what}? Whoever uses it is refused from then on."
    _ask(options, question, f"revoking {what}", "nothing was revoked")


def _ask(options: Options, question: str, doing: str, refusal: str) -> None:
    if options.yes:
        return
    if not (is_terminal(0) and is_terminal(2)):
        raise UsageError(f"{doing} has to be confirmed, and there is nobody to ask", "add --yes")
    if not confirm_with(options, "n")(question):
        raise AlmError(refusal)
