"""Watching tasks: one reader of the feed in a process tells all who watch there.

A watcher joins, then looks at the past, then hears the news: whatever is committed after the look comes by the feed.
The feed is read when somebody says that there are news, and every second in any case; that look also tells how far
running tasks have come, which leaves no rows.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TypeVar

import structlog

from limner.application.read import MAX_QUEUE_COUNT, TaskView
from limner.application.watching.snapshot import (
    changed_since,
    load_changes,
    one_task,
    queue_positions,
    unfinished_tasks,
)
from limner.application.watching.watcher import TaskChange, WatchEnd, Watcher
from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.events import FeedPosition, TaskEvent
from limner.db.tables.keys import Key
from limner.db.tables.tasks import TaskProgress
from limner.domain.ids import AccountId, KeyId, TaskId
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.cursor import FeedCursor
from limner.domain.tasks.task import Status
from limner.ports.clock import Clock
from limner.ports.signals import Signals

N = TypeVar("N", TaskId, AccountId)

log = structlog.get_logger()

PAGE = 500
"""Events, or tasks of the past, in one look."""

BATCH_WINDOW_S = 0.02
"""News that come within this time are read in one look."""

POLL_S = 1.0
"""How often the feed is read without news, and how often a watcher hears how far a running task has come."""

TICKS_PER_S = 2_000
"""Progress told in one second, over all watchers; when there is more to tell, the beat slows down."""

KEYS_S = 5.0
"""How soon the watches of a revoked key end."""

RETRY_AFTER_S = 30


@dataclass(frozen=True, slots=True)
class WatchLimits:
    """How many watches may be open: in this process, and of these one account's."""

    watches: int
    of_account: int


@dataclass(frozen=True, slots=True)
class FeedBatch:
    """What one look at the database brought. `revoked` are those of the keys asked about that are no more."""

    changes: Sequence[TaskChange]
    mark: FeedCursor
    more: bool
    vitals: Sequence[TaskProgress]
    ahead: Mapping[TaskId, int]
    revoked: Collection[KeyId]


