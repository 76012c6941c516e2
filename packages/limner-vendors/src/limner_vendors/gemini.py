"""Emulator of Google's Gemini API: `generateContent` and its stream. Content refusals come with status 200."""

import base64
import math
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

import orjson
from aiohttp import web

from limner_vendors._core.emulator import Emulator, EmulatorSetup, Refused, decode, http_status, reply
from limner_vendors._core.faults import Fault, FaultKind, InjectedFault
from limner_vendors._core.jobs import VendorOrder
from limner_vendors._core.pictures import MEDIA_TYPES, Format, NotAPicture, ReceivedImage, Size
from limner_vendors._core.relay_host import RelayHost

READABLE: Final = {"image/png": "png", "image/jpeg": "jpeg", "image/webp": "webp", "image/heic": "", "image/heif": ""}
LABEL: Final = re.compile(r"\s*Image \d+:?\s*", re.IGNORECASE)
MOST_BYTES: Final = 100_000_000
MOST_LISTED: Final = 1000
SCALE: Final = {"512": 0.5, "1K": 1.0, "2K": 2.0, "4K": 4.0}
DOMAIN: Final = "type.googleapis.com/google.rpc"

SIZES_2: Final[Mapping[str, Size]] = {
    "1:1": (1024, 1024),
    "2:3": (832, 1248),
    "3:2": (1248, 832),
    "3:4": (864, 1184),
    "4:3": (1184, 864),
    "4:5": (896, 1152),
    "5:4": (1152, 896),
    "9:16": (768, 1344),
    "16:9": (1344, 768),
    "21:9": (1536, 672),
}
SIZES_3: Final[Mapping[str, Size]] = {
    "1:1": (1024, 1024),
    "2:3": (848, 1264),
    "3:2": (1264, 848),
    "3:4": (896, 1200),
    "4:3": (1200, 896),
    "4:5": (928, 1152),
    "5:4": (1152, 928),
    "9:16": (768, 1376),
    "16:9": (1376, 768),
    "21:9": (1584, 672),
}
LONG_SIZES: Final[Mapping[str, Size]] = {"1:4": (512, 2064), "4:1": (2064, 512), "1:8": (352, 2928), "8:1": (2928, 352)}


@dataclass(frozen=True, slots=True)
class GeminiModel:
    """`sizes` are those at 1K by aspect ratio, `scales` the values of `imageSize`.

    A model that `thinks` also returns drafts, in parts marked `thought`. `levels` are its values of `thinkingLevel`.
    `image_tokens` is what an input picture counts.
    """

    sizes: Mapping[str, Size]
    scales: tuple[str, ...] = ()
    most_images: int | None = None
    format: Format = "png"
    thinks: bool = False
    levels: tuple[str, ...] = ()
    image_tokens: int = 258


_LONG: Final = {**SIZES_3, **LONG_SIZES}
_LEVELS: Final = ("minimal", "medium", "high")
MODELS: Final[Mapping[str, GeminiModel]] = {
    "gemini-2.5-flash-image": GeminiModel(SIZES_2),
    "gemini-3-pro-image": GeminiModel(SIZES_3, ("1K", "2K", "4K"), 14, "jpeg", thinks=True, image_tokens=560),
    "gemini-3.1-flash-image": GeminiModel(_LONG, ("512", "1K", "2K", "4K"), 14, levels=_LEVELS, image_tokens=1120),
    "gemini-3.1-flash-lite-image": GeminiModel(_LONG, ("1K",), 14, image_tokens=1120),
    "gemini-nano-banana-2.1": GeminiModel(
        _LONG, ("1K", "2K", "4K"), 14, thinks=True, levels=_LEVELS, image_tokens=1120
    ),
}

BODY: Final = frozenset(
    {"contents", "systemInstruction", "generationConfig", "safetySettings", "tools", "toolConfig", "cachedContent"}
)
CONFIG: Final = frozenset(
    {
        *("responseModalities", "candidateCount", "imageConfig", "seed", "temperature", "topP", "topK"),
        *("maxOutputTokens", "stopSequences", "thinkingConfig", "mediaResolution"),
    }
)
PART: Final = frozenset({"text", "inlineData", "fileData", "thought", "thoughtSignature"})


