"""When a vendor began to work on a job that it had queued."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("attempts", sa.Column("working_ms", sa.BigInteger(), nullable=True))
