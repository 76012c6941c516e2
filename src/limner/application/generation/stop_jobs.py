"""Stopping the vendors' jobs of a task that ends without them; what a vendor had delivered already is kept."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from limner.application.generation.journal import SpendJournal
from limner.application.generation.keep_image import KeepImage
from limner.application.generation.routing import Routing
from limner.db.tables.attempts import Attempt
from limner.domain.ids import TaskId
from limner.domain.refusal import Refusal
from limner.domain.routing.failure import Failure
from limner.domain.routing.route import Route
from limner.domain.tasks.spec import TaskSpec
from limner.ports.provider import CancelsJobs, Delivered, GenerationRequest, JobCancellation, Pending

log = structlog.get_logger()

STOP_TIMEOUT_S = 10.0
"""For the request to stop a job and the last poll together."""


@dataclass(frozen=True, slots=True)
class StopJobs:
    journal: SpendJournal
    routing: Routing
    keep: KeepImage

    async def __call__(self, task: TaskId, workdir: Path, why: str) -> bool:
        """Ask each vendor to stop the task's job, where it can, and poll once more. Returns whether there was a job.

        Best effort. The row of a job that is not delivered is closed with what the vendor answered.
        """
        jobs = [
            self._stop(attempt, attempt.handle, workdir, why)
            for attempt in await self.journal.of(task)
            if attempt.state == "submitted" and attempt.handle is not None
        ]
        await asyncio.gather(*jobs)
        return bool(jobs)

    async def _stop(self, attempt: Attempt, handle: Mapping[str, Any], workdir: Path, why: str) -> None:
        route = self.routing.route_of_attempt(attempt)
        if route is None:
            return
        request = await _request(attempt, route, workdir)
        charged = False
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                cancellation = await self._cancel(route, handle, request)
                # The job may have ended before the request to stop it came.
                answer = await self.routing.provider(route).poll(handle, request)
                if isinstance(answer, Delivered) and await self._keep(attempt, route, answer):
                    return
                charged = _is_charged(answer) and not self.routing.is_free(route)
        except TimeoutError:
            cancellation = JobCancellation(accepted=False, detail=f"no answer within {STOP_TIMEOUT_S:g} s")
        except Exception:
            log.exception("job not stopped", task=attempt.task, provider=attempt.provider)
            cancellation = JobCancellation(accepted=False, detail="the request to stop it failed")
        verdict = "was asked to stop the job" if cancellation.accepted else "did not stop the job"
        await self.journal.discarded(
            attempt.id, f"{why}; {attempt.provider} {verdict}", charged=charged, detail=cancellation.detail
        )

    async def _cancel(self, route: Route, handle: Mapping[str, Any], request: GenerationRequest) -> JobCancellation:
        provider = self.routing.provider(route)
        if not isinstance(provider, CancelsJobs):
            return JobCancellation(accepted=False, detail="the vendor has no call to stop a job")
        return await provider.cancel(handle, request)

    async def _keep(self, attempt: Attempt, route: Route, delivered: Delivered) -> bool:
        try:
            return await self.keep.once(attempt.task, attempt.id, route, delivered) is not None
        except Refusal as refusal:
            log.warning("a delivered image is broken", task=attempt.task, provider=route.provider, reason=str(refusal))
            return False


def _is_charged(answer: Delivered | Pending | Failure) -> bool:
    return isinstance(answer, Delivered) or (isinstance(answer, Failure) and answer.charged)


async def _request(attempt: Attempt, route: Route, workdir: Path) -> GenerationRequest:
    """What polling and cancelling need; the prompt is not sent again."""
    folder = workdir / f"stop-{attempt.id}"
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    return GenerationRequest(
        task_id=attempt.task,
        attempt_id=attempt.id,
        upstream=route.upstream,
        prompt="",
        spec=TaskSpec(),
        references=(),
        aspect_ratio=None,
        seed=0,
        workdir=folder,
        options=route.options,
        deadline_s=STOP_TIMEOUT_S,
    )