class Watch:
    def __init__(self, store: Store, clock: Clock, room: WatchLimits) -> None:
        self._store = store
        self._clock = clock
        self._room = room
        self._watchers: set[Watcher] = set()
        self._of_task: dict[TaskId, set[Watcher]] = {}
        self._of_account: dict[AccountId, set[Watcher]] = {}
        self._counted: Counter[AccountId] = Counter()
        self._under_way: dict[TaskId, TaskChange] = {}
        self._remembering: set[Watcher] = set()
        self._mark: FeedCursor | None = None
        self._looking = asyncio.Lock()
        self._woken = asyncio.Event()
        self._next_beat = 0.0
        self._next_keys = 0.0
        self._loop: asyncio.Task[None] | None = None

    def start(self, signals: Signals) -> None:
        signals.on_tasks_changed(self._woken.set)
        self._loop = asyncio.create_task(self._run(), name="watch")

    async def stop(self) -> None:
        """End every watch."""
        for watcher in self._watchers:
            watcher.finish(WatchEnd.STOPPED)
        if self._loop:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)

    @contextlib.asynccontextmanager
    async def task(self, key: Key, task: TaskId) -> AsyncIterator[Watcher]:
        """Watch one task to its end. Raises `Refusal` for one that is not the account's, or when there is no room."""
        async with self._joined(Watcher(key, task, one_task(key.account, task, self._clock))) as watcher:
            await self._look_back(watcher)
            yield watcher

    @contextlib.asynccontextmanager
    async def account(self, key: Key, since_ms: int | None) -> AsyncIterator[Watcher]:
        """Watch all tasks of the key's account: first those under way, or those that changed since; then every change.

        Raises `Refusal` when there is no room.
        """
        past = (
            unfinished_tasks(key.account, self._clock)
            if since_ms is None
            else changed_since(key.account, FeedPosition(since_ms), self._clock)
        )
        async with self._joined(Watcher(key, None, past)) as watcher:
            yield watcher

    async def changes(self, watcher: Watcher) -> AsyncIterator[TaskChange]:
        """What happens to the tasks, until the watch is over; then `watcher.end` says why."""
        while watcher.end is None:
            if change := watcher.take():
                yield change
                if change.final and watcher.task:
                    watcher.finish(WatchEnd.FINISHED)
            elif watcher.replay:
                await self._look_back(watcher)
            else:
                await watcher.wait()

    # --- joining and leaving --------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _joined(self, watcher: Watcher) -> AsyncIterator[Watcher]:
        self._check_room(watcher.key.account)
        followers = self._followers_like(watcher)
        followers.add(watcher)
        self._watchers.add(watcher)
        self._counted[watcher.key.account] += 1
        try:
            await self._begin()
            yield watcher
        finally:
            self._leave(watcher)

    def _followers_like(self, watcher: Watcher) -> set[Watcher]:
        if watcher.task:
            return self._of_task.setdefault(watcher.task, set())
        return self._of_account.setdefault(watcher.key.account, set())

    def _leave(self, watcher: Watcher) -> None:
        account, task = watcher.key.account, watcher.task
        self._watchers.discard(watcher)
        self._remembering.discard(watcher)
        self._counted[account] -= 1
        if not self._counted[account]:
            del self._counted[account]
        if task:
            _discard(self._of_task, task, watcher)
        else:
            _discard(self._of_account, account, watcher)
        if not self._watchers:
            self._mark = None

    def _check_room(self, account: AccountId) -> None:
        if self._counted[account] >= self._room.of_account:
            raise _no_room(f"the account has {self._room.of_account} watches open, as many as it may")
        if len(self._watchers) >= self._room.watches:
            raise _no_room("the server has as many watches open as it may")

    async def _begin(self) -> None:
        """The first who joins puts a mark at the end of the feed."""
        if self._mark is None:
            async with self._looking:
                if self._mark is None:
                    self._mark = await self._store.read(lambda records: records.events.end_of_feed())
        self._woken.set()

    # --- the past -------------------------------------------------------------------------------------------------

    async def _look_back(self, watcher: Watcher) -> None:
        if watcher.replay is None:
            return
        page = await self._store.read(watcher.replay)
        watcher.replay = page.rest
        for change in page.changes:
            if watcher.on_replay_change(change, self._mark or FeedCursor()):
                self._note(change)
        if watcher.knows:
            self._remembering.add(watcher)

    # --- the news -------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            await self._wait()
            try:
                async with self._looking:
                    more = await self._turn()
            except Exception:  # the beat goes on: a database that is away now may be back in a moment
                log.exception("watchers were not told")
                more = False
                await asyncio.sleep(POLL_S)
            if not more:
                await asyncio.sleep(BATCH_WINDOW_S)

    async def _wait(self) -> None:
        """Until there are news, or the beat is due; without a watcher, as long as it takes."""
        left_s = min(POLL_S, max(0.0, self._next_beat - _now_s())) if self._watchers else None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(left_s):
                await self._woken.wait()
        self._woken.clear()

    async def _turn(self) -> bool:
        """Look once and tell everybody; whether there is more to look at."""
        mark = self._mark
        if mark is None:
            return False
        beat, keys = _now_s() >= self._next_beat, _now_s() >= self._next_keys
        watched = self._still_followed() if beat else {}
        asked = {watcher.key.id for watcher in self._watchers} if keys else set()
        glance = await self._store.read(lambda records: self._glance(records, mark, watched, asked))
        if not self._watchers:  # all have left meanwhile; who comes next begins anew
            self._mark = None
            return False
        self._mark = glance.mark
        self._tell(glance)
        if beat:
            self._next_beat = _now_s() + max(POLL_S, self._tick(glance, watched) / TICKS_PER_S)
        if keys:
            self._next_keys = _now_s() + KEYS_S
        if glance.more:
            self._woken.set()
        return glance.more

    def _glance(
        self, records: Records, mark: FeedCursor, watched: Mapping[TaskId, TaskChange], keys: set[KeyId]
    ) -> FeedBatch:
        events, moved = records.events.after_cursor(mark, PAGE)
        newest = {event.task: event.number for event in events if self._is_followed(event)}
        vitals = records.tasks.progress_of(list(watched)) if watched else ()
        astray = [each.task for each in vitals if each.status is not watched[each.task].seen.task.status]
        changes = load_changes(records, list(dict.fromkeys([*newest, *astray])), self._clock.now_ms())
        waiting = any(each.status is Status.QUEUED for each in vitals)
        return FeedBatch(
            # What a later page of the feed comes to is told then.
            changes=[each for each in changes if each.number <= newest.get(each.task, each.number)],
            mark=moved,
            more=len(events) >= PAGE,
            vitals=vitals,
            ahead=queue_positions(records) if waiting else {},
            revoked=keys.difference(records.keys.valid(list(keys), self._clock.now_ms())) if keys else (),
        )

    def _tell(self, glance: FeedBatch) -> None:
        for change in glance.changes:
            followers = list(self._followers(change))
            new_to = [watcher for watcher in followers if watcher.hear(change, glance.mark)]
            if new_to:
                self._note(change)
            self._remembering.update(watcher for watcher in followers if watcher.knows)
        self._remembering = {watcher for watcher in self._remembering if watcher.prune_versions(glance.mark)}
        if glance.revoked:
            self._show_out(glance.revoked)

    def _show_out(self, revoked: Collection[KeyId]) -> None:
        for watcher in self._watchers:
            if watcher.key.id in revoked:
                watcher.finish(WatchEnd.REVOKED)

    def _tick(self, glance: FeedBatch, watched: Mapping[TaskId, TaskChange]) -> int:
        """Tell how far the tasks under way have come; how often that was told."""
        now_ms, told = self._clock.now_ms(), 0
        for vitals in glance.vitals:
            before = watched[vitals.task]
            if self._under_way.get(vitals.task) is not before:  # there was an event, or nobody follows it any more
                continue
            if moved := _moved(before, vitals, glance.ahead, now_ms):
                followers = list(self._followers(moved))
                for watcher in followers:
                    watcher.tick(moved)
                self._note(moved)
                told += len(followers)
        return told

    def _note(self, change: TaskChange) -> None:
        """Keep what is under way, for the next beat."""
        known = self._under_way.get(change.task)
        if known and known.number > change.number:
            return
        if change.final:
            self._under_way.pop(change.task, None)
        else:
            self._under_way[change.task] = change

    def _still_followed(self) -> dict[TaskId, TaskChange]:
        self._under_way = {task: each for task, each in self._under_way.items() if any(self._followers(each))}
        return dict(self._under_way)

    def _followers(self, change: TaskChange) -> Iterator[Watcher]:
        task = change.seen.task
        return chain(self._of_task.get(task.id, ()), self._of_account.get(task.account, ()))

    def _is_followed(self, event: TaskEvent) -> bool:
        return event.task in self._of_task or event.account in self._of_account


def _moved(before: TaskChange, vitals: TaskProgress, ahead: Mapping[TaskId, int], now_ms: int) -> TaskChange | None:
    """The task with its present progress or place in the queue, where that is new."""
    task = before.seen.task
    if vitals.status is not task.status:
        return None
    if task.status is Status.QUEUED:
        place = ahead.get(task.id, MAX_QUEUE_COUNT)
        return TaskChange(TaskView(task, place), before.number, now_ms) if place != before.seen.ahead else None
    task = replace(task, progress=vitals.progress, expected_ms=vitals.expected_ms)
    after = TaskChange(TaskView(task, None), before.number, now_ms)
    return after if after.progress > before.progress else None


def _discard(followed: dict[N, set[Watcher]], name: N, one: Watcher) -> None:
    watchers = followed[name]
    watchers.discard(one)
    if not watchers:
        del followed[name]


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def _no_room(reason: str) -> Refusal:
    return Refusal(
        Code.RATE_LIMITED,
        reason,
        suggestion="Close a watch that is no longer needed, or watch all tasks over one connection.",
        retry_after_s=RETRY_AFTER_S,
    )
