"""The HTTP client behind `GuardedPost`."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from limner import __version__
from limner.outbound.address_guard import Guard, dialling
from limner.outbound.allowlist import FetchAllow
from limner.outbound.fetch import words
from limner.outbound.resolver import ThreadedResolver
from limner.ports.webhook_http import WebhookAnswered, WebhookUnanswered

ANSWER_BYTES: Final = 2048
ANSWER_S: Final = 1.0
"""How much of an answer that is no success is read for the log, and how long that is waited for."""

_HEADERS: Final = {"User-Agent": f"Limner/{__version__}", "Accept": "*/*", "Accept-Encoding": "identity"}


class WebhookClient:
    """Belongs to the event loop it first sends on; close it there."""

    def __init__(self, allow: FetchAllow, timeout_s: float, resolver: AbstractResolver | None) -> None:
        self._allow = allow
        self._timeout_s = timeout_s
        self._resolver = resolver or ThreadedResolver()
        self._session: aiohttp.ClientSession | None = None

    async def send(self, url: URL, headers: Mapping[str, str], body: bytes) -> WebhookAnswered | WebhookUnanswered:
        try:
            async with asyncio.timeout(self._timeout_s):
                response = await self._ask(url, headers, body)
        except TimeoutError:
            return WebhookUnanswered(f"no answer within {self._timeout_s:g} seconds", timed_out=True)
        except aiohttp.ClientError as error:
            return WebhookUnanswered(words(error))
        try:
            return await _heard(response)
        finally:
            response.close()  # whatever else it has to say, nobody waits for

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None
        await self._resolver.close()

    async def _ask(self, url: URL, headers: Mapping[str, str], body: bytes) -> aiohttp.ClientResponse:
        with dialling(url.raw_host or ""):
            return await self._client().post(url, data=body, headers=dict(headers), allow_redirects=False)

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            # One connection a message: each is judged when it is dialled, and strangers keep none of ours open.
            connector = aiohttp.TCPConnector(
                socket_factory=Guard(self._allow).open_socket,
                resolver=self._resolver,
                use_dns_cache=False,
                force_close=True,
                limit=0,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                headers=_HEADERS,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
                auto_decompress=False,
                trust_env=False,
            )
        return self._session


async def _heard(response: aiohttp.ClientResponse) -> WebhookAnswered:
    """The answer. The status alone decides; the text comes as far as it comes in time."""
    answered = WebhookAnswered(response.status, retry_after_s=_retry_after_s(response))
    return answered if answered.is_success else replace(answered, text=_printable(await _beginning(response)))


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    read = bytearray()
    with contextlib.suppress(TimeoutError, aiohttp.ClientError):
        async with asyncio.timeout(ANSWER_S):
            while len(read) < ANSWER_BYTES and (piece := await response.content.read(ANSWER_BYTES - len(read))):
                read += piece
    return bytes(read)


def _retry_after_s(response: aiohttp.ClientResponse) -> int | None:
    """The header in seconds; its other form, a date, is not worth a parser here."""
    wish = response.headers.get("Retry-After", "").strip()
    return int(wish) if wish.isascii() and wish.isdigit() and len(wish) < 10 else None


def _printable(data: bytes) -> str:
    text = data.decode(errors="replace")
    return "".join(each if each.isprintable() or each == "\n" else "?" for each in text)
