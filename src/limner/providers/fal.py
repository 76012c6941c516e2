"""fal.ai: other makers' models behind one queue, asked after at the addresses that come with each job.

Base URL `https://queue.fal.run`. Options of the account: `polling_hosts`, the further hosts that may see the key;
`not_found_grace_s`, how long a new job may be unknown; `poll_s`, the shortest time between two questions. Options of a
route go into the order as they are.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from limner.domain.aspect_ratio import nearest, size_for
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
    error_message,
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

_VENDOR: Final = "fal"

# --- what the models can do -------------------------------------------------------------------------------------

_SHAPES: Final = ("21:9", "16:9", "4:3", "3:2", "1:1", "2:3", "3:4", "9:16", "9:21")


@dataclass(frozen=True, slots=True)
class FalFacts:
    """What one family takes. `usd` is the list price of a picture of one megapixel.

    The number of reference pictures decides the path behind the model's name: `without`, `with_one` or, where the
    model takes more, `with_many`. `shapes` are the values of `aspect_ratio`; None for a model that takes `image_size`.
    """

    pictures: int
    usd: float
    without: str = ""
    with_one: str = ""
    with_many: str = ""
    shapes: tuple[str, ...] | None = _SHAPES
    fixed: Mapping[str, Any] = field(default_factory=dict)


_FIXED: Final = {"num_images": 1, "output_format": "png"}
_KONTEXT: Final = FalFacts(4, 0.04, without="/text-to-image", with_many="/multi", fixed=_FIXED)

MODELS: Final[Mapping[str, FalFacts]] = {
    "fal-ai/flux-pro/kontext": _KONTEXT,
    "fal-ai/flux-pro/kontext/max": replace(_KONTEXT, usd=0.08),
    "fal-ai/flux/dev": FalFacts(0, 0.025, shapes=None, fixed=_FIXED | {"enable_safety_checker": True}),
}

# --- what fal says about failures -------------------------------------------------------------------------------

_KINDS: Final[Mapping[str, FailureKind]] = {
    "bad_request": FailureKind.BAD_INPUT,
    "client_cancelled": FailureKind.CANCELLED,
    "content_policy_violation": FailureKind.CONTENT_POLICY,
    "file_download_error": FailureKind.BAD_INPUT,
    "image_load_error": FailureKind.BAD_INPUT,
    "image_too_large": FailureKind.BAD_INPUT,
    "image_too_small": FailureKind.BAD_INPUT,
    "no_media_generated": FailureKind.NO_IMAGE,
    "user_locked": FailureKind.QUOTA_EXHAUSTED,
}
"""By `error_type`, or by the `type` of a `detail`. Others say no more than their status, or that fal is at fault."""


def facts_of(upstream: str) -> FalFacts | None:
    return MODELS.get(upstream)


# --- ordering ---------------------------------------------------------------------------------------------------


def path_of(order: GenerationRequest, facts: FalFacts) -> str:
    suffix = {0: facts.without, 1: facts.with_one}.get(len(order.references), facts.with_many)
    return f"/{order.upstream}{suffix}"


def encode(order: GenerationRequest, facts: FalFacts) -> dict[str, Any]:
    """The order as JSON; each reference is a picture that will be read when it is sent."""
    body = {"prompt": order.prompt, "seed": order.seed, **facts.fixed, **_shape(order, facts)}
    return {**body, **order.options, **_pictures(order.references)}


def _shape(order: GenerationRequest, facts: FalFacts) -> dict[str, Any]:
    if facts.shapes is None:
        width, height = size_for(order.aspect_ratio or "1:1", pixels=1024 * 1024, step=32, least=256, most=1440)
        return {"image_size": {"width": width, "height": height}}
    return {"aspect_ratio": nearest(order.aspect_ratio, facts.shapes)} if order.aspect_ratio else {}


def _pictures(references: tuple[ReferenceImage, ...]) -> dict[str, Any]:
    files = [file_as_base64(each.path, f"data:{each.media_type};base64,") for each in references]
    match files:
        case []:
            return {}
        case [only]:
            return {"image_url": only}
        case _:
            return {"image_urls": files}


def decode_order(answer: VendorResponse, now_s: float, poll_s: float = MIN_POLL_S) -> Accepted | Failure:
    match answer.body:
        case _ if not answer.ok:
            return decode_refusal(answer)
        case {"request_id": str(job), "status_url": str(status), "response_url": str(response)}:
            handle = {"id": job, "status_url": status, "response_url": response, "since": now_s}
            return Accepted(handle, poll_interval_s(0, least=poll_s))
    return missing_handle(_VENDOR, answer)


def decode_refusal(answer: VendorResponse) -> Failure:
    """An answer with an error status: to the order, or in place of a picture."""
    known = next((each for each in _error_types(answer) if each in _KINDS), None)
    if known is None:
        return failure_from(_VENDOR, answer)
    return _failed(_KINDS[known], answer.body, f"HTTP {answer.status} {known}")


def _error_types(answer: VendorResponse) -> list[str]:
    """The nearest to the cause first."""
    body = answer.body if isinstance(answer.body, dict) else {}
    details = body.get("detail")
    inner = [each.get("type") for each in details if isinstance(each, dict)] if isinstance(details, list) else []
    return [str(each) for each in (*inner, body.get("error_type"), answer.headers.get("X-Fal-Error-Type"))]


def _failed(kind: FailureKind, body: Any, detail: str) -> Failure:
    """A content policy that names a field of the order refused the order; otherwise it does not say what."""
    told = error_message(body)
    reason = f"{_VENDOR} did not draw the picture" + (f": {told}" if str(told) else "")
    stage = Stage.INPUT if kind is FailureKind.CONTENT_POLICY and told.field else None
    return Failure(kind, reason, detail=detail, stage=stage)


OPTIONS: Final[Rules] = {
    **dict.fromkeys(("prompt", "image_url", "image_urls"), set_by_limner),
    **dict.fromkeys(KEYED_JOB_RULES, provider_only),
}
"""Of a route, besides what fal's models know."""


