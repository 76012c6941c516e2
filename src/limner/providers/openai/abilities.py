"""What a route at OpenAI and alike obeys of a task's fields."""

from collections.abc import Mapping
from typing import Any

from limner.domain.routing.abilities import OUTPUT_FORMATS, Abilities
from limner.providers._http.requested import FIXED_BY, as_fixed_by
from limner.providers.openai.dialects import Dialect, size_limits
from limner.providers.openai.models import facts_of


def abilities_of(upstream: str, dialect: Dialect, options: Mapping[str, Any]) -> Abilities:
    """What requests under this name obey of a task's fields, with the merged options of account and route."""
    facts, known = facts_of(upstream, options), dialect.fields
    able = Abilities(
        aspect_ratio=True,
        seed=dialect.takes_seed,
        size_classes=frozenset({"1K"}) if facts.sizes else dialect.size_classes,
        exact_size=size_limits(dialect, facts),
        qualities=frozenset(facts.qualities if "quality" in known else ()),
        transparent=facts.transparent and "background" in known and options.get("output_format") != "jpeg",
        formats=frozenset(OUTPUT_FORMATS if "output_format" in known else ()),
        compression="output_compression" in known,
        mask=dialect.takes_mask,
        partial_images=dialect.can_stream and bool(options.get("stream")),
    )
    return as_fixed_by(able, options, {**FIXED_BY, "size": FIXED_BY["image_size"]})
