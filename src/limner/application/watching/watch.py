"""Watching tasks: one reader of the event feed per process, shared by all watchers.

A watcher joins first and then reads a snapshot, so that every change committed after the snapshot reaches it by the
feed. The feed is read on a signal, and every second in any case; that read also reports the progress of running tasks,
which writes no events.
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
from limner.ports.acting_account import acting_for
from limner.ports.clock import Clock
from limner.ports.signals import Signals

N = TypeVar("N", TaskId, AccountId)

log = structlog.get_logger()

PAGE = 500
"""Events per read of the feed."""

BATCH_WINDOW_S = 0.02
"""Signals within this time are served by one read."""

POLL_S = 1.0
"""How often the feed is read without a signal, and progress is reported."""

PROGRESS_PER_S = 2_000
"""Progress messages per second, over all watchers; with more to send, they are sent less often."""

KEY_CHECK_S = 5.0
"""How often the keys of open watches are checked, to end those of revoked keys."""

RETRY_AFTER_S = 30


@dataclass(frozen=True, slots=True)
class WatchLimits:
    """Open watches: per process, and per account in it."""

    watches: int
    of_account: int


@dataclass(frozen=True, slots=True)
class FeedBatch:
    """The result of one read of the feed.

    `revoked` holds those of the checked keys that are no longer valid, `signed_out` the digests of sessions that ended.
    """

    changes: Sequence[TaskChange]
    cursor: FeedCursor
    more: bool
    progress_rows: Sequence[TaskProgress]
    ahead: Mapping[TaskId, int]
    revoked: Collection[KeyId]
    signed_out: Collection[bytes]


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the open watches were begun with."""

    keys: frozenset[KeyId] = frozenset()
    sessions: frozenset[bytes] = frozenset()


class WatchLimitReached(Refusal):
    """The account or the server has as many open watches as it may."""


