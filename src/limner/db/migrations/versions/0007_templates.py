"""Templates of accounts, with their versions, files and shares."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_UUID = sa.String(length=36)
_SLUG = sa.String(length=100)


def upgrade() -> None:
    op.create_table(
        "template_versions",
        sa.Column("id", _UUID, nullable=False),
        sa.Column("account", _UUID, nullable=False),
        sa.Column("slug", _SLUG, nullable=False),
        sa.Column("version", sa.String(length=12), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name="fk_template_versions_account"),
        sa.PrimaryKeyConstraint("id", name="pk_template_versions"),
    )
    op.create_index("ix_template_versions_account_slug", "template_versions", ["account", "slug", "created_ms"])
    op.create_table(
        "template_files",
        sa.Column("version", _UUID, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["version"], ["template_versions.id"], name="fk_template_files_version"),
        sa.PrimaryKeyConstraint("version", "name", name="pk_template_files"),
    )
    op.create_table(
        "templates",
        sa.Column("account", _UUID, nullable=False),
        sa.Column("slug", _SLUG, nullable=False),
        sa.Column("version", _UUID, nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name="fk_templates_account"),
        sa.ForeignKeyConstraint(["version"], ["template_versions.id"], name="fk_templates_version"),
        sa.PrimaryKeyConstraint("account", "slug", name="pk_templates"),
    )
    op.create_table(
        "template_shares",
        sa.Column("account", _UUID, nullable=False),
        sa.Column("slug", _SLUG, nullable=False),
        sa.Column("guest", _UUID, nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name="fk_template_shares_account"),
        sa.ForeignKeyConstraint(["guest"], ["accounts.id"], name="fk_template_shares_guest"),
        sa.PrimaryKeyConstraint("account", "slug", "guest", name="pk_template_shares"),
    )
    op.create_index("ix_template_shares_guest", "template_shares", ["guest"])
