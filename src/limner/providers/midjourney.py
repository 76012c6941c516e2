"""Midjourney, through a relay that speaks the protocol of midjourney-proxy: there is no official public API.

Automating Midjourney accounts is against Midjourney's terms; whoever runs the relay answers for that. The base URL is
the relay's, with its prefix for speed where it has one (`https://relay.example/mj-fast`). Options of the account:
`auth` says how the key is sent, `both`, `secret` or `bearer`; `fail_reasons` adds to `FAIL_REASONS`;
`not_found_grace_s` is after how long a job that the relay does not know is given up, where that is not the task's
deadline; `poll_s` is the time between two polls. Options of a route: `pick` is `upscale` or `crop`; `flags` are
appended to the prompt, `--v 7` for instance; all others go into the request as they are.

A job draws a grid of four pictures. Some relays link each of them with the grid; else the first is requested as a job
of its own, or cropped from the grid.
"""

import asyncio
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import quote

from limner.domain.prompts.dialect import MIDJOURNEY, PromptDialect
from limner.domain.routing.abilities import Abilities
from limner.domain.routing.failure import Failure, FailureKind, Stage
from limner.ports.provider import (
    Accepted,
    Delivered,
    GenerationRequest,
    JobCancellation,
    Pending,
    Picture,
    Report,
    UpstreamCheck,
    VendorAccount,
)
from limner.providers._http import (
    JOB_RULES,
    FinishedJob,
    JobPolls,
    JobState,
    MissingJob,
    NotAPictureFile,
    Rules,
    RunningJob,
    VendorHttp,
    VendorResponse,
    cancel_job,
    check_endpoint,
    failure_from,
    fetch_finished,
    file_as_base64,
    invalid_option,
    missing_handle,
    open_picture,
    provider_only,
    query_job,
    redacted,
    require_valid,
    set_by_limner,
    submit_job,
    too_many_references,
    unknown_model,
)
from limner.providers._http.options import one_of, text

_VENDOR: Final = "Midjourney"
_POLL_S: Final = 2.5
_UPSCALE_MISSING_S: Final = 10.0
"""After how long a missing upscale is given up, and the picture cropped from the grid."""

_QUEUE_FULL_S: Final = 10.0
_OWN_OPTIONS: Final = frozenset({"pick", "flags"})
_GRID_SHARE: Final = 80
"""The progress of a task, in percent, once its grid is drawn and its upscale is not."""

_REMEMBERED_GRIDS: Final = 1000

_BY_CONDITION: Final = "/mj/task/list-by-condition"
_ALL: Final = "/mj/task/list"


@dataclass(frozen=True, slots=True)
class MidjourneyFacts:
    """What one of Midjourney's models takes; `fixed` names the model to the relay."""

    pictures: int = 5
    fixed: Mapping[str, Any] = field(default_factory=dict)


MODELS: Final[Mapping[str, MidjourneyFacts]] = {
    "midjourney": MidjourneyFacts(),
    "niji": MidjourneyFacts(fixed={"botType": "NIJI_JOURNEY"}),
}


# --- reasons of failure ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FailReason:
    """What a `failReason` means. `kind` is None where the job has not ended."""

    kind: FailureKind | None
    stage: Stage | None = None


_PROMPT: Final = FailReason(FailureKind.CONTENT_POLICY, Stage.INPUT)
_ACCOUNT: Final = FailReason(FailureKind.AUTH)
_INVALID: Final = FailReason(FailureKind.BAD_INPUT)
_ACCIDENT: Final = FailReason(FailureKind.TRANSIENT)

