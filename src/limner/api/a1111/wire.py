"""Reads `txt2img` and `img2img`. What only a diffusion model of one's own knows (steps, samplers) has no effect."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, StrictStr

from limner.api.http.bodies.json_body import unknown_fields, validated
from limner.api.loose_fields import MAX_REFERENCES, cleaned, model_of, shape_and_class, source_of
from limner.domain.model import Models
from limner.domain.prompts.characters import is_blank
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.fair_queue import DEFAULT_PRIORITY
from limner.domain.tasks.request import FileInput, ImageRequest, TaskType
from limner.domain.tasks.spec import MAX_IMAGES, MAX_SEED, TaskSpec

FACE = "sdapi"
"""Marks this API's tasks in their echo."""

_MAX_SIDE = 16_384


class OverrideSettings(BaseModel):
    """Settings of one call; the model is the only one that has an effect."""

    sd_model_checkpoint: StrictStr | None = Field(
        default=None, max_length=200, description="A title of GET /sdapi/v1/sd-models."
    )


class DrawBody(BaseModel):
    """The fields of `txt2img`."""

    model_config = ConfigDict(protected_namespaces=())

    prompt: StrictStr = Field(default="", description="1 to 32,000 characters, with the negative prompt.")
    negative_prompt: StrictStr = Field(default="", description="What to avoid; it becomes a sentence of the prompt.")
    width: int = Field(default=512, ge=1, le=_MAX_SIDE, description="Pixels: the nearest shape and size are made.")
    height: int = Field(default=512, ge=1, le=_MAX_SIDE, description="Pixels: the nearest shape and size are made.")
    batch_size: int = Field(default=1, ge=1, le=MAX_IMAGES, description="Pictures of a batch.")
    n_iter: int = Field(default=1, ge=1, le=MAX_IMAGES, description=f"Batches; {MAX_IMAGES} pictures in all.")
    seed: int = Field(default=-1, ge=-1, le=2**63 - 1, description="A negative seed is any.")
    send_images: bool = Field(default=True, description="Whether the answer holds the pictures.")
    override_settings: OverrideSettings = Field(default_factory=OverrideSettings, description="Settings of this call.")
    # Taken and shown again without an effect.
    steps: int | None = Field(default=None, ge=1, le=1_000, description="Without effect.")
    cfg_scale: float | None = Field(default=None, description="Without effect.")
    sampler_name: StrictStr | None = Field(default=None, max_length=100, description="Without effect.")

    @property
    def pictures(self) -> int:
        return self.batch_size * self.n_iter

    @property
    def seed_used(self) -> int | None:
        """The seed within what every vendor takes; None for any."""
        return self.seed % (MAX_SEED + 1) if self.seed >= 0 else None

    @property
    def full_prompt(self) -> str:
        avoided, wanted = self.negative_prompt.strip(), self.prompt
        return cleaned(wanted if is_blank(avoided) or is_blank(wanted) else f"{wanted}\n\nAvoid: {avoided}")


class EditBody(DrawBody):
    """The fields of `img2img`."""

    init_images: list[StrictStr] = Field(
        default_factory=list, max_length=MAX_REFERENCES, description="Pictures, in base64 or as data URLs."
    )
    mask: object = None
    denoising_strength: float | None = Field(default=None, description="Without effect.")


class DrawRequest(BaseModel):
    """A request in Limner's terms; `ignored` are the names of fields without effect."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    body: DrawBody
    request: ImageRequest
    ignored: tuple[str, ...]


def read_txt2img(sent: dict[str, Any], models: Models, default: str | None) -> DrawRequest:
    """Raises `Refusal` with the field at fault."""
    return _read(validated(DrawBody, _given(sent)), sent, (), models, default)


def read_img2img(sent: dict[str, Any], models: Models, default: str | None) -> DrawRequest:
    """Raises `Refusal` with the field at fault."""
    body = validated(EditBody, _given(sent))
    if not body.init_images:
        raise _refused("init_images", "no picture was sent", "Send one in base64.")
    if body.mask is not None:
        raise _refused("mask", "masks are not taken here", "Send an edit with a mask to POST /v1/images/edits.")
    sources = [source_of(each) for each in body.init_images]
    files = tuple(FileInput(f"init_images[{place}]", None, source) for place, source in enumerate(sources))
    return _read(body, sent, files, models, default)


def _given(sent: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in sent.items() if value is not None}


def _read(
    body: DrawBody, sent: dict[str, Any], files: tuple[FileInput, ...], models: Models, default: str | None
) -> DrawRequest:
    if body.pictures > MAX_IMAGES:
        problem = f"batch_size x n_iter is {body.pictures}, at most {MAX_IMAGES} pictures are made in one call"
        raise _refused("n_iter", problem, "Ask for fewer, or call again.")
    shape, size = shape_and_class(f"{body.width}x{body.height}")
    spec = TaskSpec(
        prompt=body.full_prompt,
        n=body.pictures,
        aspect_ratio=shape,
        size=size,
        seed=body.seed_used,
        output_format="png",
    )
    request = ImageRequest(
        type=TaskType.GENERATE_IMAGE,
        spec=spec,
        model=_model(body.override_settings.sd_model_checkpoint, models) or default,
        files=files,
        priority=DEFAULT_PRIORITY,
        echo={"prompt": spec.prompt, "api": FACE},
    )
    return DrawRequest(body=body, request=request, ignored=unknown_fields(type(body), sent))


def _model(name: str | None, models: Models) -> str | None:
    try:
        return model_of(name, models)
    except Refusal as refusal:
        raise _unknown_model(refusal) from None


def checkpoint_of(name: str, models: Models) -> str | None:
    """The model of a checkpoint's title; None for the default. Raises `Refusal`."""
    return _model(name, models)


def _unknown_model(refusal: Refusal) -> Refusal:
    return Refusal(
        refusal.code,
        refusal.reason,
        suggestion="GET /sdapi/v1/sd-models lists the models.",
        field="sd_model_checkpoint",
    )


def _refused(field: str, reason: str, suggestion: str) -> Refusal:
    return Refusal(Code.INVALID, reason, suggestion=suggestion, field=field)
