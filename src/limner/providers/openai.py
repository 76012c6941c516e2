"""OpenAI's images, and the servers that speak the same way: Azure OpenAI, SGLang-Diffusion, vLLM-Omni.

Base URL `https://api.openai.com/v1`. Options of the account: `dialect` (one of `DIALECTS`), `organization`, `project`,
`api_version` (Azure's deployments alone), and as defaults all that a route may set: `stream`, `size`, `family` (whose
facts count, where the upstream name is a deployment's or a served model's), `facts` (single facts that differ), and
the fields of a dialect, as they are.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from limner.domain.aspect_ratio import nearest, size_for, within
from limner.domain.routing.failure import Failure, FailureKind, Stage
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
    BadAnswer,
    NoAnswer,
    Part,
    Rules,
    VendorHttp,
    VendorResponse,
    among,
    file_in,
    inquire,
    listed,
    misfit,
    of_the_provider,
    redacted,
    refused,
    require,
    said,
    too_many_pictures,
    unanswered,
    unless_blank,
)
from limner.providers._http.options import (
    Rule,
    amount,
    amounts,
    beginning_with,
    flag,
    json_value,
    table,
    text,
    texts,
)

# --- what the models can do -------------------------------------------------------------------------------------

_SQUARE_MEGAPIXEL: Final = 1024 * 1024
_HANDY_SIZES: Final[Mapping[str, str]] = {
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
}
"""About a megapixel in exactly the shape asked for; sides are multiples of 16."""


@dataclass(frozen=True, slots=True)
class Rates:
    """US dollars for a million tokens."""

    text_in: float
    image_in: float
    image_out: float


@dataclass(frozen=True, slots=True)
class OpenAiFacts:
    """What one family takes and costs.

    `sizes` are the only ones it draws; empty, it draws any size up to three times as wide as high, in steps of 16.
    `input_fidelity` is sent with reference pictures. `usd` is a square megapixel by quality, where no tokens are told.
    """

    sizes: tuple[str, ...] = ()
    input_fidelity: str | None = None
    rates: Rates | None = None
    usd: Mapping[str, float] = field(default_factory=dict)


_THREE_SIZES: Final = ("1024x1024", "1024x1536", "1536x1024")
_RATES: Final = Rates(text_in=5, image_in=8, image_out=30)

# Limits from OpenAI's image guide, prices from its price list, November 2026.
MODELS: Final[Mapping[str, OpenAiFacts]] = {
    "gpt-image-1-mini": OpenAiFacts(_THREE_SIZES, "low"),
    "gpt-image-1": OpenAiFacts(_THREE_SIZES, "high"),
    "gpt-image-1.5": OpenAiFacts(
        _THREE_SIZES, "high", replace(_RATES, image_out=32), {"low": 0.009, "medium": 0.034, "high": 0.133}
    ),
    "gpt-image-2": OpenAiFacts(rates=_RATES, usd={"low": 0.006, "medium": 0.053, "high": 0.211}),
    "gpt-image-2.5": OpenAiFacts(rates=_RATES),
    "gpt-image-2.5-flare": OpenAiFacts(rates=_RATES, usd={"low": 0.006, "medium": 0.013}),
    "gpt-image-2.6": OpenAiFacts(rates=_RATES),
}
"""Families by how their names begin; the longest that fits counts. Unknown ones are taken for OpenAI's newest kind."""


def facts_of(upstream: str, options: Mapping[str, Any]) -> OpenAiFacts:
    name = str(options.get("family", upstream))
    family = max((each for each in MODELS if name.startswith(each)), key=len, default="")
    return replace(MODELS.get(family, OpenAiFacts()), **_parsed(options.get("facts", {})))


def _parsed(told: Mapping[str, Any]) -> dict[str, Any]:
    """Facts as a configuration file spells them."""
    facts = dict(told)
    if "sizes" in facts:
        facts["sizes"] = tuple(facts["sizes"])
    if "rates" in facts:
        facts["rates"] = Rates(**facts["rates"])
    return facts


