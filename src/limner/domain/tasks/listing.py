"""What a list of tasks is filtered by, and the place in it from which a reader continues."""

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime

from limner.domain.ids import KeyId, TaskId, is_uuid
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.search import SearchTerm
from limner.domain.tasks.task import Status

_LATEST_MS = 253_402_300_799_999
"""The last millisecond of the year 9999."""


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which tasks of an account are listed; None does not restrict. `until_ms` is exclusive.

    `made_from` is a task that the listed ones have a picture of. `search` are terms that the prompt has to hold.
    `unlisted` adds tasks that were erased, or will be.
    """

    search: tuple[SearchTerm, ...] = ()
    model: str | None = None
    template: str | None = None
    statuses: tuple[Status, ...] = ()
    since_ms: int | None = None
    until_ms: int | None = None
    key: KeyId | None = None
    kept: bool | None = None
    made_from: TaskId | None = None
    unlisted: bool = False


@dataclass(frozen=True, slots=True)
class TimePosition:
    """After this task, in a list that is ordered by time."""

    created_ms: int
    task: TaskId


@dataclass(frozen=True, slots=True)
class SearchPosition:
    """After this number of the prompt index, in a list of what a search found."""

    number: int


ListPosition = TimePosition | SearchPosition


def cursor_of(position: ListPosition) -> str:
    """The position as callers send it back; its content is none of their business."""
    match position:
        case TimePosition(created_ms, task):
            text = f"t{created_ms}.{task}"
        case SearchPosition(number):
            text = f"s{number}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def position_of(cursor: str, *, searching: bool) -> ListPosition:
    """The position behind a cursor. Raises `Refusal` for one that was not answered for this kind of list."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        raise _unknown_cursor() from None
    number, _, task = text[1:].partition(".")
    if not (number.isdecimal() and len(number) < 19) or text[0] != ("s" if searching else "t"):
        raise _unknown_cursor()
    if searching and not task:
        return SearchPosition(int(number))
    if not searching and is_uuid(task):
        return TimePosition(int(number), TaskId(task))
    raise _unknown_cursor()


def _unknown_cursor() -> Refusal:
    return Refusal(
        Code.INVALID,
        "after is no cursor of this list",
        suggestion="Send `next` of the page before, with the same filters, or leave `after` out for the first page.",
        field="after",
    )


def moment_of(field: str, text: str) -> int:
    """A time that a caller wrote: seconds since 1970, or a date or time in ISO 8601. Raises `Refusal`."""
    if text.isascii() and text.isdigit() and len(text) <= 11:
        return min(int(text) * 1000, _LATEST_MS)
    try:
        moment = datetime.fromisoformat(text)
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return int(zoned.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise Refusal(
            Code.INVALID,
            f"{field} is {text!r}, which is no time",
            suggestion=f"Write {field}=2026-11-28, {field}=2026-11-28T16:00:00Z, or seconds since 1970.",
            field=field,
        ) from None
