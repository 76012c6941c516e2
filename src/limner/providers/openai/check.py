"""The free check: the list of models, with the days on which they are shut down."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from limner.ports.provider import UpstreamCheck
from limner.providers._http import VendorResponse, check_models, models_by_name, redacted
from limner.providers.openai.dialects import Dialect


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
