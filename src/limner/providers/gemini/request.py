"""The HTTP request for one image."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from limner.domain.aspect_ratio import nearest
from limner.domain.routing.failure import Failure, FailureKind
from limner.ports.provider import GenerationRequest
from limner.providers._http import file_as_base64, too_many_references
from limner.providers.gemini.models import GeminiFacts, facts_of


@dataclass(frozen=True, slots=True)
class GeminiCall:
    path: str
    json: Mapping[str, Any]


def encode(request: GenerationRequest, options: Mapping[str, Any]) -> GeminiCall | Failure:
    """Build the HTTP call, or return why Google would refuse it. `options` are those of account and route, merged."""
    facts = facts_of(request.upstream, options)
    if refusal := too_many_references(request, facts.references):
        return refusal
    if wrong := option_problem(request.upstream, facts, options):
        return Failure(FailureKind.BAD_INPUT, wrong)
    model = quote(request.upstream.removeprefix("models/"), safe="")
    body = {
        "contents": [{"role": "user", "parts": list(_parts(request))}],
        "generationConfig": dict(_config(request, facts, options)),
    }
    if "safety_settings" in options:
        body["safetySettings"] = options["safety_settings"]
    return GeminiCall(f"{api_version(options)}/models/{model}:generateContent", body)


def api_version(options: Mapping[str, Any]) -> str:
    return quote(str(options.get("api_version", "v1beta")), safe="")


def option_problem(upstream: str, facts: GeminiFacts, options: Mapping[str, Any]) -> str | None:
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
