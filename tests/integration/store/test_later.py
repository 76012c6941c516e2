"""Writes that are put off: PostgreSQL gets those that follow each other as one statement."""

from collections.abc import AsyncIterator

import pytest

from limner.db.open_store import open_store
from limner.db.records import Records
from limner.db.sql import StatementCount
from limner.db.store import Store
from limner.db.tables.accounts import Account
from limner.domain.accounts.credits import grant
from limner.domain.ids import AccountId

ADA = AccountId("ada")
NOTES = [str(number) for number in range(5)]


@pytest.fixture
def statements() -> StatementCount:
    return StatementCount()


@pytest.fixture
async def counted(url: str, statements: StatementCount) -> AsyncIterator[Store]:
    store = open_store(url, statements=statements)
    await store.run(lambda records: records.accounts.add(Account(ADA, "ada", "tag", 1)))
    statements.take()
    yield store
    await store.close()


def append_all(records: Records) -> None:
    for note in NOTES:
        records.ledger.append(ADA, grant(1), 1, note=note)


async def notes(store: Store) -> list[str | None]:
    return [row.note for row in await store.read(lambda records: records.ledger.of(ADA, 100))]


async def test_they_are_one_statement_and_run_in_their_order(
    counted: Store, statements: StatementCount, url: str
) -> None:
    """PostgreSQL promises no order. Units that lock rows in another one than others deadlock, and are repeated."""
    await counted.run(append_all)

    assert statements.take() == (1 if url.startswith("postgresql") else len(NOTES))
    assert await notes(counted) == NOTES[::-1]


async def test_the_next_statement_of_the_unit_sees_what_they_wrote(counted: Store) -> None:
    def work(records: Records) -> int:
        append_all(records)
        return len(records.ledger.of(ADA, 100))

    assert await counted.run(work) == len(NOTES)


async def test_a_unit_that_fails_leaves_none_of_them_for_the_next_one(counted: Store) -> None:
    def fails(records: Records) -> None:
        append_all(records)
        raise ValueError("half-way")

    for _ in range(20):  # more than there are connections
        with pytest.raises(ValueError, match="half-way"):
            await counted.run(fails)
        await counted.run(lambda records: records.accounts.limits(ADA))

    assert await notes(counted) == []


async def test_one_that_cannot_be_written_undoes_the_unit(counted: Store) -> None:
    def work(records: Records) -> None:
        append_all(records)
        records.ledger.append(AccountId("nobody"), grant(1), 1)

    with pytest.raises(Exception, match=r"(?i)foreign key"):
        await counted.run(work)

    assert await notes(counted) == []
