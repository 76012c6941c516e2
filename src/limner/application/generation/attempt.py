"""One attempt: write the intent, submit to the provider, poll the job, keep what it delivers."""

import asyncio
import random
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar, assert_never

import structlog

from limner.application.generation.disk_guard import DiskGuard
from limner.application.generation.generation import SIBLING_FAILED, AttemptFailed, Generation, GenerationAttempt
from limner.application.generation.interrupt import Interrupted, Reason
from limner.application.generation.journal import IntendedAttempt, KeptImage, SpendJournal, failure_kind
from limner.application.generation.keep_image import KeepImage, failure_of
from limner.application.generation.keep_partial_image import KeepPartialImage
from limner.application.generation.observe_attempt import ObserveAttempt, ObservedAttempt
from limner.application.generation.route_limits import RouteWait
from limner.application.generation.routing import Routing
from limner.db.tables.attempts import Attempt
from limner.domain.refusal import Refusal
from limner.domain.routing.failure import Failure, FailureKind
from limner.domain.routing.route import Route
from limner.ports.clock import Clock
from limner.ports.provider import Accepted, CancelsJobs, ChecksUpstreams, Delivered, GenerationRequest, Pending

log = structlog.get_logger()

T = TypeVar("T")

POLL_AGAIN_S = 2.0
"""After a poll without an answer, and between two looks at a full disk."""

CHECK_TIMEOUT_S = 10.0
"""For the vendor's free check after a failure that looks like one for the operator."""


