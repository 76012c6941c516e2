"""A Ray cluster of the operator's own, by the application `limner-ray`: engines that work on jobs, for nothing.

A job's id follows from the task and from what is asked, so the same picture submitted again, after whatever
interruption, is the same job: it is drawn once. `docs/own-gpus.md` describes the protocol. Options: see `JobProvider`;
a route's `family` and `facts` say what a model of another name can do, its other options are the engine's.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final

import orjson
import pybase64

from limner.domain.prompts.dialect import FLUX, KONTEXT, NUMBERED, PLAIN, STITCHED, PromptDialect
from limner.domain.routing.abilities import OUTPUT_FORMATS, Abilities, SizeLimits
from limner.domain.routing.failure import Failure, FailureKind
from limner.ports.provider import (
    Delivered,
    GenerationRequest,
    JobCancellation,
    Pending,
    Picture,
    UpstreamCheck,
    VendorAccount,
)
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
    check_models,
    failure_from,
    file_as_base64,
    missing_handle,
    models_by_name,
    picture_in,
    provider_only,
    query_job,
    redacted,
    set_by_limner,
)
from limner.providers._http.facts import fact_rules, facts_from
from limner.providers._http.options import boolean, non_negative, one_of, text_list, whole_number
from limner.providers._http.requested import as_fixed_by

_VENDOR: Final = "the Ray cluster"

MISSING_S: Final = 5.0
"""A job that the cluster does not know is submitted again after so long: it costs nothing, and its id is the same."""

# --- what the models can do --------------------------------------------------------------------------------------

_LIMITS: Final = SizeLimits(16, 64, 2048, max_pixels=2 * 1024 * 1024, ratio=3.0)
_BUILTIN_LIMITS: Final = SizeLimits(step=16, least=256, most=2048, max_pixels=2048 * 2048, ratio=3.0)

_DIALECTS: Final = {"flux": FLUX, "kontext": KONTEXT, "stitched": STITCHED, "numbered": NUMBERED, "plain": PLAIN}


@dataclass(frozen=True, slots=True)
class RayFacts:
    """What one model takes: `pictures` reference pictures at most, and the `formats` that its engine writes.

    `dialect` is how it expects a prompt. A picture costs `usd` in the operator's own reckoning.
    """

    pictures: int = 0
    usd: float = 0.0
    dialect: str = "plain"
    formats: tuple[str, ...] = ()
    classes: tuple[str, ...] = ("1K",)
    compression: bool = False
    limits: SizeLimits = field(default=_LIMITS)


_FLUX: Final = RayFacts(dialect="flux")
_KONTEXT: Final = RayFacts(4, dialect="stitched")
_KLEIN: Final = RayFacts(4, dialect="numbered")

MODELS: Final[Mapping[str, RayFacts]] = {
    "FLUX.1-dev": _FLUX,
    "FLUX.1-schnell": _FLUX,
    "FLUX.1-Kontext-dev": _KONTEXT,
    "FLUX.2-klein-4B": _KLEIN,
    "FLUX.2-klein-base-4B": _KLEIN,
    "FLUX.2-klein-9B": _KLEIN,
    "limner-builtin": RayFacts(
        10, formats=tuple(sorted(OUTPUT_FORMATS)), classes=("1K", "2K"), compression=True, limits=_BUILTIN_LIMITS
    ),
}
"""By the names of the folders that the engine diffusers reads; the last is the built-in engine."""


def facts_of(upstream: str, options: Mapping[str, Any]) -> RayFacts | None:
    return facts_from(upstream, options, MODELS.get, RayFacts())


def abilities_of(facts: RayFacts, options: Mapping[str, Any]) -> Abilities:
    able = Abilities(
        aspect_ratio=True,
        seed=True,
        size_classes=frozenset(facts.classes),
        exact_size=facts.limits,
        formats=frozenset(facts.formats),
        compression=facts.compression,
    )
    return as_fixed_by(able, options)


# --- submitting --------------------------------------------------------------------------------------------------


def encode(request: GenerationRequest, job: str) -> dict[str, Any]:
    """The request as JSON; reference pictures are read while it is sent."""
    spec = request.spec
    optional = {
        "aspect_ratio": request.aspect_ratio,
        "size": spec.size,
        "view": request.view,
        "output_format": spec.output_format,
        "output_compression": spec.output_compression,
    }
    return {
        "id": job,
        "model": request.upstream,
        "prompt": request.prompt,
        "instructions": {
            "prompt": spec.prompt,
            "template": spec.template,
            "t_pose": spec.t_pose,
            "sketch_to_render": spec.sketch_to_render,
        },
        "seed": request.seed,
        **{name: value for name, value in optional.items() if value is not None},
        "own_references": request.own_references,
        "references": [file_as_base64(each.path, f"data:{each.media_type};base64,") for each in request.references],
        "options": dict(request.options),
        "deadline_s": round(request.deadline_s, 1),
    }


def job_id(request: GenerationRequest) -> str:
    """The id of the job, from all that its picture depends on. Reads the reference pictures: call it in a thread."""
    asked = encode(request, "") | {"deadline_s": 0, "references": []}
    digest = hashlib.sha256(request.task_id.encode() + orjson.dumps(asked, option=orjson.OPT_SORT_KEYS))
    for reference in request.references:
        digest.update(hashlib.sha256(reference.path.read_bytes()).digest())
    return f"limner-{digest.hexdigest()[:40]}"


def decode_submit(response: VendorResponse, now_s: float) -> dict[str, Any] | Failure:
    match response.body:
        case _ if not response.ok:
            return failure_from(_VENDOR, response)
        case {"id": str(job)}:
            return {"id": job, "since": now_s}
    return missing_handle(_VENDOR, response)


OPTIONS: Final[Rules] = {
    **dict.fromkeys(
        ("id", "model", "prompt", "instructions", "seed", "references", "own_references", "deadline_s"), set_by_limner
    ),
    **dict.fromkeys(KEYED_JOB_RULES, provider_only),
    **fact_rules(
        MODELS.get,
        MODELS,
        {
            "pictures": whole_number,
            "usd": non_negative,
            "dialect": one_of(*_DIALECTS),
            **dict.fromkeys(("formats", "classes"), text_list),
            "compression": boolean,
        },
    ),
}
"""Rules for a route's options, besides those of the engine."""


