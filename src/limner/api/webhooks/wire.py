"""Request bodies and queries of `/v1/webhooks`."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, Field, StrictBool, StrictStr
from starlette.requests import Request

from limner.api.http.bodies.json_body import read_object, validated
from limner.application.webhooks.manage import MAX_DESCRIPTION, MAX_OVERLAP_HOURS, OVERLAP_HOURS
from limner.domain.refusal import Code, Refusal
from limner.domain.webhook import SELECTABLE_EVENTS, DeliveryState


class NewWebhook(BaseModel):
    """A webhook to add: with a `url`, or for the `webhook_url` of tasks."""

    url: StrictStr | None = Field(default=None, max_length=2048, description="A public https address.")
    per_task: StrictBool = Field(default=False, description="Serve the `webhook_url` of tasks.")
    events: list[StrictStr] = Field(
        default_factory=list,
        max_length=20,
        description=f"Any of {', '.join(SELECTABLE_EVENTS)}. Left out or empty: the ends of tasks.",
    )
    description: StrictStr = Field(default="", max_length=MAX_DESCRIPTION, description="A label of your own.")


class Rotation(BaseModel):
    """Options of replacing a secret."""

    overlap_hours: float = Field(
        default=OVERLAP_HOURS,
        ge=0,
        le=MAX_OVERLAP_HOURS,
        description="Hours for which messages carry the old secret's signature too.",
    )


def _parse_int(text: object) -> object:
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= 9 else text


class DeliveriesQuery(BaseModel):
    """Filter and page size of a list of deliveries."""

    state: DeliveryState | None = Field(default=None, description=f"One of {', '.join(DeliveryState)}.")
    limit: Annotated[int, BeforeValidator(_parse_int)] = Field(
        default=20, ge=1, le=100, strict=True, description="A whole number from 1 to 100."
    )


def read_new(body: bytes) -> NewWebhook:
    task_request = validated(NewWebhook, read_object(body))
    if (task_request.url is None) is not task_request.per_task:
        raise Refusal(
            Code.INVALID,
            "exactly one of url and per_task is required",
            suggestion='Send {"url": "https://…"}, or {"per_task": true}.',
            field="url",
        )
    return task_request


def read_rotation(body: bytes) -> Rotation:
    return validated(Rotation, read_object(body) if body.strip() else {})


def read_query(request: Request) -> DeliveriesQuery:
    """Parse the query string. Raises `Refusal` 1004."""
    return validated(DeliveriesQuery, dict(request.query_params))
