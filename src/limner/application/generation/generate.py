"""Generate one image: resume what the journal left open, then attempt after attempt as the retry rule allows."""

import random
from dataclasses import dataclass
from functools import partial

from limner.application.generation.attempt import RunAttempt
from limner.application.generation.generation import AttemptFailed, Generation
from limner.application.generation.journal import KeptImage, SpendJournal, delivered_image, failure_kind
from limner.application.generation.route_limits import MAX_WAITED_PAUSE_MS
from limner.application.generation.routing import Routing
from limner.domain.routing.backoff import full_jitter_s
from limner.domain.routing.failure import RETRIES, Failure, FailureKind
from limner.domain.routing.retry import FailedTry, routes_to_try
from limner.domain.routing.route import Route, UnknownOutcome
from limner.ports.clock import Clock

MAX_FREE_RETRIES = 5
"""Retries of a free call after an unknown outcome: a task that kills its worker each time must end."""


@dataclass(frozen=True, slots=True)
class Generate:
    journal: SpendJournal
    routing: Routing
    run_attempt: RunAttempt
    clock: Clock

    async def __call__(self, generation: Generation) -> KeptImage | Failure:
        """The stored image, or the failure that no retry is left for. Raises `Interrupted`."""
        with generation.siblings:
            attempts = [each for each in await self.journal.of(generation.task) if each.part == generation.part]
            if image := delivered_image(attempts):
                return image
            tries = [
                FailedTry(each.route, kind, charged=each.charged)
                for each in attempts[:-1]
                if (kind := failure_kind(each))
            ]
            number, outcome = len(attempts), await self.run_attempt.resume(generation, attempts)
            while not isinstance(outcome, KeptImage):
                routes = await self._routes_after(outcome, generation, tries, number)
                if outcome and not routes:
                    generation.siblings.set()
                    return outcome.failure
                number += 1
                outcome = await self.run_attempt(generation, routes, number)
            return outcome

    async def _routes_after(
        self, failed: AttemptFailed | None, generation: Generation, tries: list[FailedTry], number: int
    ) -> list[Route]:
        """The routes for the next attempt, once its backoff is over; `failed` is added to `tries`."""
        if failed is None:
            return list(generation.routes)
        if failed.route is None:
            return []
        tries.append(FailedTry(failed.route.name, failed.failure.kind, charged=failed.failure.charged))
        routes = routes_to_try(generation.routes, tries, partial(self._retry_limit, failed.route))
        if not routes or routes[0] != failed.route:
            return routes
        return await self._back_off(generation, failed.failure, routes, number)

    async def _back_off(
        self, generation: Generation, failure: Failure, routes: list[Route], number: int
    ) -> list[Route]:
        """Wait before the same route is tried again, or leave it out where the wait is too long."""
        pause_s = _backoff_s(failure, number)
        if pause_s > MAX_WAITED_PAUSE_MS / 1000 and len(routes) > 1:
            return routes[1:]
        if pause_s > generation.submit_within_s(self.clock.now_ms()):
            return []
        if pause_s:
            await self.run_attempt.pause(generation, pause_s)
        return routes

    def _retry_limit(self, route: Route, kind: FailureKind) -> int:
        if kind is not FailureKind.UNKNOWN_OUTCOME:
            return RETRIES[kind]
        if self.routing.is_free(route):
            return MAX_FREE_RETRIES
        return RETRIES[kind] if route.unknown_outcome is UnknownOutcome.RESEND_ONCE else 0


    async def _wait(self, chase: Generation, seconds: float) -> None:
        await chase.interrupt.wait_for(self.clock.sleep(seconds), self._left_s(chase))

    async def _pause(self, chase: Generation, seconds: float) -> None:
        """Wait for a vendor, unless the other pictures of the task make it useless."""
        pause = chase.together.pause_unless_failed(partial(self.clock.sleep, seconds))
        await chase.interrupt.wait_for(pause, self._left_s(chase))

    def _left_s(self, chase: Generation) -> float:
        return (chase.deadline_ms - self.clock.now_ms()) / 1000

    def _order_within_s(self, chase: Generation) -> float:
        return (chase.submit_until_ms - self.clock.now_ms()) / 1000

    # --- one attempt ----------------------------------------------------------------------------------------------

    async def _take_up(self, chase: Generation, past: Sequence[Attempt]) -> KeptImage | AttemptFailed | None:
        """Go on from where a worker that is gone left the journal, over the route that it took."""
        if not past:
            return None
        last = past[-1]
        route = next((each for each in chase.routes if each.name == last.route), None) or self.routing.route_of_attempt(
            last
        )
        match last:
            case Attempt(state="submitted", handle=handle) if handle is not None and route is not None:
                return await self._follow(GenerationAttempt(chase, last.id, route), handle, wait_s=0)
            case Attempt(state="intended" | "submitted"):
                failure = _cut_off() if route else _gone(last.provider)
                await self.journal.cut_off(chase.task, last.id, failure, chase.owner)
                return AttemptFailed(failure, route or self._lost_route(last))
            case Attempt(state="closed") if kind := _kind_of(last):
                failure = Failure(kind, last.reason or "", last.charged, detail=last.detail)
                return AttemptFailed(failure, route or self._lost_route(last))
        return None

    def _lost_route(self, attempt: Attempt) -> Route:
        """A route whose provider is gone, for the count of what was tried; the general policy holds for it."""
        return Route(attempt.route, attempt.provider, attempt.upstream, 0.0, self.routing.unknown_outcome)

    async def _order(self, chase: Generation, routes: Sequence[Route], number: int) -> KeptImage | AttemptFailed:
        match await self._enter(chase, routes, number):
            case IntendedAttempt(attempt, route):
                return await self._send(GenerationAttempt(chase, attempt, route))
            case Failure() as failure:
                return AttemptFailed(failure, None)

    async def _enter(self, chase: Generation, routes: Sequence[Route], number: int) -> IntendedAttempt | Failure:
        """Write the order down as soon as one of the routes has a place for it."""
        while True:
            chase.interrupt.check(self._order_within_s(chase))
            if chase.together.lost:
                return _in_vain()
            if await self.disk_guard.is_full(self.clock.now_ms()):
                await self._pause(chase, _ASK_AGAIN_S)
                continue
            turn = await self.journal.intend(chase.task, number, routes, chase.owner, part=chase.part)
            if not isinstance(turn, RouteWait):
                return turn
            wait_s = turn.ms / 1000
            if wait_s > (left_s := self._order_within_s(chase)):
                return Failure(FailureKind.RATE_LIMITED, f"{turn.why}; this task has {left_s:.0f} s left")
            await self._pause(chase, wait_s + random.uniform(0, 0.5))  # noqa: S311 - spreads a crowd, guards nothing

    async def _send(self, leg: GenerationAttempt) -> KeptImage | AttemptFailed:
        provider = self.routing.provider(leg.route)
        # A worker that stops waits a little longer for what it is buying: an answer that nobody hears is bought twice.
        through = None if provider.free else Reason.SHUTDOWN
        order = leg.order(self._left_s(leg.chase))
        answer = await self._ask(leg, provider.submit(order, leg.chase.report), through)
        match answer:
            case Accepted(handle, wait_s):
                await self.journal.submitted(leg.attempt, handle)
                return await self._follow(leg, handle, wait_s)
            case Delivered() | Failure():
                return await self._conclude(leg, answer)
            case None:
                return await self._close(leg, _no_answer(leg.route, free=provider.free))
            case _:
                assert_never(answer)

    async def _follow(
        self, leg: GenerationAttempt, handle: Mapping[str, Any], wait_s: float
    ) -> KeptImage | AttemptFailed:
        """Ask until the job has ended. A question without an answer is asked again: the job is bought already."""
        provider = self.routing.provider(leg.route)
        while True:
            await self._pause(leg.chase, wait_s)
            answer = await self._ask(leg, provider.poll(handle, leg.order(self._left_s(leg.chase))))
            match answer:
                case Pending(progress=progress, wait_s=wait_s, handle=new_handle):
                    leg.chase.report(progress or 0)
                    if new_handle is not None:
                        await self.journal.submitted(leg.attempt, handle := new_handle)
                case Delivered() | Failure():
                    return await self._conclude(leg, answer)
                case None:
                    wait_s = _ASK_AGAIN_S
                case _:
                    assert_never(answer)
            if leg.chase.together.lost:
                return AttemptFailed(_in_vain(), None)  # bought, and of no use: the end of the task closes its line

    async def _ask(
        self, leg: GenerationAttempt, call: Coroutine[Any, Any, T], through: Reason | None = None
    ) -> T | None:
        """What the provider answers; None when it did not within the route's deadline for one call."""
        left_s = partial(self._left_s, leg.chase)
        try:
            return await leg.chase.interrupt.wait_for(call, min(leg.route.deadline_s, left_s()), through=through)
        except Interrupted as interrupted:
            if interrupted.reason is Reason.DEADLINE and left_s() > 0:
                return None
            raise

    async def _conclude(self, leg: GenerationAttempt, answer: Delivered | Failure) -> KeptImage | AttemptFailed:
        if isinstance(answer, Failure):
            return await self._close(leg, answer)
        try:
            return await self._keep(leg, answer)
        except Refusal as refusal:
            # The vendor was paid for something that is no picture.
            paid = not self._is_free(leg.route)
            return await self._close(leg, Failure(FailureKind.BAD_OUTPUT, refusal.reason, charged=paid))

    async def _keep(self, leg: GenerationAttempt, delivered: Delivered) -> KeptImage:
        """Decode, hash and store the picture, and write that down; only then does it count."""
        path = delivered.picture.path
        seen, stored = await asyncio.gather(self.pictures.inspect(path), self.blobs.identify(path))
        await self._put_away(leg, path, seen.media_type, stored)
        result = Result(stored.blob, seen.media_type, EXTENSION[seen.media_type], seen.width, seen.height)
        # The operator's name for the provider, not the adapter's for itself.
        served_by = {"model": leg.route.upstream, **delivered.served_by, "provider": leg.route.provider}
        kept = KeptImage(result, served_by)
        cost_usd = 0.0 if self._is_free(leg.route) else delivered.cost_usd
        await self.journal.delivered(leg.attempt, leg.route, kept, stored.size, cost_usd)
        return kept

    async def _put_away(self, leg: GenerationAttempt, path: Path, media_type: str, stored: Stored) -> None:
        """Put what is bought into the store, however often it refuses: only the end of the task lets go of it."""
        keep = Keep(self.journal.store, self.blobs, self.clock)
        while True:
            try:
                await keep(path, media_type, leg.chase.task, stored)
            except (StorageRefuses, StoreUnavailable) as trouble:
                self.disk_guard.refused(self.clock.now_ms())
                log.error("a picture finds no place, trying again", task=leg.chase.task, trouble=str(trouble))  # noqa: TRY400 - all there is
                await self._wait_for_place(leg, str(trouble))
            else:
                self.disk_guard.took()
                return

    async def _wait_for_place(self, leg: GenerationAttempt, trouble: str) -> None:
        try:
            await self._wait(leg.chase, _ASK_AGAIN_S)
        except Interrupted as interrupted:
            if interrupted.reason in {Reason.DEADLINE, Reason.CANCEL}:
                reason = f"the picture came and could not be kept: {trouble}"
                await self.journal.discarded(leg.attempt, reason, charged=not self._is_free(leg.route))
            raise

    async def _close(self, leg: GenerationAttempt, failure: Failure) -> AttemptFailed:
        await self.journal.failed(leg.attempt, failure, leg.route)
        return AttemptFailed(failure, leg.route)


