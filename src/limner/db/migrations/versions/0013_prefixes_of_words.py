"""SQLite's index of prompts keeps the beginnings of words: a search merged all words that begin like a frequent one."""

from alembic import op

revision = "0013"
down_revision = "0012"

_INDEX = """
    CREATE VIRTUAL TABLE prompt_index USING fts5(
        words, content='prompt_words', content_rowid='number', detail='none', prefix='1 2 3',
        tokenize="ascii tokenchars '@'")
"""
# The newest words, fewer than 64, are in no index yet.
_FILL = """
    INSERT INTO prompt_index (rowid, words) SELECT number, words FROM prompt_words
    WHERE number <= (SELECT seq / 64 * 64 FROM sqlite_sequence WHERE name = 'prompt_words')
"""


def upgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    for statement in ("DROP TABLE prompt_index", _INDEX, _FILL):
        op.execute(statement)
