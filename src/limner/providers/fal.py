"""fal.ai: other makers' models behind one queue. Each job comes with the addresses to poll and to cancel it at.

Base URL `https://queue.fal.run`. Options: see `JobProvider`; `queue_priority` of a route, low or normal, is its place
in fal's queue (fal's client, version 1.0). Errors: fal's pages "Request errors" and "Model errors".
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, ClassVar, Final

from limner.domain.aspect_ratio import nearest, size_for
from limner.domain.picture_size import SIZE_CLASSES
from limner.domain.routing.abilities import NO_ABILITIES, Abilities, SizeLimits
from limner.domain.routing.failure import Failure, FailureKind, Stage
from limner.domain.routing.prices import NO_PRICES, Prices, by_class, by_megapixel
from limner.ports.provider import GenerationRequest, JobCancellation, Pending, ReferenceImage, UpstreamCheck
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
    error_message,
    failure_from,
    file_as_base64,
    link_or_picture,
    missing_handle,
    provider_only,
    query_job,
    redacted,
    set_by_limner,
    white_mask,
)
from limner.providers._http.facts import fact_rules, facts_from, texts_by
from limner.providers._http.options import boolean, non_negative, number_table, one_of, text, text_list, whole_number
from limner.providers._http.requested import as_fixed_by

_VENDOR: Final = "fal"

# --- what the models can do --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FalFacts:
    """What one family takes.

    `usd` is the list price of a picture of one megapixel, or of any, `usd_per_megapixel` that of each further one;
    `usd_by_class` are prices by size class, and each reference picture costs `usd_per_reference` more.

    The number of reference pictures decides the path behind the model's name: `without`, `with_one` or, where the
    model takes more, `with_many`. A single picture goes into `picture_field`, several, or all where that is empty, into
    `list_field`. `shapes` are the values of `aspect_ratio`; if empty, the model takes `image_size`, of about `pixels`
    pixels with sides from `least` to `most` in steps of `step`. `seed` says that it takes a seed, `formats` are the
    values of `output_format`, `classes` those of `resolution` by size class. A model with a `mask_field` draws
    anew what is white in a mask, and needs one. One that is not `sized` makes a picture as large as its reference.
    """

    pictures: int = 0
    usd: float | None = None
    without: str = ""
    with_one: str = ""
    with_many: str = ""
    picture_field: str = "image_url"
    list_field: str = "image_urls"
    shapes: tuple[str, ...] = ()
    pixels: int = 1024 * 1024
    step: int = 32
    least: int = 256
    most: int = 1440
    seed: bool = True
    fixed: Mapping[str, Any] = field(default_factory=dict)
    formats: tuple[str, ...] = ()
    classes: Mapping[str, str] = field(default_factory=dict)
    usd_per_megapixel: float = 0.0
    usd_per_reference: float = 0.0
    usd_by_class: Mapping[str, float] = field(default_factory=dict)
    mask_field: str = ""
    sized: bool = True

    @property
    def limits(self) -> SizeLimits | None:
        """The limits of `image_size`; None for a model that takes a shape instead."""
        return (
            None
            if self.shapes or not self.sized
            else SizeLimits(self.step, self.least, self.most, max_pixels=self.most**2)
        )


_SHAPES: Final = ("21:9", "16:9", "4:3", "3:2", "1:1", "2:3", "3:4", "9:16", "9:21")
_FLUX_3_SHAPES: Final = (
    *("21:9", "2:1", "16:9", "3:2", "7:5", "4:3", "5:4", "1:1"),
    *("4:5", "3:4", "5:7", "2:3", "9:16", "1:2", "9:21"),
)
_ONE: Final = {"num_images": 1}
_PNG: Final = {"output_format": "png"}
_FORMATS: Final = ("jpeg", "png")
_CHECKED: Final = {"enable_safety_checker": True}
_KONTEXT: Final = FalFacts(
    4, 0.04, without="/text-to-image", with_many="/multi", shapes=_SHAPES, fixed={**_ONE, **_PNG}, formats=_FORMATS
)
_FLUX_2: Final = FalFacts(
    8,
    0.03,
    with_one="/edit",
    with_many="/edit",
    picture_field="",
    step=16,
    least=512,
    most=2048,
    fixed=_PNG,
    formats=_FORMATS,
)
_FLUX_3: Final = FalFacts(
    *(10, 0.048, "/text-to-image", "/edit-image", "/edit-image"),
    picture_field="",
    shapes=_FLUX_3_SHAPES,
    seed=False,
    classes={"1K": "1k", "2K": "2k", "4K": "4k"},
    usd_by_class={"1K": 0.048, "2K": 0.10, "4K": 0.607},
)
_SEEDREAM: Final = FalFacts(
    *(10, 0.03, "/text-to-image", "/edit", "/edit"),
    picture_field="",
    pixels=2048 * 2048,
    step=16,
    least=1024,
    most=4096,
    fixed={**_ONE, **_CHECKED},
)
_QWEN: Final = FalFacts(
    *(3, 0.03, "", "-edit-plus", "-edit-plus"), picture_field="", fixed={**_ONE, **_PNG, **_CHECKED}, formats=_FORMATS
)

_DEV: Final = FalFacts(usd=0.025, usd_per_megapixel=0.025, fixed={**_ONE, **_PNG, **_CHECKED}, formats=_FORMATS)

# Fields, limits and prices from fal's pages of the models, November 2026.
MODELS: Final[Mapping[str, FalFacts]] = {
    "fal-ai/flux-pro/kontext": _KONTEXT,
    "fal-ai/flux-pro/kontext/max": replace(_KONTEXT, usd=0.08),
    "fal-ai/flux-pro/v1/fill": FalFacts(
        1, 0.05, fixed={**_ONE, **_PNG}, formats=_FORMATS, usd_per_megapixel=0.05, mask_field="mask_url", sized=False
    ),
    "fal-ai/flux/dev": _DEV,
    "fal-ai/flux-1/dev": _DEV,
    "fal-ai/flux-2-pro": replace(_FLUX_2, usd_per_megapixel=0.015, usd_per_reference=0.015),
    "fal-ai/flux-2-max": replace(_FLUX_2, usd=0.07, usd_per_megapixel=0.03),
    "fal-ai/flux-2-flex": replace(_FLUX_2, usd=0.05, usd_per_megapixel=0.05),
    "blackforestlabs/flux-3": _FLUX_3,
    "fal-ai/bytedance/seedream/v4": _SEEDREAM,
    "bytedance/seedream/v5/lite": replace(_SEEDREAM, usd=0.035, seed=False),
    "fal-ai/qwen-image": _QWEN,
    "fal-ai/qwen-image-edit/inpaint": replace(
        _QWEN,
        pictures=1,
        with_one="",
        with_many="",
        picture_field="image_url",
        usd_per_megapixel=0.03,
        mask_field="mask_url",
        sized=False,
    ),
}

# --- error types -------------------------------------------------------------------------------------------------

_INFRASTRUCTURE: Final = frozenset(
    {
        *("request_timeout", "startup_timeout", "generation_timeout"),
        *("runner_scheduling_failure", "runner_connection_timeout", "runner_connection_refused"),
        *("runner_connection_error", "runner_disconnected", "runner_incomplete_response", "runner_server_error"),
        *("downstream_service_error", "downstream_service_unavailable", "internal_error", "internal_server_error"),
    }
)
"""Errors of fal's own, after its own retries. They end the job and are not charged."""

