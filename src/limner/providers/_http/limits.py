"""Limits on a vendor's response."""

from typing import Final

PICTURE_BYTES: Final = 64 * 1024 * 1024
"""All pictures of one response together."""

SMALL_BYTES: Final = 64 * 1024
"""Pictures of one response that stay in memory, together; what is more goes to files."""

TEXT_BYTES: Final = 1024 * 1024
"""All else in a response, in memory."""

LONG_TEXT: Final = 4 * 1024
"""Base64 text longer than this is taken for a picture."""

DETAIL_CHARACTERS: Final = 2 * 1024

CONNECT_S: Final = 10.0

REDIRECTS: Final = 3