# --- what the servers speak ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Dialect:
    """One kind of server. `fields` are the route options that it knows; `fixed` goes with every order.

    `models` is where it lists its models; `obeys_names` says that it draws with none but those.
    """

    vendor: str
    fields: frozenset[str]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    path: str = "images/{verb}"
    key_header: tuple[str, str] = ("Authorization", "Bearer {key}")
    references: int = 16
    seed: bool = False
    fidelity: bool = True
    streams: bool = True
    unasked_size: str | None = None
    billed: bool = True
    models: str = "models"
    obeys_names: bool = True


_OPENAI: Final = Dialect(
    "OpenAI",
    frozenset({"quality", "background", "output_format", "output_compression", "moderation", "safety_identifier"}),
)
# Its list has the models, and orders name deployments.
_AZURE: Final = replace(_OPENAI, vendor="Azure OpenAI", key_header=("api-key", "{key}"), obeys_names=False)
# Without `b64_json` SGLang wants a storage of its own, and answers 400.
_SGLANG: Final = Dialect(
    "SGLang",
    frozenset({"num_inference_steps", "guidance_scale", "negative_prompt", "output_format"}),
    {"response_format": "b64_json"},
    seed=True,
    fidelity=False,
    streams=False,
    unasked_size="1024x1024",
    billed=False,
    obeys_names=False,  # it draws with the model that it has, whatever is asked for
)
# A list of pictures is read as a batch there, not as references.
_VLLM_OMNI: Final = replace(
    _SGLANG,
    vendor="vLLM-Omni",
    fields=frozenset({"num_inference_steps", "guidance_scale", "true_cfg_scale", "lora", "extra_params"}),
    references=1,
    obeys_names=True,
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
"""By the account's option `dialect`. `azure` is the surface whose base URL ends in `/openai/v1`."""

_AZURE_API_VERSION: Final = "2025-04-01-preview"

# --- what an operator may say ---------------------------------------------------------------------------------------

_RATE_RULES: Final[Rules] = dict.fromkeys(("text_in", "image_in", "image_out"), amount)


def _rates(value: Any) -> str | None:
    if wrong := table(_RATE_RULES, "rate")(value):
        return wrong
    missing = [name for name in _RATE_RULES if name not in value]
    return f"{missing[0]} is missing" if missing else None


def _size_rule(value: Any) -> str | None:
    good = isinstance(value, str) and re.fullmatch(r"auto|[1-9]\d*x[1-9]\d*", value)
    return None if good else f"{value!r} is neither auto nor WIDTHxHEIGHT"


_FACT_RULES: Final[Rules] = {"sizes": texts, "input_fidelity": text, "rates": _rates, "usd": amounts}
_OF_THE_PROVIDER: Final = ("dialect", "organization", "project")


def options_of(dialect: Dialect) -> Rules:
    """What a route may say to such a server; an account may, too, as defaults."""
    known: dict[str, Rule] = {
        "size": _size_rule,
        "family": beginning_with(*MODELS),
        "facts": table(_FACT_RULES, "fact"),
        **dict.fromkeys(sorted(dialect.fields), json_value),
    }
    if dialect.streams:
        known["stream"] = flag
    if "{version}" in dialect.path:
        known["api_version"] = text
    return known


# --- encode ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """An order, whom it goes to, and the options of the account and the route together."""

    order: GenerationRequest
    dialect: Dialect
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def facts(self) -> OpenAiFacts:
        return facts_of(self.order.upstream, self.options)


@dataclass(frozen=True, slots=True)
class OpenAiCall:
    """A POST: of `json`, or of `form` where pictures go along."""

    path: str
    json: Mapping[str, Any] | None = None
    form: tuple[Part, ...] | None = None


def encode(asked: Asked) -> OpenAiCall | Failure:
    """The order as the server takes it, or why it would not."""
    order = asked.order
    if refusal := too_many_pictures(order, asked.dialect.references):
        return refusal
    fields = dict(_fields(asked))
    if not order.references:
        return OpenAiCall(_path(asked, "generations"), json=fields)
    return OpenAiCall(_path(asked, "edits"), form=(*_texts(fields), *_pictures(order.references)))


def _path(asked: Asked, verb: str) -> str:
    model, version = quote(asked.order.upstream, safe=""), _version(asked.options)
    return asked.dialect.path.format(model=model, verb=verb, version=version)


def _version(options: Mapping[str, Any]) -> str:
    return quote(str(options.get("api_version", _AZURE_API_VERSION)), safe="")


def _fields(asked: Asked) -> Iterator[tuple[str, Any]]:
    order, dialect, facts, options = asked.order, asked.dialect, asked.facts, asked.options
    yield from (("model", order.upstream), ("prompt", order.prompt))
    if size := _size(asked):
        yield "size", size
    if order.references and dialect.fidelity and facts.input_fidelity:
        yield "input_fidelity", facts.input_fidelity
    if dialect.seed:
        yield "seed", order.seed
    if dialect.streams and options.get("stream"):
        yield from (("stream", True), ("partial_images", 0))
    yield from dialect.fixed.items()
    yield from ((name, value) for name, value in options.items() if name in dialect.fields)


def _size(asked: Asked) -> str | None:
    """The route's own size, else what comes nearest to the shape asked for, else the model's choice."""
    if "size" in asked.options:
        return str(asked.options["size"])
    shape = asked.order.aspect_ratio
    if shape is None:
        return None if asked.order.references else asked.dialect.unasked_size
    if asked.facts.sizes:
        sizes = {size.replace("x", ":"): size for size in asked.facts.sizes}
        return sizes[nearest(shape, sizes)]
    return _HANDY_SIZES.get(shape) or _any_size(shape)


def _any_size(shape: str) -> str:
    shape = within(shape, "1:3", "3:1")
    width, height = size_for(shape, pixels=_SQUARE_MEGAPIXEL, step=16, least=16, most=3840)
    # Rounding must not carry a shape at the border over it.
    return f"{min(width, 3 * height)}x{min(height, 3 * width)}"


def _texts(fields: Mapping[str, Any]) -> Iterator[Part]:
    for name, value in fields.items():
        yield Part(name, value if isinstance(value, str) else json.dumps(value))


def _pictures(references: tuple[ReferenceImage, ...]) -> Iterator[Part]:
    """One is `image`, several are `image[]`; their order makes them "Image 1", "Image 2"."""
    name = "image" if len(references) == 1 else "image[]"
    for number, each in enumerate(references, start=1):
        extension = each.media_type.rpartition("/")[2]
        yield Part(name, each.path, f"image-{number}.{extension}", each.media_type)


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
_RATE_WAIT_S: Final = 12.0
"""A place among five pictures a minute comes free this often."""


def decode(answer: VendorResponse, asked: Asked) -> Delivered | Failure:
    """What the server did: pictures of its answer are files already."""
    vendor = asked.dialect.vendor
    body = _last_word(answer.body) if isinstance(answer.body, list) else answer.body
    if not answer.ok:
        return _refusal(answer, vendor)
    if isinstance(body, dict) and body.get("error"):
        return _refusal(replace(answer, status=_status_of(body["error"]), body=body, text=json.dumps(body)), vendor)
    if isinstance(answer.body, list) and body is None:
        reason = f"{vendor}'s stream ended without a last word"
        return Failure(FailureKind.UNKNOWN_OUTCOME, reason, detail=_detail(answer))
    return _decode_picture(answer, body, asked)


def _last_word(events: list[Any]) -> dict[str, Any] | None:
    """The event of a stream that ends it: with the picture, or with an error."""
    ends = (
        each for each in events if isinstance(each, dict) and (str(each.get("type")) in _COMPLETED or "error" in each)
    )
    return next(ends, None)


def _status_of(error: Any) -> int:
    """An error that comes when a good status has gone out already, as the status that it would have had."""
    kind = str(error.get("type")) if isinstance(error, dict) else ""
    return 400 if kind in {"invalid_request_error", "image_generation_user_error"} else 500


def _decode_picture(answer: VendorResponse, body: Any, asked: Asked) -> Delivered | Failure:
    match body:
        case {"data": [{"b64_json": picture}, *_]} | {"b64_json": picture}:
            return _delivered(answer, body, file_in(picture), asked)
        case {"data": [{"url": str()}, *_]}:
            return _broken(answer, asked, "holds an address instead of the picture")
        case {"data": [], **rest}:
            reason, paid = f"{asked.dialect.vendor} gave no picture", asked.dialect.billed and _made(rest.get("usage"))
            return Failure(FailureKind.NO_IMAGE, reason, charged=paid, detail=_detail(answer))
    return _broken(answer, asked, "is not what this protocol says")


def _delivered(
    answer: VendorResponse, body: Mapping[str, Any], picture: Path | None, asked: Asked
) -> Delivered | Failure:
    """`output_format` is only an echo, and has been a wrong one: the bytes themselves say what they are."""
    if picture is None:
        return _broken(answer, asked, "holds something else where the picture should be")
    told = {name: redacted(body.get(name)) for name in ("size", "quality")}
    told["request_id"] = redacted(answer.headers.get("x-request-id"))
    known = {name: value for name, value in told.items() if value}
    served_by = {"provider": "openai", "model": asked.order.upstream, "generative": True, **known}
    cost_usd = cost_of(body, asked.facts, asked.options) if asked.dialect.billed else None
    return Delivered(Picture(picture), served_by, cost_usd)


def cost_of(body: Mapping[str, Any], facts: OpenAiFacts, options: Mapping[str, Any]) -> float | None:
    """By the tokens used, else by quality and size, else unknown."""
    match body.get("usage"):
        case {"input_tokens": int(taken), "output_tokens": int(made), **rest} if facts.rates:
            image = _image_tokens(rest.get("input_tokens_details"))
            text_usd, image_usd = facts.rates.text_in * (taken - image), facts.rates.image_in * image
            return (text_usd + image_usd + facts.rates.image_out * made) / 1e6
    usd = facts.usd.get(str(body.get("quality", options.get("quality"))))
    return None if usd is None else usd * _megapixels(str(body.get("size", "")))


def _image_tokens(details: Any) -> int:
    match details:
        case {"image_tokens": int(tokens)}:
            return tokens
    return 0


def _made(usage: Any) -> bool:
    """Whether tokens were made, and so paid for."""
    match usage:
        case {"output_tokens": int(tokens)}:
            return tokens > 0
    return False


def _megapixels(size: str) -> float:
    width, _, height = size.partition("x")
    return int(width) * int(height) / _SQUARE_MEGAPIXEL if width.isdecimal() and height.isdecimal() else 1.0


def _broken(answer: VendorResponse, asked: Asked, words: str) -> Failure:
    dialect = asked.dialect
    return Failure(
        FailureKind.BAD_OUTPUT, f"{dialect.vendor}'s answer {words}", charged=dialect.billed, detail=_detail(answer)
    )


# --- refusals -------------------------------------------------------------------------------------------------------


def _refusal(answer: VendorResponse, vendor: str) -> Failure:
    """What an error means: by its codes where they say more than the status does."""
    error = answer.body.get("error") if isinstance(answer.body, dict) else None
    error = error if isinstance(error, dict) else {}
    codes = set(_codes(error))
    words = said(answer.body).words
    about = f": {words}" if words else ""
    detail = _detail(answer)
    if codes & _POLICY_CODES or "safety_violations" in words:
        reason = f"{vendor}'s content policy forbids this{about}"
        return Failure(FailureKind.CONTENT_POLICY, reason, detail=detail, stage=_stage(error))
    if codes & _QUOTA_CODES:
        return Failure(FailureKind.QUOTA_EXHAUSTED, f"our credit at {vendor} is used up{about}", detail=detail)
    if "model_not_found" in codes or "model mismatch" in words.lower():
        return Failure(FailureKind.MODEL_UNAVAILABLE, f"{vendor} does not have this model{about}", detail=detail)
    return replace(refused(vendor, answer, rate_wait_s=_RATE_WAIT_S), detail=detail)


def _codes(error: Mapping[str, Any]) -> Iterator[str]:
    """The error's codes and types; Azure's real one lies within."""
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


def _detail(answer: VendorResponse) -> str:
    """The status, the request's id and what was said, for `explain`."""
    request_id = redacted(answer.headers.get("x-request-id"))
    known = f" ({request_id})" if request_id else ""
    return f"HTTP {answer.status}{known} {redacted(answer.text)}".rstrip()


# --- checking -------------------------------------------------------------------------------------------------------


def decode_models(answer: VendorResponse, dialect: Dialect, upstreams: Sequence[str]) -> UpstreamCheck | None:
    """What the list of models says of those that our routes order, and of their ends."""
    models = listed(answer.body, "data", "id") if answer.ok else None
    if models is None:
        return None
    seen = among(list(models), upstreams if dialect.obeys_names else ())
    ends = [_end(name, models[name]) for name in upstreams if name in models]
    told = ("the key is taken" if dialect.billed else "", seen.says, *ends)
    return replace(seen, says="; ".join(part for part in told if part))


def _end(name: str, model: Mapping[str, Any]) -> str:
    day = redacted(model.get("shutdown_date"))
    return f"{name} has the shutdown date {day}" if day else ""


# --- the provider ---------------------------------------------------------------------------------------------------


class OpenAiProvider:
    """Answers with the picture or not at all: a call that is cut off has an unknown outcome."""

    name = "openai"
    resumable = False
    free = False

    def __init__(self, account: VendorAccount) -> None:
        """Raises ValueError for a `dialect` or another option that is none."""
        self._options = account.options
        self._dialect = _dialect(str(account.options.get("dialect", "openai")))
        require(account.options, {**options_of(self._dialect), **dict.fromkeys(_OF_THE_PROVIDER, text)})
        self._http = VendorHttp(account, _headers(account, self._dialect))

    async def submit(self, order: GenerationRequest, report: Report) -> Delivered | Accepted | Failure:  # noqa: ARG002 - tells none
        asked = Asked(order, self._dialect, {**self._options, **order.options})
        call = encode(asked)
        if isinstance(call, Failure):
            return call
        answer = await self._send(call, order)
        outcome = answer if isinstance(answer, Failure) else decode(answer, asked)
        return await unless_blank(self._dialect.vendor, outcome, charged=self._dialect.billed)

    async def poll(self, handle: Mapping[str, Any], order: GenerationRequest) -> Delivered | Pending | Failure:  # noqa: ARG002
        return Failure(FailureKind.UNKNOWN_OUTCOME, f"{self._dialect.vendor} cannot be asked after a call")

    def reference_cap(self, upstream: str, options: Mapping[str, Any]) -> int | None:  # noqa: ARG002 - by dialect
        return self._dialect.references

    def unfit(self, upstream: str, options: Mapping[str, Any]) -> str | None:  # noqa: ARG002 - new names are welcome
        rules = {**options_of(self._dialect), **dict.fromkeys(_OF_THE_PROVIDER, of_the_provider)}
        return misfit(options, rules)

    async def check(self, upstreams: Sequence[str]) -> UpstreamCheck:
        path = self._dialect.models.format(version=_version(self._options))
        tell = partial(decode_models, dialect=self._dialect, upstreams=upstreams)
        return await inquire(self._http, self._dialect.vendor, path, tell)

    async def close(self) -> None:
        await self._http.close()

    async def _send(self, call: OpenAiCall, order: GenerationRequest) -> VendorResponse | Failure:
        # The wait ends before the attempt's own deadline does, which would not know what became of the call.
        timeout_s = 0.95 * order.deadline_s
        vendor = self._dialect.vendor
        try:
            return await self._http.call(
                "POST", call.path, json=call.json, form=call.form, workdir=order.workdir, timeout_s=timeout_s
            )
        except NoAnswer as trouble:
            return unanswered(vendor, trouble)
        except BadAnswer as trouble:
            reason = f"{vendor}'s answer {trouble.reason}"
            return Failure(FailureKind.BAD_OUTPUT, reason, charged=self._dialect.billed)


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
