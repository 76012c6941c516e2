"""Versions of the templates of folders, with their pictures."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_SLUG, _VERSION = sa.String(length=100), sa.String(length=12)


def upgrade() -> None:
    op.create_table(
        "folder_templates",
        sa.Column("slug", _SLUG, nullable=False),
        sa.Column("version", _VERSION, nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("slug", "version", name="pk_folder_templates"),
    )
    op.create_table(
        "folder_template_files",
        sa.Column("slug", _SLUG, nullable=False),
        sa.Column("version", _VERSION, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["slug", "version"],
            ["folder_templates.slug", "folder_templates.version"],
            name="fk_folder_template_files_slug",
        ),
        sa.PrimaryKeyConstraint("slug", "version", "name", name="pk_folder_template_files"),
    )
