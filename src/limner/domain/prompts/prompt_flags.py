"""Flags in a prompt: `--name value`, which Midjourney reads as a parameter, as `--v 7` or `--no trees`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from limner.domain.prompts.characters import ascii_equivalents


@dataclass(frozen=True, slots=True)
class PromptWithoutFlags:
    """A prompt without its flags, the aspect ratio of `--ar W:H`, and the flags that were dropped."""

    text: str
    aspect_ratio: str | None = None
    dropped: tuple[str, ...] = ()


# Phone keyboards turn two hyphens into an em dash, which Midjourney accepts as well, word processors into another dash.
_DASHES = "—–―⸺"
_FLAG = re.compile(rf"(?P<dash>(?<!-)-{{2,}}|[{_DASHES}]+)(?P<name>[A-Za-z]+)")
_RATIO = re.compile(rf"(?:-+|[{_DASHES}]+)(?:ar|aspect)[ \t=]+([1-9]\d{{0,2}}:[1-9]\d{{0,2}})", re.IGNORECASE)

_PRINTABLE = r"(?:(?!--)[!-~])*"
_NO_VALUE = re.compile("")
_NUMBER = re.compile(rf"[ \t=]*(?={_PRINTABLE}\d){_PRINTABLE}[A-Za-z0-9]")
_WORD = re.compile(rf"[ \t=]+{_PRINTABLE}[A-Za-z0-9]")
_LINKS = re.compile(rf"(?:[ \t]+(?:https?://{_PRINTABLE}|\d[\d:.]*|random\b))*")
_REST_OF_LINE = re.compile(r"(?:(?!--)[^\n])*")

# The value that may follow each flag. A flag that is not listed may have a number.
_VALUE_OF = {
    **dict.fromkeys(("ar", "aspect", "v", "version", "niji", "s", "stylize", "c", "chaos", "q", "quality"), _NUMBER),
    **dict.fromkeys(("w", "weird", "iw", "sw", "sv", "cw", "ow", "stop", "seed", "r", "repeat", "p"), _NUMBER),
    **dict.fromkeys(("style", "motion"), _WORD),
    **dict.fromkeys(("sref", "cref", "oref"), _LINKS),
    **dict.fromkeys(("tile", "raw", "fast", "turbo", "relax", "draft", "hd", "public", "stealth"), _NO_VALUE),
    "no": _REST_OF_LINE,
}


def take_flags(prompt: str) -> PromptWithoutFlags:
    """Remove every flag from `prompt`. The last valid `--ar W:H` is the aspect ratio, all others are dropped."""
    words, dropped, ratio, at = [], [], None, 0
    ascii_prompt = ascii_equivalents(prompt)
    for start, end in _spans(ascii_prompt):
        words.append(prompt[at:start])
        at = end
        flag = ascii_prompt[start:end].strip()
        if asked := _RATIO.fullmatch(flag):
            ratio = asked[1]
        else:
            dropped.append(flag)
    return PromptWithoutFlags("".join([*words, prompt[at:]]).strip(), ratio, tuple(dropped))


def _spans(prompt: str) -> Iterator[tuple[int, int]]:
    """The positions of flags, each with the blanks before it and its value."""
    at = 0
    while flag := _FLAG.search(prompt, at):
        value = _VALUE_OF.get(flag["name"].lower(), _NUMBER).match(prompt, flag.end())
        at = value.end() if value else flag.end()
        if _is_prose(prompt, flag, has_value=at > flag.end()):
            at = flag.end()
        else:
            yield len(prompt[: flag.start()].rstrip(" \t")), at


def _is_prose(prompt: str, flag: re.Match[str], *, has_value: bool) -> bool:
    """Whether the dashes are punctuation, as in "old--and tired" or "a quiet place—no wind"."""
    before = prompt[: flag.start()][-1:]
    plain_flag = flag["dash"][0] not in _DASHES and not (before.isascii() and before.isalnum())
    numbered = _VALUE_OF.get(flag["name"].lower()) is _NUMBER and has_value
    return not plain_flag and not numbered
