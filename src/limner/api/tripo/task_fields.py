"""Request fields shared by the v2 and v3 APIs."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictFloat, StrictInt, StrictStr

from limner.application.tasks.picture_options import RATIO_HELP, SIZE_HELP
from limner.domain.ids import TaskId, UploadToken
from limner.domain.refusal import Code, Refusal
from limner.domain.routing.abilities import OUTPUT_FORMATS, QUALITIES
from limner.domain.routing.obeyed import BACKGROUNDS
from limner.domain.spending_rules import Fallback
from limner.domain.tasks.fair_queue import DEFAULT_PRIORITY, HIGHEST_PRIORITY, LOWEST_PRIORITY
from limner.domain.tasks.multiview import View
from limner.domain.tasks.request import (
    FileInput,
    ImageRequest,
    InlineSource,
    ObjectSource,
    Source,
    TaskSource,
    UploadedSource,
    UrlSource,
    ViewEdit,
)
from limner.domain.tasks.spec import MAX_IMAGES, MAX_PARTIAL_IMAGES, MAX_SEED
from limner.domain.tasks.task import Task
from limner.ports.links import Links

TOKEN_PREFIX = "file_"  # noqa: S105 - the prefix of upload tokens in v3; v2's `image_token` has none


class ObjectRef(BaseModel):
    """A picture uploaded to the bucket."""

    bucket: StrictStr = Field(max_length=255)
    key: StrictStr = Field(max_length=1024)


def _hint(value: object) -> str | None:
    """A declared type, never refused: the type is detected from the bytes."""
    return value[:100] if isinstance(value, str) else None


class FileRef(BaseModel):
    """A reference picture: exactly one of `file_token`, `url`, `object`, `task_id` and `data`."""

    type: Annotated[str | None, BeforeValidator(_hint)] = Field(default=None, description="A hint, not validated.")
    file_token: StrictStr | None = Field(default=None, max_length=100, description="The token an upload answered.")
    url: StrictStr | None = Field(default=None, max_length=8192, description="A public http(s) URL, at most 20 MB.")
    object: ObjectRef | None = None
    data: StrictStr | None = Field(default=None, description="The picture itself in base64, at most 20 MB decoded.")
    task_id: StrictStr | None = Field(default=None, max_length=100, description="A task of yours that made a picture.")
    picture: StrictStr | None = Field(
        default=None,
        max_length=40,
        description="With `task_id`: which of its pictures, by the name in its link, such as `generated_image_2` or "
        "`left_view`. Default: the first.",
    )

    def source(self) -> Source:
        given = dict(self.sources())
        if len(given) != 1:
            raise ValueError(f"exactly one of {self.ways()} is needed, got {list(given) or 'none'}")
        return next(iter(given.values()))

    def ways(self) -> str:
        return "file_token, url, object, task_id and data"

    def sources(self) -> Iterator[tuple[str, Source]]:
        found = list(self._with_content())
        yield from found
        if self.task_id is not None and not found:  # beside another one it is ignored, as it always was
            yield "task_id", TaskSource(TaskId(self.task_id), self.picture)

    def _with_content(self) -> Iterator[tuple[str, Source]]:
        if self.file_token is not None:
            yield "file_token", UploadedSource(UploadToken(self.file_token.removeprefix(TOKEN_PREFIX)))
        if self.url is not None:
            yield "url", UrlSource(self.url)
        if self.object is not None:
            yield "object", ObjectSource(self.object.bucket, self.object.key)
        if self.data is not None:
            yield "data", InlineSource(self.data)

    def input(self, field: str) -> FileInput:
        """The domain value; `field` is the name of the request field."""
        return FileInput(field, self.type, self.source())


def with_one_source(file: FileRef) -> FileRef:
    file.source()
    return file


def _object_only(value: object) -> object:
    if not isinstance(value, dict | FileRef):
        raise ValueError('a file is an object with one of its fields, such as {"url": "https://…"}')  # noqa: TRY004 - pydantic's
    return value


OneFile = Annotated[
    FileRef, BeforeValidator(_object_only, json_schema_input_type=FileRef), AfterValidator(with_one_source)
]


class TaskBody(BaseModel):
    """Fields of every task."""

    model_config = ConfigDict(protected_namespaces=())

    priority: StrictInt = Field(
        default=DEFAULT_PRIORITY, description=f"{LOWEST_PRIORITY} to {HIGHEST_PRIORITY}, higher is sooner."
    )
    max_vendor_usd: Annotated[StrictInt | StrictFloat, Field(ge=0, le=1e6)] | None = Field(
        default=None, description="The most in US dollars that a vendor may charge for one picture, 0 to 1000000."
    )
    fallback: Fallback | None = Field(
        default=None,
        description=f"Which other routes the task may take when the first one fails: {', '.join(Fallback)}. "
        "The stricter rule of the key or the account counts.",
    )

    def with_rules(self, request: ImageRequest) -> ImageRequest:
        """The request with the rules for its routes."""
        if self.max_vendor_usd is None and self.fallback is None:
            return request
        cap = None if self.max_vendor_usd is None else float(self.max_vendor_usd)
        return replace(request, spec=replace(request.spec, max_vendor_usd=cap, fallback=self.fallback))


IGNORED: dict[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["field", "reason"],
        "properties": {"field": {"type": "string"}, "reason": {"type": "string"}},
    },
    "description": "The fields that were not obeyed; absent where there are none.",
}
"""The schema of a task's `ignored`."""


