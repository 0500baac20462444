"""Size limits of a lock."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envmgr.lockformat.errors import LockFormatError

MAX_BYTES = 5 * 2**20
MAX_RELEASES = 2_000
"""Tool versions in one lock."""

MAX_ARTIFACT_BYTES = 2**53 - 1

_HINT = "split the project, or remove tools from .envmgr"


def check_bytes(count: int) -> None:
    """Raise LockFormatError if a lock's UTF-8 text is too long."""
    if count > MAX_BYTES:
        raise _limit_error(f"exceeds {MAX_BYTES // 2**20} MiB")


def check_releases(count: int) -> None:
    """Raise LockFormatError if a lock has too many tool versions."""
    if count > MAX_RELEASES:
        raise _limit_error(f"more than {MAX_RELEASES:,} tool versions")


def _limit_error(problem: str) -> LockFormatError:
    from envmgr.lockformat.errors import LockFormatError

    return LockFormatError((), problem, _HINT)
