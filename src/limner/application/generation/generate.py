"""Generate one image: resume what the journal left open, then attempt after attempt as the retry rule allows."""

import random
from collections.abc import Awaitable, Callable
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

PictureCheck = Callable[[Generation, KeptImage], Awaitable[KeptImage | Failure]]
"""Lets an image pass that is in the journal, or withholds it."""

MAX_FREE_RETRIES = 5
"""Retries of a free call after an unknown outcome: a task that kills its worker each time must end."""


@dataclass(frozen=True, slots=True)
class Generate:
    journal: SpendJournal
    routing: Routing
    run_attempt: RunAttempt
    clock: Clock
    check_picture: PictureCheck | None = None
    """None where no judge looks at pictures."""

    async def __call__(self, generation: Generation) -> KeptImage | Failure:
        """The stored image, or the failure that no retry is left for. Raises `Interrupted`."""
        with generation.siblings:
            attempts = generation.attempts
            if image := delivered_image(attempts):
                return await self._allowed(generation, image)
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
            return await self._allowed(generation, outcome)

    async def _allowed(self, generation: Generation, image: KeptImage) -> KeptImage | Failure:
        return image if self.check_picture is None else await self.check_picture(generation, image)

    async def _routes_after(
        self, failed: AttemptFailed | None, generation: Generation, tries: list[FailedTry], number: int
    ) -> list[Route]:
        """The routes for the next attempt, once its backoff is over; `failed` is added to `tries`."""
        if failed is None:
            return list(generation.routes)
        if failed.route is None:
            return []
        failure = failed.failure
        tries.append(
            FailedTry(
                failed.route.name,
                failure.kind,
                charged=failure.charged,
                repeatable=failure.repeatable,
                of_key=failure.of_key,
            )
        )
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


def _backoff_s(failure: Failure, attempt: int) -> float:
    """The wait before the same route is tried again. `RouteLimits` makes all tasks wait after a vendor's 429."""
    if failure.kind in {FailureKind.UNKNOWN_OUTCOME, FailureKind.RATE_LIMITED}:
        return 0.0
    if failure.retry_after_s is not None:
        return failure.retry_after_s
    return full_jitter_s(attempt, random.random())  # noqa: S311 - jitter, not a secret
