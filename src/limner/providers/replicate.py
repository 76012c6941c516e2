"""Replicate: other makers' models as predictions, asked after at the address that comes with each.

Base URL `https://api.replicate.com`. Options of the account: `polling_hosts`, the further hosts that may see the key;
`not_found_grace_s`, how long a new prediction may be unknown; `poll_s`, the shortest time between two questions.
Options of a route go into the order's input as they are.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from limner.domain.aspect_ratio import nearest
from limner.domain.routing.failure import Failure, FailureKind
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
    KEYED_JOB_RULES,
    MIN_POLL_S,
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

_VENDOR: Final = "Replicate"

# --- what the models can do -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReplicateFacts:
    """What one model takes. `usd` is its list price; `picture_field` is None for a model of words alone.

    `tolerance_with_picture` is the highest `safety_tolerance` that the model obeys when a picture comes along.
    """

    shapes: tuple[str, ...]
    usd: float
    picture_field: str | None = None
    tolerance_with_picture: int | None = None
    fixed: Mapping[str, Any] = field(default_factory=dict)

    @property
    def pictures(self) -> int:
        """The most reference pictures of one request."""
        return 1 if self.picture_field else 0


_SHAPES: Final = ("21:9", "16:9", "3:2", "4:3", "5:4", "1:1", "4:5", "3:4", "2:3", "9:16", "9:21")
_PNG: Final = {"output_format": "png"}
_KONTEXT: Final = ReplicateFacts((*_SHAPES, "2:1", "1:2"), 0.04, "input_image", 2, _PNG)

MODELS: Final[Mapping[str, ReplicateFacts]] = {
    "black-forest-labs/flux-kontext-pro": _KONTEXT,
    "black-forest-labs/flux-kontext-max": replace(_KONTEXT, usd=0.08),
    "black-forest-labs/flux-dev": ReplicateFacts(_SHAPES, 0.025, fixed=_PNG),
}

POLICY_WORDS: Final = ("flagged as sensitive", "nsfw", "(e005)", "safety")
"""A failed prediction has no code, so its words say whether a content policy failed it."""


def facts_of(upstream: str) -> ReplicateFacts | None:
    return MODELS.get(upstream)


# --- ordering ---------------------------------------------------------------------------------------------------


def encode(order: GenerationRequest, facts: ReplicateFacts) -> dict[str, Any]:
    """The order as JSON; its reference is a picture that will be read when it is sent."""
    shape = {"aspect_ratio": nearest(order.aspect_ratio, facts.shapes)} if order.aspect_ratio else {}
    wishes = {"prompt": order.prompt, "seed": order.seed, **facts.fixed, **shape, **order.options}
    if order.references and facts.tolerance_with_picture is not None and "safety_tolerance" in wishes:
        wishes["safety_tolerance"] = min(wishes["safety_tolerance"], facts.tolerance_with_picture)
    return {"input": wishes | _picture(order, facts)}


def _picture(order: GenerationRequest, facts: ReplicateFacts) -> dict[str, Any]:
    if not order.references or facts.picture_field is None:
        return {}
    reference = order.references[0]
    return {facts.picture_field: file_as_base64(reference.path, f"data:{reference.media_type};base64,")}


def decode_order(answer: VendorResponse, now_s: float, poll_s: float = MIN_POLL_S) -> Accepted | Failure:
    match answer.body:
        case _ if not answer.ok:
            return failure_from(_VENDOR, answer)
        case {"id": str(job), "urls": {"get": str(url)}}:
            return Accepted({"id": job, "get": url, "since": now_s}, poll_interval_s(0, least=poll_s))
    return missing_handle(_VENDOR, answer)


OPTIONS: Final[Rules] = {
    "safety_tolerance": whole_number,
    **dict.fromkeys(("prompt", "input_image"), set_by_limner),
    **dict.fromkeys(KEYED_JOB_RULES, provider_only),
}
"""Of a route, besides what Replicate's models know."""


# --- asking after it --------------------------------------------------------------------------------------------


def decode_job(
    answer: VendorResponse, *, age_s: float, grace_s: float, poll_s: float = MIN_POLL_S
) -> FinishedJob | Pending | Failure:
    """What a prediction is about. Words that are new to us mean that it goes on."""
    if not answer.ok:
        return job_not_found(_VENDOR, age_s=age_s, grace_s=grace_s, detail=f"HTTP {answer.status}")
    body = answer.body if isinstance(answer.body, dict) else {}
    match body.get("status"):
        case "succeeded":
            return _ready(body.get("output"))
        case "failed":
            return _failed(redacted(str(body.get("error") or "")))
        case "canceled":
            return Failure(FailureKind.CANCELLED, f"the prediction was cancelled at {_VENDOR}", detail="canceled")
    return Pending(wait_s=poll_interval_s(age_s, least=poll_s))


