"""Midjourney, through a relay that speaks the protocol of midjourney-proxy: there is no official public API.

Automating Midjourney accounts is against Midjourney's terms; whoever runs the relay answers for that. The base URL is
the relay's, with its prefix for speed where it has one (`https://relay.example/mj-fast`). Options of the account:
`auth` says how the key is sent, `both`, `secret` or `bearer`; `fail_reasons` adds to `FAIL_REASONS`;
`not_found_grace_s` is how long a new job may be unknown. Options of a route: `pick` is `upscale` or `crop`; `flags`
stand behind the prompt, `--v 7` for instance; all others go into the order as they are.

A job draws a grid of four pictures. The first of them is asked for as a job of its own, or else cut out of the grid.
"""

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from PIL import Image

from limner.domain.failure import Failure, FailureKind, Stage
from limner.ports.provider import Accepted, Delivered, Order, Pending, Picture, Report, VendorAccount
from limner.providers._http import (
    Answer,
    Ready,
    VendorHttp,
    ask,
    bring,
    file_as_base64,
    lost,
    no_handle,
    redacted,
    refused,
    send_order,
    too_many_pictures,
    unknown_model,
)

_VENDOR: Final = "Midjourney"
_WAIT_S: Final = 2.5
_QUEUE_FULL_S: Final = 10.0
_OURS: Final = frozenset({"pick", "flags"})
_GRID_SHARE: Final = 80
"""How far a task is, in percent, when its grid is drawn and the upscaled picture is still to come."""

_REMEMBERED: Final = 1000

_BY_CONDITION: Final = "/mj/task/list-by-condition"
_ALL: Final = "/mj/task/list"


@dataclass(frozen=True, slots=True)
class Facts:
    """What one of Midjourney's models takes; `fixed` tells the relay which one it is."""

    pictures: int = 5
    fixed: Mapping[str, Any] = field(default_factory=dict)


MODELS: Final[Mapping[str, Facts]] = {"midjourney": Facts(), "niji": Facts(fixed={"botType": "NIJI_JOURNEY"})}


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


# --- ordering ---------------------------------------------------------------------------------------------------


def encode(order: Order, facts: Facts) -> dict[str, Any]:
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


def decode_submit(answer: Answer) -> str | Failure:
    """The id of the job that a relay took."""
    if not answer.ok:
        return refused(_VENDOR, answer, rate_wait_s=_QUEUE_FULL_S)
    match answer.body:
        case {"code": 1 | 21 | 22, "result": str(job)} if job:
            return job
        case {"code": int(code)} if code in _CODES:
            return _turned_down(code, answer.body)
    return no_handle(_VENDOR, answer)


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
    answer: Answer, verdicts: Mapping[str, Verdict], *, age_s: float, grace_s: float, share: tuple[int, int] = (0, 100)
) -> Ready | Pending | Failure:
    """What a job is about; its progress counts for `share` of the whole. Words new to us mean that it goes on."""
    if not answer.ok or not isinstance(answer.body, dict):
        return lost(_VENDOR, age_s=age_s, grace_s=grace_s, detail=f"HTTP {answer.status}, no such job")
    body = answer.body
    match body.get("status"):
        case "SUCCESS":
            return _ready(body.get("imageUrl"))
        case "FAILURE":
            return _failed(str(body.get("failReason") or ""), verdicts) or Pending(wait_s=_WAIT_S)
        case "CANCEL":
            return Failure(FailureKind.CANCELLED, f"the job was cancelled at {_VENDOR}'s relay", detail="CANCEL")
    return Pending(_percent(body.get("progress"), *share), _WAIT_S)


def _ready(link: Any) -> Ready | Failure:
    if isinstance(link, str) and link:
        return Ready(link)
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


# --- picking one picture of four --------------------------------------------------------------------------------


def encode_pick(job: str, body: Any, state: str) -> tuple[str, dict[str, Any]]:
    """Where and how the first picture of a grid is asked for: by its button, or by its number where there is none."""
    match next((button for button in _buttons(body) if button.get("label") == "U1"), None):
        case {"customId": str(button)}:
            return "/mj/submit/action", {"taskId": job, "customId": button, "state": state}
    return "/mj/submit/change", {"taskId": job, "action": "UPSCALE", "index": 1, "state": state}


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


def delivered(path: Path, handle: Mapping[str, Any], order: Order, picked_by: str) -> Delivered:
    served_by = {"provider": "midjourney", "model": order.upstream, "generative": True, "vendor_id": handle["id"]}
    return Delivered(Picture(path), served_by | {"picked_by": picked_by})


# --- the provider -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Upscale:
    id: str
    since_s: float


