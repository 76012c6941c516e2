"""Watching tasks: the state now, every change, the end; nothing missed, nothing twice, no watcher slowed by another."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
from structlog.testing import capture_logs

from limner.application.tasks.settle import settle
from limner.application.watching import snapshot, watch, watcher
from limner.application.watching.watch import Watch, WatchLimits
from limner.application.watching.watcher import TaskChange, WatchEnd, Watcher
from limner.db.open_store import open_store
from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.keys import Key
from limner.db.tables.studio.sessions import BrowserSession
from limner.domain.ids import AccountId, KeyId, TaskId
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.task import Status, StatusChange
from limner.worker.running_tasks import RunningTasks
from limner.worker.signals import LocalSignals
from stores import SUCCEEDED, ServiceHarness, opened_store

T = TypeVar("T")

TIMEOUT_S = 60
ORDER = [Status.QUEUED, Status.RUNNING, Status.SUCCESS, Status.CANCELLED]


@dataclass
class Reader:
    """A watcher that reads when the test calls it."""

    watch: Watch
    watcher: Watcher
    seen: list[TaskChange] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._changes = self.watch.changes(self.watcher)

    async def next(self) -> TaskChange:
        change = await asyncio.wait_for(anext(self._changes), TIMEOUT_S)
        self.seen.append(change)
        return change

    async def until(self, wanted: Callable[[TaskChange], bool]) -> TaskChange:
        while not wanted(change := await self.next()):
            pass
        return change

    async def rest(self) -> list[TaskChange]:
        """Everything until the watch is over."""
        return [change async for change in self._changes]

    async def leftovers(self) -> None:
        """Take whatever there is without waiting for more."""
        await self.watch._replay_page(self.watcher)
        await self.watch._read_once()
        while change := self.watcher.take():
            self.seen.append(change)

    def tasks_seen(self, *, final: bool) -> list[TaskId]:
        return [change.task for change in self.seen if change.final is final]

    def ends(self) -> int:
        return len(self.tasks_seen(final=True))


@dataclass
class Tower:
    """A watcher of a service, and its readers."""

    service: ServiceHarness
    watch: Watch

    @asynccontextmanager
    async def task(self, key: Key, task: TaskId) -> AsyncIterator[Reader]:
        async with self.watch.task(key, task) as watcher:
            yield Reader(self.watch, watcher)

    @asynccontextmanager
    async def account(
        self, key: Key, since_ms: int | None = None, session: bytes | None = None
    ) -> AsyncIterator[Reader]:
        async with self.watch.account(key, since_ms, session=session) as watcher:
            yield Reader(self.watch, watcher)


@pytest.fixture
async def tower(service: ServiceHarness) -> AsyncIterator[Tower]:
    signals = LocalSignals(RunningTasks())
    service.store = open_store(service.url, signals.tasks_changed, local_clock=True)
    watching = Watch(service.store, service.clock, WatchLimits(watches=50, of_account=40))
    watching.start(signals)
    yield Tower(service, watching)
    await watching.stop()
    await service.store.close()


# --- one task -----------------------------------------------------------------------------------------------------


async def test_one_task_is_watched_from_its_state_now_to_its_end(service: ServiceHarness, tower: Tower) -> None:
    key = await service.open_account()
    task = await service.submit_task(key)
    async with tower.task(key, task) as reader:
        first = await reader.next()
        await service.claim_tasks()
        second = await reader.next()
        await service.settle_task(task)
        third = await reader.next()
        rest = await reader.rest()

    assert [each.seen.task.status for each in (first, second, third)] == ORDER[:3]
    assert (first.seen.ahead, second.seen.ahead) == (0, None)
    assert third.seen.task == await service.task(task)
    assert rest == []
    assert reader.watcher.end is WatchEnd.FINISHED


async def test_a_task_that_has_ended_is_reported_once(service: ServiceHarness, tower: Tower) -> None:
    key = await service.open_account()
    task = await service.submit_task(key)
    await service.cancel(key.account, task)
    async with tower.task(key, task) as reader:
        changes = await reader.rest()

    assert [each.seen.task.status for each in changes] == [Status.CANCELLED]


@pytest.mark.parametrize("name", ["00000000-0000-4000-8000-000000000000", "no id", "all", ""])
async def test_a_task_that_is_not_there_cannot_be_watched(service: ServiceHarness, tower: Tower, name: str) -> None:
    key = await service.open_account()

    with pytest.raises(Refusal) as refused:
        async with tower.task(key, TaskId(name)):
            pass

    assert refused.value.code is Code.TASK_NOT_FOUND


async def test_another_account_s_task_is_not_there(service: ServiceHarness, tower: Tower) -> None:
    ada, eve = await service.open_account("ada"), await service.open_account("eve")
    task = await service.submit_task(ada)

    with pytest.raises(Refusal) as refused:
        async with tower.task(eve, task):
            pass

    assert refused.value.code is Code.TASK_NOT_FOUND


async def test_all_who_watch_a_task_are_reported_the_same(service: ServiceHarness, tower: Tower) -> None:
    key = await service.open_account()
    task = await service.submit_task(key)
    async with tower.task(key, task) as one, tower.task(key, task) as other, tower.account(key) as all_:
        await asyncio.gather(one.next(), other.next(), all_.next())
        await service.cancel(key.account, task)
        changes = await asyncio.gather(one.next(), other.next(), all_.next())

    assert {id(change) for change in changes} == {id(changes[0])}


# --- all tasks of an account --------------------------------------------------------------------------------------


async def test_watching_all_begins_with_what_is_under_way(service: ServiceHarness, tower: Tower) -> None:
    key = await service.open_account()
    done, running, waiting = (
        await service.submit_task(key),
        await service.submit_task(key),
        await service.submit_task(key),
    )
    await service.claim_tasks(limit=2)
    await service.settle_task(done)
    async with tower.account(key) as reader:
        found = {change.task: change.seen.task.status for change in (await reader.next(), await reader.next())}
        new = await service.submit_task(key)
        third = await reader.next()

    assert found == {running: Status.RUNNING, waiting: Status.QUEUED}
    assert (third.task, third.seen.task.status, third.seen.ahead) == (new, Status.QUEUED, 1)
    assert reader.watcher.end is None


async def test_watching_all_goes_on_after_an_end(service: ServiceHarness, tower: Tower) -> None:
    key = await service.open_account()
    async with tower.account(key) as reader:
        for _ in range(3):
            task = await service.submit_task(key)
            await service.cancel(key.account, task)
            await reader.until(lambda change: change.final)

    assert [change.seen.task.status for change in reader.seen if change.final] == [Status.CANCELLED] * 3


async def test_another_account_s_tasks_are_never_seen(service: ServiceHarness, tower: Tower) -> None:
    ada, eve = await service.open_account("ada"), await service.open_account("eve")
    await service.submit_task(eve)
    async with tower.account(ada) as reader, tower.account(eve, 0) as other:
        await service.cancel(eve.account, await service.submit_task(eve))
        await other.until(lambda change: change.final)
        mine = await service.submit_task(ada)
        first = await reader.next()

    assert first.task == mine
    assert {change.seen.task.account for change in reader.seen} == {ada.account}
    assert {change.seen.task.account for change in other.seen} == {eve.account}


async def test_since_a_time_means_what_changed_then_or_later(service: ServiceHarness, tower: Tower) -> None:
    key = await service.open_account()
    early, ended = await service.submit_task(key), await service.submit_task(key)
    service.clock.pass_time(10)
    since = service.clock.now_ms()
    await service.cancel(key.account, ended)
    late = await service.submit_task(key)
    async with tower.account(key, since) as reader:
        replayed = [(change.task, change.seen.task.status) for change in (await reader.next(), await reader.next())]
        await service.cancel(key.account, early)
        last = await reader.next()

    assert replayed == [(ended, Status.CANCELLED), (late, Status.QUEUED)]
    assert (last.task, last.final) == (early, True)


async def test_since_a_time_to_come_is_like_from_now_on(service: ServiceHarness, tower: Tower) -> None:
    key = await service.open_account()
    await service.submit_task(key)
    async with tower.account(key, service.clock.now_ms() + 3_600_000) as reader:
        new = await service.submit_task(key)
        first = await reader.next()

    assert first.task == new


async def test_the_past_comes_in_pages_and_each_task_once(
    service: ServiceHarness, tower: Tower, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "PAGE", 7)
    key = await service.open_account(opening=10_000, limit=100)
    tasks = [await service.submit_task(key) for _ in range(30)]
    async with tower.account(key, 0) as since, tower.account(key) as under_way:
        replayed = [(await since.next()).task for _ in tasks]
        queued = [(await under_way.next()).task for _ in tasks]
        new = await service.submit_task(key)
        assert (await since.next()).task == (await under_way.next()).task == new

    assert replayed == tasks
    assert sorted(queued) == sorted(tasks)


# --- nothing missed, nothing twice --------------------------------------------------------------------------------


WRITES, READERS = 15, 30  # of each writer; of all, which is fewer than may watch


@dataclass
class ReaderGroup:
    """Writers and watchers of two accounts, all at once."""

    tower: Tower
    keys: list[Key]
    chance: random.Random
    tasks: dict[AccountId, list[TaskId]]
    written: asyncio.Event = field(default_factory=asyncio.Event)
    advanced: asyncio.Event = field(default_factory=asyncio.Event)
    readers: list[tuple[Key, Reader]] = field(default_factory=list)

    async def write(self, key: Key, store: Store) -> None:
        service = self.tower.service
        for _ in range(WRITES):
            self.tasks[key.account].append(await service.submit_task(key))
            for claimed in await service.claim_tasks(limit=3):
                await finish(service, store, claimed.task.id)
            service.clock.pass_time(0.001)
            self.advanced.set()

    async def write_last(self, key: Key) -> None:
        task = await self.tower.service.submit_task(key)
        self.tasks[key.account].append(task)
        await self.tower.service.cancel(key.account, task)

    async def join(self, stack: AsyncExitStack, group: asyncio.TaskGroup) -> None:
        """Let watchers come while tasks are written, some of them in a hurry and some not."""
        while len(self.readers) < READERS:
            await self.advanced.wait()
            self.advanced.clear()
            if self.written.is_set():
                break
            key = self.chance.choice(self.keys)
            reader = await stack.enter_async_context(self.tower.account(key, 0))
            self.readers.append((key, reader))
            group.create_task(self.follow(key, reader, self.chance.choice([0, 0.002, 0.02])))

    async def follow(self, key: Key, reader: Reader, pause_s: float) -> None:
        while not self.written.is_set() or reader.ends() < len(self.tasks[key.account]):
            await reader.next()
            await asyncio.sleep(pause_s)


async def finish(service: ServiceHarness, store: Store, task: TaskId) -> None:
    now_ms = service.clock.now_ms()
    await store.run(lambda records: settle(records, task, SUCCEEDED, now_ms, owner="worker"))


@pytest.mark.parametrize("page", [3, 200])
async def test_whoever_joins_while_many_write_misses_nothing_and_hears_nothing_twice(
    service: ServiceHarness, tower: Tower, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    """Writers in this process and, without a word, in another; watchers that come at any time, from any time."""
    monkeypatch.setattr(snapshot, "PAGE", page)
    monkeypatch.setattr(watch, "PAGE", page)
    keys = [await service.open_account(f"account-{n}", 100_000, limit=1000) for n in range(2)]
    group_ = ReaderGroup(tower, keys, random.Random(page), {key.account: [] for key in keys})
    async with opened_store(service.url) as silent, AsyncExitStack() as stack:
        async with asyncio.TaskGroup() as group:
            group.create_task(group_.join(stack, group))
            await asyncio.gather(*(group_.write(key, store) for key in keys for store in (service.store, silent)))
            group_.written.set()
            group_.advanced.set()
            for key in keys:
                await group_.write_last(key)
        await asyncio.gather(*(reader.leftovers() for _, reader in group_.readers))

    assert len(group_.readers) > 2
    for key, reader in group_.readers:
        assert Counter(reader.tasks_seen(final=True)) == dict.fromkeys(group_.tasks[key.account], 1)
        for task in group_.tasks[key.account]:
            statuses = [change.seen.task.status for change in reader.seen if change.task == task]
            assert statuses == sorted(statuses, key=ORDER.index), "a task never goes back"


# --- how far a task has come --------------------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every second comes often."""
    monkeypatch.setattr(watch, "POLL_S", 0.02)
    monkeypatch.setattr(watch, "KEY_CHECK_S", 0.02)


