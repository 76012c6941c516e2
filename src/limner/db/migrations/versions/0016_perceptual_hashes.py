"""What pictures look like, by which they are recognised; rules of operators, and what they refused."""

import sqlalchemy as sa
from alembic import op

revision = "0016.0015"
down_revision = "0015"


def upgrade() -> None:
    op.add_column("blobs", sa.Column("phash", sa.LargeBinary(), nullable=True))
    op.create_table(
        "perceptual_hashes",
        sa.Column("blob", sa.String(length=64), nullable=False),
        sa.Column("band_1", sa.Integer(), nullable=True),
        sa.Column("band_2", sa.Integer(), nullable=True),
        sa.Column("band_3", sa.Integer(), nullable=True),
        sa.Column("band_4", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("blob", name="pk_perceptual_hashes"),
    )
    for band in range(1, 5):
        op.create_index(f"ix_perceptual_hashes_band_{band}", "perceptual_hashes", [f"band_{band}"])
    op.create_table(
        "perceptual_hash_progress",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("oldest_ms", sa.BigInteger(), nullable=False),
        sa.Column("newest_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_perceptual_hash_progress"),
    )
    _moderation()


def _moderation() -> None:
    op.create_table(
        "word_lists",
        sa.Column("account", sa.String(length=36), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", name="pk_word_lists"),
    )
    op.create_table(
        "refusals",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account", sa.String(length=36), nullable=False),
        sa.Column("task", sa.String(length=36), nullable=True),
        sa.Column("stage", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("categories", sa.Text(), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=True),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("appeal", sa.Text(), nullable=True),
        sa.Column("appealed_ms", sa.BigInteger(), nullable=True),
        sa.Column("decision", sa.String(length=10), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("answered_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name="fk_refusals_account"),
        sa.PrimaryKeyConstraint("id", name="pk_refusals"),
    )
    op.create_index("ix_refusals_account_at_ms", "refusals", ["account", "at_ms"])
    op.create_index("ix_refusals_task", "refusals", ["task"])
    op.create_index("ix_refusals_at_ms", "refusals", ["at_ms"])
    op.create_table(
        "unjudged_tasks",
        sa.Column("task", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("task", name="pk_unjudged_tasks"),
    )
    op.create_table(
        "allowed_pictures",
        sa.Column("attempt", sa.String(length=36), nullable=False),
        sa.Column("task", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("attempt", name="pk_allowed_pictures"),
    )
    op.create_index("ix_allowed_pictures_task", "allowed_pictures", ["task"])
