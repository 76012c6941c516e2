"""A parsed request for images, before it is planned and accepted."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from limner.domain.ids import TaskId, UploadToken
from limner.domain.tasks.multiview import View
from limner.domain.tasks.spec import TaskSpec


class TaskType(StrEnum):
    """The task types, by their names on the wire."""

    GENERATE_IMAGE = "generate_image"
    TEXT_TO_IMAGE = "text_to_image"
    GENERATE_MULTIVIEW = "generate_multiview_image"
    EDIT_MULTIVIEW = "edit_multiview_image"


MULTIVIEW = frozenset({TaskType.GENERATE_MULTIVIEW, TaskType.EDIT_MULTIVIEW})
"""The types that make four views, or edit some of four."""


class ConcurrencyGroup(StrEnum):
    """Task types that share one limit on queued and running tasks."""

    IMAGE = "image"
    MULTIVIEW = "multiview"
    MULTIVIEW_EDIT = "multiview_edit"


CONCURRENCY_GROUPS = {
    TaskType.GENERATE_IMAGE: ConcurrencyGroup.IMAGE,
    TaskType.TEXT_TO_IMAGE: ConcurrencyGroup.IMAGE,
    TaskType.GENERATE_MULTIVIEW: ConcurrencyGroup.MULTIVIEW,
    TaskType.EDIT_MULTIVIEW: ConcurrencyGroup.MULTIVIEW_EDIT,
}
DEFAULT_LIMITS = {ConcurrencyGroup.IMAGE: 10, ConcurrencyGroup.MULTIVIEW: 1, ConcurrencyGroup.MULTIVIEW_EDIT: 1}
"""How many tasks of a group an account may have queued or running, unless the operator sets another limit."""


@dataclass(frozen=True, slots=True)
class UploadedSource:
    """An image that was uploaded before."""

    token: UploadToken


@dataclass(frozen=True, slots=True)
class UrlSource:
    """An image that is fetched when the task runs."""

    url: str


@dataclass(frozen=True, slots=True)
class ObjectSource:
    """An image in an upload bucket."""

    bucket: str
    key: str


@dataclass(frozen=True, slots=True)
class InlineSource:
    """An image inside the request: as base64, or as a file, which belongs to whoever read the request."""

    data: str | Path


@dataclass(frozen=True, slots=True)
class TaskSource:
    """An image that an earlier task made: `picture` names it as its link does, None is the first."""

    task: TaskId
    picture: str | None = None


Source = UploadedSource | UrlSource | ObjectSource | InlineSource | TaskSource


@dataclass(frozen=True, slots=True)
class FileInput:
    """One reference image of a request. `field` is its place in the request, for messages; `type` is only echoed."""

    field: str
    type: str | None
    source: Source


@dataclass(frozen=True, slots=True)
class ViewEdit:
    """A change to one view, in the caller's words."""

    view: View
    prompt: str


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """A request for images, with every field in its own type.

    `mask` says which parts of the first file are drawn anew. `original` is the multiview task whose views `edits`
    change. `echo` is shown to the caller again. The end of the
    task is sent to `webhook_url`, for APIs that offer it.
    """

    type: TaskType
    spec: TaskSpec
    model: str | None
    files: tuple[FileInput, ...]
    priority: int
    echo: dict[str, object]
    original: TaskId | None = None
    edits: tuple[ViewEdit, ...] = ()
    webhook_url: str | None = None
    mask: FileInput | None = None

    @property
    def inputs(self) -> tuple[FileInput, ...]:
        """The files in the order of the task's inputs, the mask last."""
        return self.files if self.mask is None else (*self.files, self.mask)


def multiview_request(
    file: FileInput, *, model: str | None, priority: int, echo: dict[str, object], ignored: tuple[str, ...]
) -> ImageRequest:
    """A request for the four views of the subject in an image."""
    return ImageRequest(
        type=TaskType.GENERATE_MULTIVIEW,
        spec=TaskSpec(ignored=ignored),
        model=model,
        files=(file,),
        priority=priority,
        echo=echo,
    )


def edit_request(
    original: TaskId,
    edits: Sequence[ViewEdit],
    *,
    model: str | None,
    priority: int,
    echo: dict[str, object],
    ignored: tuple[str, ...],
) -> ImageRequest:
    """A request for changes to the views of an earlier task."""
    return ImageRequest(
        type=TaskType.EDIT_MULTIVIEW,
        spec=TaskSpec(ignored=ignored),
        model=model,
        files=(),
        priority=priority,
        echo=echo,
        original=original,
        edits=tuple(edits),
    )
