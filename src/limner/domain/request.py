"""What a caller asks for, after the door has read it and before anything is promised."""

from dataclasses import dataclass
from enum import StrEnum

from limner.domain.ids import UploadToken


class TaskType(StrEnum):
    """The kinds of task, by the names of the wire."""

    GENERATE_IMAGE = "generate_image"
    TEXT_TO_IMAGE = "text_to_image"


class Bucket(StrEnum):
    """Tasks that share one limit on how many may be under way at once."""

    IMAGE = "image"


BUCKET_OF = {TaskType.GENERATE_IMAGE: Bucket.IMAGE, TaskType.TEXT_TO_IMAGE: Bucket.IMAGE}
DEFAULT_LIMITS = {Bucket.IMAGE: 10}
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


Source = UploadedSource | UrlSource | ObjectSource | InlineSource


@dataclass(frozen=True, slots=True)
class FileInput:
    """One reference picture of a request. `field` is where it stood, for messages; `type` is echoed, never trusted."""

    field: str
    type: str | None
    source: Source


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """A request for one picture, every field in its own type."""

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
