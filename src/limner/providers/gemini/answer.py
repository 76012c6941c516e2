"""Reads answers: pictures as base64, as links, in files or in words; a status 200 may hold a refusal or an error."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from limner.domain.routing.failure import Failure, FailureKind, Stage
from limner.ports.provider import Delivered, GenerationRequest, Picture
from limner.providers._http import (
    LinkedImage,
    VendorResponse,
    detail_of,
    image_link,
    markdown_image_link,
    picture_in,
    redacted,
)
from limner.providers.gemini.models import facts_of
from limner.providers.gemini.prices import cost_of, output_tokens
from limner.providers.gemini.protobuf_json import get_field, get_list
from limner.providers.gemini.refusals import refusal_of

POLICY_BLOCK_REASONS: Final = frozenset(
    {"SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY", "MODEL_ARMOR", "JAILBREAK"}
)
FINISH_REASONS: Final[Mapping[str, FailureKind]] = {
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
        return refusal_of(answer)
    outcome = _decode_body(answer, request, options)
    if isinstance(outcome, Failure) and output_tokens(answer.body) > 0:
        return replace(outcome, charged=True)
    return outcome


def _decode_body(
    answer: VendorResponse, request: GenerationRequest, options: Mapping[str, Any]
) -> Delivered | LinkedImage | Failure:
    candidates = [each for each in get_list(answer.body, "candidates") if isinstance(each, dict)]
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
        return refusal_of(refused)
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
    error = get_field(body, "error")
    if not error:
        return None
    code = get_field(error, "code")
    named = _STATUSES.get(str(get_field(error, "status")), 500)
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
    for part in get_list(get_field(candidate, "content"), "parts"):
        if get_field(part, "thought") is True:
            continue
        data, file, text = (
            get_field(part, "inlineData", "inline_data"),
            get_field(part, "fileData", "file_data"),
            get_field(part, "text"),
        )
        if data is not None:
            yield picture_in(get_field(data, "data")) or image_link(get_field(data, "data"))
        elif file is not None:
            uri = get_field(file, "fileUri", "file_uri")
            yield picture_in(uri) or image_link(uri)
        elif picture := picture_in(text) or markdown_image_link(text):
            yield picture


def _blocked(answer: VendorResponse) -> Failure:
    feedback = get_field(answer.body, "promptFeedback", "prompt_feedback")
    reason = get_field(feedback, "blockReason", "block_reason")
    words = redacted(get_field(feedback, "blockReasonMessage", "block_reason_message")) or redacted(reason)
    if str(reason) in POLICY_BLOCK_REASONS:
        forbidden = f"Google's content policy forbids this: {words}{_categories(feedback)}"
        return Failure(FailureKind.CONTENT_POLICY, forbidden, detail=detail_of(answer), stage=Stage.INPUT)
    return Failure(FailureKind.NO_IMAGE, _reason(FailureKind.NO_IMAGE, words), detail=detail_of(answer))


def _no_picture(answer: VendorResponse, candidate: Mapping[str, Any]) -> Failure:
    finish = get_field(candidate, "finishReason", "finish_reason")
    kind = FINISH_REASONS.get(str(finish), FailureKind.NO_IMAGE)
    message = get_field(candidate, "finishMessage", "finish_message") or " ".join(_spoken_texts(candidate))
    words = redacted(message) or redacted(finish)
    words += _categories(candidate) if kind is FailureKind.CONTENT_POLICY else ""
    stage = Stage.OUTPUT if kind is FailureKind.CONTENT_POLICY else None
    return Failure(kind, _reason(kind, words), detail=f"HTTP {answer.status} {redacted(finish)}".rstrip(), stage=stage)


def _categories(rated: Any) -> str:
    """The categories of harm for which Google says that it blocked."""
    ratings = get_list(rated, "safetyRatings") or get_list(rated, "safety_ratings")
    names = [str(get_field(each, "category")) for each in ratings if get_field(each, "blocked") is True]
    told = [redacted(name.removeprefix("HARM_CATEGORY_").replace("_", " ").lower()) for name in names]
    return f" ({', '.join(told)})" if told else ""


def _reason(kind: FailureKind, words: str) -> str:
    return f"{_REASONS[kind]}: {words}" if words else _REASONS[kind]


def _spoken_texts(candidate: Mapping[str, Any]) -> Iterator[str]:
    for part in get_list(get_field(candidate, "content"), "parts"):
        text = get_field(part, "text")
        if isinstance(text, str) and get_field(part, "thought") is not True:
            yield text


def _served_by(body: Mapping[str, Any], request: GenerationRequest) -> dict[str, Any]:
    reported = {
        "model_version": redacted(get_field(body, "modelVersion", "model_version")),
        "response_id": redacted(get_field(body, "responseId", "response_id")),
    }
    known = {name: value for name, value in reported.items() if value}
    return {"provider": "gemini", "model": request.upstream, "generative": True, **known}


def _bad_output(answer: VendorResponse, words: str) -> Failure:
    return Failure(FailureKind.BAD_OUTPUT, f"Google's answer {words}", charged=True, detail=detail_of(answer))
