"""What a word can be drawn with: our synonyms, emoji names in 28 locales, icon names, and kinds of English nouns."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import chain

from limner_builtin.assets import emoji_codes, emoji_names, icon_paths, lexicon, noun_table


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

NAME, SYNONYM, ICON_NAME, OTHER_LOCALE, KIND, TAG = 1.0, 1.0, 0.95, 0.9, 0.8, 0.7


def folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().replace("’", "'").strip()


class Vocabulary:
    """Looks words up, in the language that the whole prompt seems to be written in, and in English."""

    def find(self, phrase: str, locale: str = "en") -> Match | None:
        """The best picture of a word or phrase, or of its singular. A modifier names a thing only by a full name."""
        phrase = folded(phrase)
        if phrase in _modifiers():
            return self._named(phrase, locale)
        found = forms(phrase) + (inflected(phrase) if locale != "en" else [])
        named = (self._named(form, locale) for form in found)
        loose = (self._loosely(form, locale) for form in found)
        return next(filter(None, chain(named, loose)), None)

    def locale_of(self, words: list[str]) -> str:
        """The locale whose names know most of the words; English where none knows more."""
        best, most = _by_script(words) or "en", sum(_is_english(word) for word in words)
        for locale in emoji_names():
            names, short, spoken = full_names(locale), short_names(locale), FUNCTION_WORDS.get(locale, frozenset())
            known = sum(word in names or word in short or word in spoken for word in words)
            if known > most:
                best, most = locale, known
        return best

    def facing(self, asset: Asset) -> Asset:
        """The same creature seen from the front, where there is such a picture."""
        code = lexicon()["facing"].get(asset.name)
        return asset if code is None else Asset(WordKind.EMOJI, code, f"{asset.name} face")

    def _named(self, phrase: str, locale: str) -> Match | None:
        if target := _synonyms().get(phrase):
            return Match(target, SYNONYM)
        for name in dict.fromkeys((locale, "en")):
            if code := full_names(name).get(phrase):
                return Match(_emoji(code), NAME)
        return None

    def _loosely(self, phrase: str, locale: str) -> Match | None:
        for name in dict.fromkeys((locale, "en")):
            if code := short_names(name).get(phrase):
                return Match(_emoji(code), NAME)
        if phrase.replace(" ", "-") in icon_paths():
            return Match(Asset(WordKind.ICON, phrase.replace(" ", "-"), phrase), ICON_NAME)
        return self._of_kind(phrase) or self._in_other_locale(phrase) or self._tagged(phrase, locale)

    def _of_kind(self, phrase: str) -> Match | None:
        """The picture of what the noun is a kind of, as of a dog for "corgi"."""
        kind = _kinds().get(phrase)
        found = None if kind is None else self._named(kind, "en") or self._loosely(kind, "en")
        return None if found is None else Match(found.asset, KIND)

    def _in_other_locale(self, phrase: str) -> Match | None:
        if len(phrase) <= 3 and phrase.isascii():
            return None
        for names in (*map(full_names, emoji_names()), *map(short_names, emoji_names())):
            if code := names.get(phrase):
                return Match(_emoji(code), OTHER_LOCALE)
        return None

    def _tagged(self, phrase: str, locale: str) -> Match | None:
        """By a tag in the prompt's language. Of the English ones, those that name a thing are among the kinds."""
        code = None if locale == "en" else tags(locale).get(phrase)
        return None if code is None else Match(_emoji(code), TAG)


FUNCTION_WORDS = {
    language: frozenset(re.findall(r"\w+", words))
    for language, words in {
        "de": "ein eine einem einer einen eines und neben auf unter hinter zwei drei mit im zum zur vom",
        "fr": "un une deux trois sous derrière devant sur avec dans et des du au aux",
        "es": "un una dos tres bajo sobre con en del los las y el",
        "it": "un una due tre sotto sopra accanto con di il nel nella sul sulla",
        "pt": "um uma dois duas três em cima ao lado da do com sob atrás",
    }.items()
}
"""Words that tell a language and name nothing: plurals and cases are looked up in that language."""