async def test_a_running_task_tells_how_far_it_has_come(service: ServiceHarness, tower: Tower, quick: None) -> None:
    key = await service.open_account()
    task = await service.submit_task(key)
    await service.claim_tasks()
    events = await service.query("SELECT count(*) FROM task_events")
    async with tower.task(key, task) as one, tower.account(key) as all_:
        await asyncio.gather(one.next(), all_.next())
        await service.store.run(lambda records: records.tasks.renew("worker", service.clock.now_ms(), 9000, {task: 40}))
        first = await asyncio.gather(one.next(), all_.next())
        await service.store.run(lambda records: records.tasks.set_expected_end(task, 10_000))
        service.clock.pass_time(8)
        second = await asyncio.gather(one.next(), all_.next())

    assert [change.progress for change in first] == [40, 40]
    assert [change.progress for change in second] == [67, 67]
    assert await service.query("SELECT count(*) FROM task_events") == events


async def test_a_waiting_task_tells_when_it_moves_up(service: ServiceHarness, tower: Tower, quick: None) -> None:
    key = await service.open_account()
    first, second = await service.submit_task(key), await service.submit_task(key)
    async with tower.task(key, second) as reader:
        before = await reader.next()
        await service.cancel(key.account, first)
        after = await reader.next()

    assert (before.seen.ahead, after.seen.ahead) == (1, 0)
    assert after.seen.task.status is Status.QUEUED


