"""The tasks that this worker is executing."""

import asyncio
from dataclasses import dataclass, field

from limner.application.generation.interrupt import Interrupt, Reason
from limner.domain.ids import TaskId


@dataclass(slots=True)
class RunningTask:
    """One running task: its asyncio task, its interrupt, and the progress that the provider reported."""

    interrupt: Interrupt
    work: "asyncio.Task[None] | None" = None
    reported: int = 0

    def report(self, percent: int) -> None:
        """Progress never goes back. A plain attribute, so that a provider may set it from a thread."""
        self.reported = max(self.reported, min(99, percent))


@dataclass(slots=True)
class RunningTasks:
    """The running tasks by id."""

    tasks: dict[TaskId, RunningTask] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.tasks)

    def reported(self) -> dict[TaskId, int]:
        return {task: running.reported for task, running in self.tasks.items()}

    def interrupt(self, task: TaskId, reason: Reason) -> None:
        """Interrupt a task; one that is not running here is ignored."""
        if running := self.tasks.get(task):
            running.interrupt(reason)

    def interrupt_all(self, reason: Reason) -> None:
        for running in self.tasks.values():
            running.interrupt(reason)

    async def cancel_all(self) -> None:
        """Cancel what is still running, wherever it waits."""
        works = [running.work for running in self.tasks.values() if running.work]
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)

    async def wait_until_idle(self, timeout_s: float) -> bool:
        """Whether every running task ended in time."""
        works = [running.work for running in self.tasks.values() if running.work]
        if works:
            await asyncio.wait(works, timeout=timeout_s)
        return not self.tasks