def forms(word: str) -> list[str]:
    """The word and what it may be the plural of."""
    found = [word]
    if singular := lexicon()["plurals"].get(word):
        found.append(singular)
    if word.endswith("ves"):
        found += [word[:-3] + "f", word[:-3] + "fe"]
    if word.endswith("ies"):
        found.append(word[:-3] + "y")
    if word.endswith("es"):
        found.append(word[:-2])
    if word.endswith("s") and len(word) > 3:
        found.append(word[:-1])
    return found


CYRILLIC_ENDING = re.compile(r"(ами|ями|ов|ев|ей|ам|ям|ах|ях|ом|ем|ою|ой|[аеиоуыьюяй])$")


def inflected(word: str) -> list[str]:
    """What a word may be a case or a plural of, in other languages than English."""
    return [stem + ending for stem, endings in _stems(word) for ending in endings]


def _stems(word: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Stems with the endings of a first case or a singular: Russian cases, plurals in German and Italian."""
    if re.fullmatch("[\u0430-\u0451]{3,}", word):
        yield CYRILLIC_ENDING.sub("", word), ("", "а", "я", "ь", "о", "е", "й", "ка")
        if word.endswith(("ки", "ку", "кой", "ке")):
            yield word[:-1], ("а",)
    if len(word) > 4 and word[-1] in "enir" and word.isalpha():
        yield word[:-1], ("", "o", "e", "a")
        if word.endswith(("en", "er")):
            yield word[:-2], ("", "e")


NOT_A_THING = re.compile(
    r"1f004|1f0cf|.*-20e3|1f1..*|2[0-2]..|23cf|23e.|23f[89a]|24..|1f17.|1f18e|1f19.|1f50[0-a]|1f53.|25..|1f6b[a-e]"
)
"""Playing tiles, keycaps, letters in boxes, arrows and other signs: nobody means them by the words in their names."""


SMILEY = re.compile(r"1f6[0-4].|1f9[12].|1f93[0-9].*|1f97[0-9]|1f4a[0-9]|1f49.|1f5a4|2639|263a|2764.*")
"""Faces that feel something, gestures and hearts: what their tags name is not what they are pictures of."""

SCRIPTS = (
    ("ja", re.compile("[\u3041-\u30ff]")),
    ("ko", re.compile("[\uac00-\ud7af]")),
    ("zh", re.compile("[\u4e00-\u9fff]")),
    ("ru", re.compile("[\u0430-\u044f\u0451]")),
    ("th", re.compile("[\u0e00-\u0e7f]")),
)


def _by_script(words: list[str]) -> str | None:
    """The language that is most often written in the script of most words."""
    for locale, script in SCRIPTS:
        if sum(bool(script.search(word)) for word in words) * 3 >= len(words) > 0:
            return locale
    return None


@cache
def _emoji(code: str) -> Asset:
    return Asset(WordKind.EMOJI, code, emoji_names()["en"][code][0])


@cache
def full_names(locale: str) -> dict[str, str]:
    """Codes by name; the first picture keeps a name that several have."""
    table: dict[str, str] = {}
    for code, name in _named(locale):
        table.setdefault(name, code)
    return table


@cache
def short_names(locale: str) -> dict[str, str]:
    """Codes by names without their "face" or what stands in brackets, where that is no full name."""
    table: dict[str, str] = {}
    for code, name in _named(locale):
        short = re.sub(r"\s*(\(.*\)| face|gesicht|脸|臉|の顔|顔| 얼굴|얼굴)$", "", name)
        if short and short not in full_names(locale):
            table.setdefault(short, code)
    return table


def _named(locale: str) -> list[tuple[str, str]]:
    codes = emoji_codes()
    return [
        (code, folded(words[0]))
        for code, words in emoji_names()[locale].items()
        if code in codes and words and not NOT_A_THING.fullmatch(code)
    ]


@cache
def tags(locale: str) -> dict[str, str]:
    """Codes by tag, without the tags that more than `MOST_MEANINGS` pictures share."""
    meanings: dict[str, list[str]] = {}
    for code, words in emoji_names()[locale].items():
        for tag in words[1:] if not (NOT_A_THING.fullmatch(code) or SMILEY.fullmatch(code)) else ():
            meanings.setdefault(folded(tag), []).append(code)
    return {tag: codes[0] for tag, codes in meanings.items() if len(codes) <= MOST_MEANINGS and len(tag) > 1}


@cache
def _kinds() -> dict[str, str]:
    return {noun: kind for kind, nouns in noun_table()["kinds"].items() for noun in nouns}


@cache
def _modifiers() -> frozenset[str]:
    return modifiers() | frozenset(noun_table()["modifiers"])


@cache
def modifiers() -> frozenset[str]:
    """Words and phrases of how a picture looks or was taken."""
    return frozenset(map(folded, lexicon()["modifiers"]["words"]))


@cache
def parts() -> frozenset[str]:
    """Parts of a body, which belong to whoever was named before."""
    return frozenset(map(folded, lexicon()["parts"]["words"]))


def _is_english(word: str) -> bool:
    return any(word in known for known in (full_names("en"), short_names("en"), _kinds(), _modifiers()))


@cache
def _synonyms() -> dict[str, Asset]:
    return {folded(word): _target(target) for word, target in lexicon()["synonyms"].items()}


def _target(target: str) -> Asset:
    """What the lexicon names: "icon:NAME:DRESS", "doll:NAME:DRESS", or the English name of an emoji."""
    if ":" not in target:
        return _emoji((short_names("en") | full_names("en"))[folded(target)])
    kind, icon, dress = target.split(":")
    name = icon.replace("-", " ")
    return Asset(WordKind(kind), icon, f"figure with {name}" if kind == WordKind.DOLL else name, dress)


@cache
def hat_of(asset: Asset) -> Asset | None:
    """What somebody of that trade wears on their head."""
    target = lexicon()["hats"].get(asset.name)
    return None if target is None else _target(target)


@cache
def bareheaded(asset: Asset) -> Asset | None:
    """Who is drawn under the hat, where there is no good drawing of the whole."""
    target = lexicon()["bare"].get(asset.name)
    return None if target is None else _target(target)


CREATURE = re.compile(r"1f40[0-9a-f]|1f4[123].|1f98.|1f99.|1f9a[0-9a-e]|1f54a|1fabf|1face|1f916|1f47d|26c4")
"""Animals, a robot, an alien and a snowman: whoever may have a trade in a fairy tale."""


def is_creature(asset: Asset) -> bool:
    return asset.kind is WordKind.EMOJI and CREATURE.fullmatch(asset.key.partition("-")[0]) is not None


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
def garments() -> frozenset[str]:
    """What somebody wears and nobody is dressed in here."""
    return frozenset(map(folded, lexicon()["garments"]["names"]))


@cache
def afloat() -> frozenset[str]:
    return frozenset(map(folded, lexicon()["afloat"]["names"]))


@cache
def surfaces() -> frozenset[str]:
    return frozenset(map(folded, lexicon()["surfaces"]["names"]))


@cache
def containers() -> frozenset[str]:
    return frozenset(map(folded, lexicon()["containers"]["names"]))


@cache
def _statures() -> dict[str, float]:
    return {folded(name): float(size) for size, names in lexicon()["stature"].items() for name in names}


def stature(asset: Asset) -> float:
    """How tall the thing is in the world, where 1 is a person."""
    return _statures().get(folded(asset.name), 1.0)


def seat(asset: Asset) -> float:
    """How far below its top things stand or sit on it, as a share of its height."""
    return float(lexicon()["seats"].get(asset.name, 0))
