"""What happens to the cluster, one thing after another, while clients send tasks."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cluster.database import Database
from cluster.hosts import Host
from cluster.network import Network
from cluster.service import Service

PAUSE_S = 4.0
"""Between two faults."""

CUT_S = 20.0
"""Longer than the lease of a task, so that others take it over."""

SHORT_S = 10.0

FAKE = ("LD_PRELOAD", "FAKETIME", "DONT_FAKE_MONOTONIC", "FAKETIME_NO_CACHE")


@dataclass(frozen=True, slots=True)
class Fault:
    """What was done from `began_s` until `over_s`, when everything was in order again."""

    name: str
    began_s: float
    over_s: float


@dataclass
class Faults:
    network: Network
    database: Database
    service: Service
    build: str
    say: Callable[[str], None]
    done: list[Fault] = field(default_factory=list)

    async def __call__(self) -> None:
        hosts = self.service.hosts
        await asyncio.sleep(2 * PAUSE_S)  # tasks are under way
        await self._happens("a worker's host is killed", self._killed(hosts["worker1"]))
        await self._happens("an API's host is killed", self._killed(hosts["api1"]))
        await self._happens("the database is switched over", self._switched_over())
        await self._happens("a worker is cut from the database", self._cut("worker2", CUT_S, "pgbouncer", "haproxy"))
        await self._happens("an API is cut from the database", self._cut("api2", SHORT_S, "pgbouncer", "haproxy"))
        await self._happens("a worker is cut from the bucket", self._cut("worker3", SHORT_S, "s3"))
        await self._happens("a worker is cut from the vendors", self._cut("worker1", SHORT_S, "vendors"))
        await self._happens("the primary's host is killed", self._killed(await self._primary()))
        await self._happens("the pooler is restarted", self._restarted(self.database.pgbouncer))
        await self._happens("every host loses 2 % of its packets", self._lossy(CUT_S))
        await self._happens("two clocks are a minute off", self._skewed())
        await self._happens("the primary is cut from everything", self._isolated((await self._primary()).name, 35.0))
        await self._happens("all hosts get a new build", self.service.roll(self.build))

    async def _happens(self, name: str, what: Awaitable[None]) -> None:
        self.say(f"{name} ...")
        began = time.monotonic()
        await what
        await self.database.in_step()
        over = time.monotonic()
        self.done.append(Fault(name, began, over))
        self.say(f"{name}: all in order after {over - began:.0f} s")
        await asyncio.sleep(PAUSE_S)

    async def _primary(self) -> Host:
        return self.database.servers[await self.database.leader()]

    async def _killed(self, host: Host) -> None:
        """As by a power cut: no connection is closed, none answers any more."""
        self.network.isolate(host.name)
        await host.kill()
        if host.name in self.database.servers:
            await self.database.led_by({"pg1": "pg2", "pg2": "pg1"}[host.name])
        else:
            await asyncio.sleep(3)
        self.network.lose(host.name, 0)
        host.start()
        await host.ready()

    async def _restarted(self, host: Host) -> None:
        await host.restart()

    async def _switched_over(self) -> None:
        await self.database.switch_over()

    async def _cut(self, name: str, seconds: float, *others: str) -> None:
        async with self._healed(name):
            self.network.cut(name, *others)
            await asyncio.sleep(seconds)

    async def _isolated(self, name: str, seconds: float) -> None:
        async with self._healed(name):
            self.network.isolate(name)
            await asyncio.sleep(seconds)

    @asynccontextmanager
    async def _healed(self, *names: str) -> AsyncIterator[None]:
        try:
            yield
        finally:
            for name in names:
                self.network.lose(name, 0)

    async def _lossy(self, seconds: float) -> None:
        async with self._healed(*self.network.addresses):
            for name in self.network.addresses:
                self.network.lose(name, 2)
            await asyncio.sleep(seconds)

    async def _skewed(self) -> None:
        skewed = {"worker2": "+60s", "api1": "-60s"}
        for name, shift in skewed.items():
            await self._restart_with(name, shift)
        await asyncio.sleep(SHORT_S)
        for name in skewed:
            await self._restart_with(name, None)

    async def _restart_with(self, name: str, shift: str | None) -> None:
        """Another clock for a host, by the library that `faketime` loads too; monotonic time stays as it is."""
        host = self.service.hosts[name]
        usual = {each: text for each, text in host.environment.items() if each not in FAKE}
        fake = dict(zip(FAKE, (_library(), str(shift), "1", "1"), strict=True))
        host.environment = usual | (fake if shift else {})
        await host.stop()
        host.start()
        await host.ready()


def _library() -> str:
    return str(next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")))
