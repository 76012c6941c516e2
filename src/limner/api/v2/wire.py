"""Parses `POST /task` bodies to `ImageRequest`."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, StrictBool, StrictStr

from limner.api.http.bodies.json_body import read_object, unknown_fields, validated
from limner.api.tripo.task_fields import (
    OneFile,
    PictureFields,
    TaskBody,
    ViewPrompt,
    check_priority,
    each_view_once,
    listed,
    named,
    prompt_of,
)
from limner.domain.ids import TaskId
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.multiview import View
from limner.domain.tasks.request import ImageRequest, TaskType, edit_request, multiview_request
from limner.domain.tasks.spec import TaskSpec
from limner.domain.upload import FORMATS

PROMPT_LIMIT = 1024


class GenerateImage(PictureFields, TaskBody):
    """Make a picture from a prompt, reference pictures and a template."""

    type: Literal["generate_image"]
    prompt: StrictStr | None = Field(
        default=None,
        description=f"1 to {PROMPT_LIMIT} characters. May be left out when a template is set. "
        "`image[1]` names the first reference picture.",
    )
    model_version: StrictStr | None = Field(
        default=None, description="Default: flux.1_kontext_pro, or what the operator chose."
    )
    model: StrictStr | None = Field(default=None, description="Old name of model_version.")
    template: StrictStr | None = Field(default=None, max_length=100)
    file: OneFile | None = None
    files: list[OneFile] | None = Field(default=None, max_length=100)
    mask: OneFile | None = Field(
        default=None,
        description="A PNG or WebP of the size of the first picture; its transparent parts are drawn anew.",
    )
    t_pose: StrictBool | None = None
    sketch_to_render: StrictBool | None = None


class TextToImage(PictureFields, TaskBody):
    """Make a picture from a prompt, on the default model."""

    type: Literal["text_to_image"]
    prompt: StrictStr = Field(description=f"1 to {PROMPT_LIMIT} characters.")
    negative_prompt: StrictStr | None = Field(default=None, max_length=255)
    style_image: OneFile | None = None


class GenerateMultiview(TaskBody):
    """Show the subject of a picture from the front, the left, the back and the right."""

    type: Literal["generate_multiview_image"]
    file: OneFile
    model_version: StrictStr | None = Field(default=None, description="Default: what the operator chose.")


class EditMultiview(TaskBody):
    """Change some of the four pictures of a multiview task; all four are answered."""

    type: Literal["edit_multiview_image"]
    original_task_id: StrictStr = Field(max_length=100, description="A multiview task that has succeeded.")
    prompts: Annotated[list[ViewPrompt], AfterValidator(each_view_once)] = Field(min_length=1, max_length=len(View))
    model_version: StrictStr | None = Field(default=None, description="Default: what the operator chose.")


AnyTask = GenerateImage | TextToImage | GenerateMultiview | EditMultiview

TASKS: dict[str, type[AnyTask]] = {
    TaskType.GENERATE_IMAGE: GenerateImage,
    TaskType.TEXT_TO_IMAGE: TextToImage,
    TaskType.GENERATE_MULTIVIEW: GenerateMultiview,
    TaskType.EDIT_MULTIVIEW: EditMultiview,
}


def read_task(body: bytes) -> ImageRequest:
    """Parse the body of `POST /task`. Raises `Refusal`."""
    sent = read_object(body)
    kind = sent.get("type")
    if not isinstance(kind, str) or kind not in TASKS:
        raise Refusal(
            Code.TYPE_UNSUPPORTED,
            f"there is no task type {kind!r}" if kind is not None else "the field type is missing",
            suggestion=f"type may be {', '.join(TASKS)}.",
            field="type",
        )
    task = validated(TASKS[kind], sent)
    check_priority(task.priority)
    return task.with_rules(_request(task, sent))


def _request(task: AnyTask, sent: dict[str, Any]) -> ImageRequest:
    match task:
        case GenerateImage():
            return _generate(task, sent)
        case TextToImage():
            return _text(task, sent)
        case GenerateMultiview():
            return _multiview(task, sent)
        case EditMultiview():
            return _edit(task, sent)


def _generate(task: GenerateImage, sent: dict[str, Any]) -> ImageRequest:
    return ImageRequest(
        type=TaskType.GENERATE_IMAGE,
        spec=TaskSpec(
            prompt=prompt_of(task.prompt, task.template, PROMPT_LIMIT),
            template=task.template,
            t_pose=bool(task.t_pose),
            sketch_to_render=bool(task.sketch_to_render),
            mask=task.mask is not None,
            ignored=unknown_fields(type(task), sent),
            **task.chosen(),
        ),
        model=task.model_version if task.model_version is not None else task.model,
        files=(*named("file", task.file), *listed("files", task.files)),
        mask=task.mask.input("mask") if task.mask else None,
        priority=task.priority,
        echo=_echo(task, sent),
    )


def _text(task: TextToImage, sent: dict[str, Any]) -> ImageRequest:
    return ImageRequest(
        type=TaskType.TEXT_TO_IMAGE,
        spec=TaskSpec(
            prompt=task.prompt,
            negative_prompt=task.negative_prompt,
            ignored=unknown_fields(type(task), sent),
            **task.chosen(),
        ),
        model=None,
        files=tuple(named("style_image", task.style_image)),
        priority=task.priority,
        echo=_echo(task, sent),
    )


def _multiview(task: GenerateMultiview, sent: dict[str, Any]) -> ImageRequest:
    return multiview_request(
        task.file.input("file"),
        model=task.model_version,
        priority=task.priority,
        echo=_echo(task, sent),
        ignored=unknown_fields(type(task), sent),
    )


def _edit(task: EditMultiview, sent: dict[str, Any]) -> ImageRequest:
    return edit_request(
        TaskId(task.original_task_id),
        [each.change() for each in task.prompts],
        model=task.model_version,
        priority=task.priority,
        echo=_echo(task, sent),
        ignored=unknown_fields(type(task), sent),
    )


def _echo(task: BaseModel, sent: dict[str, Any]) -> dict[str, Any]:
    """The sent fields without `type` and pictures; the pictures are echoed after they are resolved."""
    pictures = {"file", "files", "style_image", "mask"}
    return {name: sent[name] for name in sent if name in type(task).model_fields and name not in pictures | {"type"}}


class UploadFormat(BaseModel):
    """The format of a planned upload."""

    format: StrictStr = Field(max_length=20, description=f"One of {', '.join(FORMATS)}.")


def read_upload_format(body: bytes) -> str:
    """The declared media type; the uploaded bytes decide. Raises `Refusal`."""
    described = validated(UploadFormat, read_object(body)).format.lower()
    if described not in FORMATS:
        raise Refusal(
            Code.INVALID,
            f"format is {described!r}",
            suggestion=f"Limner takes pictures: format may be {', '.join(FORMATS)}.",
            field="format",
        )
    return FORMATS[described]
