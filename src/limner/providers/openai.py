"""OpenAI's images API and servers with the same protocol: Azure OpenAI, SGLang-Diffusion, vLLM-Omni.

Base URL `https://api.openai.com/v1`. Account options: `dialect` (one of `DIALECTS`), `organization`, `project` and
`api_version` (Azure deployments only). Route options, which an account may set as defaults: `stream`, `size`, `family`
(which model's facts apply when the upstream name is that of a deployment or a served model), `facts` (facts that
differ from the family's) and the fields of the dialect, sent unchanged.
"""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final
from urllib.parse import quote, urlsplit

from limner.domain.aspect_ratio import nearest, size_for, within
from limner.domain.picture_size import SIZE_CLASSES, exact_size
from limner.domain.prompts.dialect import GPT_IMAGE, PLAIN, PromptDialect, dialect_named_in
from limner.domain.routing.abilities import OUTPUT_FORMATS, Abilities, SizeLimits
from limner.domain.routing.failure import Failure, FailureKind, Stage
from limner.domain.routing.prices import NO_PRICES, USUAL_PIXELS, Prices
from limner.ports.provider import (
    Accepted,
    Delivered,
    GenerationRequest,
    Pending,
    Picture,
    ReferenceImage,
    Report,
    UpstreamCheck,
    VendorAccount,
)
from limner.providers._http import (
    BadResponse,
    LinkedImage,
    NoResponse,
    OnEvent,
    Part,
    Rules,
    VendorHttp,
    VendorResponse,
    accept_link,
    bad_response_failure,
    check_endpoint,
    check_models,
    error_message,
    failure_from,
    fetch_linked,
    image_link,
    invalid_option,
    markdown_image_link,
    models_by_name,
    no_response_failure,
    picture_in,
    provider_only,
    redacted,
    reject_blank,
    require_valid,
    too_many_references,
)
from limner.providers._http.options import (
    Rule,
    boolean,
    json_value,
    non_negative,
    number_table,
    starts_with,
    table,
    text,
    text_list,
)
from limner.providers._http.requested import FIXED_BY, as_fixed_by

# --- what the models can do -------------------------------------------------------------------------------------

_SQUARE: Final = "1024x1024"
_SQUARE_MEGAPIXEL: Final = 1024 * 1024
_MEGAPIXEL_SIZES: Final[Mapping[str, str]] = {
    "1:1": "1024x1024",
    "3:2": "1248x832",
    "4:3": "1152x864",
    "5:4": "1120x896",
    "16:9": "1280x720",
    "2:1": "1408x704",
    "21:9": "1568x672",
    "2:3": "832x1248",
    "3:4": "864x1152",
    "4:5": "896x1120",
    "9:16": "720x1280",
    "1:2": "704x1408",
    "9:21": "672x1568",
    "6:13": "672x1456",
    "13:6": "1456x672",
    "9:20": "720x1600",
    "20:9": "1600x720",
}
"""Sizes of about one megapixel, by exact aspect ratio; both sides are multiples of 16."""


@dataclass(frozen=True, slots=True)
class TokenPrices:
    """Prices in US dollars per million tokens."""

    text_in: float
    image_in: float
    image_out: float


@dataclass(frozen=True, slots=True)
class OpenAiFacts:
    """Limits and prices of one model family.

    `sizes` lists the only sizes the family supports; if empty, any size in steps of 16 up to a ratio of 3:1 works.
    `input_fidelity` is sent along with reference pictures. `usd` is the price of 1024x1024 pixels by quality, and of
    other sizes by quality and size, used when the answer has no token counts. `qualities` are the values of `quality`;
    `transparent` says whether the background may be.
    """

    sizes: tuple[str, ...] = ()
    input_fidelity: str | None = None
    rates: TokenPrices | None = None
    usd: Mapping[str, float] = field(default_factory=dict)
    qualities: tuple[str, ...] = ("low", "medium", "high")
    transparent: bool = False


_THREE_SIZES: Final = ("1024x1024", "1024x1536", "1536x1024")
_RATES: Final = TokenPrices(text_in=5, image_in=8, image_out=30)

_NEWEST: Final = OpenAiFacts(
    rates=_RATES,
    usd={"low": 0.00588, "medium": 0.01317, "high": 0.05268, "xhigh": 0.09366, "max": 0.21072},
    qualities=("low", "medium", "high", "xhigh", "max"),
    transparent=True,
)

