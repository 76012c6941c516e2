"""Replicate: other makers' models, run as predictions. Each comes with the addresses to poll and to cancel it at.

Base URL `https://api.replicate.com`. Options: see `JobProvider`. Statuses: Replicate's page "Prediction lifecycle".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final

from limner.domain.aspect_ratio import nearest
from limner.domain.routing.failure import Failure, FailureKind
from limner.ports.provider import GenerationRequest, JobCancellation, Pending, UpstreamCheck
from limner.providers._http import (
    KEYED_JOB_RULES,
    FinishedJob,
    JobProvider,
    JobState,
    MissingJob,
    Rules,
    RunningJob,
    VendorResponse,
    cancel_job,
    check_endpoint,
    failure_from,
    file_as_base64,
    link_or_file,
    missing_handle,
    provider_only,
    query_job,
    redacted,
    set_by_limner,
)
from limner.providers._http.options import whole_number

_VENDOR: Final = "Replicate"

# --- what the models can do --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReplicateFacts:
    """What one model takes. `usd` is its list price; `picture_field` is None for a text-only model.

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
"""Parts of the error of a prediction that a content policy failed; there is no code."""


def facts_of(upstream: str) -> ReplicateFacts | None:
    return MODELS.get(upstream)


# --- submitting --------------------------------------------------------------------------------------------------


def encode(request: GenerationRequest, facts: ReplicateFacts) -> dict[str, Any]:
    """The request as JSON; its reference picture is read while it is sent."""
    shape = {"aspect_ratio": nearest(request.aspect_ratio, facts.shapes)} if request.aspect_ratio else {}
    inputs = {"prompt": request.prompt, "seed": request.seed, **facts.fixed, **shape, **request.options}
    if request.references and facts.tolerance_with_picture is not None and "safety_tolerance" in inputs:
        inputs["safety_tolerance"] = min(inputs["safety_tolerance"], facts.tolerance_with_picture)
    return {"input": inputs | _picture(request, facts)}


def _picture(request: GenerationRequest, facts: ReplicateFacts) -> dict[str, Any]:
    if not request.references or facts.picture_field is None:
        return {}
    reference = request.references[0]
    return {facts.picture_field: file_as_base64(reference.path, f"data:{reference.media_type};base64,")}


def decode_submit(response: VendorResponse, now_s: float) -> dict[str, Any] | Failure:
    """The handle of a created prediction."""
    match response.body:
        case _ if not response.ok:
            return failure_from(_VENDOR, response)
        case {"id": str(job), "urls": {"get": str(url), **rest}}:
            handle = {"id": job, "get": url, "since": now_s}
            return handle | ({"cancel": rest["cancel"]} if isinstance(rest.get("cancel"), str) else {})
    return missing_handle(_VENDOR, response)


OPTIONS: Final[Rules] = {
    "safety_tolerance": whole_number,
    **dict.fromkeys(("prompt", "input_image"), set_by_limner),
    **dict.fromkeys(KEYED_JOB_RULES, provider_only),
}
"""Rules for a route's options, besides the fields of Replicate's models."""


# --- polling -----------------------------------------------------------------------------------------------------


def decode_job(response: VendorResponse) -> JobState:
    """The state of a prediction. An unknown status means that it is running."""
    if not response.ok:
        return MissingJob(f"HTTP {response.status}")
    body = response.body if isinstance(response.body, dict) else {}
    match body.get("status"):
        case "succeeded":
            return _succeeded(body.get("output"))
        case "failed":
            return _failed(redacted(str(body.get("error") or "")))
        case "canceled":
            reason = f"the prediction was cancelled at {_VENDOR}"
            return Failure(FailureKind.CANCELLED, reason, charged=True, detail="canceled")
        case "aborted":
            reason = f"{_VENDOR} gave the prediction up before it started"
            return Failure(FailureKind.TRANSIENT, reason, detail="aborted")  # not charged
    return RunningJob()


def decode_cancel(response: VendorResponse) -> JobCancellation:
    """The prediction as it is after the request to stop it; one that has ended keeps its status."""
    status = response.body.get("status") if isinstance(response.body, dict) else None
    return JobCancellation(status not in {"succeeded", "failed"}, redacted(status) or f"HTTP {response.status}")


def _succeeded(output: Any) -> FinishedJob | Failure:
    match output:
        case [image, *_] | image if link := link_or_file(image):
            return FinishedJob(link)
    return Failure(FailureKind.NO_IMAGE, f"{_VENDOR} finished without a picture", charged=True, detail="succeeded")


def _failed(words: str) -> Failure:
    reason = f"{_VENDOR} failed to draw the picture" + (f": {words}" if words else "")
    if any(word in words.lower() for word in POLICY_WORDS):
        return Failure(FailureKind.CONTENT_POLICY, reason, detail="failed")  # of what, the words do not say
    return Failure(FailureKind.TRANSIENT, reason, detail="failed")


def decode_account(response: VendorResponse) -> UpstreamCheck | None:
    match response.body:
        case {"username": str(name), **rest} if response.ok:
            kind = redacted(rest.get("type")) or "account"
            return UpstreamCheck(well=True, says=f"the key is valid; it belongs to the {kind} {redacted(name)!r}")
    return None


# --- the provider ------------------------------------------------------------------------------------------------


class ReplicateProvider(JobProvider[ReplicateFacts]):
    name: ClassVar[str] = "replicate"
    vendor: ClassVar[str] = _VENDOR
    key_hosts: ClassVar[tuple[str, ...]] = ("replicate.com",)
    models: ClassVar[Mapping[str, Any]] = MODELS
    route_options: ClassVar[Rules] = OPTIONS

    def headers(self, key: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {key}"}

    def facts(self, upstream: str) -> ReplicateFacts | None:
        return facts_of(upstream)

    async def encode(self, request: GenerationRequest, facts: ReplicateFacts) -> tuple[str, dict[str, Any]]:
        return f"/v1/models/{request.upstream}/predictions", encode(request, facts)

    def decode_submit(self, response: VendorResponse, now_s: float) -> dict[str, Any] | Failure:
        return decode_submit(response, now_s)

    async def state(self, handle: Mapping[str, Any], request: GenerationRequest) -> JobState | Pending:
        response = await query_job(
            self._http, _VENDOR, handle["get"], timeout_s=request.deadline_s, workdir=request.workdir
        )
        return decode_job(response) if isinstance(response, VendorResponse) else response

    async def cancel(self, handle: Mapping[str, Any], request: GenerationRequest) -> JobCancellation:
        url = handle.get("cancel") or f"{handle['get']}/cancel"
        return await cancel_job(self._http, "POST", url, deadline_s=request.deadline_s, decode=decode_cancel)

    async def check(self, upstreams: Sequence[str]) -> UpstreamCheck:  # noqa: ARG002 - its models are too many to list
        return await check_endpoint(self._http, _VENDOR, "/v1/account", decode_account)
