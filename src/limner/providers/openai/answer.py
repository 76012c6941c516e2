"""Reads answers: a JSON body or a stream of events, from OpenAI or from a relay."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from limner.domain.routing.failure import Failure, FailureKind
from limner.ports.provider import Delivered, GenerationRequest, Picture
from limner.providers._http import (
    LinkedImage,
    OnEvent,
    VendorResponse,
    image_link,
    markdown_image_link,
    picture_in,
    redacted,
)
from limner.providers.openai.prices import cost_of
from limner.providers.openai.refusals import codes_of, detail_of, refusal_of
from limner.providers.openai.request import RoutedRequest

_COMPLETED: Final = frozenset({"image_generation.completed", "image_edit.completed"})
_PARTIAL: Final = frozenset({"image_generation.partial_image", "image_edit.partial_image"})


def decode(answer: VendorResponse, routed: RoutedRequest) -> Delivered | LinkedImage | Failure:
    """Interpret the answer; base64 pictures in its body have already been written to files."""
    if not answer.ok:
        return refusal_of(answer, routed.dialect.vendor)
    body = _final_event(answer.body) if isinstance(answer.body, list) else answer.body
    outcome = _decode_body(answer, body, routed)
    if isinstance(outcome, Failure) and routed.dialect.is_billed and _reports_output_tokens(body):
        return replace(outcome, charged=True)
    return outcome


def _decode_body(answer: VendorResponse, body: Any, routed: RoutedRequest) -> Delivered | LinkedImage | Failure:
    if isinstance(answer.body, list) and body is None:
        reason = f"{routed.dialect.vendor}'s stream ended without its final event"
        return Failure(FailureKind.UNKNOWN_OUTCOME, reason, detail=detail_of(answer))
    if image := _image_of(body):
        return _decode_image(answer, body, image, routed)
    if (status := _error_status(body)) is not None:
        return refusal_of(replace(answer, status=status, body=body, text=json.dumps(body)), routed.dialect.vendor)
    if isinstance(body, dict) and body.get("data") == []:
        reason = f"{routed.dialect.vendor} returned no picture"
        return Failure(FailureKind.NO_IMAGE, reason, detail=detail_of(answer))
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
    return next((_STATUS_BY_TYPE[each] for each in codes_of(error) if each in _STATUS_BY_TYPE), 500)


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


def _reports_output_tokens(body: Any) -> bool:
    """Whether the answer reports output tokens, which are billed; relays call them completion tokens."""
    match body:
        case {"usage": {"output_tokens": int(tokens)} | {"completion_tokens": int(tokens)}}:
            return tokens > 0
    return False


def _bad_output(answer: VendorResponse, routed: RoutedRequest, words: str) -> Failure:
    dialect = routed.dialect
    return Failure(
        FailureKind.BAD_OUTPUT,
        f"{dialect.vendor}'s answer {words}",
        charged=dialect.is_billed,
        detail=detail_of(answer),
    )


def _unsupported(answer: VendorResponse, routed: RoutedRequest) -> Failure:
    """An answer in a form that Limner does not know: the next one would be the same, so it is not bought again."""
    reason = f"{routed.dialect.vendor}'s answer does not follow the protocol"
    return Failure(FailureKind.UNSUPPORTED_OUTPUT, reason, charged=routed.dialect.is_billed, detail=detail_of(answer))