FAIL_REASONS: Final[Mapping[str, FailReason]] = {
    "Banned prompt detected": _PROMPT,
    "Image denied": _PROMPT,
    "Request cancelled due to output filters": FailReason(FailureKind.CONTENT_POLICY, Stage.OUTPUT),
    "Our AI moderator": _PROMPT,  # also in the text of those above
    "[Invalid prompt]": _INVALID,
    "[Invalid parameter]": _INVALID,
    "[Invalid link]": _INVALID,
    "[Queue full]": FailReason(FailureKind.RATE_LIMITED),
    "[Credits exhausted]": FailReason(FailureKind.QUOTA_EXHAUSTED),
    "[Pending mod message]": _ACCOUNT,
    "[Blocked]": _ACCOUNT,
    "[Plan Cancelled]": _ACCOUNT,
    "[Subscription required]": _ACCOUNT,
    "[Subscription paused]": _ACCOUNT,
    "[Action needed to continue]": FailReason(None),
    "Internal error": _ACCIDENT,
    "Internal server error": _ACCIDENT,
    "Failed to process your command": _ACCIDENT,
    "系统异常": _ACCIDENT,
    "任务超时": FailReason(FailureKind.UNKNOWN_OUTCOME),  # the relay stopped waiting, Midjourney may have drawn it
}
"""By a part of the reason, ignoring case; the first match counts. `[…]` is a reason's title."""

_UNKNOWN_REASON: Final = FailReason(FailureKind.BAD_INPUT)
"""Not retried: the next try would cost as much."""

CATCH_ALL: Final = ("异常", "exception")
"""Parts of a code 4's description where a relay means an error of its own."""


def fail_reasons_of(options: Mapping[str, Any]) -> Mapping[str, FailReason]:
    """The table with an account's additions before it, each a kind, `content_policy:output` or `pending`."""
    added = {words: _fail_reason(str(meaning)) for words, meaning in options.get("fail_reasons", {}).items()}
    return added | {words: meaning for words, meaning in FAIL_REASONS.items() if words not in added}


def _fail_reason(meaning: str) -> FailReason:
    if meaning == "pending":
        return FailReason(None)
    kind, _, stage = meaning.partition(":")
    return FailReason(FailureKind(kind), Stage(stage) if stage else None)


def _meanings(value: Any) -> str | None:
    """A message about invalid `fail_reasons`."""
    if not isinstance(value, Mapping):
        return f"{value!r} is no table"
    for words, meaning in value.items():
        if str(meaning) not in MEANINGS:
            return f"{words!r} cannot mean {meaning!r}; a reason means one of {', '.join(MEANINGS)}"
    return None


MEANINGS: Final = ("pending", *FailureKind, *(f"{FailureKind.CONTENT_POLICY}:{stage}" for stage in Stage))

_PICKS: Final = ("upscale", "crop")
_AUTH_SCHEMES: Final = ("both", "secret", "bearer")

ACCOUNT_OPTIONS: Final[Rules] = {**JOB_RULES, "auth": one_of(*_AUTH_SCHEMES), "fail_reasons": _meanings}

OPTIONS: Final[Rules] = {
    "pick": one_of(*_PICKS),
    "flags": text,
    **dict.fromkeys(("prompt", "state", "base64Array"), set_by_limner),
    **dict.fromkeys(ACCOUNT_OPTIONS, provider_only),
}
"""Rules for a route's options, besides the relay's own fields."""

# --- submitting --------------------------------------------------------------------------------------------------


def encode(request: GenerationRequest, facts: MidjourneyFacts) -> dict[str, Any]:
    """The request as JSON; reference pictures are read while it is sent."""
    shape = [f"--ar {request.aspect_ratio}"] if request.aspect_ratio else []
    flags = [*shape, f"--seed {request.seed}", str(request.options.get("flags", ""))]
    files = [file_as_base64(each.path, f"data:{each.media_type};base64,") for each in request.references]
    return {
        "prompt": " ".join((request.prompt, *flags)).strip(),
        "state": request.attempt_id,
        **({"base64Array": files} if files else {}),
        **facts.fixed,
        **{name: value for name, value in request.options.items() if name not in _OWN_OPTIONS},
    }