# --- polling -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DrawnJob(FinishedJob):
    """`served_by` is what the engine says of itself."""

    served_by: Mapping[str, Any] = field(default_factory=dict)


def decode_job(response: VendorResponse) -> JobState:
    """The state of a job. An unknown status means that it is running."""
    if not response.ok:
        return MissingJob(f"HTTP {response.status}")
    body = response.body if isinstance(response.body, dict) else {}
    match body.get("status"):
        case "done":
            return _drawn(body)
        case "failed":
            return _failed(body.get("error"))
        case "cancelled":
            return Failure(FailureKind.CANCELLED, f"the job was cancelled at {_VENDOR}", detail="cancelled")
        case "queued":
            return RunningJob(queued=True)
    progress = body.get("progress")
    return RunningJob(progress if isinstance(progress, int) and 0 <= progress <= 100 else None)


def _drawn(body: Mapping[str, Any]) -> DrawnJob | Failure:
    served_by = _served_by(body.get("served_by"))
    match body:
        case {"picture": {"base64": str(image)}} if image:
            return DrawnJob(_decoded(image), 0.0, served_by)
        case {"picture": {"base64": image}} if picture := picture_in(image):
            return DrawnJob(picture, 0.0, served_by)
    return Failure(FailureKind.NO_IMAGE, f"{_VENDOR} finished without a picture", detail="done")


def _decoded(image: str) -> bytes:
    """A text too short to have been written to a file; what is no base64 is no picture either, and refused as one."""
    try:
        return pybase64.b64decode(image, validate=True)
    except ValueError:
        return image.encode()


