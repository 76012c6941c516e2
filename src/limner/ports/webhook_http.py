"""Sending a message to an address that a caller gave."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class WebhookAnswered:
    """What the receiver said. `text` is the beginning of an answer that is no success, in place of what is no text `?`.

    `retry_after_s` is how long it asks to be left alone, in seconds.
    """

    status: int
    text: str = ""
    retry_after_s: int | None = None

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class WebhookUnanswered:
    """Nothing was said. `error` is a sentence that holds no address but the host's name."""

    error: str
    timed_out: bool = False


class WebhookHttp(Protocol):
    def check(self, url: str) -> None:
        """Raise `Refusal` for what cannot be a public https address by its looks; nothing is looked up."""
        ...

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> WebhookAnswered | WebhookUnanswered:
        """Send `body` once. Redirects are not followed, and only public addresses are dialled."""
        ...