class MidjourneyProvider:
    """`now` is the wall clock: a job's age must survive the worker that ordered it.

    A handle names the grid. Its upscale is remembered here, and is found again after a restart: it carries a `state`
    that follows from the attempt, and a relay knows a picture that was asked for already.
    """

    name = "midjourney"
    resumable = True
    free = False

    def __init__(self, account: VendorAccount, now: Callable[[], float] = time.time) -> None:
        self._http = VendorHttp(account, headers_of(account))
        self._verdicts = verdicts_of(account.options)
        self._grace_s = float(account.options.get("not_found_grace_s", 10))
        self._now = now
        self._upscales: dict[str, _Upscale] = {}

    async def submit(self, order: Order, report: Report) -> Accepted | Failure:  # noqa: ARG002 - nothing to tell yet
        facts = MODELS.get(order.upstream)
        if facts is None:
            return unknown_model(_VENDOR, order, MODELS)
        if refusal := too_many_pictures(order, facts.pictures):
            return refusal
        job = await self._order("/mj/submit/imagine", encode(order, facts), order)
        if isinstance(job, Failure) and job.kind is FailureKind.UNKNOWN_OUTCOME:
            job = await self._found(order.attempt_id, order, _BY_CONDITION, _ALL) or job
        return job if isinstance(job, Failure) else Accepted({"id": job, "since": self._now()}, _WAIT_S)

    async def poll(self, handle: Mapping[str, Any], order: Order) -> Delivered | Pending | Failure:
        outcome = await self._follow(handle, order)
        if not isinstance(outcome, Pending):
            self._upscales.pop(handle["id"], None)
        return outcome

    async def close(self) -> None:
        await self._http.close()

    # --- one order, one question --------------------------------------------------------------------------------

    async def _order(self, path: str, body: Mapping[str, Any], order: Order) -> str | Failure:
        answer = await send_order(self._http, _VENDOR, path, body, deadline_s=order.deadline_s)
        return answer if isinstance(answer, Failure) else decode_submit(answer)

    async def _found(self, state: str, order: Order, *lists: str) -> str | None:
        """The job that was ordered under `state`. Not every relay can be asked for it; its answer is looked through."""
        condition, timeout_s = {"ids": [], "state": state}, 0.1 * order.deadline_s
        for path in lists:
            question = ("POST", condition) if path == _BY_CONDITION else ("GET", None)
            answer = await ask(self._http, _VENDOR, path, *question, timeout_s=timeout_s)
            job = job_with(state, answer.body) if isinstance(answer, Answer) else None
            if job is not None:
                return job
        return None

    async def _task(self, job: str, order: Order) -> Answer | Pending | Failure:
        path = f"/mj/task/{quote(job, safe='')}/fetch"
        return await ask(self._http, _VENDOR, path, timeout_s=order.deadline_s)

    async def _brought(
        self, job: str, since_s: float, target: Path, order: Order, share: tuple[int, int]
    ) -> Ready | Pending | Failure:
        age_s = self._now() - since_s

        async def look() -> Ready | Pending | Failure:
            answer = await self._task(job, order)
            if not isinstance(answer, Answer):
                return answer
            return decode_task(answer, self._verdicts, age_s=age_s, grace_s=self._grace_s, share=share)

        return await bring(self._http, _VENDOR, look, target, age_s=age_s, timeout_s=order.deadline_s)

    # --- the two steps ------------------------------------------------------------------------------------------

    async def _follow(self, handle: Mapping[str, Any], order: Order) -> Delivered | Pending | Failure:
        if order.options.get("pick", "upscale") == "crop":
            return await self._cropped(handle, order)
        upscale = self._upscales.get(handle["id"])
        if upscale is not None:
            return await self._upscaled(upscale, handle, order)
        grid = await self._task(handle["id"], order)
        if not isinstance(grid, Answer):
            return grid
        age_s = self._now() - handle["since"]
        seen = decode_task(grid, self._verdicts, age_s=age_s, grace_s=self._grace_s, share=(0, _GRID_SHARE))
        return await self._picked(grid, handle, order) if isinstance(seen, Ready) else seen

    async def _picked(self, grid: Answer, handle: Mapping[str, Any], order: Order) -> Delivered | Pending | Failure:
        """Ask for the first picture of the grid, unless an earlier worker did; a relay that won't has drawn it too."""
        state = f"{order.attempt_id}:U1"
        job = await self._found(state, order, _BY_CONDITION) or await self._order(
            *encode_pick(handle["id"], grid.body, state), order
        )
        if isinstance(job, Failure):
            return await self._cropped(handle, order)
        self._remember(handle["id"], _Upscale(job, self._now()))
        return Pending(_GRID_SHARE, _WAIT_S)

    def _remember(self, grid: str, upscale: _Upscale) -> None:
        """Tasks that are cancelled leave theirs behind, so the oldest give way."""
        self._upscales[grid] = upscale
        while len(self._upscales) > _REMEMBERED:
            del self._upscales[next(iter(self._upscales))]

    async def _upscaled(
        self, upscale: _Upscale, handle: Mapping[str, Any], order: Order
    ) -> Delivered | Pending | Failure:
        target = order.workdir / "delivered"
        seen = await self._brought(upscale.id, upscale.since_s, target, order, (_GRID_SHARE, 100))
        match seen:
            case Ready():
                return delivered(target, handle, order, "upscale")
            case Failure():
                return await self._cropped(handle, order)
        return seen

    async def _cropped(self, handle: Mapping[str, Any], order: Order) -> Delivered | Pending | Failure:
        grid, target = order.workdir / "grid", order.workdir / "quarter.png"
        seen = await self._brought(handle["id"], handle["since"], grid, order, (0, 100))
        if not isinstance(seen, Ready):
            return seen
        try:
            await asyncio.to_thread(crop, grid, target)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            return Failure(FailureKind.BAD_OUTPUT, f"{_VENDOR} delivered what is no picture", charged=True)
        return delivered(target, handle, order, "crop")
