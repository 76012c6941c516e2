"""Cutting a prompt into known phrases, longest first, each with the role it plays."""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from limner_builtin.assets import lexicon
from limner_builtin.reading.vocabulary import KIND, Match, Vocabulary, folded, is_creature, modifiers
from limner_builtin.reading.words import joined, measured

LONGEST = 8


class Role(StrEnum):
    COLOUR = "colours"
    COUNT = "counts"
    SIZE = "sizes"
    RELATION = "relations"
    PLACE = "places"
    PLACE_ALIKE = "places_alike"
    TIME = "times"
    WEATHER = "weathers"
    STYLE = "styles"
    SILENT = "silent"
    THING = "thing"
    REFERENCE = "reference"
    BREAK = "break"
    MODIFIER = "modifier"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Phrase:
    role: Role
    text: str
    value: str = ""
    match: Match | None = None


@cache
def _lexicon() -> dict[str, tuple[Role, str]]:
    table: dict[str, tuple[Role, str]] = {}
    for role in (
        Role.RELATION, Role.COUNT, Role.SIZE, Role.COLOUR, Role.PLACE, Role.PLACE_ALIKE, Role.TIME, Role.WEATHER,
        Role.STYLE, Role.SILENT,
    ):  # fmt: skip
        for value, phrases in lexicon()[role].items():
            for phrase in phrases:
                table.setdefault(folded(phrase), (role, value))
    return table


def phrases_of(words: list[str], vocabulary: Vocabulary, locale: str, references: int) -> list[Phrase]:
    """The phrases of a prompt that comes with so many pictures of the caller's."""
    phrases: list[Phrase] = []
    here = 0
    while here < len(words):
        for length in range(min(LONGEST, len(words) - here), 0, -1):
            text = joined(words[here : here + length])
            phrase = _token(text, references) or _spoken(text, vocabulary, locale)
            if phrase is not None:
                break
        else:
            length, phrase = 1, Phrase(Role.UNKNOWN, words[here])
        phrases.append(phrase)
        here += length
    return _known_subject(phrases) if references else phrases


def _token(text: str, references: int) -> Phrase | None:
    """A picture's number, a mark, a count."""
    if picture := re.fullmatch(r"image\[(\d+)\]", text):
        return Phrase(Role.REFERENCE, text, picture[1]) if int(picture[1]) <= references else Phrase(Role.SILENT, text)
    if re.fullmatch(r"[,;.!?:，。、；]", text):
        return Phrase(Role.BREAK, text)
    count = int(text) if text.isdecimal() else measured(text)
    return None if count is None else Phrase(Role.COUNT, text, str(count))


def _spoken(text: str, vocabulary: Vocabulary, locale: str) -> Phrase | None:
    """Words of the lexicon, a thing, or a modifier. A colour may be a thing too: "orange"."""
    known = _lexicon().get(text)
    if known is not None and known[0] is not Role.COLOUR:
        return Phrase(known[0], text, known[1])
    match = vocabulary.find(text, locale)
    if match is not None and match.score <= KIND and _lexicon().get(text.partition(" ")[0], (None,))[0] is Role.COLOUR:
        match = None if " " in text else match  # a "green dragon" is a dragon first, and then a plant of that name
    if match is not None and _is_figure_of_speech(text, match, vocabulary, locale):
        match = None
    if known is not None:
        return Phrase(Role.COLOUR, text, known[1], match)
    if match is not None:
        return Phrase(Role.THING, text, match=match)
    return Phrase(Role.MODIFIER, text) if text in modifiers() else None


def _is_figure_of_speech(text: str, match: Match, vocabulary: Vocabulary, locale: str) -> bool:
    """A "lone wolf" and a "fat cat" are people in a dictionary, and animals in a picture."""
    if match.score > KIND or " " not in text or is_creature(match.asset):
        return False
    last = vocabulary.find(text.rpartition(" ")[2], locale)
    return last is not None and last.score > KIND and is_creature(last.asset)


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