# --- asking after it --------------------------------------------------------------------------------------------


def decode_status(
    answer: VendorResponse, *, age_s: float, grace_s: float, poll_s: float = MIN_POLL_S
) -> Pending | Failure | None:
    """Where a job stands; None when its picture may be asked for. Words that are new to us mean that it goes on."""
    match answer.body:
        case {"status": "COMPLETED", "error": error, **rest} if error:
            kind = _KINDS.get(str(rest.get("error_type")), FailureKind.TRANSIENT)
            return _failed(kind, {"detail": error}, redacted(f"COMPLETED {rest.get('error_type') or ''}"))
        case {"status": "COMPLETED", "error_type": str(kind)} if kind:
            return _failed(_KINDS.get(kind, FailureKind.TRANSIENT), None, redacted(f"COMPLETED {kind}"))
        case {"status": "COMPLETED"}:
            return None
        case {"status": _}:
            return Pending(wait_s=poll_interval_s(age_s, least=poll_s))
        case _ if not answer.ok:
            return job_not_found(_VENDOR, age_s=age_s, grace_s=grace_s, detail=f"HTTP {answer.status}")
    return Pending(wait_s=poll_interval_s(age_s, least=poll_s))


def decode_result(
    answer: VendorResponse, *, age_s: float, grace_s: float, poll_s: float = MIN_POLL_S
) -> FinishedJob | Pending | Failure:
    match answer.body:
        case _ if answer.status in {404, 410}:
            return job_not_found(_VENDOR, age_s=age_s, grace_s=grace_s, detail=f"HTTP {answer.status}")
        case _ if answer.status == 202:
            return Pending(wait_s=poll_interval_s(age_s, least=poll_s))
        case _ if not answer.ok:
            return decode_refusal(answer)
        case {"has_nsfw_concepts": [True, *_]}:
            return Failure(
                FailureKind.CONTENT_POLICY,
                f"{_VENDOR}'s safety checker refused the picture that was made",
                charged=True,
                detail="has_nsfw_concepts",
                stage=Stage.OUTPUT,
            )
        case {"images": [{"url": str(link)}, *_]} if link:
            return FinishedJob(link)
    return Failure(FailureKind.NO_IMAGE, f"{_VENDOR} finished without a picture", charged=True)


def delivered(path: Path, handle: Mapping[str, Any], order: GenerationRequest) -> Delivered:
    facts = facts_of(order.upstream)
    served_by = {"provider": "fal", "model": order.upstream, "generative": True, "vendor_id": handle["id"]}
    return Delivered(Picture(path), served_by, facts.usd if facts else None)


