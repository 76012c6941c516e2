"""Send recorded calls to a server one after the other, with recorded ids replaced by the server's new ones."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import aiohttp
import orjson
from yarl import URL

from limner.domain.tasks.task import Status
from limner.outbound.response_head import HEAD_LIMITS
from limner.replay.compare import differences, renamed
from limner.replay.recording import RecordedCall

_POLL_S = 0.5
_UNFINISHED = frozenset({Status.QUEUED, Status.RUNNING})
_MAX_ANSWER_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class PlayedCall:
    """The result of one call. `skipped` is the reason if it was not sent; else `differences` may break a client."""

    number: int
    method: str
    path: str
    status: int | None = None
    took_ms: int = 0
    differences: tuple[str, ...] = ()
    skipped: str | None = None


@dataclass(slots=True)
class Player:
    """Plays calls against `base_url` with the API key `key`. `task_timeout_s` is how long a task may take to end.

    `names` maps recorded ids, tokens and addresses to the server's.
    """

    base_url: str
    key: str
    task_timeout_s: float = 120.0
    names: dict[str, str] = field(default_factory=dict)
    _own: set[str] = field(default_factory=set, init=False)

    async def play(self, calls: Sequence[RecordedCall]) -> AsyncIterator[PlayedCall]:
        """Yield each call's result as soon as it is known. A missing answer is a difference, not an exception."""
        timeout = aiohttp.ClientTimeout(total=self.task_timeout_s + 30)
        async with aiohttp.ClientSession(timeout=timeout, auto_decompress=True, **HEAD_LIMITS) as session:
            for call in calls:
                yield await self._played(session, call)

    async def _played(self, session: aiohttp.ClientSession, call: RecordedCall) -> PlayedCall:
        if reason := self._skip_reason(call):
            return PlayedCall(call.number, call.method, call.shown, skipped=reason)
        began = time.perf_counter()
        try:
            status, answer = await self._until_ended(session, call, self._url(call))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            found: tuple[str, ...] = (f"no answer: {error or type(error).__name__}",)
            return PlayedCall(call.number, call.method, call.shown, differences=found)
        self._learn(call, answer)
        took_ms = round((time.perf_counter() - began) * 1000)
        return PlayedCall(call.number, call.method, call.shown, status, took_ms, tuple(_compared(call, status, answer)))

    def _skip_reason(self, call: RecordedCall) -> str | None:
        if call.status == HTTPStatus.SWITCHING_PROTOCOLS:
            return "a WebSocket connection"
        if call.url in self.names:
            return None
        if call.foreign:
            return "sent to another host"
        return None if call.path.startswith("/") else "no answer contained its address"

    def _url(self, call: RecordedCall) -> str:
        """The URL to call: an address from an earlier answer, else the recorded path on `base_url`."""
        return self.names.get(call.url) or self.base_url.rstrip("/") + self._renamed(call.path.encode()).decode()

    def _learn(self, call: RecordedCall, answer: Any) -> None:
        """Record the server's new ids. Texts the client sent first are not ids; addresses may change every time."""
        self._own.update(set(_strings_in(call.body)) - self.names.keys())
        for old, new in renamed(call.shape, answer):
            if old not in self._own and (old not in self.names or "://" in new):
                self.names[old] = new

    async def _until_ended(self, session: aiohttp.ClientSession, call: RecordedCall, url: str) -> tuple[int, Any]:
        """The answer. If the recorded one shows a task that has ended, poll until the new task has ended too."""
        deadline = time.monotonic() + self.task_timeout_s
        while True:
            status, answer = await self._ask(session, call, url)
            if not _has_ended(call.shape) or not _is_unfinished(answer, url) or time.monotonic() > deadline:
                return status, answer
            await asyncio.sleep(_POLL_S)

    async def _ask(self, session: aiohttp.ClientSession, call: RecordedCall, url: str) -> tuple[int, Any]:
        headers = dict(call.headers)
        if URL(url).origin() == URL(self.base_url).origin():
            headers["Authorization"] = f"Bearer {self.key}"
        body = self._renamed(call.body) or None
        async with session.request(call.method, url, headers=headers, data=body, allow_redirects=False) as response:
            data = await _read(response)
        try:
            return response.status, orjson.loads(data)
        except orjson.JSONDecodeError:
            return response.status, None

    def _renamed(self, text: bytes) -> bytes:
        """Replace recorded ids by the server's; longer ones first, as one may contain another."""
        named = {old.encode(): new.encode() for old, new in self.names.items()}
        found = sorted((old for old in named if old in text), key=len, reverse=True)
        return re.sub(b"|".join(map(re.escape, found)), lambda match: named[match[0]], text) if found else text


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The body, up to `_MAX_ANSWER_BYTES`."""
    data = bytearray()
    async for piece in response.content.iter_any():
        data += piece
        if len(data) > _MAX_ANSWER_BYTES:
            break
    return bytes(data)


def _strings_in(body: bytes) -> Iterator[str]:
    """All strings in a JSON body."""
    try:
        waiting = [orjson.loads(body)]
    except orjson.JSONDecodeError:
        return
    while waiting:
        match waiting.pop():
            case str(text):
                yield text
            case list(elements):
                waiting += elements
            case dict(fields):
                waiting += fields.values()


def _compared(call: RecordedCall, status: int, answer: Any) -> list[str]:
    if call.status is not None and status != call.status:
        return [f"status: {call.status} expected, got {status}{_error_text(answer)}"]
    found = list(differences(call.shape, answer))
    old, new = _status_in(call.shape), _status_in(answer)
    if _has_ended(call.shape) and new is not None and old != new:
        found.append(f"data.status: {old} expected, got {new}{_failure_reason(answer)}")
    return found


def _error_text(answer: Any) -> str:
    if not isinstance(answer, Mapping):
        return ""
    return f" ({answer.get('code')}: {answer.get('message')} {answer.get('suggestion', '')})".replace(" )", ")")


def _failure_reason(answer: Any) -> str:
    reason = answer["data"].get("error_msg") or answer["data"].get("error_message")
    return f" ({reason})" if reason else ""


def _status_in(answer: Any) -> str | None:
    data = answer.get("data") if isinstance(answer, Mapping) else None
    status = data.get("status") if isinstance(data, Mapping) and "task_id" in data else None
    return status if isinstance(status, str) else None


def _is_unfinished(answer: Any, url: str) -> bool:
    """Whether the answer shows an unfinished task that the URL names; a create call's URL does not name one."""
    return _status_in(answer) in _UNFINISHED and str(answer["data"]["task_id"]) in url


def _has_ended(answer: Any) -> bool:
    status = _status_in(answer)
    return status is not None and status not in _UNFINISHED