# Limits from OpenAI's image guide, prices from its price list, November 2026. Those of 1 and 1.5 are left at Azure.
MODELS: Final[Mapping[str, OpenAiFacts]] = {
    "gpt-image-1-mini": OpenAiFacts(_THREE_SIZES, "low", TokenPrices(2, 2.5, 8), transparent=True),
    "gpt-image-1": OpenAiFacts(_THREE_SIZES, "high", transparent=True),
    "gpt-image-1.5": OpenAiFacts(
        _THREE_SIZES,
        "high",
        replace(_RATES, image_out=32),
        {"low": 0.009, "medium": 0.034, "high": 0.133},
        transparent=True,
    ),
    "gpt-image-2": OpenAiFacts(
        rates=_RATES,
        usd={
            "low": 0.006,
            "medium": 0.053,
            "high": 0.211,
            "high 1536x1024": 0.165,
            "high 1024x1536": 0.165,
            "high 3840x2160": 0.401,
        },
    ),
    "gpt-image-2.5": _NEWEST,
    "gpt-image-2.6": _NEWEST,
}
"""Families by model name prefix; the longest matching prefix applies. Unknown names get the newest models' limits."""

_UNKNOWN: Final = OpenAiFacts()


def facts_of(upstream: str, options: Mapping[str, Any]) -> OpenAiFacts:
    name = str(options.get("family", upstream))
    family = max((each for each in MODELS if name.startswith(each)), key=len, default="")
    known = MODELS.get(family, _UNKNOWN)
    return replace(known, **_parsed(configured)) if (configured := options.get("facts")) else known


def _parsed(configured: Mapping[str, Any]) -> dict[str, Any]:
    """Convert the option `facts`, with the plain types of TOML and JSON, to fields of `OpenAiFacts`."""
    facts: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in configured.items()
    }
    if "rates" in facts:
        facts["rates"] = TokenPrices(**facts["rates"])
    return facts


_LIMITS: Final = SizeLimits(16, 16, 3840, min_pixels=655_360, max_pixels=8_294_400, ratio=3.0)