_KINDS: Final[Mapping[str, FailureKind]] = {
    **dict.fromkeys(sorted(_INFRASTRUCTURE), FailureKind.TRANSIENT),
    "bad_request": FailureKind.BAD_INPUT,
    "client_cancelled": FailureKind.CANCELLED,
    "client_disconnected": FailureKind.CANCELLED,
    "content_policy_violation": FailureKind.CONTENT_POLICY,
    "file_download_error": FailureKind.BAD_INPUT,
    "image_load_error": FailureKind.BAD_INPUT,
    "image_too_large": FailureKind.BAD_INPUT,
    "image_too_small": FailureKind.BAD_INPUT,
    "no_media_generated": FailureKind.NO_IMAGE,
    "user_locked": FailureKind.QUOTA_EXHAUSTED,
}
"""By `error_type`, or by the `type` of a `detail`. For others the status decides."""


def facts_of(upstream: str, options: Mapping[str, Any] = MappingProxyType({})) -> FalFacts | None:
    return facts_from(upstream, options, MODELS.get, FalFacts())


# --- submitting --------------------------------------------------------------------------------------------------


def path_of(request: GenerationRequest, facts: FalFacts) -> str:
    suffix = {0: facts.without, 1: facts.with_one}.get(len(request.references), facts.with_many)
    return f"/{request.upstream}{suffix}"


