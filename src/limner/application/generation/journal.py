"""The spend journal: an order is written before it is sent, its handle right after, its picture before it counts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

import structlog

from limner.application.generation.interrupt import Interrupted, Reason
from limner.application.generation.route_limits import RouteLimits, RouteWait
from limner.application.ids import time_ordered
from limner.db.records import Records
from limner.db.store import Store, StoreUnavailable
from limner.db.tables.attempts import Attempt
from limner.domain.ids import AttemptId, TaskId
from limner.domain.routing.failure import Failure
from limner.domain.routing.route import Route
from limner.domain.tasks.progress import expected_ms
from limner.domain.tasks.task import Result
from limner.ports.clock import Clock

log = structlog.get_logger()

T = TypeVar("T")

PAUSES_S = (0.2, 1, 2, 5, *[10] * 90)
"""Between tries to write down an answer: a quarter of an hour, as long as a task may run where nobody chose."""

_FEW = 3
"""So often what is no trouble of the database's is tried again."""

DURATION_SAMPLES = 20
"""How many of a route's last durations its expected one is the median of."""


@dataclass(frozen=True, slots=True)
class KeptImage:
    """A picture that is in our own store, and who made it."""

    result: Result
    served_by: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class IntendedAttempt:
    """An order that is written down and may go out, over this route."""

    attempt: AttemptId
    route: Route


@dataclass(frozen=True, slots=True)
class SpendJournal:
    store: Store
    clock: Clock
    route_limits: RouteLimits = field(default_factory=RouteLimits)

    async def of(self, task: TaskId) -> Sequence[Attempt]:
        return await self.store.read(lambda records: records.attempts.of(task))

    async def intend(
        self, task: TaskId, number: int, routes: Sequence[Route], owner: str | None = None, *, part: str = ""
    ) -> IntendedAttempt | RouteWait | Failure:
        """On disk before the first byte leaves: from here on a crash is known to have happened during a call.

        The order takes the first of `routes` that is open; `RouteWait` says that none is now, `Failure` that none
        will be before somebody mends it. Raises `Interrupted` when `owner` no longer holds the task's lease: whoever
        holds it now may be buying already.
        """
        now_ms = self.clock.now_ms()

        def work(records: Records) -> IntendedAttempt | RouteWait | Failure:
            if owner is not None:
                _check_lease(records, task, owner)
            route = self.route_limits.enter(records, routes, now_ms)
            if not isinstance(route, Route):
                return route
            attempt = _new_attempt(task, part, number, route, now_ms)
            records.attempts.intend(attempt)
            records.tasks.set_expected_end(
                task, expected_ms(records.attempts.recent_durations_ms(route.name, DURATION_SAMPLES))
            )
            return IntendedAttempt(attempt.id, route)

        return await self.store.run(work)

    async def submitted(self, attempt: AttemptId, handle: Mapping[str, Any]) -> None:
        now_ms = self.clock.now_ms()
        await self._insist(lambda records: records.attempts.submitted(attempt, handle, now_ms))

    async def delivered(
        self, attempt: AttemptId, route: Route, kept: KeptImage, size: int, cost_usd: float | None
    ) -> None:
        now_ms = self.clock.now_ms()

        def work(records: Records) -> None:
            records.blobs.add(kept.result.blob, size, kept.result.media_type, now_ms)
            records.attempts.delivered(attempt, asdict(kept), cost_usd, now_ms)
            self.route_limits.worked(records, route)

        await self._insist(work)

    async def _insist(self, work: Callable[[Records], T]) -> T:
        """Write down what a vendor answered: it was paid for, and while the database is away it is known here alone."""
        for tries, pause_s in enumerate(PAUSES_S):
            try:
                return await self.store.run(work)
            except StoreUnavailable as trouble:
                log.error("journal not written, trying again", trouble=str(trouble))  # noqa: TRY400 - all there is
            except Exception:
                if tries == _FEW:
                    raise
                log.exception("journal not written, trying again")
            await self.clock.sleep(pause_s)
        return await self.store.run(work)

    async def cut_off(self, task: TaskId, attempt: AttemptId, failure: Failure, owner: str) -> None:
        """Close what a worker that is gone left open; nothing is learnt from it of its route.

        Raises `Interrupted` when `owner` no longer holds the task's lease: whoever holds it now may have begun it.
        """
        now_ms = self.clock.now_ms()

        def work(records: Records) -> None:
            _check_lease(records, task, owner)
            records.attempts.close(attempt, failure.kind, now_ms, reason=failure.reason, detail=None, charged=False)

        await self.store.run(work)

    async def failed(self, attempt: AttemptId, failure: Failure, route: Route | None) -> None:
        """Close the attempt. `route` is None where nothing is learnt of it."""
        now_ms = self.clock.now_ms()

        def work(records: Records) -> None:
            begun_ms = records.attempts.close(
                attempt, failure.kind, now_ms, reason=failure.reason, detail=failure.detail, charged=failure.charged
            )
            if route is not None and begun_ms is not None:
                self.route_limits.failed(records, route, failure, begun_ms, now_ms)

        await self._insist(work)

    async def discarded(self, attempt: AttemptId, reason: str, *, charged: bool) -> None:
        """Close an attempt whose picture came, and had to be let go of."""
        now_ms = self.clock.now_ms()
        await self._insist(
            lambda records: records.attempts.close(
                attempt, "given_up", now_ms, reason=reason, detail=None, charged=charged
            )
        )


def delivered_image(attempts: Sequence[Attempt]) -> KeptImage | None:
    """The picture that a task has in the store already, whichever attempt brought it and however late."""
    return next((image_of(attempt) for attempt in attempts if attempt.result), None)


def image_of(attempt: Attempt) -> KeptImage:
    """What a delivered attempt brought."""
    brought = attempt.result or {}
    return KeptImage(Result.of(brought["result"]), brought["served_by"])


def _check_lease(records: Records, task: TaskId, owner: str) -> None:
    if not records.tasks.lock_lease(task, owner):
        raise Interrupted(Reason.LEASE_LOST)


def _new_attempt(task: TaskId, part: str, number: int, route: Route, now_ms: int) -> Attempt:
    return Attempt(
        id=AttemptId(time_ordered(now_ms)),
        task=task,
        part=part,
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
        price_usd=route.price_usd,
        cost_usd=None,
        intended_ms=now_ms,
        submitted_ms=None,
        delivered_ms=None,
        closed_ms=None,
    )