# --- dialects -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one kind of server differs from OpenAI.

    `fields` are the request fields a route may set; `fixed_fields` are sent with every request. `references` is the
    most reference pictures a request may have, `limits` are those of sizes in pixels. `default_size` is sent when no
    aspect ratio is requested. `models` is the path of the model list. `honours_model_names` is False when the server
    accepts names that are not in its list.
    """

    vendor: str
    fields: frozenset[str]
    fixed_fields: Mapping[str, Any] = field(default_factory=dict)
    path: str = "images/{verb}"
    key_header: tuple[str, str] = ("Authorization", "Bearer {key}")
    references: int = 16
    takes_seed: bool = False
    takes_input_fidelity: bool = True
    takes_mask: bool = True
    limits: SizeLimits = _LIMITS
    size_classes: frozenset[str] = frozenset(SIZE_CLASSES)
    can_stream: bool = True
    default_size: str | None = None
    is_billed: bool = True
    models: str = "models"
    honours_model_names: bool = True


_OPENAI: Final = Dialect(
    "OpenAI",
    frozenset(
        {
            *("quality", "background", "output_format", "output_compression"),
            *("complexity", "moderation", "safety_identifier"),
        }
    ),
)
# Azure lists models, but requests name deployments.
_AZURE: Final = replace(_OPENAI, vendor="Azure OpenAI", key_header=("api-key", "{key}"), honours_model_names=False)
# With its default, `url`, SGLang answers 400 unless an output path or cloud storage is configured.
_SGLANG: Final = Dialect(
    "SGLang",
    frozenset({"num_inference_steps", "guidance_scale", "negative_prompt", "output_format"}),
    {"response_format": "b64_json"},
    takes_seed=True,
    takes_input_fidelity=False,
    takes_mask=False,
    limits=SizeLimits(16, 64, 4096, ratio=3.0),
    size_classes=frozenset({"1K", "2K"}),
    can_stream=False,
    default_size="1024x1024",
    is_billed=False,
    honours_model_names=False,  # it uses the model it was started with, whatever the request names
)
# vLLM-Omni reads several pictures as a batch, not as references for one picture.
_VLLM_OMNI: Final = replace(
    _SGLANG,
    vendor="vLLM-Omni",
    fields=frozenset({"num_inference_steps", "guidance_scale", "true_cfg_scale", "lora", "extra_params"}),
    references=1,
    honours_model_names=True,
)

DIALECTS: Final[Mapping[str, Dialect]] = {
    "openai": _OPENAI,
    "azure": _AZURE,
    "azure-deployments": replace(
        _AZURE,
        path="openai/deployments/{model}/images/{verb}?api-version={version}",
        models="openai/models?api-version={version}",
    ),
    "sglang": _SGLANG,
    "vllm-omni": _VLLM_OMNI,
}
"""By the account option `dialect`. `azure` is for base URLs that end in `/openai/v1`."""

_AZURE_API_VERSION: Final = "2025-04-01-preview"

# --- options --------------------------------------------------------------------------------------------------------

_RATE_RULES: Final[Rules] = dict.fromkeys(("text_in", "image_in", "image_out"), non_negative)


def _rates(value: Any) -> str | None:
    if wrong := table(_RATE_RULES, "rate")(value):
        return wrong
    missing = [name for name in _RATE_RULES if name not in value]
    return f"{missing[0]} is missing" if missing else None


def _size_rule(value: Any) -> str | None:
    good = isinstance(value, str) and re.fullmatch(r"auto|[1-9]\d*x[1-9]\d*", value)
    return None if good else f"{value!r} is neither auto nor WIDTHxHEIGHT"


_FACT_RULES: Final[Rules] = {
    **dict.fromkeys(("sizes", "qualities"), text_list),
    "input_fidelity": text,
    "transparent": boolean,
    "rates": _rates,
    "usd": number_table,
}
_ACCOUNT_OPTIONS: Final = ("dialect", "organization", "project")


def options_of(dialect: Dialect) -> Rules:
    """The rules for route options of this dialect; an account may set the same options as defaults."""
    known: dict[str, Rule] = {
        "size": _size_rule,
        "family": starts_with(*MODELS),
        "facts": table(_FACT_RULES, "fact"),
        **dict.fromkeys(sorted(dialect.fields), json_value),
    }
    if dialect.can_stream:
        known["stream"] = boolean
    if "{version}" in dialect.path:
        known["api_version"] = text
    return known


def defaults_at(host: str, request: GenerationRequest) -> dict[str, Any]:
    """Options that account and route may change, at the vendors themselves: a relay may refuse what it does not know.

    A stream of one event costs the same, and no balancer on the way closes it as idle. OpenAI bans by
    `safety_identifier`: without one, all accounts of this server.
    """
    if host == _OPENAI_HOST and request.caller:
        return {**_streams_at(host), "safety_identifier": request.caller}
    return _streams_at(host)


def _streams_at(host: str) -> dict[str, Any]:
    return {"stream": True} if host == _OPENAI_HOST or host.endswith(_AZURE_HOSTS) else {}


_OPENAI_HOST: Final = "api.openai.com"
_AZURE_HOSTS: Final = (".openai.azure.com", ".services.ai.azure.com")

# --- encode ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RoutedRequest:
    """A generation request with the server's dialect and the merged options of account and route."""

    request: GenerationRequest
    dialect: Dialect
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def facts(self) -> OpenAiFacts:
        return facts_of(self.request.upstream, self.options)


@dataclass(frozen=True, slots=True)
class OpenAiCall:
    """A POST with a JSON body, or with a form when reference pictures are sent."""

    path: str
    json: Mapping[str, Any] | None = None
    form: tuple[Part, ...] | None = None


def encode(routed: RoutedRequest) -> OpenAiCall | Failure:
    """Build the HTTP call for a request, or return why the server would refuse it."""
    request = routed.request
    if refusal := too_many_references(request, routed.dialect.references):
        return refusal
    fields = dict(_fields(routed))
    if not request.references:
        return OpenAiCall(_path(routed, "generations"), json=fields)
    return OpenAiCall(_path(routed, "edits"), form=(*_texts(fields), *_pictures(request.references), *_mask(request)))


def _path(routed: RoutedRequest, verb: str) -> str:
    model, version = quote(routed.request.upstream, safe=""), _version(routed.options)
    return routed.dialect.path.format(model=model, verb=verb, version=version)


def _version(options: Mapping[str, Any]) -> str:
    return quote(str(options.get("api_version", _AZURE_API_VERSION)), safe="")


