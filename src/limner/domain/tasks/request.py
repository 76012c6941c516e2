"""What a caller asks for, after the door has read it and before anything is promised."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from limner.domain.ids import TaskId, UploadToken
from limner.domain.tasks.multiview import View


class TaskType(StrEnum):
    """The kinds of task, by the names of the wire."""

    GENERATE_IMAGE = "generate_image"
    TEXT_TO_IMAGE = "text_to_image"
    GENERATE_MULTIVIEW = "generate_multiview_image"
    EDIT_MULTIVIEW = "edit_multiview_image"


MULTIVIEW = frozenset({TaskType.GENERATE_MULTIVIEW, TaskType.EDIT_MULTIVIEW})
"""The types that make four pictures, or change some of four."""


class ConcurrencyGroup(StrEnum):
    """Tasks that share one limit on how many may be under way at once."""

    IMAGE = "image"
    MULTIVIEW = "multiview"
    MULTIVIEW_EDIT = "multiview_edit"


BUCKET_OF = {
    TaskType.GENERATE_IMAGE: ConcurrencyGroup.IMAGE,
    TaskType.TEXT_TO_IMAGE: ConcurrencyGroup.IMAGE,
    TaskType.GENERATE_MULTIVIEW: ConcurrencyGroup.MULTIVIEW,
    TaskType.EDIT_MULTIVIEW: ConcurrencyGroup.MULTIVIEW_EDIT,
}
DEFAULT_LIMITS = {ConcurrencyGroup.IMAGE: 10, ConcurrencyGroup.MULTIVIEW: 1, ConcurrencyGroup.MULTIVIEW_EDIT: 1}
"""How many tasks of a bucket an account may have queued or running, unless the operator says otherwise."""


@dataclass(frozen=True, slots=True)
class UploadedSource:
    """A picture that was uploaded before."""

    token: UploadToken


@dataclass(frozen=True, slots=True)
class UrlSource:
    """A picture to fetch when the task runs."""

    url: str


@dataclass(frozen=True, slots=True)
class ObjectSource:
    """A picture put into an upload bucket."""

    bucket: str
    key: str


@dataclass(frozen=True, slots=True)
class InlineSource:
    """A picture that came inside the request, still base64."""

    data: str


@dataclass(frozen=True, slots=True)
class TaskSource:
    """The picture that an earlier task made."""

    task: TaskId


Source = UploadedSource | UrlSource | ObjectSource | InlineSource | TaskSource


@dataclass(frozen=True, slots=True)
class FileInput:
    """One reference picture of a request. `field` is where it stood, for messages; `type` is echoed, never trusted."""

    field: str
    type: str | None
    source: Source


@dataclass(frozen=True, slots=True)
class ViewEdit:
    """What shall be different in one view."""

    view: View
    wish: str


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """A request for pictures, every field in its own type. `aspect_ratio` is a wish, as "W:H".

    `original` is the multiview task whose views `changes` are for. `webhook_url` is where the end of this one task is
    told, for faces that offer it.
    """

    type: TaskType
    prompt: str
    model: str | None
    template: str | None
    files: tuple[FileInput, ...]
    t_pose: bool
    sketch_to_render: bool
    negative_prompt: str | None
    priority: int
    echo: dict[str, object]
    ignored: tuple[str, ...]
    aspect_ratio: str | None = None
    original: TaskId | None = None
    changes: tuple[ViewEdit, ...] = ()
    webhook_url: str | None = None


def multiview_request(
    file: FileInput, *, model: str | None, priority: int, echo: dict[str, object], ignored: tuple[str, ...]
) -> ImageRequest:
    """A request for the four views of the subject that a picture shows."""
    return _of_views(TaskType.GENERATE_MULTIVIEW, (file,), model, priority, echo, ignored)


def edit_request(
    original: TaskId,
    changes: Sequence[ViewEdit],
    *,
    model: str | None,
    priority: int,
    echo: dict[str, object],
    ignored: tuple[str, ...],
) -> ImageRequest:
    """A request for changes to the views of an earlier task."""
    plain = _of_views(TaskType.EDIT_MULTIVIEW, (), model, priority, echo, ignored)
    return replace(plain, original=original, changes=tuple(changes))


def _of_views(  # noqa: PLR0917 - the facts in which such requests differ
    kind: TaskType,
    files: tuple[FileInput, ...],
    model: str | None,
    priority: int,
    echo: dict[str, object],
    ignored: tuple[str, ...],
) -> ImageRequest:
    return ImageRequest(
        type=kind,
        prompt="",
        model=model,
        template=None,
        files=files,
        t_pose=False,
        sketch_to_render=False,
        negative_prompt=None,
        priority=priority,
        echo=echo,
        ignored=ignored,
    )
