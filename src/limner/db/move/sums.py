"""What two databases are compared by: the number of a table's rows and a sum of their hashes, in any order."""

import hashlib
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from sqlalchemy import Table

Row = Sequence[Any]

_MODULUS: Final = 1 << 256
_WORDS: Final = ("prompt_words", "words")
"""The column that the databases store differently: SQLite as words with blanks between, PostgreSQL as a tsvector."""


@dataclass(frozen=True, slots=True)
class TableSum:
    """`sha256` is the sum of the rows' hashes: databases that sort text differently have the same."""

    rows: int
    sha256: str


class RunningSum:
    """Sums rows while they pass."""

    def __init__(self, table: Table) -> None:
        self._rows = 0
        self._total = 0
        names = [column.name for column in table.columns]
        self._words = names.index(_WORDS[1]) if table.name == _WORDS[0] else None

    def passing(self, rows: Iterable[Row]) -> Generator[Row]:
        for row in rows:
            self.add(row)
            yield row

    def add(self, row: Row) -> None:
        values = [value.hex() if isinstance(value, bytes) else value for value in row]
        if self._words is not None:
            values[self._words] = sorted(set(values[self._words].split()))
        digest = hashlib.sha256(orjson.dumps(values)).digest()
        self._total = (self._total + int.from_bytes(digest, "big")) % _MODULUS
        self._rows += 1

    @property
    def sum(self) -> TableSum:
        return TableSum(self._rows, f"{self._total:064x}")


def sum_of(table: Table, rows: Iterable[Row]) -> TableSum:
    running = RunningSum(table)
    for row in rows:
        running.add(row)
    return running.sum