def encode(request: GenerationRequest, facts: FalFacts) -> dict[str, Any]:
    """The request as JSON; reference pictures are read while it is sent."""
    seed = {"seed": request.seed} if facts.seed else {}
    body = {
        "prompt": request.prompt,
        **seed,
        **facts.fixed,
        **_shape(request, facts),
        **_class_and_format(request, facts),
    }
    return {**body, **request.options, **_pictures(request.references, facts), **_mask(request, facts)}


def _mask(request: GenerationRequest, facts: FalFacts) -> dict[str, Any]:
    if not (request.mask and facts.mask_field):
        return {}
    return {facts.mask_field: file_as_base64(request.mask.path, f"data:{request.mask.media_type};base64,")}


def _shape(request: GenerationRequest, facts: FalFacts) -> dict[str, Any]:
    if not facts.sized:
        return {}
    if facts.shapes:
        return {"aspect_ratio": nearest(request.aspect_ratio, facts.shapes)} if request.aspect_ratio else {}
    if facts.limits and (pixels := request.pixels(facts.limits)):
        return {"image_size": {"width": pixels[0], "height": pixels[1]}}
    if request.aspect_ratio is None and request.references:
        return {}  # the model takes the shape of the pictures
    width, height = size_for(
        request.aspect_ratio or "1:1", pixels=facts.pixels, step=facts.step, least=facts.least, most=facts.most
    )
    return {"image_size": {"width": width, "height": height}}


def _class_and_format(request: GenerationRequest, facts: FalFacts) -> dict[str, Any]:
    size, output_format = facts.classes.get(request.spec.size or ""), request.spec.output_format
    return {
        **({"resolution": size} if size else {}),
        **({"output_format": output_format} if output_format else {}),
    }


def abilities_of(facts: FalFacts, options: Mapping[str, Any]) -> Abilities:
    """What requests with these options obey of a task's fields. Every model makes about a megapixel unless told."""
    able = Abilities(
        aspect_ratio=facts.sized,
        seed=facts.seed,
        size_classes=_size_classes(facts),
        exact_size=facts.limits,
        formats=frozenset(facts.formats),
        mask=bool(facts.mask_field),
        needs_mask=bool(facts.mask_field),
    )
    return as_fixed_by(able, options)


def _size_classes(facts: FalFacts) -> frozenset[str]:
    if not facts.sized:
        return frozenset()
    return facts.limits.classes() if facts.limits else frozenset(facts.classes or {"1K"})


def prices_of(facts: FalFacts, options: Mapping[str, Any]) -> Prices:
    if facts.usd is None or options.keys() & {"resolution", "image_size"}:
        return Prices(facts.usd, per_reference=facts.usd_per_reference)
    by_size = by_class(facts.usd_by_class) or by_megapixel(facts.usd, facts.usd_per_megapixel)
    return Prices(facts.usd, {"": by_size}, per_reference=facts.usd_per_reference)


def _pictures(references: tuple[ReferenceImage, ...], facts: FalFacts) -> dict[str, Any]:
    files = [file_as_base64(each.path, f"data:{each.media_type};base64,") for each in references]
    match files:
        case []:
            return {}
        case [only] if facts.picture_field:
            return {facts.picture_field: only}
        case _:
            return {facts.list_field: files}


def decode_submit(response: VendorResponse, now_s: float) -> dict[str, Any] | Failure:
    """The handle of a queued job. fal leaves a model's sub-path out of the addresses, so none is built here."""
    match response.body:
        case _ if not response.ok:
            return decode_error(response)
        case {"request_id": str(job), "status_url": str(status), "response_url": str(result), **rest}:
            handle = {"id": job, "status_url": status, "response_url": result, "since": now_s}
            return handle | ({"cancel_url": rest["cancel_url"]} if isinstance(rest.get("cancel_url"), str) else {})
    return missing_handle(_VENDOR, response)


def decode_error(response: VendorResponse) -> Failure:
    """A response with an error status: to the request, or in place of a result."""
    known = next((each for each in _error_types(response) if each in _KINDS), None)
    if known is None:
        failure = failure_from(_VENDOR, response)
    else:
        failure = _failed(_KINDS[known], response.body, f"HTTP {response.status} {known}")
    return _as_retryable(failure, response.headers.get("X-Fal-Retryable", "").lower())