def _ready(output: Any) -> FinishedJob | Failure:
    match output:
        case str(link) | [str(link), *_] if link:
            return FinishedJob(link)
    return Failure(FailureKind.NO_IMAGE, f"{_VENDOR} finished without a picture", charged=True, detail="succeeded")


def _failed(words: str) -> Failure:
    reason = f"{_VENDOR} failed to draw the picture" + (f": {words}" if words else "")
    if any(word in words.lower() for word in POLICY_WORDS):
        return Failure(FailureKind.CONTENT_POLICY, reason, detail="failed")  # of what, the words do not say
    return Failure(FailureKind.TRANSIENT, reason, detail="failed")


def delivered(path: Path, handle: Mapping[str, Any], order: GenerationRequest) -> Delivered:
    facts = facts_of(order.upstream)
    served_by = {"provider": "replicate", "model": order.upstream, "generative": True, "vendor_id": handle["id"]}
    return Delivered(Picture(path), served_by, facts.usd if facts else None)


def decode_account(answer: VendorResponse) -> UpstreamCheck | None:
    match answer.body:
        case {"username": str(name), **rest} if answer.ok:
            kind = redacted(rest.get("type")) or "account"
            return UpstreamCheck(well=True, says=f"the key is valid; it belongs to the {kind} {redacted(name)!r}")
    return None


# --- the provider -----------------------------------------------------------------------------------------------


class ReplicateProvider:
    """`now` is the wall clock: a job's age must survive the worker that ordered it."""

    name = "replicate"
    resumable = True
    free = False

    def __init__(self, account: VendorAccount, now: Callable[[], float] = time.time) -> None:
        """Raises ValueError for an option that is none."""
        require_valid(account.options, KEYED_JOB_RULES)
        hosts = tuple(account.options.get("polling_hosts", ("replicate.com",)))
        self._http = VendorHttp(account, {"Authorization": f"Bearer {account.key}"}, key_hosts=hosts)
        self._grace_s = float(account.options.get("not_found_grace_s", 10))
        self._poll_s = float(account.options.get("poll_s", MIN_POLL_S))
        self._now = now

    async def submit(self, order: GenerationRequest, report: Report) -> Accepted | Failure:  # noqa: ARG002 - nothing to tell yet
        facts = facts_of(order.upstream)
        if facts is None:
            return unknown_model(_VENDOR, order.upstream, MODELS)
        if refusal := too_many_references(order, facts.pictures):
            return refusal
        path, body = f"/v1/models/{order.upstream}/predictions", encode(order, facts)
        answer = await submit_job(self._http, _VENDOR, path, body, deadline_s=order.deadline_s)
        return answer if isinstance(answer, Failure) else decode_order(answer, self._now(), self._poll_s)

    async def poll(self, handle: Mapping[str, Any], order: GenerationRequest) -> Delivered | Pending | Failure:
        age_s = self._now() - handle["since"]

        async def look() -> FinishedJob | Pending | Failure:
            answer = await query_job(self._http, _VENDOR, handle["get"], timeout_s=order.deadline_s)
            if not isinstance(answer, VendorResponse):
                return answer
            return decode_job(answer, age_s=age_s, grace_s=self._grace_s, poll_s=self._poll_s)

        target = order.workdir / "delivered"
        seen = await fetch_finished(self._http, _VENDOR, look, target, age_s=age_s, timeout_s=order.deadline_s)
        return delivered(target, handle, order) if isinstance(seen, FinishedJob) else seen

    def reference_cap(self, upstream: str, options: Mapping[str, Any]) -> int | None:  # noqa: ARG002 - by name alone
        facts = facts_of(upstream)
        return None if facts is None else facts.pictures

    def unfit(self, upstream: str, options: Mapping[str, Any]) -> str | None:
        if facts_of(upstream) is None:
            return unknown_model(_VENDOR, upstream, MODELS).reason
        return invalid_option(options, OPTIONS, others=True)

    async def check(self, upstreams: Sequence[str]) -> UpstreamCheck:  # noqa: ARG002 - its models are too many to list
        return await check_endpoint(self._http, _VENDOR, "/v1/account", decode_account)

    async def close(self) -> None:
        await self._http.close()
