"""Templates: text and at most two images that a request adds by name; and the texts of the two switches."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeVar

from limner.domain.refusal import Code, Refusal

T = TypeVar("T")

MAX_PICTURES = 2
"""The most images of one template."""


@dataclass(frozen=True, slots=True)
class TemplatePicture:
    """An image that a template adds after the caller's own.

    `name` is its file name. `role` completes the sentence "Image 2: …" and says what to take from the image; the
    template's text must not mention it, since not every route takes it.
    """

    name: str
    role: str
    media_type: str


@dataclass(frozen=True, slots=True)
class Template:
    """One preset.

    `text` precedes the caller's prompt; its first sentence states the change and is never left out. `best_with` and
    `needs_image` are advice and not checked. `before` and `after` are the files of two pictures that show what it does;
    they are not sent.
    """

    slug: str
    title: str
    summary: str
    text: str
    aspect_ratio: str | None = None
    best_with: tuple[str, ...] = ()
    needs_image: bool = False
    pictures: tuple[TemplatePicture, ...] = ()
    before: str | None = None
    after: str | None = None

    def __post_init__(self) -> None:
        if len(self.pictures) > MAX_PICTURES:
            raise ValueError(
                f"template {self.slug!r} has {len(self.pictures)} pictures, at most {MAX_PICTURES} are allowed"
            )

    @property
    def files(self) -> tuple[str, ...]:
        """The files beside its text: those that are sent, then those that show what it does."""
        return (*(picture.name for picture in self.pictures), *filter(None, (self.before, self.after)))

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Template":
        """A template from its stored fields."""
        pictures = tuple(TemplatePicture(**each) for each in stored["pictures"])
        return cls(**{**stored, "best_with": tuple(stored["best_with"]), "pictures": pictures})


@dataclass(frozen=True, slots=True)
class Switch:
    """A boolean field of a request that adds text, and an aspect ratio where the text needs one."""

    name: str
    text: str
    aspect_ratio: str | None = None


# Stated positively, since FLUX models ignore negations: "empty hands", not "nothing in the hands".
T_POSE = Switch(
    "t_pose",
    "Pose the subject in a T-pose: upright and facing the camera, both arms stretched out level at shoulder height, "
    "empty hands with palms down, legs straight and slightly apart. "
    "Keep its face, outfit, colours, proportions and art style unchanged. "
    "Full body visible, feet included.",
    aspect_ratio="1:1",
)
SKETCH_TO_RENDER = Switch(
    "sketch_to_render",
    "Turn the sketch into a finished render: every stroke becomes a real surface with material, colour and soft "
    "studio light. "
    "Keep the placement of the lines, the silhouette, the pose and the composition exactly as drawn. "
    "All areas look complete, clean and polished.",
)


def normalise_slug(slug: str) -> str:
    """The canonical spelling of a slug: `t-pose` and `t_pose` name the same template."""
    return slug.strip().replace("-", "_")


def named_template(slug: str, templates: Mapping[str, T], *, field: str = "template") -> T:
    """The template a caller named; `templates` is keyed by normalised slug. Raises `Refusal`."""
    try:
        return templates[normalise_slug(slug)]
    except KeyError:
        raise Refusal(
            Code.INVALID,
            f"there is no template {slug!r}",
            suggestion=_suggestion(slug, tuple(templates)),
            field=field,
        ) from None


def _suggestion(slug: str, known: tuple[str, ...]) -> str:
    close = get_close_matches(normalise_slug(slug).lower(), known, n=1)
    guess = f"Did you mean {close[0]!r}? " if close else ""
    return f"{guess}Known templates: {', '.join(sorted(known))}."