def _fields(routed: RoutedRequest) -> Iterator[tuple[str, Any]]:
    request, dialect, facts, options = routed.request, routed.dialect, routed.facts, routed.options
    yield from (("model", request.upstream), ("prompt", request.prompt))
    if size := _size(routed):
        yield "size", size
    if request.references and dialect.takes_input_fidelity and facts.input_fidelity:
        yield "input_fidelity", facts.input_fidelity
    if dialect.takes_seed:
        yield "seed", request.seed
    if dialect.can_stream and options.get("stream"):
        yield from (("stream", True), ("partial_images", request.spec.partial_images or 0))
    yield from dialect.fixed_fields.items()
    refused = _NOT_IN_EDITS if request.references else frozenset()
    yield from ((name, value) for name, value in options.items() if name in dialect.fields - refused)
    for name in ("quality", "background", "output_format", "output_compression"):
        if (value := getattr(request.spec, name)) is not None:
            yield name, value


_NOT_IN_EDITS: Final = frozenset({"moderation"})


def _size(routed: RoutedRequest) -> str | None:
    """The route's `size`, the caller's, the supported one nearest to the requested ratio; None: the model decides."""
    if "size" in routed.options:
        return str(routed.options["size"])
    if pixels := routed.request.pixels(_limits(routed.dialect, routed.facts)):
        return f"{pixels[0]}x{pixels[1]}"
    shape = routed.request.aspect_ratio
    if shape is None:
        return None if routed.request.references else routed.dialect.default_size
    if routed.facts.sizes:
        sizes = {size.replace("x", ":"): size for size in routed.facts.sizes}
        return sizes[nearest(shape, sizes)]
    return _MEGAPIXEL_SIZES.get(shape) or _any_size(shape)


def _any_size(shape: str) -> str:
    shape = within(shape, "1:3", "3:1")
    width, height = size_for(shape, pixels=_SQUARE_MEGAPIXEL, step=16, least=16, most=3840)
    # Rounding to steps of 16 must not push the ratio beyond 3:1.
    return f"{min(width, 3 * height)}x{min(height, 3 * width)}"


def _texts(fields: Mapping[str, Any]) -> Iterator[Part]:
    for name, value in fields.items():
        yield Part(name, value if isinstance(value, str) else json.dumps(value))


def _pictures(references: tuple[ReferenceImage, ...]) -> Iterator[Part]:
    """One picture is sent as `image`, several as `image[]`; prompts refer to them by position: "Image 1", "Image 2"."""
    name = "image" if len(references) == 1 else "image[]"
    for number, each in enumerate(references, start=1):
        extension = each.media_type.rpartition("/")[2]
        yield Part(name, each.path, f"image-{number}.{extension}", each.media_type)


def _mask(request: GenerationRequest) -> Iterator[Part]:
    if request.mask:
        yield Part("mask", request.mask.path, "mask.png", request.mask.media_type)


# --- what is obeyed -------------------------------------------------------------------------------------------------


def abilities_of(upstream: str, dialect: Dialect, options: Mapping[str, Any]) -> Abilities:
    """What requests under this name obey of a task's fields, with the merged options of account and route."""
    facts, known = facts_of(upstream, options), dialect.fields
    able = Abilities(
        aspect_ratio=True,
        seed=dialect.takes_seed,
        size_classes=frozenset({"1K"}) if facts.sizes else dialect.size_classes,
        exact_size=_limits(dialect, facts),
        qualities=frozenset(facts.qualities if "quality" in known else ()),
        transparent=facts.transparent and "background" in known and options.get("output_format") != "jpeg",
        formats=frozenset(OUTPUT_FORMATS if "output_format" in known else ()),
        compression="output_compression" in known,
        mask=dialect.takes_mask,
        partial_images=dialect.can_stream and bool(options.get("stream")),
    )
    return as_fixed_by(able, options, {**FIXED_BY, "size": FIXED_BY["image_size"]})


def _limits(dialect: Dialect, facts: OpenAiFacts) -> SizeLimits:
    if not facts.sizes:
        return dialect.limits
    return SizeLimits(only=tuple(sides for size in facts.sizes if (sides := exact_size(size))))


# --- decode ---------------------------------------------------------------------------------------------------------

