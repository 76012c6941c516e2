"""Workers in this process, with time and vendor in hand, each believing that it is a process of its own."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from crash import victim
from fakes import ManualClock, ScriptedProvider, ScriptLine
from limner.application.generation.routing import Routing
from limner.bootstrap import Limner
from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.attempts import Attempt
from limner.db.tables.keys import Key
from limner.domain.ids import TaskId
from limner.domain.routing.route import UnknownOutcome
from limner.domain.tasks.task import Task
from limner.ports.provider import GenerationRequest
from limner.worker.lease_owner import LeaseOwner
from limner.worker.running_tasks import RunningTasks
from limner.worker.signals import LocalSignals
from limner.worker.worker import Worker

T = TypeVar("T")

LEASE_S = 15
A_DAY_S = 24 * 3600


class FaultyStore:
    """A store that fails some deeds, by the names of the functions that do them, as often as is said."""

    def __init__(self, store: Store, faults: Mapping[str, int]) -> None:
        self._store = store
        self._left = dict(faults)

    async def run(self, work: Callable[[Records], T]) -> T:
        deed = work.__qualname__.partition(".<locals>")[0]
        if self._left.get(deed, 0):
            self._left[deed] -= 1
            raise ConnectionError(f"the database is away: {deed}")
        return await self._store.run(work)

    async def read(self, work: Callable[[Records], T]) -> T:
        return await self._store.read(work)

    async def close(self) -> None:
        await self._store.close()


@dataclass
class Gate:
    """A line of a vendor's script: `reached` tells that the call came, and its answer waits until `opened`."""

    answer: ScriptLine
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, order: GenerationRequest) -> Any:
        self.reached.set()
        await self.opened.wait()
        return self.answer(order) if callable(self.answer) else self.answer


@dataclass
class Crew:
    """One service, and as many workers as are hired."""

    limner: Limner
    key: Key
    clock: ManualClock = field(default_factory=ManualClock)
    _machines: int = 0

    async def submits(self) -> TaskId:
        asked = replace(victim.request("1"), files=())
        return (await replace(self.limner, clock=self.clock).submit(self.key, asked)).task

    def hires(
        self,
        vendor: ScriptedProvider,
        me: LeaseOwner | None = None,
        policy: UnknownOutcome = UnknownOutcome.RESEND_ONCE,
        *,
        patience_s: float = 900.0,
        faults: Mapping[str, int] | None = None,
    ) -> Worker:
        """A worker that buys from this vendor; on a machine of its own unless told otherwise."""
        self._machines += 1
        running, providers = RunningTasks(), {vendor.name: vendor}
        limner = replace(
            self.limner,
            me=me or LeaseOwner(f"machine-{self._machines}", 1, "run"),
            clock=self.clock,
            running=running,
            signals=LocalSignals(running),
            providers=providers,
            routing=Routing(providers, vendor.name, patience_s, policy),
            store=FaultyStore(self.limner.store, faults or {}),
            settings=self.limner.settings.model_copy(update={"drain_s": 0}),
        )
        return limner.worker()

    def lease_runs_out(self) -> None:
        self.clock.pass_time(LEASE_S + 1)

    async def task(self, task: TaskId) -> Task:
        found = await self.limner.store.read(lambda records: records.tasks.get(task))
        assert found
        return found

    async def attempts(self, task: TaskId) -> Sequence[Attempt]:
        return await self.limner.store.read(lambda records: records.attempts.of(task))

    async def outcomes(self, task: TaskId) -> list[str | None]:
        return [each.outcome for each in await self.attempts(task)]

    async def owners(self) -> list[str]:
        return list(await self.limner.store.read(lambda records: records.tasks.lease_owners()))

    async def faults(self) -> list[str]:
        return list(await self.limner.store.read(lambda records: records.ledger.inconsistencies()))


async def claims(worker: Worker, vendor_reached: Gate | None = None) -> None:
    """Let it take what is queued, and follow it to the vendor."""
    assert await worker.dispatcher._claim()
    if vendor_reached:
        await until(vendor_reached.reached)


async def takes_over(worker: Worker) -> None:
    """Let it look once for what others left."""
    await worker.rescuer.rescue()


async def finishes(worker: Worker) -> None:
    """Wait until it has nothing in hand."""
    assert await worker.running.wait_until_idle(20)


async def until(event: asyncio.Event) -> None:
    async with asyncio.timeout(20):
        await event.wait()
