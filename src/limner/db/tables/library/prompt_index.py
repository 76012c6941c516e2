"""The index of prompts: FTS5 on SQLite, a GIN index on PostgreSQL.

The account is indexed as a word, so that a search reads the entries of its own account only. Both databases add new
entries in batches and search the ones that wait for it one by one: PostgreSQL by itself, SQLite by what is here. The
words of the newest tasks, up to `BATCH`, are in `prompt_words` alone.
"""

from collections.abc import Sequence

from limner.db.sql import Db, Sql
from limner.domain.ids import AccountId, TaskId
from limner.domain.tasks.search import SearchTerm

_ADD = Sql("INSERT INTO prompt_words (task, words) VALUES (:task, :words) RETURNING number")
_ADD_VECTOR = Sql("INSERT INTO prompt_words (task, words) VALUES (:task, CAST(:words AS tsvector))")
_INDEX_BATCH = Sql("""
    INSERT INTO prompt_index (rowid, words) SELECT number, words FROM prompt_words
    WHERE number > :number - :batch AND number <= :number
""")
_LAST_NUMBER = Sql("SELECT seq FROM sqlite_sequence WHERE name = 'prompt_words'")
_REMOVE = Sql("DELETE FROM prompt_words WHERE task = :task RETURNING number, words")
_UNINDEX = Sql("INSERT INTO prompt_index (prompt_index, rowid, words) VALUES ('delete', :number, :words)")
_MERGE = Sql("INSERT INTO prompt_index (prompt_index, rank) VALUES ('merge', :pages)")
_TOTAL_CHANGES = Sql("SELECT total_changes()")

BATCH = 64
"""Tasks whose words are added to SQLite's index at once: each addition writes a segment of the index."""

MERGE_PAGES = 100
"""Pages of SQLite's index that are merged in one unit of work, which takes some milliseconds."""


class PromptIndex:
    def __init__(self, db: Db) -> None:
        self._db = db

    def add(self, account: AccountId, task: TaskId, words: Sequence[str]) -> None:
        """Index a new task's words. A task without words is in no search."""
        if not words:
            return
        owned = [_owner(account), *words]
        if not self._db.is_sqlite:
            self._db.later(_ADD_VECTOR, {"task": task, "words": " ".join(f"'{word}'" for word in owned)})
            return
        number = self._db.value(_ADD, {"task": task, "words": " ".join(owned)})
        if number % BATCH == 0:
            self._db.run(_INDEX_BATCH, {"number": number, "batch": BATCH})

    def remove(self, task: TaskId) -> None:
        """Forget a task's words. SQLite's index drops them from its file when its segments are next merged."""
        for number, words in self._db.all(_REMOVE, {"task": task}):
            if self._db.is_sqlite and number <= last_indexed(self._db):
                self._db.run(_UNINDEX, {"number": number, "words": words})

    def merge(self, *, begin: bool) -> bool:
        """Do a step of merging the index into one segment, without removed words; whether there is more to merge.

        Only on SQLite: PostgreSQL's index is vacuumed.
        """
        if not self._db.is_sqlite:
            return False
        before = self._db.value(_TOTAL_CHANGES, {})
        self._db.run(_MERGE, {"pages": -MERGE_PAGES if begin else MERGE_PAGES})
        return int(self._db.value(_TOTAL_CHANGES, {})) - int(before) >= 2


def last_indexed(db: Db) -> int:
    """The last number in SQLite's index. Numbers are given without gaps: a rolled-back one is given again."""
    return int(db.value(_LAST_NUMBER, {}) or 0) // BATCH * BATCH


def sqlite_words(account: AccountId | None, terms: Sequence[SearchTerm]) -> Sequence[str]:
    """What has to be in the words of a task that is not indexed yet, with a space before and after them."""
    found = [f" {term.word}{'' if term.prefix else ' '}" for term in terms]
    return [*([f" {_owner(account)} "] if account else []), *found]


def sqlite_match(account: AccountId | None, terms: Sequence[SearchTerm]) -> str:
    """The FTS5 expression of a search in an account, or in all. Words hold no quotes."""
    found = (f'"{term.word}"{" *" if term.prefix else ""}' for term in terms)
    return " AND ".join([*([f'"{_owner(account)}"'] if account else []), *found])


def postgres_match(account: AccountId | None, terms: Sequence[SearchTerm]) -> str:
    """The same as a tsquery."""
    found = (f"'{term.word}'{':*' if term.prefix else ''}" for term in terms)
    return " & ".join([*([f"'{_owner(account)}'"] if account else []), *found])


def _owner(account: AccountId) -> str:
    return f"@{account.replace('-', '')}"
