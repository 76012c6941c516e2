"""Hints between processes over PostgreSQL's LISTEN and NOTIFY.

They go out after the commit, on a connection of their own, many in one: a transaction that notifies holds a lock that
all such transactions of the server share until its commit is on the disk, and would line up what now commits side by
side. What a process dies before telling, the others find by looking.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable
from typing import Any

import orjson
import psycopg
import structlog

from limner.domain.ids import TaskId, is_uuid
from limner.domain.routing.backoff import full_jitter_s
from limner.ports.signals import SignalHints

log = structlog.get_logger()

CHANNEL = "limner"

TOGETHER_S = 0.02
"""How long hints are gathered after one went out."""

MOST_CANCELS = 150
"""Ids in one notification, whose payload PostgreSQL bounds at 8,000 bytes."""

PROBE_S = 15.0
"""How often a silent connection is asked whether it still lives."""

LONGEST_PAUSE_S = 10.0
"""Between tries to reach a server that is away."""

_EVERYTHING = SignalHints(work=True, news=True)


class PostgresRelay:
    def __init__(self, url: str) -> None:
        self._url = url.replace("postgresql+psycopg://", "postgresql://", 1)
        self._waiting = SignalHints()
        self._telling: asyncio.Task[None] | None = None
        self._listening: asyncio.Task[None] | None = None
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._own: int | None = None

    def tell(self, hints: SignalHints) -> None:
        self._waiting |= hints
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell(), name="signals-tell")

    def start(self, hear: Callable[[SignalHints], None]) -> None:
        self._listening = asyncio.create_task(self._listen(hear), name="signals-listen")

    async def close(self) -> None:
        if self._listening:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        if self._telling:
            await self._telling
        if self._connection:
            await self._connection.close()

    async def _tell(self) -> None:
        while self._waiting:
            hints, self._waiting = self._waiting, SignalHints()
            await self._send(hints)
            await asyncio.sleep(TOGETHER_S)

    async def _send(self, hints: SignalHints) -> None:
        """Over the connection there is, else over a new one; what gets through neither way will be found by looking."""
        for tried in range(2):
            try:
                return await self._notify(hints)
            except Exception as error:  # noqa: BLE001 - whatever it is, the hint is not worth more
                await self._hang_up()
                if tried:
                    log.warning("signal not sent", error=str(error))
        return None

    async def _notify(self, hints: SignalHints) -> None:
        connection = await self._open()
        for payload in payloads(hints):
            await connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, payload))

    async def _open(self) -> "psycopg.AsyncConnection[Any]":
        if self._connection is None or self._connection.closed:
            self._connection = await self._connect("-c synchronous_commit=off")  # a hint needs no disk
            self._own = self._connection.info.backend_pid
        return self._connection

    async def _hang_up(self) -> None:
        if self._connection:
            with contextlib.suppress(psycopg.Error):
                await self._connection.close()
            self._connection = None

    async def _connect(self, options: str) -> "psycopg.AsyncConnection[Any]":
        return await psycopg.AsyncConnection.connect(
            self._url,
            autocommit=True,
            options=options,
            connect_timeout=10,
            keepalives_idle=15,  # a peer that is gone without a word is noticed within half a minute
            keepalives_interval=5,
            keepalives_count=3,
        )

    async def _listen(self, hear: Callable[[SignalHints], None]) -> None:
        failed = 0
        while True:
            try:
                async with await self._connect("") as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    if failed:
                        log.info("signals are heard again")
                    failed = 0
                    hear(_EVERYTHING)  # whatever was said while nobody listened
                    await self._pass_on(connection, hear)
            except Exception as error:  # noqa: BLE001 - the beat goes on; meanwhile everybody looks for himself
                failed += 1
                log.warning("signals are not heard", error=str(error))
                chance = random.random()  # noqa: S311 - spreads a crowd
                await asyncio.sleep(full_jitter_s(failed, chance, base_s=0.1, cap_s=LONGEST_PAUSE_S))

    async def _pass_on(self, connection: "psycopg.AsyncConnection[Any]", hear: Callable[[SignalHints], None]) -> None:
        while True:
            async for note in connection.notifies(timeout=PROBE_S):
                if note.pid != self._own:
                    hear(read(note.payload))
            await connection.execute("SELECT 1")


def payloads(hints: SignalHints) -> list[str]:
    """The notifications that tell these hints, each small enough."""
    cancels = sorted(hints.cancels)
    parts = [cancels[at : at + MOST_CANCELS] for at in range(0, len(cancels), MOST_CANCELS)] or [[]]
    return [orjson.dumps({"work": hints.work, "news": hints.news, "cancels": part}).decode() for part in parts]


def read(payload: str) -> SignalHints:
    """What a notification says; whatever is not understood means that it is worth looking."""
    try:
        said = orjson.loads(payload)
        cancels = frozenset(TaskId(each) for each in said["cancels"] if is_uuid(each))
        return SignalHints(bool(said["work"]), bool(said["news"]), cancels)
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return _EVERYTHING
