"""Moves all rows of one database into another, table by table, and proves that both hold the same.

The target's mark says `moving` until all is there, so that no service starts on it, and a move that was interrupted
goes on: a table is written in one transaction, and one that is there already is recognised by its sum. In the end the
source's mark says `moved`, so that no service starts on it and buys again what the target buys.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Table

from limner.db.migrate import HEAD, MOVED, MOVING, create_on, open_engine
from limner.db.move.end import End, MoveFailed, MoveRefused
from limner.db.move.sqlite_end import SqliteEnd
from limner.db.move.sums import RunningSum, TableSum, sum_of
from limner.db.open_store import SQLITE
from limner.db.records import Records
from limner.db.schema import metadata
from limner.db.sql import Sql

OnTable = Callable[[str, int, str], None]
"""Called with a table's name, the number of its rows, and what became of them."""

_BALANCES = Sql("SELECT count(*), coalesce(sum(available), 0), coalesce(sum(frozen), 0) FROM accounts")


@dataclass(frozen=True, slots=True)
class Balances:
    """What the accounts have together, and what contradicts the ledger."""

    accounts: int
    available: int
    frozen: int
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Moved:
    """`tables` and `balances` are the same in both databases, after a move; in the source, after a rehearsal."""

    source: str
    target: str
    tables: Mapping[str, TableSum]
    balances: Balances

    @property
    def rows(self) -> int:
        return sum(each.rows for each in self.tables.values())


def move(source_url: str, target_url: str, *, keep_source: bool, on_table: OnTable) -> Moved:
    """Raises `MoveRefused`, or `MoveFailed` where the move began and can be repeated."""
    with _opened(source_url, target_url) as (source, target):
        _check(source, target)
        balances = _balances(source)
        if target.is_empty():
            _create(target_url, target, _moving(source))
        _clear_stale(source, target)
        tables = {str(table.name): _move_table(source, target, table, on_table) for table in metadata.sorted_tables}
        target.finish()
        if (there := _balances(target)) != balances:
            raise MoveFailed(f"the balances differ: {balances} became {there}")
        # In this order: a crash between the two leaves a target that the next try recognises.
        if not keep_source:
            source.set_mark(f"{MOVED} {HEAD}")
        target.set_mark(HEAD)
        return Moved(source.name, target.name, tables, balances)


def rehearse_move(source_url: str, target_url: str) -> Moved:
    """Check all that a move checks first, and sum up the source. Changes nothing. Raises `MoveRefused`."""
    with _opened(source_url, target_url) as (source, target):
        _check(source, target)
        tables = {str(table.name): sum_of(table, source.rows(table)) for table in metadata.sorted_tables}
        return Moved(source.name, target.name, tables, _balances(source))


def reopen(url: str) -> bool:
    """Let services start on a database again that was moved away. Returns whether it had been."""
    with closing(_end(url)) as end:
        end.hold()
        mark = end.mark() or ""
        if mark.startswith(MOVED):
            end.set_mark(mark.removeprefix(MOVED).strip())
            return True
        return False


@contextmanager
def _opened(source_url: str, target_url: str) -> Iterator[tuple[End, End]]:
    if source_url == target_url:
        raise MoveRefused("source and target are the same database", "Name another target.")
    with closing(_end(source_url)) as source, closing(_end(target_url)) as target:
        source.hold()
        yield source, target


def _end(url: str) -> End:
    if url.startswith(SQLITE):
        return SqliteEnd(Path(url.removeprefix(SQLITE)))
    from limner.db.move.postgres_end import PostgresEnd  # noqa: PLC0415 - the driver takes half a second to import

    return PostgresEnd(url)


def _check(source: End, target: End) -> None:
    mark = source.mark() or "none"
    finished = mark.startswith(MOVED) and (target.mark() or "").startswith(MOVING)
    if mark.startswith(MOVED) and not finished:
        raise MoveRefused("the database was moved away", "`limner db reopen` lets it be used and moved again.")
    if mark != HEAD and not finished:
        raise MoveRefused(f"the database has schema {mark}, not {HEAD}", "Run `limner db upgrade` first.")
    target.check()
    if not target.is_empty() and target.mark() != _moving(source):
        raise MoveRefused(f"the target has content: {target.name}", "Name an empty database.")
    if faults := _balances(source).faults:
        raise MoveRefused(f"the ledger has faults: {faults[0]}", "See `limner credits prove`.")


def _moving(source: End) -> str:
    """The target's mark while it is filled. It names the source, whose oldest account never changes."""
    oldest = source.db.one(Sql("SELECT id FROM accounts ORDER BY created_ms, id LIMIT 1"), {})
    return f"{MOVING} {oldest[0][:8] if oldest else 'empty'}"


def _create(url: str, target: End, mark: str) -> None:
    if url.startswith(SQLITE):
        Path(url.removeprefix(SQLITE)).touch(mode=0o600)
    engine = open_engine(url)
    try:
        with engine.begin() as conn:
            create_on(conn, mark)
    finally:
        engine.dispose()
    target.clear(metadata.sorted_tables)


def _clear_stale(source: End, target: End) -> None:
    """From the first table on that an interrupted move left otherwise than the source has it now."""
    tables = metadata.sorted_tables
    for at, table in enumerate(tables):
        there = sum_of(table, target.rows(table))
        if there.rows and there != sum_of(table, source.rows(table)):
            target.clear(tables[at:])
            return
    target.clear(())


def _move_table(source: End, target: End, table: Table, on_table: OnTable) -> TableSum:
    there = sum_of(table, target.rows(table))
    passed = RunningSum(table)
    if there.rows:  # it was compared already
        on_table(table.name, there.rows, "were there already")
        return there
    with closing(source.rows(table)) as rows, closing(passed.passing(rows)) as counted:
        target.write(table, counted)
    target.continue_after(table, source.last_number(table))
    there = sum_of(table, target.rows(table))
    if there != passed.sum:
        raise MoveFailed(f"table {table.name} differs: {passed.sum} became {there}")
    on_table(table.name, there.rows, "moved")
    return there


def _balances(end: End) -> Balances:
    accounts, available, frozen = end.db.one(_BALANCES, {}) or (0, 0, 0)
    faults = tuple(Records(end.db).ledger.inconsistencies())
    return Balances(accounts, int(available), int(frozen), faults)
