"""What may become of a deployment that is on its way: who does it, and with which command. Pure."""

from __future__ import annotations


def next_steps(deployment: int | str, status: str) -> str:
    """Say what goes on with a deployment in a state, and what gives it up."""
    update = f"`envmgr alm deployments update {deployment} --status"
    return f"{_continue_command(update, status)}; {update} cancelled` gives it up"


def _continue_command(update: str, status: str) -> str:
    match status:
        case "awaiting_approval":
            return f"somebody else than who asked for it approves it with {update} in_progress`"
        case "blocked":
            return (
                f"{update} pending` goes on with it once the environment is open again "
                "(before that, only for who may write environments)"
            )
        case "in_progress":
            return f"{update} successful` (or `failed`) finishes it"
        case _:
            return f"{update} in_progress` begins it"