def _as_retryable(failure: Failure, told: str) -> Failure:
    """The failure as fal's header says: it knows better than our table whether the same request may succeed."""
    if failure.kind is FailureKind.BAD_INPUT and told == "true":
        return replace(failure, kind=FailureKind.TRANSIENT)
    if failure.kind is FailureKind.TRANSIENT and told == "false":
        return replace(failure, repeatable=False)
    return failure


def _error_types(response: VendorResponse) -> list[str]:
    """The nearest to the cause first."""
    body, types = response.body, [each.get("type") for each in _errors(response.body)]
    general = body.get("error_type") if isinstance(body, dict) else None
    return [str(each) for each in (*types, general, response.headers.get("X-Fal-Error-Type"))]


def _errors(body: Any) -> list[dict[str, Any]]:
    """The single errors of a body. Some models send them as a bare list."""
    errors = body.get("detail") if isinstance(body, dict) else body
    return [each for each in errors if isinstance(each, dict)] if isinstance(errors, list) else []


def _categories(body: Any) -> str:
    """What a content policy found, as " (sexual)"; empty where fal does not say."""
    listed = [each.get("categories") for each in _errors(body)]
    found = [redacted(name) for names in listed if isinstance(names, list) for name in names]
    return f" ({', '.join(found)})" if found else ""


def _failed(kind: FailureKind, body: Any, detail: str) -> Failure:
    """A content policy that names a field refused the request; one that names none does not say what."""
    message = error_message(body)
    about = f": {message}" if str(message) else ""
    reason = f"{_VENDOR} did not draw the picture{_categories(body)}{about}"
    stage = Stage.INPUT if kind is FailureKind.CONTENT_POLICY and message.field else None
    return Failure(kind, reason, detail=detail, stage=stage)


OPTIONS: Final[Rules] = {
    **dict.fromkeys(("prompt", "image_url", "image_urls", "mask_url"), set_by_limner),
    "queue_priority": one_of("low", "normal"),
    **dict.fromkeys(KEYED_JOB_RULES, provider_only),
    **fact_rules(
        MODELS.get,
        MODELS,
        {
            **dict.fromkeys(("pictures", "pixels", "step", "least", "most"), whole_number),
            **dict.fromkeys(("without", "with_one", "with_many", "picture_field", "list_field", "mask_field"), text),
            **dict.fromkeys(("usd", "usd_per_megapixel", "usd_per_reference"), non_negative),
            "usd_by_class": number_table,
            **dict.fromkeys(("shapes", "formats"), text_list),
            "classes": texts_by(SIZE_CLASSES, "size class"),
            **dict.fromkeys(("seed", "sized"), boolean),
        },
    ),
}
"""Rules for a route's options, besides the fields of fal's models."""


# --- polling -----------------------------------------------------------------------------------------------------


def decode_status(response: VendorResponse) -> JobState | None:
    """The state of a job; None where its result can be fetched. An unknown status means that it is running."""
    match response.body:
        case {"status": "COMPLETED", "error": error, **rest} if error:
            kind = _KINDS.get(str(rest.get("error_type")), FailureKind.TRANSIENT)
            return _failed(kind, {"detail": error}, redacted(f"COMPLETED {rest.get('error_type') or ''}"))
        case {"status": "COMPLETED", "error_type": str(kind)} if kind:
            return _failed(_KINDS.get(kind, FailureKind.TRANSIENT), None, redacted(f"COMPLETED {kind}"))
        case {"status": "COMPLETED"}:
            return None
        case {"status": status}:
            return RunningJob(queued=status == "IN_QUEUE")
        case _ if not response.ok:
            return MissingJob(f"HTTP {response.status}")
    return RunningJob()


def decode_result(response: VendorResponse) -> JobState:
    match response.body:
        case _ if response.status in {404, 410}:
            return MissingJob(f"HTTP {response.status}")
        case _ if response.status == 202:
            return RunningJob()
        case _ if not response.ok:
            return decode_error(response)
        case {"has_nsfw_concepts": [True, *_]}:
            return Failure(
                FailureKind.CONTENT_POLICY,
                f"{_VENDOR}'s safety checker refused the picture that was made",
                charged=True,
                detail="has_nsfw_concepts",
                stage=Stage.OUTPUT,
            )
        case {"images": [{"url": image}, *_]} if link := link_or_picture(image):  # a data URL with `sync_mode`
            return FinishedJob(link)
    return Failure(FailureKind.NO_IMAGE, f"{_VENDOR} finished without a picture", charged=True)


