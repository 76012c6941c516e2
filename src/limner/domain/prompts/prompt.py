"""The words a model is given: the caller's, checked, and put behind those of a template and of the switches.

Models differ in how they like to be told of pictures, and in what they read as a parameter. Each habit is a field of
`PromptDialect`; a new model is a new row of such facts.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from limner.domain.prompts.characters import forbidden_character
from limner.domain.prompts.prompt_flags import PromptWithoutFlags, take_flags
from limner.domain.prompts.template import SKETCH_TO_RENDER, T_POSE, Switch, Template, TemplatePicture
from limner.domain.refusal import Code, Refusal

# Not `\b`: Chinese letters are word characters to Python, so it would miss the number in 使用image[1]的风格.
# Any count of digits, so that image[100] is refused like image[11] and never reaches a model as text.
_PICTURE_NUMBER = re.compile(r"(?<![A-Za-z0-9_])image\s*\[\s*(\d+)\s*\](?P<glued>(?=[A-Za-z0-9_]))?", re.IGNORECASE)

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])\s*")


@dataclass(frozen=True, slots=True)
class PromptDialect:
    """How a family of models wants its prompt.

    `picture` names the n-th reference picture: `{n}` counts from 1, `{n0}` from 0. `only_picture` names it when it
    travels alone. `legend` asks for a line that introduces all pictures when there are several. `joint` stands between
    the parts. `max_characters` is what the model reads before it stops listening; our own words give way to it, the
    caller's never do. `reads_flags` says that `--name value` in a prompt is a parameter to this vendor.
    """

    picture: str = "image {n}"
    only_picture: str | None = None
    legend: bool = False
    joint: str = "\n"
    max_characters: int | None = None
    reads_flags: bool = False

    def name_of(self, number: int, *, among: int) -> str:
        """What picture `number` of `among` is called in a prompt."""
        if among == 1 and self.only_picture:
            return self.only_picture
        return self.picture.format(n=number, n0=number - 1)


# FLUX.1 reads 512 tokens of T5, about 1800 characters of English; OpenAI takes 32000 characters.
KONTEXT = PromptDialect(only_picture="the input image", max_characters=1800)
FLUX = PromptDialect(max_characters=1800)
FLUX_2 = PromptDialect(legend=True)
FLUX_3 = PromptDialect(picture="<ref_image_{n0}>")
STITCHED = PromptDialect(picture="picture {n} from the left", only_picture="the input image", max_characters=1800)
"""For engines that take one canvas: several references are laid side by side on it."""
GPT_IMAGE = PromptDialect(picture="Image {n}", legend=True, joint="\n\n", max_characters=32_000)
GEMINI = PromptDialect(picture="Image {n}", joint="\n\n")
"""Without a legend, for each picture travels behind a label; what a template picture is for is told all the same."""
MIDJOURNEY = PromptDialect(joint=" ", reads_flags=True)
PLAIN = PromptDialect()
"""For the built-in engine, which reads no more than it is told."""


@dataclass(frozen=True, slots=True)
class ComposedPrompt:
    """A prompt ready to send.

    `aspect_ratio` is the shape the caller, their flags, the template or a switch ask for, in that order, as "W:H".
    `template_pictures` is how many of the template's pictures travel, from its first. `notes` are remarks for a
    person who asks what became of the request.
    """

    text: str
    aspect_ratio: str | None = None
    notes: tuple[str, ...] = ()
    template_pictures: int = 0


def clean_prompt(text: str, *, limit: int = 1024, field: str = "prompt") -> str:
    """`text` without the blanks around it. Refuses what is empty, longer than `limit` code points, or no text."""
    trimmed = text.strip()
    if not trimmed:
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
    _refuse_forbidden(text, field)
    return trimmed


def _refuse_forbidden(text: str, field: str) -> None:
    found = forbidden_character(text)
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
    """Refuse `image[n]` where the caller's own `given` pictures have no n-th; they are counted from 1."""
    for match in _PICTURE_NUMBER.finditer(prompt):
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
    """How many of a template's pictures travel behind the caller's `own`, where the model takes `cap` in all."""
    return max(0, min(template_pictures, cap - own))


