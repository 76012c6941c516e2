"""Remove secrets from finished log lines."""

import json
import re
from collections.abc import Iterable
from urllib.parse import quote

REPLACEMENT = "[…]"

MIN_CHARACTERS = 6
"""Shorter values are not removed: they also occur as ordinary words."""

# The start of a word. The second alternative is for the console's colour codes, which end in a letter.
_WORD_START = r"(?: (?<![A-Za-z0-9_]) | (?<=\x1b\[\dm) | (?<=\x1b\[\d\dm) )"
_SECRET_PATTERNS = re.compile(
    rf"""
    (?P<kept>
        {_WORD_START} (?:Bearer|Basic|Key|Token)\s+        # after an authentication scheme
      | [?&](?:sig|key|token|X-Amz-Signature|X-Amz-Credential|X-Amz-Security-Token)=
      | ://[^/\s:@]*:                                # a password in an address
    )
    (?: (?<=[\s]) [A-Za-z0-9._~+/=:-]{{16,}} | (?<==) [^&\s"'<>\\]+ | (?<=:) [^/\s@"'\\]+ (?=@) )
  | {_WORD_START} (?:tsk_|whsec_|sk-|r8_|AIza)[A-Za-z0-9_+/=-]{{8,}}  # known key prefixes
    """,
    re.VERBOSE | re.IGNORECASE,
)


class Redact:
    """Replaces text that matches a secret's format, and the given values, also URL- or JSON-encoded."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        known = {value for value in values if len(value) >= MIN_CHARACTERS}
        spellings = known | {quote(value, safe="") for value in known} | {json.dumps(value)[1:-1] for value in known}
        longest_first = sorted(spellings, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if known else None

    def __call__(self, text: str) -> str:
        if self._known:
            text = self._known.sub(REPLACEMENT, text)
        return _SECRET_PATTERNS.sub(_replaced, text)


def _replaced(match: re.Match[str]) -> str:
    return (match["kept"] or "") + REPLACEMENT
