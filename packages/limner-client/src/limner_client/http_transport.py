"""Requests by HTTP, with aiohttp, which is imported by the first request: importing a client takes no time."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

from limner_client.errors import refusal_of
from limner_client.transport import Answer, TransportFailed

if TYPE_CHECKING:
    import aiohttp

CONNECT_S, READ_S = 10.0, 75.0
"""A create that waits for its task is answered within 60 seconds."""
PIECE = 64 * 1024
LARGEST_FRAME = 4 * 1024 * 1024


class HttpTransport:
    can_watch = True

    def __init__(self, url: str) -> None:
        self._url = url
        self._session: aiohttp.ClientSession | None = None

    def _opened(self) -> "aiohttp.ClientSession":
        import aiohttp  # noqa: PLC0415 - takes most of the time of an import

        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=READ_S)
            self._session = aiohttp.ClientSession(timeout=timeout, trust_env=True)
        return self._session

    async def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        # No redirect is followed: the key would go where it leads.
        call = self._opened().request(method, self._url + path, data=body, headers=headers, allow_redirects=False)
        with _told():
            async with call as answer:
                found = {name.lower(): value for name, value in answer.headers.items()}
                return Answer(answer.status, await answer.read(), found)

    @asynccontextmanager
    async def fetch(self, link: str) -> AsyncIterator[AsyncIterator[bytes]]:
        with _told():
            async with self._opened().get(link) as answer:
                if answer.status != 200:
                    raise refusal_of(answer.status, _json(await answer.read()), {})
                yield answer.content.iter_chunked(PIECE)

    @asynccontextmanager
    async def watch(self, path: str, headers: Mapping[str, str]) -> AsyncIterator[AsyncIterator[Mapping[str, Any]]]:
        with _told():
            async with self._opened().ws_connect(
                self._url + path, headers=headers, heartbeat=30, max_msg_size=LARGEST_FRAME
            ) as socket:
                yield _frames(socket)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


@contextmanager
def _told() -> Iterator[None]:
    """Raise errors of aiohttp as ours."""
    from aiohttp import ClientError  # noqa: PLC0415

    try:
        yield
    except (ClientError, TimeoutError, OSError) as error:
        raise TransportFailed(f"{type(error).__name__}: {error}") from error


async def _frames(socket: "aiohttp.ClientWebSocketResponse") -> AsyncIterator[Mapping[str, Any]]:
    async for message in socket:
        if isinstance(message.data, str):
            yield json.loads(message.data)


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
