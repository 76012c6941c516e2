"""Getting a picture for a task: take up what an earlier worker left, else order; follow, keep, and try again."""

import asyncio
import random
from collections import Counter
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar, assert_never

from limner.application.interrupt import Interrupt, Interrupted, Reason
from limner.application.journal import Journal, Kept, picture_in
from limner.application.routing import Routing
from limner.domain.backoff import full_jitter_s
from limner.domain.failure import RETRIES, Failure, FailureKind
from limner.domain.ids import AttemptId, TaskId
from limner.domain.refusal import Refusal
from limner.domain.route import Route, UnknownOutcome
from limner.domain.task import Result
from limner.domain.upload import EXTENSION
from limner.ports.blobs import BlobStore
from limner.ports.clock import Clock
from limner.ports.intake import Intake
from limner.ports.provider import Accepted, Delivered, Order, Pending, Report
from limner.ports.records import Attempt

T = TypeVar("T")

_ASK_AGAIN_S = 2.0

FREE_REPEATS = 5
"""How often a call that costs nothing is repeated after an unknown outcome; a task that kills its worker ends there."""


@dataclass(frozen=True, slots=True)
class Chase:
    """One task's pursuit: the order as it stands, and how to stop it."""

    task: TaskId
    order: Order
    route: Route
    interrupt: Interrupt
    deadline_ms: int
    report: Report
    owner: str

    def order_for(self, attempt: AttemptId, left_s: float) -> Order:
        """The order as it goes out on this chase's route, with the time that one call may take."""
        return replace(
            self.order,
            attempt_id=attempt,
            upstream=self.route.upstream,
            options=self.route.options,
            deadline_s=min(self.route.deadline_s, left_s),
        )


