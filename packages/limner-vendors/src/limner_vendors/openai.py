"""Emulator of OpenAI's Images API: generations and edits, as JSON or server-sent events, also at Azure's paths."""

import base64
import math
import re
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final

import orjson
from aiohttp import BodyPartReader, web

from limner_vendors._core.emulator import (
    Emulator,
    EmulatorSetup,
    Refused,
    cut_connection,
    hold_moment,
    http_status,
    reply,
)
from limner_vendors._core.faults import REFUSALS, Fault, FaultKind, InjectedFault
from limner_vendors._core.held_answers import Held
from limner_vendors._core.jobs import VendorOrder
from limner_vendors._core.pictures import MEDIA_TYPES, Format, NotAPicture, ReceivedImage, Size
from limner_vendors._core.relay_host import RelayHost
from limner_vendors._core.rules import (
    MISSING,
    UNKNOWN,
    Complaint,
    Rule,
    Rules,
    flag,
    maybe,
    one_of,
    problems,
    text,
    whole,
)

FIXED_SIZES: Final = ("1024x1024", "1024x1536", "1536x1024", "auto")
LEAST_PIXELS, MOST_PIXELS, LONGEST = 655_360, 8_294_400, 3840
MOST_IMAGES: Final = 16
MOST_IMAGE_BYTES, MOST_MASK_BYTES = 50_000_000, 4_000_000
READABLE: Final = {"image/png": "png", "image/jpeg": "jpeg", "image/webp": "webp"}
WHOLE_NUMBERS: Final = ("n", "output_compression", "partial_images", "seed", "num_inference_steps")
NUMBERS: Final = ("guidance_scale", "true_cfg_scale")


def free_size(value: Any) -> Complaint | None:
    """The size rule of GPT Image 2 and later: `WxH` or `auto`."""
    if value == "auto":
        return None
    match = re.fullmatch(r"(\d+)x(\d+)", value) if isinstance(value, str) else None
    if match is None:
        return Complaint("must be 'auto' or 'WIDTHxHEIGHT'", "size")
    width, height = int(match[1]), int(match[2])
    if width % 16 or height % 16 or not width * height:
        return Complaint("width and height must both be divisible by 16", "size")
    if max(width, height) > LONGEST or max(width, height) > 3 * min(width, height):
        return Complaint("the longest edge must be at most 3840 and the ratio at most 3:1", "size")
    if not LEAST_PIXELS <= width * height <= MOST_PIXELS:
        return Complaint(f"the picture must have {LEAST_PIXELS} to {MOST_PIXELS} pixels", "size")
    return None


@dataclass(frozen=True, slots=True)
class OpenAiModel:
    """The fields that differ by model. `fidelity` lists the values of `input_fidelity`; if empty, it is refused.

    `transparent` is false for a model that only some accounts may ask for a transparent background.
    """

    size: Rule = free_size
    quality: tuple[str, ...] = ("low", "medium", "high", "auto")
    fidelity: tuple[str, ...] = ()
    extras: Rules = field(default_factory=dict)
    shutdown_date: str | None = None
    transparent: bool = True


_NEWEST: Final = OpenAiModel(
    quality=("low", "medium", "high", "xhigh", "max", "auto"), extras={"complexity": one_of("low", "medium", "high")}
)
MODELS: Final[Mapping[str, OpenAiModel]] = {
    "gpt-image-1-mini": OpenAiModel(size=one_of(*FIXED_SIZES), fidelity=("low",)),
    "gpt-image-1.5": OpenAiModel(size=one_of(*FIXED_SIZES), fidelity=("low", "high"), shutdown_date="2026-12-01"),
    "gpt-image-2": OpenAiModel(transparent=False),
    "gpt-image-2-2026-04-21": OpenAiModel(transparent=False),
    "gpt-image-2.5-sunburst": _NEWEST,
    "gpt-image-2.5-flare": _NEWEST,
    "gpt-image-2.5-sunburst-2026-09-08": _NEWEST,
    "gpt-image-2.5-flare-2026-09-08": _NEWEST,
    "gpt-image-2.6-sunburst": _NEWEST,
    "gpt-image-2.6-flare": _NEWEST,
}
COMMON: Final[Rules] = {
    "model": text(),
    "prompt": text(32_000, 1),
    "n": maybe(whole(1, 10)),
    "background": maybe(one_of("transparent", "opaque", "auto")),
    "output_format": maybe(one_of("png", "jpeg", "webp")),
    "output_compression": maybe(whole(0, 100)),
    "moderation": maybe(one_of("auto", "low")),
    "stream": maybe(flag),
    "partial_images": maybe(whole(0, 3)),
    "safety_identifier": text(),
    "user": text(),
}


