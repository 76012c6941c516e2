"""Reading a prompt: which things, how many, in what colour, how they stand to each other, and where.

The prompt is cut into known phrases, longest first, each with a role; then modifiers are folded into the thing they
stand next to. What has no role and no picture is reported, never guessed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache

from limner_builtin.assets import lexicon
from limner_builtin.materials import NEUTRALS, Material, Paint
from limner_builtin.vocabulary import Asset, Match, Vocabulary, folded, held, worn


class Relation(StrEnum):
    BESIDE = "beside"
    ON = "on"
    FRONT = "front"
    BEHIND = "behind"
    ABOVE = "above"
    UNDER = "under"
    WEAR = "wear"
    HOLD = "hold"
    RIDE = "ride"
    INSIDE = "inside"


class Role(StrEnum):
    COLOUR = "colours"
    COUNT = "counts"
    SIZE = "sizes"
    RELATION = "relations"
    PLACE = "places"
    TIME = "times"
    WEATHER = "weathers"
    STYLE = "styles"
    SILENT = "silent"
    THING = "thing"
    REFERENCE = "reference"
    BREAK = "break"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Phrase:
    role: Role
    text: str
    value: str = ""
    match: Match | None = None


@dataclass(frozen=True, slots=True)
class Thing:
    """A requested thing and its place relative to the previous one. `reference` counts the caller's pictures from 0."""

    phrase: str
    asset: Asset | None
    score: float = 1.0
    count: int = 1
    paint: Paint = field(default_factory=Paint)
    scale: float = 1.0
    relation: Relation = Relation.BESIDE
    reference: int | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    place: str | None = None
    time: str = "day"
    weather: str = "clear"
    hue: float | None = None

    @property
    def shown(self) -> str:
        """The place to draw: open land where only a time or a weather was said."""
        if self.place is not None:
            return self.place
        return "meadow" if self.time != "day" or self.weather != "clear" else "studio"


@dataclass(frozen=True, slots=True)
class Reading:
    things: tuple[Thing, ...]
    setting: Setting
    style: str | None
    unmatched: tuple[str, ...]


MOST_COPIES = 8
LONGEST = 8
SIZES = {"large": 1.45, "small": 0.62}
UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
WORD = re.compile(r"image\[\d+\]|[^\W\d_]+(?:['’\-][^\W\d_]+)*['’]?|\d+|[,;.!?:，。、；]", re.IGNORECASE)
HEAD_FIRST = frozenset({"fr", "es", "es-mx", "it", "pt", "vi", "th"})
"""Languages in which what narrows a noun follows it."""


def read(prompt: str, vocabulary: Vocabulary, references: int = 0) -> Reading:
    words = _words(prompt)
    locale = vocabulary.locale_of([*words, *_pairs(words)])
    phrases = _phrases(words, vocabulary, locale, references)
    implied = references > 0 and all(phrase.role is not Role.REFERENCE for phrase in phrases)
    return _Folder(locale in HEAD_FIRST, implied=implied).fold(phrases)


def _words(prompt: str) -> list[str]:
    """Words; single characters in scripts that do not set spaces."""
    words: list[str] = []
    for word in WORD.findall(folded(prompt)):
        words.extend(word if UNSPACED.search(word) else [word])
    return words


def _pairs(words: list[str]) -> list[str]:
    return [joined(words[i : i + n]) for n in (2, 3) for i in range(len(words) - n + 1)]


def joined(words: Sequence[str]) -> str:
    text = ""
    for word in words:
        apart = text and not (UNSPACED.search(text[-1]) or UNSPACED.search(word[0]))
        text += (" " if apart else "") + word
    return text


@cache
def _lexicon() -> dict[str, tuple[Role, str]]:
    table: dict[str, tuple[Role, str]] = {}
    for role in (
        Role.RELATION, Role.COUNT, Role.SIZE, Role.COLOUR, Role.PLACE, Role.TIME, Role.WEATHER, Role.STYLE, Role.SILENT,
    ):  # fmt: skip
        for value, phrases in lexicon()[role].items():
            for phrase in phrases:
                table.setdefault(folded(phrase), (role, value))
    return table


def _phrases(words: list[str], vocabulary: Vocabulary, locale: str, references: int) -> list[Phrase]:
    phrases: list[Phrase] = []
    here = 0
    while here < len(words):
        for length in range(min(LONGEST, len(words) - here), 0, -1):
            phrase = _phrase(joined(words[here : here + length]), vocabulary, locale, references)
            if phrase is not None:
                break
        else:
            length, phrase = 1, Phrase(Role.UNKNOWN, words[here])
        phrases.append(phrase)
        here += length
    return _known_subject(phrases) if references else phrases


def _phrase(text: str, vocabulary: Vocabulary, locale: str, references: int) -> Phrase | None:
    if picture := re.fullmatch(r"image\[(\d+)\]", text):
        return Phrase(Role.REFERENCE, text, picture[1]) if int(picture[1]) <= references else Phrase(Role.SILENT, text)
    if re.fullmatch(r"[,;.!?:，。、；]", text):
        return Phrase(Role.BREAK, text)
    if text.isdigit():
        return Phrase(Role.COUNT, text, text)
    known = _lexicon().get(text)
    if known is not None and known[0] is not Role.COLOUR:
        return Phrase(known[0], text, known[1])
    match = vocabulary.find(text, locale)
    if known is not None:
        return Phrase(Role.COLOUR, text, known[1], match)
    return None if match is None else Phrase(Role.THING, text, match=match)


POINTING = frozenset({"the", "this", "that", "my", "it", "him", "her", "them", "der", "die", "das", "le", "la", "el"})


