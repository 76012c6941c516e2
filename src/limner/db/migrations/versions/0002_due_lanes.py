"""A due time and an account for each lane of the webhook outbox."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("lanes", sa.Column("account", sa.String(length=36), nullable=True))
    op.add_column("lanes", sa.Column("due_ms", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_lanes_due",
        "lanes",
        ["account", "due_ms"],
        unique=False,
        sqlite_where=sa.text("due_ms IS NOT NULL"),
        postgresql_where=sa.text("due_ms IS NOT NULL"),
    )
    op.create_index(
        "ix_lanes_idle",
        "lanes",
        ["changed_ms"],
        unique=False,
        sqlite_where=sa.text("due_ms IS NULL"),
        postgresql_where=sa.text("due_ms IS NULL"),
    )
    op.execute("""
        INSERT INTO lanes (id, account, due_ms)
        SELECT lane, min(account), min(due_ms) FROM deliveries WHERE state = 'pending' GROUP BY lane
        ON CONFLICT (id) DO UPDATE SET account = excluded.account, due_ms = excluded.due_ms
    """)
    op.execute("UPDATE lanes SET due_ms = open_until_ms WHERE due_ms < open_until_ms")