@dataclass(frozen=True, slots=True)
class GeminiRequest:
    """A parsed request."""

    order: VendorOrder
    model: GeminiModel
    picture: bool
    words: bool


class Gemini(Emulator):
    name: ClassVar[str] = "gemini"
    position: ClassVar[int] = 3
    synchronous: ClassVar[bool] = True
    kinds = (
        *(FaultKind.MODERATED, FaultKind.MODERATED_OUTPUT, FaultKind.TEXT_ONLY, FaultKind.EMPTY),
        *(FaultKind.UNDECODABLE, FaultKind.WRONG_FORMAT, FaultKind.HEAVY, FaultKind.BLANK, FaultKind.RELAY),
    )

    def __init__(self, setup: EmulatorSetup) -> None:
        super().__init__(setup)
        self.relay_host = RelayHost(setup.urls["api"])

    def environment(self) -> dict[str, str]:
        return {"GEMINI_API_KEY": self.key, "GEMINI_BASE_URL": self.base_url}

    def applications(self) -> dict[str, web.Application]:
        routes = [
            web.post("/{version:v1|v1beta}/models/{model}:{method}", self.call),
            web.get("/{version:v1|v1beta}/models", self.list_models),
            *self.script_routes(),
            *self.relay_host.routes(),
        ]
        return {"api": self.application(routes)}

    async def call(self, request: web.Request) -> web.StreamResponse:
        self.check_key(request)
        stream = check_method(request)
        ask = await self.read(request)
        client_timeout_s = server_timeout(request)

        async def work(injected: InjectedFault) -> web.Response:
            slow = injected.of(FaultKind.SLOW)
            if slow and client_timeout_s is not None and slow.amount(5) > client_timeout_s:
                raise error(504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete.")
            answer = await self.answer(ask, injected)
            return events(answer) if stream else reply(200, answer)

        return await self.with_faults(request, "submit", ask.order.prompt, work)

    async def answer(self, ask: GeminiRequest, injected: InjectedFault) -> dict[str, Any]:
        """The body of a 200. A fault's `how` is the `blockReason` or `finishReason`."""
        response_id = secrets.token_urlsafe(16)
        facts = {"modelVersion": ask.order.model, "responseId": response_id}
        if fault := injected.of(FaultKind.MODERATED):
            blocked = {
                "blockReason": fault.how or "PROHIBITED_CONTENT",
                "blockReasonMessage": "The prompt was blocked.",
            }
            return {"promptFeedback": blocked, "usageMetadata": usage(ask, pictures=0), **facts}
        if (fault := injected.of(FaultKind.RELAY)) and fault.how == "error":
            return RELAY_ERROR
        only_text = FaultKind.TEXT_ONLY in injected or not ask.picture
        charged = injected.of(FaultKind.MODERATED_OUTPUT, FaultKind.EMPTY) is None
        await self.record_purchase(ask.order, response_id, charged=charged)
        billed = usage(ask, pictures=int(charged and not only_text), words=WORD_TOKENS if charged and only_text else 0)
        return {"candidates": [await self.candidate(ask, injected)], "usageMetadata": billed, **facts}

    async def candidate(self, ask: GeminiRequest, injected: InjectedFault) -> dict[str, Any]:
        if fault := injected.of(FaultKind.MODERATED_OUTPUT):
            reason = fault.how or "IMAGE_SAFETY"
            return {
                "index": 0,
                "finishReason": reason,
                "finishMessage": f"Unable to show the generated image: {reason}.",
            }
        if fault := injected.of(FaultKind.EMPTY):
            return {"index": 0, "finishReason": fault.how or "NO_IMAGE"}
        fault = injected.of(FaultKind.TEXT_ONLY)
        if fault or not ask.picture:
            said = [{"text": "I can describe such a picture, but not draw it."}]
            return finished(said, (fault.how if fault else "") or "STOP")
        return finished(await self.parts(ask, injected), "STOP")

    async def parts(self, ask: GeminiRequest, injected: InjectedFault) -> list[dict[str, Any]]:
        picture = await self.picture(ask.order, injected)
        good = inline(picture, ask.order.format)
        if fault := injected.of(FaultKind.RELAY):
            return [self.relayed(picture, ask, fault.how)]
        if not ask.model.thinks:
            return [*([{"text": "Here is your picture."}] if ask.words else []), good]
        draft = await self.picture(replace(ask.order, size=(256, 256)), InjectedFault(), variant=7)
        thoughts = [{"text": "**Composing**", "thought": True}, {**inline(draft, ask.order.format), "thought": True}]
        words = [{"text": "Here is your picture."}] if ask.words else []
        return [*thoughts, *words, {**good, "thoughtSignature": base64.b64encode(b"signature").decode()}]

    def relayed(self, picture: bytes, ask: GeminiRequest, how: str) -> dict[str, Any]:
        """A part with the picture as relays of this API send it, by a fault's `how`."""
        media_type = MEDIA_TYPES[ask.order.format]
        url = f"data:{media_type};base64,{base64.b64encode(picture).decode()}"
        match how:
            case "data":
                return {"inlineData": {"mimeType": media_type, "data": url}}
            case "markdown data":
                return {"text": f"Here you are:\n![image]({url})\nAnything else?"}
            case "markdown":
                return {"text": f"Here you are:\n![image]({self.relay_host.offer(picture, media_type)})"}
            case _:
                return {"fileData": {"mimeType": media_type, "fileUri": self.relay_host.offer(picture, media_type)}}

    # --- what a request must be

    def check_key(self, request: web.Request) -> None:
        given = request.headers.get("x-goog-api-key") or request.query.get("key")
        if not given:
            said = "Method doesn't allow unregistered callers (callers without established identity)."
            raise error(403, "PERMISSION_DENIED", said)
        if given != self.key:
            raise bad_key()

    async def read(self, request: web.Request) -> GeminiRequest:
        name, version = request.match_info["model"], request.match_info["version"]
        model = MODELS.get(name)
        if model is None:
            raise model_gone(name, version)
        try:
            body = camel(orjson.loads(await request.read()))
        except orjson.JSONDecodeError:
            raise bad("Invalid JSON payload received. Unexpected end of string.") from None
        known(body, BODY, "")
        config = body.get("generationConfig", {})
        check_config(config, model)
        words, references = await self.contents(body, model)
        order = VendorOrder(name, words, references, size_of(config, model, references), model.format, config)
        modalities = {str(one).upper() for one in config.get("responseModalities") or ("TEXT", "IMAGE")}
        return GeminiRequest(order, model, "IMAGE" in modalities, "TEXT" in modalities)

    async def contents(self, body: Mapping[str, Any], model: GeminiModel) -> tuple[str, tuple[ReceivedImage, ...]]:
        """The prompt (all text except the labels of pictures), and the pictures in their order."""
        turns = body.get("contents")
        if not isinstance(turns, list) or not turns:
            raise bad("* GenerateContentRequest.contents: contents is not specified")
        parts = [part for turn in turns for part in parts_of(turn)]
        texts = [part["text"] for part in parts if part.get("text") and not LABEL.fullmatch(part["text"])]
        references = tuple([await self.reference(part) for part in parts if "text" not in part])
        if not texts:
            raise bad("* GenerateContentRequest.contents: the request has no text")
        if model.most_images is not None and len(references) > model.most_images:
            raise bad(f"Too many images: at most {model.most_images} are supported, got {len(references)}.")
        if sum(reference.weight for reference in references) > MOST_BYTES:
            raise bad("Request payload size exceeds the limit: 104857600 bytes.")
        return "\n".join(texts), references

    async def reference(self, part: Mapping[str, Any]) -> ReceivedImage:
        known(part, PART, "contents[0].parts[0]")
        blob = part.get("inlineData") or part.get("fileData")
        if not isinstance(blob, dict):
            raise bad("* GenerateContentRequest.contents[0].parts[0].data: required oneof field 'data' must be set")
        media_type = blob.get("mimeType")
        if media_type not in list(READABLE):
            raise bad(f"Unsupported MIME type: {media_type}")
        try:
            seen = await self.look_at(await self.blob(blob))
        except NotAPicture:
            raise bad("Unable to process input image. Please retry or report.") from None
        if READABLE[media_type] not in {seen.format, ""}:
            raise bad(f"Unable to process input image: it is {seen.format}, not {media_type}.")
        return seen

    async def blob(self, blob: Mapping[str, Any]) -> bytes:
        """The bytes of `inlineData`, in either base64 alphabet, or those behind a `fileUri`."""
        if "fileUri" in blob:
            known(blob, {"fileUri", "mimeType"}, "contents[0].parts[0].file_data")
            return await self.picture_behind(str(blob["fileUri"]))
        known(blob, {"data", "mimeType", "displayName"}, "contents[0].parts[0].inline_data")
        return decode(str(blob.get("data", "")), either_alphabet=True)

    # --- the rest

    async def list_models(self, request: web.Request) -> web.Response:
        self.check_key(request)
        size = request.query.get("pageSize", "50")
        if not size.isdecimal() or int(size) > MOST_LISTED:
            raise bad(f"* ListModelsRequest.page_size: page_size must be at most {MOST_LISTED}")
        methods = ["generateContent", "streamGenerateContent"]
        shown = [{"name": f"models/{name}", "supportedGenerationMethods": methods} for name in MODELS]
        return reply(200, {"models": shown})

    def refusal(self, fault: Fault) -> web.Response:
        return REFUSALS[fault.kind](fault).response


# --- reading


def check_method(request: web.Request) -> bool:
    """Whether a stream is requested. Raises `Refused` for unknown methods."""
    match request.match_info["method"], request.query.get("alt"):
        case "generateContent", _:
            return False
        case "streamGenerateContent", "sse":
            return True
        case "streamGenerateContent", _:
            raise bad("The emulator streams with alt=sse only.")
        case _:
            raise error(404, "NOT_FOUND", "Requested entity was not found.")


def server_timeout(request: web.Request) -> float | None:
    """The client's timeout in seconds, which the official SDK sends as a header."""
    said = request.headers.get("X-Server-Timeout")
    if said is None:
        return None
    if not re.fullmatch(r"\d+(\.\d+)?", said):
        raise bad("Invalid value for X-Server-Timeout.")
    return float(said)


def camel(value: Any) -> Any:
    """Convert field names to camelCase: protobuf JSON accepts snake_case too."""
    if isinstance(value, list):
        return [camel(each) for each in value]
    if isinstance(value, dict):
        return {re.sub(r"_([a-z0-9])", lambda hit: hit[1].upper(), name): camel(each) for name, each in value.items()}
    return value


def known(given: Any, names: frozenset[str] | set[str], where: str) -> None:
    if not isinstance(given, dict):
        raise bad(f"Invalid value at '{where}': a message is expected.")
    strange = [name for name in given if name not in names]
    if strange:
        place = f" at '{where}'" if where else ""
        raise bad(f'Invalid JSON payload received. Unknown name "{strange[0]}"{place}: Cannot find field.', where)


def parts_of(turn: Any) -> list[dict[str, Any]]:
    known(turn, {"role", "parts"}, "contents[0]")
    if turn.get("role", "user") not in {"user", "model"}:
        raise bad("Please use a valid role: user, model.")
    parts = turn.get("parts")
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise bad("* GenerateContentRequest.contents[0].parts: contents.parts must not be empty.")
    if not all(isinstance(part.get("text", ""), str) for part in parts):
        raise bad("Invalid value at 'contents[0].parts[0].text' (TYPE_STRING)")
    return parts


def check_config(config: Any, model: GeminiModel) -> None:
    known(config, CONFIG, "generation_config")
    check_modalities(config.get("responseModalities"))
    if config.get("candidateCount", 1) != 1:
        raise bad("Multiple candidates is not enabled for this model")
    image = config.get("imageConfig", {})
    known(image, {"aspectRatio", "imageSize"}, "generation_config.image_config")
    ratio, size = image.get("aspectRatio"), image.get("imageSize")
    level = config.get("thinkingConfig", {}).get("thinkingLevel")
    if level is not None and str(level).lower() not in model.levels:
        raise bad(f"Thinking level {level!r} is not supported for this model.")
    if ratio is not None and ratio not in list(model.sizes):
        raise bad(f"aspect_ratio must be one of {', '.join(model.sizes)}; got {ratio!r}.")
    if size is not None and size not in model.scales:
        allowed = f"must be one of {', '.join(model.scales)}" if model.scales else "is not supported for this model"
        raise bad(f"image_size {allowed}; got {size!r}.")


def check_modalities(asked: Any) -> None:
    if asked is None:
        return
    if not isinstance(asked, list) or not {str(one).upper() for one in asked} <= {"TEXT", "IMAGE"}:
        raise bad(f"Invalid value at 'generation_config.response_modalities': {asked!r}")


def size_of(config: Mapping[str, Any], model: GeminiModel, references: tuple[ReceivedImage, ...]) -> Size:
    image = config.get("imageConfig", {})
    scale = SCALE[image.get("imageSize") or "1K"]
    width, height = model.sizes[image.get("aspectRatio") or nearest(model, references)]
    return round(width * scale), round(height * scale)


def nearest(model: GeminiModel, references: tuple[ReceivedImage, ...]) -> str:
    """The ratio used when none is requested: that of the last reference picture, else 1:1."""
    if not references:
        return "1:1"
    wanted = references[-1].size[0] / references[-1].size[1]
    return min(model.sizes, key=lambda name: abs(math.log(model.sizes[name][0] / model.sizes[name][1] / wanted)))


# --- answering


def inline(picture: bytes, kind: Format) -> dict[str, Any]:
    return {"inlineData": {"mimeType": MEDIA_TYPES[kind], "data": base64.b64encode(picture).decode()}}


def finished(parts: list[dict[str, Any]], reason: str) -> dict[str, Any]:
    return {"index": 0, "finishReason": reason, "content": {"role": "model", "parts": parts}}


WORD_TOKENS: Final = 12
"""Output tokens of an answer with text only."""

RELAY_ERROR: Final[dict[str, Any]] = {
    "error": {"code": 429, "message": "Resource has been exhausted (e.g. check quota).", "status": "RESOURCE_EXHAUSTED"}
}
"""An error that relays send with status 200."""


PICTURE_TOKENS: Final = 1290
THOUGHT_TOKENS: Final = 200


def usage(ask: GeminiRequest, pictures: int, words: int = 0) -> dict[str, Any]:
    asked = max(1, len(ask.order.prompt) // 4) + ask.model.image_tokens * len(ask.order.references)
    drawn = PICTURE_TOKENS * pictures + words
    thought = THOUGHT_TOKENS if ask.model.thinks and drawn else 0
    kinds = {"IMAGE": PICTURE_TOKENS * pictures, "TEXT": words}
    return {
        "promptTokenCount": asked,
        "candidatesTokenCount": drawn,
        "candidatesTokensDetails": [{"modality": name, "tokenCount": each} for name, each in kinds.items() if each],
        **({"thoughtsTokenCount": thought} if thought else {}),
        "totalTokenCount": asked + drawn + thought,
    }


def events(answer: dict[str, Any]) -> web.Response:
    """The answer as a stream of chunks with one part each; the last has the `finishReason`."""
    body = "".join(f"data: {orjson.dumps(chunk).decode()}\r\n\r\n" for chunk in chunks(answer))
    return web.Response(body=body.encode(), content_type="text/event-stream")


def chunks(answer: dict[str, Any]) -> list[dict[str, Any]]:
    candidate = (answer.get("candidates") or [{}])[0]
    parts = candidate.get("content", {}).get("parts", [])
    if len(parts) < 2:
        return [answer]
    early = [{"index": 0, "content": {"role": "model", "parts": [part]}} for part in parts[:-1]]
    return [{**answer, "candidates": [one]} for one in (*early, finished(parts[-1:], candidate["finishReason"]))]


def error(status: int, name: str, message: str, *details: Mapping[str, Any]) -> Refused:
    body = {"code": status, "message": message, "status": name, **({"details": details} if details else {})}
    return Refused(reply(status, {"error": body}))


def bad(message: str, field: str = "") -> Refused:
    violation = {"field": field, "description": message} if field else {"description": message}
    return error(400, "INVALID_ARGUMENT", message, {"@type": f"{DOMAIN}.BadRequest", "fieldViolations": [violation]})


def bad_key() -> Refused:
    reason = {"@type": f"{DOMAIN}.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}
    return error(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", reason)


def model_gone(name: str, version: str) -> Refused:
    said = f"models/{name} is not found for API version {version}, or is not supported for generateContent."
    return error(404, "NOT_FOUND", said)


def rate_limited(fault: Fault) -> Refused:
    """Gemini sends no `Retry-After`: the wait is in the details, or in the message if `how` is `text`."""
    quota = failure("GenerateRequestsPerMinutePerProjectPerModel")
    said = "You exceeded your current quota, please check your plan and billing details."
    wait = f"{fault.amount(14):g}s"
    if fault.how == "text":
        return error(429, "RESOURCE_EXHAUSTED", f"{said} Please retry in {wait}.")
    if fault.how == "none":
        return error(429, "RESOURCE_EXHAUSTED", said, quota)
    return error(429, "RESOURCE_EXHAUSTED", said, quota, {"@type": f"{DOMAIN}.RetryInfo", "retryDelay": wait})


def out_of_quota(fault: Fault) -> Refused:
    """A daily quota; with `how` `limit0` a quota of 0, with `billing` an account without billing."""
    match fault.how:
        case "billing":
            said = "Gemini API free tier is not available in your country. Please enable billing on your project."
            return error(400, "FAILED_PRECONDITION", said)
        case "limit0":
            return error(429, "RESOURCE_EXHAUSTED", "Quota exceeded for metric: generate_content_requests, limit: 0")
        case _:
            quota = failure("GenerateRequestsPerDayPerProjectPerModel")
            return error(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.", quota)


def failure(quota_id: str) -> dict[str, Any]:
    return {"@type": f"{DOMAIN}.QuotaFailure", "violations": [{"quotaId": quota_id}]}


def unauthorized(fault: Fault) -> Refused:
    """401; with `how` `key` the 400 for an invalid API key."""
    return bad_key() if fault.how == "key" else error(401, "UNAUTHENTICATED", "Invalid authentication credentials.")


def forbidden(fault: Fault) -> Refused:
    """403; with `how` `location` the 400 for an unsupported location."""
    if fault.how == "location":
        return error(400, "FAILED_PRECONDITION", "User location is not supported for the API use.")
    return error(403, "PERMISSION_DENIED", "The caller does not have permission")


REFUSALS: Final[Mapping[FaultKind, Callable[[Fault], Refused]]] = {
    FaultKind.RATE_LIMITED: rate_limited,
    FaultKind.QUOTA: out_of_quota,
    FaultKind.UNAUTHORIZED: unauthorized,
    FaultKind.FORBIDDEN: forbidden,
    FaultKind.STATUS: lambda fault: error(
        http_status(fault), fault.how or "INVALID_ARGUMENT", "Request was not accepted."
    ),
    FaultKind.MODEL_GONE: lambda _: model_gone("gemini-2.5-flash-image", "v1beta"),
    FaultKind.SERVER_ERROR: lambda _: error(500, "INTERNAL", "An internal error has occurred."),
    FaultKind.UNAVAILABLE: lambda _: error(503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
    FaultKind.TIMEOUT: lambda _: error(504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
}
