"""A crash of the database's server undoes commits that did not wait for its disk: the pins of pictures."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import pytest

from crash.workers import WorkerPool, claim, wait_until_idle
from fakes import ScriptedProvider, picture
from limner.db.engines.postgres import PostgresStore
from limner.db.migrate import migrate
from limner.db.records import Records
from limner.db.sql import Sql
from limner.db.store import Store
from limner.domain.tasks.task import Status
from limner.providers.sandbox import card
from postgres import find_programs, restartable_server

T = TypeVar("T")


class UndoneError(Exception):
    pass


@dataclass(frozen=True, slots=True)
class ForgetfulStore:
    """A store that loses what was committed without waiting for the disk."""

    store: Store

    async def run(self, work: Callable[[Records], T]) -> T:
        return await self.store.run(work)

    async def run_unsynced(self, work: Callable[[Records], T]) -> T:
        results: list[T] = []

        def undone(records: Records) -> None:
            results.append(work(records))
            raise UndoneError

        with pytest.raises(UndoneError):
            await self.store.run_unsynced(undone)
        return results[0]

    async def read(self, work: Callable[[Records], T]) -> T:
        return await self.store.read(work)

    async def close(self) -> None:
        await self.store.close()


@pytest.fixture
def forgetful(workers: WorkerPool) -> WorkerPool:
    return replace(workers, limner=replace(workers.limner, store=ForgetfulStore(workers.limner.store)))


async def inconsistencies(pool: WorkerPool) -> list[str]:
    return [each.detail for each in await pool.limner.examine(hashes=True) if not each.well]


async def test_the_picture_of_a_task_has_its_row_although_its_pin_was_lost(forgetful: WorkerPool) -> None:
    worker = forgetful.make_worker(ScriptedProvider([picture]))
    task = await forgetful.submit_task()

    await claim(worker)
    await wait_until_idle(worker)

    assert (await forgetful.task(task)).status is Status.SUCCESS
    assert await inconsistencies(forgetful) == []


async def test_an_upload_has_its_row_although_its_pin_was_lost(forgetful: WorkerPool) -> None:
    await forgetful.limner.upload(forgetful.key, card("an upload"))

    assert await inconsistencies(forgetful) == []


@pytest.fixture
async def replicated_store() -> AsyncIterator[PostgresStore]:
    """On a server that waits for a standby which is not there."""
    programs = find_programs()
    if programs is None:
        pytest.skip("PostgreSQL's programs are missing")
    with restartable_server(programs) as made:
        url = made.server.url("postgres")
        await asyncio.to_thread(migrate, url)
        made.server.execute("ALTER SYSTEM SET synchronous_standby_names = 'a_standby'")
        made.stop()
        made.start()
        store = PostgresStore(url)
        yield store
        await store.close()


async def test_what_pins_a_picture_waits_for_the_standby(replicated_store: PostgresStore) -> None:
    """A failover would undo it otherwise, and leave a file that no row knows."""

    def waits_for(records: Records) -> Any:
        return records.accounts._db.value(Sql("SHOW synchronous_commit"), {})

    assert await replicated_store.run_unsynced(waits_for) == "on"
