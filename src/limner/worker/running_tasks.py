"""The tasks this worker has in its hands."""

import asyncio
from dataclasses import dataclass, field

from limner.application.generation.interrupt import Interrupt, Reason
from limner.domain.ids import TaskId


@dataclass(slots=True)
class RunningTask:
    """One task under way: its asyncio task, its switch, and how far the provider says it is."""

    interrupt: Interrupt
    work: "asyncio.Task[None] | None" = None
    reported: int = 0

    def report(self, percent: int) -> None:
        """Progress only grows. A plain attribute: safe to set from a provider's thread."""
        self.reported = max(self.reported, min(99, percent))


@dataclass(slots=True)
class RunningTasks:
    """What is under way, by task."""

    tasks: dict[TaskId, RunningTask] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.tasks)

    def reported(self) -> dict[TaskId, int]:
        return {task: hand.reported for task, hand in self.tasks.items()}

    def interrupt(self, task: TaskId, reason: Reason) -> None:
        """Nothing happens for a task that is not here."""
        if hand := self.tasks.get(task):
            hand.interrupt(reason)

    def interrupt_all(self, reason: Reason) -> None:
        for hand in self.tasks.values():
            hand.interrupt(reason)

    async def let_go(self) -> None:
        """End whatever is still under way, wherever it is."""
        works = [hand.work for hand in self.tasks.values() if hand.work]
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)

    async def settled(self, at_most_s: float) -> bool:
        """Whether everything under way came to its end in time."""
        works = [hand.work for hand in self.tasks.values() if hand.work]
        if works:
            await asyncio.wait(works, timeout=at_most_s)
        return not self.tasks
