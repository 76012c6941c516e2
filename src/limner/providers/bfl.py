"""Black Forest Labs: FLUX by its maker. Each job comes with the address to poll it at.

Base URL `https://api.bfl.ai`. Options: see `JobProvider`. BFL has no call to cancel a job.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Final

from PIL import Image

from limner.domain.aspect_ratio import nearest, size_for, within
from limner.domain.picture_size import SIZE_CLASSES
from limner.domain.routing.abilities import NO_ABILITIES, Abilities, SizeLimits
from limner.domain.routing.failure import Failure, FailureKind, Stage
from limner.domain.routing.prices import NO_PRICES, Prices, by_class, by_megapixel
from limner.ports.provider import GenerationRequest, Pending, ReferenceImage, UpstreamCheck
from limner.providers._http import (
    KEYED_JOB_RULES,
    FinishedJob,
    JobProvider,
    JobState,
    MissingJob,
    Rules,
    RunningJob,
    VendorResponse,
    check_endpoint,
    detail_of,
    failure_from,
    file_as_base64,
    missing_handle,
    open_picture,
    provider_only,
    query_job,
    redacted,
    set_by_limner,
    too_many_references,
    white_mask,
)
from limner.providers._http.facts import fact_rules, facts_from, plain, texts_by
from limner.providers._http.options import boolean, non_negative, text, text_list, whole_number, whole_numbers
from limner.providers._http.requested import as_fixed_by

_VENDOR: Final = "BFL"
_USD_PER_CREDIT: Final = 0.01
_MOST_PIXELS: Final = 20_000_000

# --- what the models can do --------------------------------------------------------------------------------------


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
    """`width` and `height`, multiples of `step`, with at most `pixels` in all.

    `default_shape` is the shape of requests that name none.
    """

    step: int
    least: int
    most: int
    default_shape: str | None = None
    pixels: int = 2048 * 2048

    @property
    def limits(self) -> SizeLimits:
        return SizeLimits(self.step, self.least, self.most, max_pixels=self.pixels)


@dataclass(frozen=True, slots=True)
class BflFacts:
    """What one family takes.

    `usd` is a picture of one megapixel, where the answer names no cost, `usd_per_megapixel` each further one, and
    `usd_per_reference` each reference picture.

    `pictures` is the most reference pictures: in one list called `list_field`, or else in numbered fields that begin
    with `picture_field`, each side of `min_side` pixels at least. `fixed` is sent unless the route's options say
    otherwise. `most_tolerance` is the highest `safety_tolerance`, `tolerance_with_picture` the highest that is obeyed
    when a picture comes along. `usd_by_resolution` has the prices of other values of `resolution`, which is a field of
    models that have `classes`: its values by size class. `formats` are the values of `output_format`. Without a `shape`
    a picture is as large as its reference. A `masked` model draws the white parts of `mask` anew, and needs one.
    """

    pictures: int = 0
    shape: Between | OneOf | Sides | None = Sides(16, 64, 2048)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    list_field: str = ""
    min_side: int = 256
    seed: bool = True
    most_tolerance: int = 6
    tolerance_with_picture: int | None = None
    usd: float | None = None
    usd_per_megapixel: float = 0.0
    usd_per_reference: float = 0.0
    usd_by_resolution: Mapping[str, float] = field(default_factory=dict)
    classes: Mapping[str, str] = field(default_factory=dict)
    formats: tuple[str, ...] = ("jpeg", "png")
    picture_field: str = "input_image"
    masked: bool = False


_FLUX_3_SHAPES: Final = (
    *("21:9", "2:1", "16:9", "3:2", "7:5", "4:3", "5:4", "1:1"),
    *("4:5", "3:4", "5:7", "2:3", "9:16", "1:2", "9:21"),
)
_PNG: Final = {"output_format": "png"}
_KONTEXT: Final = BflFacts(4, Between(), _PNG, tolerance_with_picture=2, usd=0.04)
_FLUX_2: Final = BflFacts(8, Sides(16, 64, 2048), _PNG, min_side=64)
_FILL: Final = BflFacts(1, None, _PNG, usd=0.05, picture_field="image", masked=True)
_FLUX_3: Final = BflFacts(
    10,
    OneOf(_FLUX_3_SHAPES),
    {"grounding": False, "resolution": "1k"},
    list_field="images",
    seed=False,
    most_tolerance=4,
    usd=0.048,
    usd_by_resolution={"768sq": 0.041, "2k": 0.10, "4k": 0.607},
    classes={"1K": "1k", "2K": "2k", "4K": "4k"},
    formats=(),
)

# Prices from BFL's page "Pricing", November 2026: of one megapixel, and of `resolution` 1k.
MODELS: Final[Mapping[str, BflFacts]] = {
    "flux-kontext-max": replace(_KONTEXT, usd=0.08),
    "flux-kontext-*": _KONTEXT,
    "flux-dev": BflFacts(0, Sides(32, 256, 1440, default_shape="1:1"), _PNG, usd=0.025),
    "flux-pro-1.0-fill": _FILL,
    "flux-2-klein-4b*": replace(_FLUX_2, pictures=4, usd=0.014, usd_per_megapixel=0.001),
    "flux-2-klein-*": replace(_FLUX_2, pictures=4, usd=0.015, usd_per_megapixel=0.002),
    "flux-2-pro*": replace(_FLUX_2, usd=0.03, usd_per_megapixel=0.015, usd_per_reference=0.015),
    "flux-2-max*": replace(_FLUX_2, usd=0.07, usd_per_megapixel=0.03),
    "flux-2-flex*": replace(_FLUX_2, usd=0.05, usd_per_megapixel=0.05),
    "flux-2-*": _FLUX_2,
    "flux-3-image*": _FLUX_3,
}
"""Families by the pattern of their names; the first match counts."""


def facts_of(upstream: str, options: Mapping[str, Any] = MappingProxyType({})) -> BflFacts | None:
    return facts_from(upstream, options, _family_of, BflFacts(fixed=_PNG), _parsed)


def _family_of(name: str) -> BflFacts | None:
    return next((facts for pattern, facts in MODELS.items() if fnmatchcase(name, pattern)), None)


def _parsed(written: Mapping[str, Any]) -> dict[str, Any]:
    """Convert the option `facts` to fields of `BflFacts`: `shapes` or `sides` say the rule for the shape."""
    facts = plain(written)
    if shapes := facts.pop("shapes", None):
        facts["shape"] = OneOf(shapes)
    if sides := facts.pop("sides", None):
        facts["shape"] = Sides(**sides)
    return facts


# --- submitting --------------------------------------------------------------------------------------------------


def refusal(request: GenerationRequest, facts: BflFacts) -> Failure | None:
    """Why a request cannot be sent at all."""
    if failure := too_many_references(request, facts.pictures):
        return failure
    if any(_enlarged_pixels(each, facts.min_side) > _MOST_PIXELS for each in request.references):
        return Failure(FailureKind.BAD_INPUT, "a reference picture is too narrow for its length")
    return None


def encode(request: GenerationRequest, facts: BflFacts) -> dict[str, Any]:
    """The request as JSON; reference pictures are read while it is sent."""
    seed = {"seed": request.seed} if facts.seed else {}
    requested = {**_shape(request, facts.shape), **_class_and_format(request, facts)}
    body = {"prompt": request.prompt, **facts.fixed, **seed, **requested, **request.options}
    if "safety_tolerance" in body:
        body["safety_tolerance"] = min(body["safety_tolerance"], _most_tolerance(request, facts))
    return body | _pictures(request, facts)


def _most_tolerance(request: GenerationRequest, facts: BflFacts) -> int:
    with_picture = facts.tolerance_with_picture
    return facts.most_tolerance if with_picture is None or not request.references else with_picture


def _shape(request: GenerationRequest, shape: Between | OneOf | Sides | None) -> dict[str, Any]:
    match shape:
        case Between(tallest, widest) if request.aspect_ratio:
            return {"aspect_ratio": within(request.aspect_ratio, tallest, widest)}
        case OneOf(shapes) if request.aspect_ratio:
            return {"aspect_ratio": nearest(request.aspect_ratio, shapes)}
        case Sides() if pixels := request.pixels(shape.limits):
            return {"width": pixels[0], "height": pixels[1]}
        case Sides(step, least, most, default_shape) if wanted := request.aspect_ratio or default_shape:
            width, height = size_for(wanted, pixels=1024 * 1024, step=step, least=least, most=most)
            return {"width": width, "height": height}
    return {}


def _class_and_format(request: GenerationRequest, facts: BflFacts) -> dict[str, Any]:
    size, output_format = facts.classes.get(request.spec.size or ""), request.spec.output_format
    return {
        **({"resolution": size} if size else {}),
        **({"output_format": output_format} if output_format else {}),
    }


def abilities_of(facts: BflFacts, options: Mapping[str, Any]) -> Abilities:
    """What requests with these options obey of a task's fields. Every model makes about a megapixel unless told."""
    limits = facts.shape.limits if isinstance(facts.shape, Sides) else None
    classes = limits.classes() if limits else frozenset(facts.classes or {"1K"})
    able = Abilities(
        aspect_ratio=facts.shape is not None,
        seed=facts.seed,
        size_classes=classes if facts.shape else frozenset(),
        exact_size=limits,
        formats=frozenset(facts.formats),
        mask=facts.masked,
        needs_mask=facts.masked,
    )
    return as_fixed_by(able, options)


