"""Default security headers of every response."""

from collections.abc import Mapping

from starlette.types import Message

PLAIN = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",  # an address may hold a signature
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"cache-control": b"no-store",  # balances, prompts and links are private to the account
}
"""Defaults, used unless the handler set the header."""


def media_type(headers: Mapping[str, str]) -> str:
    """The media type of the body in lower case, without parameters; empty if it is not declared."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def add_headers(message: Message, more: dict[str, str]) -> None:
    """Add `more`, and the headers of `PLAIN` that are missing, to a response start message."""
    headers = list(message.get("headers", ()))
    present = {name.lower() for name, _ in headers}
    headers += [(name, value) for name, value in PLAIN.items() if name not in present]
    headers += [(name.lower().encode(), value.encode()) for name, value in more.items()]
    message["headers"] = headers
