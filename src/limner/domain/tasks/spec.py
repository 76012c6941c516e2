"""The spec of a task: what it is to make. Carried from the parsed request to the provider, and stored with the task."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from limner.domain.spending_rules import Fallback, SpendingRules
from limner.domain.tasks.task import Result

MAX_IMAGES = 10
"""The most pictures of one prompt in one task."""

MAX_PARTIAL_IMAGES = 3
"""The most previews of one picture."""

MAX_SEED = 2**31 - 1
"""The largest number that every vendor with a seed takes."""


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """One image of a task: its part, its prompt, and the index of the reference that it is drawn from.

    A task of one image has one spec with an empty part and all references. `caller_prompt` is the caller's own text
    where `prompt` holds more than that.
    """

    part: str
    prompt: str
    reference: int | None = None
    caller_prompt: str | None = None


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """What a task is to make. `aspect_ratio` is "W:H"; `ignored` are fields of the request that have no meaning.

    `n` pictures are made of one prompt. `size` is a class (1K, 2K, 4K) or "WIDTHxHEIGHT"; `output_compression` is 0 to
    100; the first picture has the `seed`, each further one the next. With `mask`, the input of that name says by its
    transparent parts what of the first reference is drawn anew. Of each picture `partial_images` previews are shown.
    `max_vendor_usd` and `fallback` are the rules for its routes. `template_version` is the digest of the template as it
    was, `template_row` its stored version.

    `views` are the images of a multiview task, `unchanged_views` those that an edit takes over from the original task.
    A new field needs a default, for rows that were written before it; its stored name is its name.
    """

    prompt: str = ""
    template: str | None = None
    template_version: str | None = None
    template_row: str | None = None
    t_pose: bool = False
    sketch_to_render: bool = False
    negative_prompt: str | None = None
    aspect_ratio: str | None = None
    n: int = 1
    size: str | None = None
    quality: str | None = None
    background: str | None = None
    output_format: str | None = None
    output_compression: int | None = None
    seed: int | None = None
    mask: bool = False
    partial_images: int | None = None
    max_vendor_usd: float | None = None
    fallback: str | None = None
    ignored: tuple[str, ...] = ()
    views: tuple[ImageSpec, ...] = ()
    unchanged_views: Mapping[str, Result] = field(default_factory=dict)

    @property
    def images(self) -> tuple[ImageSpec, ...]:
        """The images that the task consists of."""
        return self.views or tuple(ImageSpec(part, self.prompt) for part in self._parts)

    @property
    def distinct_images(self) -> tuple[ImageSpec, ...]:
        """The images whose prompts differ: several pictures of one prompt are one."""
        return self.views or (ImageSpec("", self.prompt),)

    @property
    def _parts(self) -> tuple[str, ...]:
        return ("",) if self.n == 1 else tuple(str(number) for number in range(1, self.n + 1))

    @property
    def are_independent(self) -> bool:
        """Whether each image is of use without the others."""
        return not self.views

    @property
    def rules(self) -> SpendingRules:
        """What the task may cost at vendors, and which routes it may fall back to."""
        return SpendingRules(self.max_vendor_usd, Fallback(self.fallback) if self.fallback else None)

    @property
    def has_options(self) -> bool:
        """Whether there are fields that some models obey and others do not."""
        return any(getattr(self, name) is not None for name in _OPTIONS)

    @property
    def texts(self) -> tuple[str, ...]:
        """What the caller wrote, for search."""
        return (self.prompt, *(each.caller_prompt for each in self.views if each.caller_prompt))

    def to_json(self) -> dict[str, Any]:
        """The spec as it is stored."""
        stored = {name: getattr(self, name) for name in _ALWAYS_STORED} | {"ignored": list(self.ignored)}
        stored |= {name: value for name in _PLAIN if (value := getattr(self, name)) != getattr(_DEFAULT, name)}
        if self.views:
            stored["views"] = [_image_to_json(each) for each in self.views]
        if self.unchanged_views:
            stored["stays"] = {view: _result_to_json(result) for view, result in self.unchanged_views.items()}
        return stored

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "TaskSpec":
        """A stored spec, of this version or an earlier one."""
        return cls(
            **{name: stored[name] for name in _PLAIN if name in stored},
            ignored=tuple(stored.get("ignored", ())),
            views=tuple(_image_from_json(each) for each in stored.get("views") or ()),
            unchanged_views={view: Result.of(result) for view, result in stored.get("stays", {}).items()},
        )


_OPTIONS = (
    "aspect_ratio",
    "size",
    "quality",
    "background",
    "output_format",
    "output_compression",
    "seed",
    "partial_images",
)
_ALWAYS_STORED = ("prompt", "template", "t_pose", "sketch_to_render", "negative_prompt", "aspect_ratio")
_DEFAULT = TaskSpec()
_PLAIN = tuple(each.name for each in fields(TaskSpec) if each.name not in {"ignored", "views", "unchanged_views"})


def _result_to_json(result: Result) -> dict[str, Any]:
    return {name: value for name, value in asdict(result).items() if name != "more"}  # a view is one image


def _image_to_json(image: ImageSpec) -> dict[str, Any]:
    return {"part": image.part, "prompt": image.prompt, "reference": image.reference, "wish": image.caller_prompt}


def _image_from_json(stored: Mapping[str, Any]) -> ImageSpec:
    return ImageSpec(stored["part"], stored["prompt"], stored.get("reference"), stored.get("wish"))
