"""The query of a list of tasks."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from starlette.requests import Request

from limner.api.http.bodies.json_body import validated
from limner.domain.ids import KeyId, TaskId
from limner.domain.prompts.template import normalise_slug
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.listing import TaskFilter, moment_of
from limner.domain.tasks.search import search_terms
from limner.domain.tasks.task import Status

PAGE, MOST = 50, 200
"""Tasks of a page, unless the caller asks for more, and how many it may ask for."""


def _whole(text: object) -> object:
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= 9 else text


def _yes_or_no(text: object) -> object:
    return {"true": True, "1": True, "false": False, "0": False}.get(text, text) if isinstance(text, str) else text


class TaskListQuery(BaseModel):
    """Filters of a list of tasks, all of which a task has to meet, and the page."""

    model_config = ConfigDict(protected_namespaces=(), populate_by_name=True)

    q: str | None = Field(default=None, max_length=400, description="Words, or beginnings of words, of the prompt.")
    model: str | None = Field(default=None, max_length=60, description="The model that was chosen for the task.")
    template: str | None = Field(default=None, max_length=100, description="The template's name.")
    status: str | None = Field(default=None, max_length=100, description="One status or several, with commas between.")
    since: str | None = Field(
        default=None, max_length=40, description="Made then or later: Unix seconds, a date or a time in ISO 8601 (UTC)."
    )
    until: str | None = Field(default=None, max_length=40, description="Made earlier than that, written likewise.")
    key: str | None = Field(default=None, max_length=40, description="The id of the API key that was used.")
    kept: Annotated[bool | None, BeforeValidator(_yes_or_no)] = Field(
        default=None, strict=True, description="Only kept tasks, or only others."
    )
    made_from: str | None = Field(
        default=None, max_length=40, description="The id of a task: those with a reference picture from it."
    )
    limit: Annotated[int, BeforeValidator(_whole)] = Field(
        default=PAGE, ge=1, le=MOST, strict=True, description=f"A whole number from 1 to {MOST}."
    )
    after: str | None = Field(default=None, max_length=200, description="`next` of the page before.")


def read_query(request: Request, statuses: dict[str, tuple[Status, ...]]) -> tuple[TaskFilter, TaskListQuery]:
    """The filter and the page. `statuses` are those of the API, by name. Raises `Refusal` 1004."""
    query = validated(TaskListQuery, {name: value for name, value in request.query_params.items() if value})
    return _filter(query, statuses), query


def _filter(query: TaskListQuery, statuses: dict[str, tuple[Status, ...]]) -> TaskFilter:
    return TaskFilter(
        search=search_terms(query.q or ""),
        model=query.model,
        template=normalise_slug(query.template) if query.template else None,
        statuses=_statuses(query.status, statuses),
        since_ms=moment_of("since", query.since) if query.since else None,
        until_ms=moment_of("until", query.until) if query.until else None,
        key=KeyId(query.key) if query.key else None,
        kept=query.kept,
        made_from=TaskId(query.made_from) if query.made_from else None,
    )


def _statuses(text: str | None, known: dict[str, tuple[Status, ...]]) -> tuple[Status, ...]:
    named = [each.strip() for each in text.split(",")] if text else []
    for each in named:
        if each not in known:
            raise Refusal(
                Code.INVALID,
                f"there is no status {each!r}",
                suggestion=f"status may be {', '.join(known)}, or several of them with commas between.",
                field="status",
            )
    return tuple(dict.fromkeys(status for each in named for status in known[each]))
