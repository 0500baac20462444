"""Bringing a service's database to the form that its code expects, with Alembic, each service with its own revisions.

An upgrade is one exclusive transaction: whoever comes second waits and finds it done, and a killed one never was.
"""

from __future__ import annotations

import os
import sqlite3
from typing import Protocol

from envmgr.kit.errors import EnvmgrError

_HERE = os.path.dirname(os.path.abspath(__file__))


class Operations(Protocol):
    """What `alembic.op` offers, as far as it is used here."""

    def execute(self, sqltext: str) -> None:
        """Run a statement."""
        ...


class NewerDatabase(EnvmgrError):
    """A newer server has been here."""


def upgrade(path: str, revisions: str, head: str) -> None:
    """Bring the database file up to `head`; `revisions` is the directory of the service's migrations.

    Alembic is imported only when there is something to do: that is half the time of a start.
    """
    if _current(path) != head:
        _upgrade(path, revisions, head)


def _current(path: str) -> str | None:
    if not os.path.exists(path):
        return None
    connection = sqlite3.connect(path)
    try:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError:
        return None
    finally:
        connection.close()
    return str(row[0]) if row else None


def _upgrade(path: str, revisions: str, head: str) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError
    from sqlalchemy import create_engine, event

    engine = create_engine(f"sqlite:///{path}", connect_args={"isolation_level": None, "timeout": 60})
    # The driver would commit before each DDL statement: transactions are begun here instead.
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN EXCLUSIVE"))
    config = Config()
    config.set_main_option("script_location", os.path.join(_HERE, "alembic"))
    config.set_main_option("version_locations", revisions.replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, head)
    except CommandError as error:
        raise NewerDatabase(
            f"{path} was written by a newer envmgr ({error})", "run that one, or choose another --data-dir"
        ) from error
    finally:
        engine.dispose()


def create_shared_tables(op: Operations) -> None:
    """Make the tables of `kit.tables` as they were at the first revision of every service."""
    for statement in _FIRST:
        op.execute(statement)


_FIRST = (
    """CREATE TABLE outbox (
        sequence INTEGER PRIMARY KEY, id TEXT NOT NULL, type TEXT NOT NULL, subject TEXT NOT NULL,
        time INTEGER NOT NULL, actor TEXT NOT NULL, traceparent TEXT NOT NULL, data TEXT NOT NULL)""",
    """CREATE TABLE outbox_head (
        one INTEGER PRIMARY KEY CONSTRAINT one_row CHECK (one = 1),
        sequence INTEGER NOT NULL, sent INTEGER NOT NULL)""",
    "INSERT INTO outbox_head (one, sequence, sent) VALUES (1, 0, 0)",
    """CREATE TABLE inbox (
        consumer TEXT NOT NULL, event_id TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (consumer, event_id))
        WITHOUT ROWID""",
    """CREATE TABLE dead_letter (
        id INTEGER PRIMARY KEY AUTOINCREMENT, consumer TEXT NOT NULL, event_id TEXT NOT NULL, event TEXT NOT NULL,
        error TEXT NOT NULL, tries INTEGER NOT NULL, at INTEGER NOT NULL)""",
    "CREATE UNIQUE INDEX dead_letter_event ON dead_letter (consumer, event_id)",
    """CREATE TABLE idempotency (
        actor TEXT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL, answer TEXT NOT NULL, at INTEGER NOT NULL,
        PRIMARY KEY (actor, key)) WITHOUT ROWID""",
    "CREATE INDEX idempotency_at ON idempotency (at)",
)
