"""Where marks are required: waiting, before anything is bought, until pictures can be marked."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from limner.application.generation.interrupt import Interrupt, Interrupted, Reason
from limner.db.store import Store
from limner.domain.ids import TaskId
from limner.domain.refusal import Code, Refusal

PAUSE_S = 2.0

WhyUnmarkable = Callable[[], Awaitable[str | None]]
"""Why no picture can be marked now; None where it can."""


@dataclass(frozen=True, slots=True)
class AwaitMarks:
    store: Store
    why_not: WhyUnmarkable
    pause_s: float = PAUSE_S

    async def __call__(self, task: TaskId, owner: str, interrupt: Interrupt, left_s: float) -> None:
        """Return once pictures can be marked; meanwhile the task's message says why it waits.

        Raises `Interrupted`, and `Refusal` when no time is left: nothing was bought.
        """
        said, reason = "", await self.why_not()
        while reason:
            if reason != said:
                said = reason
                await self._say(task, owner, f"waits until pictures can be marked: {reason}")
            try:
                await interrupt.wait_for(asyncio.sleep(self.pause_s), left_s)
            except Interrupted as interrupted:
                if interrupted.reason is not Reason.DEADLINE:
                    raise
                raise Refusal(Code.FATAL, f"no picture could be marked: {reason}", suggestion="Try later.") from None
            left_s -= self.pause_s
            reason = await self.why_not()
        if said:
            await self._say(task, owner, None)

    async def _say(self, task: TaskId, owner: str, message: str | None) -> None:
        await self.store.run(lambda records: records.tasks.say(task, owner, message))
