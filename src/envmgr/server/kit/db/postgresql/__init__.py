"""PostgreSQL: driver, connection pool, database runner, migration target."""
