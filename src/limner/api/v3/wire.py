"""Parses the bodies of `/v3/generation/…` to `ImageRequest`."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, StrictBool, StrictStr

from limner.api.http.bodies.json_body import read_object, unknown_fields, validated
from limner.api.tripo.task_fields import (
    TOKEN_PREFIX,
    FileRef,
    OneFile,
    PictureFields,
    TaskBody,
    ViewPrompt,
    check_priority,
    each_view_once,
    listed,
    named,
    prompt_of,
    with_one_source,
)
from limner.api.v3.models import model_called
from limner.domain.base64_text import is_data_url
from limner.domain.ids import TaskId, UploadToken, is_uuid
from limner.domain.model import Models
from limner.domain.prompts.prompt import PromptRules
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.multiview import View
from limner.domain.tasks.request import (
    FileInput,
    ImageRequest,
    Source,
    TaskSource,
    TaskType,
    edit_request,
    multiview_request,
)
from limner.domain.tasks.spec import TaskSpec

PROMPT_LIMIT = 1800
PROMPT_RULES = PromptRules(PROMPT_LIMIT)

_INPUT = "A URL, a data: URL, a file token (file_…), the id of a task of yours, or an object with one of them."


class FileReference(FileRef):
    """A reference picture: exactly one of `file_token`, `url`, `object`, `task_id` and `data`."""

    def sources(self) -> Iterator[tuple[str, Source]]:
        yield from self._with_content()
        if self.task_id is not None:
            yield "task_id", TaskSource(TaskId(self.task_id), self.picture)


def _from_text(value: object) -> object:
    """Turn a plain string into a reference by its form: URL, `data:` URL, task id or file token."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.lower().startswith(("http://", "https://")):
        return {"url": text}
    if is_data_url(text):
        return {"data": text}
    if is_uuid(text):
        return {"task_id": text}
    if is_uuid(text.removeprefix(TOKEN_PREFIX)):
        return {"file_token": text}
    raise ValueError("the text is not a URL, a data: URL, a file token or a task id")


AnyInput = Annotated[
    FileReference,
    BeforeValidator(_from_text, json_schema_input_type=str | FileReference),
    AfterValidator(with_one_source),
]


class _Task(TaskBody):
    webhook_url: StrictStr | None = Field(
        default=None, max_length=2048, description="Receives the event when this task ends; see Webhooks."
    )


class _Image(PictureFields, _Task):
    prompt: StrictStr | None = Field(
        default=None,
        description=f"1 to {PROMPT_LIMIT} characters. May be left out when a template is set. "
        "`image[1]` names the first reference picture.",
    )
    negative_prompt: StrictStr | None = Field(default=None, max_length=255)
    model: StrictStr | None = Field(
        default=None, description="Default: flux.1_kontext_pro, or what the operator chose."
    )
    model_version: StrictStr | None = Field(default=None, description="Its name on v2; model counts if both are given.")
    template: StrictStr | None = Field(default=None, max_length=100)
    t_pose: StrictBool | None = None
    sketch_to_render: StrictBool | None = None


class ImageFromText(_Image):
    """Make a picture from a prompt and a template."""

    style_image: OneFile | None = None

    def inputs_given(self) -> list[FileInput]:
        return named("style_image", self.style_image)


class ImageFromImage(_Image):
    """Make a picture from reference pictures, a prompt and a template."""

    input: AnyInput | None = Field(default=None, description=_INPUT)
    inputs: list[AnyInput] | None = Field(default=None, max_length=100, description=f"Of each: {_INPUT}")
    file: AnyInput | None = Field(default=None, description=_INPUT)
    files: list[AnyInput] | None = Field(default=None, max_length=100, description=f"Of each: {_INPUT}")
    mask: AnyInput | None = Field(
        default=None,
        description=f"A PNG or WebP of the size of the first picture; its transparent parts are drawn anew. {_INPUT}",
    )

    def inputs_given(self) -> list[FileInput]:
        """All files in the order that `image[n]` refers to."""
        given = named("input", self.input) + listed("inputs", self.inputs)
        given += named("file", self.file) + listed("files", self.files)
        if not given:
            raise Refusal(
                Code.INVALID,
                "input is missing",
                suggestion="Send a picture as input, or several as inputs: a URL, a file token or the id of a task. "
                "Without one, use POST /v3/generation/text-to-image.",
                field="input",
            )
        return given


class ViewsOfImage(_Task):
    """Show the subject of a picture from the front, the left, the back and the right."""

    input: AnyInput | None = Field(default=None, description=_INPUT)
    file: AnyInput | None = Field(default=None, description="Its name on v2.")
    model: StrictStr | None = Field(default=None, description="Default: what the operator chose.")
    model_version: StrictStr | None = Field(default=None, description="Its name on v2.")


