"""Replicate: other makers' models, run as predictions. Each comes with the addresses to poll and to cancel it at.

Base URL `https://api.replicate.com`. Options: see `JobProvider`. Statuses: Replicate's page "Prediction lifecycle".
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, ClassVar, Final

from limner.domain.aspect_ratio import nearest
from limner.domain.picture_size import SIZE_CLASSES
from limner.domain.routing.abilities import NO_ABILITIES, OUTPUT_FORMATS, Abilities
from limner.domain.routing.failure import Failure, FailureKind
from limner.domain.routing.prices import NO_PRICES, Prices, by_class
from limner.domain.tasks.spec import TaskSpec
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
    link_or_picture,
    missing_handle,
    provider_only,
    query_job,
    redacted,
    set_by_limner,
    white_mask,
)
from limner.providers._http.facts import fact_rules, facts_from, texts_by
from limner.providers._http.options import boolean, non_negative, number_table, text, text_list, whole_number
from limner.providers._http.requested import as_fixed_by

_VENDOR: Final = "Replicate"

# --- what the models can do --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReplicateFacts:
    """What one model takes.

    `usd` is its list price, `usd_by_class` that of other size classes, and each reference picture costs
    `usd_per_reference` more. `pictures` is the most reference pictures.
    They go into `list_field` or, where the model takes a single one, into `picture_field`. `shapes` are the values of
    `aspect_ratio`; if empty, the model chooses. `seed` says that it takes a seed. `tolerance_with_picture` is the
    highest `safety_tolerance` that the model obeys when a picture comes along. `formats` are the values of
    `output_format` by their names here; `quality` says that it takes `output_quality`. `classes` are the values of
    `class_field` by size class. A model with a `mask_field` draws anew what is white in a mask, and needs one. One that
    is not `sized` makes a picture as large as its reference.
    """

    shapes: tuple[str, ...] = ()
    usd: float | None = None
    pictures: int = 0
    picture_field: str = ""
    list_field: str = ""
    seed: bool = True
    tolerance_with_picture: int | None = None
    fixed: Mapping[str, Any] = field(default_factory=dict)
    formats: Mapping[str, str] = field(default_factory=dict)
    quality: bool = False
    class_field: str = "resolution"
    classes: Mapping[str, str] = field(default_factory=dict)
    usd_by_class: Mapping[str, float] = field(default_factory=dict)
    usd_per_reference: float = 0.0
    mask_field: str = ""
    sized: bool = True


_SHAPES: Final = ("21:9", "16:9", "3:2", "4:3", "5:4", "1:1", "4:5", "3:4", "2:3", "9:16", "9:21")
_FLUX_3_SHAPES: Final = (*_SHAPES, "2:1", "7:5", "5:7", "1:2")
_FEW_SHAPES: Final = ("1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3")
_PNG: Final = {"output_format": "png"}
_TWO_FORMATS: Final = {"png": "png", "jpeg": "jpg"}
_FORMATS: Final = {**_TWO_FORMATS, "webp": "webp"}
_KONTEXT: Final = ReplicateFacts(
    (*_SHAPES, "2:1", "1:2"),
    0.04,
    1,
    picture_field="input_image",
    tolerance_with_picture=2,
    fixed=_PNG,
    formats=_TWO_FORMATS,
)
_FLUX_2: Final = ReplicateFacts(
    *(_SHAPES, 0.03, 8),
    list_field="input_images",
    fixed={**_PNG, "resolution": "1 MP"},
    formats=_FORMATS,
    quality=True,
    classes={"1K": "1 MP", "2K": "4 MP"},
    usd_by_class={"1K": 0.03, "2K": 0.075},
    usd_per_reference=0.015,
)
_FLUX_3: Final = ReplicateFacts(
    *(_FLUX_3_SHAPES, 0.048, 10),
    list_field="images",
    seed=False,
    fixed={**_PNG, "grounding": False, "resolution": "1k"},
    formats=_FORMATS,
    quality=True,
    classes={"1K": "1k", "2K": "2k", "4K": "4k"},
    usd_by_class={"1K": 0.048, "2K": 0.10, "4K": 0.607},
)
_SEEDREAM: Final = ReplicateFacts(
    *((*_FEW_SHAPES, "21:9"), 0.03, 10),
    list_field="image_input",
    seed=False,
    fixed={"size": "2K"},
    class_field="size",
    classes={"1K": "1K", "2K": "2K", "4K": "4K"},
)

# Fields, limits and prices from Replicate's pages of the models, November 2026.
MODELS: Final[Mapping[str, ReplicateFacts]] = {
    "black-forest-labs/flux-kontext-pro": _KONTEXT,
    "black-forest-labs/flux-kontext-max": replace(_KONTEXT, usd=0.08),
    "black-forest-labs/flux-dev": ReplicateFacts(_SHAPES, 0.025, fixed=_PNG, formats=_FORMATS, quality=True),
    "black-forest-labs/flux-fill-pro": ReplicateFacts(
        usd=0.05, pictures=1, picture_field="image", fixed=_PNG, formats=_TWO_FORMATS, mask_field="mask", sized=False
    ),
    "black-forest-labs/flux-2-pro": _FLUX_2,
    "black-forest-labs/flux-3-image": _FLUX_3,
    "bytedance/seedream-4": _SEEDREAM,
    "qwen/qwen-image": ReplicateFacts(_FEW_SHAPES, 0.03, fixed=_PNG, formats=_FORMATS, quality=True),
}

POLICY_WORDS: Final = ("flagged as sensitive", "nsfw", "(e005)", "safety")
"""Parts of the error of a prediction that a content policy failed; there is no code."""


def facts_of(upstream: str, options: Mapping[str, Any] = MappingProxyType({})) -> ReplicateFacts | None:
    return facts_from(upstream, options, MODELS.get, ReplicateFacts())


# --- submitting --------------------------------------------------------------------------------------------------


def encode(request: GenerationRequest, facts: ReplicateFacts) -> dict[str, Any]:
    """The request as JSON; its reference picture is read while it is sent."""
    ratio = request.aspect_ratio
    shape = {"aspect_ratio": nearest(ratio, facts.shapes)} if ratio and facts.shapes else {}
    seed = {"seed": request.seed} if facts.seed else {}
    requested = {**shape, **_class_and_format(request.spec, facts)}
    inputs = {"prompt": request.prompt, **seed, **facts.fixed, **requested, **request.options}
    if request.references and facts.tolerance_with_picture is not None and "safety_tolerance" in inputs:
        inputs["safety_tolerance"] = min(inputs["safety_tolerance"], facts.tolerance_with_picture)
    return {"input": inputs | _pictures(request, facts) | _mask(request, facts)}


def _mask(request: GenerationRequest, facts: ReplicateFacts) -> dict[str, Any]:
    if not (request.mask and facts.mask_field):
        return {}
    return {facts.mask_field: file_as_base64(request.mask.path, f"data:{request.mask.media_type};base64,")}


def _class_and_format(spec: TaskSpec, facts: ReplicateFacts) -> dict[str, Any]:
    size, output_format = facts.classes.get(spec.size or ""), facts.formats.get(spec.output_format or "")
    quality = spec.output_compression
    return {
        **({facts.class_field: size} if size else {}),
        **({"output_format": output_format} if output_format else {}),
        **({"output_quality": quality} if quality is not None else {}),
    }


def abilities_of(facts: ReplicateFacts, options: Mapping[str, Any]) -> Abilities:
    """What requests with these options obey of a task's fields. Every model makes about a megapixel unless told."""
    able = Abilities(
        aspect_ratio=bool(facts.shapes),
        seed=facts.seed,
        size_classes=frozenset(facts.classes or {"1K"}) if facts.sized else frozenset(),
        formats=frozenset(facts.formats),
        compression=facts.quality,
        mask=bool(facts.mask_field),
        needs_mask=bool(facts.mask_field),
    )
    return as_fixed_by(able, options)


