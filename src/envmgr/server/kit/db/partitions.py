"""Monthly partitions of append-only tables on PostgreSQL; SQLite has one table.

A table is partitioned by a time in milliseconds. Its partitions are the rows from before it was partitioned, one for
each month, and a default one, so that no insert can fail. The role of a server inserts through the table and has no
privilege on a partition; it creates partitions by calling a function of their owner.

The indexes are those of each partition: a unique column is unique within a partition, as a unique index of the whole
table would have to contain the time. Across partitions, a trigger of the table sees to what must be unique.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Integer, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from envmgr.server.kit.db.sql import Statement

if TYPE_CHECKING:
    from sqlalchemy.sql.compiler import SQLCompiler

    from envmgr.server.kit.db.sql import Transaction

MONTHS_AHEAD = 3
PARTITION_LOCK = 0x616C6D04
"""The key of the advisory lock of the creation of partitions."""


class _CreatePartitions(FunctionElement[int]):
    inherit_cache = True
    name = "create_partitions"
    type = Integer()


@compiles(_CreatePartitions, "sqlite")
def _none_on_sqlite(_element: _CreatePartitions, _compiler: SQLCompiler, **_kw: Any) -> str:
    return "0"


@compiles(_CreatePartitions, "postgresql")
def _create_on_postgresql(_element: _CreatePartitions, _compiler: SQLCompiler, **_kw: Any) -> str:
    return f"create_partitions({MONTHS_AHEAD})"


_CREATE = Statement(select(_CreatePartitions()))


def create_partitions(transaction: Transaction) -> int:
    """Create the missing partitions of this month and the next ones; return how many."""
    row = transaction.one(_CREATE)
    return int(row[0]) if row else 0


def partitioning_statements(table: str, column: str) -> tuple[str, ...]:
    """Return what partitions a table of PostgreSQL that has rows and privileges, without rewriting it.

    The function `refuse_change` exists; triggers on rows are dropped before.
    """
    return (
        f"ALTER TABLE {table} RENAME TO {table}_past",
        f'CREATE TABLE {table} (LIKE {table}_past INCLUDING DEFAULTS) PARTITION BY RANGE ("{column}")',
        f"CREATE TABLE {table}_default (LIKE {table}_past INCLUDING DEFAULTS INCLUDING INDEXES)",
        f"DROP TRIGGER {table}_append_only ON {table}_past",
        _close_partition(f"{table}_past"),
        _close_partition(f"{table}_default"),
        f"ALTER TABLE {table} ATTACH PARTITION {table}_default DEFAULT",
        _attach_past(table, column),
        (
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        ),
        f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM CURRENT_USER",
        f"REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON {table}_past, {table}_default FROM CURRENT_USER",
        _function(table),
        "REVOKE ALL ON FUNCTION create_partitions(integer) FROM PUBLIC",
        _SET_SEARCH_PATH,
        _move_privileges(table),
        f"SELECT create_partitions({MONTHS_AHEAD})",
    )


def _close_partition(partition: str) -> str:
    """Return what refuses each statement on a partition; those on the table do not fire its trigger."""
    return (
        f"CREATE TRIGGER closed BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {partition}"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def _attach_past(table: str, column: str) -> str:
    """Return what makes the old table the partition of all months up to this one, or up to its last row."""
    return f"""
    DO $$
    DECLARE
        last timestamp;
    BEGIN
        SELECT greatest(now() AT TIME ZONE 'UTC', to_timestamp(max("{column}") / 1000) AT TIME ZONE 'UTC')
        INTO last FROM {table}_past;
        EXECUTE format(
            'ALTER TABLE {table} ATTACH PARTITION {table}_past FOR VALUES FROM (MINVALUE) TO (%s)',
            (extract(epoch FROM date_trunc('month', last) + interval '1 month') * 1000)::bigint);
    END $$"""  # noqa: S608 - a name of the code


def _move_privileges(table: str) -> str:
    """Return what grants the roles of the old table the use of the new one, and only of this."""
    return f"""
    DO $$
    DECLARE
        role regrole;
    BEGIN
        FOR role IN
            SELECT DISTINCT grantee::regrole FROM pg_class, aclexplode(relacl)
            WHERE pg_class.oid = '{table}_past'::regclass AND grantee NOT IN (0, relowner)
        LOOP
            EXECUTE format('GRANT SELECT, INSERT ON {table} TO %s', role);
            EXECUTE format('GRANT EXECUTE ON FUNCTION create_partitions(integer) TO %s', role);
            EXECUTE format('REVOKE ALL ON {table}_past FROM %s', role);
        END LOOP;
    END $$"""  # noqa: S608 - a name of the code


_SET_SEARCH_PATH = """
    DO $$
    BEGIN
        EXECUTE format(
            'ALTER FUNCTION create_partitions(integer) SET search_path = %I, pg_temp', current_schema());
    END $$"""
"""The function runs with its owner's privileges: it must not find another role's tables."""


def _function(table: str) -> str:
    return f"""
    CREATE FUNCTION create_partitions(months integer) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER AS $$
    DECLARE
        month timestamp;
        bound bigint;
        low bigint;
        high bigint;
        name text;
        created integer := 0;
    BEGIN
        PERFORM pg_advisory_xact_lock({PARTITION_LOCK});
        SELECT max(substring(pg_get_expr(relpartbound, oid) FROM 'TO \\(''?(\\d+)''?\\)')::bigint) INTO bound
        FROM pg_class WHERE oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = '{table}'::regclass);
        FOR ahead IN 0..least(months, 24) LOOP
            month := date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => ahead);
            low := extract(epoch FROM month) * 1000;
            high := extract(epoch FROM month + interval '1 month') * 1000;
            name := '{table}_' || to_char(month, 'YYYY_MM');
            CONTINUE WHEN low < bound;
            BEGIN
                EXECUTE format('CREATE TABLE %I (LIKE {table}_default INCLUDING DEFAULTS INCLUDING INDEXES)', name);
                EXECUTE format('CREATE TRIGGER closed BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %I'
                    ' FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
                EXECUTE format('REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON %I FROM CURRENT_USER', name);
                EXECUTE format('ALTER TABLE {table} ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)',
                    name, low, high);
                created := created + 1;
            EXCEPTION WHEN check_violation THEN
                -- The default partition has rows of the month already: it keeps the month.
                RAISE NOTICE 'rows of % stay in the default partition', name;
            END;
        END LOOP;
        RETURN created;
    END $$"""  # noqa: S608 - a name of the code
