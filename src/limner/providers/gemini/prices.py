"""What Google's pictures cost: by the answer's token counts, else by size."""

from collections.abc import Mapping
from typing import Any

from limner.providers.gemini.models import GeminiFacts
from limner.providers.gemini.protobuf_json import get_field


def cost_of(body: Mapping[str, Any], facts: GeminiFacts, options: Mapping[str, Any]) -> float | None:
    """US dollars by token counts, else by size, else None."""
    tokens = output_tokens(body)
    if tokens > 0 and facts.usd_per_million_out is not None:
        pictures = _picture_tokens(body, tokens)
        words = tokens - pictures + _tokens(body, "thoughtsTokenCount", "thoughts_token_count")
        given = _tokens(body, "promptTokenCount", "prompt_token_count")
        usd = pictures * facts.usd_per_million_out + words * facts.usd_per_million_words
        return (usd + given * facts.usd_per_million_in) / 1e6
    return list_price(facts, options)


def list_price(facts: GeminiFacts, options: Mapping[str, Any]) -> float | None:
    return facts.usd.get(str(options.get("image_size", facts.sizes[0] if facts.sizes else "")))


def output_tokens(body: Any) -> int:
    """The output tokens that the answer reports; Google bills them whether or not they are a picture."""
    return _tokens(body, "candidatesTokenCount", "candidates_token_count")


def _picture_tokens(body: Any, tokens: int) -> int:
    """Those of the output tokens that are a picture: all, where the answer does not tell them apart."""
    usage = get_field(body, "usageMetadata", "usage_metadata")
    details = get_field(usage, "candidatesTokensDetails", "candidates_tokens_details")
    if not isinstance(details, list):
        return tokens
    counts = [
        get_field(each, "tokenCount", "token_count") for each in details if get_field(each, "modality") == "IMAGE"
    ]
    return min(tokens, sum(count for count in counts if isinstance(count, int)))


def _tokens(body: Any, *names: str) -> int:
    count = get_field(get_field(body, "usageMetadata", "usage_metadata"), *names)
    return count if isinstance(count, int) else 0
