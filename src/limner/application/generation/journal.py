"""The spend journal: an attempt's intent is written before it is sent, its handle right after, then its image."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

import structlog

from limner.application.generation.interrupt import Interrupted, Reason
from limner.application.generation.route_durations import RouteDurations
from limner.application.generation.route_limits import RouteLimits, RouteWait
from limner.application.ids import time_ordered
from limner.db.records import Records
from limner.db.store import Store, StoreUnavailable
from limner.db.tables.attempts import Attempt, LastDelivery
from limner.domain.ids import AttemptId, TaskId
from limner.domain.routing.failure import Failure, FailureKind
from limner.domain.routing.route import Route
from limner.domain.tasks.task import Result
from limner.ports.clock import Clock

log = structlog.get_logger()

T = TypeVar("T")

WRITE_RETRIES_S = (0.2, 1, 2, 5, *[10] * 90)
"""Waits between tries to write a vendor's answer: 15 minutes in all, as long as a task may run by default."""

_MAX_RETRIES_OF_BUGS = 3
"""For errors that are not an outage of the database."""


@dataclass(frozen=True, slots=True)
class KeptImage:
    """An image in our own store. `served_by` says who made it."""

    result: Result
    served_by: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DeliveredImage:
    """A stored image that is still to be written to the journal. `size` is in bytes."""

    attempt: AttemptId
    route: Route
    image: KeptImage
    size: int
    cost_usd: float | None

    @property
    def row(self) -> LastDelivery:
        return LastDelivery(self.attempt, asdict(self.image), self.cost_usd, self.size)


@dataclass(frozen=True, slots=True)
class IntendedAttempt:
    """An attempt whose intent is on disk: its request may be sent over this route."""

    attempt: AttemptId
    route: Route


@dataclass(frozen=True, slots=True)
class SpendJournal:
    store: Store
    clock: Clock
    route_limits: RouteLimits = field(default_factory=RouteLimits)
    durations: RouteDurations = field(default_factory=RouteDurations)

    async def of(self, task: TaskId) -> Sequence[Attempt]:
        return await self.store.read(lambda records: records.attempts.of(task))

    async def intend(
        self, task: TaskId, number: int, routes: Sequence[Route], owner: str | None = None, *, part: str = ""
    ) -> IntendedAttempt | RouteWait | Failure:
        """Write the intent to submit over the first open one of `routes`, before the first byte is sent.

        Returns `RouteWait` when no route is open now, `Failure` when every route needs the operator. Raises
        `Interrupted` when `owner` no longer holds the task's lease: its new holder may be buying already.
        """
        now_ms = self.clock.now_ms()

        def work(records: Records) -> IntendedAttempt | RouteWait | Failure:
            expected = self.durations.expected_ms(records, routes[0].name, now_ms)
            _expect(records, task, owner, expected)
            route = self.route_limits.acquire(records, routes, now_ms)
            if not isinstance(route, Route):
                return route
            _log_fallback(records, task, part, number, routes[0], route)
            attempt = _new_attempt(task, part, number, route, now_ms)
            records.attempts.intend(attempt)
            if route.name != routes[0].name:
                records.tasks.set_expected_end(task, self.durations.expected_ms(records, route.name, now_ms))
            return IntendedAttempt(attempt.id, route)

        return await self.store.run(work)

    async def submitted(self, attempt: AttemptId, handle: Mapping[str, Any]) -> bool:
        """Write the handle of the vendor's job, or the one that replaces it.

        Returns False where the attempt was closed meanwhile, by another worker that knew no handle.
        """
        now_ms = self.clock.now_ms()
        return await self._write(lambda records: records.attempts.submitted(attempt, handle, now_ms))

    async def vendor_queued(self, task: TaskId, attempt: AttemptId, owner: str) -> None:
        """Write that the job waits in the vendor's queue, and tell the task's watchers."""
        now_ms = self.clock.now_ms()
        write = self._told(task, owner, now_ms, lambda records: records.attempts.vendor_queued(attempt, now_ms))
        await self._write(write)

    async def working(self, task: TaskId, attempt: AttemptId, owner: str) -> None:
        """Write that the vendor has begun to work on a job that it had queued, and tell the task's watchers."""
        now_ms = self.clock.now_ms()
        write = self._told(task, owner, now_ms, lambda records: records.attempts.working(attempt, now_ms))
        await self._write(write)

    @staticmethod
    def _told(task: TaskId, owner: str, now_ms: int, write: Callable[[Records], None]) -> Callable[[Records], None]:
        """`write`, with an event of a task whose status stays: none where it has ended or is another worker's."""

        def work(records: Records) -> None:
            held = records.tasks.lock_lease(task, owner)
            write(records)
            if held and (running := records.tasks.get(task)):
                records.events.add(running.account, task, running.status, now_ms)

        return work

    async def delivered(self, delivery: DeliveredImage) -> None:
        now_ms = self.clock.now_ms()
        await self._write(lambda records: self._deliver(records, delivery, now_ms))
        _log_delivery(delivery)

    async def delivered_with(self, delivery: DeliveredImage, end: Callable[[Records], T | None]) -> T | None:
        """End a task in the unit of work that writes its delivery.

        `end` writes it to the journal, or returns None where the task is not this worker's to end. Then, and where
        `end` fails, the delivery is written alone.
        """
        now_ms = self.clock.now_ms()

        def both(records: Records) -> T | None:
            ended = end(records)
            if ended is None:
                self._deliver(records, delivery, now_ms)
            else:
                self.route_limits.record_success(records, delivery.route)
            return ended

        try:
            done = await self._write(both)
        except Exception:
            await self.delivered(delivery)
            raise
        _log_delivery(delivery)
        return done

    def _deliver(self, records: Records, delivery: DeliveredImage, now_ms: int) -> None:
        image = delivery.image
        records.blobs.add(image.result.blob, delivery.size, image.result.media_type, now_ms)
        records.attempts.delivered(delivery.attempt, asdict(image), delivery.cost_usd, now_ms)
        self.route_limits.record_success(records, delivery.route)

    async def failed(self, attempt: AttemptId, failure: Failure, route: Route | None) -> bool:
        """Close the attempt. `route` is None for a failure that does not count against the route.

        Returns True where the vendor's own check must decide whether the route is broken for all tasks.
        """
        now_ms = self.clock.now_ms()

        def work(records: Records) -> bool:
            begun_ms = records.attempts.close(
                attempt, failure.kind, now_ms, reason=failure.reason, detail=failure.detail, charged=failure.charged
            )
            if begun_ms is not None:
                _log_failure(failure, route, now_ms - begun_ms)
            if route is None or begun_ms is None:
                return False
            return self.route_limits.record_failure(records, attempt, route, failure, begun_ms, now_ms)

        return await self._write(work)

    async def confirmed(self, route: Route, failure: Failure) -> None:
        """Open the route's circuit breaker: the vendor's own check fails as the attempt did."""
        now_ms = self.clock.now_ms()
        await self.store.run(lambda records: self.route_limits.confirm_failure(records, route, failure, now_ms))

    async def discarded(self, attempt: AttemptId, reason: str, *, charged: bool, detail: str | None = None) -> None:
        """Close an abandoned attempt; `charged` says whether the vendor was paid."""
        now_ms = self.clock.now_ms()
        await self._write(
            lambda records: records.attempts.close(
                attempt, "given_up", now_ms, reason=reason, detail=detail, charged=charged
            )
        )

    async def close_orphaned(self, attempt: Attempt, failure: Failure, owner: str) -> Attempt | None:
        """Close a dead worker's open attempt, not counted against its route.

        Returns the attempt as it is now, and still open, where that worker is alive after all and has written the
        handle since `attempt` was read: then the job goes on.
        Raises `Interrupted` when `owner` no longer holds the task's lease: the attempt may be its new holder's.
        """
        now_ms, task = self.clock.now_ms(), attempt.task

        def work(records: Records) -> Attempt | None:
            _check_lease(records, task, owner)  # which locks the task's row, as the writing of a handle does
            if attempt.handle is None:
                now = next(each for each in records.attempts.of(task) if each.id == attempt.id)
                if now.state == "submitted" and now.handle is not None:
                    return now
            kind, reason = failure.kind, failure.reason
            records.attempts.close(attempt.id, kind, now_ms, reason=reason, detail=None, charged=False)
            return None

        return await self.store.run(work)

    async def _write(self, work: Callable[[Records], T]) -> T:
        """Write, and retry while the database is unavailable: until then only this process has the answer."""
        for tries, pause_s in enumerate(WRITE_RETRIES_S):
            try:
                return await self.store.run(work)
            except StoreUnavailable as error:
                log.error("journal not written, trying again", error=str(error))  # noqa: TRY400 - an outage, no bug
            except Exception:
                if tries == _MAX_RETRIES_OF_BUGS:
                    raise
                log.exception("journal not written, trying again")
            await self.clock.sleep(pause_s)
        return await self.store.run(work)