def prices_of(facts: BflFacts, options: Mapping[str, Any]) -> Prices:
    """By `resolution`, or by the megapixels beyond the first."""
    usual = facts.usd_by_resolution.get(str(options.get("resolution")), facts.usd)
    if usual is None or options.keys() & {"resolution", "width", "height"}:
        return Prices(usual, per_reference=facts.usd_per_reference)
    if facts.classes:
        by_size = {each: facts.usd_by_resolution.get(value, usual) for each, value in facts.classes.items()}
        return Prices(usual, {"": by_class(by_size)})
    points = {"": by_megapixel(usual, facts.usd_per_megapixel)}
    return Prices(usual, points, per_reference=facts.usd_per_reference)


def _pictures(request: GenerationRequest, facts: BflFacts) -> dict[str, Any]:
    files = [file_as_base64(each.path) for each in request.references]
    if not files or facts.list_field:
        return {facts.list_field: files} if files and facts.list_field else {}
    name = facts.picture_field
    mask = {"mask": file_as_base64(request.mask.path)} if request.mask and facts.masked else {}
    return {**{name if n == 1 else f"{name}_{n}": file for n, file in enumerate(files, 1)}, **mask}


def decode_submit(response: VendorResponse, now_s: float) -> dict[str, Any] | Failure:
    """The handle of a created job. `polling_url` may be at another host than the base URL, and is kept as it is."""
    match response.body:
        case _ if not response.ok:
            return failure_from(_VENDOR, response)
        case {"id": str(job), "polling_url": str(url), **rest}:
            return {"id": job, "polling_url": url, "cost": rest.get("cost"), "since": now_s}
    return missing_handle(_VENDOR, response)


