"""Black Forest Labs: submit with `x-key`, poll at another host, download from a third."""

import hashlib
import hmac
import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import orjson
from aiohttp import web

from limner_vendors._core import kontext
from limner_vendors._core.emulator import Emulator, EmulatorSetup, Refused, http_status, reply
from limner_vendors._core.faults import JOB_FAULTS, Fault, FaultKind, InjectedFault
from limner_vendors._core.jobs import VendorJob, VendorOrder
from limner_vendors._core.pictures import MEDIA_TYPES, Format, NotAPicture, ReceivedImage, Size, has_alpha
from limner_vendors._core.rules import (
    Problem,
    Rules,
    address,
    flag,
    maybe,
    number,
    one_of,
    problems,
    ratio,
    some,
    text,
    whole,
)

FLUX_3_PIXELS: Final = {"768sq": 768**2, "1k": 1024**2, "1.5k": 1536**2, "2k": 2048**2, "4k": 4096**2}
FLUX_3_RATIOS: Final = (
    *("auto", "21:9", "2:1", "16:9", "3:2", "7:5", "4:3", "5:4", "1:1"),
    *("4:5", "3:4", "5:7", "2:3", "9:16", "1:2", "9:21"),
)
_PICTURE_FIELDS: Final = ("input_image", "image_prompt", "image")
READABLE: Final = ("jpeg", "png", "webp", "gif")
SAYS: Final[Mapping[FaultKind, str]] = {
    FaultKind.UNAUTHORIZED: "Invalid API key",
    FaultKind.FORBIDDEN: "Not authenticated",
    FaultKind.MODEL_GONE: "Not Found",
    FaultKind.STATUS: "The request was not accepted",
}
UNFINISHED_AT_ONCE: Final = 24
UNFINISHED_KONTEXT_MAX: Final = 6

_WEBHOOK: Final[Rules] = {"webhook_url": maybe(address), "webhook_secret": maybe(text())}
_FORMAT: Final[Rules] = {"output_format": maybe(one_of("jpeg", "png", "webp"))}


def _inputs(count: int) -> Rules:
    """`input_image`, `input_image_2` and so on."""
    return {f"input_image{f'_{n}' if n > 1 else ''}": maybe(text()) for n in range(1, count + 1)}


_KONTEXT: Final[Rules] = {
    "prompt": text(),
    **_inputs(4),
    "aspect_ratio": maybe(ratio(9 / 21, 21 / 9)),
    "seed": maybe(whole()),
    "prompt_upsampling": flag,
    "safety_tolerance": whole(0, 6),
    **_FORMAT,
    **_WEBHOOK,
}
_DEV: Final[Rules] = {
    "prompt": text(),
    "image_prompt": maybe(text()),
    "width": whole(256, 1440, 32),
    "height": whole(256, 1440, 32),
    "steps": maybe(whole(1, 50)),
    "guidance": maybe(number(1.5, 5)),
    "prompt_upsampling": flag,
    "seed": maybe(whole()),
    "safety_tolerance": whole(0, 6),
    **_FORMAT,
    **_WEBHOOK,
}


def _flux_2(inputs: int, **own: Any) -> Rules:
    return {
        "prompt": text(),
        **_inputs(inputs),
        "width": maybe(whole(64, None, 16)),
        "height": maybe(whole(64, None, 16)),
        "seed": maybe(whole()),
        "safety_tolerance": whole(0, 6),
        **_FORMAT,
        **_WEBHOOK,
        **own,
    }


_FLUX_3: Final[Rules] = {
    "prompt": text(),
    "images": some(text(), 1, 10),
    "aspect_ratio": one_of(*FLUX_3_RATIOS),
    "resolution": one_of(*FLUX_3_PIXELS),
    "safety_tolerance": whole(0, 4),
    "grounding": flag,
}


_FILL: Final[Rules] = {
    "image": text(None, 1),
    "mask": maybe(text()),
    "prompt": text(),
    "steps": maybe(whole(15, 50)),
    "guidance": maybe(number(1.5, 100)),
    "prompt_upsampling": flag,
    "seed": maybe(whole()),
    "safety_tolerance": whole(0, 6),
    **_FORMAT,
    **_WEBHOOK,
}
_FLUX_3_COSTS: Final = {"768sq": 4.1, "1k": 4.8, "1.5k": 7.0, "2k": 10.0, "4k": 60.7}
_INK_WASH: Final[Rules] = {
    "prompt": text(),
    "pictures": some(text(), 1, 3),
    "aspect_ratio": one_of("1:1", "3:2", "2:3"),
    **_FORMAT,
}


@dataclass(frozen=True, slots=True)
class BflModel:
    """`cost` in credits of one cent; `default_format` where the request names none.

    `list_field` holds all reference pictures of a model that has no numbered fields.
    """

    rules: Rules
    cost: float
    default_format: Format = "png"
    least_side: int = 256
    most_megapixels: float = 20.0
    list_field: str = "images"