def ends_job(response: VendorResponse) -> bool:
    """Whether a 5xx in place of a result is the job's own, and not that of a poll."""
    return response.status >= 500 and any(each in _KINDS for each in _error_types(response))


def decode_cancel(response: VendorResponse) -> JobCancellation:
    """200: removed from the queue. 202: the runner was asked to stop. 400 says `ALREADY_COMPLETED`."""
    status = response.body.get("status") if isinstance(response.body, dict) else None
    return JobCancellation(accepted=True, detail=redacted(status) or f"HTTP {response.status}")


_UNKNOWN_JOB: Final = "/fal-ai/flux/requests/00000000-0000-0000-0000-000000000000/status"


def decode_unknown_job(response: VendorResponse) -> UpstreamCheck | None:
    """Fal's answer about an unknown job: nothing that is free proves a key, but a wrong one may be refused."""
    match response.body:
        case {"detail": _} if response.status in {400, 404, 410, 422}:
            says = "answers, and did not refuse the key; that it takes one, only a paid request would show"
            return UpstreamCheck(well=True, says=says)
    return None


# --- the provider ------------------------------------------------------------------------------------------------

_KEEP: Final = '{"expiration_duration_seconds": 86400}'
"""fal keeps what it made for as long as a worker may need to fetch it after an outage, and not for ever."""


class FalProvider(JobProvider[FalFacts]):
    name: ClassVar[str] = "fal"
    vendor: ClassVar[str] = _VENDOR
    key_hosts: ClassVar[tuple[str, ...]] = ("fal.run",)
    models: ClassVar[Mapping[str, Any]] = MODELS
    route_options: ClassVar[Rules] = OPTIONS
    option_headers: ClassVar[Mapping[str, str]] = {"queue_priority": "X-Fal-Queue-Priority"}

    def headers(self, key: str) -> dict[str, str]:
        return {"Authorization": f"Key {key}", "X-Fal-Object-Lifecycle-Preference": _KEEP}

    def facts(self, upstream: str, options: Mapping[str, Any]) -> FalFacts | None:
        return facts_of(upstream, options)

    def abilities(self, upstream: str, options: Mapping[str, Any]) -> Abilities:
        facts = self.facts(upstream, options)
        return abilities_of(facts, options) if facts else NO_ABILITIES

    def prices(self, upstream: str, options: Mapping[str, Any]) -> Prices:
        facts = self.facts(upstream, options)
        return prices_of(facts, options) if facts else NO_PRICES

    async def encode(self, request: GenerationRequest, facts: FalFacts) -> tuple[str, dict[str, Any]]:
        if request.mask and facts.mask_field:
            mask = await asyncio.to_thread(white_mask, request.mask, request.workdir / "mask-white.png")
            request = replace(request, mask=mask)
        return path_of(request, facts), encode(request, facts)

    def decode_submit(self, response: VendorResponse, now_s: float) -> dict[str, Any] | Failure:
        return decode_submit(response, now_s)

    async def state(self, handle: Mapping[str, Any], request: GenerationRequest) -> JobState | Pending:
        status = await query_job(self._http, _VENDOR, handle["status_url"], timeout_s=request.deadline_s)
        if not isinstance(status, VendorResponse):
            return status
        state = decode_status(status)
        if state is None:
            return await self._result(handle, request)
        if isinstance(state, Failure) and state.kind is FailureKind.CONTENT_POLICY:
            result = await self._result(handle, request)  # names the field that was refused
            return result if isinstance(result, Failure) else state
        return state

    async def _result(self, handle: Mapping[str, Any], request: GenerationRequest) -> JobState | Pending:
        url, timeout_s = handle["response_url"], request.deadline_s
        result = await query_job(
            self._http, _VENDOR, url, timeout_s=timeout_s, workdir=request.workdir, is_final=ends_job
        )
        return decode_result(result) if isinstance(result, VendorResponse) else result

    async def cancel(self, handle: Mapping[str, Any], request: GenerationRequest) -> JobCancellation:
        url = handle.get("cancel_url") or f"{handle['response_url']}/cancel"
        return await cancel_job(self._http, "PUT", url, deadline_s=request.deadline_s, decode=decode_cancel)

    async def check(self, upstreams: Sequence[str]) -> UpstreamCheck:  # noqa: ARG002 - fal's queue lists no models
        return await check_endpoint(self._http, _VENDOR, _UNKNOWN_JOB, decode_unknown_job)