def delivered_image(attempts: Sequence[Attempt]) -> KeptImage | None:
    """The image that one of these attempts delivered, however late."""
    return next((image_of(attempt) for attempt in attempts if attempt.result), None)


def image_of(attempt: Attempt) -> KeptImage:
    """The image of a delivered attempt."""
    delivered = attempt.result or {}
    return KeptImage(Result.of(delivered["result"]), delivered["served_by"])


def failure_kind(attempt: Attempt) -> FailureKind | None:
    """How a closed attempt failed; None for one that delivered or was given up."""
    return next((kind for kind in FailureKind if kind == attempt.outcome), None)


def _expect(records: Records, task: TaskId, owner: str | None, expected_ms: int) -> None:
    """Lock the task's row, and write when its picture is expected."""
    if owner is None:
        records.tasks.set_expected_end(task, expected_ms)
    elif not records.tasks.lock_lease(task, owner, expected_ms):
        raise Interrupted(Reason.LEASE_LOST)


def _check_lease(records: Records, task: TaskId, owner: str) -> None:
    if not records.tasks.lock_lease(task, owner):
        raise Interrupted(Reason.LEASE_LOST)


def _log_fallback(  # noqa: PLR0917 - what is logged
    records: Records, task: TaskId, part: str, number: int, preferred: Route, route: Route
) -> None:
    earlier = [attempt.route for attempt in records.attempts.of(task) if attempt.part == part] if number > 1 else []
    expected = earlier[-1] if earlier else preferred.name
    if route.name != expected:
        log.warning("fallback to another route", task=task, route=route.name, instead_of=expected)


def _log_delivery(delivery: DeliveredImage) -> None:
    route = delivery.route
    log.info(
        "image delivered", provider=route.provider, route=route.name, cost_usd=delivery.cost_usd, bytes=delivery.size
    )


def _log_failure(failure: Failure, route: Route | None, duration_ms: int) -> None:
    log.warning(
        "attempt failed",
        provider=route.provider if route else None,
        route=route.name if route else None,
        kind=failure.kind,
        reason=failure.reason,
        charged=failure.charged,
        duration_ms=duration_ms,
    )


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
