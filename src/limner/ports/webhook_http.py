"""Sending a webhook message to an address that a caller gave."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class WebhookAnswered:
    """The receiver's response. `text` is the beginning of an unsuccessful body, unprintable characters as `?`.

    `retry_after_s` is its `Retry-After`, in seconds.
    """

    status: int
    text: str = ""
    retry_after_s: int | None = None

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class WebhookUnanswered:
    """There was no response. `error` names the host at most, never the full address."""

    error: str
    timed_out: bool = False


class WebhookHttp(Protocol):
    def check(self, url: str) -> None:
        """Raise `Refusal` for a URL that cannot be a public https address. Does no DNS lookup."""
        ...

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> WebhookAnswered | WebhookUnanswered:
        """POST `body` once. Redirects are not followed, and only public addresses are connected to."""
        ...
