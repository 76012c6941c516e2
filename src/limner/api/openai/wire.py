"""Reads requests of OpenAI's Images API: JSON, and the fields of a form. Unknown fields are named in a header."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictStr

from limner.api.http.bodies.json_body import unknown_fields, validated
from limner.api.loose_fields import MAX_REFERENCES, PROMPT_RULES, cleaned, model_of, shape_and_class, source_of
from limner.api.tripo.task_fields import TOKEN_PREFIX
from limner.domain.ids import UploadToken
from limner.domain.model import Models
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.fair_queue import DEFAULT_PRIORITY
from limner.domain.tasks.request import (
    FileInput,
    ImageRequest,
    Source,
    TaskType,
    UploadedSource,
)
from limner.domain.tasks.spec import MAX_IMAGES, MAX_PARTIAL_IMAGES, TaskSpec

_QUALITIES = {"standard": "medium", "hd": "high", "auto": None, "": None}


def _as_number(value: object) -> object:
    """Forms send numbers as text."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10 else value


def _as_bool(value: object) -> object:
    return (
        {"true": True, "1": True, "false": False, "0": False, "": False}.get(value, value)
        if isinstance(value, str)
        else value
    )


Number = Annotated[int | None, BeforeValidator(_as_number)]
Flag = Annotated[bool | None, BeforeValidator(_as_bool)]


class ImagesBody(BaseModel):
    """The fields of `images/generations` and `images/edits`."""

    model_config = ConfigDict(protected_namespaces=(), populate_by_name=True)

    prompt: StrictStr = Field(description=f"1 to {PROMPT_RULES.limit:,} characters.")
    model: StrictStr | None = Field(default=None, max_length=200, description="Empty: the operator's default.")
    n: Number = Field(default=None, ge=1, le=MAX_IMAGES, description=f"1 to {MAX_IMAGES} pictures.")
    size: StrictStr | None = Field(
        default=None, max_length=20, description="auto or WIDTHxHEIGHT: the nearest is made."
    )
    quality: StrictStr | None = Field(default=None, max_length=20)
    background: Literal["transparent", "opaque", "auto"] | None = None
    output_format: Literal["png", "jpeg", "webp"] | None = None
    output_compression: Number = Field(default=None, ge=0, le=100)
    response_format: Literal["b64_json", "url"] | None = Field(default=None, description="Default: b64_json.")
    stream: Flag = None
    partial_images: Number = Field(
        default=None, ge=0, le=MAX_PARTIAL_IMAGES, description="Previews of each picture, in a stream."
    )
    asynchronous: Flag = Field(default=None, alias="async", description="Answer 202 with a task to poll.")
    # Taken and without effect: an app that sends them expects no refusal.
    user: object = None
    safety_identifier: object = None
    moderation: object = None
    style: object = None
    input_fidelity: object = None


def _within(value: object) -> object:
    """Chat APIs put the address into an object of its own."""
    return value.get("url") if isinstance(value, dict) else value


class ImageLink(BaseModel):
    """A picture by its address, a data URL, base64, or the token of an upload."""

    image_url: Annotated[StrictStr | None, BeforeValidator(_within)] = None
    url: StrictStr | None = None
    b64_json: StrictStr | None = None
    file_id: StrictStr | None = None

    def source(self) -> Source:
        if self.file_id is not None:
            return UploadedSource(UploadToken(self.file_id.removeprefix(TOKEN_PREFIX)))
        return source_of(self.image_url or self.url or self.b64_json or "")


class ImagesRequest(BaseModel):
    """A request in Limner's terms; `ignored` are the names of unknown fields."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    body: ImagesBody
    request: ImageRequest
    ignored: tuple[str, ...]

    @property
    def as_url(self) -> bool:
        return self.body.response_format == "url"


def read_generation(sent: dict[str, Any], models: Models) -> ImagesRequest:
    """Raises `Refusal` with the field at fault."""
    return _read(sent, (), None, models)


def read_edit(sent: dict[str, Any], models: Models) -> ImagesRequest:
    """An edit in JSON: `images: [{image_url | file_id}]`, and the loose forms that apps send as `image`."""
    rest = {name: value for name, value in sent.items() if name not in {"image", "images", "image[]", "mask", "mask[]"}}
    sources = [*_sources("images", sent.get("images")), *_sources("image", sent.get("image", sent.get("image[]")))]
    masks = list(_sources("mask", sent.get("mask", sent.get("mask[]"))))
    return read_edit_of(rest, sources, masks[0] if masks else None, models)


def read_edit_of(sent: dict[str, Any], sources: list[Source], mask: Source | None, models: Models) -> ImagesRequest:
    """An edit of these pictures."""
    if not sources:
        raise Refusal(Code.INVALID, "no picture was sent", suggestion="Send one as `image`.", field="image")
    if len(sources) > MAX_REFERENCES:
        raise Refusal(
            Code.INVALID,
            f"{len(sources)} pictures were sent, at most {MAX_REFERENCES} are taken",
            suggestion="Send fewer.",
            field="image",
        )
    files = tuple(FileInput(f"files[{place}]", None, source) for place, source in enumerate(sources))
    return _read(sent, files, FileInput("mask", None, mask) if mask else None, models)


def _read(
    sent: Mapping[str, Any], files: tuple[FileInput, ...], mask: FileInput | None, models: Models
) -> ImagesRequest:
    body = validated(ImagesBody, {name: value for name, value in sent.items() if value is not None})
    shape, size = shape_and_class(body.size)
    spec = TaskSpec(
        prompt=cleaned(body.prompt),
        n=body.n or 1,
        aspect_ratio=shape,
        size=size,
        quality=_quality(body.quality),
        background=None if body.background == "auto" else body.background,
        output_format=body.output_format,
        output_compression=body.output_compression if body.output_format in {"jpeg", "webp"} else None,
        mask=mask is not None,
        partial_images=body.partial_images if body.stream else None,
    )
    known = {"async", *ImagesBody.model_fields}
    ignored = tuple(name for name in unknown_fields(ImagesBody, dict(sent)) if name not in known)
    request = ImageRequest(
        type=TaskType.GENERATE_IMAGE,
        spec=spec,
        model=model_of(body.model, models),
        files=files,
        priority=DEFAULT_PRIORITY,
        echo={"prompt": spec.prompt},
        mask=mask,
    )
    return ImagesRequest(body=body, request=request, ignored=ignored)


def _quality(asked: str | None) -> str | None:
    return _QUALITIES.get(asked or "", asked)


def _sources(field: str, value: object) -> Iterator[Source]:
    """The pictures of a field: one or several, each an address, a data URL, base64, or an object."""
    for each in value if isinstance(value, list) else [value] if value else []:
        if isinstance(each, str):
            yield source_of(each)
        elif isinstance(each, dict):
            yield validated(ImageLink, each).source()
        else:
            raise Refusal(
                Code.INVALID,
                f"{field} holds what is no picture",
                suggestion="Send an address, a data URL, or {'image_url': …}.",
                field=field,
            )