def _known_subject(phrases: list[Phrase]) -> list[Phrase]:
    """With a picture at hand, "the cat" is the cat in the picture, not one more cat."""
    pointed = False
    result: list[Phrase] = []
    for phrase in phrases:
        is_subject = pointed and phrase.role is Role.THING and not any(p.role is Role.REFERENCE for p in result)
        result.append(Phrase(Role.REFERENCE, phrase.text, "1") if is_subject else phrase)
        pointed = phrase.text in POINTING or (pointed and phrase.role in (Role.COLOUR, Role.SIZE, Role.SILENT))
    return result


OWNING = frozenset({"with", "and", "mit", "avec", "con", "com", "с", "带着"})


class _Folder:
    """Walks over the phrases once and folds modifiers into things."""

    def __init__(self, head_first: bool, *, implied: bool) -> None:  # noqa: FBT001
        self._head_first = head_first
        self._implied = implied
        self._things: list[Thing] = []
        self._setting = Setting()
        self._style: str | None = None
        self._unmatched: list[str] = []
        self._clear()
        self._adjacent = False
        self._joined_by = ""
        self._last: Role | None = None

    def fold(self, phrases: list[Phrase]) -> Reading:
        for index, phrase in enumerate(phrases):
            self._take(phrase, phrases[index + 1 :])
            self._last = phrase.role
        return Reading(tuple(self._things), self._setting, self._style, tuple(self._unmatched))

    def _clear(self) -> None:
        self._paint = Paint()
        self._count = 1
        self._scale = 1.0
        self._relation = Relation.BESIDE

    def _take(self, phrase: Phrase, rest: list[Phrase]) -> None:  # noqa: C901 - one case a role
        match phrase.role:
            case Role.COLOUR:
                self._colour(phrase, rest)
            case Role.COUNT:
                self._count, self._adjacent = max(1, min(MOST_COPIES, int(phrase.value))), False
            case Role.SIZE:
                self._scale = SIZES[phrase.value]
            case Role.RELATION:
                self._clear()
                self._relation, self._adjacent = Relation(phrase.value), False
                self._joined_by = phrase.text
            case Role.PLACE:
                self._placed(phrase)
            case Role.TIME:
                self._setting = replace(self._setting, time=phrase.value)
            case Role.WEATHER:
                self._setting = replace(self._setting, weather=phrase.value)
            case Role.STYLE:
                self._style = phrase.value
            case Role.THING | Role.REFERENCE:
                self._thing(phrase)
            case Role.BREAK:
                self._clear()
                self._adjacent = False
            case Role.UNKNOWN:
                self._unknown(phrase)
            case Role.SILENT:
                self._adjacent = self._adjacent and phrase.text not in POINTING

    def _colour(self, phrase: Phrase, rest: list[Phrase]) -> None:
        paint = _paint(phrase.value)
        following = next((p.role for p in rest if p.role not in (Role.COLOUR, Role.SIZE, Role.SILENT)), None)
        if following in (Role.THING, Role.PLACE, Role.REFERENCE):
            self._paint = paint
        elif phrase.match is not None and not self._adjacent:
            self._thing(replace(phrase, role=Role.THING))  # "an orange", "a block of ice"
        elif self._things and self._adjacent:
            self._things[-1] = replace(self._things[-1], paint=paint)  # "un chat noir"

    def _placed(self, phrase: Phrase) -> None:
        hue = self._paint.hue if phrase.value == "alien" else None
        if self._setting.place is None or self._setting.place == "space":
            self._setting = replace(self._setting, place=phrase.value, hue=hue)
        self._clear()
        self._adjacent = False

    def _thing(self, phrase: Phrase) -> None:
        if self._adjacent and phrase.role is Role.THING and self._things[-1].reference is None:
            # two nouns in a row are one thing, named by its head: "apple tree", "robot dog"
            if self._head_first:
                self._unmatched.append(phrase.text)
                return
            dropped = self._things.pop()
            self._unmatched.append(dropped.phrase)
            self._relation = dropped.relation
            self._count, self._scale = max(self._count, dropped.count), self._scale * dropped.scale
            self._paint = self._paint or dropped.paint
        asset = phrase.match.asset if phrase.match else None
        if not self._things and self._implied and phrase.role is Role.THING:
            # "wearing a crown" speaks of the first picture, although nothing names it
            self._things.append(Thing("image[1]", None, reference=0))
            self._joined_by = self._joined_by or "with"
        self._things.append(
            Thing(
                phrase=phrase.text,
                asset=asset,
                score=phrase.match.score if phrase.match else 1.0,
                count=self._count,
                paint=self._paint,
                scale=self._scale,
                relation=self._meant(asset),
                reference=int(phrase.value) - 1 if phrase.role is Role.REFERENCE else None,
            )
        )
        self._clear()
        self._adjacent, self._joined_by = True, ""

    def _meant(self, asset: Asset | None) -> Relation:
        """A crown "with" somebody is worn, a sword is held."""
        if not self._things or asset is None or self._relation is not Relation.BESIDE:
            return self._relation if self._things else Relation.BESIDE
        if self._joined_by not in OWNING:
            return Relation.BESIDE
        if folded(asset.name) in worn():
            return Relation.WEAR
        return Relation.HOLD if folded(asset.name) in held() else Relation.BESIDE

    def _unknown(self, phrase: Phrase) -> None:
        if self._last is Role.UNKNOWN and UNSPACED.search(phrase.text):
            self._unmatched[-1] += phrase.text
        else:
            self._unmatched.append(phrase.text)


def _paint(value: str) -> Paint:
    if value in NEUTRALS:
        return Paint(neutral=value)
    if value.isdigit():
        return Paint(hue=float(value))
    return Paint(material=Material(value))
