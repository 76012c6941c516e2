"""Which characters a prompt may hold: letters and signs of every script, but no emoji.

Refused are emoji, control characters other than line breaks and tabs, private use, unpaired surrogates,
noncharacters and tags. A sign such as `©`, `♥` or `☀` is text by default and becomes an emoji with U+FE0F behind it;
beyond the basic plane a sign is an emoji either way. Joiners are allowed: Persian and Hindi are spelled with them.
"""

import re
from enum import StrEnum
from functools import cache
from typing import NamedTuple
from unicodedata import category


class CharacterKind(StrEnum):
    """Why a character is refused; the value completes "it is ..."."""

    EMOJI = "an emoji"
    CONTROL = "a control character"
    PRIVATE = "a private-use character"
    SURROGATE = "an unpaired surrogate"
    NONCHARACTER = "a noncharacter"
    TAG = "an invisible tag character"


class ForbiddenCharacter(NamedTuple):
    """The first refused character of a text; `at` is its position in code points from 0."""

    at: int
    text: str
    kind: CharacterKind

    @property
    def code_points(self) -> str:
        """`U+1F600`; several, with blanks between, for an emoji that consists of several."""
        return " ".join(f"U+{ord(character):04X}" for character in self.text)


_CONTROL_IN_ASCII = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

_TAGS = ("\U000e0000", "\U000e007f")
_NONCHARACTERS = "\ufdd0-\ufdef" + "".join(f"{chr(end - 1)}{chr(end)}" for end in range(0xFFFF, 0x110000, 0x10000))
_REFUSED = re.compile(
    f"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\uf8ff\U000f0000-\U0010ffff{'-'.join(_TAGS)}{_NONCHARACTERS}]"
)
_KIND_OF = {
    "Cc": CharacterKind.CONTROL,
    "Co": CharacterKind.PRIVATE,
    "Cs": CharacterKind.SURROGATE,
    "Cn": CharacterKind.NONCHARACTER,
}

_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0") | {
    chr(each) for each in (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))
}
"""Characters without a glyph that are not of category Cf: Hangul and braille fillers, variation selectors, joiners."""

_FLAG_LETTERS = "\U0001f1e6-\U0001f1ff"
_RESERVED = "\U0001fa70-\U0001faff"
"""A block that Unicode reserves for emoji: those of future versions are refused already."""

# Only these can start or complete an emoji. Other texts skip the emoji table, whose import takes 60 ms.
_MAYBE_EMOJI = re.compile("[\u20e3\u231a-\u2b55\ufe0f\U0001f000-\U0001faff]")


def forbidden_character(text: str, *, emoji: bool = False) -> ForbiddenCharacter | None:
    """The first character of `text` that a prompt may not hold, or None. With `emoji`, it may hold those."""
    if text.isascii():
        return _found(_CONTROL_IN_ASCII.search(text), CharacterKind.CONTROL)
    refused = _refused(text)
    found = None if emoji else _emoji(text)
    return min(refused, found) if refused and found else refused or found


_ASCII_EQUIVALENTS = str.maketrans(
    "０１２３４５６７８９ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺ"
    "ａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ：－．＝［］【】\u3000"
    "〔〕〖〗﹇﹈∶﹕﹣\u2010\u2011\u2212",
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz:-.=[][] [][][]::----",
)
"""Full-width forms, other brackets, the sign of a ratio, hyphens and the minus."""


def ascii_equivalents(text: str) -> str:
    """`text` with what input methods write in place of ASCII, in ASCII; positions do not change."""
    return text if text.isascii() else text.translate(_ASCII_EQUIVALENTS)


def is_blank(text: str) -> bool:
    """Whether nothing of `text` is visible: white space, format characters, fillers and variation selectors."""
    return all(each.isspace() or each in _INVISIBLE or category(each) == "Cf" for each in text)


def prepare() -> None:
    """Load the emoji table. Call it before serving, so that no request waits for the import."""
    _emoji_pattern()


def _refused(text: str) -> ForbiddenCharacter | None:
    match = _REFUSED.search(text)
    return _found(match, _kind_of(match[0])) if match else None


def _kind_of(character: str) -> CharacterKind:
    return CharacterKind.TAG if _TAGS[0] <= character <= _TAGS[1] else _KIND_OF[category(character)]


def _emoji(text: str) -> ForbiddenCharacter | None:
    if not _MAYBE_EMOJI.search(text):
        return None
    return _found(_emoji_pattern().search(text), CharacterKind.EMOJI)


def _found(match: re.Match[str] | None, kind: CharacterKind) -> ForbiddenCharacter | None:
    return ForbiddenCharacter(match.start(), match.group(), kind) if match else None


@cache
def _emoji_pattern() -> re.Pattern[str]:
    from emoji import EMOJI_DATA, STATUS  # noqa: PLC0415 - most processes and most prompts never need it

    single = {sign: facts["status"] for sign, facts in EMOJI_DATA.items() if len(sign) == 1}
    text_by_default = {
        sign for sign, status in single.items() if status == STATUS["unqualified"] and sign < "\U00010000"
    }
    drawn, either = _one_of(single.keys() - text_by_default) + _RESERVED, _one_of(text_by_default)
    # One set first, then a lookbehind for which it was: the regex engine skips quickly to members of one set.
    return re.compile(
        rf"[0-9#*{_FLAG_LETTERS}{drawn}{either}](?:"
        rf"(?<=[{drawn}])[\ufe0e\ufe0f]?"
        rf"|(?<=[{either}])(?:\ufe0f|\u200d(?=[{either}{drawn}]))"
        rf"|(?<=[{_FLAG_LETTERS}])[{_FLAG_LETTERS}]?"
        rf"|(?<=[0-9#*])\ufe0f?\u20e3"  # a keycap
        rf")"
    )


def _one_of(signs: set[str]) -> str:
    return re.escape("".join(sorted(signs)))