_NO_JOB: Final = "/fal-ai/flux/requests/00000000-0000-0000-0000-000000000000/status"


def decode_no_job(answer: VendorResponse) -> UpstreamCheck | None:
    """What fal says of a job that nobody has: nothing that is free proves a key, but a wrong one may be refused."""
    match answer.body:
        case {"detail": _} if answer.status in {400, 404, 410, 422}:
            says = "answers, and did not refuse the key; that it takes one, only an order would show"
            return UpstreamCheck(well=True, says=says)
    return None


# --- the provider -----------------------------------------------------------------------------------------------


class FalProvider:
    """`now` is the wall clock: a job's age must survive the worker that ordered it."""

    name = "fal"
    resumable = True
    free = False

    def __init__(self, account: VendorAccount, now: Callable[[], float] = time.time) -> None:
        """Raises ValueError for an option that is none."""
        require_valid(account.options, KEYED_JOB_RULES)
        hosts = tuple(account.options.get("polling_hosts", ("fal.run",)))
        self._http = VendorHttp(account, {"Authorization": f"Key {account.key}"}, key_hosts=hosts)
        self._grace_s = float(account.options.get("not_found_grace_s", 10))
        self._poll_s = float(account.options.get("poll_s", MIN_POLL_S))
        self._now = now

    async def submit(self, order: GenerationRequest, report: Report) -> Accepted | Failure:  # noqa: ARG002 - nothing to tell yet
        facts = facts_of(order.upstream)
        if facts is None:
            return unknown_model(_VENDOR, order.upstream, MODELS)
        if refusal := too_many_references(order, facts.pictures):
            return refusal
        body = encode(order, facts)
        answer = await submit_job(self._http, _VENDOR, path_of(order, facts), body, deadline_s=order.deadline_s)
        return answer if isinstance(answer, Failure) else decode_order(answer, self._now(), self._poll_s)

    async def poll(self, handle: Mapping[str, Any], order: GenerationRequest) -> Delivered | Pending | Failure:
        age_s = self._now() - handle["since"]

        async def look() -> FinishedJob | Pending | Failure:
            return await self._look(handle, order, age_s)

        target = order.workdir / "delivered"
        seen = await fetch_finished(self._http, _VENDOR, look, target, age_s=age_s, timeout_s=order.deadline_s)
        return delivered(target, handle, order) if isinstance(seen, FinishedJob) else seen

    async def _look(
        self, handle: Mapping[str, Any], order: GenerationRequest, age_s: float
    ) -> FinishedJob | Pending | Failure:
        status = await query_job(self._http, _VENDOR, handle["status_url"], timeout_s=order.deadline_s)
        if not isinstance(status, VendorResponse):
            return status
        seen = decode_status(status, age_s=age_s, grace_s=self._grace_s, poll_s=self._poll_s)
        if seen is None:
            return await self._result(handle, order, age_s)
        if isinstance(seen, Failure) and seen.kind is FailureKind.CONTENT_POLICY:
            told = await self._result(handle, order, age_s)  # names the field that was refused
            return told if isinstance(told, Failure) else seen
        return seen

    async def _result(
        self, handle: Mapping[str, Any], order: GenerationRequest, age_s: float
    ) -> FinishedJob | Pending | Failure:
        result = await query_job(self._http, _VENDOR, handle["response_url"], timeout_s=order.deadline_s)
        if not isinstance(result, VendorResponse):
            return result
        return decode_result(result, age_s=age_s, grace_s=self._grace_s, poll_s=self._poll_s)

    def reference_cap(self, upstream: str, options: Mapping[str, Any]) -> int | None:  # noqa: ARG002 - by name alone
        facts = facts_of(upstream)
        return None if facts is None else facts.pictures

    def unfit(self, upstream: str, options: Mapping[str, Any]) -> str | None:
        if facts_of(upstream) is None:
            return unknown_model(_VENDOR, upstream, MODELS).reason
        return invalid_option(options, OPTIONS, others=True)

    async def check(self, upstreams: Sequence[str]) -> UpstreamCheck:  # noqa: ARG002 - fal's queue lists no models
        return await check_endpoint(self._http, _VENDOR, _NO_JOB, decode_no_job)

    async def close(self) -> None:
        await self._http.close()
