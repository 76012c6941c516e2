"""Workers in this process, each with its own lease owner, with a manual clock and a scripted vendor."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from crash import process_under_test
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
DAY_S = 24 * 3600


class FaultyStore:
    """A store whose named units of work fail a given number of times."""

    def __init__(self, store: Store, faults: Mapping[str, int]) -> None:
        self._store = store
        self._left = dict(faults)

    async def run(self, work: Callable[[Records], T]) -> T:
        self._fail(work)
        return await self._store.run(work)

    async def run_unsynced(self, work: Callable[[Records], T]) -> T:
        self._fail(work)
        return await self._store.run_unsynced(work)

    def _fail(self, work: Callable[[Records], T]) -> None:
        unit = work.__qualname__.partition(".<locals>")[0]
        if self._left.get(unit, 0):
            self._left[unit] -= 1
            raise ConnectionError(f"no connection to the database: {unit}")

    async def read(self, work: Callable[[Records], T]) -> T:
        return await self._store.read(work)

    async def close(self) -> None:
        await self._store.close()


@dataclass
class HeldAnswer:
    """A line of a vendor's script: `reached` is set when the call arrives; the answer waits for `released`."""

    answer: ScriptLine
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, order: GenerationRequest) -> Any:
        self.reached.set()
        await self.released.wait()
        return self.answer(order) if callable(self.answer) else self.answer


@dataclass
class WorkerPool:
    """One service and the workers that a test makes."""

    limner: Limner
    key: Key
    clock: ManualClock = field(default_factory=ManualClock)
    _machines: int = 0

    async def submit_task(self) -> TaskId:
        asked = replace(process_under_test.request("1"), files=())
        return (await replace(self.limner, clock=self.clock).submit(self.key, asked)).task

    def make_worker(
        self,
        vendor: ScriptedProvider,
        me: LeaseOwner | None = None,
        policy: UnknownOutcome = UnknownOutcome.RESEND_ONCE,
        *,
        deadline_s: float = 900.0,
        faults: Mapping[str, int] | None = None,
    ) -> Worker:
        """A worker that buys from this vendor; by default the only one on its machine."""
        self._machines += 1
        running, providers = RunningTasks(), {vendor.name: vendor}
        limner = replace(
            self.limner,
            me=me or LeaseOwner(f"machine-{self._machines}", 1, "run"),
            clock=self.clock,
            running=running,
            signals=LocalSignals(running),
            providers=providers,
            routing=Routing(providers, vendor.name, deadline_s, policy, models=self.limner.routing.models),
            store=FaultyStore(self.limner.store, faults or {}),
            settings=self.limner.settings.model_copy(update={"drain_s": 0}),
        )
        return limner.worker()

    def expire_leases(self) -> None:
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

    async def ledger_faults(self) -> list[str]:
        return list(await self.limner.store.read(lambda records: records.ledger.inconsistencies()))


async def claim(worker: Worker, held: HeldAnswer | None = None) -> None:
    """Let the worker claim what is queued, and wait until the vendor has the call."""
    assert await worker.dispatcher._claim_queued()
    if held:
        await until(held.reached)


async def take_over(worker: Worker) -> None:
    """Let the worker take over expired leases once."""
    await worker.rescuer.rescue()


async def wait_until_idle(worker: Worker) -> None:
    """Wait until the worker runs no task."""
    assert await worker.running.wait_until_idle(20)


async def until(event: asyncio.Event) -> None:
    async with asyncio.timeout(60):
        await event.wait()
