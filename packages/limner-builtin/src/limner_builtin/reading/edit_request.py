"""What a prompt asks to be changed in the caller's picture itself: background, colours, light, style."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from limner_builtin.assets import edit_words, lexicon
from limner_builtin.reading.vocabulary import folded
from limner_builtin.reading.words import UNSPACED
from limner_builtin.sprites.materials import Paint, paint_of


class Change(StrEnum):
    GREY = "grey"
    SEPIA = "sepia"
    BLUR_BACKGROUND = "blur_background"
    CUT_OUT = "cut_out"
    BLUR = "blur"
    SHARPEN = "sharpen"
    DAYLIGHT = "daylight"
    BRIGHTER = "brighter"
    DARKER = "darker"
    CONTRAST = "contrast"
    VIVID = "vivid"
    MUTED = "muted"
    WARM = "warm"
    COLD = "cold"
    MIRROR = "mirror"
    FLIP = "flip"
    RIGHT = "right"
    LEFT = "left"
    BIGGER = "bigger"
    SMALLER = "smaller"


TONES = frozenset({Change.GREY, Change.SEPIA})
"""The changes that make sense of a scene too, which has no picture to start from."""


@dataclass(frozen=True, slots=True)
class EditRequest:
    """What is to become of a picture. `rest` is the prompt without the words that ask for them.

    `background` is a plain colour. `recolour` is for the subject. `style_from` and `colours_from` count the caller's
    pictures from 0.
    """

    rest: str
    changes: tuple[Change, ...] = ()
    background: Paint | None = None
    recolour: Paint | None = None
    style_from: int | None = None
    colours_from: int | None = None

    def __bool__(self) -> bool:
        borrowed = self.style_from is not None or self.colours_from is not None
        return borrowed or bool(self.changes or self.background or self.recolour)


def tones_asked(prompt: str) -> EditRequest:
    """For a prompt without a picture: what is left of the changes is the tone of the whole scene and its background."""
    text, changes = _changes(folded(prompt), TONES)
    text, background = _background(text)
    return EditRequest(text, changes, background) if changes or background else EditRequest(prompt)


def edits_asked(prompt: str, references: int) -> EditRequest:
    """The changes that a prompt asks for in the first of so many pictures."""
    text, style_from = _borrowed(folded(prompt), "style", references)
    text, colours_from = _borrowed(text, "colours", references)
    text, changes = _changes(text, Change)
    text, background = _background(text)
    text, recolour = (text, None) if background else _recolour(text)
    asked = EditRequest(text, changes, background, recolour, style_from, colours_from)
    return asked or EditRequest(prompt)


# --- phrases -------------------------------------------------------------------------------------------------------


def _pattern(phrases: Iterable[str]) -> str:
    """Any of the phrases, the longest first; as whole words in scripts that set spaces."""
    longest = sorted((folded(phrase) for phrase in phrases), key=len, reverse=True)
    return "|".join(
        re.escape(phrase) if UNSPACED.search(phrase) else rf"(?<![\w-]){re.escape(phrase)}(?![\w-])"
        for phrase in longest
    )


@cache
def _change_pattern(change: Change) -> re.Pattern[str]:
    return re.compile(_pattern(edit_words()["changes"][change.value]))


def _changes(text: str, wanted: Iterable[Change]) -> tuple[str, tuple[Change, ...]]:
    found = []
    for change in Change:
        if change in wanted:
            text, many = _change_pattern(change).subn(" ", text)
            found += [change] * bool(many)
    return text, tuple(found)


@cache
def _borrowed_pattern(what: str) -> re.Pattern[str]:
    words = _pattern(edit_words()["borrowed"][what])
    led = rf"(?:{words})\s*(?:\w+\s+){{0,2}}?image\[(\d+)\]"
    followed = rf"image\[(\d+)\](?:'s|的|の|의)?\s*(?:{words})"
    return re.compile(f"{led}|{followed}")


def _borrowed(text: str, what: str, references: int) -> tuple[str, int | None]:
    """The picture whose style or colours are to be taken."""
    found = _borrowed_pattern(what).search(text)
    if found is None:
        return text, None
    number = int(found[1] or found[2])
    if not 1 <= number <= references:
        return text, None
    return text[: found.start()] + " " + text[found.end() :], number - 1


# --- colours -------------------------------------------------------------------------------------------------------


@cache
def _colour_values() -> dict[str, str]:
    return {folded(word): value for value, words in lexicon()["colours"].items() for word in words}


@cache
def _colour_pattern() -> re.Pattern[str]:
    return re.compile(_pattern(_colour_values()))


@cache
def _background_patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    words = edit_words()["background"]
    return re.compile(_pattern(words["words"])), re.compile(_pattern(words["plain"]))


DARK = re.compile(r"(?<![\w-])(dark|dunkle[mnr]?|sombre|oscuro|scuro|escuro|т[её]мн\w+)\s*$")
CLAUSE = re.compile(r"[^,;.!?，。、；]+")
FARTHEST = 24
"""Characters between a background and the colour that is its own: "the background to a deep red"."""

NEARER = 8
"""Characters by which "plain" may stand nearer than the background's own colour: "a white plain background"."""