class EditedViews(_Task):
    """Change some of the four pictures of a multiview task; all four are answered."""

    input: StrictStr | None = Field(default=None, max_length=100, description="A multiview task that has succeeded.")
    original_task_id: StrictStr | None = Field(default=None, max_length=100, description="Its name on v2.")
    prompts: Annotated[list[ViewPrompt], AfterValidator(each_view_once)] = Field(min_length=1, max_length=len(View))
    model: StrictStr | None = Field(default=None, description="Default: what the operator chose.")
    model_version: StrictStr | None = Field(default=None, description="Its name on v2.")


ReadRequest = Callable[[bytes, Models], ImageRequest]


def read_text_to_image(body: bytes, models: Models) -> ImageRequest:
    return _image(TaskType.TEXT_TO_IMAGE, ImageFromText, read_object(body), models)


def read_image_to_image(body: bytes, models: Models) -> ImageRequest:
    return _image(TaskType.GENERATE_IMAGE, ImageFromImage, read_object(body), models)


def read_image_to_multiview(body: bytes, models: Models) -> ImageRequest:
    sent = read_object(body)
    task = validated(ViewsOfImage, sent)
    check_priority(task.priority)
    given = [*named("input", task.input), *named("file", task.file)]
    if not given:
        raise _missing("input", "Send the picture of the subject: a URL, a file token or the id of a task.")
    task_request = multiview_request(
        given[0],
        model=_model(task, models),
        priority=task.priority,
        echo=_echo(ViewsOfImage, sent),
        ignored=unknown_fields(ViewsOfImage, sent),
    )
    return task.with_rules(replace(task_request, webhook_url=task.webhook_url))


def read_edit_multiview(body: bytes, models: Models) -> ImageRequest:
    sent = read_object(body)
    task = validated(EditedViews, sent)
    check_priority(task.priority)
    original = task.input if task.input is not None else task.original_task_id
    if original is None:
        raise _missing("input", "Send the id of a multiview task that has succeeded.")
    task_request = edit_request(
        TaskId(original),
        [each.change() for each in task.prompts],
        model=_model(task, models),
        priority=task.priority,
        echo=_echo(EditedViews, sent) | {"original_task_id": original},
        ignored=unknown_fields(EditedViews, sent),
    )
    return task.with_rules(replace(task_request, webhook_url=task.webhook_url))


def _image(
    kind: TaskType, body: type[ImageFromText | ImageFromImage], sent: dict[str, Any], models: Models
) -> ImageRequest:
    task = validated(body, sent)
    check_priority(task.priority)
    mask = task.mask if isinstance(task, ImageFromImage) else None
    task_request = ImageRequest(
        type=kind,
        spec=TaskSpec(
            prompt=prompt_of(task.prompt, task.template, PROMPT_LIMIT),
            template=task.template,
            t_pose=bool(task.t_pose),
            sketch_to_render=bool(task.sketch_to_render),
            negative_prompt=task.negative_prompt,
            mask=mask is not None,
            ignored=unknown_fields(body, sent),
            **task.chosen(),
        ),
        model=_model(task, models),
        files=tuple(task.inputs_given()),
        mask=mask.input("mask") if mask else None,
        priority=task.priority,
        echo=_echo(body, sent),
        webhook_url=task.webhook_url,
    )
    return task.with_rules(task_request)


def _echo(model: type[BaseModel], sent: dict[str, Any]) -> dict[str, Any]:
    return {name: sent[name] for name in sent if name in model.model_fields and name not in _NOT_ECHOED}


def _missing(field: str, remedy: str) -> Refusal:
    return Refusal(Code.INVALID, f"{field} is missing", suggestion=remedy, field=field)


_NOT_ECHOED = {"input", "inputs", "file", "files", "style_image", "mask", "webhook_url"}
"""Pictures are echoed after they are resolved; a webhook URL may hold a secret."""


def _model(task: _Image | ViewsOfImage | EditedViews, models: Models) -> str | None:
    if task.model is not None:
        return model_called(task.model, models, "model")
    if task.model_version is not None:
        return model_called(task.model_version, models, "model_version")
    return None


def file_token(token: UploadToken) -> str:
    """The v3 spelling of an upload token: a bare UUID would mean a task id."""
    return TOKEN_PREFIX + token


def _plain(value: object) -> object:
    return value.removeprefix(".").lower() if isinstance(value, str) else value


_Format = Annotated[Literal["jpg", "jpeg", "png", "webp"], BeforeValidator(_plain)]
_FORMATS = "jpg, jpeg, png or webp."


class PictureFormat(BaseModel):
    """Body of `POST /v3/files/presign`. The uploaded bytes decide the type."""

    format: _Format = Field(description=_FORMATS)


class CredentialsRequest(BaseModel):
    """Body of `POST /v3/files/upload-credentials`, which some clients leave empty."""

    format: _Format = Field(default="jpeg", description=_FORMATS)