_FLUX_2_MODELS: Final = {
    "flux-2-pro": BflModel(_flux_2(8, disable_pup=flag), 3.0, "jpeg", least_side=64),
    "flux-2-max": BflModel(_flux_2(8), 7.0, "jpeg", least_side=64),
    "flux-2-flex": BflModel(
        _flux_2(8, steps=whole(1, 50), guidance=number(1.5, 10), prompt_upsampling=flag), 5.0, "jpeg", least_side=64
    ),
    "flux-2-klein-4b": BflModel(_flux_2(4), 1.4, "jpeg", least_side=64),
    "flux-2-klein-9b": BflModel(_flux_2(4), 1.5, "jpeg", least_side=64),
}
MODELS: Final[Mapping[str, BflModel]] = {
    "flux-kontext-pro": BflModel(_KONTEXT, 4.0),
    "flux-kontext-max": BflModel(_KONTEXT, 8.0),
    "flux-dev": BflModel(_DEV, 2.5, "jpeg"),
    **_FLUX_2_MODELS,
    **{f"{name}-preview": model for name, model in _FLUX_2_MODELS.items()},
    "flux-pro-1.0-fill": BflModel(_FILL, 5.0, "jpeg", list_field=""),
    "flux-3-image": BflModel(_FLUX_3, 4.8, "jpeg", most_megapixels=16.0),
    "acme-ink-wash": BflModel(_INK_WASH, 2.0, list_field="pictures"),
}
"""The one of `acme` is invented: a model that no adapter has a row for, and whose fields are its own."""


