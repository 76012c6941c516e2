"""What is checked before anything is held or ordered: the words of texts, and the judge's verdict on them."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from limner.application.generation.interrupt import Interrupt, Interrupted, Reason
from limner.application.moderation.judge import NO_VERDICT, PAUSE_S, Judge
from limner.application.moderation.word_lists import WordLists
from limner.db.store import Store
from limner.db.tables.moderation.refusals import LoggedRefusal
from limner.domain.ids import AccountId, TaskId
from limner.domain.moderation import REFUSED, Moderated, RefusalStage, Verdict, found_words
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.task import Task
from limner.ports.clock import Clock

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class CheckOrder:
    """Asked once for each task, before it is accepted."""

    store: Store
    clock: Clock
    lists: WordLists
    judge: Judge | None = None

    async def __call__(self, account: AccountId, model: str, texts: Sequence[str]) -> bool:
        """Whether the task may order without further question. False: the worker asks the judge again.

        Raises `Moderated`, which is in the log then.
        """
        if found := found_words(await self.lists.of(account), texts):
            told = ", ".join(repr(each) for each in found[:5])
            await self._refuse(
                account, RefusalStage.WORDS, f"the text has words that are not allowed here: {told}", (), texts
            )
        if self.judge is None or not self.judge.before_order:
            return True
        verdict = await self.judge.ask(question(RefusalStage.ORDER, account, model, texts))
        if (verdict := verdict or self.judge.without_verdict) is None:
            return False
        if not verdict.allowed:
            reason = f"{REFUSED}: {verdict.said}"
            await self._refuse(account, RefusalStage.ORDER, reason, verdict.categories, texts)
        return True

    async def _refuse(
        self, account: AccountId, stage: RefusalStage, reason: str, categories: tuple[str, ...], texts: Sequence[str]
    ) -> None:
        entry = LoggedRefusal(
            str(uuid.uuid4()), account, None, stage, reason, categories, "\n".join(texts), self.clock.now_ms()
        )
        await self.store.run(lambda records: records.moderation.add(entry))
        log.info("refused before ordering", stage=stage, refusal=entry.id, categories=categories)
        raise Moderated(reason, entry.id)


@dataclass(frozen=True, slots=True)
class AwaitVerdict:
    """In a worker: for tasks that were accepted although the judge was silent."""

    store: Store
    judge: Judge
    pause_s: float = PAUSE_S

    async def __call__(self, task: Task, owner: str, texts: Sequence[str], interrupt: Interrupt, left_s: float) -> None:
        """Return once the task may order; meanwhile its message says why it waits. Raises `Refusal`, `Interrupted`."""
        if not await self.store.read(lambda records: records.moderation.is_held(task.id)):
            return
        await self._say(task.id, owner, "waits for the verdict of this service's judge")
        verdict = await self._verdict(task, texts, interrupt, left_s)
        if not verdict.allowed:
            reason = f"{REFUSED}: {verdict.said}; nothing was ordered or charged"
            raise Refusal(Code.CONTENT_POLICY, reason, suggestion="Change the request.")
        await self.store.run(lambda records: records.moderation.release(task.id))
        await self._say(task.id, owner, None)

    async def _verdict(self, task: Task, texts: Sequence[str], interrupt: Interrupt, left_s: float) -> Verdict:
        asked = question(RefusalStage.ORDER, task.account, task.model, texts, task.id)
        return await ask_until_told(self.judge, asked, interrupt, left_s, self.pause_s)

    async def _say(self, task: TaskId, owner: str, message: str | None) -> None:
        await self.store.run(lambda records: records.tasks.say(task, owner, message))


async def ask_until_told(
    judge: Judge, asked: dict[str, Any], interrupt: Interrupt, left_s: float, pause_s: float
) -> Verdict:
    """The verdict, or what the policy says without one. Raises `Interrupted`, but not for the deadline."""
    ends_ms = judge.clock.now_ms() + int(left_s * 1000)
    while True:
        try:
            verdict = await interrupt.wait_for(judge.ask(asked), (ends_ms - judge.clock.now_ms()) / 1000)
            if verdict := verdict or judge.without_verdict:
                return verdict
            await interrupt.wait_for(judge.clock.sleep(pause_s), (ends_ms - judge.clock.now_ms()) / 1000)
        except Interrupted as interrupted:
            if interrupted.reason is Reason.DEADLINE:
                return NO_VERDICT
            raise


def question(
    stage: RefusalStage, account: AccountId, model: str, texts: Sequence[str], task: TaskId | None = None
) -> dict[str, Any]:
    return {"stage": stage, "account": account, "task": task, "model": model, "texts": list(texts)}
