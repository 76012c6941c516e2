"""Words of prompts, and what a search asks for: the same on every database and for every script.

Case, width and accents do not matter. Scripts that put no spaces between words (Chinese, Japanese, Thai, Khmer, Lao,
Burmese) are indexed by pairs of neighbouring characters, so that any part of two characters or more is found.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

LONGEST_WORD = 60
MOST_TERMS = 16
"""Terms of one search; more are left out."""

_ACCENTS = re.compile("[\u0300-\u036f]")
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
# Vowel signs and points of these scripts are no word characters to Python, but parts of words.
_MARKS = "\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0900-\u0963\u0966-\u0dff\u0f00-\u0fff"
_WORD = re.compile(rf"[\w{_MARKS}]+")
_ASCII_WORD = re.compile(rf"[a-z0-9]{{1,{LONGEST_WORD}}}")
_RUN = re.compile(rf"([{_UNSPACED}]+)")


@dataclass(frozen=True, slots=True)
class SearchTerm:
    """A word that a prompt has to hold; with `prefix`, a word that begins so is enough."""

    word: str
    prefix: bool


def words_of(texts: Iterable[str]) -> tuple[str, ...]:
    """The distinct words of some texts, in order."""
    return tuple(dict.fromkeys(word for text in texts for word in _words(text)))


def search_terms(text: str) -> tuple[SearchTerm, ...]:
    """What a search asks for: every term has to be found. Empty for a text without words."""
    return tuple(dict.fromkeys(_terms(text)))[:MOST_TERMS]


def _words(text: str) -> Iterable[str]:
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    return [
        word
        for part, unspaced in _parts(text)
        for word in ([part[at : at + 2] for at in range(len(part))] if unspaced else [part])
    ]


def _terms(text: str) -> Iterator[SearchTerm]:
    for part, unspaced in _parts(text):
        if unspaced and len(part) > 1:
            yield from (SearchTerm(part[at : at + 2], prefix=False) for at in range(len(part) - 1))
        else:
            yield SearchTerm(part, prefix=True)


def _parts(text: str) -> Iterator[tuple[str, bool]]:
    """Words, and runs of characters without spaces between words, which are marked by True."""
    for word in _WORD.findall(_plain(text)):
        for number, part in enumerate(_RUN.split(word)):
            if part:
                yield (part, True) if number % 2 else (part[:LONGEST_WORD], False)


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold().replace("_", " ")
    return unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFD", folded)))
