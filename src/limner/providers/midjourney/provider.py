"""The adapter."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import quote

from limner.domain.prompts.dialect import MIDJOURNEY, PromptDialect
from limner.domain.routing.abilities import Abilities
from limner.domain.routing.failure import Failure, FailureKind
from limner.ports.provider import (
    Accepted,
    Delivered,
    GenerationRequest,
    JobCancellation,
    Pending,
    Report,
    UpstreamCheck,
    VendorAccount,
)
from limner.providers._http import (
    FinishedJob,
    JobPolls,
    NotAPictureFile,
    VendorHttp,
    VendorResponse,
    cancel_job,
    check_endpoint,
    fetch_finished,
    invalid_option,
    query_job,
    require_valid,
    submit_job,
    too_many_references,
    unknown_model,
)
from limner.providers.midjourney.answer import (
    UNKNOWN_JOB,
    VENDOR,
    decode_cancel,
    decode_submit,
    decode_task,
    decode_unknown_job,
    delivered,
    first_link,
    job_with,
)
from limner.providers.midjourney.crop import crop
from limner.providers.midjourney.fail_reasons import fail_reasons_of
from limner.providers.midjourney.models import ACCOUNT_OPTIONS, MODELS, OPTIONS
from limner.providers.midjourney.request import encode, encode_pick, headers_of, pick_state

_POLL_S: Final = 2.5
_UPSCALE_MISSING_S: Final = 10.0
"""After how long a missing upscale is given up, and the picture cropped from the grid."""


_GRID_SHARE: Final = 80
"""The progress of a task, in percent, once its grid is drawn and its upscale is not."""

_REMEMBERED_GRIDS: Final = 1000

_BY_CONDITION: Final = "/mj/task/list-by-condition"
_ALL: Final = "/mj/task/list"


_Outcome: TypeAlias = FinishedJob | Pending | Failure


@dataclass(frozen=True, slots=True)
class _TrackedJob:
    """A relay's job; its progress is scaled to `share` of the whole."""

    id: str
    since_s: float
    polls: JobPolls
    share: tuple[int, int] = (0, 100)


