"""How many pictures a task makes of one prompt, and the fields of it that are not obeyed."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("tasks", sa.Column("ignored", sa.Text(), nullable=True))
    op.add_column("tasks", sa.Column("pictures", sa.Integer(), nullable=False, server_default="1"))
