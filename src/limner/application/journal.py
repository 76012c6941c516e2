"""The spend journal: an order is written before it is sent, its handle right after, its picture before it counts."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import structlog

from limner.application.interrupt import Interrupted, Reason
from limner.domain.failure import Failure
from limner.domain.ids import AttemptId, BlobId, TaskId
from limner.domain.progress import expected_ms
from limner.domain.route import Route
from limner.domain.task import Result
from limner.ports.clock import Clock
from limner.ports.records import Attempt, Records, Store

log = structlog.get_logger()

PAUSES_S = (0.2, 1, 2, 5, 10, 10)
"""Between tries to write down an answer: long enough for a database to start again."""

RECENT = 20
"""How many of a route's last durations its expected one is the median of."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A picture that is in our own store, and who made it."""

    result: Result
    served_by: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Journal:
    store: Store
    clock: Clock

    async def of(self, task: TaskId) -> Sequence[Attempt]:
        return await self.store.read(lambda records: records.attempts.of(task))

    async def intend(self, task: TaskId, number: int, route: Route, owner: str | None = None) -> AttemptId:
        """On disk before the first byte leaves: from here on a crash is known to have happened during a call.

        Raises `Interrupted` when `owner` no longer holds the task's lease: whoever holds it now may be buying already.
        """
        attempt = Attempt(
            id=AttemptId(str(uuid.uuid4())),
            task=task,
            number=number,
            route=route.name,
            provider=route.provider,
            upstream=route.upstream,
            state="intended",
            outcome=None,
            handle=None,
            result=None,
            reason=None,
            detail=None,
            charged=False,
            cost_usd=None,
            intended_ms=self.clock.now_ms(),
            submitted_ms=None,
            delivered_ms=None,
            closed_ms=None,
        )
        await self.store.run(lambda records: _intend(records, attempt, owner))
        return attempt.id

    async def submitted(self, attempt: AttemptId, handle: Mapping[str, Any]) -> None:
        now_ms = self.clock.now_ms()
        await self._insist(lambda records: records.attempts.submitted(attempt, handle, now_ms))

    async def delivered(self, attempt: AttemptId, kept: Kept, size: int, cost_usd: float | None) -> None:
        now_ms = self.clock.now_ms()

        def work(records: Records) -> None:
            records.blobs.add(kept.result.blob, size, kept.result.media_type, now_ms)
            records.attempts.delivered(attempt, asdict(kept), cost_usd, now_ms)

        await self._insist(work)

    async def _insist(self, work: Callable[[Records], None]) -> None:
        """Write down what a vendor answered: it was paid for, and while the database is away it is known here alone."""
        for pause_s in PAUSES_S:
            try:
                return await self.store.run(work)
            except Exception:
                log.exception("journal not written, trying again")
            await self.clock.sleep(pause_s)
        return await self.store.run(work)

    async def failed(self, attempt: AttemptId, failure: Failure) -> None:
        now_ms = self.clock.now_ms()
        await self.store.run(
            lambda records: records.attempts.close(
                attempt, failure.kind, now_ms, reason=failure.reason, detail=failure.detail, charged=failure.charged
            )
        )


def picture_in(attempts: Sequence[Attempt]) -> Kept | None:
    """The picture that a task has in the store already, whichever attempt brought it and however late."""
    return next((kept_in(attempt) for attempt in attempts if attempt.result), None)


def kept_in(attempt: Attempt) -> Kept:
    """What a delivered attempt brought."""
    brought = attempt.result or {}
    result = brought["result"]
    return Kept(Result(**{**result, "blob": BlobId(result["blob"])}), brought["served_by"])


def _intend(records: Records, attempt: Attempt, owner: str | None) -> None:
    if owner is not None and not records.tasks.holds(attempt.task, owner):
        raise Interrupted(Reason.LEASE_LOST)
    records.attempts.intend(attempt)
    records.tasks.expect(attempt.task, expected_ms(records.attempts.recent_durations_ms(attempt.route, RECENT)))
