"""Creating usage errors without importing all errors at start-up."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envmgr.kit.errors import UsageError


def usage_error(message: str, hint: str | None = None) -> UsageError:
    """Return a UsageError; its class is imported only here, as start-up does not need it."""
    from envmgr.kit.errors import UsageError

    return UsageError(message, hint)