async def test_an_end_that_the_feed_lost_is_found_by_looking(
    service: ServiceHarness, tower: Tower, quick: None
) -> None:
    key = await service.open_account()
    task = await service.submit_task(key)
    await service.claim_tasks()
    async with tower.task(key, task) as reader:
        await reader.next()
        await service.execute_sql("UPDATE tasks SET status = 'failed', error_code = 1001 WHERE id = :id", id=task)
        last = await reader.next()
        rest = await reader.rest()

    assert last.seen.task.status is Status.FAILED
    assert rest == []


# --- readers that are slow, gone, too many, or no longer let in ---------------------------------------------------


async def test_a_slow_reader_finds_the_newest_of_each_task_and_every_end(service: ServiceHarness, tower: Tower) -> None:
    key = await service.open_account(opening=10_000, limit=100)
    async with tower.account(key) as slow, tower.account(key) as quick:
        tasks = [await service.submit_task(key) for _ in range(20)]
        for claimed in await service.claim_tasks():
            await service.settle_task(claimed.task.id)
        ends: set[TaskId] = set()
        while ends != set(tasks):
            change = await quick.next()
            ends |= {change.task} if change.final else set()
        for _ in tasks:
            await slow.next()
        await slow.leftovers()

    assert sorted(slow.tasks_seen(final=True)) == sorted(tasks)
    assert slow.tasks_seen(final=False) == []


