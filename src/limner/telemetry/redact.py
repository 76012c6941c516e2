"""The last line of defence: whatever was logged, no secret is in the line that goes out."""

import json
import re
from collections.abc import Iterable
from urllib.parse import quote

BLANK = "[…]"

SHORTEST = 6
"""A value with fewer characters is a word that anybody may say."""

# A word begins here; the console's colour codes end in a letter.
_BEGINS = r"(?: (?<![A-Za-z0-9_]) | (?<=\x1b\[\dm) | (?<=\x1b\[\d\dm) )"
_SHAPES = re.compile(
    rf"""
    (?P<kept>
        {_BEGINS} (?:Bearer|Basic|Key|Token)\s+        # what follows the name of a scheme
      | [?&](?:sig|key|token|X-Amz-Signature|X-Amz-Credential|X-Amz-Security-Token)=
      | ://[^/\s:@]*:                                # a password in an address
    )
    (?: (?<=[\s]) [A-Za-z0-9._~+/=:-]{{16,}} | (?<==) [^&\s"'<>\\]+ | (?<=:) [^/\s@"'\\]+ (?=@) )
  | {_BEGINS} (?:tsk_|whsec_|sk-|r8_|AIza)[A-Za-z0-9_+/=-]{{8,}}  # what begins as keys do: ours, webhooks', vendors'
    """,
    re.VERBOSE | re.IGNORECASE,
)


class Redact:
    """Takes out what looks like a secret, and these values in any of the spellings that a log line gives them."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        known = {value for value in values if len(value) >= SHORTEST}
        spellings = known | {quote(value, safe="") for value in known} | {json.dumps(value)[1:-1] for value in known}
        longest_first = sorted(spellings, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if known else None

    def __call__(self, text: str) -> str:
        if self._known:
            text = self._known.sub(BLANK, text)
        return _SHAPES.sub(_blanked, text)


def _blanked(match: re.Match[str]) -> str:
    return (match["kept"] or "") + BLANK
