"""Vendors' messages without keys, account names and addresses."""

import re
from typing import Final

_MAX_LENGTH: Final = 300
# Vendors repeat keys and account names in messages, whole or with stars in the middle.
_SECRET: Final = re.compile(
    r"\b(?:sk|pk|rk|sess|r8)[-_][\w*.-]{6,}|\b(?:org|proj|user|key|fal)[-_](?=[a-z_.-]*[\d*])[\w*.-]{6,}"
    r"|\bAIza[\w*-]{6,}|\bBearer\s+\S+|https?://\S+",
    re.IGNORECASE,
)


def redacted(words: object, key: str = "") -> str:
    """`words` on one line, without keys, account names and addresses, and not too long. Empty for no string."""
    if not isinstance(words, str):
        return ""
    line = " ".join("".join(each if each.isprintable() else " " for each in words[: 8 * _MAX_LENGTH]).split())
    if key:
        line = line.replace(key, "[…]")
    line = _SECRET.sub("[…]", line)
    return line if len(line) <= _MAX_LENGTH else line[: _MAX_LENGTH - 1] + "…"