class Bfl(Emulator):
    name: ClassVar[str] = "bfl"
    position: ClassVar[int] = 1
    sites: ClassVar[tuple[str, ...]] = ("api", "polling", "delivery")
    kinds = (*JOB_FAULTS, FaultKind.HEAVY)

    def __init__(self, setup: EmulatorSetup) -> None:
        super().__init__(setup)
        self.credits = 1_000_000.0

    def environment(self) -> dict[str, str]:
        polling = self.setup.urls["polling"].removeprefix("http://").rpartition(":")[0]
        return {"BFL_API_KEY": self.key, "BFL_BASE_URL": self.base_url, "BFL_POLLING_HOSTS": polling}

    def applications(self) -> dict[str, web.Application]:
        api = [
            web.post("/v1/{model}", self.submit),
            web.get("/v1/credits", self.show_credits),
            web.get("/v1/get_result", self.wrong_region),
            *self.script_routes(),
        ]
        return {
            "api": self.application(api),
            "polling": self.application([web.get("/v1/get_result", self.poll)]),
            "delivery": self.delivery_application(),
        }

    async def submit(self, request: web.Request) -> web.StreamResponse:
        self.check_key(request)
        name = request.match_info["model"]
        model = MODELS.get(name)
        if model is None:
            raise Refused(reply(404, {"detail": "Not Found"}))
        body = await read_body(request, model)
        references = await self.references(body, model)
        order = order_of(name, model, body, references)
        return await self.with_faults(
            request, "submit", order.prompt, lambda injected: self.accept(order, cost_of(model, body), injected)
        )

    async def poll(self, request: web.Request) -> web.StreamResponse:
        self.check_key(request)
        job = self.jobs.find(request.query.get("id", ""))
        if job is None:
            return reply(200, outcome(request.query.get("id", ""), "Task not found"))
        return await self.with_faults(request, "poll", job.order.prompt, lambda _: self.job_answer(job))

    async def wrong_region(self, request: web.Request) -> web.Response:
        """A polling address that the client built on the submit host: the global host knows no jobs."""
        self.check_key(request)
        return reply(200, outcome(request.query.get("id", ""), "Task not found"))

    async def show_credits(self, request: web.Request) -> web.Response:
        self.check_key(request)
        return reply(200, {"credits": self.credits})

    def check_key(self, request: web.Request) -> None:
        given = request.headers.get("x-key")
        if given is None:
            raise Refused(reply(403, {"detail": "Not authenticated"}))
        if given != self.key:
            raise Refused(reply(401, {"detail": "Invalid API key"}))

    async def references(self, body: Mapping[str, Any], model: BflModel) -> tuple[ReceivedImage, ...]:
        """The input pictures in the order of their numbers."""
        fields = [
            (field, body[field])
            for field in model.rules
            if field.startswith(_PICTURE_FIELDS) and body.get(field) and isinstance(body[field], str)
        ]
        listed = [(model.list_field, value) for value in body.get(model.list_field) or ()]
        received = tuple([await self.reference(field, value, model) for field, value in (*fields, *listed)])
        if "mask" in model.rules:
            await self.check_mask(body, received[0], model)
        return received

    async def check_mask(self, body: Mapping[str, Any], picture: ReceivedImage, model: BflModel) -> None:
        """A mask is black and white, and as large as the picture; without one the picture has an alpha channel."""
        transparent = has_alpha(await self.picture_behind(body["image"]))
        if body.get("mask") is None:
            if not transparent:
                raise invalid(Problem("mask", "A mask or an image with an alpha channel is required", "value_error"))
            return
        mask = await self.reference("mask", body["mask"], model)
        if mask.size != picture.size:
            raise invalid(Problem("mask", "Mask dimensions must match the image dimensions", "value_error"))
        if has_alpha(await self.picture_behind(body["mask"])):
            raise invalid(Problem("mask", "The mask must be black and white", "value_error"))

    async def reference(self, field: str, value: str, model: BflModel) -> ReceivedImage:
        try:
            seen = await self.look_at(await self.picture_behind(value))
        except NotAPicture as error:
            raise invalid(Problem(field, f"Invalid image: {error}", "value_error")) from None
        if seen.format not in READABLE:
            raise invalid(Problem(field, f"Unsupported image format {seen.format!r}", "value_error"))
        if seen.weight > 20_000_000 or seen.megapixels > model.most_megapixels:
            raise invalid(Problem(field, "Image exceeds 20 MB or its limit of megapixels", "value_error"))
        if min(seen.size) < model.least_side:
            said = f"Image sides must be at least {model.least_side} pixels, got {seen.size[0]}x{seen.size[1]}"
            raise invalid(Problem(field, said, "value_error"))
        return seen

    async def accept(self, order: VendorOrder, cost: float, injected: InjectedFault) -> web.Response:
        if self.credits < cost:
            return self.refusal(Fault(FaultKind.QUOTA))
        if self.full(order.model):
            return reply(429, {"detail": "Too many unfinished tasks"}, {"Retry-After": "1"})
        job = await self.open_job(str(uuid.uuid4()), order, injected)
        self.credits -= 0 if job.failed else cost
        mp = {
            "input_mp": round(sum(reference.megapixels for reference in order.references), 2),
            "output_mp": round(order.megapixels, 2),
        }
        if hook := order.other_fields.get("webhook_url"):
            self.hooks.later(self.call_back(job, hook))
            return reply(200, {"id": job.id, "status": "Pending", "webhook_url": hook, "cost": cost, **mp})
        polling = f"{self.setup.urls['polling']}/v1/get_result?id={job.id}"
        return reply(200, {"id": job.id, "polling_url": polling, "cost": cost, **mp})

    def full(self, model: str) -> bool:
        if model == "flux-kontext-max" and self.jobs.unfinished(model) >= UNFINISHED_KONTEXT_MAX:
            return True
        return self.jobs.unfinished() >= UNFINISHED_AT_ONCE

    async def job_answer(self, job: VendorJob) -> web.Response:
        if job.hidden:
            job.hidden -= 1
            return reply(200, outcome(job.id, "Task not found"))
        progress = self.jobs.ask(job)
        strange = job.injected.of(FaultKind.UNKNOWN_STATUS)
        if strange and job.polls == 1:
            return reply(200, outcome(job.id, strange.how or "Reticulating", progress=progress))
        if progress < 1 and FaultKind.MODERATED not in job.injected:
            return reply(200, outcome(job.id, "Pending", progress=progress))
        return reply(200, self.result(job))

    def result(self, job: VendorJob) -> dict[str, Any]:
        job.ended = True
        fault = job.injected.of(FaultKind.MODERATED, FaultKind.MODERATED_OUTPUT, FaultKind.FAILED)
        match fault and fault.kind:
            case FaultKind.MODERATED:
                return outcome(job.id, "Request Moderated", details=moderation(fault))
            case FaultKind.MODERATED_OUTPUT:
                return outcome(job.id, "Content Moderated", details=moderation(fault))
            case FaultKind.FAILED:
                return outcome(job.id, (fault.how if fault else "") or "Error")
            case _:
                return outcome(job.id, "Ready", result=self.sample(job))

    def sample(self, job: VendorJob) -> dict[str, Any]:
        facts = {
            "prompt": job.order.prompt,
            "seed": job.order.other_fields.get("seed") or int(job.id[:8], 16),
            "start_time": job.started,
            "end_time": job.started + job.takes,
            "duration": job.takes,
        }
        if FaultKind.EMPTY in job.injected:
            return facts
        name, media_type = f"{job.id}.{job.order.format}", MEDIA_TYPES[job.order.format]
        link = self.deliveries.offer(name, media_type, lambda: self.picture(job.order, job.injected), job)
        return {"sample": link, **facts}

    async def call_back(self, job: VendorJob, hook: str) -> None:
        """The same result object, signed in both ways that are documented."""
        await self.jobs.finish(job)
        body = orjson.dumps(self.result(job))
        secret = job.order.other_fields.get("webhook_secret")
        headers = {"X-Webhook-Secret": secret, "X-BFL-Signature": f"sha256={signature(secret, body)}"} if secret else {}
        for _ in range(2 if FaultKind.DUPLICATE_WEBHOOK in job.injected else 1):
            await self.hooks.post(hook, body, headers)

    def refusal(self, fault: Fault) -> web.Response:
        match fault.kind:
            case FaultKind.QUOTA:
                return reply(402, {"detail": "Insufficient credits. Visit https://dashboard.bfl.ai to add credits."})
            case FaultKind.RATE_LIMITED:
                return rate_limited(fault)
            case FaultKind.STATUS if http_status(fault) == 422:
                return invalid(Problem("prompt", "Input should be a valid string", "string_type")).response
            case kind:
                return reply(http_status(fault), {"detail": fault.how or SAYS.get(kind, "Internal server error")})


