"""What pictures look like, by which they are recognised once their metadata is gone."""

import sqlalchemy as sa
from alembic import op

revision = "0016.0015"
down_revision = "0015"


def upgrade() -> None:
    op.add_column("blobs", sa.Column("look", sa.LargeBinary(), nullable=True))
    op.create_table(
        "picture_looks",
        sa.Column("blob", sa.String(length=64), nullable=False),
        sa.Column("band_1", sa.Integer(), nullable=True),
        sa.Column("band_2", sa.Integer(), nullable=True),
        sa.Column("band_3", sa.Integer(), nullable=True),
        sa.Column("band_4", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("blob", name="pk_picture_looks"),
    )
    for band in range(1, 5):
        op.create_index(f"ix_picture_looks_band_{band}", "picture_looks", [f"band_{band}"])
    op.create_table(
        "look_progress",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("oldest_ms", sa.BigInteger(), nullable=False),
        sa.Column("newest_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_look_progress"),
    )
