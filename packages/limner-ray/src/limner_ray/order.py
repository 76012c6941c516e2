"""A job as it is submitted: parsed from JSON, checked, and made a request to an engine."""

import base64
import binascii
import hashlib
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from limner.domain.tasks.spec import MAX_SEED, TaskSpec
from limner.ports.provider import GenerationRequest, ReferenceImage

MAX_REFERENCES: Final = 16
MAX_REFERENCE_BYTES: Final = 32 * 2**20
MAX_PIXELS: Final = 100_000_000
MAX_PROMPT: Final = 20_000

_DATA_URI: Final = re.compile(r"data:(image/(?:png|jpeg|webp));base64,")
_FORMATS: Final = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}


class BadOrder(ValueError):
    """The submitted job cannot be drawn. `field` names what is wrong."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.field = field


class Instructions(BaseModel):
    """What the caller asked, for an engine that follows instructions rather than prose."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: str = Field(default="", max_length=MAX_PROMPT)
    template: str | None = Field(default=None, max_length=100)
    t_pose: bool = False
    sketch_to_render: bool = False


class JobFields(BaseModel):
    """The fields of a submitted job. `deadline_s` bounds one drawing of it, without its wait for a replica."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: str = Field(pattern=r"^[A-Za-z0-9_-]{8,128}$")
    model: str = Field(min_length=1, max_length=200)
    prompt: str = Field(min_length=1, max_length=MAX_PROMPT)
    instructions: Instructions = Field(default_factory=Instructions)
    seed: int = Field(ge=0, le=MAX_SEED)
    aspect_ratio: str | None = Field(default=None, pattern=r"^\d{1,5}:\d{1,5}$")
    size: str | None = Field(default=None, pattern=r"^(1K|2K|4K|\d{2,4}x\d{2,4})$")
    view: str | None = Field(default=None, max_length=40)
    output_format: str | None = Field(default=None, pattern=r"^(png|jpeg|webp)$")
    output_compression: int | None = Field(default=None, ge=0, le=100)
    own_references: int = Field(default=0, ge=0, le=MAX_REFERENCES)
    references: list[str] = Field(default_factory=list, max_length=MAX_REFERENCES)
    options: dict[str, Any] = Field(default_factory=dict)
    deadline_s: float = Field(default=600.0, gt=0, le=86_400, strict=False)

    @field_validator("options")
    @classmethod
    def _are_small(cls, options: dict[str, Any]) -> dict[str, Any]:
        if len(json.dumps(options)) > MAX_PROMPT:
            raise ValueError(f"more than {MAX_PROMPT} characters")
        return options


@dataclass(frozen=True, slots=True)
class Reference:
    """A decoded reference picture: its bytes, its type as they show it, and its size in pixels."""

    content: bytes
    media_type: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class JobOrder:
    """A checked job. `digest` tells another job under the same id from the same one."""

    id: str
    model: str
    digest: str
    fields: Mapping[str, Any]
    references: tuple[Reference, ...] = ()


def parse_order(body: bytes) -> JobOrder:
    """The job in a request's body. Decodes the headers of its pictures: call it in a thread. Raises `BadOrder`."""
    try:
        fields = JobFields.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        raise BadOrder(".".join(str(each) for each in first["loc"]), first["msg"]) from error
    if fields.own_references > len(fields.references):
        raise BadOrder("own_references", f"{fields.own_references} of {len(fields.references)} references")
    references = tuple(_reference(number, value) for number, value in enumerate(fields.references))
    kept = fields.model_dump(exclude={"id", "references"})
    return JobOrder(fields.id, fields.model, _digest(kept, references), kept, references)


def _digest(fields: Mapping[str, Any], references: tuple[Reference, ...]) -> str:
    """Of what the picture depends on. The deadline is no part: a caller that asks again has less time left."""
    drawn = {name: value for name, value in fields.items() if name != "deadline_s"}
    contents = [hashlib.sha256(each.content).hexdigest() for each in references]
    return hashlib.sha256(json.dumps([drawn, contents], sort_keys=True).encode()).hexdigest()


def _reference(number: int, value: str) -> Reference:
    field = f"references.{number}"
    head = _DATA_URI.match(value[:64])
    if head is None:
        raise BadOrder(field, "is no data URI of a PNG, JPEG or WebP picture in base64")
    if (len(value) - head.end()) * 3 // 4 > MAX_REFERENCE_BYTES + 2:
        raise BadOrder(field, f"more than {MAX_REFERENCE_BYTES} bytes")
    try:
        content = base64.b64decode(value[head.end() :], validate=True)
        with Image.open(io.BytesIO(content), formats=tuple(_FORMATS)) as picture:
            found, (width, height) = _FORMATS[str(picture.format)], picture.size
    except (binascii.Error, ValueError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadOrder(field, "is no picture that can be read") from error
    if width * height > MAX_PIXELS:
        raise BadOrder(field, f"{width}x{height} pixels, more than {MAX_PIXELS}")
    return Reference(content, found, width, height)


# --- the request to an engine -------------------------------------------------------------------------------------


def engine_request(order: JobOrder, attempt: int, workdir: Path) -> GenerationRequest:
    """The order as a provider takes it. Writes the reference pictures to `workdir`: call it in a thread."""
    fields = order.fields
    return GenerationRequest(
        task_id=order.id,
        attempt_id=f"{order.id}-{attempt}",
        upstream=order.model,
        prompt=fields["prompt"],
        spec=TaskSpec(
            **fields["instructions"],
            aspect_ratio=fields["aspect_ratio"],
            size=fields["size"],
            output_format=fields["output_format"],
            output_compression=fields["output_compression"],
            seed=fields["seed"],
        ),
        references=tuple(_written(each, workdir, number) for number, each in enumerate(order.references)),
        aspect_ratio=fields["aspect_ratio"],
        seed=fields["seed"],
        workdir=workdir,
        own_references=fields["own_references"],
        view=fields["view"],
        options=fields["options"],
        deadline_s=fields["deadline_s"],
    )


def _written(reference: Reference, workdir: Path, number: int) -> ReferenceImage:
    path = workdir / f"reference-{number}.{reference.media_type.removeprefix('image/')}"
    path.write_bytes(reference.content)
    return ReferenceImage(path, reference.media_type, reference.width, reference.height)
