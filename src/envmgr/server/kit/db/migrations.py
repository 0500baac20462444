"""Schema migrations with Alembic: each service has its own revisions.

An upgrade is one exclusive transaction: a concurrent one waits and finds it done, and a killed one has no effect.
On SQLite the transaction itself excludes others; on PostgreSQL, an advisory lock does.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Protocol

import sqlalchemy as sa

from envmgr.kit.errors import EnvmgrError
from envmgr.server.kit.db.schema import CLUSTERED, IDS_NEVER_REUSED, SHORT_LIVED_ROWS, Id, Text, Timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from alembic.runtime.migration import MigrationContext


CONCURRENT_WRITERS = frozenset({"postgresql"})
"""Dialects whose writers run side by side: their events get numbers after their commits."""
_HERE = os.path.dirname(os.path.abspath(__file__))


class Operations(Protocol):
    """The part of `alembic.op` that migrations share."""

    def create_table(self, table_name: str, *columns: sa.schema.SchemaItem, **kw: Any) -> sa.Table:
        """Create a table."""
        ...

    def create_index(
        self, index_name: str | None, table_name: str, columns: Any, *, unique: bool = ...
    ) -> None:
        """Create an index."""
        ...

    def execute(self, sqltext: str) -> None:
        """Run a statement."""
        ...

    def get_context(self) -> MigrationContext:
        """Return the context that the migration runs in."""
        ...


class UnusableDatabase(EnvmgrError):
    """The database is damaged, belongs to something else, or cannot be read and written."""


class NewerDatabase(UnusableDatabase):
    """The database was migrated by a newer server."""


class MigrationTarget(Protocol):
    """A database that migrations run on."""

    @property
    def name(self) -> str:
        """The location of the database, for messages."""
        ...

    def revision(self) -> str | None:
        """Return its revision, or None if it is empty; raise UnusableDatabase."""
        ...

    def has_events(self) -> bool:
        """Return whether its service has emitted or received an event; raise UnusableDatabase."""
        ...

    def run_exclusively(self, work: Callable[[sa.Connection], None]) -> None:
        """Run and commit in a transaction that excludes other migrations; raise UnusableDatabase."""
        ...

    def skip_ids(self, minimum: int, count: int) -> None:
        """Move the next ID of each table at least `count` after the last one and after `minimum`.

        The revisions of rows (`rev`) grow by `count`, too: no ETag is of two contents. Raise UnusableDatabase.
        """
        ...


def upgrade(target: MigrationTarget, revisions: str, head: str) -> None:
    """Migrate a database to `head`; `revisions` is the migrations directory; raise UnusableDatabase.

    Alembic is imported only where a migration runs: that is half the time of a start.
    """
    if target.revision() != head:
        _upgrade(target, revisions, head)


def _upgrade(target: MigrationTarget, revisions: str, head: str) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", os.path.join(_HERE, "alembic"))
    config.set_main_option("version_locations", revisions.replace("%", "%%"))
    config.set_main_option("path_separator", "newline")

    def upgrade_over(connection: sa.Connection) -> None:
        config.attributes["connection"] = connection
        command.upgrade(config, head)

    try:
        target.run_exclusively(upgrade_over)
    except CommandError as error:
        raise NewerDatabase(
            f"database {target.name} was created by a newer envmgr ({error})",
            "upgrade envmgr, or pass another --data-dir",
        ) from error


def execute_for_dialect(op: Operations, statements: Mapping[str, Sequence[str]]) -> None:
    """Run the statements of the dialect that a migration runs on, by the dialect's name."""
    for statement in statements[op.get_context().dialect.name]:
        op.execute(statement)


def create_shared_tables(op: Operations) -> None:
    """Create the tables of `shared_tables` as they are at the first revision of every service."""
    _create_outbox(op)
    if op.get_context().dialect.name in CONCURRENT_WRITERS:
        _create_unnumbered_outbox(op)
    _create_consumer_offset(op)
    _create_inbox(op)
    _create_idempotency(op)
    _create_job(op)


