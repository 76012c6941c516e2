"""A vendor's words, made fit to be passed on."""

import re
from typing import Final

_LONGEST: Final = 300
# Vendors repeat keys and the names of accounts in what they say, whole or with a middle of stars.
_TELLTALE: Final = re.compile(
    r"\b(?:sk|pk|rk|sess|r8)[-_][\w*.-]{6,}|\b(?:org|proj|user|key|fal)[-_](?=[a-z_.-]*[\d*])[\w*.-]{6,}"
    r"|\bAIza[\w*-]{6,}|\bBearer\s+\S+|https?://\S+",
    re.IGNORECASE,
)


def redacted(words: object, key: str = "") -> str:
    """`words` on one line, without keys, account names and addresses, and not too long. Empty for no string."""
    if not isinstance(words, str):
        return ""
    line = " ".join("".join(each if each.isprintable() else " " for each in words[: 8 * _LONGEST]).split())
    if key:
        line = line.replace(key, "[…]")
    line = _TELLTALE.sub("[…]", line)
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
