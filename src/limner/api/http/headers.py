"""The headers of every answer that its handler did not think of."""

from starlette.types import Message

PLAIN = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",  # an address may hold a signature
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"cache-control": b"no-store",  # balances, prompts and links are nobody else's
}
"""What an answer may do in a browser, unless it says otherwise: nothing."""


def complete(message: Message, more: dict[str, str]) -> None:
    """Add `more`, and what is missing of `PLAIN`, to the message that starts an answer."""
    headers = list(message.get("headers", ()))
    present = {name.lower() for name, _ in headers}
    headers += [(name, value) for name, value in PLAIN.items() if name not in present]
    headers += [(name.lower().encode(), value.encode()) for name, value in more.items()]
    message["headers"] = headers
