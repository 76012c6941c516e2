"""How much of a vendor's answer is taken."""

from typing import Final

PICTURE_BYTES: Final = 64 * 1024 * 1024
"""Pictures of one answer together, as files."""

TEXT_BYTES: Final = 1024 * 1024
"""All else in an answer, in memory."""

LONG_TEXT: Final = 4 * 1024
"""Base64 longer than this goes to disk, whatever it holds."""

DETAIL_CHARACTERS: Final = 2 * 1024

CONNECT_S: Final = 10.0

REDIRECTS: Final = 3
