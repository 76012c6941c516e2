"""The list of models, which both faces answer alike."""

from datetime import UTC, date, datetime
from typing import Any

from limner.api.http.openapi_schema import fields
from limner.api.service_container import Services
from limner.application.generation.model_list import ListedModel, served_models

_NAMES = {"type": "array", "items": {"type": "string"}}
LISTED_MODEL: dict[str, Any] = {
    "type": "object",
    "required": ["model_version", "title", "aliases", "credits", "reference_images", "served_by", "obeys"],
    "properties": {
        "model_version": {"type": "string"},
        "title": {"type": "string"},
        "aliases": {**_NAMES, "description": "Further names that are accepted in its place."},
        "credits": {"type": "integer", "description": "The price of a picture."},
        "reference_images": {"type": "integer", "description": "The most of a task; 0 for none."},
        "reference_formats": {**_NAMES, "description": "Absent for a model that takes no reference images."},
        "model_with_image": {"type": "string", "description": "The model that runs when a task has reference images."},
        "served_by": {
            "type": "array",
            "items": fields(provider={"type": "string"}, model={"type": "string"}),
            "description": "Who draws, the preferred one first.",
        },
        "obeys": {"type": "object", "description": "The optional fields of a task that the first of them obeys."},
        "retired": {"type": "string", "format": "date", "description": "When its maker shut the original down."},
    },
}
MODEL_LIST: dict[str, Any] = fields(models={"type": "array", "items": LISTED_MODEL})


def model_list(services: Services) -> dict[str, Any]:
    today = datetime.fromtimestamp(services.clock.now_ms() / 1000, UTC).date()
    return {"models": [_model(each, today) for each in served_models(services.routing)]}


def _model(listed: ListedModel, today: date) -> dict[str, Any]:
    facts, retired = listed.facts, listed.retired(today)
    formats = sorted(each.partition("/")[2] for each in facts.accepts) if listed.reference_cap else None
    optional = {
        "reference_formats": formats,
        "model_with_image": facts.successor_with_image,
        "retired": retired.isoformat() if retired else None,
    }
    return {
        "model_version": facts.name,
        "title": facts.title,
        "aliases": list(facts.aliases),
        "credits": facts.credits,
        "reference_images": listed.reference_cap,
        "served_by": [{"provider": route.provider, "model": route.upstream} for route in listed.routes],
        "obeys": listed.abilities.as_json(),
        **{name: value for name, value in optional.items() if value is not None},
    }