class Watch:
    def __init__(self, store: Store, clock: Clock, limits: WatchLimits) -> None:
        self._store = store
        self._clock = clock
        self._limits = limits
        self._watchers: set[Watcher] = set()
        self._of_task: dict[TaskId, set[Watcher]] = {}
        self._of_account: dict[AccountId, set[Watcher]] = {}
        self._counted: Counter[AccountId] = Counter()
        self._unfinished: dict[TaskId, TaskChange] = {}
        self._with_versions: set[Watcher] = set()
        self._cursor: FeedCursor | None = None
        self._reading = asyncio.Lock()
        self._wake = asyncio.Event()
        self._next_poll = 0.0
        self._next_keys = 0.0
        self._loop: asyncio.Task[None] | None = None

    def start(self, signals: Signals) -> None:
        signals.on_tasks_changed(self._wake.set)
        self._loop = asyncio.create_task(self._run(), name="watch")

    async def stop(self) -> None:
        """End every watch and the reader."""
        for watcher in self._watchers:
            watcher.finish(WatchEnd.STOPPED)
        if self._loop:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)

    @contextlib.asynccontextmanager
    async def task(self, key: Key, task: TaskId) -> AsyncIterator[Watcher]:
        """Watch one task to its end. Raises `Refusal` for one that is not the account's, or at the limit of watches."""
        async with self._joined(Watcher(key, task, one_task(key.account, task, self._clock))) as watcher:
            await self._replay_page(watcher)
            yield watcher

    @contextlib.asynccontextmanager
    async def account(self, key: Key, since_ms: int | None, *, session: bytes | None = None) -> AsyncIterator[Watcher]:
        """Watch all tasks of the key's account: first the unfinished ones, or those changed since; then every change.

        With the digest of a browser's `session` the watch ends with that session.
        Raises `Refusal` at the limit of watches.
        """
        replay = (
            unfinished_tasks(key.account, self._clock)
            if since_ms is None
            else changed_since(key.account, FeedPosition(since_ms), self._clock)
        )
        async with self._joined(Watcher(key, None, replay, session)) as watcher:
            yield watcher

    async def changes(self, watcher: Watcher) -> AsyncIterator[TaskChange]:
        """The changes, until the watch ends; then `watcher.end` says why."""
        while watcher.end is None:
            if change := watcher.take():
                yield change
                if change.final and watcher.task:
                    watcher.finish(WatchEnd.FINISHED)
            elif watcher.replay:
                await self._replay_page(watcher)
            else:
                await watcher.wait()

    # --- joining and leaving --------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _joined(self, watcher: Watcher) -> AsyncIterator[Watcher]:
        self._check_limits(watcher.key.account)
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
        self._with_versions.discard(watcher)
        self._counted[account] -= 1
        if not self._counted[account]:
            del self._counted[account]
        if task:
            _discard(self._of_task, task, watcher)
        else:
            _discard(self._of_account, account, watcher)
        if not self._watchers:
            self._cursor = None

    def _check_limits(self, account: AccountId) -> None:
        if self._counted[account] >= self._limits.of_account:
            raise _limit_reached(f"the account has {self._limits.of_account} open watches, the maximum")
        if len(self._watchers) >= self._limits.watches:
            raise _limit_reached("the server has reached its maximum of open watches")

    async def _begin(self) -> None:
        """The first watcher places the cursor at the end of the feed."""
        if self._cursor is None:
            # All watches wait for this lock: no account's turn may come between.
            with acting_for(""):
                async with self._reading:
                    if self._cursor is None:
                        self._cursor = await self._store.read(lambda records: records.events.end_of_feed())
        self._wake.set()

    # --- the snapshot ---------------------------------------------------------------------------------------------

    async def _replay_page(self, watcher: Watcher) -> None:
        if watcher.replay is None:
            return
        page = await self._store.read(watcher.replay)
        watcher.replay = page.rest
        for change in page.changes:
            if watcher.on_replay_change(change, self._cursor or FeedCursor()):
                self._track(change)
        if watcher.has_versions:
            self._with_versions.add(watcher)

    # --- the feed -------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            await self._wait()
            try:
                async with self._reading:
                    more = await self._read_once()
            except Exception:  # the loop must survive any error, such as an unavailable database
                log.exception("reading the event feed failed")
                more = False
                await asyncio.sleep(POLL_S)
            if not more:
                await asyncio.sleep(BATCH_WINDOW_S)

    async def _wait(self) -> None:
        """Wait for a signal or the next poll; without watchers, for a signal only."""
        timeout_s = min(POLL_S, max(0.0, self._next_poll - _now_s())) if self._watchers else None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._wake.wait()
        self._wake.clear()

    async def _read_once(self) -> bool:
        """Read the feed once and publish to all watchers; returns whether there is more to read."""
        cursor = self._cursor
        if cursor is None:
            return False
        poll, keys = _now_s() >= self._next_poll, _now_s() >= self._next_keys
        watched = self._still_followed() if poll else {}
        checked = self._credentials() if keys else Credentials()
        batch = await self._store.read(lambda records: self._batch(records, cursor, watched, checked))
        if not self._watchers:  # all have left meanwhile; the next watcher starts anew
            self._cursor = None
            return False
        self._cursor = batch.cursor
        self._publish(batch)
        if poll:
            self._next_poll = _now_s() + max(POLL_S, self._publish_progress(batch, watched) / PROGRESS_PER_S)
        if keys:
            self._next_keys = _now_s() + KEY_CHECK_S
        if batch.more:
            self._wake.set()
        return batch.more

    def _batch(
        self, records: Records, cursor: FeedCursor, watched: Mapping[TaskId, TaskChange], checked: Credentials
    ) -> FeedBatch:
        events, advanced = records.events.after_cursor(cursor, PAGE)
        newest = {event.task: event.number for event in events if self._is_followed(event)}
        progress_rows = records.tasks.progress_of(list(watched)) if watched else ()
        missed = [each.task for each in progress_rows if each.status is not watched[each.task].seen.task.status]
        changes = load_changes(records, list(dict.fromkeys([*newest, *missed])), self._clock.now_ms())
        waiting = any(each.status is Status.QUEUED for each in progress_rows)
        return FeedBatch(
            # A change that a later page of the feed contains is published with that page.
            changes=[each for each in changes if each.number <= newest.get(each.task, each.number)],
            cursor=advanced,
            more=len(events) >= PAGE,
            progress_rows=progress_rows,
            ahead=queue_positions(records) if waiting else {},
            revoked=self._revoked(records, checked.keys),
            signed_out=self._signed_out(records, checked),
        )

    def _credentials(self) -> Credentials:
        return Credentials(
            frozenset(watcher.key.id for watcher in self._watchers),
            frozenset(watcher.session for watcher in self._watchers if watcher.session),
        )

    def _revoked(self, records: Records, keys: Collection[KeyId]) -> Collection[KeyId]:
        return set(keys).difference(records.keys.valid(list(keys), self._clock.now_ms())) if keys else ()

    def _signed_out(self, records: Records, checked: Credentials) -> Collection[bytes]:
        if not checked.sessions:
            return ()
        return checked.sessions - records.sessions.open_of(list(checked.keys), self._clock.now_ms())

    def _publish(self, batch: FeedBatch) -> None:
        for change in batch.changes:
            followers = list(self._followers(change))
            new_to = [watcher for watcher in followers if watcher.on_feed_change(change, batch.cursor)]
            if new_to:
                self._track(change)
            self._with_versions.update(watcher for watcher in followers if watcher.has_versions)
        self._with_versions = {watcher for watcher in self._with_versions if watcher.prune_versions(batch.cursor)}
        if batch.revoked or batch.signed_out:
            self._end_withdrawn(batch)

    def _end_withdrawn(self, batch: FeedBatch) -> None:
        for watcher in self._watchers:
            if watcher.key.id in batch.revoked:
                watcher.finish(WatchEnd.REVOKED)
            elif watcher.session in batch.signed_out:
                watcher.finish(WatchEnd.SIGNED_OUT)

    def _publish_progress(self, batch: FeedBatch, watched: Mapping[TaskId, TaskChange]) -> int:
        """Publish the progress of unfinished tasks; returns how many messages that took."""
        now_ms, sent = self._clock.now_ms(), 0
        for progress_rows in batch.progress_rows:
            before = watched[progress_rows.task]
            if (
                self._unfinished.get(progress_rows.task) is not before
            ):  # it had an event meanwhile, or has no follower left
                continue
            if moved := _moved(before, progress_rows, batch.ahead, now_ms):
                followers = list(self._followers(moved))
                for watcher in followers:
                    watcher.on_progress(moved)
                self._track(moved)
                sent += len(followers)
        return sent

    def _track(self, change: TaskChange) -> None:
        """Keep the state of an unfinished task, to report its progress at the next poll."""
        known = self._unfinished.get(change.task)
        if known and known.number > change.number:
            return
        if change.final:
            self._unfinished.pop(change.task, None)
        else:
            self._unfinished[change.task] = change

    def _still_followed(self) -> dict[TaskId, TaskChange]:
        self._unfinished = {task: each for task, each in self._unfinished.items() if any(self._followers(each))}
        return dict(self._unfinished)

    def _followers(self, change: TaskChange) -> Iterator[Watcher]:
        task = change.seen.task
        return chain(self._of_task.get(task.id, ()), self._of_account.get(task.account, ()))

    def _is_followed(self, event: TaskEvent) -> bool:
        return event.task in self._of_task or event.account in self._of_account


def _moved(
    before: TaskChange, progress_rows: TaskProgress, ahead: Mapping[TaskId, int], now_ms: int
) -> TaskChange | None:
    """The task with its current progress or queue position, None where that is unchanged."""
    task = before.seen.task
    if progress_rows.status is not task.status:
        return None
    if task.status is Status.QUEUED:
        place = ahead.get(task.id, MAX_QUEUE_COUNT)
        return TaskChange(TaskView(task, place), before.number, now_ms) if place != before.seen.ahead else None
    task = replace(task, progress=progress_rows.progress, expected_ms=progress_rows.expected_ms)
    after = TaskChange(TaskView(task, None), before.number, now_ms)
    return after if after.progress > before.progress else None


def _discard(followed: dict[N, set[Watcher]], name: N, one: Watcher) -> None:
    watchers = followed[name]
    watchers.discard(one)
    if not watchers:
        del followed[name]


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def _limit_reached(reason: str) -> WatchLimitReached:
    return WatchLimitReached(
        Code.RATE_LIMITED,
        reason,
        suggestion="Close a watch that is no longer needed, or watch all tasks over one connection.",
        retry_after_s=RETRY_AFTER_S,
    )
