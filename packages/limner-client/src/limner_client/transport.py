"""How requests reach the server: by HTTP, or as somebody else provides."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol


class TransportFailed(Exception):
    """No whole answer came; whether the server took the request is unknown."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`headers` have small letters."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Transport(Protocol):
    """Raises `TransportFailed` where no answer comes."""

    can_watch: bool
    """Whether `watch` works; without it tasks are polled."""

    async def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Answer: ...

    def fetch(self, link: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """The content behind a link, piece by piece. No key goes with it. Raises `CallRefused`."""
        ...

    def watch(
        self, path: str, headers: Mapping[str, str]
    ) -> AbstractAsyncContextManager[AsyncIterator[Mapping[str, Any]]]:
        """The frames of a WebSocket, until it closes."""
        ...

    async def close(self) -> None: ...
