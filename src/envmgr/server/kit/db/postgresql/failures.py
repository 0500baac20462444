"""Translation of the driver's errors to those of the `Database` port."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from envmgr.server.kit.common.failures import summarize
from envmgr.server.kit.common.problems import ServiceUnavailable, outcome_unknown
from envmgr.server.kit.db.postgresql import driver
from envmgr.server.kit.db.sql import DamagedDatabase

if TYPE_CHECKING:
    from collections.abc import Iterator

RETRY_AFTER_SECONDS = 5


@contextmanager
def translate_errors(source: str) -> Iterator[None]:
    """Translate errors of the driver that are not bugs; other errors are unchanged."""
    try:
        yield
    except Exception as error:
        if not driver.is_driver_error(error):
            raise
        if driver.is_corrupt(error):
            raise DamagedDatabase(source, str(error)) from error
        if driver.is_transient(error):
            raise unavailable(source, summarize(error)) from error
        raise


class RolledBack(Exception):
    """The transaction was rolled back; `error` is why."""

    def __init__(self, error: Exception, *, is_violation: bool = False) -> None:
        super().__init__()
        self.error = error
        self.is_conflict = driver.is_conflict(error)
        self.is_lock_timeout = driver.is_lock_timeout(error)
        self.is_lost_connection = driver.is_driver_error(error) and driver.is_lost_connection(error)
        self.is_violation = is_violation


class CommitLost(Exception):
    """The connection ended during a COMMIT: the transaction was committed, or was not."""

    def __init__(self, source: str, error: Exception) -> None:
        super().__init__()
        self.source = source
        self.reason = summarize(error)

    def problem_without_change(self) -> ServiceUnavailable:
        """Return the problem of a unit that changed nothing."""
        return unavailable(self.source, self.reason)

    def problem_of_change(self) -> ServiceUnavailable:
        """Return the problem of a unit that changed something."""
        return outcome_unknown(
            f"connection to the database of {self.source} was lost ({self.reason}) in the commit of the change",
            retry_after=RETRY_AFTER_SECONDS,
        )


def unavailable(source: str, reason: str) -> ServiceUnavailable:
    """Return the problem of a database that may answer later."""
    return ServiceUnavailable(
        f"database of {source} is temporarily unavailable: {reason}", retry_after=RETRY_AFTER_SECONDS
    )
