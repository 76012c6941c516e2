"""Previews of pictures that are being drawn."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("tasks", sa.Column("partial_images", sa.Text(), nullable=True))