EDITED: Final[Rules] = {name: rule for name, rule in COMMON.items() if name != "moderation"}


@dataclass(frozen=True, slots=True)
class UploadedPart:
    """One file part of a form."""

    part: str
    filename: str | None
    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Form:
    fields: dict[str, Any]
    files: list[UploadedPart]


@dataclass(frozen=True, slots=True)
class OpenAiRequest:
    """A parsed request. `edit` is True for `images/edits`, False for `images/generations`."""

    order: VendorOrder
    n: int
    edit: bool
    stream: bool = False
    partials: int = 0
    azure: bool = False


class OpenAI(Emulator):
    name: ClassVar[str] = "openai"
    position: ClassVar[int] = 2
    synchronous: ClassVar[bool] = True
    kinds = (
        *(FaultKind.MODERATED, FaultKind.MODERATED_OUTPUT, FaultKind.EMPTY, FaultKind.UNDECODABLE),
        *(FaultKind.FAILED, FaultKind.WRONG_FORMAT, FaultKind.HEAVY, FaultKind.BLANK, FaultKind.RELAY),
    )

    def __init__(self, setup: EmulatorSetup) -> None:
        super().__init__(setup)
        self.relay_host = RelayHost(setup.urls["api"])

    @property
    def base_url(self) -> str:
        return f"{self.setup.urls['api']}/v1"

    def environment(self) -> dict[str, str]:
        return {"OPENAI_API_KEY": self.key, "OPENAI_BASE_URL": self.base_url}

    def applications(self) -> dict[str, web.Application]:
        routes: list[web.AbstractRouteDef] = [*self.script_routes(), *self.relay_host.routes()]
        for root in ("/v1", "/openai/v1", "/openai/deployments/{deployment}"):
            routes += [
                web.post(f"{root}/images/generations", self.generations),
                web.post(f"{root}/images/edits", self.edits),
            ]
        routes += [web.get(f"{root}/models", self.list_models) for root in ("/v1", "/openai/v1", "/openai")]
        routes += [web.get("/v1/models/{model}", self.show_model)]
        app = self.application(routes)
        app.on_response_prepare.append(_name_request)
        return {"api": app}

    # --- the two routes

    async def generations(self, request: web.Request) -> web.StreamResponse:
        self.check_key(request)
        ask = self.ask_of(request, await read_json(request), (), edit=False)
        return await self.answer(request, ask)

    async def edits(self, request: web.Request) -> web.StreamResponse:
        self.check_key(request)
        form = await read_form(request)
        references = await self.references(form.files)
        ask = self.ask_of(request, form.fields, references, edit=True)
        return await self.answer(request, ask)

    async def answer(self, request: web.Request, ask: OpenAiRequest) -> web.StreamResponse:
        if ask.stream:
            return await self.answer_in_events(request, ask)
        return await self.with_faults(request, "submit", ask.order.prompt, lambda injected: self.whole(ask, injected))

    async def whole(self, ask: OpenAiRequest, injected: InjectedFault) -> web.Response:
        relay = injected.of(FaultKind.RELAY)
        if relay and relay.how in _RELAY_ERRORS:
            return reply(200, _RELAY_ERRORS[relay.how])
        await self.take_on(ask, injected)
        pictures = [await self.picture(ask.order, injected, variant) for variant in range(ask.n)]
        if relay:
            return reply(200, self.relayed(pictures[0], ask, relay.how))
        data = [] if FaultKind.EMPTY in injected else [{"b64_json": in_base64(picture)} for picture in pictures]
        return reply(200, {"created": int(time.time()), **echo(ask.order), "data": data, "usage": usage(ask)})

    def relayed(self, picture: bytes, ask: OpenAiRequest, how: str) -> dict[str, Any]:
        """An answer as relays of this API send it, by a fault's `how`."""
        media_type = MEDIA_TYPES[ask.order.format]
        match how:
            case "data":
                image: dict[str, Any] = {"b64_json": f"data:{media_type};base64,{in_base64(picture)}"}
            case "markdown" | "markdown data":
                data = f"data:{media_type};base64,{in_base64(picture)}"
                link = data if how == "markdown data" else self.relay_host.offer(picture, media_type)
                content = f"Here you are:\n![image]({link})\nAnything else – a fox?"
                return {"choices": [{"message": {"role": "assistant", "content": content}}]}
            case "other":
                image = {"image_id": "img_1"}
            case _:
                image = {"b64_json": "", "url": self.relay_host.offer(picture, media_type)}
        return {"created": int(time.time()), "data": [image]}

    async def take_on(self, ask: OpenAiRequest, injected: InjectedFault) -> None:
        """Refuse a moderated request without a charge; record any other as a purchase."""
        if fault := injected.of(FaultKind.MODERATED, FaultKind.MODERATED_OUTPUT):
            raise Refused(moderated(fault, azure=ask.azure))
        if FaultKind.FAILED in injected and not ask.stream:
            raise error(*REFUSED[FaultKind.SERVER_ERROR])
        await self.record_purchase(ask.order, f"img_{secrets.token_hex(12)}")

    async def answer_in_events(self, request: web.Request, ask: OpenAiRequest) -> web.StreamResponse:
        """Send the headers at once and each event when it is ready."""
        injected = self.faults_for("submit", ask.order.prompt)
        held = Held("submit", hold_moment(injected), ask.order.prompt)
        if held.moment == "received" and not await self.holds.hold(request, held):
            return cut_connection(request)
        if fault := injected.of(*REFUSALS):
            return self.refuse(request, fault)
        await self.take_on(ask, injected)
        if held.moment == "done" and not await self.holds.hold(request, held):
            return cut_connection(request)
        if FaultKind.LOST_ANSWER in injected:
            return cut_connection(request)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        await response.prepare(request)
        if FaultKind.CUT_HEADERS not in injected:
            await self.wait("submit", injected)
            async for event in self.events(request, ask, injected, held):
                await response.write(event[: len(event) // 2])
                if FaultKind.CUT_BODY in injected:
                    break
                if held.moment == "half" and not await self.holds.hold(request, held):
                    break
                await response.write(event[len(event) // 2 :])
        if injected.of(FaultKind.CUT_HEADERS, FaultKind.CUT_BODY) and request.transport:
            request.transport.close()
        return response

    async def events(
        self, request: web.Request, ask: OpenAiRequest, injected: InjectedFault, held: Held
    ) -> AsyncIterator[bytes]:
        kind = "image_edit" if ask.edit else "image_generation"
        facts = {"created_at": int(time.time()), **echo(ask.order)}
        for index in range(ask.partials):
            draft = await self.picture(replace(ask.order, size=_quarter(ask.order.size)), injected)
            yield _event(f"{kind}.partial_image", {**facts, "partial_image_index": index, "b64_json": in_base64(draft)})
        if held.moment == "previewed" and not await self.holds.hold(request, held):
            return
        if FaultKind.FAILED in injected:
            said = {"code": "image_generation_failed", "type": "image_generation_server_error", "param": None}
            yield _event("error", {"error": {**said, "message": "The picture could not be made."}})
            return
        for variant in range(0 if FaultKind.EMPTY in injected else ask.n):
            picture = await self.picture(ask.order, injected, variant)
            yield _event(f"{kind}.completed", {**facts, "b64_json": in_base64(picture), "usage": usage(ask)})

    # --- what a request must be

    def check_key(self, request: web.Request) -> None:
        if request.path.startswith("/openai/"):
            return self.check_azure_key(request)
        given = request.headers.get("Authorization", "")
        if not given.startswith("Bearer "):
            raise error(401, "You didn't provide an API key. Provide it in an Authorization header using Bearer auth.")
        if given != f"Bearer {self.key}":
            raise error(401, f"Incorrect API key provided: {_masked(given)}.", code="invalid_api_key")
        return None

    def check_azure_key(self, request: web.Request) -> None:
        given = request.headers.get("api-key") or request.headers.get("Authorization", "").removeprefix("Bearer ")
        if given != self.key:
            said = "Access denied due to invalid subscription key or wrong API endpoint."
            raise Refused(reply(401, {"error": {"code": "401", "message": said}}))
        if not request.path.startswith("/openai/v1/") and "api-version" not in request.query:
            raise Refused(reply(404, {"error": {"code": "404", "message": "Resource not found"}}))

    def ask_of(
        self, request: web.Request, fields: dict[str, Any], references: tuple[ReceivedImage, ...], *, edit: bool
    ) -> OpenAiRequest:
        if deployment := request.match_info.get("deployment"):
            fields = {**fields, "model": deployment}
        name, model = self.model(fields)
        fidelity: Rules = {"input_fidelity": maybe(one_of(*model.fidelity))} if edit and model.fidelity else {}
        own: Rules = {"size": maybe(model.size), "quality": maybe(one_of(*model.quality)), **model.extras}
        check(fields, {**(EDITED if edit else COMMON), **own, **fidelity})
        check_format(fields)
        check_partials(fields)
        check_background(fields, model)
        asked = {key: value for key, value in fields.items() if key not in {"prompt", "model"}}
        output_format: Format = fields.get("output_format") or "png"
        size = size_of(fields.get("size") or "auto", references)
        order = VendorOrder(name, fields["prompt"], references, size, output_format, asked)
        partials = fields.get("partial_images") or 0
        azure = request.path.startswith("/openai/")
        return OpenAiRequest(order, fields.get("n") or 1, edit, bool(fields.get("stream")), partials, azure)

    def model(self, fields: Mapping[str, Any]) -> tuple[str, OpenAiModel]:
        name = fields.get("model")
        if not isinstance(name, str):
            raise error(400, "Missing required parameter: 'model'.", "model", "missing_required_parameter")
        if name not in MODELS:
            raise model_gone(name)
        return name, MODELS[name]

    async def references(self, files: list[UploadedPart]) -> tuple[ReceivedImage, ...]:
        """The reference pictures in the order of their parts. A mask is validated and otherwise ignored."""
        images = [file for file in files if file.part in {"image", "image[]"}]
        check_parts(files, images)
        references = tuple([await self.reference(file) for file in images])
        for mask in (file for file in files if file.part == "mask"):
            await self.check_mask(mask, references[0])
        return references

    async def reference(self, file: UploadedPart) -> ReceivedImage:
        if file.media_type not in READABLE or not file.filename:
            said = (
                f"Invalid file '{file.part}': unsupported mimetype ('{file.media_type}'). Supported file formats are "
            )
            raise error(
                400, f"{said}'image/jpeg', 'image/png', and 'image/webp'.", "image", "unsupported_image_media_type"
            )
        if len(file.data) >= MOST_IMAGE_BYTES:
            raise error(400, "Image file is too large: it must be less than 50MB.", "image", "image_too_large")
        try:
            seen = await self.look_at(file.data)
        except NotAPicture:
            raise error(
                400, "Invalid image file or mode, please check your image file.", "image", "invalid_image_file"
            ) from None
        if seen.format != READABLE[file.media_type]:
            said = f"The file is {seen.format}, not {file.media_type} as its part says."
            raise error(400, said, "image", "invalid_image_file")
        return seen

    async def check_mask(self, mask: UploadedPart, first: ReceivedImage) -> None:
        seen = await self.reference(mask)
        if seen.format != "png" or seen.weight >= MOST_MASK_BYTES or seen.size != first.size:
            said = "The mask must be a PNG of less than 4MB, as large as the first image."
            raise error(400, said, "mask", "invalid_image_file")

    # --- the rest

    async def list_models(self, request: web.Request) -> web.Response:
        self.check_key(request)
        return reply(200, {"object": "list", "data": [_shown(name) for name in MODELS]})

    async def show_model(self, request: web.Request) -> web.Response:
        self.check_key(request)
        name = request.match_info["model"]
        if name not in MODELS:
            raise model_gone(name)
        return reply(200, _shown(name))

    def refusal(self, fault: Fault) -> web.Response:
        match fault.kind:
            case FaultKind.RATE_LIMITED:
                return rate_limited(fault)
            case FaultKind.QUOTA:
                return out_of_quota(fault)
            case FaultKind.STATUS:
                status = http_status(fault)
                said = "Your request was not accepted." if status < 500 else _OOPS
                return error(status, said, "prompt" if status == 400 else None, fault.how or None).response
            case kind:
                return error(*REFUSED[kind]).response


# --- reading


async def read_json(request: web.Request) -> dict[str, Any]:
    if request.content_type != "application/json":
        raise error(400, f"Unsupported Content-Type '{request.content_type}'.", code="unsupported_content_type")
    try:
        body = orjson.loads(await request.read())
    except orjson.JSONDecodeError:
        raise error(400, "We could not parse the JSON body of your request.") from None
    if not isinstance(body, dict):
        raise error(400, "The body must be a JSON object.")
    return body


async def read_form(request: web.Request) -> Form:
    if request.content_type != "multipart/form-data":
        raise error(400, f"Unsupported Content-Type '{request.content_type}'.", code="unsupported_content_type")
    fields: dict[str, Any] = {}
    files: list[UploadedPart] = []
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader) or not part.name:
            raise error(400, "Every part needs a name and a body of its own.")
        data = bytes(await part.read())
        if part.filename is not None or part.name in {"image", "image[]", "mask"}:
            files.append(UploadedPart(part.name, part.filename, part.headers.get("Content-Type", ""), data))
        elif part.name in fields:
            raise error(400, f"Duplicate parameter: '{part.name}'.", part.name, "invalid_value")
        else:
            fields[part.name] = typed(part.name, data.decode(errors="replace"))
    return Form(fields, files)


def typed(name: str, value: str) -> Any:
    """Convert a form field's text to the field's type."""
    if name in WHOLE_NUMBERS and re.fullmatch(r"-?\d+", value):
        return int(value)
    if name in NUMBERS and re.fullmatch(r"-?\d+(\.\d+)?", value):
        return float(value)
    if name == "stream" and value in {"true", "false"}:
        return value == "true"
    return value


def check(fields: Mapping[str, Any], rules: Rules) -> None:
    """Raise the error for the first problem only, as OpenAI does."""
    for problem in problems(fields, rules, ("prompt",)):
        name = problem.field
        if problem.type == MISSING:
            raise error(400, f"Missing required parameter: '{name}'.", name, "missing_required_parameter")
        if problem.type == UNKNOWN:
            raise error(400, f"Unknown parameter: '{name}'.", name, "unknown_parameter")
        raise error(400, f"Invalid value: {fields[name]!r}. {problem.message}.", name, "invalid_value")


def check_partials(fields: Mapping[str, Any]) -> None:
    if fields.get("partial_images") and not fields.get("stream"):
        said = "partial_images is only supported when stream is true."
        raise error(400, said, "partial_images", "invalid_value")


def check_format(fields: Mapping[str, Any]) -> None:
    output_format = fields.get("output_format") or "png"
    if fields.get("output_compression") is not None and output_format == "png" and fields["output_compression"] != 100:
        said = "Compression less than 100 is not supported for PNG output format."
        raise error(400, said, "output_compression", "invalid_value")
    if fields.get("background") == "transparent" and output_format == "jpeg":
        raise error(
            400, "Transparent background is not supported for JPEG output format.", "background", "invalid_value"
        )


def check_background(fields: Mapping[str, Any], model: OpenAiModel) -> None:
    if fields.get("background") == "transparent" and not model.transparent:
        said = {"code": "invalid_value", "type": "image_generation_user_error", "param": "background"}
        message = "Transparent background is not supported for this model."
        raise Refused(reply(400, {"error": {**said, "message": message}}))


def check_parts(files: list[UploadedPart], images: list[UploadedPart]) -> None:
    strange = [file.part for file in files if file not in images and file.part != "mask"]
    if strange:
        raise error(400, f"Unknown parameter: '{strange[0]}'.", strange[0], "unknown_parameter")
    if not images:
        raise error(400, "Missing required parameter: 'image'.", "image", "missing_required_parameter")
    if len(images) > MOST_IMAGES:
        said = f"Invalid 'image': array too long. Expected at most {MOST_IMAGES} images, got {len(images)}."
        raise error(400, said, "image", "array_above_max_length")
    if sum(file.part == "image" for file in images) > 1 or len({file.part for file in images}) > 1:
        said = "Duplicate parameter: 'image'. To provide several, use the array syntax 'image[]=<value>'."
        raise error(400, said, "image", "duplicate_parameter")


def size_of(asked: str, references: tuple[ReceivedImage, ...]) -> Size:
    if asked != "auto":
        width, _, height = asked.partition("x")
        return int(width), int(height)
    if not references:
        return 1024, 1024
    ratio = references[0].size[0] / references[0].size[1]
    return min(((1024, 1024), (1024, 1536), (1536, 1024)), key=lambda size: abs(math.log(size[0] / size[1] / ratio)))


# --- answering


def echo(order: VendorOrder) -> dict[str, Any]:
    background = order.other_fields.get("background")
    quality = order.other_fields.get("quality")
    return {
        "background": "transparent" if background == "transparent" else "opaque",
        "output_format": order.format,
        "quality": "high" if quality in {None, "auto"} else quality,
        "size": f"{order.size[0]}x{order.size[1]}",
    }


def usage(ask: OpenAiRequest) -> dict[str, Any]:
    words, inputs = max(1, len(ask.order.prompt) // 4), 194 * len(ask.order.references)
    out = round(ask.order.megapixels * 4160) * ask.n
    return {
        "input_tokens": words + inputs,
        "input_tokens_details": {"text_tokens": words, "image_tokens": inputs},
        "output_tokens": out,
        "total_tokens": words + inputs + out,
        "output_tokens_details": {"image_tokens": out, "text_tokens": 0},
    }


def error(
    status: int, message: str, param: str | None = None, code: str | None = None, kind: str = "invalid_request_error"
) -> Refused:
    return Refused(reply(status, {"error": {"message": message, "type": kind, "param": param, "code": code}}))


def model_gone(name: str) -> Refused:
    return error(404, f"The model '{name}' does not exist or you do not have access to it.", code="model_not_found")


_UNVERIFIED: Final = "Your organization must be verified to use the model `gpt-image-2`. Please go to settings."
_OOPS: Final = "The server had an error while processing your request."
REFUSED: Final[Mapping[FaultKind, tuple[int, str, None, str | None, str]]] = {
    FaultKind.UNAUTHORIZED: (
        401,
        "Incorrect API key provided: emul****.",
        None,
        "invalid_api_key",
        "invalid_request_error",
    ),
    FaultKind.FORBIDDEN: (403, _UNVERIFIED, None, None, "invalid_request_error"),
    FaultKind.MODEL_GONE: (404, "The model does not exist.", None, "model_not_found", "invalid_request_error"),
    FaultKind.SERVER_ERROR: (500, _OOPS, None, "server_error", "server_error"),
    FaultKind.UNAVAILABLE: (503, "The server is overloaded.", None, "server_is_overloaded", "server_error"),
    FaultKind.TIMEOUT: (504, _OOPS, None, "server_error", "server_error"),
}


_RELAY_ERRORS: Final[Mapping[str, dict[str, Any]]] = {
    "error": {"error": {"message": "No channel is available for this model.", "type": "rate_limit_error"}},
    "envelope": {"code": 503, "message": "All channels are busy.", "data": None},
}
"""Errors that relays send with status 200."""

OLD_CODES: Final = ("content_policy_violation", "image_content_policy_violation")
REJECTED: Final = "Your request was rejected by the safety system."


def moderated(fault: Fault, *, azure: bool) -> web.Response:
    """A content policy error in one of its forms.

    `how` is an older error code; `words`: no code, only the message; `unknown`: no stage; or the policy category.
    At Azure it is the code, or `inner`: only the inner error has a code.
    """
    if azure:
        code = None if fault.how == "inner" else fault.how or OLD_CODES[0]
        inner = {"code": "ResponsibleAIPolicyViolation"} if fault.how in {"", "inner"} else None
        return reply(400, {"error": {"code": code, "message": REJECTED, "inner_error": inner}})
    if fault.how in OLD_CODES:
        return error(400, REJECTED, code=fault.how).response
    if fault.how == "words":
        return error(400, f"{REJECTED} safety_violations=[sexual].").response
    stage = "input" if fault.kind is FaultKind.MODERATED else "output"
    stage = "unknown" if fault.how == "unknown" else stage
    reason = fault.how or "sexual"
    said_plainly = f"{REJECTED} safety_violations=[{reason}]."
    body = {
        "message": said_plainly,
        "type": "image_generation_user_error",
        "param": None,
        "code": "moderation_blocked",
        "moderation_details": {"moderation_stage": stage, "categories": [reason]},
    }
    return reply(400, {"error": body})


def rate_limited(fault: Fault) -> web.Response:
    wait = fault.amount(12)
    said = "Rate limit reached for gpt-image-2 on input-images per min: Limit 5, Used 5, Requested 1."
    body = {"type": "input-images", "param": None, "code": "rate_limit_exceeded"}
    match fault.how:
        case "text":
            return reply(429, {"error": {"message": f"{said} Please try again in {_in_words(wait)}.", **body}})
        case "none":
            return reply(429, {"error": {"message": said, **body}})
        case "ms":
            return reply(429, {"error": {"message": said, **body}}, {"retry-after-ms": f"{round(wait * 1000)}"})
        case _:
            return reply(429, {"error": {"message": said, **body}}, {"retry-after": f"{math.ceil(wait)}"})


def out_of_quota(fault: Fault) -> web.Response:
    """`how` is the error code; `billing_hard_limit_reached` comes with status 400."""
    code = fault.how or "insufficient_quota"
    status = 400 if code == "billing_hard_limit_reached" else 429
    said = "You exceeded your current quota, please check your plan and billing details."
    return error(status, said, code=code, kind="insufficient_quota").response


def _event(kind: str, facts: Mapping[str, Any]) -> bytes:
    return f"event: {kind}\ndata: {orjson.dumps({'type': kind, **facts}).decode()}\n\n".encode()


def in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _quarter(size: Size) -> Size:
    return size[0] // 4, size[1] // 4


def _in_words(seconds: float) -> str:
    return f"{seconds:g}s" if seconds >= 1 else f"{round(seconds * 1000)}ms"


def _masked(authorization: str) -> str:
    return f"{authorization.removeprefix('Bearer ')[:4]}****"


def _shown(name: str) -> dict[str, Any]:
    facts = {"id": name, "object": "model", "created": 1_776_000_000, "owned_by": "system"}
    return {**facts, "shutdown_date": MODELS[name].shutdown_date}


async def _name_request(_: web.Request, response: web.StreamResponse) -> None:
    response.headers["x-request-id"] = f"req_{secrets.token_hex(16)}"
    response.headers["openai-processing-ms"] = "1"
