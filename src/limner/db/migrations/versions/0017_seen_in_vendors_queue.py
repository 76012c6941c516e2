"""When a job was seen to wait in its vendor's queue."""

import sqlalchemy as sa
from alembic import op

revision = "0017.0015"
down_revision = "0016.0015"


def upgrade() -> None:
    op.add_column("attempts", sa.Column("vendor_queued_ms", sa.BigInteger(), nullable=True))
