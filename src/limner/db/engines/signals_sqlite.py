"""Hints between processes that share a SQLite file: nobody can call the others, so each looks whether it changed.

The look is `PRAGMA data_version`, a number in memory that all processes map: it costs microseconds and touches no
table. Only when it moved are the new events read.
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
"""How often each process looks; hints between processes are that late at most."""

_NEWS = "SELECT max(id), sum(status = ?) FROM task_events WHERE id > ?"
_LAST = "SELECT coalesce(max(id), 0) FROM task_events"
_CANCELS = "SELECT id FROM tasks WHERE status = 'running' AND cancel_requested = 1"


class SqliteRelay:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def tell(self, hints: SignalHints) -> None:
        """The others look for themselves."""

    def start(self, hear: Callable[[SignalHints], None]) -> None:
        loop = asyncio.get_running_loop()

        def pass_on(hints: SignalHints) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(hear, hints)

        self._thread = threading.Thread(target=self._run, args=(pass_on,), name="limner-signals", daemon=True)
        self._thread.start()

    async def close(self) -> None:
        self._stop.set()
        if self._thread:
            await asyncio.to_thread(self._thread.join)

    def _run(self, hear: Callable[[SignalHints], None]) -> None:
        look: _Look | None = None
        while not self._stop.wait(EVERY_S):
            try:
                look = look or _Look(self._path)
                if hints := look():
                    hear(hints)
            except sqlite3.Error as error:  # the beat goes on
                log.warning("signals are not heard", error=str(error))
                _close(look)
                look = None
        _close(look)


def _close(look: "_Look | None") -> None:
    if look:
        look.close()


class _Look:
    """One connection's eye on the file."""

    def __init__(self, path: Path) -> None:
        self._connection = connect(path)
        self._version = 0
        self._last: int | None = None
        self._cancels: frozenset[TaskId] = frozenset()

    def __call__(self) -> SignalHints:
        """What is new since the last look; at the first one, anything may be."""
        version = self._value("PRAGMA data_version")
        if version == self._version:
            return SignalHints()
        self._version = version
        if self._last is None:
            self._last, self._cancels = self._value(_LAST), self._asked()
            return SignalHints(work=True, news=True, cancels=self._cancels)
        last, queued = self._connection.execute(_NEWS, (Status.QUEUED, self._last)).fetchone()
        self._last = last or self._last
        before, self._cancels = self._cancels, self._asked()
        return SignalHints(work=bool(queued), news=last is not None, cancels=self._cancels - before)

    def close(self) -> None:
        self._connection.close()

    def _asked(self) -> frozenset[TaskId]:
        return frozenset(TaskId(row[0]) for row in self._connection.execute(_CANCELS).fetchall())

    def _value(self, query: str) -> int:
        return int(self._connection.execute(query).fetchone()[0])
