"""The model that a key has chosen by AUTOMATIC1111's API."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("chosen_model", sa.String(100), nullable=True))
