"""Flags in a prompt: the `--name value` that Midjourney reads as parameters, `--v 7` or `--no trees`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PromptWithoutFlags:
    """A prompt without its flags: the words, the shape asked for with `--ar W:H`, and the flags that were dropped."""

    text: str
    aspect_ratio: str | None = None
    dropped: tuple[str, ...] = ()


# A phone's keyboard makes one long dash of two short ones, and Midjourney reads it alike.
_FLAG = re.compile(r"(?P<dash>(?<!-)-{2,}|—)(?P<name>[A-Za-z]+)")
_RATIO = re.compile(r"(?:-+|—)(?:ar|aspect)[ \t=]+([1-9]\d{0,2}:[1-9]\d{0,2})", re.IGNORECASE)

_LETTERS = r"(?:(?!--)[!-~])*"
_NOTHING = re.compile("")
_A_NUMBER = re.compile(rf"[ \t=]*(?={_LETTERS}\d){_LETTERS}[A-Za-z0-9]")
_A_WORD = re.compile(rf"[ \t=]+{_LETTERS}[A-Za-z0-9]")
_LINKS = re.compile(rf"(?:[ \t]+(?:https?://{_LETTERS}|\d[\d:.]*|random\b))*")
_THE_REST = re.compile(r"(?:(?!--)[^\n])*")

# What stands behind a flag and belongs to it. A name that is not listed may have a number.
_VALUE_OF = {
    **dict.fromkeys(("ar", "aspect", "v", "version", "niji", "s", "stylize", "c", "chaos", "q", "quality"), _A_NUMBER),
    **dict.fromkeys(("w", "weird", "iw", "sw", "sv", "cw", "ow", "stop", "seed", "r", "repeat", "p"), _A_NUMBER),
    **dict.fromkeys(("style", "motion"), _A_WORD),
    **dict.fromkeys(("sref", "cref", "oref"), _LINKS),
    **dict.fromkeys(("tile", "raw", "fast", "turbo", "relax", "draft", "hd", "public", "stealth"), _NOTHING),
    "no": _THE_REST,
}


def take_flags(prompt: str) -> PromptWithoutFlags:
    """Take every flag out of `prompt`. The last valid `--ar W:H` is the aspect ratio, all else is dropped."""
    words, dropped, ratio, at = [], [], None, 0
    for start, end in _spans(prompt):
        words.append(prompt[at:start])
        at = end
        flag = prompt[start:end].strip()
        if asked := _RATIO.fullmatch(flag):
            ratio = asked[1]
        else:
            dropped.append(flag)
    return PromptWithoutFlags("".join([*words, prompt[at:]]).strip(), ratio, tuple(dropped))


def _spans(prompt: str) -> Iterator[tuple[int, int]]:
    """Where flags stand, each with the blanks before it and the value behind it."""
    at = 0
    while flag := _FLAG.search(prompt, at):
        value = _VALUE_OF.get(flag["name"].lower(), _A_NUMBER).match(prompt, flag.end())
        at = value.end() if value else flag.end()
        if _is_prose(prompt, flag, has_value=at > flag.end()):
            at = flag.end()
        else:
            yield len(prompt[: flag.start()].rstrip(" \t")), at


def _is_prose(prompt: str, flag: re.Match[str], *, has_value: bool) -> bool:
    """Whether the dashes are a writer's own, as in "old--and tired" or "a quiet place—no wind"."""
    before = prompt[: flag.start()][-1:]
    plain_flag = flag["dash"] != "—" and not (before.isascii() and before.isalnum())
    numbered = _VALUE_OF.get(flag["name"].lower()) is _A_NUMBER and has_value
    return not plain_flag and not numbered