@dataclass(frozen=True, slots=True)
class Pursue:
    journal: Journal
    routing: Routing
    blobs: BlobStore
    pictures: Intake
    clock: Clock

    async def __call__(self, chase: Chase) -> Kept | Failure:
        """The picture, kept; or the failure no further try would mend. Raises `Interrupted`."""
        past = await self.journal.of(chase.task)
        tried = Counter(attempt.outcome for attempt in past[:-1] if attempt.outcome)
        number = len(past)
        outcome = await self._take_up(chase, past)
        while outcome is None or self._worth_repeating(outcome, tried, chase.route):
            if isinstance(outcome, Failure):
                await self._wait(chase, _pause_s(outcome, number))
            number += 1
            outcome = await self._order(chase, number)
        return outcome

    def _worth_repeating(self, outcome: Kept | Failure, tried: Counter[str], route: Route) -> bool:
        if isinstance(outcome, Kept):
            return False
        tried[outcome.kind] += 1
        return tried[outcome.kind] <= self._repeats(outcome.kind, route)

    def _repeats(self, kind: FailureKind, route: Route) -> int:
        if kind is not FailureKind.UNKNOWN_OUTCOME:
            return RETRIES[kind]
        if self.routing.provider(route).free:
            return FREE_REPEATS
        return RETRIES[kind] if route.unknown_outcome is UnknownOutcome.RESEND_ONCE else 0

    async def _wait(self, chase: Chase, seconds: float) -> None:
        await chase.interrupt.wait_for(self.clock.sleep(seconds), self._left_s(chase))

    def _left_s(self, chase: Chase) -> float:
        return (chase.deadline_ms - self.clock.now_ms()) / 1000

    # --- one attempt ----------------------------------------------------------------------------------------------

    async def _take_up(self, chase: Chase, past: Sequence[Attempt]) -> Kept | Failure | None:
        """Go on from where a worker that is gone left the journal."""
        if kept := picture_in(past):
            return kept
        match past[-1] if past else None:
            case Attempt(state="submitted", id=attempt, handle=handle) if handle is not None:
                return await self._follow(chase, attempt, handle, wait_s=0)
            case Attempt(state="intended", id=attempt):
                return await self._close(attempt, _cut_off())
            case Attempt(state="closed", outcome=outcome) as last if outcome is not None:
                return Failure(FailureKind(outcome), last.reason or "", last.charged, detail=last.detail)
        return None

    async def _order(self, chase: Chase, number: int) -> Kept | Failure:
        chase.interrupt.check(self._left_s(chase))
        attempt = await self.journal.intend(chase.task, number, chase.route, chase.owner)
        provider = self.routing.provider(chase.route)
        # A worker that stops waits a little longer for what it is buying: an answer that nobody hears is bought twice.
        through = None if provider.free else Reason.SHUTDOWN
        answer = await self._ask(
            chase, provider.submit(chase.order_for(attempt, self._left_s(chase)), chase.report), through
        )
        match answer:
            case Accepted(handle, wait_s):
                await self.journal.submitted(attempt, handle)
                return await self._follow(chase, attempt, handle, wait_s)
            case Delivered() | Failure():
                return await self._conclude(chase, attempt, answer)
            case None:
                return await self._close(attempt, _no_answer(chase.route, free=provider.free))
            case _:
                assert_never(answer)

    async def _follow(
        self, chase: Chase, attempt: AttemptId, handle: Mapping[str, Any], wait_s: float
    ) -> Kept | Failure:
        """Ask until the job has ended. A question without an answer is asked again: the job is bought already."""
        provider = self.routing.provider(chase.route)
        while True:
            await self._wait(chase, wait_s)
            answer = await self._ask(chase, provider.poll(handle, chase.order_for(attempt, self._left_s(chase))))
            match answer:
                case Pending(progress, wait_s):
                    chase.report(progress or 0)
                case Delivered() | Failure():
                    return await self._conclude(chase, attempt, answer)
                case None:
                    wait_s = _ASK_AGAIN_S
                case _:
                    assert_never(answer)

    async def _ask(self, chase: Chase, call: Coroutine[Any, Any, T], through: Reason | None = None) -> T | None:
        """What the provider answers; None when it did not within the route's deadline for one call."""
        try:
            at_most_s = min(chase.route.deadline_s, self._left_s(chase))
            return await chase.interrupt.wait_for(call, at_most_s, through=through)
        except Interrupted as interrupted:
            if interrupted.reason is Reason.DEADLINE and self._left_s(chase) > 0:
                return None
            raise

    async def _conclude(self, chase: Chase, attempt: AttemptId, answer: Delivered | Failure) -> Kept | Failure:
        if isinstance(answer, Failure):
            return await self._close(attempt, answer)
        try:
            return await self._keep(chase, attempt, answer)
        except Refusal as refusal:
            # The vendor was paid for something that is no picture.
            paid = not self.routing.provider(chase.route).free
            return await self._close(attempt, Failure(FailureKind.BAD_OUTPUT, refusal.reason, charged=paid))

    async def _keep(self, chase: Chase, attempt: AttemptId, delivered: Delivered) -> Kept:
        """Decode, hash and store the picture, and write that down; only then does it count."""
        seen = await asyncio.to_thread(self.pictures.inspect, delivered.picture.path)
        stored = await self.blobs.put(delivered.picture.path)
        result = Result(stored.blob, seen.media_type, EXTENSION[seen.media_type], seen.width, seen.height)
        served_by = {"provider": chase.route.provider, "model": chase.route.upstream, **delivered.served_by}
        kept = Kept(result, served_by)
        cost_usd = 0.0 if self.routing.provider(chase.route).free else delivered.cost_usd
        await self.journal.delivered(attempt, kept, stored.size, cost_usd)
        return kept

    async def _close(self, attempt: AttemptId, failure: Failure) -> Failure:
        await self.journal.failed(attempt, failure)
        return failure


def _no_answer(route: Route, *, free: bool) -> Failure:
    """A vendor that is silent may have done the work, and been paid for it."""
    kind = FailureKind.TIMEOUT if free else FailureKind.UNKNOWN_OUTCOME
    return Failure(kind, f"{route.provider} did not answer within {route.deadline_s:g} s")


def _cut_off() -> Failure:
    return Failure(
        FailureKind.UNKNOWN_OUTCOME,
        "the worker was cut off during the call; whether the vendor did the work is unknown",
    )


def _pause_s(failure: Failure, attempt: int) -> float:
    if failure.retry_after_s is not None:
        return failure.retry_after_s
    if failure.kind is FailureKind.UNKNOWN_OUTCOME:
        return 0.0
    return full_jitter_s(attempt, random.random())  # noqa: S311 - spreads a crowd, guards nothing
