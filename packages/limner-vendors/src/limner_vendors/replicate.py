"""Replicate: a prediction is created, waited for or polled, and errors are RFC 7807 problem documents."""

import asyncio
import contextlib
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

import orjson
from aiohttp import web

from limner_vendors._core import kontext
from limner_vendors._core.emulator import Emulator, Refused, http_status
from limner_vendors._core.faults import JOB_FAULTS, Fault, FaultKind, InjectedFault
from limner_vendors._core.jobs import VendorJob, VendorOrder
from limner_vendors._core.pictures import MEDIA_TYPES, Format, NotAPicture, ReceivedImage, has_alpha
from limner_vendors._core.rules import (
    Rules,
    address,
    flag,
    mapping,
    maybe,
    number,
    one_of,
    problems,
    some,
    text,
    whole,
)

FORMATS: Final[Mapping[str, Format]] = {"jpg": "jpeg", "png": "png", "webp": "webp"}
EVENTS: Final = ("start", "output", "logs", "completed")
FINAL: Final = ("succeeded", "failed", "canceled", "aborted")
RATIOS: Final = (
    *("1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3", "4:5", "5:4", "21:9", "9:21", "2:1", "1:2"),
    "match_input_image",
)
SENSITIVE: Final = "The input or output was flagged as sensitive. Please try again with different inputs. (E005)"

ENVELOPE: Final[Rules] = {
    "input": mapping,
    "webhook": maybe(address),
    "webhook_events_filter": maybe(some(one_of(*EVENTS), 0, 4)),
}
_KONTEXT: Final[Rules] = {
    "prompt": text(None, 1),
    "input_image": maybe(text(None, 1)),
    "aspect_ratio": one_of(*RATIOS),
    "output_format": one_of("jpg", "png"),
    "seed": maybe(whole()),
    "safety_tolerance": whole(0, 6),
    "prompt_upsampling": flag,
}
_DEV: Final[Rules] = {
    "prompt": text(None, 1),
    "aspect_ratio": one_of(*RATIOS[:-1]),
    "output_format": one_of("webp", "jpg", "png"),
    "output_quality": whole(0, 100),
    "num_outputs": whole(1, 4),
    "num_inference_steps": whole(1, 50),
    "guidance": number(0, 10),
    "megapixels": one_of("1", "0.25"),
    "seed": maybe(whole()),
    "go_fast": flag,
    "disable_safety_checker": flag,
}


_FLUX_2: Final[Rules] = {
    "prompt": text(None, 1),
    "input_images": some(text(None, 1), 0, 8),
    "aspect_ratio": one_of(*RATIOS, "custom"),
    "resolution": one_of("match_input_image", "0.5 MP", "1 MP", "2 MP", "4 MP"),
    "width": whole(256, 2048),
    "height": whole(256, 2048),
    "output_format": one_of("webp", "jpg", "png"),
    "output_quality": whole(0, 100),
    "seed": maybe(whole()),
    "safety_tolerance": whole(1, 5),
}
_FLUX_3: Final[Rules] = {
    "prompt": text(None, 1),
    "images": some(text(None, 1), 0, 10),
    "aspect_ratio": one_of(*RATIOS[:-1], "7:5", "5:7", "auto"),
    "resolution": one_of("768sq", "1k", "1.5k", "2k", "4k"),
    "grounding": flag,
    "output_format": one_of("webp", "jpg", "png"),
    "output_quality": whole(0, 100),
    "safety_tolerance": whole(0, 4),
}
_SEEDREAM: Final[Rules] = {
    "prompt": text(None, 1),
    "image_input": some(text(None, 1), 0, 10),
    "size": one_of("1K", "2K", "4K", "custom"),
    "aspect_ratio": one_of("match_input_image", "1:1", "4:3", "3:4", "16:9", "9:16", "3:2", "2:3", "21:9"),
    "width": whole(1024, 4096),
    "height": whole(1024, 4096),
    "sequential_image_generation": one_of("disabled", "auto"),
    "max_images": whole(1, 15),
    "enhance_prompt": flag,
}
_QWEN: Final[Rules] = {
    "prompt": text(None, 1),
    "aspect_ratio": one_of("1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3"),
    "output_format": one_of("webp", "jpg", "png"),
    "output_quality": whole(0, 100),
    "negative_prompt": text(),
    "seed": maybe(whole()),
    "go_fast": flag,
}