def decode_submit(response: VendorResponse) -> str | Failure:
    """The id of the job that a relay accepted."""
    if not response.ok:
        return failure_from(_VENDOR, response, rate_wait_s=_QUEUE_FULL_S, plain_refusals=True)
    match response.body:
        case {"code": 1 | 21 | 22, "result": str(job)} if job:
            return job
        case {"code": int(code)} if code in _CODES:
            return _refused(code, response.body)
    return missing_handle(_VENDOR, response)


_CODES: Final[Mapping[int, FailureKind]] = {
    3: FailureKind.TRANSIENT,  # no account of the relay is usable just now
    4: FailureKind.BAD_INPUT,
    9: FailureKind.TRANSIENT,
    23: FailureKind.RATE_LIMITED,
    24: FailureKind.CONTENT_POLICY,
}


def _refused(code: int, body: Mapping[str, Any]) -> Failure:
    words = redacted(body.get("description"))
    kind = FailureKind.TRANSIENT if code == 4 and any(each in words.lower() for each in CATCH_ALL) else _CODES[code]
    return Failure(
        kind,
        f"{_VENDOR} refused the request" + (f": {words}" if words else ""),
        retry_after_s=_QUEUE_FULL_S if kind is FailureKind.RATE_LIMITED else None,
        detail=f"code {code}{_banned_word(body)}",
        stage=Stage.INPUT if kind is FailureKind.CONTENT_POLICY else None,
    )


def _banned_word(body: Mapping[str, Any]) -> str:
    match body.get("properties"):
        case {"bannedWord": str(word)}:
            return redacted(f": {word}")
    return ""


def job_with(state: str, body: Any) -> str | None:
    """The id of the job that was submitted under `state`, in a relay's list of jobs."""
    for job in body if isinstance(body, list) else ():
        match job:
            case {"id": str(found), "state": str(found_state)} if found_state == state:
                return found
    return None


# --- polling -----------------------------------------------------------------------------------------------------


def decode_task(
    response: VendorResponse, fail_reasons: Mapping[str, FailReason], *, share: tuple[int, int] = (0, 100)
) -> JobState:
    """The state of a job; its progress is scaled to `share`. An unknown status means that it is running."""
    if not response.ok or not isinstance(response.body, dict):
        return MissingJob(f"HTTP {response.status}, no such job")
    body = response.body
    match body.get("status"):
        case "SUCCESS":
            return _succeeded(body.get("imageUrl"))
        case "FAILURE":
            return _failed(str(body.get("failReason") or ""), fail_reasons) or RunningJob()
        case "CANCEL":
            return Failure(FailureKind.CANCELLED, f"the job was cancelled at {_VENDOR}'s relay", detail="CANCEL")
    return RunningJob(_percent(body.get("progress"), *share))


def decode_cancel(response: VendorResponse) -> JobCancellation:
    """Relays without this call answer 404, and those with it a code."""
    code = response.body.get("code") if isinstance(response.body, dict) else None
    return JobCancellation(accepted=code == 1, detail=f"HTTP {response.status}" if code is None else f"code {code}")


def _succeeded(link: Any) -> FinishedJob | Failure:
    if isinstance(link, str) and link:
        return FinishedJob(link)
    return Failure(FailureKind.NO_IMAGE, f"{_VENDOR} finished without a picture", charged=True, detail="SUCCESS")


def _failed(reason: str, fail_reasons: Mapping[str, FailReason]) -> Failure | None:
    found = (fail_reason for words, fail_reason in fail_reasons.items() if words.casefold() in reason.casefold())
    fail_reason = next(found, _UNKNOWN_REASON)
    if fail_reason.kind is None:
        return None
    words = redacted(reason)
    return Failure(
        fail_reason.kind,
        f"{_VENDOR} did not draw the picture" + (f": {words}" if words else ""),
        retry_after_s=_QUEUE_FULL_S if fail_reason.kind is FailureKind.RATE_LIMITED else None,
        detail="FAILURE",
        stage=fail_reason.stage,
    )