PARTIAL_IMAGES: dict[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["picture", "number", "url"],
        "properties": {
            "picture": {"type": "integer", "description": "Which of the task's pictures, from 1."},
            "number": {"type": "integer", "description": "Which of its previews, from 0."},
            "url": {"type": "string", "format": "uri"},
        },
    },
    "description": "What the pictures looked like before they were finished; absent where there are none.",
}
"""The schema of a task's `partial_images`."""


def partial_images(task: Task, account_tag: str, links: Links, now_ms: int) -> list[dict[str, Any]]:
    """The previews of a task's pictures, with fresh links."""
    return [
        {
            "picture": int(each.part) if each.part.isdecimal() else 1,
            "number": each.number,
            "url": links.picture(account_tag, task.id, each.image.extension, now_ms, name=name),
        }
        for name, each in task.previews().items()
    ]


class PictureFields(BaseModel):
    """What a caller may choose of the pictures; `limner.application.tasks.picture_options` checks the values."""

    n: StrictInt | None = Field(
        default=None,
        description=f"How many pictures are made, 1 to {MAX_IMAGES}, each at the price of one. Default: 1.",
    )
    size: StrictStr | None = Field(default=None, description=f"{SIZE_HELP} Default: what the model makes.")
    aspect_ratio: StrictStr | None = Field(default=None, description=f"Preferred ratio as {RATIO_HELP}")
    quality: StrictStr | None = Field(default=None, description=f"One of {', '.join(QUALITIES)}.")
    background: StrictStr | None = Field(default=None, description=f"One of {', '.join(BACKGROUNDS)}.")
    output_format: StrictStr | None = Field(default=None, description=f"One of {', '.join(OUTPUT_FORMATS)}.")
    output_compression: StrictInt | None = Field(
        default=None, description="0 to 100, for jpeg and webp; 100 is the best quality."
    )
    seed: StrictInt | None = Field(
        default=None, description=f"0 to {MAX_SEED}; of several pictures, each has the next number."
    )
    partial_images: StrictInt | None = Field(
        default=None,
        description=f"0 to {MAX_PARTIAL_IMAGES} previews of each picture while it is drawn, where the model has them.",
    )

    def chosen(self) -> dict[str, Any]:
        """The fields as those of a spec."""
        return {name: value for name in PictureFields.model_fields if (value := getattr(self, name)) is not None}


class ViewPrompt(BaseModel):
    """The edit of one view."""

    view: View
    prompt: StrictStr = Field(description="1 to 1024 characters.")

    def change(self) -> ViewEdit:
        return ViewEdit(self.view, self.prompt)


def each_view_once(prompts: list[ViewPrompt]) -> list[ViewPrompt]:
    twice = [view for view, count in Counter(each.view for each in prompts).items() if count > 1]
    if twice:
        raise ValueError(f"each view may be named once, {', '.join(twice)} is named more often")
    return prompts


def check_priority(priority: int) -> None:
    if not LOWEST_PRIORITY <= priority <= HIGHEST_PRIORITY:
        raise Refusal(
            Code.PRIORITY_INVALID,
            f"priority is {priority}",
            suggestion=f"priority may be {LOWEST_PRIORITY} to {HIGHEST_PRIORITY}.",
            field="priority",
        )


def named(field: str, file: FileRef | None) -> list[FileInput]:
    """The file of a single field, if it is set."""
    return [file.input(field)] if file else []


def listed(field: str, files: Sequence[FileRef] | None) -> list[FileInput]:
    """The files of a list field, named `field[n]`."""
    return [file.input(f"{field}[{n}]") for n, file in enumerate(files or ())]


def prompt_of(prompt: str | None, template: str | None, longest: int) -> str:
    """Raises `Refusal` if both are missing. `longest` is how many characters a prompt may have."""
    if prompt is None and template is None:
        raise Refusal(
            Code.INVALID,
            "prompt is missing",
            suggestion=f"Send a prompt of 1 to {longest} characters. It is optional with a template.",
            field="prompt",
        )
    return prompt or ""
