"""Lists of tasks: what they are filtered by, the words of prompts, and which task a reference came from."""

from collections.abc import Iterator
from typing import Any

import orjson
import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

from limner.domain.tasks.search import words_of

revision = "0005"
down_revision = "0004"

_UUID = sa.String(length=36)
_BATCH = 1000
_INDEX = {
    "sqlite": """
        CREATE VIRTUAL TABLE prompt_index USING fts5(
            words, content='prompt_words', content_rowid='number', detail='none', tokenize="ascii tokenchars '@'")
    """,
    "postgresql": """
        CREATE INDEX ix_prompt_words_words ON prompt_words USING gin (words) WITH (gin_pending_list_limit = 256)
    """,
}


def upgrade() -> None:
    op.add_column("tasks", sa.Column("template", sa.String(length=100), nullable=True))
    op.add_column("tasks", sa.Column("kept", sa.Integer(), server_default="0", nullable=False))
    op.add_column("tasks", sa.Column("listed", sa.Integer(), server_default="1", nullable=False))
    op.add_column("tasks", sa.Column("erase_due_ms", sa.BigInteger(), nullable=True))
    _add_indexes()
    _add_tables()
    op.execute("UPDATE tasks SET listed = 0 WHERE id IN (SELECT task FROM erasures)")
    _fill()


def _add_indexes() -> None:
    op.drop_index("ix_tasks_account_created", table_name="tasks")
    op.create_index("ix_tasks_list", "tasks", ["account", "created_ms", "id", "listed", "model", "template", "api_key"])
    partial = {
        "ix_tasks_without_picture": (
            ["account", "created_ms", "id", "status"],
            "status IN ('failed','banned','expired','cancelled')",
        ),
        "ix_tasks_kept": (["account", "created_ms", "id"], "kept = 1"),
        "ix_tasks_erase_due": (["erase_due_ms"], "erase_due_ms IS NOT NULL"),
    }
    for name, (columns, where) in partial.items():
        op.create_index(name, "tasks", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _add_tables() -> None:
    op.create_table(
        "prompt_words",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("task", _UUID, nullable=False),
        sa.Column("words", sa.Text().with_variant(TSVECTOR(), "postgresql"), nullable=False),
        sa.ForeignKeyConstraint(["task"], ["tasks.id"], name="fk_prompt_words_task"),
        sa.PrimaryKeyConstraint("number", name="pk_prompt_words"),
        sa.UniqueConstraint("task", name="uq_prompt_words_task"),
        sqlite_autoincrement=True,
    )
    op.execute(_INDEX[op.get_bind().dialect.name])
    op.create_table(
        "task_parents",
        sa.Column("task", _UUID, nullable=False),
        sa.Column("field", sa.String(length=60), nullable=False),
        sa.Column("parent", _UUID, nullable=False),
        sa.ForeignKeyConstraint(["parent"], ["tasks.id"], name="fk_task_parents_parent"),
        sa.ForeignKeyConstraint(["task"], ["tasks.id"], name="fk_task_parents_task"),
        sa.PrimaryKeyConstraint("task", "field", name="pk_task_parents"),
    )
    op.create_index("ix_task_parents_parent", "task_parents", ["parent"])


def _fill() -> None:
    """The words and templates of tasks that are there already, and the parents of edited views."""
    bind = op.get_bind()
    postgres = bind.dialect.name == "postgresql"
    template = sa.text("UPDATE tasks SET template = :template WHERE id = :id")
    vector = "CAST(:words AS tsvector)" if postgres else ":words"
    words = sa.text(f"INSERT INTO prompt_words (task, words) VALUES (:id, {vector})")
    for rows in _batches(bind):
        found = [_facts(row, postgres=postgres) for row in rows]
        if named := [{"id": each["id"], "template": each["template"]} for each in found if each["template"]]:
            bind.execute(template, named)
        if worded := [{"id": each["id"], "words": each["words"]} for each in found if each["words"]]:
            bind.execute(words, worded)
    if not postgres:
        # The newest ones are added with the next batch: see `db/tables/library/prompt_index.py`.
        op.execute("""
            INSERT INTO prompt_index (rowid, words) SELECT number, words FROM prompt_words
            WHERE number <= (SELECT max(number) / 64 * 64 FROM prompt_words)
        """)


def _batches(bind: sa.Connection) -> Iterator[list[Any]]:
    after = (-1, "")
    query = sa.text("""
        SELECT created_ms, id, account, task_order FROM tasks WHERE (created_ms, id) > (:ms, :id)
        ORDER BY created_ms, id LIMIT :limit
    """)
    while rows := list(bind.execute(query, {"ms": after[0], "id": after[1], "limit": _BATCH})):
        yield rows
        after = rows[-1][0], rows[-1][1]


def _facts(row: Any, *, postgres: bool) -> dict[str, Any]:
    _, task, account, stored = row
    spec = orjson.loads(stored)
    texts = [spec.get("prompt") or "", *((view.get("wish") or "") for view in spec.get("views") or ())]
    found = words_of(texts)
    owned = [f"@{account.replace('-', '')}", *found] if found else []
    joined = " ".join(f"'{word}'" for word in owned) if postgres else " ".join(owned)
    return {"id": task, "template": spec.get("template"), "words": joined}
