"""Signatures of delivered pictures."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.create_table(
        "signed_copies",
        sa.Column("task", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("signing_key", sa.String(length=64), nullable=False),
        sa.Column("layout", sa.LargeBinary(), nullable=True),
        sa.Column("signed_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["task"], ["tasks.id"], name="fk_signed_copies_task"),
        sa.PrimaryKeyConstraint("task", "name", name="pk_signed_copies"),
    )
    op.create_index("ix_signed_copies_signed_ms", "signed_copies", ["signed_ms"])
