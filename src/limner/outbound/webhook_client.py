"""The HTTP client behind `GuardedWebhookHttp`."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from limner import __version__
from limner.outbound.address_guard import AddressGuard, connecting_to
from limner.outbound.allowlist import FetchAllow
from limner.outbound.fetch import failure_reason
from limner.outbound.resolver import SystemResolver
from limner.outbound.response_head import HEAD_LIMITS
from limner.ports.webhook_http import WebhookAnswered, WebhookUnanswered

ANSWER_BYTES: Final = 2048
ANSWER_S: Final = 1.0
"""Bytes of an error response that are read for the log, and the timeout for reading them."""

_HEADERS: Final = {"User-Agent": f"Limner/{__version__}", "Accept": "*/*", "Accept-Encoding": "identity"}


class WebhookClient:
    """Bound to the event loop of its first message; close it there."""

    def __init__(
        self, allow: FetchAllow, timeout_s: float, resolver: AbstractResolver | None, *, reads_answers: bool = False
    ) -> None:
        self._allow = allow
        self._timeout_s = timeout_s
        self._reads_answers = reads_answers
        self._resolver = resolver or SystemResolver()
        self._session: aiohttp.ClientSession | None = None

    async def send(self, url: URL, headers: Mapping[str, str], body: bytes) -> WebhookAnswered | WebhookUnanswered:
        try:
            async with asyncio.timeout(self._timeout_s):
                response = await self._post(url, headers, body)
        except TimeoutError:
            return WebhookUnanswered(f"no answer within {self._timeout_s:g} seconds", timed_out=True)
        except aiohttp.ClientError as error:
            return WebhookUnanswered(failure_reason(error))
        try:
            return await _read_answer(response, always=self._reads_answers)
        finally:
            response.close()  # the rest of the response is not needed

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None
        await self._resolver.close()

    async def _post(self, url: URL, headers: Mapping[str, str], body: bytes) -> aiohttp.ClientResponse:
        with connecting_to(url.raw_host or ""):
            return await self._client().post(url, data=body, headers=dict(headers), allow_redirects=False)

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            # No keep-alive: every message opens a connection, whose address is checked.
            connector = aiohttp.TCPConnector(
                socket_factory=AddressGuard(self._allow).open_socket,
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
                **HEAD_LIMITS,
            )
        return self._session


async def _read_answer(response: aiohttp.ClientResponse, *, always: bool) -> WebhookAnswered:
    """Status and, for an error or `always`, as much of the text as arrives within `ANSWER_S`."""
    answered = WebhookAnswered(response.status, retry_after_s=_retry_after_s(response))
    if answered.is_success and not always:
        return answered
    return replace(answered, text=_printable(await _body_start(response)))


async def _body_start(response: aiohttp.ClientResponse) -> bytes:
    read = bytearray()
    with contextlib.suppress(TimeoutError, aiohttp.ClientError):
        async with asyncio.timeout(ANSWER_S):
            while len(read) < ANSWER_BYTES and (piece := await response.content.read(ANSWER_BYTES - len(read))):
                read += piece
    return bytes(read)


def _retry_after_s(response: aiohttp.ClientResponse) -> int | None:
    """The header if it is a number of seconds; dates are ignored."""
    value = response.headers.get("Retry-After", "").strip()
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else None


def _printable(data: bytes) -> str:
    text = data.decode(errors="replace")
    return "".join(each if each.isprintable() or each == "\n" else "?" for each in text)
