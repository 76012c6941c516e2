"""What clients send to `POST /task`, and how it becomes an `ImageRequest`."""

import json
from typing import Annotated, Any, Literal, NoReturn

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationError,
)

from limner.domain.fairness import DEFAULT_PRIORITY, HIGHEST_PRIORITY, LOWEST_PRIORITY
from limner.domain.ids import UploadToken
from limner.domain.refusal import Code, Refusal
from limner.domain.request import (
    FileInput,
    ImageRequest,
    InlineSource,
    ObjectSource,
    Source,
    TaskType,
    UploadedSource,
    UrlSource,
)

MOST_STRUCTURE = 4_000
"""Commas a body may hold. A task has a few dozen; a body with more is built to make the parser sweat."""

PROMPT_LIMIT = 1024


class ObjectRef(BaseModel):
    """A picture put into the upload bucket before."""

    bucket: StrictStr = Field(max_length=255)
    key: StrictStr = Field(max_length=1024)


def _hint(value: object) -> str | None:
    """What is not worth refusing a request for: the bytes tell what a picture is."""
    return value[:100] if isinstance(value, str) else None


class FileRef(BaseModel):
    """A reference picture: exactly one of `file_token`, `url`, `object` and `data`."""

    type: Annotated[str | None, BeforeValidator(_hint)] = Field(default=None, description="A hint, not validated.")
    file_token: StrictStr | None = Field(default=None, max_length=100, description="`image_token` of an upload.")
    url: StrictStr | None = Field(default=None, max_length=2048, description="A public http(s) address, at most 20 MB.")
    object: ObjectRef | None = None
    data: StrictStr | None = Field(default=None, description="The picture itself in base64, at most 20 MB decoded.")

    def source(self) -> Source:
        given = [name for name in ("file_token", "url", "object", "data") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"exactly one of file_token, url, object and data is needed, got {given or 'none'}")
        if self.object is not None:
            return ObjectSource(self.object.bucket, self.object.key)
        if self.url is not None:
            return UrlSource(self.url)
        if self.data is not None:
            return InlineSource(self.data)
        return UploadedSource(UploadToken(str(self.file_token)))


def _with_one_source(file: FileRef) -> FileRef:
    file.source()
    return file


OneFile = Annotated[FileRef, AfterValidator(_with_one_source)]


class _Common(BaseModel):
    model_config = ConfigDict(protected_namespaces=())

    priority: StrictInt = Field(
        default=DEFAULT_PRIORITY, description=f"{LOWEST_PRIORITY} to {HIGHEST_PRIORITY}, higher is sooner."
    )


class GenerateImage(_Common):
    """Make a picture from a prompt, reference pictures and a template."""

    type: Literal["generate_image"]
    prompt: StrictStr | None = Field(
        default=None,
        description=f"1 to {PROMPT_LIMIT} characters. May be left out when a template is set. "
        "`image[1]` names the first reference picture.",
    )
    model_version: StrictStr | None = Field(default=None, description="Default: flux.1_kontext_pro.")
    model: StrictStr | None = Field(default=None, description="Old name of model_version.")
    template: StrictStr | None = Field(default=None, max_length=100)
    file: OneFile | None = None
    files: list[OneFile] | None = Field(default=None, max_length=100)
    t_pose: StrictBool | None = None
    sketch_to_render: StrictBool | None = None


class TextToImage(_Common):
    """Make a picture from a prompt, on the default model."""

    type: Literal["text_to_image"]
    prompt: StrictStr = Field(description=f"1 to {PROMPT_LIMIT} characters.")
    negative_prompt: StrictStr | None = Field(default=None, max_length=255)
    style_image: OneFile | None = None


