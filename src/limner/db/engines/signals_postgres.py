"""Hints between processes over PostgreSQL's LISTEN and NOTIFY.

Hints are sent after the commit, on a connection of their own, several in one notification. A transaction that notifies
holds a lock that is shared by all such transactions of the server until its commit is on disk, so notifying inside the
units of work would serialise their commits. Hints that a process does not send before it dies are found by polling.
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
from limner.ports.acting_account import acting_for
from limner.ports.signals import SignalHints

log = structlog.get_logger()

CHANNEL = "limner"

TOGETHER_S = 0.02
"""How long hints are collected after one was sent."""

MOST_CANCELS = 150
"""Ids in one notification, whose payload PostgreSQL limits to 8,000 bytes."""

PROBE_S = 15.0
"""How often a silent connection is tested."""

LONGEST_PAUSE_S = 10.0
"""Between tries to reach a server."""

_EVERYTHING = SignalHints(work=True, changes=True)


class PostgresRelay:
    def __init__(self, url: str) -> None:
        self._url = url.replace("postgresql+psycopg://", "postgresql://", 1)
        self._waiting = SignalHints()
        self._sending: asyncio.Task[None] | None = None
        self._listening: asyncio.Task[None] | None = None
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._own: int | None = None

    def send(self, hints: SignalHints) -> None:
        self._waiting |= hints
        if self._sending is None or self._sending.done():
            with acting_for(""):  # what all accounts send, at no account's turn
                self._sending = asyncio.create_task(self._send_waiting(), name="signals-tell")

    def start(self, on_hints: Callable[[SignalHints], None]) -> None:
        self._listening = asyncio.create_task(self._listen(on_hints), name="signals-listen")

    async def close(self) -> None:
        if self._listening:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        if self._sending:
            await self._sending
        if self._connection:
            await self._connection.close()

    async def _send_waiting(self) -> None:
        while self._waiting:
            hints, self._waiting = self._waiting, SignalHints()
            await self._send(hints)
            await asyncio.sleep(TOGETHER_S)

    async def _send(self, hints: SignalHints) -> None:
        """Send over the open connection, else over a new one. If both fail, the others find the changes by polling."""
        for attempt in range(2):
            try:
                return await self._notify(hints)
            except Exception as error:  # noqa: BLE001 - the others poll too
                await self._disconnect()
                if attempt:
                    log.warning("signal not sent", error=str(error))
        return None

    async def _notify(self, hints: SignalHints) -> None:
        connection = await self._open()
        for payload in payloads(hints):
            await connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, payload))

    async def _open(self) -> "psycopg.AsyncConnection[Any]":
        if self._connection is None or self._connection.closed:
            self._connection = await self._connect("-c synchronous_commit=off")  # a hint need not be durable
            self._own = self._connection.info.backend_pid
        return self._connection

    async def _disconnect(self) -> None:
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
            keepalives_idle=15,  # a peer that vanished is noticed within half a minute
            keepalives_interval=5,
            keepalives_count=3,
        )

    async def _listen(self, on_hints: Callable[[SignalHints], None]) -> None:
        failed = 0
        while True:
            try:
                async with await self._connect("") as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    if failed:
                        log.info("signals connected again")
                    failed = 0
                    on_hints(_EVERYTHING)  # hints sent before the LISTEN were missed
                    await self._receive(connection, on_hints)
            except Exception as error:  # noqa: BLE001 - loops must survive any error; meanwhile waiters poll
                failed += 1
                log.warning("signals disconnected", error=str(error))
                chance = random.random()  # noqa: S311 - spreads the retries
                await asyncio.sleep(full_jitter_s(failed, chance, base_s=0.1, cap_s=LONGEST_PAUSE_S))

    async def _receive(
        self, connection: "psycopg.AsyncConnection[Any]", on_hints: Callable[[SignalHints], None]
    ) -> None:
        while True:
            async for note in connection.notifies(timeout=PROBE_S):
                if note.pid != self._own:
                    on_hints(read(note.payload))
            await connection.execute("SELECT 1")


def payloads(hints: SignalHints) -> list[str]:
    """The notifications for these hints, each below the limit of its size."""
    cancels = sorted(hints.cancels)
    parts = [cancels[at : at + MOST_CANCELS] for at in range(0, len(cancels), MOST_CANCELS)] or [[]]
    return [orjson.dumps({"work": hints.work, "news": hints.changes, "cancels": part}).decode() for part in parts]


def read(payload: str) -> SignalHints:
    """The hints in a notification; one that cannot be read may mean anything."""
    try:
        fields = orjson.loads(payload)
        cancels = frozenset(TaskId(each) for each in fields["cancels"] if is_uuid(each))
        return SignalHints(bool(fields["work"]), bool(fields["news"]), cancels)
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return _EVERYTHING