_POLICY_CODES: Final = frozenset(
    {
        "moderation_blocked",
        "content_policy_violation",
        "image_content_policy_violation",
        "contentFilter",
        "content_filter",
        "ResponsibleAIPolicyViolation",
    }
)
_QUOTA_CODES: Final = frozenset(
    {
        "billing_hard_limit_reached",
        "insufficient_quota",
        "credit_balance_exhausted",
        "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
    }
)
_COMPLETED: Final = frozenset({"image_generation.completed", "image_edit.completed"})
_PARTIAL: Final = frozenset({"image_generation.partial_image", "image_edit.partial_image"})
_USUAL_QUALITY: Final = "medium"
"""What `auto`, the default, mostly comes to."""

_RATE_WAIT_S: Final = 12.0
"""OpenAI's lowest tier allows five pictures a minute: one every 12 seconds."""


def decode(answer: VendorResponse, routed: RoutedRequest) -> Delivered | LinkedImage | Failure:
    """Interpret the answer; base64 pictures in its body have already been written to files."""
    if not answer.ok:
        return _refusal(answer, routed.dialect.vendor)
    body = _final_event(answer.body) if isinstance(answer.body, list) else answer.body
    outcome = _decode_body(answer, body, routed)
    if isinstance(outcome, Failure) and routed.dialect.is_billed and _reports_output_tokens(body):
        return replace(outcome, charged=True)
    return outcome


def _decode_body(answer: VendorResponse, body: Any, routed: RoutedRequest) -> Delivered | LinkedImage | Failure:
    if isinstance(answer.body, list) and body is None:
        reason = f"{routed.dialect.vendor}'s stream ended without its final event"
        return Failure(FailureKind.UNKNOWN_OUTCOME, reason, detail=_detail(answer))
    if image := _image_of(body):
        return _decode_image(answer, body, image, routed)
    if (status := _error_status(body)) is not None:
        return _refusal(replace(answer, status=status, body=body, text=json.dumps(body)), routed.dialect.vendor)
    if isinstance(body, dict) and body.get("data") == []:
        reason = f"{routed.dialect.vendor} returned no picture"
        return Failure(FailureKind.NO_IMAGE, reason, detail=_detail(answer))
    return _unsupported(answer, routed)


def previews_of(request: GenerationRequest) -> OnEvent | None:
    """Takes the events of a stream and passes its previews on, no more than were asked for."""
    tell, left = request.on_partial_image, request.spec.partial_images or 0
    if tell is None or not left:
        return None

    async def on_event(event: Any) -> None:
        nonlocal left
        match event:
            case {"type": str(kind), "partial_image_index": int(number), "b64_json": image} if kind in _PARTIAL:
                if left > 0 and (found := picture_in(image)):
                    left -= 1
                    await tell(number, Picture(found))

    return on_event


def _final_event(events: list[Any]) -> dict[str, Any] | None:
    """The event that ends a stream: the one with the picture, or an error."""
    final = (
        each for each in events if isinstance(each, dict) and (str(each.get("type")) in _COMPLETED or "error" in each)
    )
    return next(final, None)


_STATUS_BY_TYPE: Final[Mapping[str, int]] = {
    "invalid_request_error": 400,
    "image_generation_user_error": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
}


def _error_status(body: Any) -> int | None:
    """The HTTP status of an error in a body or stream that came with 200; None if the body reports no error.

    Relays also send `{"code": 500, "message": ...}` and `{"success": false, "message": ...}`.
    """
    match body:
        case {"error": {} as error} if error:
            return _status_of(error)
        case {"error": str() as words} | {"detail": str() as words} if words:
            return 500
        case {"code": int(code)} if 400 <= code < 600:
            return code
        case {"success": False}:
            return 500
    return None


def _status_of(error: Mapping[str, Any]) -> int:
    for name in ("status", "status_code", "code"):
        if str(error.get(name)).isdecimal() and 400 <= int(error[name]) < 600:
            return int(error[name])
    return next((_STATUS_BY_TYPE[each] for each in _codes(error) if each in _STATUS_BY_TYPE), 500)


def _image_of(body: Any) -> Mapping[str, Any] | None:
    """The first object with an image in it: of OpenAI's answer or event, or of a relay's answer."""
    match body:
        case {"data": [{} as image, *_]} | {"images": [{} as image, *_]} if image:
            return dict(image)
        case {"b64_json": _}:
            return dict(body)
        case {"choices": [{"message": {"content": content}}, *_]}:
            picture = content if picture_in(content) else markdown_image_link(content)
            return {"url": picture} if picture else None
    return None


