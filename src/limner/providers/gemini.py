"""Google's Gemini image models, through the developer API.

Base URL `https://generativelanguage.googleapis.com`. Route options, which an account may set as defaults:
`api_version` (default `v1beta`: `v1` has refused `responseModalities`), `image_size`, `thinking_level`,
`safety_settings`, `family` (which model's facts apply) and `facts` (facts that differ from the family's).
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from limner.domain.aspect_ratio import nearest
from limner.domain.picture_size import SIZE_CLASSES
from limner.domain.prompts.dialect import GEMINI, PromptDialect
from limner.domain.routing.abilities import Abilities
from limner.domain.routing.failure import Failure, FailureKind, Stage
from limner.domain.routing.prices import Prices, by_class
from limner.ports.provider import (
    Accepted,
    Delivered,
    GenerationRequest,
    Pending,
    Picture,
    Report,
    UpstreamCheck,
    VendorAccount,
)
from limner.providers._http import (
    BadResponse,
    LinkedImage,
    NoResponse,
    Rules,
    VendorHttp,
    VendorResponse,
    accept_link,
    bad_response_failure,
    check_endpoint,
    check_models,
    detail_of,
    error_message,
    failure_from,
    fetch_linked,
    file_as_base64,
    image_link,
    invalid_option,
    key_refused,
    markdown_image_link,
    models_by_name,
    no_response_failure,
    picture_in,
    redacted,
    reject_blank,
    require_valid,
    too_many_references,
)
from limner.providers._http.options import (
    boolean,
    json_value,
    non_negative,
    number_table,
    one_of,
    starts_with,
    table,
    text,
    text_list,
    whole_number,
)

_VENDOR: Final = "Google"

# --- what the models can do -------------------------------------------------------------------------------------

_ASPECT_RATIOS: Final = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")


@dataclass(frozen=True, slots=True)
class GeminiFacts:
    """Limits and prices of one model family.

    `shapes` are its values of `aspectRatio`. `sizes` are its values of `imageSize`, the default first; if empty, the
    field must not be sent. `references` is the most reference pictures. Prices are per million tokens: of input, of
    words and thoughts, and of pictures (`usd_per_million_out`); `usd` is the price of a picture by size, used when the
    answer has no token counts. `thinks` says that the model takes a `thinkingLevel`.
    """

    shapes: tuple[str, ...] = _ASPECT_RATIOS
    sizes: tuple[str, ...] = ()
    references: int = 14
    usd_per_million_out: float | None = None
    usd_per_million_in: float = 0.0
    usd_per_million_words: float = 0.0
    usd: Mapping[str, float] = field(default_factory=dict)
    thinks: bool = False


_LONG_RATIOS: Final = (*_ASPECT_RATIOS, "1:4", "4:1", "1:8", "8:1")

# Limits from Google's image guide. Token prices give the price list's figures for a picture of each size.
MODELS: Final[Mapping[str, GeminiFacts]] = {
    "gemini-2.5-flash-image": GeminiFacts(
        references=10,
        usd_per_million_out=30,
        usd_per_million_in=0.30,
        usd_per_million_words=2.5,
        usd={"": 0.039},
    ),
    "gemini-3-pro-image": GeminiFacts(
        sizes=("1K", "2K", "4K"),
        usd_per_million_out=120,
        usd_per_million_in=2,
        usd_per_million_words=12,
        usd={"1K": 0.134, "2K": 0.134, "4K": 0.24},
    ),
    "gemini-3.1-flash-image": GeminiFacts(
        _LONG_RATIOS,
        ("1K", "512", "2K", "4K"),
        usd_per_million_out=60,
        usd_per_million_in=0.50,
        usd_per_million_words=3,
        usd={"512": 0.045, "1K": 0.067, "2K": 0.1008, "4K": 0.1512},
        thinks=True,
    ),
    "gemini-3.1-flash-lite-image": GeminiFacts(
        _LONG_RATIOS,
        ("1K",),
        usd_per_million_out=30,
        usd_per_million_in=0.25,
        usd_per_million_words=1.5,
        usd={"1K": 0.0336},
    ),
    "gemini-nano-banana-2.1": GeminiFacts(
        _LONG_RATIOS,
        ("1K", "2K", "4K"),
        usd_per_million_out=30,
        usd_per_million_in=1.50,
        usd_per_million_words=7.5,
        usd={"1K": 0.0336, "2K": 0.0504, "4K": 0.1134},
        thinks=True,
    ),
}
"""Families by model name prefix; the longest matching prefix applies. Unknown names get the smallest limits."""


def facts_of(upstream: str, options: Mapping[str, Any]) -> GeminiFacts:
    name = str(options.get("family", upstream))
    family = max((each for each in MODELS if name.startswith(each)), key=len, default="")
    return replace(MODELS.get(family, GeminiFacts()), **_parsed(options.get("facts", {})))


def _parsed(configured: Mapping[str, Any]) -> dict[str, Any]:
    """Convert the option `facts`, with the plain types of TOML and JSON, to fields of `GeminiFacts`."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in configured.items()}


