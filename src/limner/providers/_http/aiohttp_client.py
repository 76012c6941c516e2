"""The HTTP client behind `VendorHttp`. Imported on first use: aiohttp takes 0.4 s."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any, Final

import aiohttp
from yarl import URL

from limner.outbound.resolver import SystemResolver
from limner.outbound.response_head import HEAD_LIMITS, compression
from limner.ports.provider import Allows, ProxyFor, allows_none, no_proxy
from limner.ports.tracing import sent_on
from limner.providers._http.errors import BadResponse, NoResponse, TooLarge
from limner.providers._http.limits import CONNECT_S, DETAIL_CHARACTERS, REDIRECTS, SMALL_BYTES, TEXT_BYTES
from limner.providers._http.origin import Origin, is_private_address
from limner.providers._http.reading.events import EventReader, OnEvent, events_in, json_in
from limner.providers._http.reading.json_spool import JsonSpool
from limner.providers._http.reading.response_pictures import Pictures, ResponsePictures
from limner.providers._http.request_body import RequestBody
from limner.providers._http.response import VendorResponse
from limner.threads import in_thread

_Block = Sequence[bytes]

_BLOCK: Final = 128 * 1024
_KEEP_ALIVE_S: Final = 4.0
_PURCHASE_KEEP_ALIVE_S: Final = 1.0
"""Shorter than servers allow (gunicorn 2 s, Node and uvicorn 5 s): none closes a connection that is this new."""

_REDIRECT_STATUSES: Final = frozenset({301, 302, 303, 307, 308})
_EVENTS: Final = "text/event-stream"
_REASONS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (aiohttp.ClientProxyConnectionError, "the outbound proxy cannot be reached"),
    (aiohttp.ClientHttpProxyError, "the outbound proxy refused the connection"),
    (aiohttp.ClientConnectorDNSError, "its host name does not resolve"),
    (aiohttp.ClientConnectorCertificateError, "its certificate is not trusted"),
    (aiohttp.ClientSSLError, "no TLS connection could be made"),
    (aiohttp.ClientConnectorError, "no connection could be made"),
    (aiohttp.ConnectionTimeoutError, "the connection timed out"),
    (aiohttp.ClientPayloadError, "the answer ended prematurely"),
    (aiohttp.ServerDisconnectedError, "it closed the connection"),
    (aiohttp.ClientOSError, "the connection was lost"),
)


class _Use(Enum):
    """What a connection is for. Polls and purchases keep theirs alive.

    Where a kept one breaks, it is unknown whether the request arrived. So a purchase uses a kept one only within
    `_PURCHASE_KEEP_ALIVE_S`, and never again at a vendor where one broke.
    """

    POLL = auto()
    PURCHASE = auto()
    LONE_PURCHASE = auto()  # over a connection of its own
    DOWNLOAD = auto()  # from any host, so only public addresses and those that the operator lists
    TRUSTED_DOWNLOAD = auto()  # from a listed host, by the operator's proxy, or where the vendor itself is not public


@dataclass(slots=True)
class _Sent:
    """Whether anything of a request may have reached the vendor, and whether over a connection that was kept."""

    sent: bool = False
    over_kept: bool = False


class _PrivateAddressError(OSError):
    """A delivery's address is not public."""