def _decode_image(
    answer: VendorResponse, body: Mapping[str, Any], image: Mapping[str, Any], routed: RoutedRequest
) -> Delivered | LinkedImage | Failure:
    """The outcome with the picture's file or link. `output_format` is not read: OpenAI has reported a wrong one."""
    values = [image.get("b64_json"), image.get("url")]
    reported = {name: redacted(body.get(name)) for name in ("size", "quality")}
    reported["request_id"] = redacted(answer.headers.get("x-request-id"))
    known = {name: value for name, value in reported.items() if value}
    served_by = {"provider": "openai", "model": routed.request.upstream, "generative": True, **known}
    cost_usd = cost_of(body, routed.facts, routed.options) if routed.dialect.is_billed else None
    if picture := picture_in(values[0]) or picture_in(values[1]):
        return Delivered(Picture(picture), served_by, cost_usd)
    if link := next(filter(None, map(image_link, values)), None):
        return LinkedImage(link, served_by, cost_usd)
    if isinstance(image.get("b64_json"), str) and image["b64_json"]:
        return _bad_output(answer, routed, "does not contain base64 where the picture should be")
    return _unsupported(answer, routed)


def cost_of(body: Mapping[str, Any], facts: OpenAiFacts, options: Mapping[str, Any]) -> float | None:
    """US dollars by token counts, else by quality and size, else None."""
    match body.get("usage"):
        case {"input_tokens": int(tokens_in), "output_tokens": int(tokens_out), **rest} if facts.rates:
            image = _image_tokens(rest.get("input_tokens_details"))
            text_usd, image_usd = facts.rates.text_in * (tokens_in - image), facts.rates.image_in * image
            return (text_usd + image_usd + facts.rates.image_out * tokens_out) / 1e6
    return _price(facts, str(body.get("quality", options.get("quality"))), str(body.get("size", _SQUARE)))


def prices_of(facts: OpenAiFacts, options: Mapping[str, Any]) -> Prices:
    """The prices of what a route's options leave open.

    A size without a price of its own costs what its quality does, times how much other qualities rise with the size.
    """
    base = {quality: usd for quality, usd in facts.usd.items() if " " not in quality}
    rise = _rise(facts.usd)
    points = {quality: tuple((pixels, usd * times) for pixels, times in rise) for quality, usd in base.items()}
    usual = str(options.get("quality", _USUAL_QUALITY))
    prices = Prices(base.get(usual), points, usual)
    size = str(options.get("size", "auto"))
    return prices if size == "auto" else prices.at(size)


def _rise(usd: Mapping[str, float]) -> list[tuple[int, float]]:
    """How many times the price of a square megapixel other sizes cost, by their pixels, as far as prices are known."""
    sizes = {name: found for name in usd if (found := exact_size(name.rpartition(" ")[2]))}
    dearest = {width * height: usd[name] / usd[name.partition(" ")[0]] for name, (width, height) in sizes.items()}
    return sorted({USUAL_PIXELS: 1.0, **dearest}.items())


def _price(facts: OpenAiFacts, quality: str, size: str) -> float | None:
    """By quality and size. Only the models of fixed sizes are priced by their pixels."""
    usd = facts.usd.get(quality)
    if usd is None or size == _SQUARE:
        return usd
    return facts.usd.get(f"{quality} {size}", usd * _megapixels(size) if facts.sizes else None)


def _image_tokens(details: Any) -> int:
    match details:
        case {"image_tokens": int(tokens)}:
            return tokens
    return 0


def _reports_output_tokens(body: Any) -> bool:
    """Whether the answer reports output tokens, which are billed; relays call them completion tokens."""
    match body:
        case {"usage": {"output_tokens": int(tokens)} | {"completion_tokens": int(tokens)}}:
            return tokens > 0
    return False


def _megapixels(size: str) -> float:
    width, _, height = size.partition("x")
    return int(width) * int(height) / _SQUARE_MEGAPIXEL if width.isdecimal() and height.isdecimal() else 1.0