def _served_by(given: Any) -> dict[str, Any]:
    return {str(name): value for name, value in given.items()} if isinstance(given, dict) else {}


def _failed(error: Any) -> Failure:
    """What the engine could not do, in the words of `FailureKind`, which are its own too."""
    facts = error if isinstance(error, dict) else {}
    kinds = {str(kind): kind for kind in FailureKind}
    words = redacted(str(facts.get("message") or "no reason was given"))
    detail = redacted(str(facts["detail"])) if facts.get("detail") else "failed"
    kind = kinds.get(str(facts.get("kind")), FailureKind.TRANSIENT)
    return Failure(kind, f"{_VENDOR} failed to draw the picture: {words}", detail=detail)


def decode_cancel(response: VendorResponse) -> JobCancellation:
    """The job as it is after the request to stop it; one that has ended keeps its status."""
    status = response.body.get("status") if isinstance(response.body, dict) else None
    return JobCancellation(status not in {"done", "failed"}, redacted(status) or f"HTTP {response.status}")


# --- the provider ------------------------------------------------------------------------------------------------


class RayProvider(JobProvider[RayFacts]):
    name: ClassVar[str] = "ray"
    vendor: ClassVar[str] = _VENDOR
    key_hosts: ClassVar[tuple[str, ...]] = ()
    models: ClassVar[Mapping[str, Any]] = MODELS
    route_options: ClassVar[Rules] = OPTIONS
    free = True

    def __init__(self, account: VendorAccount, now: Callable[[], float] = time.time) -> None:
        super().__init__(replace(account, options={"not_found_grace_s": MISSING_S, **account.options}), now)

    def headers(self, key: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {key}"} if key else {}

    def facts(self, upstream: str, options: Mapping[str, Any]) -> RayFacts | None:
        return facts_of(upstream, options)

    def abilities(self, upstream: str, options: Mapping[str, Any]) -> Abilities:
        return abilities_of(facts_of(upstream, options) or RayFacts(), options)

    def dialect(self, upstream: str, options: Mapping[str, Any]) -> PromptDialect:
        return _DIALECTS[(facts_of(upstream, options) or RayFacts()).dialect]

    async def encode(self, request: GenerationRequest, facts: RayFacts) -> tuple[str, dict[str, Any]]:  # noqa: ARG002 - the same for all
        return "/v1/jobs", encode(request, await asyncio.to_thread(job_id, request))

    def decode_submit(self, response: VendorResponse, now_s: float) -> dict[str, Any] | Failure:
        return decode_submit(response, now_s)

    async def state(self, handle: Mapping[str, Any], request: GenerationRequest) -> JobState | Pending:
        path = f"/v1/jobs/{handle['id']}?picture=1"
        response = await query_job(self._http, _VENDOR, path, timeout_s=request.deadline_s, workdir=request.workdir)
        return decode_job(response) if isinstance(response, VendorResponse) else response

    async def cancel(self, handle: Mapping[str, Any], request: GenerationRequest) -> JobCancellation:
        path = f"/v1/jobs/{handle['id']}/cancel"
        return await cancel_job(self._http, "POST", path, deadline_s=request.deadline_s, decode=decode_cancel)

    async def check(self, upstreams: Sequence[str]) -> UpstreamCheck:
        def decode(response: VendorResponse) -> UpstreamCheck | None:
            names = models_by_name(response.body, "data", "id") if response.ok else None
            return None if names is None else check_models(names, upstreams)

        return await check_endpoint(self._http, _VENDOR, "/v1/models", decode)

    def _delivered(
        self, job: FinishedJob, path: Any, handle: Mapping[str, Any], request: GenerationRequest
    ) -> Delivered:
        """What ran is what the engine says; it ran on the cluster."""
        said = job.served_by if isinstance(job, DrawnJob) else {}
        usual = {"model": request.upstream, "generative": True}
        return Delivered(
            Picture(path), {**usual, **said, "provider": self.name, "vendor_id": handle["id"]}, job.cost_usd
        )
