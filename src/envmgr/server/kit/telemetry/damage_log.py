"""The log event of a damaged database, the same for every kind of request."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envmgr.server.kit.db.sql import DamagedDatabase
    from envmgr.server.kit.telemetry.logs import Log


def log_damage(log: Log, damage: DamagedDatabase, **fields: object) -> None:
    """Log which database is damaged and what an operator does."""
    log.error("database_damaged", database=damage.name, error=damage.reason, hint=damage.hint, **fields)