def _bad_output(answer: VendorResponse, routed: RoutedRequest, words: str) -> Failure:
    dialect = routed.dialect
    return Failure(
        FailureKind.BAD_OUTPUT, f"{dialect.vendor}'s answer {words}", charged=dialect.is_billed, detail=_detail(answer)
    )


def _unsupported(answer: VendorResponse, routed: RoutedRequest) -> Failure:
    """An answer in a form that Limner does not know: the next one would be the same, so it is not bought again."""
    reason = f"{routed.dialect.vendor}'s answer does not follow the protocol"
    return Failure(FailureKind.UNSUPPORTED_OUTPUT, reason, charged=routed.dialect.is_billed, detail=_detail(answer))


# --- refusals -------------------------------------------------------------------------------------------------------


def _refusal(answer: VendorResponse, vendor: str) -> Failure:
    """Classify an error answer by its codes, else by its HTTP status."""
    error = answer.body.get("error") if isinstance(answer.body, dict) else None
    error = error if isinstance(error, dict) else {}
    codes = set(_codes(error))
    words = error_message(answer.body).words
    about = f": {words}" if words else ""
    detail = _detail(answer)
    if codes & _POLICY_CODES or "safety_violations" in words:
        reason = f"{vendor}'s content policy forbids this{_categories(error)}{about}"
        return Failure(FailureKind.CONTENT_POLICY, reason, detail=detail, stage=_stage(error))
    if codes & _QUOTA_CODES:
        reason = f"the credit at {vendor} is used up{about}"
        return Failure(FailureKind.QUOTA_EXHAUSTED, reason, detail=detail)
    if "model_not_found" in codes or "model mismatch" in words.lower():
        reason = f"{vendor} does not have this model{about}"
        return Failure(FailureKind.MODEL_UNAVAILABLE, reason, detail=detail)
    return replace(failure_from(vendor, answer, rate_wait_s=_RATE_WAIT_S), detail=detail)


def _codes(error: Mapping[str, Any]) -> Iterator[str]:
    """The error's codes and types, including those of Azure's nested error."""
    for place in (error, error.get("inner_error"), error.get("innererror")):
        if isinstance(place, dict):
            yield from (str(place[name]) for name in ("code", "type") if place.get(name))


def _stage(error: Mapping[str, Any]) -> Stage | None:
    match error.get("moderation_details"):
        case {"moderation_stage": "input"}:
            return Stage.INPUT
        case {"moderation_stage": "output"}:
            return Stage.OUTPUT
    return None


def _categories(error: Mapping[str, Any]) -> str:
    """What the policy found, as " (sexual, violence)"; empty where the answer does not say."""
    match error.get("moderation_details"):
        case {"categories": [_, *_] as found}:
            return f" ({', '.join(redacted(each) for each in found)})"
    return ""


def _detail(answer: VendorResponse) -> str:
    """HTTP status, request id and beginning of the body, for `limner tasks explain`."""
    request_id = redacted(answer.headers.get("x-request-id"))
    known = f" ({request_id})" if request_id else ""
    return f"HTTP {answer.status}{known} {redacted(answer.text)}".rstrip()


# --- checking -------------------------------------------------------------------------------------------------------


def decode_models(answer: VendorResponse, dialect: Dialect, upstreams: Sequence[str]) -> UpstreamCheck | None:
    """Whether the routes' models are in the model list, and their shutdown dates. None if there is no list."""
    models = models_by_name(answer.body, "data", "id") if answer.ok else None
    if models is None:
        return None
    seen = check_models(list(models), upstreams if dialect.honours_model_names else ())
    dates = [_shutdown_note(name, models[name]) for name in upstreams if name in models]
    sentences = ("the key is valid" if dialect.is_billed else "", seen.says, *dates)
    return replace(seen, says="; ".join(part for part in sentences if part))


def _shutdown_note(name: str, model: Mapping[str, Any]) -> str:
    day = redacted(model.get("shutdown_date"))
    return f"{name} has the shutdown date {day}" if day else ""


# --- the provider ---------------------------------------------------------------------------------------------------


