"""A task, its statuses and its result."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from limner.domain.ids import AccountId, BlobId, TaskId


class Status(StrEnum):
    """The statuses that clients see. `unknown` of the wire is never used: old clients would poll it for ever."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    BANNED = "banned"
    EXPIRED = "expired"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        return self not in (Status.QUEUED, Status.RUNNING)


@dataclass(frozen=True, slots=True)
class Result:
    """The image of a finished task, in our own store. For a multiview task it is the front; `views` holds all four."""

    blob: BlobId
    media_type: str
    extension: str
    width: int
    height: int
    views: Mapping[str, "Result"] = field(default_factory=dict)

    def pictures(self) -> Mapping[str, "Result"]:
        """Every image, by the name that its link ends in."""
        if not self.views:
            return {"generated_image": self}
        return {f"{view}_view": each for view, each in self.views.items()}

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Result":
        """A result from its stored fields."""
        views = {view: cls.of(each) for view, each in stored.get("views", {}).items()}
        return cls(**{**stored, "blob": BlobId(stored["blob"]), "views": views})


@dataclass(frozen=True, slots=True)
class Task:
    """A task as it is stored. Times are milliseconds since 1970; `price` is what was held, in credits.

    `removed_ms` is when its image was removed, by retention or on request; `result` is None from then on. Retention
    leaves a `kept` task's images alone. At `erase_due_ms` its content is erased, unless that is undone before; from the
    request on it is not `listed`. `template` is the normalised name.
    """

    id: TaskId
    account: AccountId
    type: str
    bucket: str
    status: Status
    model: str
    echo: Mapping[str, Any]
    price: int
    consumed: int
    priority: int
    progress: int
    expected_ms: int | None
    created_ms: int
    started_ms: int | None
    finished_ms: int | None
    queue_deadline_ms: int
    run_limit_ms: int
    cancel_requested: bool
    result: Result | None
    served_by: Mapping[str, Any] | None
    error_code: int | None
    error_msg: str | None
    removed_ms: int | None = None
    template: str | None = None
    kept: bool = False
    listed: bool = True
    erase_due_ms: int | None = None


class StatusChange(NamedTuple):
    """A task's new status. A tuple, since one is made with each change."""

    task: TaskId
    status: Status


@dataclass(frozen=True, slots=True)
class Ending:
    """How a task ends: written in the unit of work that settles its credits."""

    status: Status
    consumed: int = 0
    result: Result | None = None
    served_by: Mapping[str, Any] | None = None
    error_code: int | None = None
    error_msg: str | None = None
