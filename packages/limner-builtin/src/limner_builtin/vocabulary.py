"""What a word can be drawn with: emoji names in 28 locales, icon names, and our own synonyms."""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from limner_builtin.assets import emoji_codes, emoji_names, icon_paths, lexicon


class WordKind(StrEnum):
    EMOJI = "emoji"
    ICON = "icon"
    DOLL = "doll"


@dataclass(frozen=True, slots=True)
class Asset:
    """One picture we own: an emoji by its code points, or an icon by its name and how it is dressed.

    A doll is a figure that has the icon for a head.
    """

    kind: WordKind
    key: str
    name: str
    dress: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    asset: Asset
    score: float


MOST_MEANINGS = 3
"""A tag that more pictures share than this says too little to draw one of them."""

NAME, SYNONYM, ICON_NAME, OTHER_LOCALE, TAG = 1.0, 1.0, 0.95, 0.9, 0.7


def folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().replace("’", "'").strip()


class Vocabulary:
    """Looks words up, in the language that the whole prompt seems to be written in, and in English."""

    def find(self, phrase: str, locale: str = "en") -> Match | None:
        for form in forms(folded(phrase)):
            if match := self._exact(form, locale):
                return match
        return None

    def locale_of(self, words: list[str]) -> str:
        """The locale whose names and tags know most of the words; English where none knows more."""
        best, most = "en", sum(word in _names("en") or word in _tags("en") for word in words)
        for locale in emoji_names():
            known = sum(word in _names(locale) for word in words)
            if known > most:
                best, most = locale, known
        return best

    def facing(self, asset: Asset) -> Asset:
        """The same creature seen from the front, where there is such a picture."""
        code = lexicon()["facing"].get(asset.name)
        return asset if code is None else Asset(WordKind.EMOJI, code, f"{asset.name} face")

    def _exact(self, phrase: str, locale: str) -> Match | None:
        if target := _synonyms().get(phrase):
            return Match(target, SYNONYM)
        for name in dict.fromkeys((locale, "en")):
            if code := _names(name).get(phrase):
                return Match(_emoji(code), NAME)
        if phrase.replace(" ", "-") in icon_paths():
            return Match(Asset(WordKind.ICON, phrase.replace(" ", "-"), phrase), ICON_NAME)
        if len(phrase) > 3 or not phrase.isascii():
            for names in map(_names, emoji_names()):
                if code := names.get(phrase):
                    return Match(_emoji(code), OTHER_LOCALE)
        for name in dict.fromkeys((locale, "en")):
            if code := _tags(name).get(phrase):
                return Match(_emoji(code), TAG)
        return None


def forms(word: str) -> list[str]:
    """The word and what it may be the plural of."""
    found = [word]
    if word.endswith("ves"):
        found += [word[:-3] + "f", word[:-3] + "fe"]
    if word.endswith("ies"):
        found.append(word[:-3] + "y")
    if word.endswith("es"):
        found.append(word[:-2])
    if word.endswith("s") and len(word) > 3:
        found.append(word[:-1])
    return found


NOT_A_THING = re.compile(
    r"1f004|1f0cf|.*-20e3|1f1..*|2[0-2]..|23cf|23e.|23f[89a]|24..|1f17.|1f18e|1f19.|1f50[0-a]|1f53.|25..|1f6b[a-e]"
)
"""Playing tiles, keycaps, letters in boxes, arrows and other signs: nobody means them by the words in their names."""


@cache
def _emoji(code: str) -> Asset:
    return Asset(WordKind.EMOJI, code, emoji_names()["en"][code][0])


@cache
def _names(locale: str) -> dict[str, str]:
    """Full names, and names without their "face" or what stands in brackets; the first picture keeps the name."""
    table: dict[str, str] = {}
    codes = emoji_codes()
    entries = [
        (code, words[0])
        for code, words in emoji_names()[locale].items()
        if code in codes and words and not NOT_A_THING.fullmatch(code)
    ]
    for code, name in entries:
        table.setdefault(folded(name), code)
    for code, name in entries:
        short = re.sub(r"\s*(\(.*\)| face|gesicht|脸|臉|の顔|顔| 얼굴|얼굴)$", "", folded(name))
        if short:
            table.setdefault(short, code)
    return table


@cache
def _tags(locale: str) -> dict[str, str]:
    meanings: dict[str, list[str]] = {}
    for code, words in emoji_names()[locale].items():
        for tag in words[1:] if not NOT_A_THING.fullmatch(code) else ():
            meanings.setdefault(folded(tag), []).append(code)
    return {tag: codes[0] for tag, codes in meanings.items() if len(codes) <= MOST_MEANINGS and len(tag) > 1}


@cache
def _synonyms() -> dict[str, Asset]:
    names = _names("en")
    table = {}
    for word, target in lexicon()["synonyms"].items():
        if ":" in target:
            kind, icon, dress = target.split(":")
            name = icon.replace("-", " ")
            table[folded(word)] = Asset(
                WordKind(kind), icon, f"figure with {name}" if kind == WordKind.DOLL else name, dress
            )
        else:
            table[folded(word)] = _emoji(names[folded(target)])
    return table


@cache
def flying() -> frozenset[str]:
    return frozenset(map(folded, lexicon()["flying"]["names"]))


@cache
def swimming() -> frozenset[str]:
    return frozenset(map(folded, lexicon()["swimming"]["names"]))


@cache
def worn() -> frozenset[str]:
    return frozenset(map(folded, lexicon()["worn"]["names"]))


@cache
def held() -> frozenset[str]:
    return frozenset(map(folded, lexicon()["held"]["names"]))


@cache
def _statures() -> dict[str, float]:
    return {folded(name): float(size) for size, names in lexicon()["stature"].items() for name in names}


def stature(asset: Asset) -> float:
    """How tall the thing is in the world, where 1 is a person."""
    return _statures().get(folded(asset.name), 1.0)
