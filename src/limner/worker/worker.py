"""A worker: its loops, their start and a graceful stop."""

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
"""How long an interrupted task may take to clean up, and to receive the answer to a paid call."""


@dataclass(slots=True)
class Worker:
    """`more` are further loops by name, which may be cancelled at any point."""

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

    def is_running(self) -> bool:
        """Whether all loops run: one that ended on an error never comes back."""
        return bool(self._loops) and not any(loop.done() for loop in self._loops)

    async def stop(self) -> None:
        """Claim nothing more, let running tasks finish for `drain_s`, then release the leases of the rest."""
        await self.dispatcher.stop()
        if self.running:
            log.info("draining", running_tasks=len(self.running), at_most_s=self.drain_s)
        if not await self.running.wait_until_idle(self.drain_s):
            await self._release_tasks()
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)

    async def _release_tasks(self) -> None:
        tasks: list[TaskId] = list(self.running.tasks)
        log.info("releasing tasks", tasks=len(tasks))
        self.running.interrupt_all(Reason.SHUTDOWN)
        await self.running.wait_until_idle(STOP_GRACE_S)
        await self.running.cancel_all()
        try:
            await self.store.run(lambda records: records.tasks.release_leases(self.dispatcher.owner, tasks))
        except StoreUnavailable as error:  # their leases run out
            log.warning("tasks not released", error=str(error))