def _percent(progress: Any, start: int, end: int) -> int | None:
    """The figure in "45%", scaled; other texts are ignored."""
    found = re.fullmatch(r"(\d{1,3})%", progress) if isinstance(progress, str) else None
    return start + (end - start) * min(100, int(found[1])) // 100 if found else None


_UNKNOWN_JOB: Final = "/mj/task/0/fetch"


def decode_unknown_job(response: VendorResponse, *, keyed: bool) -> UpstreamCheck | None:
    """A relay's answer about an unknown job: 204, an empty 200, or a code of its own."""
    if response.status in {401, 403} or response.status >= 500 or not (response.ok or isinstance(response.body, dict)):
        return None
    if response.text and response.body is None and response.text.strip() != "null":
        return None
    says = "the relay answers and accepts the key" if keyed else "the relay answers and asks for no key"
    return UpstreamCheck(well=True, says=says)


# --- picking one picture of four ---------------------------------------------------------------------------------


def encode_pick(job: str, body: Any, state: str) -> tuple[str, dict[str, Any]]:
    """Path and body of the request for a grid's first picture: by its button, else by its number."""
    match next((button for button in _buttons(body) if button.get("label") == "U1"), None):
        case {"customId": str(button)}:
            return "/mj/submit/action", {"taskId": job, "customId": button, "state": state}
    return "/mj/submit/change", {"taskId": job, "action": "UPSCALE", "index": 1, "state": state}


def _pick_state(request: GenerationRequest) -> str:
    return f"{request.attempt_id}:U1"


def first_link(body: Any) -> str | None:
    """The link to a grid's first picture, from relays that serve each of the four (`EnableFillOfficialCdn`)."""
    match body:
        case {"imageUrls": [{"url": str(link)}, _, *_]} if link:
            return link
    return None


def _buttons(body: Any) -> list[dict[str, Any]]:
    buttons = body.get("buttons") if isinstance(body, dict) else None
    return [each for each in buttons if isinstance(each, dict)] if isinstance(buttons, list) else []


