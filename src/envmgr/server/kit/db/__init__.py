"""The database port, its SQLite runner, migrations, pagination and idempotency."""
