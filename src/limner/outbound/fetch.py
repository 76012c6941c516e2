"""Downloads user-given URLs: every redirect is checked, size and time are limited."""

import asyncio
from pathlib import Path
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from limner.outbound import refusals
from limner.outbound.address_guard import AddressGuard, RefusedAddressError, connecting_to
from limner.outbound.allowlist import FetchAllow
from limner.outbound.limits import FetchLimits
from limner.outbound.resolver import SystemResolver
from limner.outbound.response_head import HEAD_LIMITS, compression
from limner.outbound.urls import PrivateHostError, UrlError, parse
from limner.threads import in_thread

_BLOCK: Final = 256 * 1024
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_HEADERS: Final = {
    "User-Agent": "Limner",
    # Servers that choose a format by this header would otherwise send AVIF.
    "Accept": "image/jpeg, image/png, image/webp, */*;q=0.1",
    "Accept-Encoding": "identity",
}
_REASONS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (aiohttp.ClientConnectorDNSError, "its host name does not resolve"),
    (aiohttp.ClientSSLError, "no trusted TLS connection could be made"),
    (aiohttp.ClientConnectorError, "no connection could be made"),
    (aiohttp.ClientPayloadError, "the response ended prematurely"),
    (aiohttp.ServerDisconnectedError, "the server closed the connection"),
    (aiohttp.ClientOSError, "the connection failed"),
    (aiohttp.InvalidURL, "the client cannot use the address"),
)


class Fetcher:
    """Downloads public files. Bound to the event loop of its first fetch; close it there."""

    def __init__(
        self,
        allow: FetchAllow,
        limits: FetchLimits,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._allow = allow
        self._limits = limits
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None

    async def fetch(self, url: str, target: Path) -> None:
        """Download `url` to `target`, or raise `Refusal` and leave no file."""
        try:
            async with asyncio.timeout(self._limits.total_s):
                await self._follow(url, target)
        except aiohttp.ServerTimeoutError as error:
            raise refusals.unreachable(url, f"the server was silent for {self._limits.idle_s:g} s") from error
        except TimeoutError as error:
            raise refusals.unreachable(url, f"it took longer than {self._limits.total_s:g} s") from error
        except aiohttp.ClientError as error:
            raise refusals.unreachable(url, failure_reason(error)) from error

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _follow(self, url: str, target: Path) -> None:
        hop = self._parse_first(url)
        for _ in range(self._limits.redirects + 1):
            with connecting_to(hop.raw_host or ""):
                response = await self._client().get(hop, allow_redirects=False)
            async with response:
                if response.status not in _REDIRECTS:
                    await self._save(url, response, target)
                    return
                hop = self._parse_redirect(url, hop, response)
        raise refusals.unreachable(url, f"it redirects more than {self._limits.redirects} times")

    def _parse_first(self, url: str) -> URL:
        try:
            return parse(url, self._allow)
        except UrlError as error:
            raise refusals.unreachable(url, f"the address {error}") from error
        except PrivateHostError as error:
            raise refusals.not_public(str(error)) from error

    def _parse_redirect(self, url: str, hop: URL, response: aiohttp.ClientResponse) -> URL:
        """The target of a redirect, checked like the original URL."""
        location = response.headers.get("Location", "")
        try:
            return parse(_joined(hop, location), self._allow)
        except UrlError as error:
            raise refusals.unreachable(url, f"it redirects to an address that {error}") from error
        except PrivateHostError as error:
            raise refusals.unreachable(url, f"it redirects to {str(error)!r}, which is not public") from error

    async def _save(self, url: str, response: aiohttp.ClientResponse, target: Path) -> None:
        self._check_head(url, response)
        try:
            await self._write_body(url, response, target)
        except BaseException:
            await in_thread(target.unlink, missing_ok=True)
            raise

    def _check_head(self, url: str, response: aiohttp.ClientResponse) -> None:
        """Refuse by status and headers."""
        if response.status != 200:
            raise refusals.unreachable(url, f"the server answered {response.status}")
        if packed := compression(response.headers.get("Content-Encoding", "")):
            raise refusals.unreachable(url, f"the response is compressed ({packed!r}), which was not requested")
        if (response.content_length or 0) > self._limits.max_bytes:
            raise refusals.download_too_large(url, self._limits.max_bytes)

    async def _write_body(self, url: str, response: aiohttp.ClientResponse, target: Path) -> None:
        await in_thread(target.write_bytes, b"")
        total, block = 0, bytearray()
        async for chunk in response.content.iter_any():
            total += len(chunk)
            if total > self._limits.max_bytes:
                raise refusals.download_too_large(url, self._limits.max_bytes)
            block += chunk
            if len(block) >= _BLOCK:
                await in_thread(_append, target, bytes(block))
                block.clear()
        await in_thread(_append, target, bytes(block))

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=self._connector(),
                headers=_HEADERS,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(sock_connect=self._limits.idle_s, sock_read=self._limits.idle_s),
                auto_decompress=False,
                trust_env=False,
                **HEAD_LIMITS,
            )
        return self._session

    def _connector(self) -> aiohttp.TCPConnector:
        # No keep-alive: every request opens a connection, whose address is checked.
        return aiohttp.TCPConnector(
            socket_factory=AddressGuard(self._allow).open_socket,
            resolver=self._resolver or SystemResolver(),
            use_dns_cache=False,
            force_close=True,
            limit=0,
        )


def _joined(hop: URL, location: str) -> str:
    if not location:
        raise UrlError("is not given")
    try:
        target = URL(location, encoded=location.isascii())
        return location if target.absolute and target.scheme else str(hop.join(target))
    except (ValueError, TypeError) as error:
        raise UrlError("cannot be read as a URL") from error


def failure_reason(error: aiohttp.ClientError) -> str:
    """The failure in words, for the user who gave the URL."""
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, RefusedAddressError):
        return f"the host {error.host!r} does not resolve to a public address"
    return next(
        (failure_reason for kind, failure_reason in _REASONS if isinstance(error, kind)),
        "the server's response is not valid HTTP",
    )


def _append(target: Path, block: bytes) -> None:
    with target.open("ab") as file:
        file.write(block)
