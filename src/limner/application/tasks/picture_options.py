"""Checks what a caller asks of the pictures: number, size, quality, background, format, seed, mask."""

import re
from dataclasses import replace
from functools import partial

from limner.domain.aspect_ratio import ratio
from limner.domain.picture_size import exact_size, normalised_size
from limner.domain.prompts.characters import ascii_equivalents
from limner.domain.refusal import Code, Problems, Refusal
from limner.domain.routing.abilities import OUTPUT_FORMATS, QUALITIES
from limner.domain.routing.obeyed import BACKGROUNDS, COMPRESSED, TRANSPARENT, WITH_ALPHA
from limner.domain.tasks.spec import MAX_IMAGES, MAX_PARTIAL_IMAGES, MAX_SEED, TaskSpec

WIDEST = 8
"""The longer side of an aspect ratio is at most so many times the shorter one."""

AUTO = "auto"
"""The value of a field that leaves the choice to the model, as if it were left out."""

SIZE_HELP = "1K, 2K, 4K, or exact pixels as WIDTHxHEIGHT, 64 to 4096 each."
RATIO_HELP = f"width:height, from 1:{WIDEST} to {WIDEST}:1."
_RATIO = re.compile(r"[1-9]\d?:[1-9]\d?")
_SYNONYMS = {"jpg": "jpeg"}


def checked_options(spec: TaskSpec, *, references: int, problems: Problems) -> TaskSpec:
    """The spec with each value in its one spelling; one that no model takes is a problem and left out."""
    if spec.n == 1 and not spec.mask and not spec.has_options:
        return spec
    get = problems.get
    spec = replace(
        spec,
        partial_images=get(lambda: _previews(spec.partial_images), None),
        n=get(lambda: _ranged("n", spec.n, 1, MAX_IMAGES, "pictures"), 1),
        aspect_ratio=get(lambda: _aspect_ratio(spec.aspect_ratio), None),
        size=get(lambda: _size(spec.size), None),
        quality=get(lambda: _choice("quality", spec.quality, QUALITIES), None),
        background=get(lambda: _choice("background", spec.background, BACKGROUNDS), None),
        output_format=get(lambda: _choice("output_format", spec.output_format, OUTPUT_FORMATS), None),
        seed=None if spec.seed is None else get(lambda: _ranged("seed", spec.seed or 0, 0, MAX_SEED), None),
        output_compression=None
        if spec.output_compression is None
        else get(lambda: _ranged("output_compression", spec.output_compression or 0, 0, 100), None),
    )
    for check in (_check_size_and_shape, _check_transparency, _check_compression):
        problems.check(partial(check, spec))
    problems.check(partial(_check_mask, spec, references))
    return spec


def _check_size_and_shape(spec: TaskSpec) -> None:
    if spec.aspect_ratio and spec.size and exact_size(spec.size):
        raise _invalid(
            "aspect_ratio", "an exact size has its own aspect ratio", "Leave aspect_ratio out, or send 1K, 2K or 4K."
        )


def _check_transparency(spec: TaskSpec) -> None:
    if spec.background == TRANSPARENT and spec.output_format not in {None, *WITH_ALPHA}:
        raise _invalid(
            "background",
            f"{spec.output_format} has no transparent background",
            "Leave output_format out, or send png or webp.",
        )


def _check_compression(spec: TaskSpec) -> None:
    if spec.output_compression is not None and spec.output_format not in COMPRESSED:
        raise _invalid(
            "output_compression",
            f"output_compression has no meaning for {spec.output_format or 'a format that is left open'}",
            f"Send output_format {' or '.join(sorted(COMPRESSED))} with it, or leave it out.",
        )


def _check_mask(spec: TaskSpec, references: int) -> None:
    if spec.mask and not references:
        raise _invalid(
            "mask", "a mask is applied to a picture, and none is given", "Send the picture too, or leave the mask out."
        )


def _aspect_ratio(text: str | None) -> str | None:
    if text is None or text.strip().lower() == AUTO:
        return None
    shape = ascii_equivalents(text)
    if not _RATIO.fullmatch(shape) or not 1 / WIDEST <= ratio(shape) <= WIDEST:
        raise _invalid("aspect_ratio", f"aspect_ratio is {text[:40]!r}", f"aspect_ratio may be {RATIO_HELP}")
    return shape


def _size(text: str | None) -> str | None:
    if text is None or text.strip().lower() == AUTO:
        return None
    try:
        return normalised_size(text)
    except ValueError as error:
        raise _invalid("size", f"size is {text[:40]!r}: {error}", f"size may be {SIZE_HELP}") from None


def _choice(field: str, text: str | None, choices: tuple[str, ...]) -> str | None:
    if text is None or text.strip().lower() == AUTO:
        return None
    value = text.strip().lower()
    value = _SYNONYMS.get(value, value)
    if value not in choices:
        raise _invalid(field, f"{field} is {text[:40]!r}", f"{field} may be {', '.join(choices)}, or {AUTO}.")
    return value


def _ranged(field: str, value: int, least: int, most: int, of_what: str = "") -> int:
    if not least <= value <= most:
        limits = f"{least} to {most} {of_what}".rstrip()
        raise _invalid(field, f"{field} is {value}", f"{field} may be {limits}.")
    return value


def _previews(count: int | None) -> int | None:
    return _ranged("partial_images", count or 0, 0, MAX_PARTIAL_IMAGES) or None


def _invalid(field: str, reason: str, suggestion: str) -> Refusal:
    return Refusal(Code.INVALID, reason, suggestion=suggestion, field=field)