OPTIONS: Final[Rules] = {
    "api_version": text,
    "image_size": text,
    "thinking_level": one_of("minimal", "low", "medium", "high"),
    "safety_settings": json_value,
    "family": starts_with(*MODELS),
    "facts": table(
        {
            "shapes": text_list,
            "sizes": text_list,
            "references": whole_number,
            **dict.fromkeys(("usd_per_million_out", "usd_per_million_in", "usd_per_million_words"), non_negative),
            "usd": number_table,
            "thinks": boolean,
        },
        "fact",
    ),
}
"""The rules for options of an account and of a route."""

# --- what is obeyed ---------------------------------------------------------------------------------------------


def abilities_of(upstream: str, options: Mapping[str, Any]) -> Abilities:
    """What requests under this name obey of a task's fields. Every model makes about a megapixel unless it is told."""
    sizes = {"1K", *facts_of(upstream, options).sizes} & {*SIZE_CLASSES}
    able = Abilities(aspect_ratio=True, seed=True, size_classes=frozenset(sizes))
    if facts_of(upstream, options).thinks and "thinking_level" not in options:
        able = replace(able, qualities=frozenset(_LEVEL_OF_QUALITY))
    return replace(able, size_classes=frozenset()) if "image_size" in options else able


_LEVEL_OF_QUALITY: Final = {"low": "minimal", "medium": "medium", "high": "high"}
"""Values of `thinkingLevel`: how long a model plans before it draws decides what the picture is worth, and costs."""