def _enlarged_pixels(reference: ReferenceImage, least: int) -> int:
    width, height = _enlarged(reference, least)
    return width * height


def _enlarged(reference: ReferenceImage, least: int) -> tuple[int, int]:
    scale = max(1.0, least / min(reference.width, reference.height))
    return max(least, round(reference.width * scale)), max(least, round(reference.height * scale))


def _files_for(request: GenerationRequest, facts: BflFacts) -> GenerationRequest:
    """The request with its pictures as the model takes them. Blocking."""
    enlarged = _enlarge(request, facts.min_side)
    if not (enlarged.mask and facts.masked):
        return enlarged
    mask = white_mask(enlarged.mask, request.workdir / "mask-white.png")
    if min(mask.width, mask.height) < facts.min_side:
        mask = _enlarged_file(mask, facts.min_side, request.workdir / "mask-enlarged.png")
    return replace(enlarged, mask=mask)


def _enlarge(request: GenerationRequest, least: int) -> GenerationRequest:
    """The request with small references enlarged, as new files in its folder."""
    made = [
        _enlarged_file(each, least, request.workdir / f"enlarged-{number}.png")
        if min(each.width, each.height) < least
        else each
        for number, each in enumerate(request.references, 1)
    ]
    return replace(request, references=tuple(made))


def _enlarged_file(reference: ReferenceImage, least: int, target: Path) -> ReferenceImage:
    width, height = _enlarged(reference, least)
    with open_picture(reference.path) as picture:
        picture.resize((width, height), Image.Resampling.LANCZOS).save(target, "PNG")
    return ReferenceImage(target, "image/png", width, height)


OPTIONS: Final[Rules] = {
    "safety_tolerance": whole_number,
    **dict.fromkeys(
        ("prompt", "images", *(f"input_image{n}" for n in ("", *(f"_{n}" for n in range(2, 9))))), set_by_limner
    ),
    **dict.fromkeys(("image", "mask", "webhook_url", "webhook_secret"), set_by_limner),
    **dict.fromkeys(KEYED_JOB_RULES, provider_only),
    **fact_rules(
        _family_of,
        MODELS,
        {
            **dict.fromkeys(("pictures", "min_side", "most_tolerance", "tolerance_with_picture"), whole_number),
            **dict.fromkeys(("list_field", "picture_field"), text),
            **dict.fromkeys(("seed", "masked"), boolean),
            **dict.fromkeys(("usd", "usd_per_megapixel", "usd_per_reference"), non_negative),
            **dict.fromkeys(("shapes", "formats"), text_list),
            "classes": texts_by(SIZE_CLASSES, "size class"),
            "sides": whole_numbers("step", "least", "most"),
        },
    ),
}
"""Rules for a route's options, besides BFL's own fields."""