_FILL: Final[Rules] = {
    "prompt": text(None, 1),
    "image": text(None, 1),
    "mask": maybe(text(None, 1)),
    "outpaint": one_of("None", "Zoom out 1.5x", "Zoom out 2x", "Make square"),
    "output_format": one_of("jpg", "png"),
    "steps": whole(15, 50),
    "guidance": number(1.5, 100),
    "seed": maybe(whole()),
    "safety_tolerance": whole(1, 6),
    "prompt_upsampling": flag,
}


@dataclass(frozen=True, slots=True)
class ReplicateModel:
    """`listed`: the output is a list of links, not one. `picture_field` holds links to reference pictures.

    A `masked` model needs a picture, and a mask unless that is transparent in parts.
    """

    rules: Rules
    default_format: str = "png"
    listed: bool = False
    picture_field: str = "input_image"
    masked: bool = False


MODELS: Final[Mapping[str, ReplicateModel]] = {
    "black-forest-labs/flux-kontext-pro": ReplicateModel(_KONTEXT),
    "black-forest-labs/flux-kontext-max": ReplicateModel(_KONTEXT),
    "black-forest-labs/flux-dev": ReplicateModel(_DEV, "webp", listed=True),
    "black-forest-labs/flux-fill-pro": ReplicateModel(_FILL, "jpg", picture_field="image", masked=True),
    "black-forest-labs/flux-2-pro": ReplicateModel(_FLUX_2, "webp", picture_field="input_images"),
    "black-forest-labs/flux-3-image": ReplicateModel(_FLUX_3, "webp", picture_field="images"),
    "bytedance/seedream-4": ReplicateModel(_SEEDREAM, "jpg", listed=True, picture_field="image_input"),
    "qwen/qwen-image": ReplicateModel(_QWEN, "webp", listed=True),
    "acme/ink-wash": ReplicateModel(
        {"prompt": text(None, 1), "style_of": maybe(text(None, 1))}, "jpg", picture_field="style_of"
    ),
}