async def test_a_watcher_with_too_many_unread_changes_is_closed(
    service: ServiceHarness, tower: Tower, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "MAX_UNREAD", 5)
    key = await service.open_account(opening=10_000, limit=100)
    async with tower.account(key) as slow, tower.account(key) as quick:
        for _ in range(6):
            await service.submit_task(key)
            await quick.next()

        assert await slow.rest() == []
        assert slow.watcher.end is WatchEnd.BEHIND
        assert quick.watcher.end is None


async def test_there_is_room_for_so_many_of_an_account_and_so_many_altogether(service: ServiceHarness) -> None:
    ada, eve = await service.open_account("ada"), await service.open_account("eve")
    task = await service.submit_task(ada)
    watching = Watch(service.store, service.clock, WatchLimits(watches=3, of_account=2))
    async with AsyncExitStack() as open_:
        await open_.enter_async_context(watching.task(ada, task))
        await open_.enter_async_context(watching.account(ada, None))
        with pytest.raises(Refusal, match="2 open watches") as of_account:
            await open_.enter_async_context(watching.account(ada, 0))
        await open_.enter_async_context(watching.account(eve, None))
        with pytest.raises(Refusal, match="the server has reached its maximum") as altogether:
            await open_.enter_async_context(watching.account(eve, None))
    async with watching.account(ada, None), watching.account(ada, None), watching.account(eve, None):
        pass

    assert {of_account.value.code, altogether.value.code} == {Code.RATE_LIMITED}
    assert of_account.value.retry_after_s


async def test_a_refused_watch_takes_no_room(service: ServiceHarness) -> None:
    key = await service.open_account()
    watching = Watch(service.store, service.clock, WatchLimits(watches=1, of_account=1))
    for _ in range(2):
        with pytest.raises(Refusal) as refused:
            async with watching.task(key, TaskId("unknown")):
                pass
        assert refused.value.code is Code.TASK_NOT_FOUND