def _create_outbox(op: Operations) -> None:
    op.create_table(
        "outbox",
        sa.Column("sequence", Id, primary_key=True, autoincrement=False),
        sa.Column("id", Text, nullable=False),
        sa.Column("type", Text, nullable=False),
        sa.Column("schema_version", sa.Integer, nullable=False),
        sa.Column("subject", Text, nullable=False),
        sa.Column("time", Timestamp, nullable=False),
        sa.Column("actor", Text, nullable=False),
        sa.Column("traceparent", Text, nullable=False),
        sa.Column("data", Text, nullable=False),
    )
    op.create_table(
        "outbox_head",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("sequence", Id, nullable=False),
        sa.Column("acknowledged_sequence", Id, nullable=False),
        sa.CheckConstraint("id = 1", name="outbox_head_single_row"),
    )
    op.execute("INSERT INTO outbox_head (id, sequence, acknowledged_sequence) VALUES (1, 0, 0)")
    op.create_table(
        "outbox_consumer",
        sa.Column("consumer", Text, primary_key=True),
        sa.Column("sequence", Id, nullable=False),
        **CLUSTERED,
    )


def _create_unnumbered_outbox(op: Operations) -> None:
    op.create_table(
        "outbox_unnumbered",
        sa.Column("position", Id, sa.Identity(always=True), primary_key=True),
        sa.Column("id", Text, nullable=False),
        sa.Column("type", Text, nullable=False),
        sa.Column("schema_version", sa.Integer, nullable=False),
        sa.Column("subject", Text, nullable=False),
        sa.Column("time", Timestamp, nullable=False),
        sa.Column("actor", Text, nullable=False),
        sa.Column("traceparent", Text, nullable=False),
        sa.Column("data", Text, nullable=False),
        **SHORT_LIVED_ROWS,
    )


def _create_consumer_offset(op: Operations) -> None:
    op.create_table(
        "consumer_offset",
        sa.Column("consumer", Text, primary_key=True),
        sa.Column("service", Text, primary_key=True),
        sa.Column("sequence", Id, nullable=False),
        **CLUSTERED,
    )


def _create_inbox(op: Operations) -> None:
    op.create_table(
        "inbox",
        sa.Column("consumer", Text, primary_key=True),
        sa.Column("event_id", Text, primary_key=True),
        sa.Column("created_at", Timestamp, nullable=False),
        **CLUSTERED,
    )
    op.create_table(
        "dead_letter",
        sa.Column("id", Id, primary_key=True),
        sa.Column("consumer", Text, nullable=False),
        sa.Column("event_id", Text, nullable=False),
        sa.Column("event", Text, nullable=False),
        sa.Column("error", Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("created_at", Timestamp, nullable=False),
        **IDS_NEVER_REUSED,
    )
    op.create_index("dead_letter_event", "dead_letter", ["consumer", "event_id"], unique=True)


def _create_idempotency(op: Operations) -> None:
    op.create_table(
        "idempotency",
        sa.Column("actor", Text, primary_key=True),
        sa.Column("key", Text, primary_key=True),
        sa.Column("fingerprint", Text, nullable=False),
        sa.Column("response", Text, nullable=False),
        sa.Column("created_at", Timestamp, nullable=False),
        **CLUSTERED,
    )
    op.create_index("idempotency_created_at", "idempotency", ["created_at"])


def _create_job(op: Operations) -> None:
    op.create_table(
        "job",
        sa.Column("id", Id, primary_key=True),
        sa.Column("kind", Text, nullable=False),
        sa.Column("key", Text, nullable=False),
        sa.Column("active_key", Text),
        sa.Column("payload", Text, nullable=False),
        sa.Column("state", Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("run_at", Timestamp, nullable=False),
        sa.Column("lease", Text, nullable=False),
        sa.Column("leased_until", Timestamp, nullable=False),
        sa.Column("error", Text, nullable=False),
        sa.Column("created_at", Timestamp, nullable=False),
        sa.Column("updated_at", Timestamp, nullable=False),
        **IDS_NEVER_REUSED,
    )
    op.create_index("job_active_key", "job", ["kind", "active_key"], unique=True)
    op.create_index("job_state", "job", ["state", "run_at"])
