"""Cutting a prompt into words, in scripts with spaces and without."""

import re
from collections.abc import Sequence

from limner_builtin.reading.vocabulary import folded

UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
WORD = re.compile(
    r"image\[\d+\]"
    r"|f/\d+(?:\.\d+)?|\d+(?:[.:/x×]\d+)+|\d+(?:\.\d+)?[a-z]+"  # f/1.8, 16:9, 35mm: no counts
    r"|[^\W\d_]+(?:['’\-][^\W\d_]+)*['’]?|\d+|[,;.!?:，。、；]",
    re.IGNORECASE,
)
MEASURE = re.compile(
    r"([一二两兩三四五六七八九十几数]|\d+)"
    r"([个個只隻条條棵匹头頭座艘位名辆輛朵张張把支枝件颗顆本台架幅群串双雙对對株]|[匹頭羽人本枚台輪冊個つ]の?)"
)
"""A number with a Chinese measure word or a Japanese counter."""

NUMERALS = {"两": 2, "兩": 2, "几": 4, "数": 4} | {
    numeral: value for value, numeral in enumerate("一二三四五六七八九十", 1)
}


def split_words(prompt: str) -> list[str]:
    """Words; single characters in scripts that do not set spaces."""
    words: list[str] = []
    for word in WORD.findall(folded(prompt)):
        words.extend(word if UNSPACED.search(word) else [word])
    return words


def word_groups(words: list[str]) -> list[str]:
    """Two and three words that follow each other."""
    return [joined(words[i : i + n]) for n in (2, 3) for i in range(len(words) - n + 1)]


def joined(words: Sequence[str]) -> str:
    text = ""
    for word in words:
        apart = text and not (UNSPACED.search(text[-1]) or UNSPACED.search(word[0]))
        text += (" " if apart else "") + word
    return text


def measured(text: str) -> int | None:
    """The number in front of a measure word; None of any other text."""
    found = MEASURE.fullmatch(text)
    if found is None:
        return None
    return NUMERALS.get(found[1]) or int(found[1])
