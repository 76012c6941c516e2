"""Limits on a vendor's response."""

from typing import Final

PICTURE_BYTES: Final = 64 * 1024 * 1024
"""All pictures of one response together, as files."""

TEXT_BYTES: Final = 1024 * 1024
"""All else in a response, in memory."""

LONG_TEXT: Final = 4 * 1024
"""Base64 text longer than this goes to disk."""

DETAIL_CHARACTERS: Final = 2 * 1024

CONNECT_S: Final = 10.0

REDIRECTS: Final = 3