# --- polling -----------------------------------------------------------------------------------------------------


def decode_job(response: VendorResponse, handle: Mapping[str, Any]) -> JobState:
    """The state of a job. An unknown status means that it is running."""
    body = response.body if isinstance(response.body, dict) else {}
    status = body.get("status")
    if not response.ok and not isinstance(status, str):
        status = "Task not found"
    match status:
        case "Ready":
            return _ready(body, handle)
        case "Request Moderated" | "Content Moderated":
            return _moderated(body, _REFUSED[status])
        case "Error" | "Failed":
            return Failure(FailureKind.TRANSIENT, f"{_VENDOR} failed to draw the picture", detail=_detail(body))
        case "Task not found":
            return MissingJob(detail_of(response))
    return RunningJob(_percent(body.get("progress")))


_REFUSED: Final = {"Request Moderated": Stage.INPUT, "Content Moderated": Stage.OUTPUT}


def _ready(body: Mapping[str, Any], handle: Mapping[str, Any]) -> FinishedJob | Failure:
    match body.get("result"):
        case {"sample": str(link)} if link:
            return FinishedJob(link, _usd(body.get("cost") or handle.get("cost")))
    return Failure(FailureKind.NO_IMAGE, f"{_VENDOR} finished without a picture", charged=True, detail=_detail(body))


def _moderated(body: Mapping[str, Any], stage: Stage) -> Failure:
    what = "the prompt or a reference picture" if stage is Stage.INPUT else "the picture that was made"
    reason = f"{_VENDOR}'s content policy refused {what}{_reasons(body)}"
    return Failure(FailureKind.CONTENT_POLICY, reason, detail=_detail(body), stage=stage)


def _reasons(body: Mapping[str, Any]) -> str:
    match body.get("details"):
        case {"Moderation Reasons": [*reasons]} if told := [each for each in reasons if isinstance(each, str)]:
            return f" ({redacted(', '.join(told))})"
    return ""


def _detail(body: Mapping[str, Any]) -> str:
    """The status, with the reasons in `details`."""
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


def decode_credits(response: VendorResponse) -> UpstreamCheck | None:
    match response.body:
        case {"credits": int() | float() as left} if response.ok:
            says = f"the key is valid; {left:,.1f} credits are left, worth {left * _USD_PER_CREDIT:,.2f} US dollars"
            return UpstreamCheck(well=left > 0, says=says)
    return None


# --- the provider ------------------------------------------------------------------------------------------------


class BflProvider(JobProvider[BflFacts]):
    name: ClassVar[str] = "bfl"
    vendor: ClassVar[str] = _VENDOR
    key_hosts: ClassVar[tuple[str, ...]] = ("bfl.ai",)
    models: ClassVar[Mapping[str, Any]] = MODELS
    route_options: ClassVar[Rules] = OPTIONS

    def headers(self, key: str) -> dict[str, str]:
        return {"x-key": key}

    def facts(self, upstream: str, options: Mapping[str, Any]) -> BflFacts | None:
        return facts_of(upstream, options)

    def abilities(self, upstream: str, options: Mapping[str, Any]) -> Abilities:
        facts = self.facts(upstream, options)
        return abilities_of(facts, options) if facts else NO_ABILITIES

    def prices(self, upstream: str, options: Mapping[str, Any]) -> Prices:
        facts = self.facts(upstream, options)
        return prices_of(facts, options) if facts else NO_PRICES

    def refusal(self, request: GenerationRequest, facts: BflFacts) -> Failure | None:
        return refusal(request, facts)

    async def encode(self, request: GenerationRequest, facts: BflFacts) -> tuple[str, dict[str, Any]]:
        ready = await asyncio.to_thread(_files_for, request, facts)
        return f"/v1/{request.upstream}", encode(ready, facts)

    def decode_submit(self, response: VendorResponse, now_s: float) -> dict[str, Any] | Failure:
        return decode_submit(response, now_s)

    async def state(self, handle: Mapping[str, Any], request: GenerationRequest) -> JobState | Pending:
        response = await query_job(self._http, _VENDOR, handle["polling_url"], timeout_s=request.deadline_s)
        return decode_job(response, handle) if isinstance(response, VendorResponse) else response

    async def check(self, upstreams: Sequence[str]) -> UpstreamCheck:  # noqa: ARG002 - BFL lists no models
        return await check_endpoint(self._http, _VENDOR, "/v1/credits", decode_credits)