class Replicate(Emulator):
    name: ClassVar[str] = "replicate"
    position: ClassVar[int] = 6
    sites: ClassVar[tuple[str, ...]] = ("api", "delivery")
    kinds = (*JOB_FAULTS, FaultKind.HEAVY, FaultKind.CANCELLED)

    def environment(self) -> dict[str, str]:
        return {"REPLICATE_API_TOKEN": self.key, "REPLICATE_BASE_URL": self.base_url}

    def applications(self) -> dict[str, web.Application]:
        routes = [
            web.post("/v1/models/{owner}/{model}/predictions", self.create),
            web.get("/v1/predictions/{id}", self.get),
            web.post("/v1/predictions/{id}/cancel", self.cancel),
            web.get("/v1/account", self.account),
            *self.script_routes(),
        ]
        return {"api": self.application(routes), "delivery": self.delivery_application()}

    async def create(self, request: web.Request) -> web.StreamResponse:
        self.check_token(request)
        name = f"{request.match_info['owner']}/{request.match_info['model']}"
        model = MODELS.get(name)
        if model is None:
            raise refused(404, "Not found", "The requested resource could not be found.")
        wait_s = seconds_to_wait(request)
        order = await self.order(name, model, await read_json(request))

        async def work(injected: InjectedFault) -> web.Response:
            return await self.accept(order, injected, wait_s)

        return await self.with_faults(request, "submit", order.prompt, work)

    async def accept(self, order: VendorOrder, injected: InjectedFault, wait_s: float) -> web.Response:
        job = await self.open_job(uuid.uuid4().hex[:26], order, injected)
        if hook := order.other_fields.get("webhook"):
            self.hooks.later(self.call_back(job, hook))
        if wait_s:
            await self.wait_for(job, wait_s)
        return answer(201, self.shown(job))

    async def wait_for(self, job: VendorJob, wait_s: float) -> None:
        """`Prefer: wait`: the answer waits until the prediction is done, for `wait_s` seconds at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self.jobs.finish(job)

    async def get(self, request: web.Request) -> web.StreamResponse:
        job = self.find(request)
        return await self.with_faults(request, "poll", job.order.prompt, lambda _: self.job_answer(job))

    async def job_answer(self, job: VendorJob) -> web.Response:
        if not job.cancelled:
            self.jobs.ask(job)
        strange = job.injected.of(FaultKind.UNKNOWN_STATUS)
        if strange and job.polls == 1:
            return answer(200, {**self.shown(job), "status": strange.how or "queued", "output": None})
        return answer(200, self.shown(job))

    async def cancel(self, request: web.Request) -> web.Response:
        job = self.find(request)
        if not job.ended:
            job.cancelled = True
        return answer(200, self.shown(job))

    async def account(self, request: web.Request) -> web.Response:
        self.check_token(request)
        facts = {"type": "organization", "username": "emulated", "name": "Emulated, Inc."}
        return answer(200, {**facts, "github_url": "https://github.com/emulated"})

    def shown(self, job: VendorJob) -> dict[str, Any]:
        status, root = status_of(job), f"{self.base_url}/v1/predictions/{job.id}"
        now = datetime.now(UTC).isoformat()
        return {
            "id": job.id,
            "model": job.order.model,
            "version": "hidden",
            "input": {"prompt": job.order.prompt, **job.order.other_fields.get("input", {})},
            "logs": "",
            "output": self.output(job) if status == "succeeded" else None,
            "error": error_of(job) if status == "failed" else None,
            "status": status,
            "created_at": now,
            "started_at": now if status != "starting" else None,
            "completed_at": now if status in FINAL else None,
            "urls": {"get": root, "cancel": f"{root}/cancel"},
            "metrics": {"predict_time": job.takes} if status in FINAL else {},
        }

    def charges(self, job: VendorJob) -> bool:
        """A cancelled prediction is charged, one that was aborted before it started is not."""
        cancelled = job.injected.of(FaultKind.CANCELLED)
        return not job.failed or (cancelled is not None and cancelled.how != "aborted")

    def output(self, job: VendorJob) -> str | list[str] | None:
        listed = MODELS[job.order.model].listed
        if FaultKind.EMPTY in job.injected:
            return [] if listed else None
        links = [self.link(job, n) for n in range(job.order.other_fields["input"].get("num_outputs", 1))]
        return links if listed else links[0]

    def link(self, job: VendorJob, variant: int) -> str:
        order = job.order
        name, media_type = f"{job.id}-{variant}.{order.format}", MEDIA_TYPES[order.format]
        return self.deliveries.offer(name, media_type, lambda: self.picture(order, job.injected, variant), job)

    async def call_back(self, job: VendorJob, hook: str) -> None:
        """Post the prediction at each event that was requested."""
        wanted = job.order.other_fields.get("webhook_events_filter") or EVENTS
        if "start" in wanted:
            await self.hooks.post(hook, orjson.dumps({**self.shown(job), "status": "starting", "output": None}), {})
        await self.jobs.finish(job)
        for _ in range(2 if FaultKind.DUPLICATE_WEBHOOK in job.injected else 1):
            if "completed" in wanted:
                await self.hooks.post(hook, orjson.dumps(self.shown(job)), {})

    # --- what a request must be

    def check_token(self, request: web.Request) -> None:
        given = request.headers.get("Authorization")
        if given is None:
            raise refused(401, "Unauthenticated", "You did not pass an authentication token")
        if given != f"Bearer {self.key}":
            raise refused(401, "Unauthenticated", "You did not pass a valid authentication token")

    def find(self, request: web.Request) -> VendorJob:
        self.check_token(request)
        job = self.jobs.find(request.match_info["id"])
        if job is None or job.hidden:
            if job:
                job.hidden -= 1
            raise refused(404, "Not found", "The requested resource could not be found.")
        return job

    async def order(self, name: str, model: ReplicateModel, body: dict[str, Any]) -> VendorOrder:
        check(body, ENVELOPE, ("input",), "")
        given = body["input"]
        check(given, model.rules, ("prompt", "image") if model.masked else ("prompt",), "input.")
        references = await self.references(given, model.picture_field)
        if model.masked:
            await self.check_mask(given.get("mask"), references[0])
        if references and model.rules is _KONTEXT and given.get("safety_tolerance", 2) > 2:
            raise invalid("input.safety_tolerance", "Must be at most 2 when an input image is used")
        asked = {field: value for field, value in given.items() if field not in {"prompt", "mask", model.picture_field}}
        outside = {field: value for field, value in body.items() if field != "input"}
        size = references[0].size if model.masked else kontext.drawn(given, references)
        picture_format = FORMATS[given.get("output_format", model.default_format)]
        return VendorOrder(name, given["prompt"], references, size, picture_format, {"input": asked, **outside})

    async def references(self, given: Mapping[str, Any], field: str) -> tuple[ReceivedImage, ...]:
        value = given.get(field) or []
        return tuple([await self.reference(field, each) for each in (value if isinstance(value, list) else [value])])

    async def check_mask(self, value: str | None, picture: ReceivedImage) -> None:
        if value is None:
            raise invalid("input.mask", "A mask is needed for a picture without transparent parts")
        mask = await self.reference("mask", value)
        if mask.size != picture.size or has_alpha(await self.picture_behind(value)):
            raise invalid("input.mask", "The mask must be black and white, and as large as the image")

    async def reference(self, field: str, value: str) -> ReceivedImage:
        """One picture, by a link or a data URI."""
        if not value.startswith(("http://", "https://", "data:")):
            raise invalid(f"input.{field}", "Does not match format 'uri'")
        try:
            return await self.look_at(await self.picture_behind(value))
        except NotAPicture as error:
            raise invalid(f"input.{field}", str(error)) from None

    def refusal(self, fault: Fault) -> web.Response:
        wait = fault.amount(5)
        match fault.kind:
            case FaultKind.QUOTA:
                said = "You have insufficient credit to run this model. Go to replicate.com/account/billing#billing."
                return refused(402, "Insufficient credit", said).response
            case FaultKind.RATE_LIMITED if fault.how == "text":
                said = f"Request was throttled. Expected available in {wait:g} seconds."
                return refused(429, "Too many requests", said).response
            case FaultKind.RATE_LIMITED if fault.how == "none":
                return refused(429, "Too many requests", "Request was throttled.").response
            case FaultKind.RATE_LIMITED:
                headers = {"Retry-After": f"{wait:g}"}
                return refused(429, "Too many requests", "Request was throttled.", headers).response
            case FaultKind.STATUS if http_status(fault) == 422:
                return invalid("input.prompt", "Invalid type. Expected: string").response
            case _:
                return refused(http_status(fault), "Error", (fault.how or fault.kind).replace("_", " ")).response


def seconds_to_wait(request: web.Request) -> float:
    """`Prefer: wait` is a minute, `wait=n` is 1 to 60 seconds."""
    asked = request.headers.get("Prefer")
    if asked is None:
        return 0.0
    match = re.fullmatch(r"wait(?:=(\d+))?", asked.strip())
    if match is None or not 1 <= int(match[1] or 60) <= 60:
        raise refused(400, "Bad request", f"Invalid Prefer header: {asked!r}")
    return float(match[1] or 60)


async def read_json(request: web.Request) -> dict[str, Any]:
    try:
        body = orjson.loads(await request.read())
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise refused(400, "Bad request", "The body must be a JSON object.")
    return body


def check(body: Mapping[str, Any], rules: Rules, required: tuple[str, ...], where: str) -> None:
    if found := problems(body, rules, required):
        raise invalid(f"{where}{found[0].field}", found[0].message)


def status_of(job: VendorJob) -> str:
    if job.cancelled:
        return "canceled"
    if not job.ended:
        return "starting" if job.polls < 2 else "processing"
    if fault := job.injected.of(FaultKind.CANCELLED):
        return fault.how or "canceled"
    return "failed" if error_of(job) else "succeeded"


def error_of(job: VendorJob) -> str | None:
    fault = job.injected.of(FaultKind.MODERATED, FaultKind.MODERATED_OUTPUT, FaultKind.FAILED)
    if fault is None:
        return None
    return (fault.how.replace("_", " ") or "Prediction failed.") if fault.kind is FaultKind.FAILED else SENSITIVE


def answer(status: int, prediction: Mapping[str, Any]) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(prediction), content_type="application/json")


def refused(status: int, title: str, detail: str, headers: Mapping[str, str] | None = None) -> Refused:
    body = orjson.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail})
    return Refused(web.Response(status=status, body=body, headers=headers, content_type="application/problem+json"))


def invalid(field: str, said: str) -> Refused:
    return refused(422, "Input validation failed", f"- {field}: {said}")