class AiohttpClient:
    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str],
        key_hosts: tuple[str, ...],
        allows: Allows = allows_none,
        proxy_for: ProxyFor = no_proxy,
    ) -> None:
        self._proxy_for = proxy_for
        self._origin = Origin(URL(base_url), key_hosts, allows)
        self._headers = headers
        self._sessions: dict[_Use, aiohttp.ClientSession] = {}
        self._purchase = _Use.PURCHASE

    async def call(
        self,
        method: str,
        url: str,
        *,
        body: RequestBody | None,
        workdir: Path | None,
        timeout_s: float,
        on_event: OnEvent | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> VendorResponse:
        target = self._origin.keyed(url)
        use = _Use.POLL if method in {"GET", "HEAD"} else self._purchase
        sent_headers = {**self._headers, **headers, **sent_on(), "Accept": "application/json"}
        if body is not None:
            sent_headers |= {"Content-Type": body.content_type, "Content-Length": str(await body.size())}
        async with (
            _limited(timeout_s) as sent,
            self._lone_after_break(sent),
            self._session(use).request(
                method,
                target,
                headers=sent_headers,
                data=None if body is None else body.stream(),
                proxy=self._proxy_for(str(target)),
                allow_redirects=False,
                trace_request_ctx=sent,
            ) as response,
        ):
            return await _answer(response, workdir, on_event)

    async def download(self, url: str, target: Path, timeout_s: float, max_bytes: int) -> VendorResponse:
        async with _limited(timeout_s) as sent:
            is_private = await self._is_vendor_private()
            hop = self._origin.delivery(url)
            for _ in range(REDIRECTS + 1):
                proxy = self._proxy_for(str(hop))
                trusted = is_private or self._origin.is_listed(hop)
                if proxy and not trusted:
                    self._origin.check_literal_address(hop)
                use = _Use.TRUSTED_DOWNLOAD if trusted or proxy else _Use.DOWNLOAD
                async with self._session(use).get(
                    hop, allow_redirects=False, trace_request_ctx=sent, proxy=proxy
                ) as response:
                    if response.status not in _REDIRECT_STATUSES:
                        return await _delivery(response, target, max_bytes)
                    hop = self._origin.delivery(_joined(hop, response.headers.get("Location", "")))
        raise BadResponse(f"redirects the delivery more than {REDIRECTS} times")

    async def close(self) -> None:
        sessions = list(self._sessions.values())
        self._sessions.clear()
        for session in sessions:
            await session.close()

    @asynccontextmanager
    async def _lone_after_break(self, progress: _Sent) -> AsyncIterator[None]:
        """Keep no more connections for purchases once one broke that was kept."""
        try:
            yield
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            if progress.over_kept:
                self._purchase = _Use.LONE_PURCHASE
            raise

    async def _is_vendor_private(self) -> bool:
        """Whether the account's own host is not public; then its deliveries need not be either."""
        loop = asyncio.get_running_loop()
        try:
            rows = await loop.getaddrinfo(self._origin.base.raw_host, None, type=socket.SOCK_STREAM)
        except OSError:
            return False
        return all(is_private_address(str(row[4][0])) for row in rows)

    def _session(self, use: _Use) -> aiohttp.ClientSession:
        if use not in self._sessions:
            self._sessions[use] = _opened(use, self._origin)
        return self._sessions[use]


# --- sessions -------------------------------------------------------------------------------------------------------


def _opened(use: _Use, origin: Origin) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=_connector(use, origin),
        headers={"User-Agent": "Limner", "Accept-Encoding": "identity"},
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
        read_bufsize=_BLOCK // 2,
        # Compression is not requested. Some vendors compress all the same; a downloaded bomb must stay compressed.
        auto_decompress=use in {_Use.POLL, _Use.PURCHASE, _Use.LONE_PURCHASE},
        trust_env=False,
        trace_configs=[_tracing()],
        **HEAD_LIMITS,
    )


def _connector(use: _Use, origin: Origin) -> aiohttp.TCPConnector:
    factory = partial(_checked_socket, origin) if use is _Use.DOWNLOAD else None
    resolver = SystemResolver()
    if use in {_Use.POLL, _Use.PURCHASE}:
        kept_s = _KEEP_ALIVE_S if use is _Use.POLL else _PURCHASE_KEEP_ALIVE_S
        return aiohttp.TCPConnector(resolver=resolver, limit=0, keepalive_timeout=kept_s)
    return aiohttp.TCPConnector(
        resolver=resolver, limit=0, force_close=True, use_dns_cache=use is not _Use.DOWNLOAD, socket_factory=factory
    )


def _checked_socket(origin: Origin, info: tuple[int, int, int, str, tuple[Any, ...]]) -> socket.socket:
    """A socket for one of getaddrinfo's rows. This checks the very address that is connected to."""
    family, kind, protocol, _, (address, port, *_rest) = info
    if origin.is_refused(str(address), int(port)):
        raise _PrivateAddressError("not a public address")
    return socket.socket(family, kind, protocol)


def _tracing() -> aiohttp.TraceConfig:
    config = aiohttp.TraceConfig()
    config.on_request_headers_sent.append(_note_sent)
    config.on_connection_reuseconn.append(_note_kept)
    return config


async def _note_sent(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: Any) -> None:
    context.trace_request_ctx.sent = True


async def _note_kept(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: Any) -> None:
    context.trace_request_ctx.over_kept = True


# --- errors ---------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _limited(timeout_s: float) -> AsyncIterator[_Sent]:
    """A time limit on the block. The client's errors become `NoResponse` and `BadResponse`."""
    progress = _Sent()
    try:
        async with asyncio.timeout(timeout_s):
            with _translated(progress):
                yield progress
    except TimeoutError as error:
        raise NoResponse(f"no answer within {timeout_s:g} s", sent=progress.sent) from error


@contextmanager
def _translated(progress: _Sent) -> Iterator[None]:
    try:
        yield
    except aiohttp.ClientError as error:
        if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, _PrivateAddressError):
            raise BadResponse("names a delivery address that is not public") from error
        if isinstance(error, aiohttp.InvalidURL):
            raise BadResponse("names a delivery address that cannot be used") from error
        words = next((words for kind, words in _REASONS if isinstance(error, kind)), "its answer is not valid HTTP")
        unconnected = isinstance(error, aiohttp.ClientConnectorError | aiohttp.ClientHttpProxyError)
        raise NoResponse(words, sent=progress.sent and not unconnected) from error


