"""The last free check of each provider, and routes that an operator rests."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "provider_checks",
        sa.Column("provider", sa.String(length=60), nullable=False),
        sa.Column("checked_ms", sa.BigInteger(), nullable=False),
        sa.Column("well", sa.Integer(), nullable=True),
        sa.Column("says", sa.Text(), nullable=True),
        sa.Column("drifts", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("provider", name=op.f("pk_provider_checks")),
    )
    op.add_column("breakers", sa.Column("rest_until_ms", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("breakers", sa.Column("rest_reason", sa.Text(), nullable=True))