def _kind_of(attempt: Attempt) -> FailureKind | None:
    return next((kind for kind in FailureKind if kind == attempt.outcome), None)


def _no_answer(route: Route, *, free: bool) -> Failure:
    """A vendor that is silent may have done the work, and been paid for it."""
    kind = FailureKind.TIMEOUT if free else FailureKind.UNKNOWN_OUTCOME
    return Failure(kind, f"{route.provider} did not answer within {route.deadline_s:g} s")


def _in_vain() -> Failure:
    return Failure(FailureKind.CANCELLED, "another picture of this task failed")


def _cut_off() -> Failure:
    return Failure(
        FailureKind.UNKNOWN_OUTCOME,
        "the worker was cut off during the call; whether the vendor did the work is unknown",
    )


def _gone(provider: str) -> Failure:
    return Failure(
        FailureKind.UNKNOWN_OUTCOME, f"{provider} is no longer configured; whether it did the work is unknown"
    )


def _pause_s(failure: Failure, attempt: int) -> float:
    """Before the same route is tried again. A vendor that asked for a pause has it from everybody, see `Traffic`."""
    if failure.kind in {FailureKind.UNKNOWN_OUTCOME, FailureKind.RATE_LIMITED}:
        return 0.0
    if failure.retry_after_s is not None:
        return failure.retry_after_s
    return full_jitter_s(attempt, random.random())  # noqa: S311 - jitter, not a secret
