"""A worker: the loops together, with a start and a graceful stop."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from limner.application.generation.interrupt import Reason
from limner.db.store import Store, StoreUnavailable
from limner.domain.ids import TaskId
from limner.worker.dispatcher import Dispatcher
from limner.worker.lease_renewal import LeaseRenewer
from limner.worker.rescuer import Rescuer
from limner.worker.running_tasks import RunningTasks

log = structlog.get_logger()

WorkerLoop = Callable[[], Coroutine[Any, Any, None]]

STOP_GRACE_S = 5
"""How long an interrupted task may take to put its things in order, and to hear the answer to what it is buying."""


@dataclass(slots=True)
class Worker:
    """`more` are loops that have no part in a stop: they are let go of at any point."""

    store: Store
    dispatcher: Dispatcher
    leases: LeaseRenewer
    rescuer: Rescuer
    running: RunningTasks
    drain_s: float
    more: Mapping[str, WorkerLoop] = field(default_factory=dict)
    _loops: "list[asyncio.Task[None]]" = field(default_factory=list, init=False)

    def start(self) -> None:
        loops = {"dispatcher": self.dispatcher.run(), "leases": self.leases.run(), "rescuer": self.rescuer.run()}
        loops |= {name: loop() for name, loop in self.more.items()}
        self._loops = [asyncio.create_task(loop, name=name) for name, loop in loops.items()]

    async def stop(self) -> None:
        """Take nothing new, let what runs finish for a while, and hand the rest to whoever comes next."""
        await self.dispatcher.stop()
        if not await self.running.settled(self.drain_s):
            await self._hand_back()
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)

    async def _hand_back(self) -> None:
        tasks: list[TaskId] = list(self.running.tasks)
        log.info("handing back tasks", tasks=len(tasks))
        self.running.interrupt_all(Reason.SHUTDOWN)
        await self.running.settled(STOP_GRACE_S)
        await self.running.let_go()
        try:
            await self.store.run(lambda records: records.tasks.release_leases(self.dispatcher.owner, tasks))
        except StoreUnavailable as trouble:  # their leases run out
            log.warning("tasks not handed back", trouble=str(trouble))
