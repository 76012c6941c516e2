"""Pagination parameters."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, Field
from starlette.requests import Request

from limner.api.http.bodies.json_body import validated


def _whole(text: object) -> object:
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= 9 else text


Whole = Annotated[int, BeforeValidator(_whole)]


class PageQuery(BaseModel):
    """`limit` rows after skipping `offset`."""

    limit: Whole = Field(default=50, ge=1, le=100, strict=True, description="A whole number from 1 to 100.")
    offset: Whole = Field(default=0, ge=0, le=100_000, strict=True, description="A whole number from 0 to 100000.")


def read_page(request: Request) -> PageQuery:
    """Parse the query. Raises `Refusal` 1004."""
    return validated(PageQuery, dict(request.query_params))