# --- reading --------------------------------------------------------------------------------------------------------


async def _answer(
    response: aiohttp.ClientResponse, workdir: Path | None, on_event: OnEvent | None = None
) -> VendorResponse:
    if workdir is None or response.status >= 300:
        raw = await _text(response)
        return _parsed(response, raw, {})
    pictures = ResponsePictures(workdir)
    streamed = on_event if response.content_type == _EVENTS else None
    try:
        raw = await (_spooled_events(response, pictures, streamed) if streamed else _spooled(response, pictures))
    except BaseException:
        await in_thread(pictures.remove)
        raise
    return _parsed(response, raw, pictures.found)


async def _text(response: aiohttp.ClientResponse) -> bytes:
    """The body in memory; of an error response, its beginning."""
    raw = bytearray()
    async for chunk in response.content.iter_any():
        raw += chunk
        if len(raw) > TEXT_BYTES:
            if response.status >= 300:
                break
            raise TooLarge(f"holds more than {TEXT_BYTES} bytes")
    return bytes(raw[:TEXT_BYTES])


async def _spooled(response: aiohttp.ClientResponse, pictures: ResponsePictures) -> bytes:
    spool, fed = JsonSpool(pictures), 0
    async for block in _blocks(response):
        fed += sum(map(len, block))
        if fed <= SMALL_BYTES:  # stays in memory, and is decoded for less than a hop to a thread costs
            _feed(spool, block)
        else:
            await in_thread(_feed, spool, block)
    if pictures.has_files:
        await in_thread(pictures.close)
    else:
        pictures.close()
    return bytes(spool.rest)


async def _spooled_events(response: aiohttp.ClientResponse, pictures: ResponsePictures, on_event: OnEvent) -> bytes:
    """As `_spooled`, and each event is passed on when it has ended: what arrives is not collected to large blocks."""
    spool, reader = JsonSpool(pictures), EventReader()
    async for chunk in response.content.iter_any():
        await in_thread(_feed, spool, (chunk,))
        for event in reader.take(spool.rest, pictures.found):
            await on_event(event)
    await in_thread(pictures.close)
    return bytes(spool.rest)


def _feed(spool: JsonSpool, block: _Block) -> None:
    # Joined: to decode and to write a chunk each gives the interpreter lock away, which costs more than a copy.
    spool.feed(b"".join(block))


async def _blocks(response: aiohttp.ClientResponse) -> AsyncIterator[_Block]:
    """The body in blocks that are worth a thread, each as the chunks that came."""
    block: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_chunked(_BLOCK):
        block.append(chunk)
        size += len(chunk)
        if size >= _BLOCK:
            yield block
            block, size = [], 0
    if block:
        yield block


def _parsed(response: aiohttp.ClientResponse, raw: bytes, pictures: Pictures) -> VendorResponse:
    text = raw.decode(errors="replace").removeprefix("\ufeff")
    streamed = response.content_type == _EVENTS
    body = events_in(text, pictures) if streamed else json_in(text, pictures)
    return VendorResponse(response.status, response.headers, body, text[:DETAIL_CHARACTERS])


async def _delivery(response: aiohttp.ClientResponse, target: Path, max_bytes: int) -> VendorResponse:
    if response.status != 200:
        return _parsed(response, await _text(response), {})
    _check_head(response, max_bytes)
    try:
        await _save(response, target, max_bytes)
    except BaseException:
        await in_thread(target.unlink, missing_ok=True)
        raise
    return VendorResponse(response.status, response.headers)


def _check_head(response: aiohttp.ClientResponse, max_bytes: int) -> None:
    """Refuse by the headers alone."""
    kind = response.content_type.lower()
    if not kind.startswith("image/") and not kind.endswith("/octet-stream"):
        raise BadResponse(f"delivers {kind!r} instead of a picture")
    if packed := compression(response.headers.get("Content-Encoding", "")):
        raise BadResponse(f"comes compressed ({packed}), which was not requested")
    if (response.content_length or 0) > max_bytes:
        raise BadResponse(f"delivers more than {max_bytes} bytes")


async def _save(response: aiohttp.ClientResponse, target: Path, max_bytes: int) -> None:
    await in_thread(_create, target)
    total = 0
    async for block in _blocks(response):
        total += sum(map(len, block))
        if total > max_bytes:
            raise BadResponse(f"delivers more than {max_bytes} bytes")
        await in_thread(_append, target, block)


def _create(target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(b"")


def _append(target: Path, block: _Block) -> None:
    with target.open("ab") as file:
        file.writelines(block)


def _joined(hop: URL, location: str) -> str:
    try:
        target = URL(location, encoded=location.isascii())
        return location if target.absolute and target.scheme else str(hop.join(target))
    except (ValueError, TypeError) as error:
        raise BadResponse("redirects the delivery to an address that is none") from error