TASKS: dict[str, type[GenerateImage | TextToImage]] = {
    TaskType.GENERATE_IMAGE: GenerateImage,
    TaskType.TEXT_TO_IMAGE: TextToImage,
}


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a body. Raises `Refusal` 1003 for anything else."""
    if body.count(b",") > MOST_STRUCTURE:
        _malformed(f"the body has more than {MOST_STRUCTURE} members", "Send one task; its fields are few.")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        value = _read_leniently(body, str(error))
    if not isinstance(value, dict):
        _malformed("the body is not a JSON object", 'Send an object such as {"type":"generate_image","prompt":"…"}.')
    return value


def read_task(body: bytes) -> ImageRequest:
    """The request in the body of `POST /task`."""
    sent = read_object(body)
    kind = sent.get("type")
    if not isinstance(kind, str) or kind not in TASKS:
        raise Refusal(
            Code.TYPE_UNSUPPORTED,
            f"there is no task type {kind!r}" if kind is not None else "the field type is missing",
            suggestion=f"type may be {', '.join(TASKS)}.",
            field="type",
        )
    try:
        task = TASKS[kind].model_validate(sent)
    except ValidationError as error:
        _invalid(error, TASKS[kind])
    _check_priority(task.priority)
    return _generate(task, sent) if isinstance(task, GenerateImage) else _text(task, sent)


def _generate(task: GenerateImage, sent: dict[str, Any]) -> ImageRequest:
    files = [("file", task.file)] if task.file else []
    files += [(f"files[{n}]", file) for n, file in enumerate(task.files or ())]
    return ImageRequest(
        type=TaskType.GENERATE_IMAGE,
        prompt=_required_prompt(task),
        model=task.model_version if task.model_version is not None else task.model,
        template=task.template,
        files=tuple(_file(field, file) for field, file in files),
        t_pose=bool(task.t_pose),
        sketch_to_render=bool(task.sketch_to_render),
        negative_prompt=None,
        priority=task.priority,
        echo=_echo(task, sent),
        ignored=_ignored(task, sent),
    )


def _text(task: TextToImage, sent: dict[str, Any]) -> ImageRequest:
    return ImageRequest(
        type=TaskType.TEXT_TO_IMAGE,
        prompt=task.prompt,
        model=None,
        template=None,
        files=(_file("style_image", task.style_image),) if task.style_image else (),
        t_pose=False,
        sketch_to_render=False,
        negative_prompt=task.negative_prompt,
        priority=task.priority,
        echo=_echo(task, sent),
        ignored=_ignored(task, sent),
    )


def _required_prompt(task: GenerateImage) -> str:
    if task.prompt is None and task.template is None:
        raise Refusal(
            Code.INVALID,
            "prompt is missing",
            suggestion=f"Say what to draw, in 1 to {PROMPT_LIMIT} characters. With a template it may be left out.",
            field="prompt",
        )
    return task.prompt or ""


def _file(field: str, file: FileRef) -> FileInput:
    return FileInput(field, file.type, file.source())


def _echo(task: BaseModel, sent: dict[str, Any]) -> dict[str, Any]:
    """The caller's fields as sent, without `type` and without the pictures, which are shown as what they became."""
    pictures = {"file", "files", "style_image"}
    return {name: sent[name] for name in sent if name in type(task).model_fields and name not in pictures | {"type"}}


def _ignored(task: BaseModel, sent: dict[str, Any]) -> tuple[str, ...]:
    return tuple(sorted(name[:100] for name in sent if name not in type(task).model_fields))[:50]


def _check_priority(priority: int) -> None:
    if not LOWEST_PRIORITY <= priority <= HIGHEST_PRIORITY:
        raise Refusal(
            Code.PRIORITY_INVALID,
            f"priority is {priority}",
            suggestion=f"priority may be {LOWEST_PRIORITY} to {HIGHEST_PRIORITY}.",
            field="priority",
        )


def _read_leniently(body: bytes, problem: str) -> Any:
    """Once more with the standard parser, which lets half a surrogate pair through: in a prompt the rules name it."""
    try:
        value = json.loads(body, parse_constant=_no_constant)
        rest = {**value, "prompt": None} if isinstance(value, dict) else value
        json.dumps(rest, ensure_ascii=False).encode()  # fails for half a pair anywhere else
    except (ValueError, RecursionError):
        _malformed(f"the body is not JSON: {problem}", "Send JSON in UTF-8, with Content-Type: application/json.")
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _malformed(reason: str, suggestion: str) -> NoReturn:
    raise Refusal(Code.MALFORMED, reason, suggestion=suggestion)


def _invalid(error: ValidationError, model: type[BaseModel]) -> NoReturn:
    first = error.errors(include_url=False, include_context=False)[0]
    field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".")
    problem = str(first["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")
    described = model.model_fields[str(first["loc"][0])].description if first["loc"] else None
    raise Refusal(
        Code.INVALID,
        f"{field} is not as it should be: {problem}" if field else problem,
        suggestion=described or "Refer to the API documentation for parameter requirements",
        field=field or None,
    )