class OpenAiProvider:
    """Synchronous: the answer to `submit` has the picture. A call that is cut off has an unknown outcome.

    Where a relay's answer has a link instead, the link is the handle of a job whose picture is ready.
    """

    name = "openai"
    resumable = False
    free = False
    makes_workdir = True

    def __init__(self, account: VendorAccount, now: Callable[[], float] = time.time) -> None:
        """Raise ValueError for an unknown dialect or an invalid option. `now` is the wall clock in seconds."""
        self._now = now
        self._options = account.options
        self._dialect = _dialect(str(account.options.get("dialect", "openai")))
        require_valid(account.options, {**options_of(self._dialect), **dict.fromkeys(_ACCOUNT_OPTIONS, text)})
        self._host = urlsplit(account.base_url).hostname or ""
        self._http = VendorHttp(account, _headers(account, self._dialect))

    async def submit(self, request: GenerationRequest, report: Report) -> Delivered | Accepted | Failure:  # noqa: ARG002 - reports no progress
        usual = defaults_at(self._host, request)
        routed = RoutedRequest(request, self._dialect, {**usual, **self._options, **request.options})
        call = encode(routed)
        if isinstance(call, Failure):
            return call
        answer = await self._send(call, request)
        outcome = answer if isinstance(answer, Failure) else decode(answer, routed)
        if isinstance(outcome, LinkedImage):
            return accept_link(outcome, self._now())
        return await reject_blank(self._dialect.vendor, outcome, charged=self._dialect.is_billed)

    async def poll(self, handle: Mapping[str, Any], request: GenerationRequest) -> Delivered | Pending | Failure:
        target = request.workdir / "delivered"
        vendor, now_s = self._dialect.vendor, self._now()
        outcome = await fetch_linked(self._http, vendor, handle, target, now_s=now_s, timeout_s=request.deadline_s)
        if isinstance(outcome, Failure) and not self._dialect.is_billed:
            return replace(outcome, charged=False)
        return outcome

    def reference_cap(self, upstream: str, options: Mapping[str, Any]) -> int | None:  # noqa: ARG002 - by dialect
        return self._dialect.references

    def prices(self, upstream: str, options: Mapping[str, Any]) -> Prices:
        every = {**self._options, **options}
        return prices_of(facts_of(upstream, every), every) if self._dialect.is_billed else NO_PRICES

    def dialect(self, upstream: str, options: Mapping[str, Any]) -> PromptDialect:
        named = dialect_named_in(str({**self._options, **options}.get("family", upstream)))
        return GPT_IMAGE if named is PLAIN and self._dialect.is_billed else named

    def abilities(self, upstream: str, options: Mapping[str, Any]) -> Abilities:
        return abilities_of(upstream, self._dialect, {**_streams_at(self._host), **self._options, **options})

    def route_problem(self, upstream: str, options: Mapping[str, Any]) -> str | None:  # noqa: ARG002 - new names are welcome
        rules = {**options_of(self._dialect), **dict.fromkeys(_ACCOUNT_OPTIONS, provider_only)}
        return invalid_option(options, rules)

    async def check(self, upstreams: Sequence[str]) -> UpstreamCheck:
        path = self._dialect.models.format(version=_version(self._options))
        read_answer = partial(decode_models, dialect=self._dialect, upstreams=upstreams)
        return await check_endpoint(self._http, self._dialect.vendor, path, read_answer)

    async def close(self) -> None:
        await self._http.close()

    async def _send(self, call: OpenAiCall, request: GenerationRequest) -> VendorResponse | Failure:
        # Time out before the attempt's own deadline, which could not say whether the request was sent.
        timeout_s = 0.95 * request.deadline_s
        vendor = self._dialect.vendor
        try:
            return await self._http.call(
                "POST",
                call.path,
                json=call.json,
                form=call.form,
                workdir=request.workdir,
                on_event=previews_of(request),
                timeout_s=timeout_s,
            )
        except NoResponse as trouble:
            return no_response_failure(vendor, trouble)
        except BadResponse as trouble:
            return bad_response_failure(vendor, trouble, charged=self._dialect.is_billed)


def _dialect(name: str) -> Dialect:
    if name not in DIALECTS:
        raise ValueError(f"option 'dialect': {name!r} is none of {', '.join(DIALECTS)}")
    return DIALECTS[name]


def _headers(account: VendorAccount, dialect: Dialect) -> dict[str, str]:
    header, form = dialect.key_header
    headers = {header: form.format(key=account.key)} if account.key else {}
    for option, name in (("organization", "OpenAI-Organization"), ("project", "OpenAI-Project")):
        if option in account.options:
            headers[name] = str(account.options[option])
    return headers
