"""fal.ai's queue: submit under the model's path, poll at addresses without its sub-path; COMPLETED may be a failure."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import orjson
from aiohttp import web

from limner_vendors._core import kontext
from limner_vendors._core.emulator import Emulator, Refused, http_status, reply
from limner_vendors._core.faults import JOB_FAULTS, Fault, FaultKind, InjectedFault
from limner_vendors._core.jobs import VendorJob, VendorOrder
from limner_vendors._core.pictures import MEDIA_TYPES, NotAPicture, ReceivedImage, Size, blacked_out, draw, has_alpha
from limner_vendors._core.rules import (
    Complaint,
    Problem,
    Rule,
    Rules,
    address,
    either,
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

NAMED_SIZES: Final[Mapping[str, Size]] = {
    "square_hd": (1024, 1024),
    "square": (512, 512),
    "portrait_4_3": (768, 1024),
    "portrait_16_9": (576, 1024),
    "landscape_4_3": (1024, 768),
    "landscape_16_9": (1024, 576),
}
FLAGGED: Final = "The content could not be processed because it contained material flagged by a content checker."


def dimensions(least: int, most: int) -> Rule:
    """Width and height, each within these limits."""

    def rule(value: Any) -> Complaint | None:
        sides = [value.get(side) for side in ("width", "height")] if isinstance(value, dict) and len(value) == 2 else []
        good = len(sides) == 2 and all(isinstance(side, int) and least <= side <= most for side in sides)
        said = f"Input should be a named size or {{width, height}} of {least} to {most}"
        return None if good else Complaint(said, "image_size")

    return rule


_COMMON: Final[Rules] = {
    "prompt": text(None, 1),
    "seed": maybe(whole()),
    "num_images": whole(1, 4),
    "guidance_scale": number(1, 20),
    "output_format": one_of("jpeg", "png"),
    "sync_mode": flag,
}
_KONTEXT: Final[Rules] = {
    **_COMMON,
    "aspect_ratio": maybe(ratio(9 / 21, 21 / 9)),
    "safety_tolerance": one_of("1", "2", "3", "4", "5", "6"),
    "enhance_prompt": flag,
}
_DEV: Final[Rules] = {
    **_COMMON,
    "image_size": either(one_of(*NAMED_SIZES), dimensions(64, 4096)),
    "num_inference_steps": whole(1, 50),
    "enable_safety_checker": flag,
    "acceleration": one_of("none", "regular", "high"),
}


_SIZED: Final[Rules] = {
    "prompt": text(None, 1),
    "image_size": either(one_of(*NAMED_SIZES), dimensions(64, 4096)),
    "num_images": whole(1, 6),
    "sync_mode": flag,
    "enable_safety_checker": flag,
}
_FLUX_2: Final[Rules] = {
    **{name: rule for name, rule in _SIZED.items() if name != "num_images"},
    "image_size": either(one_of(*NAMED_SIZES), dimensions(512, 2048)),
    "seed": maybe(whole()),
    "safety_tolerance": one_of("1", "2", "3", "4", "5"),
    "output_format": one_of("jpeg", "png"),
}
_FLUX_3: Final[Rules] = {
    "prompt": text(None, 1),
    "aspect_ratio": one_of(
        *("auto", "21:9", "2:1", "16:9", "3:2", "7:5", "4:3", "5:4", "1:1"),
        *("4:5", "3:4", "5:7", "2:3", "9:16", "1:2", "9:21"),
    ),
    "resolution": one_of("768sq", "1k", "1.5k", "2k", "4k"),
}
_SEEDREAM_5: Final[Rules] = {**_SIZED, "max_images": whole(1, 6)}
_SEEDREAM_4: Final[Rules] = {
    **_SEEDREAM_5,
    "seed": maybe(whole()),
    "enhance_prompt_mode": one_of("standard", "fast"),
}
_QWEN: Final[Rules] = {
    **_SIZED,
    "seed": maybe(whole()),
    "num_images": whole(1, 4),
    "num_inference_steps": whole(2, 50),
    "guidance_scale": number(0, 20),
    "output_format": one_of("jpeg", "png"),
    "negative_prompt": text(),
    "acceleration": one_of("none", "regular", "high"),
}
_INK_WASH: Final[Rules] = {
    "prompt": text(None, 1),
    "aspect_ratio": one_of("1:1", "3:2", "2:3"),
    "resolution": one_of("small", "large"),
    "output_format": one_of("png", "webp"),
}


_FILL: Final[Rules] = {
    **{name: rule for name, rule in _COMMON.items() if name != "guidance_scale"},
    "image_url": text(None, 1),
    "mask_url": text(None, 1),
    "safety_tolerance": one_of("1", "2", "3", "4", "5", "6"),
    "enhance_prompt": flag,
}


@dataclass(frozen=True, slots=True)
class FalModel:
    """`picture_fields` are those with links to reference pictures, one in each or a list."""

    rules: Rules
    required: tuple[str, ...] = ("prompt",)
    picture_fields: tuple[str, ...] = ("image_url", "image_urls")

    @property
    def is_sized(self) -> bool:
        return "image_size" in self.rules


def _editing(rules: Rules, most: int, field: str = "image_urls") -> FalModel:
    return FalModel({**rules, field: some(text(None, 1), 1, most)}, ("prompt", field), (field,))


_ONE: Final = FalModel({**_KONTEXT, "image_url": text(None, 1)}, ("prompt", "image_url"))
_SEVERAL: Final = FalModel({**_KONTEXT, "image_urls": some(text(None, 1), 1, 4)}, ("prompt", "image_urls"))
MODELS: Final[Mapping[str, FalModel]] = {
    "fal-ai/flux-pro/kontext": _ONE,
    "fal-ai/flux-pro/kontext/multi": _SEVERAL,
    "fal-ai/flux-pro/kontext/max": _ONE,
    "fal-ai/flux-pro/kontext/max/multi": _SEVERAL,
    "fal-ai/flux-pro/kontext/text-to-image": FalModel(_KONTEXT),
    "fal-ai/flux-pro/kontext/max/text-to-image": FalModel(_KONTEXT),
    "fal-ai/flux-pro/v1/fill": FalModel(_FILL, ("prompt", "image_url", "mask_url"), ("image_url",)),
    "fal-ai/flux/dev": FalModel(_DEV),
    "fal-ai/flux-1/dev": FalModel(_DEV),
    **{f"fal-ai/flux-2-{name}": FalModel(_FLUX_2) for name in ("pro", "max", "flex")},
    **{f"fal-ai/flux-2-{name}/edit": _editing(_FLUX_2, 8) for name in ("pro", "max", "flex")},
    "blackforestlabs/flux-3/text-to-image": FalModel(_FLUX_3),
    "blackforestlabs/flux-3/edit-image": _editing(_FLUX_3, 10),
    "fal-ai/bytedance/seedream/v4/text-to-image": FalModel(_SEEDREAM_4),
    "fal-ai/bytedance/seedream/v4/edit": _editing(_SEEDREAM_4, 10),
    "bytedance/seedream/v5/lite/text-to-image": FalModel(_SEEDREAM_5),
    "bytedance/seedream/v5/lite/edit": _editing(_SEEDREAM_5, 10),
    "fal-ai/qwen-image": FalModel(_QWEN),
    "fal-ai/qwen-image-edit-plus": _editing(_QWEN, 3),
    "fal-ai/qwen-image-edit/inpaint": FalModel(
        {**_QWEN, "image_url": text(None, 1), "mask_url": text(None, 1), "strength": number(0, 1)},
        ("prompt", "image_url", "mask_url"),
        ("image_url",),
    ),
    "acme/ink-wash": FalModel(_INK_WASH),
    "acme/ink-wash/with-references": _editing(_INK_WASH, 2, "reference_images"),
}
"""The two of `acme` are invented: models that no adapter has a row for, and whose fields are their own."""


class Fal(Emulator):
    name: ClassVar[str] = "fal"
    position: ClassVar[int] = 5
    sites: ClassVar[tuple[str, ...]] = ("api", "delivery")
    kinds = (*JOB_FAULTS, FaultKind.HEAVY, FaultKind.CANCELLED)

    def environment(self) -> dict[str, str]:
        return {"FAL_KEY": self.key, "FAL_BASE_URL": self.base_url}

    def applications(self) -> dict[str, web.Application]:
        of_request = "/{owner}/{alias}/requests/{id}"
        routes = [
            web.get(f"{of_request}/status", self.status),
            web.get(of_request, self.response),
            web.put(f"{of_request}/cancel", self.cancel),
            *self.script_routes(),
            web.post("/{model:.+}", self.submit),
        ]
        return {"api": self.application(routes), "delivery": self.delivery_application()}

    async def submit(self, request: web.Request) -> web.StreamResponse:
        self.check_key(request)
        name = request.match_info["model"]
        model = MODELS.get(name)
        if model is None:
            raise Refused(error_reply(404, f"Application {name!r} not found", "not_found"))
        check_lifecycle(request.headers.get("X-Fal-Object-Lifecycle-Preference"))
        priority = check_priority(request.headers.get("X-Fal-Queue-Priority"))
        hook = check_hook(request.query.get("fal_webhook"))
        body = await read_body(request, model)
        outside = {"fal_webhook": hook, "queue_priority": priority}
        order = order_of(name, model, body, await self.references(body, model), outside)
        return await self.with_faults(request, "submit", order.prompt, lambda injected: self.accept(order, injected))

    async def accept(self, order: VendorOrder, injected: InjectedFault) -> web.Response:
        job = await self.open_job(str(uuid.uuid4()), order, injected)
        if hook := order.other_fields.get("fal_webhook"):
            self.hooks.later(self.call_back(job, hook))
        return reply(200, {**self.addresses(job), "status": "IN_QUEUE", "queue_position": 0})

    async def status(self, request: web.Request) -> web.StreamResponse:
        job = self.find(request)
        return await self.with_faults(request, "poll", job.order.prompt, lambda _: self.job_answer(job))

    async def job_answer(self, job: VendorJob) -> web.Response:
        """202 while it waits or runs. COMPLETED with an `error` is a failure."""
        progress = self.jobs.ask(job)
        strange = job.injected.of(FaultKind.UNKNOWN_STATUS)
        if strange and job.polls == 1:
            return reply(202, {**self.addresses(job), "status": strange.how or "WARMING_UP"})
        if progress < 1 and job.polls == 1:
            return reply(202, {**self.addresses(job), "status": "IN_QUEUE", "queue_position": 0})
        if progress < 1:
            return reply(202, {**self.addresses(job), "status": "IN_PROGRESS", "logs": []})
        done = {**self.addresses(job), "status": "COMPLETED", "logs": [], "metrics": {"inference_time": job.takes}}
        return reply(200, {**done, **({} if fails_in_result(job) else failure_of(job))})

    async def response(self, request: web.Request) -> web.StreamResponse:
        job = self.find(request)
        return await self.with_faults(request, "poll", job.order.prompt, lambda _: self.outcome(job))

    async def outcome(self, job: VendorJob) -> web.Response:
        if not job.ended:
            return error_reply(400, "Request is still in progress", "request_in_progress")
        if FaultKind.MODERATED in job.injected:
            where = [{"loc": ["body", "prompt"], "msg": FLAGGED, "type": "content_policy_violation"}]
            return error_reply(422, where, "content_policy_violation")
        if failure := failure_of(job):
            return error_reply(result_status(job), failure["error"], failure["error_type"])
        return reply(200, self.result(job))

    async def cancel(self, request: web.Request) -> web.Response:
        job = self.find(request)
        if job.ended:
            return reply(400, {"status": "ALREADY_COMPLETED"})
        job.cancelled = job.ended = True
        return reply(202, {"status": "CANCELLATION_REQUESTED"})

    def result(self, job: VendorJob) -> dict[str, Any]:
        order, count = job.order, job.order.other_fields.get("num_images", 1)
        flagged = FaultKind.MODERATED_OUTPUT in job.injected
        images = [] if FaultKind.EMPTY in job.injected else [self.image(job, n, flagged=flagged) for n in range(count)]
        seed = order.other_fields.get("seed") or int(job.id[:8], 16)
        return {"images": images, "seed": seed, "has_nsfw_concepts": [flagged] * count, "prompt": order.prompt}

    def image(self, job: VendorJob, variant: int, *, flagged: bool) -> dict[str, Any]:
        order, brush = job.order, blacked_out if flagged else draw
        media_type = MEDIA_TYPES[order.format]
        link = self.deliveries.offer(
            f"{job.id}-{variant}.{order.format}",
            media_type,
            lambda: self.picture(order, job.injected, variant, brush),
            job,
        )
        return {"url": link, "width": order.size[0], "height": order.size[1], "content_type": media_type}

    async def call_back(self, job: VendorJob, hook: str) -> None:
        await self.jobs.finish(job)
        failure = failure_of(job)
        outcome = {"status": "ERROR", "error": failure["error"], "payload": None} if failure else {"status": "OK"}
        payload = {} if failure else {"payload": self.result(job)}
        body = orjson.dumps({"request_id": job.id, "gateway_request_id": job.id, **outcome, **payload})
        for _ in range(2 if FaultKind.DUPLICATE_WEBHOOK in job.injected else 1):
            await self.hooks.post(hook, body, {})

    def addresses(self, job: VendorJob) -> dict[str, str]:
        """Owner and alias alone: `fal-ai/flux-pro/kontext/max` is polled under `fal-ai/flux-pro`."""
        root = f"{self.base_url}/{'/'.join(job.order.model.split('/')[:2])}/requests/{job.id}"
        return {
            "request_id": job.id,
            "response_url": root,
            "status_url": f"{root}/status",
            "cancel_url": f"{root}/cancel",
        }

    def find(self, request: web.Request) -> VendorJob:
        self.check_key(request)
        job = self.jobs.find(request.match_info["id"])
        asked = f"{request.match_info['owner']}/{request.match_info['alias']}/"
        if job is None or not f"{job.order.model}/".startswith(asked) or job.hidden:
            if job and job.hidden:
                job.hidden -= 1
            raise Refused(error_reply(404, "Request not found", "not_found"))
        return job

    def check_key(self, request: web.Request) -> None:
        if request.headers.get("Authorization") != f"Key {self.key}":
            raise Refused(error_reply(401, "No user found for Key ID and Secret", "unauthorized"))

    async def references(self, body: Mapping[str, Any], model: FalModel) -> tuple[ReceivedImage, ...]:
        given = [(field, body[field]) for field in model.picture_fields if body.get(field)]
        listed = [(field, one) for field, value in given for one in (value if isinstance(value, list) else [value])]
        received = tuple([await self.reference(field, value) for field, value in listed])
        if "mask_url" in model.rules:
            await self.check_mask(body["mask_url"], received[0])
        return received

    async def check_mask(self, value: str, picture: ReceivedImage) -> None:
        mask = await self.reference("mask_url", value)
        if mask.size != picture.size or has_alpha(await self.picture_behind(value)):
            said = "The mask must be black and white, and as large as the image"
            raise invalid(Problem("mask_url", said, "image_load_error"))

    async def reference(self, field: str, value: str) -> ReceivedImage:
        """A link or a data URI, never plain base64."""
        if not value.startswith(("http://", "https://", "data:")):
            raise invalid(Problem(field, "Input should be a URL or a data URI", "url_parsing"))
        try:
            return await self.look_at(await self.picture_behind(value))
        except NotAPicture as error:
            said = f"Failed to load the image: {error}"
            raise invalid(Problem(field, said, "image_load_error")) from None

    def refusal(self, fault: Fault) -> web.Response:
        match fault.kind:
            case FaultKind.QUOTA:
                said = "User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing."
                return error_reply(403, said, "user_locked")
            case FaultKind.RATE_LIMITED:
                headers = {} if fault.how in {"text", "none"} else {"Retry-After": f"{fault.amount(5):g}"}
                return error_reply(429, "Too many requests", "rate_limit_exceeded", headers)
            case FaultKind.STATUS if http_status(fault) == 422 and fault.how == "bare_list":
                flagged = {"loc": ["body", "prompt"], "msg": FLAGGED, "type": "content_policy_violation"}
                return web.json_response([{**flagged, "categories": ["sexual"]}], status=422)
            case FaultKind.STATUS if http_status(fault) == 422:
                retryable = {"X-Fal-Retryable": "true"} if fault.how == "retryable" else {}
                kind = "string_type" if fault.how in {"", "retryable"} else fault.how
                where = [{"loc": ["body", "prompt"], "msg": "Input should be a valid string", "type": kind}]
                return error_reply(422, where, "validation_error", retryable)
            case FaultKind.SERVER_ERROR if fault.how == "lasting":
                said = "Internal server error"
                return error_reply(500, said, "internal_server_error", {"X-Fal-Retryable": "false"})
            case _:
                return error_reply(http_status(fault), fault.kind.replace("_", " "), fault.how or fault.kind)


def check_hook(hook: str | None) -> str | None:
    if hook is not None and (complaint := address(hook)):
        raise Refused(error_reply(422, f"fal_webhook: {complaint.message}", "invalid_webhook"))
    return hook


def check_lifecycle(preference: str | None) -> None:
    """How long fal keeps the files of a request: a JSON object with seconds, or null for no limit."""
    if preference is None:
        return
    try:
        seconds = orjson.loads(preference)["expiration_duration_seconds"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        seconds = 0
    if seconds is not None and not (isinstance(seconds, int) and seconds > 0):
        raise Refused(error_reply(400, "Invalid X-Fal-Object-Lifecycle-Preference", "bad_request"))


def check_priority(priority: str | None) -> str | None:
    if priority not in {None, "low", "normal"}:
        raise Refused(error_reply(400, "Invalid X-Fal-Queue-Priority", "bad_request"))
    return priority


async def read_body(request: web.Request, model: FalModel) -> dict[str, Any]:
    try:
        body = orjson.loads(await request.read())
    except orjson.JSONDecodeError:
        raise Refused(error_reply(400, "The request body is not valid JSON", "bad_request")) from None
    if not isinstance(body, dict):
        raise Refused(error_reply(422, "The request body must be an object", "bad_request"))
    if found := problems(body, model.rules, model.required):
        raise invalid(*found)
    return body


def order_of(
    name: str,
    model: FalModel,
    body: Mapping[str, Any],
    references: tuple[ReceivedImage, ...],
    outside: Mapping[str, str | None],
) -> VendorOrder:
    asked = {
        field: value for field, value in body.items() if field not in {"prompt", "mask_url", *model.picture_fields}
    }
    if "mask_url" in model.rules:
        size = references[0].size
    else:
        size = size_of(body.get("image_size", "landscape_4_3")) if model.is_sized else kontext.drawn(body, references)
    asked |= {field: value for field, value in outside.items() if value}
    return VendorOrder(name, body["prompt"], references, size, body.get("output_format", "jpeg"), asked)


def size_of(asked: Any) -> Size:
    return NAMED_SIZES[asked] if isinstance(asked, str) else (asked["width"], asked["height"])


def fails_in_result(job: VendorJob) -> bool:
    """Whether only the result of a failed job shows its error, and the status is plain COMPLETED."""
    failed = job.injected.of(FaultKind.FAILED)
    return failed is not None and failed.value is not None


def result_status(job: VendorJob) -> int:
    failed = job.injected.of(FaultKind.FAILED)
    return int(failed.amount(500)) if failed else 500


def failure_of(job: VendorJob) -> dict[str, str]:
    if job.cancelled:
        return {"error": "The request was cancelled by its client", "error_type": "client_cancelled"}
    fault = job.injected.of(FaultKind.MODERATED, FaultKind.FAILED, FaultKind.CANCELLED)
    if fault is None:
        return {}
    if fault.kind is FaultKind.CANCELLED:
        return {"error": "The request was cancelled by its client", "error_type": "client_cancelled"}
    if fault.kind is FaultKind.MODERATED:
        return {"error": FLAGGED, "error_type": "content_policy_violation"}
    return {"error": "The runner failed", "error_type": fault.how or "internal_server_error"}


def error_reply(status: int, said: Any, kind: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return reply(status, {"detail": said, "error_type": kind}, {"X-Fal-Error-Type": kind, **(headers or {})})


def invalid(*found: Problem) -> Refused:
    where = [{"loc": ["body", one.field], "msg": one.message, "type": one.type} for one in found]
    return Refused(error_reply(422, where, "validation_error"))