def with_choices(request: GenerationRequest, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The options with the caller's size and quality, which the route leaves open."""
    size, quality, facts = request.spec.size, request.spec.quality, facts_of(request.upstream, options)
    chosen = {"image_size": size} if size in facts.sizes else {}
    if quality in _LEVEL_OF_QUALITY and facts.thinks:
        chosen["thinking_level"] = _LEVEL_OF_QUALITY[quality]
    return {**options, **chosen}


# --- encode ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GeminiCall:
    path: str
    json: Mapping[str, Any]


def encode(request: GenerationRequest, options: Mapping[str, Any]) -> GeminiCall | Failure:
    """Build the HTTP call, or return why Google would refuse it. `options` are those of account and route, merged."""
    facts = facts_of(request.upstream, options)
    if refusal := too_many_references(request, facts.references):
        return refusal
    if wrong := _option_problem(request.upstream, facts, options):
        return Failure(FailureKind.BAD_INPUT, wrong)
    model = quote(request.upstream.removeprefix("models/"), safe="")
    body = {
        "contents": [{"role": "user", "parts": list(_parts(request))}],
        "generationConfig": dict(_config(request, facts, options)),
    }
    if "safety_settings" in options:
        body["safetySettings"] = options["safety_settings"]
    return GeminiCall(f"{_version(options)}/models/{model}:generateContent", body)


def _version(options: Mapping[str, Any]) -> str:
    return quote(str(options.get("api_version", "v1beta")), safe="")


def _option_problem(upstream: str, facts: GeminiFacts, options: Mapping[str, Any]) -> str | None:
    if "thinking_level" in options and not facts.thinks:
        return f"the route sets thinking_level for {upstream}, which takes none"
    size = options.get("image_size")
    if size is None or size in facts.sizes:
        return None
    known = ", ".join(facts.sizes) or "no sizes to choose from"
    return f"the route sets image_size {size!r} for {upstream}, which has {known}"


def _parts(request: GenerationRequest) -> Iterator[dict[str, Any]]:
    """Each picture after a label that the prompt can refer to ("Image 1"); the prompt last."""
    for number, each in enumerate(request.references, start=1):
        yield {"text": f"Image {number}:"}
        yield {"inlineData": {"mimeType": each.media_type, "data": file_as_base64(each.path)}}
    yield {"text": request.prompt}


def _config(request: GenerationRequest, facts: GeminiFacts, options: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    # With TEXT among the modalities an answer may hold only text.
    yield from (("responseModalities", ["IMAGE"]), ("candidateCount", 1))
    yield "seed", request.seed & 0x7FFF_FFFF
    if "thinking_level" in options:
        yield "thinkingConfig", {"thinkingLevel": options["thinking_level"]}
    image: dict[str, str] = {}
    if shape := request.aspect_ratio or _first_shape(request):
        image["aspectRatio"] = nearest(shape, facts.shapes)
    if "image_size" in options:
        image["imageSize"] = options["image_size"]
    if image:
        yield "imageConfig", image


def _first_shape(request: GenerationRequest) -> str | None:
    """The shape of the caller's first picture among several: left to itself the model takes that of the last."""
    if request.own_references and len(request.references) > 1:
        first = request.references[0]
        return f"{first.width}:{first.height}"
    return None


# --- decode ---------------------------------------------------------------------------------------------------------

_POLICY_BLOCK_REASONS: Final = frozenset(
    {"SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY", "MODEL_ARMOR", "JAILBREAK"}
)
_FINISH_REASONS: Final[Mapping[str, FailureKind]] = {
    **dict.fromkeys(
        (
            *("SAFETY", "IMAGE_SAFETY", "PROHIBITED_CONTENT", "IMAGE_PROHIBITED_CONTENT", "RECITATION"),
            *("IMAGE_RECITATION", "BLOCKLIST", "SPII", "MODEL_ARMOR", "ESCALATION"),
        ),
        FailureKind.CONTENT_POLICY,
    ),
    "PUP_LIMITED_DISABLED": FailureKind.AUTH,
    "MAX_TOKENS": FailureKind.BAD_INPUT,
    "LANGUAGE": FailureKind.BAD_INPUT,
    "CONTINUATION": FailureKind.BAD_INPUT,
}
"""The kind of a `finishReason` that comes without a picture; every other one is NO_IMAGE."""

_REASONS: Final[Mapping[FailureKind, str]] = {
    FailureKind.CONTENT_POLICY: "Google's content policy blocked the picture",
    FailureKind.AUTH: "Google has limited the account",
    FailureKind.BAD_INPUT: "Google could not process this prompt",
    FailureKind.NO_IMAGE: "Google returned no picture",
}


def decode(
    answer: VendorResponse, request: GenerationRequest, options: Mapping[str, Any]
) -> Delivered | LinkedImage | Failure:
    """Interpret the answer; base64 pictures in its body have already been written to files.

    A status 200 without a picture is the usual form of a refusal (ai.google.dev, "finishReason" and "blockReason").
    """
    if not answer.ok:
        return _refusal(answer)
    outcome = _decode_body(answer, request, options)
    if isinstance(outcome, Failure) and _output_tokens(answer.body) > 0:
        return replace(outcome, charged=True)
    return outcome


def _decode_body(
    answer: VendorResponse, request: GenerationRequest, options: Mapping[str, Any]
) -> Delivered | LinkedImage | Failure:
    candidates = [each for each in _list(answer.body, "candidates") if isinstance(each, dict)]
    if not candidates:
        return _without_candidates(answer)
    pictures = [picture for each in candidates for picture in _pictures(each)]
    if not pictures:
        return _no_picture(answer, candidates[0])
    served_by, cost_usd = (
        _served_by(answer.body, request),
        cost_of(answer.body, facts_of(request.upstream, options), options),
    )
    match pictures[-1]:
        case Path() | bytes() as picture:
            return Delivered(Picture(picture), served_by, cost_usd)
        case str(link):
            return LinkedImage(link, served_by, cost_usd)
    return _bad_output(answer, "does not contain base64 where the picture should be")


def _without_candidates(answer: VendorResponse) -> Failure:
    if (refused := _error_inside(answer)) is not None:
        return _refusal(refused)
    if not isinstance(answer.body, dict) or (answer.body and not answer.body.keys() & _ANSWER_FIELDS):
        reason = "Google's answer does not follow the protocol"
        return Failure(FailureKind.UNSUPPORTED_OUTPUT, reason, charged=True, detail=detail_of(answer))
    return _blocked(answer)


_ANSWER_FIELDS: Final = frozenset(
    {
        *("candidates", "promptFeedback", "prompt_feedback", "usageMetadata", "usage_metadata"),
        *("modelVersion", "model_version", "responseId", "response_id"),
    }
)


def _error_inside(answer: VendorResponse) -> VendorResponse | None:
    """An error that came with status 200, alone or in a list, as an answer with the status it names."""
    body = answer.body[0] if isinstance(answer.body, list) and answer.body else answer.body
    error = _get(body, "error")
    if not error:
        return None
    code = _get(error, "code")
    named = _STATUSES.get(str(_get(error, "status")), 500)
    status = code if isinstance(code, int) and 400 <= code < 600 else named
    return replace(answer, status=status, body=body)


_STATUSES: Final[Mapping[str, int]] = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
"""HTTP statuses of Google's error names (cloud.google.com/apis/design/errors)."""


def _pictures(candidate: Mapping[str, Any]) -> Iterator[Path | bytes | str | None]:
    """The candidate's pictures as files, bytes or links, without drafts that are marked as thoughts. None: neither."""
    for part in _list(_get(candidate, "content"), "parts"):
        if _get(part, "thought") is True:
            continue
        data, file, text = (
            _get(part, "inlineData", "inline_data"),
            _get(part, "fileData", "file_data"),
            _get(part, "text"),
        )
        if data is not None:
            yield picture_in(_get(data, "data")) or image_link(_get(data, "data"))
        elif file is not None:
            uri = _get(file, "fileUri", "file_uri")
            yield picture_in(uri) or image_link(uri)
        elif picture := picture_in(text) or markdown_image_link(text):
            yield picture


def _blocked(answer: VendorResponse) -> Failure:
    feedback = _get(answer.body, "promptFeedback", "prompt_feedback")
    reason = _get(feedback, "blockReason", "block_reason")
    words = redacted(_get(feedback, "blockReasonMessage", "block_reason_message")) or redacted(reason)
    if str(reason) in _POLICY_BLOCK_REASONS:
        forbidden = f"Google's content policy forbids this: {words}"
        return Failure(FailureKind.CONTENT_POLICY, forbidden, detail=detail_of(answer), stage=Stage.INPUT)
    return Failure(FailureKind.NO_IMAGE, _reason(FailureKind.NO_IMAGE, words), detail=detail_of(answer))


def _no_picture(answer: VendorResponse, candidate: Mapping[str, Any]) -> Failure:
    finish = _get(candidate, "finishReason", "finish_reason")
    kind = _FINISH_REASONS.get(str(finish), FailureKind.NO_IMAGE)
    message = _get(candidate, "finishMessage", "finish_message") or " ".join(_spoken_texts(candidate))
    words = redacted(message) or redacted(finish)
    stage = Stage.OUTPUT if kind is FailureKind.CONTENT_POLICY else None
    return Failure(kind, _reason(kind, words), detail=f"HTTP {answer.status} {redacted(finish)}".rstrip(), stage=stage)


def _reason(kind: FailureKind, words: str) -> str:
    return f"{_REASONS[kind]}: {words}" if words else _REASONS[kind]


def _spoken_texts(candidate: Mapping[str, Any]) -> Iterator[str]:
    for part in _list(_get(candidate, "content"), "parts"):
        text = _get(part, "text")
        if isinstance(text, str) and _get(part, "thought") is not True:
            yield text


def _served_by(body: Mapping[str, Any], request: GenerationRequest) -> dict[str, Any]:
    reported = {
        "model_version": redacted(_get(body, "modelVersion", "model_version")),
        "response_id": redacted(_get(body, "responseId", "response_id")),
    }
    known = {name: value for name, value in reported.items() if value}
    return {"provider": "gemini", "model": request.upstream, "generative": True, **known}


def cost_of(body: Mapping[str, Any], facts: GeminiFacts, options: Mapping[str, Any]) -> float | None:
    """US dollars by token counts, else by size, else None."""
    tokens = _output_tokens(body)
    if tokens > 0 and facts.usd_per_million_out is not None:
        pictures = _picture_tokens(body, tokens)
        words = tokens - pictures + _tokens(body, "thoughtsTokenCount", "thoughts_token_count")
        given = _tokens(body, "promptTokenCount", "prompt_token_count")
        usd = pictures * facts.usd_per_million_out + words * facts.usd_per_million_words
        return (usd + given * facts.usd_per_million_in) / 1e6
    return _list_price(facts, options)


def _list_price(facts: GeminiFacts, options: Mapping[str, Any]) -> float | None:
    return facts.usd.get(str(options.get("image_size", facts.sizes[0] if facts.sizes else "")))


def _output_tokens(body: Any) -> int:
    """The output tokens that the answer reports; Google bills them whether or not they are a picture."""
    return _tokens(body, "candidatesTokenCount", "candidates_token_count")


def _picture_tokens(body: Any, tokens: int) -> int:
    """Those of the output tokens that are a picture: all, where the answer does not tell them apart."""
    usage = _get(body, "usageMetadata", "usage_metadata")
    details = _get(usage, "candidatesTokensDetails", "candidates_tokens_details")
    if not isinstance(details, list):
        return tokens
    counts = [_get(each, "tokenCount", "token_count") for each in details if _get(each, "modality") == "IMAGE"]
    return min(tokens, sum(count for count in counts if isinstance(count, int)))


def _tokens(body: Any, *names: str) -> int:
    count = _get(_get(body, "usageMetadata", "usage_metadata"), *names)
    return count if isinstance(count, int) else 0


def _bad_output(answer: VendorResponse, words: str) -> Failure:
    return Failure(FailureKind.BAD_OUTPUT, f"Google's answer {words}", charged=True, detail=detail_of(answer))


# --- refusals -------------------------------------------------------------------------------------------------------

_NO_QUOTA: Final = re.compile(r"\blimit: 0\b")


def _refusal(answer: VendorResponse) -> Failure:
    """Classify an error answer by its details, else by its HTTP status."""
    if isinstance(answer.body, list) and answer.body:
        answer = replace(answer, body=answer.body[0])
    kind = _kind_of_error(answer)
    general = failure_from(_VENDOR, answer)
    if kind is None or kind is general.kind:
        return general
    words = error_message(answer.body).words
    reason = f"{_REFUSALS[kind]}: {words}" if words else _REFUSALS[kind]
    return Failure(kind, reason, detail=detail_of(answer), of_key=kind is FailureKind.AUTH)


_REFUSALS: Final[Mapping[FailureKind, str]] = {
    FailureKind.AUTH: "Google does not accept the API key, or not from this server's location",
    FailureKind.QUOTA_EXHAUSTED: "the quota at Google is used up",
}


def _kind_of_error(answer: VendorResponse) -> FailureKind | None:
    """The kind that the error's details name; None when only the HTTP status counts."""
    error = _get(answer.body, "error")
    details = [each for each in _list(error, "details") if isinstance(each, dict)]
    words = str(_get(error, "message")).lower()
    if any(each.get("reason") == "API_KEY_INVALID" for each in details):
        return FailureKind.AUTH
    if answer.status == 400 and _get(error, "status") == "FAILED_PRECONDITION":
        if "billing" in words:
            return FailureKind.QUOTA_EXHAUSTED
        return FailureKind.AUTH if "location" in words else None
    quotas = [str(_get(one, "quotaId", "quota_id")) for each in details for one in _list(each, "violations")]
    if answer.status == 429 and (any("PerDay" in quota for quota in quotas) or _NO_QUOTA.search(words)):
        return FailureKind.QUOTA_EXHAUSTED
    return None


_LARGEST_PAGE: Final = 1000
"""Google's limit for `pageSize` in the list of models."""


def decode_models(answer: VendorResponse, upstreams: Sequence[str]) -> UpstreamCheck | None:
    if _kind_of_error(answer) is FailureKind.AUTH:
        return key_refused(answer)
    models = models_by_name(answer.body, "models", "name") if answer.ok else None
    if models is None:
        return None
    names = [name.removeprefix("models/") for name in models]
    wanted = [each.removeprefix("models/") for each in upstreams]
    if _get(answer.body, "nextPageToken", "next_page_token"):
        wanted = [each for each in wanted if each in names]  # missing ones may be on the next page
    seen = check_models(names, wanted)
    return replace(seen, says=f"the key is valid; {seen.says}")


# --- protobuf JSON ----------------------------------------------------------------------------------------------------


def _get(value: Any, *names: str) -> Any:
    """The field under the first of `names` that is present: protobuf JSON allows camelCase and snake_case."""
    return next((value[name] for name in names if name in value), None) if isinstance(value, dict) else None


def _list(value: Any, name: str) -> list[Any]:
    found = _get(value, name)
    return found if isinstance(found, list) else []


# --- the provider ---------------------------------------------------------------------------------------------------


class GeminiProvider:
    """Synchronous: the answer to `submit` has the picture. A call that is cut off has an unknown outcome.

    Where an answer has a link instead, the link is the handle of a job whose picture is ready.
    """

    name = "gemini"
    resumable = False
    free = False
    makes_workdir = True

    def __init__(self, account: VendorAccount, now: Callable[[], float] = time.time) -> None:
        """Raise ValueError for an invalid option. `now` is the wall clock in seconds."""
        self._now = now
        require_valid(account.options, OPTIONS)
        self._options = account.options
        self._http = VendorHttp(account, {"x-goog-api-key": account.key})

    async def submit(self, request: GenerationRequest, report: Report) -> Delivered | Accepted | Failure:  # noqa: ARG002 - reports no progress
        options = with_choices(request, {**self._options, **request.options})
        call = encode(request, options)
        if isinstance(call, Failure):
            return call
        answer = await self._send(call, request)
        outcome = answer if isinstance(answer, Failure) else decode(answer, request, options)
        if isinstance(outcome, LinkedImage):
            return accept_link(outcome, self._now())
        return await reject_blank(_VENDOR, outcome)

    async def poll(self, handle: Mapping[str, Any], request: GenerationRequest) -> Delivered | Pending | Failure:
        target = request.workdir / "delivered"
        return await fetch_linked(self._http, _VENDOR, handle, target, now_s=self._now(), timeout_s=request.deadline_s)

    def reference_cap(self, upstream: str, options: Mapping[str, Any]) -> int | None:
        return facts_of(upstream, {**self._options, **options}).references

    def prices(self, upstream: str, options: Mapping[str, Any]) -> Prices:
        every = {**self._options, **options}
        facts = facts_of(upstream, every)
        return Prices(_list_price(facts, every), {} if "image_size" in every else {"": by_class(facts.usd)})

    def dialect(self, upstream: str, options: Mapping[str, Any]) -> PromptDialect:  # noqa: ARG002 - labels name the pictures
        return GEMINI

    def abilities(self, upstream: str, options: Mapping[str, Any]) -> Abilities:
        return abilities_of(upstream, {**self._options, **options})

    def route_problem(self, upstream: str, options: Mapping[str, Any]) -> str | None:
        every = {**self._options, **options}
        return invalid_option(options, OPTIONS) or _option_problem(upstream, facts_of(upstream, every), every)

    async def check(self, upstreams: Sequence[str]) -> UpstreamCheck:
        path = f"{_version(self._options)}/models?pageSize={_LARGEST_PAGE}"
        return await check_endpoint(self._http, _VENDOR, path, partial(decode_models, upstreams=upstreams))

    async def close(self) -> None:
        await self._http.close()

    async def _send(self, call: GeminiCall, request: GenerationRequest) -> VendorResponse | Failure:
        # Time out before the attempt's own deadline, which could not say whether the request was sent.
        timeout_s = 0.95 * request.deadline_s
        try:
            return await self._http.call(
                "POST", call.path, json=call.json, workdir=request.workdir, timeout_s=timeout_s
            )
        except NoResponse as trouble:
            return no_response_failure(_VENDOR, trouble)
        except BadResponse as trouble:
            return bad_response_failure(_VENDOR, trouble)
