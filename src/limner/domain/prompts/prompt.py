"""Composing a prompt: the caller's text, checked, after that of the template and of the switches.

Models differ in how a prompt refers to reference images and in what they read as a parameter: see `PromptDialect`.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from limner.domain.prompts.characters import ascii_equivalents, forbidden_character, is_blank
from limner.domain.prompts.dialect import PromptDialect
from limner.domain.prompts.prompt_flags import PromptWithoutFlags, take_flags
from limner.domain.prompts.template import SKETCH_TO_RENDER, T_POSE, Switch, Template, TemplatePicture
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.spec import TaskSpec

# Not `\b`: Chinese letters are word characters to Python, so it would miss the number in 使用image[1]的风格.
# Any count of digits, so that image[100] is refused like image[11] and never reaches a model as text.
_PICTURE_NUMBER = re.compile(r"(?<![A-Za-z0-9_])image\s*\[\s*(\d+)\s*\](?P<glued>(?=[A-Za-z0-9_]))?", re.IGNORECASE)

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])\s*")


@dataclass(frozen=True, slots=True)
class PromptPart:
    """A part of a prompt as it is sent. `source` is `pictures`, `template`, `caller`, or the name of a switch."""

    source: str
    text: str


@dataclass(frozen=True, slots=True)
class ComposedPrompt:
    """A prompt ready to send.

    `parts` are the texts that it consists of. `aspect_ratio` is the one of the caller, a flag, the template or a
    switch, in that order, as "W:H".
    `template_pictures` is how many of the template's images are sent, from its first. `notes` are remarks for
    `explain`.
    """

    text: str
    aspect_ratio: str | None = None
    notes: tuple[str, ...] = ()
    template_pictures: int = 0
    parts: tuple[PromptPart, ...] = ()


@dataclass(frozen=True, slots=True)
class PromptRules:
    """What an API takes as a prompt: at most `limit` code points, and whether they may be emoji."""

    limit: int = 1024
    emoji: bool = False


V2_RULES = PromptRules()


def clean_prompt(text: str, *, rules: PromptRules = V2_RULES, field: str = "prompt") -> str:
    """`text` without surrounding blanks. Raises `Refusal` for one that is empty or breaks the rules."""
    limit = rules.limit
    trimmed = text.strip()
    if is_blank(trimmed):
        raise Refusal(
            Code.INVALID,
            f"{field} is empty",
            suggestion=f"Say what to draw, in 1 to {limit} characters. It may be left out where a template is set.",
            field=field,
        )
    if len(trimmed) > limit:
        raise Refusal(
            Code.INVALID,
            f"{field} is {len(trimmed)} characters long, {limit} are allowed",
            suggestion=f"Shorten it by {len(trimmed) - limit} characters.",
            field=field,
        )
    _refuse_forbidden(text, field, emoji=rules.emoji)
    return trimmed


def _refuse_forbidden(text: str, field: str, *, emoji: bool) -> None:
    found = forbidden_character(text, emoji=emoji)
    if found is None:
        return
    raise Refusal(
        Code.PROMPT_CHARACTERS,
        f"{field} holds {found.code_points} at position {found.at + 1}: it is {found.kind}",
        suggestion="Remove it and send the request again. Letters and signs of every script are welcome; emoji, "
        "control and private-use characters are not.",
        field=field,
    )


def check_picture_numbers(prompt: str, given: int, *, field: str = "prompt") -> None:
    """Raise `Refusal` for an `image[n]` beyond the caller's own `given` images, which are counted from 1."""
    for match in _PICTURE_NUMBER.finditer(ascii_equivalents(prompt)):
        if not 1 <= int(match[1]) <= given:
            raise Refusal(
                Code.INVALID,
                f"{field} names {match[0]}, {_how_many_given(given)}",
                suggestion=_numbers_to_use(given),
                field=field,
            )


def _how_many_given(given: int) -> str:
    return f"but pictures are counted from 1 and {given} came with the request" if given else "but no picture was given"


def _numbers_to_use(given: int) -> str:
    match given:
        case 0:
            return "Send the picture with the request, or leave the number out of the prompt."
        case 1:
            return "Write image[1] for the picture you sent."
        case _:
            return f"Write image[1] to image[{given}], in the order they were sent."


def template_pictures_that_fit(own: int, template_pictures: int, cap: int) -> int:
    """How many of a template's images are sent after the caller's `own`, where `cap` are taken in all."""
    return max(0, min(template_pictures, cap - own))


@dataclass(frozen=True, slots=True)
class _SentImages:
    """Which images are sent: the caller's `own`, then as many of the template's `offered` as `cap` allows."""

    own: int
    offered: tuple[TemplatePicture, ...]
    cap: int

    @property
    def sent(self) -> tuple[TemplatePicture, ...]:
        return self.offered[: template_pictures_that_fit(self.own, len(self.offered), self.cap)]

    @property
    def total(self) -> int:
        return self.own + len(self.sent)

    @property
    def missing(self) -> int:
        return len(self.offered) - len(self.sent)

    @property
    def why_missing(self) -> str:
        return f"it takes {self.cap} in all, {self.own} came with the request" if self.cap else "this model takes none"


@dataclass(frozen=True, slots=True)
class _Part:
    source: str
    text: str
    can_shorten: bool = False

    @property
    def sentences(self) -> list[str]:
        return _SENTENCE_END.split(self.text)

    @property
    def is_shortenable(self) -> bool:
        return self.can_shorten and len(self.sentences) > 1

    def shortened(self) -> "_Part":
        return replace(self, text=" ".join(self.sentences[:-1]))