def crop(grid: Path, target: Path) -> None:
    """Write the upper left quarter of `grid` as a PNG. Blocking.

    Raises `NotAPictureFile`, and `OSError` or `SyntaxError` for a broken picture.
    """
    with open_picture(grid) as picture:
        picture.crop((0, 0, picture.width // 2, picture.height // 2)).save(target, "PNG")


def headers_of(account: VendorAccount) -> dict[str, str]:
    """A proxy looks for its secret, a hosted relay for a bearer; neither minds the other's."""
    headers = {"secret": {"mj-api-secret": account.key}, "bearer": {"Authorization": f"Bearer {account.key}"}}
    way = account.options.get("auth", "both")
    return headers["secret"] | headers["bearer"] if way == "both" else headers[way]


def delivered(path: Path, handle: Mapping[str, Any], request: GenerationRequest, picked_by: str) -> Delivered:
    served_by = {"provider": "midjourney", "model": request.upstream, "generative": True, "vendor_id": handle["id"]}
    return Delivered(Picture(path), served_by | {"picked_by": picked_by})


# --- the provider ------------------------------------------------------------------------------------------------


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
        self._grids = JobPolls(_VENDOR, now, least_s=self._poll_s, most_s=self._poll_s, missing_s=missing_s)
        self._upscales = JobPolls(
            _VENDOR,
            now,
            least_s=self._poll_s,
            most_s=self._poll_s,
            missing_s=_UPSCALE_MISSING_S if missing_s is None else missing_s,
        )
        self._unsent: dict[str, None] = {}  # grids whose `ask` was journaled and not sent

    async def submit(self, request: GenerationRequest, report: Report) -> Accepted | Failure:  # noqa: ARG002 - no progress yet
        facts = MODELS.get(request.upstream)
        if facts is None:
            return unknown_model(_VENDOR, request.upstream, MODELS)
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
            return unknown_model(_VENDOR, upstream, MODELS).reason
        return invalid_option(options, OPTIONS, allow_unknown=True)

    async def cancel(self, handle: Mapping[str, Any], request: GenerationRequest) -> JobCancellation:
        """Stop the job that is running: the upscale where there is one, else the grid."""
        pick = handle.get("pick", {})
        path = f"/mj/task/{quote(pick.get('id', handle['id']), safe='')}/cancel"
        return await cancel_job(self._http, "POST", path, deadline_s=request.deadline_s, decode=decode_cancel)

    async def check(self, upstreams: Sequence[str]) -> UpstreamCheck:  # noqa: ARG002 - a relay has one model, or two
        decode = partial(decode_unknown_job, keyed=self._http.has_key)
        return await check_endpoint(self._http, _VENDOR, _UNKNOWN_JOB, decode)

    async def close(self) -> None:
        await self._http.close()

    # --- requests ------------------------------------------------------------------------------------------------

    async def _submit(
        self, path: str, body: Mapping[str, Any], state: str, request: GenerationRequest
    ) -> str | Failure:
        """The id of the submitted job. After an unknown outcome the job is looked for by its `state`."""
        response = await submit_job(self._http, _VENDOR, path, body, deadline_s=request.deadline_s)
        job = response if isinstance(response, Failure) else decode_submit(response)
        if isinstance(job, Failure) and job.kind is FailureKind.UNKNOWN_OUTCOME:
            return await self._find(state, request) or job
        return job

    async def _find(self, state: str, request: GenerationRequest) -> str | None:
        """The id of the job that was submitted under `state`. Relays that cannot filter list all their jobs."""
        condition, timeout_s = {"ids": [], "state": state}, 0.1 * request.deadline_s
        for path, *query in ((_BY_CONDITION, "POST", condition), (_ALL, "GET", None)):
            response = await query_job(self._http, _VENDOR, path, *query, timeout_s=timeout_s)
            job = job_with(state, response.body) if isinstance(response, VendorResponse) else None
            if job is not None:
                return job
        return None

    async def _fetch(self, job: str, request: GenerationRequest) -> VendorResponse | Pending | Failure:
        path = f"/mj/task/{quote(job, safe='')}/fetch"
        return await query_job(self._http, _VENDOR, path, timeout_s=request.deadline_s)

    async def _download(self, job: _TrackedJob, target: Path, request: GenerationRequest) -> _Outcome:
        """Poll a job; its picture is at `target` once it has finished."""
        age_s = self._now() - job.since_s

        async def poll() -> _Outcome:
            response = await self._fetch(job.id, request)
            if not isinstance(response, VendorResponse):
                return response
            state = decode_task(response, self._fail_reasons, share=job.share)
            return job.polls.answer(job.id, state, age_s=age_s)

        return await fetch_finished(self._http, _VENDOR, poll, target, age_s=age_s, timeout_s=request.deadline_s)

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
        path, body = encode_pick(handle["id"], response.body, _pick_state(request))
        return Pending(_GRID_SHARE, 0.0, {**handle, "pick": {"ask": [path, body]}})

    async def _linked(
        self, link: str, since_s: float, handle: Mapping[str, Any], request: GenerationRequest
    ) -> Delivered | Pending | Failure:
        """Download the picture that the relay named with the grid; a second job would cost as much again."""

        async def finished() -> _Outcome:
            return FinishedJob(link)

        target, age_s = request.workdir / "delivered", self._now() - since_s
        outcome = await fetch_finished(self._http, _VENDOR, finished, target, age_s=age_s, timeout_s=request.deadline_s)
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
        state = _pick_state(request)
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
            return Failure(FailureKind.BAD_OUTPUT, f"{_VENDOR}'s grid cannot be opened: {reason}", charged=True)
        return delivered(target, handle, request, "crop")