def _pictures(request: GenerationRequest, facts: ReplicateFacts) -> dict[str, Any]:
    files = [file_as_base64(each.path, f"data:{each.media_type};base64,") for each in request.references]
    if not files:
        return {}
    return {facts.picture_field: files[0]} if facts.picture_field else {facts.list_field: files}


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
    **dict.fromkeys(("prompt", "input_image", "input_images", "mask"), set_by_limner),
    **dict.fromkeys(KEYED_JOB_RULES, provider_only),
    **fact_rules(
        MODELS.get,
        MODELS,
        {
            **dict.fromkeys(("pictures", "tolerance_with_picture"), whole_number),
            **dict.fromkeys(("picture_field", "list_field", "class_field", "mask_field"), text),
            **dict.fromkeys(("usd", "usd_per_reference"), non_negative),
            "usd_by_class": number_table,
            "shapes": text_list,
            **dict.fromkeys(("seed", "quality", "sized"), boolean),
            "classes": texts_by(SIZE_CLASSES, "size class"),
            "formats": texts_by(OUTPUT_FORMATS, "format"),
        },
    ),
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
    return RunningJob(queued=body.get("status") == "starting")


def decode_cancel(response: VendorResponse) -> JobCancellation:
    """The prediction as it is after the request to stop it; one that has ended keeps its status."""
    status = response.body.get("status") if isinstance(response.body, dict) else None
    return JobCancellation(status not in {"succeeded", "failed"}, redacted(status) or f"HTTP {response.status}")


def _succeeded(output: Any) -> FinishedJob | Failure:
    match output:
        case [image, *_] | image if link := link_or_picture(image):
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

    def facts(self, upstream: str, options: Mapping[str, Any]) -> ReplicateFacts | None:
        return facts_of(upstream, options)

    def abilities(self, upstream: str, options: Mapping[str, Any]) -> Abilities:
        facts = self.facts(upstream, options)
        return abilities_of(facts, options) if facts else NO_ABILITIES

    def prices(self, upstream: str, options: Mapping[str, Any]) -> Prices:
        facts = self.facts(upstream, options)
        if facts is None:
            return NO_PRICES
        by_size = {} if facts.class_field in options else facts.usd_by_class
        points = {"": by_class(by_size)} if by_size else {}
        return Prices(facts.usd, points, per_reference=facts.usd_per_reference)

    async def encode(self, request: GenerationRequest, facts: ReplicateFacts) -> tuple[str, dict[str, Any]]:
        if request.mask and facts.mask_field:
            mask = await asyncio.to_thread(white_mask, request.mask, request.workdir / "mask-white.png")
            request = replace(request, mask=mask)
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