def compose_spec(
    spec: TaskSpec, dialect: PromptDialect, *, prompt: str, template: Template | None, own_pictures: int, cap: int
) -> ComposedPrompt:
    """The final prompt of one image of a task, whose own words are `prompt`. See `compose`."""
    return compose(
        prompt,
        dialect,
        template=template,
        t_pose=spec.t_pose,
        sketch_to_render=spec.sketch_to_render,
        aspect_ratio=spec.aspect_ratio,
        own_pictures=own_pictures,
        cap=cap,
    )


def compose(
    prompt: str,
    dialect: PromptDialect,
    *,
    template: Template | None = None,
    t_pose: bool = False,
    sketch_to_render: bool = False,
    aspect_ratio: str | None = None,
    own_pictures: int = 0,
    cap: int = 0,
) -> ComposedPrompt:
    """The final prompt: legend, template, t_pose, sketch_to_render, caller.

    `prompt` was checked by `clean_prompt` and `check_picture_numbers`, or is empty beside a template. `cap` is how many
    reference images are taken. Raises `Refusal` for a prompt of flags alone, where the vendor reads flags.
    """
    images = _SentImages(own_pictures, template.pictures if template else (), cap)
    words = take_flags(prompt) if dialect.reads_flags else PromptWithoutFlags(prompt)
    switches = [*([T_POSE] if t_pose else []), *([SKETCH_TO_RENDER] if sketch_to_render else [])]
    parts, left_out = _fit(_parts(words.text, dialect, template, switches, images), dialect)
    text = _join(parts, dialect)
    if not text:
        raise _only_flags()
    return ComposedPrompt(
        text=text,
        aspect_ratio=aspect_ratio or words.aspect_ratio or _preset_ratio(template, switches),
        notes=tuple(_notes(words, template, images, dialect, left_out=left_out, length=len(text))),
        template_pictures=len(images.sent),
        parts=tuple(PromptPart(each.source, each.text) for each in parts if each.text),
    )


def _parts(
    words: str, dialect: PromptDialect, template: Template | None, switches: list[Switch], images: _SentImages
) -> list[_Part]:
    return [
        _Part("pictures", _legend(dialect, images)),
        _Part("template", template.text if template else "", can_shorten=True),
        *(_Part(switch.name, switch.text, can_shorten=True) for switch in switches),
        _Part("caller", _translate(words, dialect, images.total)),
    ]


def _preset_ratio(template: Template | None, switches: Iterable[Switch]) -> str | None:
    asked = [template.aspect_ratio if template else None, *(switch.aspect_ratio for switch in switches)]
    return next(filter(None, asked), None)


def _translate(words: str, dialect: PromptDialect, total: int) -> str:
    pieces, at = [], 0
    for match in _PICTURE_NUMBER.finditer(ascii_equivalents(words)):
        # image[1]2 must not become "image 12"
        blank = " " if match["glued"] is not None else ""
        pieces += [words[at : match.start()], dialect.name_of(int(match[1]), among=total) + blank]
        at = match.end()
    return "".join([*pieces, words[at:]])


# --- the legend: which picture is which ---------------------------------------------------------------------------


def _legend(dialect: PromptDialect, images: _SentImages) -> str:
    """One line that introduces the images. Those of a template always are: no other text mentions them."""
    lines = [_own_pictures(dialect, images)] if images.own and dialect.legend and images.total > 1 else []
    for number, picture in enumerate(images.sent, start=images.own + 1):
        lines.append(f"{dialect.name_of(number, among=images.total)}: {picture.role}")
    return " ".join(_sentence(line) for line in lines)


def _own_pictures(dialect: PromptDialect, images: _SentImages) -> str:
    names = [dialect.name_of(number, among=images.total) for number in range(1, images.own + 1)]
    if images.own == 1:
        return f"{names[0]}: the picture to work from"
    return f"{', '.join(names)}: the pictures given, in this order"


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:].rstrip(".") + "."


# --- length: template and switch texts are shortened, the caller's is not ---------------------------------------


def _join(parts: Iterable[_Part], dialect: PromptDialect) -> str:
    return dialect.joint.join(part.text for part in parts if part.text)


def _fit(parts: list[_Part], dialect: PromptDialect) -> tuple[list[_Part], int]:
    """The parts within the model's length, and how many sentences were left out for it.

    A model cuts at the end, where the caller's text is; so the last sentence of the longest other part is left out.
    """
    left_out = 0
    while dialect.max_characters is not None and len(_join(parts, dialect)) > dialect.max_characters:
        longest = max((part for part in parts if part.is_shortenable), key=lambda part: len(part.text), default=None)
        if longest is None:
            break
        parts = [part.shortened() if part is longest else part for part in parts]
        left_out += 1
    return parts, left_out


def _only_flags() -> Refusal:
    return Refusal(
        Code.INVALID,
        "prompt holds nothing but flags, which are not passed on to this model",
        suggestion="Say in words what to draw; of the flags only --ar W:H is kept.",
        field="prompt",
    )


# --- notes for `explain` -----------------------------------------------------------------------------------------


def _notes(
    words: PromptWithoutFlags,
    template: Template | None,
    images: _SentImages,
    dialect: PromptDialect,
    *,
    left_out: int,
    length: int,
) -> Iterator[str]:
    if words.dropped:
        yield f"Left out of the prompt, for this model is given no flag but --ar: {' '.join(words.dropped)}."
    if template and template.needs_image and not images.own:
        yield f"Template {template.slug} is made to work on a picture, and none was given."
    if template and images.missing:
        yield f"Left out {images.missing} of template {template.slug}'s pictures: {images.why_missing}."
    if left_out:
        yield f"Left out {left_out} of our own sentences, to keep within {dialect.max_characters} characters."
    if dialect.max_characters is not None and length > dialect.max_characters:
        yield f"The prompt is {length} characters long; this model may not read past {dialect.max_characters}."
