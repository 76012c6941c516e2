"""What a route at Google obeys of a task's fields."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from limner.domain.picture_size import SIZE_CLASSES
from limner.domain.routing.abilities import Abilities
from limner.ports.provider import GenerationRequest
from limner.providers.gemini.models import facts_of


def abilities_of(upstream: str, options: Mapping[str, Any]) -> Abilities:
    """What requests under this name obey of a task's fields. Every model makes about a megapixel unless it is told."""
    sizes = {"1K", *facts_of(upstream, options).sizes} & {*SIZE_CLASSES}
    able = Abilities(aspect_ratio=True, seed=True, size_classes=frozenset(sizes))
    if facts_of(upstream, options).thinks and "thinking_level" not in options:
        able = replace(able, qualities=frozenset(LEVEL_OF_QUALITY))
    return replace(able, size_classes=frozenset()) if "image_size" in options else able


LEVEL_OF_QUALITY: Final = {"low": "minimal", "medium": "medium", "high": "high"}
"""Values of `thinkingLevel`: how long a model plans before it draws decides what the picture is worth, and costs."""


def with_choices(request: GenerationRequest, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The options with the caller's size and quality, which the route leaves open."""
    size, quality, facts = request.spec.size, request.spec.quality, facts_of(request.upstream, options)
    chosen = {"image_size": size} if size in facts.sizes else {}
    if quality in LEVEL_OF_QUALITY and facts.thinks:
        chosen["thinking_level"] = LEVEL_OF_QUALITY[quality]
    return {**options, **chosen}