class MidjourneyProvider:
    """A handle names the grid's job, and under `pick` where its first picture comes from.

    `pick` is the picture's own link (`link`), where the relay has one. Else it is first the request (`ask`), journaled
    before it is sent; then its job (`id`); or the decision to crop the grid instead (`cut`). A worker that finds a
    request which an earlier worker may have sent looks for its job by `state`. Where none is found the grid is cropped:
    that needs no relay and costs nothing.

    `now` is the wall clock: a job's age must survive the worker that submitted it.
    """

    name = "midjourney"
    resumable = True
    free = False

    def __init__(self, account: VendorAccount, now: Callable[[], float] = time.time) -> None:
        """Raises ValueError for an unknown option or a bad value."""
        require_valid(account.options, ACCOUNT_OPTIONS)
        self._http = VendorHttp(account, headers_of(account))
        self._fail_reasons = fail_reasons_of(account.options)
        self._poll_s = float(account.options.get("poll_s", _POLL_S))
        self._now = now
        missing_s = account.options.get("not_found_grace_s")
        self._grids = JobPolls(VENDOR, now, least_s=self._poll_s, most_s=self._poll_s, missing_s=missing_s)
        self._upscales = JobPolls(
            VENDOR,
            now,
            least_s=self._poll_s,
            most_s=self._poll_s,
            missing_s=_UPSCALE_MISSING_S if missing_s is None else missing_s,
        )
        self._unsent: dict[str, None] = {}  # grids whose `ask` was journaled and not sent

    async def submit(self, request: GenerationRequest, report: Report) -> Accepted | Failure:  # noqa: ARG002 - no progress yet
        facts = MODELS.get(request.upstream)
        if facts is None:
            return unknown_model(VENDOR, request.upstream, MODELS)
        if refusal := too_many_references(request, facts.pictures):
            return refusal
        job = await self._submit("/mj/submit/imagine", encode(request, facts), request.attempt_id, request)
        return job if isinstance(job, Failure) else Accepted({"id": job, "since": self._now()}, self._poll_s)

    async def poll(self, handle: Mapping[str, Any], request: GenerationRequest) -> Delivered | Pending | Failure:
        if request.options.get("pick", "upscale") == "crop":
            return await self._cropped(handle, request)
        match handle.get("pick"):
            case {"id": str(job), "since": since_s}:
                return await self._upscaled(job, since_s, handle, request)
            case {"link": str(link), "since": since_s}:
                return await self._linked(link, since_s, handle, request)
            case {"ask": [str(path), dict(body)]}:
                return await self._pick(path, body, handle, request)
            case {"cut": True}:
                return await self._cropped(handle, request)
        return await self._grid(handle, request)

    def reference_cap(self, upstream: str, options: Mapping[str, Any]) -> int | None:  # noqa: ARG002 - by name alone
        facts = MODELS.get(upstream)
        return None if facts is None else facts.pictures

    def abilities(self, upstream: str, options: Mapping[str, Any]) -> Abilities:  # noqa: ARG002 - the same for all
        return Abilities(aspect_ratio=True, seed=True, size_classes=frozenset({"1K"}))

    def dialect(self, upstream: str, options: Mapping[str, Any]) -> PromptDialect:  # noqa: ARG002 - one for all
        return MIDJOURNEY

    def route_problem(self, upstream: str, options: Mapping[str, Any]) -> str | None:
        if upstream not in MODELS:
            return unknown_model(VENDOR, upstream, MODELS).reason
        return invalid_option(options, OPTIONS, allow_unknown=True)

    async def cancel(self, handle: Mapping[str, Any], request: GenerationRequest) -> JobCancellation:
        """Stop the job that is running: the upscale where there is one, else the grid."""
        pick = handle.get("pick", {})
        path = f"/mj/task/{quote(pick.get('id', handle['id']), safe='')}/cancel"
        return await cancel_job(self._http, "POST", path, deadline_s=request.deadline_s, decode=decode_cancel)

    async def check(self, upstreams: Sequence[str]) -> UpstreamCheck:  # noqa: ARG002 - a relay has one model, or two
        decode = partial(decode_unknown_job, keyed=self._http.has_key)
        return await check_endpoint(self._http, VENDOR, UNKNOWN_JOB, decode)

    async def close(self) -> None:
        await self._http.close()

    # --- requests ------------------------------------------------------------------------------------------------

    async def _submit(
        self, path: str, body: Mapping[str, Any], state: str, request: GenerationRequest
    ) -> str | Failure:
        """The id of the submitted job. After an unknown outcome the job is looked for by its `state`."""
        response = await submit_job(self._http, VENDOR, path, body, deadline_s=request.deadline_s)
        job = response if isinstance(response, Failure) else decode_submit(response)
        if isinstance(job, Failure) and job.kind is FailureKind.UNKNOWN_OUTCOME:
            return await self._find(state, request) or job
        return job

    async def _find(self, state: str, request: GenerationRequest) -> str | None:
        """The id of the job that was submitted under `state`. Relays that cannot filter list all their jobs."""
        condition, timeout_s = {"ids": [], "state": state}, 0.1 * request.deadline_s
        for path, *query in ((_BY_CONDITION, "POST", condition), (_ALL, "GET", None)):
            response = await query_job(self._http, VENDOR, path, *query, timeout_s=timeout_s)
            job = job_with(state, response.body) if isinstance(response, VendorResponse) else None
            if job is not None:
                return job
        return None

    async def _fetch(self, job: str, request: GenerationRequest) -> VendorResponse | Pending | Failure:
        path = f"/mj/task/{quote(job, safe='')}/fetch"
        return await query_job(self._http, VENDOR, path, timeout_s=request.deadline_s)

    async def _download(self, job: _TrackedJob, target: Path, request: GenerationRequest) -> _Outcome:
        """Poll a job; its picture is at `target` once it has finished."""
        age_s = self._now() - job.since_s

        async def poll() -> _Outcome:
            response = await self._fetch(job.id, request)
            if not isinstance(response, VendorResponse):
                return response
            state = decode_task(response, self._fail_reasons, share=job.share)
            return job.polls.answer(job.id, state, age_s=age_s)

        return await fetch_finished(self._http, VENDOR, poll, target, age_s=age_s, timeout_s=request.deadline_s)

    # --- the grid, then its first picture ------------------------------------------------------------------------

    async def _grid(self, handle: Mapping[str, Any], request: GenerationRequest) -> Delivered | Pending | Failure:
        """Poll the grid. Once it has finished, the link of its first picture, or a request for it, is in the handle."""
        response = await self._fetch(handle["id"], request)
        if not isinstance(response, VendorResponse):
            return response
        state = decode_task(response, self._fail_reasons, share=(0, _GRID_SHARE))
        outcome = self._grids.answer(handle["id"], state, age_s=self._now() - handle["since"])
        if not isinstance(outcome, FinishedJob):
            return outcome
        if link := first_link(response.body):
            return Pending(_GRID_SHARE, 0.0, {**handle, "pick": {"link": link, "since": self._now()}})
        self._remember_unsent(handle["id"])
        path, body = encode_pick(handle["id"], response.body, pick_state(request))
        return Pending(_GRID_SHARE, 0.0, {**handle, "pick": {"ask": [path, body]}})

    async def _linked(
        self, link: str, since_s: float, handle: Mapping[str, Any], request: GenerationRequest
    ) -> Delivered | Pending | Failure:
        """Download the picture that the relay named with the grid; a second job would cost as much again."""

        async def finished() -> _Outcome:
            return FinishedJob(link)

        target, age_s = request.workdir / "delivered", self._now() - since_s
        outcome = await fetch_finished(self._http, VENDOR, finished, target, age_s=age_s, timeout_s=request.deadline_s)
        match outcome:
            case FinishedJob():
                return delivered(target, handle, request, "link")
            case Failure():
                return await self._crop_instead(handle, request)
        return outcome

    def _remember_unsent(self, grid: str) -> None:
        """Cancelled tasks never send theirs, so the oldest are forgotten: they count as sent."""
        self._unsent[grid] = None
        while len(self._unsent) > _REMEMBERED_GRIDS:
            del self._unsent[next(iter(self._unsent))]

    async def _pick(
        self, path: str, body: Mapping[str, Any], handle: Mapping[str, Any], request: GenerationRequest
    ) -> Delivered | Pending | Failure:
        """Request the first picture of the grid, unless another worker may have; crop where the relay refuses."""
        state = pick_state(request)
        if handle["id"] in self._unsent:
            del self._unsent[handle["id"]]
            job: str | Failure | None = await self._submit(path, body, state, request)
        else:
            job = await self._find(state, request)
        if not isinstance(job, str):
            return await self._crop_instead(handle, request)
        return Pending(_GRID_SHARE, self._poll_s, {**handle, "pick": {"id": job, "since": self._now()}})

    async def _upscaled(
        self, job: str, since_s: float, handle: Mapping[str, Any], request: GenerationRequest
    ) -> Delivered | Pending | Failure:
        target = request.workdir / "delivered"
        upscale = _TrackedJob(job, since_s, self._upscales, (_GRID_SHARE, 100))
        outcome = await self._download(upscale, target, request)
        match outcome:
            case FinishedJob():
                return delivered(target, handle, request, "upscale")
            case Failure():
                return await self._crop_instead(handle, request)
        return outcome

    async def _crop_instead(
        self, handle: Mapping[str, Any], request: GenerationRequest
    ) -> Delivered | Pending | Failure:
        """Crop the picture from the grid. While the grid cannot be downloaded, the handle holds the decision."""
        outcome = await self._cropped(handle, request)
        return replace(outcome, handle={**handle, "pick": {"cut": True}}) if isinstance(outcome, Pending) else outcome

    async def _cropped(self, handle: Mapping[str, Any], request: GenerationRequest) -> Delivered | Pending | Failure:
        grid, target = request.workdir / "grid", request.workdir / "quarter.png"
        outcome = await self._download(_TrackedJob(handle["id"], handle["since"], self._grids), grid, request)
        if not isinstance(outcome, FinishedJob):
            return outcome
        try:
            await asyncio.to_thread(crop, grid, target)
        except (OSError, SyntaxError, ValueError) as error:
            reason = str(error) if isinstance(error, NotAPictureFile) else "it is broken"
            return Failure(FailureKind.BAD_OUTPUT, f"{VENDOR}'s grid cannot be opened: {reason}", charged=True)
        return delivered(target, handle, request, "crop")
