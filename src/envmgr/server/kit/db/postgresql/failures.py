"""Translation of the driver's errors to those of the `Database` port."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from envmgr.server.kit.common.failures import summarize
from envmgr.server.kit.common.problems import ServiceUnavailable
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


def unavailable(source: str, reason: str) -> ServiceUnavailable:
    """Return the problem of a database that may answer later."""
    return ServiceUnavailable(
        f"database of {source} is temporarily unavailable: {reason}", retry_after=RETRY_AFTER_SECONDS
    )
