"""What is about to be deleted, which is deployed no more; and whose a deployment is goes by its app's id alone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table of what leaves; learn the apps of deployments that no event has told of yet."""
    op.create_table(
        "leaving",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("app_id", sa.Integer),
        sa.Column("version_id", sa.Integer),
        sa.Column("until", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("leaving_app", "leaving", ["app_id"])
    op.create_index("leaving_version", "leaving", ["version_id"])
    op.drop_index("deployment_app")
    op.create_index("known_app_name", "known_app", ["name"], sqlite_where=sa.text("gone = 0"))
    # Sequence 0 is older than any event: what an event tells later goes before it.
    op.execute("""
        INSERT INTO known_app (app_id, name, sequence, gone)
        SELECT app_id, app, 0, 0 FROM deployment WHERE app_id NOT IN (SELECT app_id FROM known_app)
        GROUP BY app_id""")