async def read_body(request: web.Request, model: BflModel) -> dict[str, Any]:
    try:
        body = orjson.loads(await request.read())
    except orjson.JSONDecodeError as error:
        raise Refused(reply(422, {"detail": [problem("body", str(error), "json_invalid")]})) from None
    if request.content_type != "application/json" or not isinstance(body, dict):
        said = "Input should be a valid dictionary or object to extract fields from"
        raise Refused(reply(422, {"detail": [problem("body", said, "model_attributes_type")]}))
    if found := problems(body, model.rules):
        raise invalid(*found)
    return body


def order_of(name: str, model: BflModel, body: Mapping[str, Any], references: tuple[ReceivedImage, ...]) -> VendorOrder:
    pictures = {field for field in body if field.startswith((*_PICTURE_FIELDS, "mask")) or field == model.list_field}
    asked = {field: value for field, value in body.items() if field not in pictures | {"prompt"}}
    output_format = body.get("output_format") or model.default_format
    size = size_of(model, body, references)
    if size[0] * size[1] > 4_194_304 and model.rules is not _FLUX_3:
        raise invalid(Problem("width", "Output must not exceed 4 megapixels", "value_error"))
    return VendorOrder(name, body["prompt"], references, size, output_format, asked)


def cost_of(model: BflModel, body: Mapping[str, Any]) -> float:
    return _FLUX_3_COSTS[body.get("resolution", "1k")] if model.rules is _FLUX_3 else model.cost


def size_of(model: BflModel, body: Mapping[str, Any], references: tuple[ReceivedImage, ...]) -> Size:
    if model.rules is _DEV:
        return body.get("width", 1024), body.get("height", 768)
    if model.rules is _FILL:
        return references[0].size
    wanted = kontext.shape(body.get("aspect_ratio"), references)
    if model.rules is _KONTEXT:
        return kontext.nearest(wanted)
    pixels = FLUX_3_PIXELS[body.get("resolution", "1k")] if model.rules is _FLUX_3 else 1024**2
    side = math.sqrt(pixels)
    fitting = multiple(side * math.sqrt(wanted)), multiple(side / math.sqrt(wanted))
    return body.get("width") or fitting[0], body.get("height") or fitting[1]


def multiple(side: float) -> int:
    return max(64, round(side / 16) * 16)


def outcome(
    job_id: str,
    status: str,
    *,
    result: dict[str, Any] | None = None,
    progress: float | None = None,
    details: dict[str, Any] | None = None,
) -> dict[str, Any]:
    return {
        "id": job_id,
        "status": status,
        "result": result,
        "progress": progress,
        "details": details,
        "preview": None,
    }


def moderation(fault: Fault | None) -> dict[str, Any]:
    return {"Moderation Reasons": [(fault.how if fault else "") or "Safety Filter"]}


def signature(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def rate_limited(fault: Fault) -> web.Response:
    wait = fault.amount(5)
    match fault.how:
        case "text" | "none":
            return reply(429, {"detail": "Too Many Requests"})
        case "body":
            return reply(429, {"error": "rate_limit_exceeded", "message": "Slow down.", "retry_after": wait})
        case _:
            headers = {"Retry-After": f"{math.ceil(wait)}", "X-RateLimit-Limit": "24", "X-RateLimit-Remaining": "0"}
            return reply(429, {"error": "rate_limit_exceeded", "message": "Slow down."}, headers)


def problem(field: str, message: str, kind: str) -> dict[str, Any]:
    return {"loc": ["body", field] if field != "body" else ["body"], "msg": message, "type": kind}


def invalid(*found: Problem) -> Refused:
    return Refused(reply(422, {"detail": [problem(one.field, one.message, one.type) for one in found]}))
