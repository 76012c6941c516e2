"""The spec of a task: what it is to make. Carried from the parsed request to the provider, and stored with the task."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from limner.domain.tasks.task import Result


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

    `views` are the images of a multiview task, `unchanged_views` those that an edit takes over from the original task.
    A new field needs a default, for rows that were written before it; its stored name is its name.
    """

    prompt: str = ""
    template: str | None = None
    t_pose: bool = False
    sketch_to_render: bool = False
    negative_prompt: str | None = None
    aspect_ratio: str | None = None
    ignored: tuple[str, ...] = ()
    views: tuple[ImageSpec, ...] = ()
    unchanged_views: Mapping[str, Result] = field(default_factory=dict)

    @property
    def images(self) -> tuple[ImageSpec, ...]:
        """The images that the task consists of."""
        return self.views or (ImageSpec("", self.prompt),)

    @property
    def texts(self) -> tuple[str, ...]:
        """What the caller wrote, for search."""
        return (self.prompt, *(each.caller_prompt for each in self.views if each.caller_prompt))

    def to_json(self) -> dict[str, Any]:
        """The spec as it is stored."""
        stored = {name: getattr(self, name) for name in _PLAIN} | {"ignored": list(self.ignored)}
        if self.views:
            stored["views"] = [_image_to_json(each) for each in self.views]
        if self.unchanged_views:
            stored["stays"] = {view: asdict(result) for view, result in self.unchanged_views.items()}
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


_PLAIN = tuple(each.name for each in fields(TaskSpec) if each.name not in {"ignored", "views", "unchanged_views"})


def _image_to_json(image: ImageSpec) -> dict[str, Any]:
    return {"part": image.part, "prompt": image.prompt, "reference": image.reference, "wish": image.caller_prompt}


def _image_from_json(stored: Mapping[str, Any]) -> ImageSpec:
    return ImageSpec(stored["part"], stored["prompt"], stored.get("reference"), stored.get("wish"))