@dataclass(frozen=True, slots=True)
class RunAttempt:
    journal: SpendJournal
    routing: Routing
    keep: KeepImage
    clock: Clock
    disk_guard: DiskGuard
    observe: ObserveAttempt
    keep_partial_image: KeepPartialImage | None = None

    async def __call__(self, generation: Generation, routes: Sequence[Route], number: int) -> KeptImage | AttemptFailed:
        """Submit over the first open one of `routes`, and follow the job to its end. Raises `Interrupted`."""
        intent = await self._intend(generation, routes, number)
        if isinstance(intent, Failure):
            return AttemptFailed(intent, None)
        attempt = GenerationAttempt(generation, intent.attempt, intent.route, self.clock.now_ms())
        provider = self.routing.provider(attempt.route)
        # A stopping worker waits a little for a paid call: without its answer the image would be bought twice.
        ignored = None if provider.free else Reason.SHUTDOWN
        request = self._with_previews(attempt.request(self._left_s(generation)), generation)
        with self.observe(attempt) as observed:
            with observed.vendor_call() as vendor_call:
                first = await self._call(attempt, provider.submit(request, generation.report), ignored)
                match first:
                    case Accepted(handle, wait_s):
                        if not await self.journal.submitted(attempt.id, handle):
                            await self._stop_late(attempt, handle)
                            raise Interrupted(Reason.LEASE_LOST)
                        answer = await self._poll(attempt, handle, wait_s)
                    case Delivered() | Failure():
                        answer = first
                    case None:
                        answer = _no_answer(attempt.route, free=provider.free)
                    case _:
                        assert_never(first)
                vendor_call.answered(answer)
            return await self._finish(attempt, answer, observed)

    def _with_previews(self, request: GenerationRequest, generation: Generation) -> GenerationRequest:
        if self.keep_partial_image is None or not request.spec.partial_images:
            return request
        return replace(request, on_partial_image=partial(self.keep_partial_image, generation))

    async def resume(self, generation: Generation, attempts: Sequence[Attempt]) -> KeptImage | AttemptFailed | None:
        """Continue the last of the image's `attempts`, which another worker began; None where there is none."""
        if not attempts:
            return None
        last = attempts[-1]
        route = next((each for each in generation.routes if each.name == last.route), None)
        route = route or self.routing.route_of_attempt(last)
        match last:
            case Attempt(state="submitted", handle=handle) if handle is not None and route is not None:
                attempt = GenerationAttempt(generation, last.id, route, last.intended_ms)
                with self.observe(attempt, resumed=True) as observed:
                    with observed.vendor_call() as vendor_call:
                        answer = await self._poll(attempt, handle, wait_s=0, was_queued=last.in_vendors_queue)
                        vendor_call.answered(answer)
                    return await self._finish(attempt, answer, observed)
            case Attempt(state="intended" | "submitted"):
                failure = _cut_off() if route else _provider_removed(last.provider)
                if answered := await self.journal.close_orphaned(last, failure, generation.owner):
                    return await self.resume(generation, [answered])
                return AttemptFailed(failure, route or self.routing.removed_route(last))
            case Attempt(state="closed") if kind := failure_kind(last):
                failure = Failure(kind, last.reason or "", last.charged, detail=last.detail)
                return AttemptFailed(failure, route or self.routing.removed_route(last))
        return None

    async def pause(self, generation: Generation, seconds: float) -> None:
        """Wait, but no longer than the task has, and not once another of its images has failed."""
        pause, failed = self.clock.sleep(seconds), generation.siblings.failed
        await generation.interrupt.wait_for(pause, self._left_s(generation), unless=failed)

    async def _intend(self, generation: Generation, routes: Sequence[Route], number: int) -> IntendedAttempt | Failure:
        """Write the attempt's intent as soon as one of the routes is open, within its limits."""
        while True:
            generation.interrupt.check(generation.submit_within_s(self.clock.now_ms()))
            if generation.siblings.is_set:
                return SIBLING_FAILED
            if await self.disk_guard.is_full(self.clock.now_ms()):
                await self.pause(generation, POLL_AGAIN_S)
                continue
            turn = await self.journal.intend(generation.task, number, routes, generation.owner, part=generation.part)
            if not isinstance(turn, RouteWait):
                return turn
            wait_s = turn.ms / 1000
            if wait_s > (left_s := generation.submit_within_s(self.clock.now_ms())):
                return Failure(FailureKind.RATE_LIMITED, f"{turn.why}; this task has {left_s:.0f} s left")
            await self.pause(generation, wait_s + random.uniform(0, 0.5))  # noqa: S311 - jitter, not a secret

    async def _poll(
        self, attempt: GenerationAttempt, handle: Mapping[str, Any], wait_s: float, *, was_queued: bool = False
    ) -> Delivered | Failure | None:
        """Poll until the job has ended; None once another image of the task has failed.

        A poll without an answer is repeated: the job is bought already.
        """
        generation, provider = attempt.generation, self.routing.provider(attempt.route)
        while True:
            await self.pause(generation, wait_s)
            answer = await self._call(attempt, provider.poll(handle, attempt.request(self._left_s(generation))))
            match answer:
                case Pending(progress=progress, wait_s=wait_s, handle=new_handle, queued=queued):
                    generation.report(progress or 0)
                    if queued != was_queued:
                        note = self.journal.vendor_queued if queued else self.journal.working
                        await note(generation.task, attempt.id, generation.owner)
                    was_queued = queued
                    if new_handle is not None:
                        await self.journal.submitted(attempt.id, handle := new_handle)
                case Delivered() | Failure():
                    return answer
                case None:
                    wait_s = POLL_AGAIN_S
                case _:
                    assert_never(answer)
            if generation.siblings.is_set:
                return None  # its row is closed when the task ends

    async def _stop_late(self, attempt: GenerationAttempt, handle: Mapping[str, Any]) -> None:
        """Ask the vendor to stop a job that nobody waits for: another worker gave it up before its handle came.

        Not where calls are free: what the other worker asked for may be the same job.
        """
        provider, stopped = self.routing.provider(attempt.route), False
        if isinstance(provider, CancelsJobs) and not provider.free:
            request = replace(attempt.request(self._left_s(attempt.generation)), deadline_s=CHECK_TIMEOUT_S)
            stopped = (await provider.cancel(handle, request)).accepted
        log.warning(
            "handle came too late", task=attempt.generation.task, provider=attempt.route.provider, stopped=stopped
        )

    async def _call(
        self, attempt: GenerationAttempt, call: Coroutine[Any, Any, T], ignored: Reason | None = None
    ) -> T | None:
        """The provider's answer; None when there was none within the route's deadline for one call."""
        left_s = partial(self._left_s, attempt.generation)
        timeout_s = min(attempt.route.deadline_s, left_s())
        try:
            return await attempt.generation.interrupt.wait_for(call, timeout_s, ignored=ignored)
        except Interrupted as interrupted:
            if interrupted.reason is Reason.DEADLINE and left_s() > 0:
                return None
            raise

    async def _finish(
        self, attempt: GenerationAttempt, answer: Delivered | Failure | None, observed: ObservedAttempt
    ) -> KeptImage | AttemptFailed:
        if answer is None:
            return AttemptFailed(SIBLING_FAILED, None)
        if isinstance(answer, Failure):
            return await self._fail(attempt, answer, observed)
        answered_ms = self.clock.now_ms()
        try:
            with observed.keeping():
                image = await self.keep(attempt, answer)
        except Refusal as refusal:
            paid = not self.routing.is_free(attempt.route)  # for something that is no image
            return await self._fail(attempt, failure_of(refusal, charged=paid), observed)
        observed.delivered(answer, answered_ms)
        return image

    async def _fail(self, attempt: GenerationAttempt, failure: Failure, observed: ObservedAttempt) -> AttemptFailed:
        answered_ms = self.clock.now_ms()
        unconfirmed = await self.journal.failed(attempt.id, failure, attempt.route)
        if unconfirmed and await self._check_agrees(attempt):
            await self.journal.confirmed(attempt.route, failure)
        observed.failed(failure, answered_ms)
        return AttemptFailed(failure, attempt.route)

    async def _check_agrees(self, attempt: GenerationAttempt) -> bool:
        """Whether the vendor's free check fails too: then the failure is not about this one request."""
        provider = self.routing.provider(attempt.route)
        if not isinstance(provider, ChecksUpstreams):
            return False
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_S):
                check = await provider.check([attempt.route.upstream])
        except TimeoutError:
            return False
        return not check.well

    def _left_s(self, generation: Generation) -> float:
        return generation.left_s(self.clock.now_ms())


def _no_answer(route: Route, *, free: bool) -> Failure:
    """A silent vendor may have done the work, and been paid for it."""
    kind = FailureKind.TIMEOUT if free else FailureKind.UNKNOWN_OUTCOME
    return Failure(kind, f"{route.provider} did not answer within {route.deadline_s:g} s")


def _cut_off() -> Failure:
    return Failure(
        FailureKind.UNKNOWN_OUTCOME,
        "the worker was cut off during the call; whether the vendor did the work is unknown",
    )


def _provider_removed(provider: str) -> Failure:
    return Failure(
        FailureKind.UNKNOWN_OUTCOME, f"{provider} is no longer configured; whether it did the work is unknown"
    )