def _background(text: str) -> tuple[str, Paint | None]:
    """A plain background: its colour stands near it in the same clause; white where it is only to be plain."""
    word, plain = _background_patterns()
    for clause in CLAUSE.finditer(text):
        place = word.search(clause[0])
        if place is None:
            continue
        if DARK.search(clause[0][: place.start()]):
            kept = DARK.sub(" ", _without(clause[0], (place.span(),)))
            return text[: clause.start()] + kept + text[clause.end() :], Paint(neutral="black")
        nearest = min(_colour_pattern().finditer(clause[0]), key=lambda c: _gap(c, place), default=None)
        simple = plain.search(clause[0])
        reach = FARTHEST if simple is None else _gap(simple, place) + NEARER
        if nearest is not None and _gap(nearest, place) <= reach:
            spans, paint = (nearest.span(), place.span()), paint_of(_colour_values()[nearest[0]])
        elif simple is not None:
            spans, paint = (simple.span(), place.span()), Paint(neutral="white")
        else:
            continue
        kept = _without(clause[0], spans)
        return text[: clause.start()] + plain.sub(" ", kept) + text[clause.end() :], paint
    return text, None


def _gap(first: re.Match[str], second: re.Match[str]) -> int:
    return max(second.start() - first.end(), first.start() - second.end())


def _without(text: str, spans: Iterable[tuple[int, int]]) -> str:
    for start, end in sorted(spans, reverse=True):
        text = text[:start] + " " + text[end:]
    return text


@cache
def _recolour_pattern() -> re.Pattern[str]:
    words = edit_words()["recolour"]
    colours = _pattern(_colour_values())
    verb, subject, into = _pattern(words["verbs"]), _pattern(words["subject"]), _pattern(words["into"])
    owned = rf"(?:{_pattern(words['pointing'])})\s+[\w-]+(?:\s+[\w-]+)?"
    spoken = rf"(?:{verb})\s*(?:{subject}|{owned})\s*(?:(?:{into})\s*)?(?P<a>{colours})(?=\s*$)"
    bare = rf"^\s*(?:(?:{into})\s*)?(?P<b>{colours})\s*$"
    after = rf"(?:{subject})\s*(?:{verb})?\s*(?:{into})?\s*(?P<c>{colours})\s*(?:{_pattern(words['ends'])})?\s*$"
    return re.compile(f"{spoken}|{bare}|{after}")


def _recolour(text: str) -> tuple[str, Paint | None]:
    """A colour for what the picture shows: "make it blue"; "make the car red" is read as a thing of that colour."""
    for clause in CLAUSE.finditer(text):
        if found := _recolour_pattern().search(clause[0]):
            name = found["a"] or found["b"] or found["c"]
            kept = _without(clause[0], [found.span()])
            return text[: clause.start()] + kept + text[clause.end() :], paint_of(_colour_values()[name])
    return text, None
