"""Hints between processes that share a SQLite file. They cannot notify each other, so each polls the file for changes.

It polls `PRAGMA data_version`, a number in shared memory: this costs microseconds and reads no table. New events are
read only when the number has changed.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import structlog

from limner.db.engines.sqlite import connect
from limner.domain.ids import TaskId
from limner.domain.tasks.task import Status
from limner.ports.signals import SignalHints

log = structlog.get_logger()

EVERY_S = 0.1
"""Between two polls; hints between processes are that late at most."""

_NEW_EVENTS = "SELECT max(id), sum(status = ?) FROM task_events WHERE id > ?"
_LAST = "SELECT coalesce(max(id), 0) FROM task_events"
_CANCELS = "SELECT id FROM tasks WHERE status = 'running' AND cancel_requested = 1"


class SqliteRelay:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def send(self, hints: SignalHints) -> None:
        """Nothing to do: the others poll."""

    def start(self, on_hints: Callable[[SignalHints], None]) -> None:
        loop = asyncio.get_running_loop()

        def pass_on(hints: SignalHints) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(on_hints, hints)

        self._thread = threading.Thread(target=self._run, args=(pass_on,), name="limner-signals", daemon=True)
        self._thread.start()

    async def close(self) -> None:
        self._stop.set()
        if self._thread:
            await asyncio.to_thread(self._thread.join)

    def _run(self, on_hints: Callable[[SignalHints], None]) -> None:
        reader: _ChangeReader | None = None
        while not self._stop.wait(EVERY_S):
            try:
                reader = reader or _ChangeReader(self._path)
                if hints := reader():
                    on_hints(hints)
            except sqlite3.Error as error:  # loops must survive any error
                log.warning("signals disconnected", error=str(error))
                _close(reader)
                reader = None
        _close(reader)


def _close(reader: "_ChangeReader | None") -> None:
    if reader:
        reader.close()


class _ChangeReader:
    """Reads what other processes changed, over one connection."""

    def __init__(self, path: Path) -> None:
        self._connection = connect(path)
        self._version = 0
        self._last: int | None = None
        self._cancels: frozenset[TaskId] = frozenset()

    def __call__(self) -> SignalHints:
        """The changes since the last call; the first call reports that anything may have changed."""
        version = self._value("PRAGMA data_version")
        if version == self._version:
            return SignalHints()
        self._version = version
        if self._last is None:
            self._last, self._cancels = self._value(_LAST), self._requested_cancels()
            return SignalHints(work=True, changes=True, cancels=self._cancels)
        last, queued = self._connection.execute(_NEW_EVENTS, (Status.QUEUED, self._last)).fetchone()
        self._last = last or self._last
        before, self._cancels = self._cancels, self._requested_cancels()
        return SignalHints(work=bool(queued), changes=last is not None, cancels=self._cancels - before)

    def close(self) -> None:
        self._connection.close()

    def _requested_cancels(self) -> frozenset[TaskId]:
        return frozenset(TaskId(row[0]) for row in self._connection.execute(_CANCELS).fetchall())

    def _value(self, query: str) -> int:
        return int(self._connection.execute(query).fetchone()[0])
