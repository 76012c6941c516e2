"""Black Forest Labs: FLUX by its maker, asked after at the address that comes with each job.

Base URL `https://api.bfl.ai`. Options of the account: `polling_hosts`, the further hosts that may see the key;
`not_found_grace_s`, how long a new job may be unknown; `poll_s`, the shortest time between two questions. Options of a
route go into the order as they are.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from PIL import Image

from limner.domain.aspect_ratio import nearest, size_for, within
from limner.domain.routing.failure import Failure, FailureKind, Stage
from limner.ports.provider import (
    Accepted,
    Delivered,
    GenerationRequest,
    Pending,
    Picture,
    ReferenceImage,
    Report,
    UpstreamCheck,
    VendorAccount,
)
from limner.providers._http import (
    KEYED_JOB_RULES,
    MIN_POLL_S,
    FinishedJob,
    Rules,
    VendorHttp,
    VendorResponse,
    check_endpoint,
    detail_of,
    failure_from,
    fetch_finished,
    file_as_base64,
    invalid_option,
    job_not_found,
    missing_handle,
    poll_interval_s,
    provider_only,
    query_job,
    redacted,
    require_valid,
    set_by_limner,
    submit_job,
    too_many_references,
    unknown_model,
)
from limner.providers._http.options import whole_number

_VENDOR: Final = "BFL"
_USD_PER_CREDIT: Final = 0.01
_MOST_PIXELS: Final = 20_000_000

# --- what the models can do -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Between:
    """`aspect_ratio` may be any shape from the tallest to the widest."""

    tallest: str = "9:21"
    widest: str = "21:9"


@dataclass(frozen=True, slots=True)
class OneOf:
    """`aspect_ratio` is one of these."""

    shapes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sides:
    """`width` and `height`, multiples of `step`. `unasked` is the shape where nobody asks for one."""

    step: int
    least: int
    most: int
    unasked: str | None = None


@dataclass(frozen=True, slots=True)
class BflFacts:
    """What one family takes. `usd` is a picture of one megapixel, where the answer names no cost.

    `pictures` is the most reference pictures: in one list called `list_field`, or else in numbered fields, each side
    of `min_side` pixels at least. `fixed` is sent unless the route's options say otherwise. `tolerance_with_picture`
    is the highest `safety_tolerance` that the model obeys when a picture comes along.
    """

    pictures: int
    shape: Between | OneOf | Sides
    fixed: Mapping[str, Any] = field(default_factory=dict)
    list_field: str | None = None
    min_side: int = 256
    seed: bool = True
    tolerance_with_picture: int | None = None
    usd: float | None = None


_FLUX_3_SHAPES: Final = (
    *("21:9", "2:1", "16:9", "3:2", "7:5", "4:3", "5:4", "1:1"),
    *("4:5", "3:4", "5:7", "2:3", "9:16", "1:2", "9:21"),
)
_PNG: Final = {"output_format": "png"}
_KONTEXT: Final = BflFacts(4, Between(), _PNG, tolerance_with_picture=2, usd=0.04)
_FLUX_2: Final = BflFacts(8, Sides(16, 64, 2048), _PNG, min_side=64)
_FLUX_3: Final = BflFacts(
    10, OneOf(_FLUX_3_SHAPES), {"grounding": False, "resolution": "1k"}, list_field="images", seed=False, usd=0.048
)

MODELS: Final[Mapping[str, BflFacts]] = {
    "flux-kontext-max": replace(_KONTEXT, usd=0.08),
    "flux-kontext-*": _KONTEXT,
    "flux-dev": BflFacts(0, Sides(32, 256, 1440, unasked="1:1"), _PNG, usd=0.025),
    "flux-2-klein-*": replace(_FLUX_2, pictures=4, usd=0.015),
    "flux-2-pro*": replace(_FLUX_2, usd=0.03),
    "flux-2-*": _FLUX_2,
    "flux-3-image*": _FLUX_3,
}
"""Families by the pattern of their names; the first that fits counts."""


def facts_of(upstream: str) -> BflFacts | None:
    return next((facts for pattern, facts in MODELS.items() if fnmatchcase(upstream, pattern)), None)


# --- ordering ---------------------------------------------------------------------------------------------------


def unfit(order: GenerationRequest, facts: BflFacts) -> Failure | None:
    """Why an order cannot be sent at all."""
    if refusal := too_many_references(order, facts.pictures):
        return refusal
    if any(_enlarged_pixels(each, facts.min_side) > _MOST_PIXELS for each in order.references):
        return Failure(FailureKind.BAD_INPUT, "a reference picture is too narrow for its length")
    return None


def encode(order: GenerationRequest, facts: BflFacts) -> dict[str, Any]:
    """The order as JSON; each reference is a picture that will be read when it is sent."""
    seed = {"seed": order.seed} if facts.seed else {}
    body = {"prompt": order.prompt, **facts.fixed, **seed, **_shape(order, facts.shape), **order.options}
    if order.references and facts.tolerance_with_picture is not None and "safety_tolerance" in body:
        body["safety_tolerance"] = min(body["safety_tolerance"], facts.tolerance_with_picture)
    return body | _pictures(order, facts)


def _shape(order: GenerationRequest, shape: Between | OneOf | Sides) -> dict[str, Any]:
    match shape:
        case Between(tallest, widest) if order.aspect_ratio:
            return {"aspect_ratio": within(order.aspect_ratio, tallest, widest)}
        case OneOf(shapes) if order.aspect_ratio:
            return {"aspect_ratio": nearest(order.aspect_ratio, shapes)}
        case Sides(step, least, most, unasked) if wanted := order.aspect_ratio or unasked:
            width, height = size_for(wanted, pixels=1024 * 1024, step=step, least=least, most=most)
            return {"width": width, "height": height}
    return {}


def _pictures(order: GenerationRequest, facts: BflFacts) -> dict[str, Any]:
    files = [file_as_base64(each.path) for each in order.references]
    if not files or facts.list_field:
        return {facts.list_field: files} if files and facts.list_field else {}
    return {"input_image" if n == 1 else f"input_image_{n}": file for n, file in enumerate(files, 1)}


def decode_order(answer: VendorResponse, now_s: float, poll_s: float = MIN_POLL_S) -> Accepted | Failure:
    match answer.body:
        case _ if not answer.ok:
            return failure_from(_VENDOR, answer)
        case {"id": str(job), "polling_url": str(url), **rest}:
            return Accepted(
                {"id": job, "polling_url": url, "cost": rest.get("cost"), "since": now_s},
                poll_interval_s(0, least=poll_s),
            )
    return missing_handle(_VENDOR, answer)


def _enlarged_pixels(reference: ReferenceImage, least: int) -> int:
    width, height = _enlarged(reference, least)
    return width * height


def _enlarged(reference: ReferenceImage, least: int) -> tuple[int, int]:
    scale = max(1.0, least / min(reference.width, reference.height))
    return max(least, round(reference.width * scale)), max(least, round(reference.height * scale))


def _enlarge(order: GenerationRequest, least: int) -> GenerationRequest:
    """The order with small references drawn larger, as files of their own in its folder."""
    made = [
        _enlarged_file(each, least, order.workdir / f"enlarged-{number}.png")
        if min(each.width, each.height) < least
        else each
        for number, each in enumerate(order.references, 1)
    ]
    return replace(order, references=tuple(made))


def _enlarged_file(reference: ReferenceImage, least: int, target: Path) -> ReferenceImage:
    width, height = _enlarged(reference, least)
    with Image.open(reference.path) as picture:
        picture.resize((width, height), Image.Resampling.LANCZOS).save(target, "PNG")
    return ReferenceImage(target, "image/png", width, height)


OPTIONS: Final[Rules] = {
    "safety_tolerance": whole_number,
    **dict.fromkeys(
        ("prompt", "images", *(f"input_image{n}" for n in ("", *(f"_{n}" for n in range(2, 9))))), set_by_limner
    ),
    **dict.fromkeys(("webhook_url", "webhook_secret"), set_by_limner),
    **dict.fromkeys(KEYED_JOB_RULES, provider_only),
}
"""Of a route, besides what BFL itself knows."""


# --- asking after it --------------------------------------------------------------------------------------------


def decode_job(
    answer: VendorResponse, handle: Mapping[str, Any], *, age_s: float, grace_s: float, poll_s: float = MIN_POLL_S
) -> FinishedJob | Pending | Failure:
    """What a job is about. Words that are new to us mean that it goes on."""
    body = answer.body if isinstance(answer.body, dict) else {}
    status = body.get("status")
    if not answer.ok and not isinstance(status, str):
        status = "Task not found"
    match status:
        case "Ready":
            return _ready(body, handle)
        case "Request Moderated" | "Content Moderated":
            return _moderated(body, _REFUSED[status])
        case "Error" | "Failed":
            return Failure(FailureKind.TRANSIENT, f"{_VENDOR} failed to draw the picture", detail=_detail(body))
        case "Task not found":
            return job_not_found(_VENDOR, age_s=age_s, grace_s=grace_s, detail=detail_of(answer))
    return Pending(_percent(body.get("progress")), poll_interval_s(age_s, least=poll_s))


_REFUSED: Final = {"Request Moderated": Stage.INPUT, "Content Moderated": Stage.OUTPUT}


def _ready(body: Mapping[str, Any], handle: Mapping[str, Any]) -> FinishedJob | Failure:
    match body.get("result"):
        case {"sample": str(link)} if link:
            return FinishedJob(link, _usd(body.get("cost") or handle.get("cost")))
    return Failure(FailureKind.NO_IMAGE, f"{_VENDOR} finished without a picture", charged=True, detail=_detail(body))


def delivered(ready: FinishedJob, path: Path, handle: Mapping[str, Any], order: GenerationRequest) -> Delivered:
    facts = facts_of(order.upstream)
    cost_usd = facts.usd if ready.cost_usd is None and facts else ready.cost_usd
    served_by = {"provider": "bfl", "model": order.upstream, "generative": True, "vendor_id": handle["id"]}
    return Delivered(Picture(path), served_by, cost_usd)


def _moderated(body: Mapping[str, Any], stage: Stage) -> Failure:
    what = "the prompt or a reference picture" if stage is Stage.INPUT else "the picture that was made"
    return Failure(
        FailureKind.CONTENT_POLICY, f"{_VENDOR}'s content policy refused {what}", detail=_detail(body), stage=stage
    )


def _detail(body: Mapping[str, Any]) -> str:
    """The status and, where `details` tells them, the reasons."""
    status = str(body.get("status"))
    match body.get("details"):
        case {} as details if details:
            return f"{status}: {redacted('; '.join(f'{name}: {_listed(value)}' for name, value in details.items()))}"
        case str(words) if words:
            return f"{status}: {redacted(words)}"
    return status


def _listed(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _percent(progress: Any) -> int | None:
    return round(100 * progress) if isinstance(progress, int | float) and 0 <= progress <= 1 else None


def _usd(credits_taken: Any) -> float | None:
    return credits_taken * _USD_PER_CREDIT if isinstance(credits_taken, int | float) else None


def decode_credits(answer: VendorResponse) -> UpstreamCheck | None:
    match answer.body:
        case {"credits": int() | float() as left} if answer.ok:
            says = f"the key is valid; {left:,.1f} credits are left, worth {left * _USD_PER_CREDIT:,.2f} US dollars"
            return UpstreamCheck(well=left > 0, says=says)
    return None


# --- the provider -----------------------------------------------------------------------------------------------


class BflProvider:
    """`now` is the wall clock: a job's age must survive the worker that ordered it."""

    name = "bfl"
    resumable = True
    free = False

    def __init__(self, account: VendorAccount, now: Callable[[], float] = time.time) -> None:
        """Raises ValueError for an option that is none."""
        require_valid(account.options, KEYED_JOB_RULES)
        hosts = tuple(account.options.get("polling_hosts", ("bfl.ai",)))
        self._http = VendorHttp(account, {"x-key": account.key}, key_hosts=hosts)
        self._grace_s = float(account.options.get("not_found_grace_s", 10))
        self._poll_s = float(account.options.get("poll_s", MIN_POLL_S))
        self._now = now

    async def submit(self, order: GenerationRequest, report: Report) -> Accepted | Failure:  # noqa: ARG002 - nothing to tell yet
        facts = facts_of(order.upstream)
        if facts is None:
            return unknown_model(_VENDOR, order.upstream, MODELS)
        if refusal := unfit(order, facts):
            return refusal
        order = await asyncio.to_thread(_enlarge, order, facts.min_side)
        body = encode(order, facts)
        answer = await submit_job(self._http, _VENDOR, f"/v1/{order.upstream}", body, deadline_s=order.deadline_s)
        return answer if isinstance(answer, Failure) else decode_order(answer, self._now(), self._poll_s)

    async def poll(self, handle: Mapping[str, Any], order: GenerationRequest) -> Delivered | Pending | Failure:
        age_s = self._now() - handle["since"]

        async def look() -> FinishedJob | Pending | Failure:
            answer = await query_job(self._http, _VENDOR, handle["polling_url"], timeout_s=order.deadline_s)
            if not isinstance(answer, VendorResponse):
                return answer
            return decode_job(answer, handle, age_s=age_s, grace_s=self._grace_s, poll_s=self._poll_s)

        target = order.workdir / "delivered"
        seen = await fetch_finished(self._http, _VENDOR, look, target, age_s=age_s, timeout_s=order.deadline_s)
        return delivered(seen, target, handle, order) if isinstance(seen, FinishedJob) else seen

    def reference_cap(self, upstream: str, options: Mapping[str, Any]) -> int | None:  # noqa: ARG002 - by name alone
        facts = facts_of(upstream)
        return None if facts is None else facts.pictures

    def unfit(self, upstream: str, options: Mapping[str, Any]) -> str | None:
        if facts_of(upstream) is None:
            return unknown_model(_VENDOR, upstream, MODELS).reason
        return invalid_option(options, OPTIONS, others=True)

    async def check(self, upstreams: Sequence[str]) -> UpstreamCheck:  # noqa: ARG002 - BFL lists no models
        return await check_endpoint(self._http, _VENDOR, "/v1/credits", decode_credits)

    async def close(self) -> None:
        await self._http.close()
