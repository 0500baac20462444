"""Next steps of an active deployment, as commands, without I/O."""

from __future__ import annotations


def next_steps(deployment: int | str, status: str) -> str:
    """Return the commands that continue or cancel a deployment in a status."""
    update = f"`envmgr alm deployments update {deployment} --status"
    return f"{_continue_command(update, status)}; {update} cancelled` to cancel"


def _continue_command(update: str, status: str) -> str:
    match status:
        case "awaiting_approval":
            return f"another user approves it with {update} in_progress`"
        case "blocked":
            return (
                f"{update} pending` to continue once the environment is unblocked "
                "(or earlier, with environments:write)"
            )
        case "in_progress":
            return f"{update} successful` (or `failed`) to finish"
        case _:
            return f"{update} in_progress` to start"