async def test_a_revoked_key_s_watches_end_and_no_others(service: ServiceHarness, tower: Tower, quick: None) -> None:
    key = await service.open_account()
    other = (await service.accounts.create_key("ada", "second", ("read",))).key
    async with tower.account(key) as revoked, tower.account(other) as stays:
        await service.store.run(lambda records: records.keys.revoke(KeyId(key.id), service.clock.now_ms()))
        changes = await asyncio.wait_for(revoked.rest(), TIMEOUT_S)
        await service.submit_task(other)
        change = await stays.next()

    assert changes == []
    assert revoked.watcher.end is WatchEnd.REVOKED
    assert change.seen.task.account == key.account


async def test_a_watch_ends_with_its_session_and_not_with_another_of_the_same_key(
    service: ServiceHarness, tower: Tower, quick: None
) -> None:
    """A page whose browser is signed out, one whose browser is not, and a program that has no session."""
    key = await service.open_account()
    life = BrowserSession(key.id, service.clock.now_ms() + 60_000)
    for digest in (b"one", b"two"):
        await service.store.run(lambda records, digest=digest: records.sessions.add(digest, life))
    async with (
        tower.account(key, session=b"one") as ended,
        tower.account(key, session=b"two") as stays,
        tower.account(key) as program,
    ):
        await service.store.run(lambda records: records.sessions.end(b"one"))
        await asyncio.wait_for(ended.rest(), TIMEOUT_S)
        await service.submit_task(key)
        await stays.next()
        await program.next()

    assert ended.watcher.end is WatchEnd.SIGNED_OUT


async def test_stopping_ends_every_watch(service: ServiceHarness, tower: Tower) -> None:
    key = await service.open_account()
    async with tower.account(key) as one, tower.task(key, await service.submit_task(key)) as other:
        await asyncio.gather(one.next(), other.next())
        waiting = asyncio.gather(one.rest(), other.rest())
        await asyncio.sleep(0)
        await tower.watch.stop()
        rest = await asyncio.wait_for(waiting, TIMEOUT_S)

    assert rest == [[], []]
    assert (one.watcher.end, other.watcher.end) == (WatchEnd.STOPPED, WatchEnd.STOPPED)


# --- the one who reads for all ------------------------------------------------------------------------------------


class Stumbling:
    """A store that fails a few times, but not while it reads what one who joins has missed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.failures = 0

    async def read(self, work: Callable[[Records], T]) -> T:
        if self.failures and "unfinished_tasks" not in work.__qualname__:
            self.failures -= 1
            raise OSError("the database is away")
        return await self._store.read(work)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


async def test_a_database_that_is_away_for_a_while_costs_time_and_nothing_else(
    service: ServiceHarness, quick: None
) -> None:
    key = await service.open_account()
    stumbling = Stumbling(service.store)
    watching = Watch(stumbling, service.clock, WatchLimits(9, 9))
    watching.start(LocalSignals(RunningTasks()))
    async with watching.account(key, None) as joined:
        reader = Reader(watching, joined)
        first = await service.submit_task(key)
        found = await reader.next()
        with capture_logs() as logged:
            stumbling.failures = 3
            second = await service.submit_task(key)
            later = await reader.next()
    await watching.stop()

    assert stumbling.failures == 0
    assert [entry["event"] for entry in logged] == ["reading the event feed failed"] * 3
    assert [found.task, later.task] == [first, second]


async def test_without_a_watcher_nobody_reads_the_feed(service: ServiceHarness) -> None:
    stumbling = Stumbling(service.store)
    stumbling.failures = 1000
    signals = LocalSignals(RunningTasks())
    watching = Watch(stumbling, service.clock, WatchLimits(9, 9))
    watching.start(signals)
    for _ in range(20):
        signals.tasks_changed([StatusChange(TaskId("x"), Status.QUEUED)])
        await asyncio.sleep(0)
    await watching.stop()

    assert stumbling.failures == 1000


async def test_who_comes_after_a_pause_begins_at_the_end_of_the_feed(service: ServiceHarness, tower: Tower) -> None:
    key = await service.open_account()
    async with tower.account(key):
        pass
    old = await service.submit_task(key)
    await service.cancel(key.account, old)
    async with tower.account(key) as reader:
        new = await service.submit_task(key)
        first = await reader.next()

    assert first.task == new
