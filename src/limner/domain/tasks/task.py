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
    """The image of a finished task, in our own store. For a multiview task it is the front; `views` holds all four.

    For a task of several images of one prompt it is the first that was made, and `more` holds the others.
    """

    blob: BlobId
    media_type: str
    extension: str
    width: int
    height: int
    views: Mapping[str, "Result"] = field(default_factory=dict)
    more: tuple["Result", ...] = ()

    def pictures(self) -> Mapping[str, "Result"]:
        """Every image, by the name that its link ends in."""
        if not self.views:
            further = {f"generated_image_{number}": each for number, each in enumerate(self.more, 2)}
            return {"generated_image": self, **further}
        return {f"{view}_view": each for view, each in self.views.items()}

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Result":
        """A result from its stored fields."""
        views = {view: cls.of(each) for view, each in stored.get("views", {}).items()}
        more = tuple(cls.of(each) for each in stored.get("more", ()))
        return cls(**{**stored, "blob": BlobId(stored["blob"]), "views": views, "more": more})


@dataclass(frozen=True, slots=True)
class PartialImage:
    """An image before it was finished, a hint and never a result. `part` says which of the task's images it is.

    `number` counts from 0 as the vendor does; after a second attempt it may occur twice.
    """

    part: str
    number: int
    image: Result


@dataclass(frozen=True, slots=True)
class IgnoredField:
    """A field of the request that is not obeyed, or not to the letter, and why."""

    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Task:
    """A task as it is stored. Times are milliseconds since 1970; `price` is what was held, in credits.

    `pictures` is how many pictures of one prompt were asked for. `ignored` are the fields that were not obeyed;
    until the task has ended, those that the preferred route does not obey.

    `removed_ms` is when its image was removed, by retention or on request; `result` is None from then on. Retention
    leaves a `kept` task's images alone. At `erase_due_ms` its content is erased, unless that is undone before; from the
    request on it is not `listed`. `template` is the normalised name. `partial_images` are in the order in which they
    came.
    """

    id: TaskId
    account: AccountId
    type: str
    concurrency_group: str
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
    ignored: tuple[IgnoredField, ...] = ()
    pictures: int = 1
    template: str | None = None
    kept: bool = False
    listed: bool = True
    erase_due_ms: int | None = None
    partial_images: tuple[PartialImage, ...] = ()

    def previews(self) -> Mapping[str, PartialImage]:
        """Its partial images, by the name that their links end in."""
        return {f"partial_image_{number}": each for number, each in enumerate(self.partial_images, 1)}


class StatusChange(NamedTuple):
    """A task's new status. A tuple, since one is made with each change."""

    task: TaskId
    status: Status


@dataclass(frozen=True, slots=True)
class Ending:
    """How a task ends: written in the unit of work that settles its credits.

    A success with an `error_msg` has fewer images than were asked for. `ignored` is None where what was expected when
    the task was accepted is still all that is known.
    """

    status: Status
    consumed: int = 0
    result: Result | None = None
    served_by: Mapping[str, Any] | None = None
    error_code: int | None = None
    error_msg: str | None = None
    ignored: tuple[IgnoredField, ...] | None = None
