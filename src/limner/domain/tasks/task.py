"""A task and the states it may be in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from limner.domain.ids import AccountId, BlobId, TaskId


class Status(StrEnum):
    """The states a client may see. The wire also knows `unknown`, which is never used: old clients poll it forever."""

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
    """The picture of a finished task, in our own store. Of a multiview task it is the front; `views` are all four."""

    blob: BlobId
    media_type: str
    extension: str
    width: int
    height: int
    views: Mapping[str, "Result"] = field(default_factory=dict)

    def pictures(self) -> Mapping[str, "Result"]:
        """Every picture, by the name that its link ends in."""
        if not self.views:
            return {"generated_image": self}
        return {f"{view}_view": each for view, each in self.views.items()}

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Result":
        """A result from its fields as they are kept."""
        views = {view: cls.of(each) for view, each in stored.get("views", {}).items()}
        return cls(**{**stored, "blob": BlobId(stored["blob"]), "views": views})


@dataclass(frozen=True, slots=True)
class Task:
    """A task as it stands. Times are milliseconds since 1970; `price` is what was held, in credits.

    `removed_ms` is when its picture was removed, by age or on demand; its `result` is None from then on.
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


@dataclass(frozen=True, slots=True)
class Ending:
    """How a task ends: what is written to it in the same stroke that settles its credits."""

    status: Status
    consumed: int = 0
    result: Result | None = None
    served_by: Mapping[str, Any] | None = None
    error_code: int | None = None
    error_msg: str | None = None