@dataclass(frozen=True, slots=True)
class _Travel:
    """Which pictures travel: all the caller's `own`, then of those `offered` by the template what there is room for."""

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
    text: str
    ours: bool = False

    @property
    def sentences(self) -> list[str]:
        return _SENTENCE_END.split(self.text)

    @property
    def can_give(self) -> bool:
        return self.ours and len(self.sentences) > 1

    def shortened(self) -> "_Part":
        return replace(self, text=" ".join(self.sentences[:-1]))


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

    `prompt` has been through `clean_prompt` and `check_picture_numbers`, or is empty beside a template. `cap` is how
    many reference pictures the model takes. Refuses a prompt of nothing but flags, where the vendor reads flags.
    """
    travel = _Travel(own_pictures, template.pictures if template else (), cap)
    words = take_flags(prompt) if dialect.reads_flags else PromptWithoutFlags(prompt)
    switches = [*([T_POSE] if t_pose else []), *([SKETCH_TO_RENDER] if sketch_to_render else [])]
    parts, left_out = _fit(_parts(words.text, dialect, template, switches, travel), dialect)
    text = _join(parts, dialect)
    if not text:
        raise _nothing_but_flags()
    return ComposedPrompt(
        text=text,
        aspect_ratio=aspect_ratio or words.aspect_ratio or _preset_ratio(template, switches),
        notes=tuple(_notes(words, template, travel, dialect, left_out=left_out, length=len(text))),
        template_pictures=len(travel.sent),
    )


def _parts(
    words: str, dialect: PromptDialect, template: Template | None, switches: list[Switch], travel: _Travel
) -> list[_Part]:
    return [
        _Part(_legend(dialect, travel)),
        _Part(template.text if template else "", ours=True),
        *(_Part(switch.text, ours=True) for switch in switches),
        _Part(_translate(words, dialect, travel.total)),
    ]


def _preset_ratio(template: Template | None, switches: Iterable[Switch]) -> str | None:
    asked = [template.aspect_ratio if template else None, *(switch.aspect_ratio for switch in switches)]
    return next(filter(None, asked), None)


def _translate(words: str, dialect: PromptDialect, total: int) -> str:
    def named(match: re.Match[str]) -> str:
        # image[1]2 must not become "image 12"
        blank = " " if match["glued"] is not None else ""
        return dialect.name_of(int(match[1]), among=total) + blank

    return _PICTURE_NUMBER.sub(named, words)


# --- the legend: which picture is which ---------------------------------------------------------------------------


def _legend(dialect: PromptDialect, travel: _Travel) -> str:
    """One line that introduces the pictures. A template's are always introduced: nobody else speaks of them."""
    told = [_own_pictures(dialect, travel)] if travel.own and dialect.legend and travel.total > 1 else []
    for number, picture in enumerate(travel.sent, start=travel.own + 1):
        told.append(f"{dialect.name_of(number, among=travel.total)}: {picture.role}")
    return " ".join(_sentence(line) for line in told)


def _own_pictures(dialect: PromptDialect, travel: _Travel) -> str:
    names = [dialect.name_of(number, among=travel.total) for number in range(1, travel.own + 1)]
    if travel.own == 1:
        return f"{names[0]}: the picture to work from"
    return f"{', '.join(names)}: the pictures given, in this order"


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:].rstrip(".") + "."


# --- length: our words give way, the caller's never ---------------------------------------------------------------


def _join(parts: Iterable[_Part], dialect: PromptDialect) -> str:
    return dialect.joint.join(part.text for part in parts if part.text)


def _fit(parts: list[_Part], dialect: PromptDialect) -> tuple[list[_Part], int]:
    """The parts within the model's length, and how many sentences that cost.

    A model cuts at the end, where the caller's words are; so our last sentences go instead, the longest part's first.
    """
    left_out = 0
    while dialect.max_characters is not None and len(_join(parts, dialect)) > dialect.max_characters:
        giving = max((part for part in parts if part.can_give), key=lambda part: len(part.text), default=None)
        if giving is None:
            break
        parts = [part.shortened() if part is giving else part for part in parts]
        left_out += 1
    return parts, left_out


def _nothing_but_flags() -> Refusal:
    return Refusal(
        Code.INVALID,
        "prompt holds nothing but flags, which are not passed on to this model",
        suggestion="Say in words what to draw; of the flags only --ar W:H is kept.",
        field="prompt",
    )


# --- notes: what became of the request, for people ----------------------------------------------------------------


def _notes(
    words: PromptWithoutFlags,
    template: Template | None,
    travel: _Travel,
    dialect: PromptDialect,
    *,
    left_out: int,
    length: int,
) -> Iterator[str]:
    if words.dropped:
        yield f"Left out of the prompt, for this model is given no flag but --ar: {' '.join(words.dropped)}."
    if template and template.needs_image and not travel.own:
        yield f"Template {template.slug} is made to work on a picture, and none was given."
    if template and travel.missing:
        yield f"Left out {travel.missing} of template {template.slug}'s pictures: {travel.why_missing}."
    if left_out:
        yield f"Left out {left_out} of our own sentences, to keep within {dialect.max_characters} characters."
    if dialect.max_characters is not None and length > dialect.max_characters:
        yield f"The prompt is {length} characters long; this model may not read past {dialect.max_characters}."
