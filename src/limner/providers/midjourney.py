"""Midjourney, through a relay that speaks the protocol of midjourney-proxy: there is no official public API.

Automating Midjourney accounts is against Midjourney's terms; whoever runs the relay answers for that. The base URL is
the relay's, with its prefix for speed where it has one (`https://relay.example/mj-fast`). Options of the account:
`auth` says how the key is sent, `both`, `secret` or `bearer`; `fail_reasons` adds to `FAIL_REASONS`;
`not_found_grace_s` is how long a new job may be unknown, `poll_s` the time between two questions. Options of a route:
`pick` is `upscale` or `crop`; `flags` stand behind the prompt, `--v 7` for instance; all others go into the order as
they are.

A job draws a grid of four pictures. The first of them is asked for as a job of its own, or else cut out of the grid.
"""

import asyncio
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from PIL import Image

from limner.domain.routing.failure import Failure, FailureKind, Stage
from limner.ports.provider import (
    Accepted,
    Delivered,
    GenerationRequest,
    Pending,
    Picture,
    Report,
    UpstreamCheck,
    VendorAccount,
)
from limner.providers._http import (
    JOB_RULES,
    FinishedJob,
    Rules,
    VendorHttp,
    VendorResponse,
    check_endpoint,
    failure_from,
    fetch_finished,
    file_as_base64,
    invalid_option,
    job_not_found,
    missing_handle,
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
_QUEUE_FULL_S: Final = 10.0
_OURS: Final = frozenset({"pick", "flags"})
_GRID_SHARE: Final = 80
"""How far a task is, in percent, when its grid is drawn and the upscaled picture is still to come."""

_REMEMBERED: Final = 1000

_BY_CONDITION: Final = "/mj/task/list-by-condition"
_ALL: Final = "/mj/task/list"


@dataclass(frozen=True, slots=True)
class MidjourneyFacts:
    """What one of Midjourney's models takes; `fixed` tells the relay which one it is."""

    pictures: int = 5
    fixed: Mapping[str, Any] = field(default_factory=dict)


MODELS: Final[Mapping[str, MidjourneyFacts]] = {
    "midjourney": MidjourneyFacts(),
    "niji": MidjourneyFacts(fixed={"botType": "NIJI_JOURNEY"}),
}


# --- what relays say about failures -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a `failReason` means; no kind: the job is not at its end."""

    kind: FailureKind | None
    stage: Stage | None = None


_PROMPT: Final = Verdict(FailureKind.CONTENT_POLICY, Stage.INPUT)
_ACCOUNT: Final = Verdict(FailureKind.AUTH)
_INVALID: Final = Verdict(FailureKind.BAD_INPUT)

FAIL_REASONS: Final[Mapping[str, Verdict]] = {
    "Banned prompt detected": _PROMPT,
    "Image denied": _PROMPT,
    "Request cancelled due to output filters": Verdict(FailureKind.CONTENT_POLICY, Stage.OUTPUT),
    "Our AI moderator": _PROMPT,  # stands in the text of those above, too
    "[Invalid prompt]": _INVALID,
    "[Invalid parameter]": _INVALID,
    "[Invalid link]": _INVALID,
    "[Queue full]": Verdict(FailureKind.RATE_LIMITED),
    "[Credits exhausted]": Verdict(FailureKind.QUOTA_EXHAUSTED),
    "[Pending mod message]": _ACCOUNT,
    "[Blocked]": _ACCOUNT,
    "[Plan Cancelled]": _ACCOUNT,
    "[Subscription required]": _ACCOUNT,
    "[Subscription paused]": _ACCOUNT,
    "[Action needed to continue]": Verdict(None),
}
"""By words of the reason, in any case of letters; the first that occur count. `[…]` is a reason's title."""

_UNTOLD: Final = Verdict(FailureKind.BAD_INPUT)
"""A reason that nobody knows is not tried again: the next try would cost as much."""

CATCH_ALL: Final = ("异常", "exception")
"""Words of a code 4 that blames no order, but is what a relay says about any accident of its own."""


def verdicts_of(options: Mapping[str, Any]) -> Mapping[str, Verdict]:
    """The table with an account's additions before it, each a kind, `content_policy:output` or `pending`."""
    return {words: _verdict(str(meaning)) for words, meaning in options.get("fail_reasons", {}).items()} | {
        words: verdict for words, verdict in FAIL_REASONS.items() if words not in options.get("fail_reasons", {})
    }


def _verdict(meaning: str) -> Verdict:
    if meaning == "pending":
        return Verdict(None)
    kind, _, stage = meaning.partition(":")
    return Verdict(FailureKind(kind), Stage(stage) if stage else None)


def _meanings(value: Any) -> str | None:
    """What is wrong with an account's `fail_reasons`."""
    if not isinstance(value, Mapping):
        return f"{value!r} is no table"
    for words, meaning in value.items():
        if str(meaning) not in MEANINGS:
            return f"{words!r} cannot mean {meaning!r}; a reason means one of {', '.join(MEANINGS)}"
    return None


MEANINGS: Final = ("pending", *FailureKind, *(f"{FailureKind.CONTENT_POLICY}:{stage}" for stage in Stage))

_PICKS: Final = ("upscale", "crop")
_WAYS: Final = ("both", "secret", "bearer")

ACCOUNT_OPTIONS: Final[Rules] = {**JOB_RULES, "auth": one_of(*_WAYS), "fail_reasons": _meanings}

OPTIONS: Final[Rules] = {
    "pick": one_of(*_PICKS),
    "flags": text,
    **dict.fromkeys(("prompt", "state", "base64Array"), set_by_limner),
    **dict.fromkeys(ACCOUNT_OPTIONS, provider_only),
}
"""Of a route, besides what the relay knows."""

# --- ordering ---------------------------------------------------------------------------------------------------


def encode(order: GenerationRequest, facts: MidjourneyFacts) -> dict[str, Any]:
    """The order as JSON; each reference is a picture that will be read when it is sent."""
    shape = [f"--ar {order.aspect_ratio}"] if order.aspect_ratio else []
    flags = [*shape, f"--seed {order.seed}", str(order.options.get("flags", ""))]
    files = [file_as_base64(each.path, f"data:{each.media_type};base64,") for each in order.references]
    return {
        "prompt": " ".join((order.prompt, *flags)).strip(),
        "state": order.attempt_id,
        **({"base64Array": files} if files else {}),
        **facts.fixed,
        **{name: value for name, value in order.options.items() if name not in _OURS},
    }


def decode_submit(answer: VendorResponse) -> str | Failure:
    """The id of the job that a relay took."""
    if not answer.ok:
        return failure_from(_VENDOR, answer, rate_wait_s=_QUEUE_FULL_S, plain_refusals=True)
    match answer.body:
        case {"code": 1 | 21 | 22, "result": str(job)} if job:
            return job
        case {"code": int(code)} if code in _CODES:
            return _turned_down(code, answer.body)
    return missing_handle(_VENDOR, answer)


_CODES: Final[Mapping[int, FailureKind]] = {
    3: FailureKind.TRANSIENT,  # of an order: no account of the relay is usable just now
    4: FailureKind.BAD_INPUT,
    9: FailureKind.TRANSIENT,
    23: FailureKind.RATE_LIMITED,
    24: FailureKind.CONTENT_POLICY,
}


def _turned_down(code: int, body: Mapping[str, Any]) -> Failure:
    words = redacted(body.get("description"))
    kind = FailureKind.TRANSIENT if code == 4 and any(each in words.lower() for each in CATCH_ALL) else _CODES[code]
    return Failure(
        kind,
        f"{_VENDOR} turned the order down" + (f": {words}" if words else ""),
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
    """The id of the job that was ordered under `state`, in a relay's list of jobs."""
    for job in body if isinstance(body, list) else ():
        match job:
            case {"id": str(found), "state": str(told)} if told == state:
                return found
    return None


# --- asking after it --------------------------------------------------------------------------------------------


def decode_task(
    answer: VendorResponse,
    verdicts: Mapping[str, Verdict],
    *,
    age_s: float,
    grace_s: float,
    share: tuple[int, int] = (0, 100),
    poll_s: float = _POLL_S,
) -> FinishedJob | Pending | Failure:
    """What a job is about; its progress counts for `share` of the whole. Words new to us mean that it goes on."""
    if not answer.ok or not isinstance(answer.body, dict):
        return job_not_found(_VENDOR, age_s=age_s, grace_s=grace_s, detail=f"HTTP {answer.status}, no such job")
    body = answer.body
    match body.get("status"):
        case "SUCCESS":
            return _ready(body.get("imageUrl"))
        case "FAILURE":
            return _failed(str(body.get("failReason") or ""), verdicts) or Pending(wait_s=poll_s)
        case "CANCEL":
            return Failure(FailureKind.CANCELLED, f"the job was cancelled at {_VENDOR}'s relay", detail="CANCEL")
    return Pending(_percent(body.get("progress"), *share), poll_s)


def _ready(link: Any) -> FinishedJob | Failure:
    if isinstance(link, str) and link:
        return FinishedJob(link)
    return Failure(FailureKind.NO_IMAGE, f"{_VENDOR} finished without a picture", charged=True, detail="SUCCESS")


def _failed(reason: str, verdicts: Mapping[str, Verdict]) -> Failure | None:
    found = (verdict for words, verdict in verdicts.items() if words.casefold() in reason.casefold())
    verdict = next(found, _UNTOLD)
    if verdict.kind is None:
        return None
    told = redacted(reason)
    return Failure(
        verdict.kind,
        f"{_VENDOR} did not draw the picture" + (f": {told}" if told else ""),
        retry_after_s=_QUEUE_FULL_S if verdict.kind is FailureKind.RATE_LIMITED else None,
        detail="FAILURE",
        stage=verdict.stage,
    )


def _percent(progress: Any, start: int, end: int) -> int | None:
    """Of "45%"; relays also write other things there."""
    found = re.fullmatch(r"(\d{1,3})%", progress) if isinstance(progress, str) else None
    return start + (end - start) * min(100, int(found[1])) // 100 if found else None


_NO_JOB: Final = "/mj/task/0/fetch"


def decode_no_job(answer: VendorResponse, *, keyed: bool) -> UpstreamCheck | None:
    """What a relay says of a job that nobody has: nothing, an empty answer, or a code of its own."""
    if answer.status in {401, 403} or answer.status >= 500 or not (answer.ok or isinstance(answer.body, dict)):
        return None
    if answer.text and answer.body is None and answer.text.strip() != "null":
        return None
    says = "the relay answers, and takes the key" if keyed else "the relay answers, and asks for no key"
    return UpstreamCheck(well=True, says=says)


# --- picking one picture of four --------------------------------------------------------------------------------


def encode_pick(job: str, body: Any, state: str) -> tuple[str, dict[str, Any]]:
    """Where and how the first picture of a grid is asked for: by its button, or by its number where there is none."""
    match next((button for button in _buttons(body) if button.get("label") == "U1"), None):
        case {"customId": str(button)}:
            return "/mj/submit/action", {"taskId": job, "customId": button, "state": state}
    return "/mj/submit/change", {"taskId": job, "action": "UPSCALE", "index": 1, "state": state}


def _pick_state(order: GenerationRequest) -> str:
    return f"{order.attempt_id}:U1"


def _buttons(body: Any) -> list[dict[str, Any]]:
    buttons = body.get("buttons") if isinstance(body, dict) else None
    return [each for each in buttons if isinstance(each, dict)] if isinstance(buttons, list) else []


def crop(grid: Path, target: Path) -> None:
    """Write the upper left quarter of `grid` as a PNG. Raises `OSError` for what is no picture."""
    with Image.open(grid) as picture:
        picture.crop((0, 0, picture.width // 2, picture.height // 2)).save(target, "PNG")


def headers_of(account: VendorAccount) -> dict[str, str]:
    """A proxy looks for its secret, a hosted relay for a bearer; neither minds the other's."""
    headers = {"secret": {"mj-api-secret": account.key}, "bearer": {"Authorization": f"Bearer {account.key}"}}
    way = account.options.get("auth", "both")
    return headers["secret"] | headers["bearer"] if way == "both" else headers[way]


def delivered(path: Path, handle: Mapping[str, Any], order: GenerationRequest, picked_by: str) -> Delivered:
    served_by = {"provider": "midjourney", "model": order.upstream, "generative": True, "vendor_id": handle["id"]}
    return Delivered(Picture(path), served_by | {"picked_by": picked_by})


# --- the provider -----------------------------------------------------------------------------------------------


class MidjourneyProvider:
    """`now` is the wall clock: a job's age must survive the worker that ordered it.

    A handle names the grid, and under `pick` what became of its first picture: the order for it (`ask`), written down
    before it is sent; its job (`id`); or that it is cut out of the grid (`cut`). Who finds an order that another worker
    may have sent looks for its job by its `state`. Where there is none to be found the grid is cut: that needs no
    relay, and buys nothing.
    """

    name = "midjourney"
    resumable = True
    free = False

    def __init__(self, account: VendorAccount, now: Callable[[], float] = time.time) -> None:
        """Raises ValueError for an option that is none."""
        require_valid(account.options, ACCOUNT_OPTIONS)
        self._http = VendorHttp(account, headers_of(account))
        self._verdicts = verdicts_of(account.options)
        self._grace_s = float(account.options.get("not_found_grace_s", 10))
        self._poll_s = float(account.options.get("poll_s", _POLL_S))
        self._now = now
        self._unsent: dict[str, None] = {}  # the grids whose `ask` is written down and was not sent by anybody

    async def submit(self, order: GenerationRequest, report: Report) -> Accepted | Failure:  # noqa: ARG002 - nothing to tell yet
        facts = MODELS.get(order.upstream)
        if facts is None:
            return unknown_model(_VENDOR, order.upstream, MODELS)
        if refusal := too_many_references(order, facts.pictures):
            return refusal
        job = await self._order("/mj/submit/imagine", encode(order, facts), order.attempt_id, order)
        return job if isinstance(job, Failure) else Accepted({"id": job, "since": self._now()}, self._poll_s)

    async def poll(self, handle: Mapping[str, Any], order: GenerationRequest) -> Delivered | Pending | Failure:
        if order.options.get("pick", "upscale") == "crop":
            return await self._cropped(handle, order)
        match handle.get("pick"):
            case {"id": str(job), "since": since_s}:
                return await self._upscaled(job, since_s, handle, order)
            case {"ask": [str(path), dict(body)]}:
                return await self._pick(path, body, handle, order)
            case {"cut": True}:
                return await self._cropped(handle, order)
        return await self._grid(handle, order)

    def reference_cap(self, upstream: str, options: Mapping[str, Any]) -> int | None:  # noqa: ARG002 - by name alone
        facts = MODELS.get(upstream)
        return None if facts is None else facts.pictures

    def unfit(self, upstream: str, options: Mapping[str, Any]) -> str | None:
        if upstream not in MODELS:
            return unknown_model(_VENDOR, upstream, MODELS).reason
        return invalid_option(options, OPTIONS, others=True)

    async def check(self, upstreams: Sequence[str]) -> UpstreamCheck:  # noqa: ARG002 - a relay has one model, or two
        return await check_endpoint(self._http, _VENDOR, _NO_JOB, partial(decode_no_job, keyed=self._http.has_key))

    async def close(self) -> None:
        await self._http.close()

    # --- one order, one question --------------------------------------------------------------------------------

    async def _order(self, path: str, body: Mapping[str, Any], state: str, order: GenerationRequest) -> str | Failure:
        """The job that was ordered. An order that may have got there is looked for by its `state`."""
        answer = await submit_job(self._http, _VENDOR, path, body, deadline_s=order.deadline_s)
        job = answer if isinstance(answer, Failure) else decode_submit(answer)
        if isinstance(job, Failure) and job.kind is FailureKind.UNKNOWN_OUTCOME:
            return await self._found(state, order) or job
        return job

    async def _found(self, state: str, order: GenerationRequest) -> str | None:
        """The job that was ordered under `state`. Not every relay can be asked for it; its answer is looked through."""
        condition, timeout_s = {"ids": [], "state": state}, 0.1 * order.deadline_s
        for path, *question in ((_BY_CONDITION, "POST", condition), (_ALL, "GET", None)):
            answer = await query_job(self._http, _VENDOR, path, *question, timeout_s=timeout_s)
            job = job_with(state, answer.body) if isinstance(answer, VendorResponse) else None
            if job is not None:
                return job
        return None

    async def _task(self, job: str, order: GenerationRequest) -> VendorResponse | Pending | Failure:
        path = f"/mj/task/{quote(job, safe='')}/fetch"
        return await query_job(self._http, _VENDOR, path, timeout_s=order.deadline_s)

    def _seen(self, answer: VendorResponse, age_s: float, share: tuple[int, int]) -> FinishedJob | Pending | Failure:
        told = {"age_s": age_s, "grace_s": self._grace_s, "poll_s": self._poll_s}
        return decode_task(answer, self._verdicts, share=share, **told)

    async def _brought(
        self, job: str, since_s: float, target: Path, order: GenerationRequest, share: tuple[int, int]
    ) -> FinishedJob | Pending | Failure:
        age_s = self._now() - since_s

        async def look() -> FinishedJob | Pending | Failure:
            answer = await self._task(job, order)
            if not isinstance(answer, VendorResponse):
                return answer
            return self._seen(answer, age_s, share)

        return await fetch_finished(self._http, _VENDOR, look, target, age_s=age_s, timeout_s=order.deadline_s)

    # --- the two steps ------------------------------------------------------------------------------------------

    async def _grid(self, handle: Mapping[str, Any], order: GenerationRequest) -> Delivered | Pending | Failure:
        """Follow the grid to its end; then the order for its first picture is written down, before it is sent."""
        grid = await self._task(handle["id"], order)
        if not isinstance(grid, VendorResponse):
            return grid
        age_s = self._now() - handle["since"]
        seen = self._seen(grid, age_s, (0, _GRID_SHARE))
        if not isinstance(seen, FinishedJob):
            return seen
        self._leave_unsent(handle["id"])
        path, body = encode_pick(handle["id"], grid.body, _pick_state(order))
        return Pending(_GRID_SHARE, 0.0, {**handle, "pick": {"ask": [path, body]}})

    def _leave_unsent(self, grid: str) -> None:
        """Tasks that are cancelled leave theirs behind, so the oldest give way: they count as sent."""
        self._unsent[grid] = None
        while len(self._unsent) > _REMEMBERED:
            del self._unsent[next(iter(self._unsent))]

    async def _pick(
        self, path: str, body: Mapping[str, Any], handle: Mapping[str, Any], order: GenerationRequest
    ) -> Delivered | Pending | Failure:
        """Order the first picture of the grid, unless another worker may have; a relay that won't has drawn it too."""
        state = _pick_state(order)
        if handle["id"] in self._unsent:
            del self._unsent[handle["id"]]
            job: str | Failure | None = await self._order(path, body, state, order)
        else:
            job = await self._found(state, order)
        if not isinstance(job, str):
            return await self._cut(handle, order)
        return Pending(_GRID_SHARE, self._poll_s, {**handle, "pick": {"id": job, "since": self._now()}})

    async def _upscaled(
        self, job: str, since_s: float, handle: Mapping[str, Any], order: GenerationRequest
    ) -> Delivered | Pending | Failure:
        target = order.workdir / "delivered"
        seen = await self._brought(job, since_s, target, order, (_GRID_SHARE, 100))
        match seen:
            case FinishedJob():
                return delivered(target, handle, order, "upscale")
            case Failure():
                return await self._cut(handle, order)
        return seen

    async def _cut(self, handle: Mapping[str, Any], order: GenerationRequest) -> Delivered | Pending | Failure:
        """Cut the picture out of the grid; where that takes a while, the handle says that it is decided."""
        outcome = await self._cropped(handle, order)
        return replace(outcome, handle={**handle, "pick": {"cut": True}}) if isinstance(outcome, Pending) else outcome

    async def _cropped(self, handle: Mapping[str, Any], order: GenerationRequest) -> Delivered | Pending | Failure:
        grid, target = order.workdir / "grid", order.workdir / "quarter.png"
        seen = await self._brought(handle["id"], handle["since"], grid, order, (0, 100))
        if not isinstance(seen, FinishedJob):
            return seen
        try:
            await asyncio.to_thread(crop, grid, target)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            return Failure(FailureKind.BAD_OUTPUT, f"{_VENDOR} delivered what is no picture", charged=True)
        return delivered(target, handle, order, "crop")
