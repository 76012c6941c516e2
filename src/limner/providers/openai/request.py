"""The HTTP request for one image."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from limner.domain.aspect_ratio import nearest, size_for, within
from limner.domain.routing.failure import Failure
from limner.ports.provider import GenerationRequest, ReferenceImage
from limner.providers._http import Part, too_many_references
from limner.providers.openai.dialects import AZURE_API_VERSION, Dialect, size_limits
from limner.providers.openai.models import SQUARE_MEGAPIXEL, OpenAiFacts, facts_of

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
    model, version = quote(routed.request.upstream, safe=""), api_version(routed.options)
    return routed.dialect.path.format(model=model, verb=verb, version=version)


def api_version(options: Mapping[str, Any]) -> str:
    return quote(str(options.get("api_version", AZURE_API_VERSION)), safe="")


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
    if pixels := routed.request.pixels(size_limits(routed.dialect, routed.facts)):
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
    width, height = size_for(shape, pixels=SQUARE_MEGAPIXEL, step=16, least=16, most=3840)
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
