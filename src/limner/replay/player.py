"""Sending recorded calls to a server, one after the other, in the names that it gives to things."""

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
from limner.replay.compare import differences, renamed
from limner.replay.recording import RecordedCall

_ASK_AGAIN_S = 0.5
_UNFINISHED = frozenset({Status.QUEUED, Status.RUNNING})
_LONGEST_ANSWER = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Played:
    """A call as it went. `skipped` says why it was not made; else `differences` are what may trip a client."""

    number: int
    method: str
    path: str
    status: int | None = None
    took_ms: int = 0
    differences: tuple[str, ...] = ()
    skipped: str | None = None


@dataclass(slots=True)
class Player:
    """`base_url` is the server, `key` what it is called with, `patience_s` how long a task may take to end."""

    base_url: str
    key: str
    patience_s: float = 120.0
    names: dict[str, str] = field(default_factory=dict)
    _own: set[str] = field(default_factory=set, init=False)

    async def play(self, calls: Sequence[RecordedCall]) -> AsyncIterator[Played]:
        """Each call's outcome as soon as it is known. An answer that does not come is a difference, not an error."""
        timeout = aiohttp.ClientTimeout(total=self.patience_s + 30)
        async with aiohttp.ClientSession(timeout=timeout, auto_decompress=True) as session:
            for call in calls:
                yield await self._played(session, call)

    async def _played(self, session: aiohttp.ClientSession, call: RecordedCall) -> Played:
        if why := self._skipped(call):
            return Played(call.number, call.method, call.shown, skipped=why)
        began = time.perf_counter()
        try:
            status, answer = await self._until_ended(session, call, self._url(call))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            found: tuple[str, ...] = (f"no answer: {error or type(error).__name__}",)
            return Played(call.number, call.method, call.shown, differences=found)
        self._learn(call, answer)
        took_ms = round((time.perf_counter() - began) * 1000)
        return Played(call.number, call.method, call.shown, status, took_ms, tuple(_compared(call, status, answer)))

    def _skipped(self, call: RecordedCall) -> str | None:
        if call.status == HTTPStatus.SWITCHING_PROTOCOLS:
            return "it is a WebSocket"
        if call.url in self.names:
            return None
        if call.foreign:
            return "it went to another host"
        return None if call.path.startswith("/") else "no answer gave its address"

    def _url(self, call: RecordedCall) -> str:
        """Where the call goes now: an address that the server gave, else the same path on it."""
        return self.names.get(call.url) or self.base_url.rstrip("/") + self._now(call.path.encode()).decode()

    def _learn(self, call: RecordedCall, answer: Any) -> None:
        """Note the server's names. What the client said first is none; an address may change from answer to answer."""
        self._own.update(set(_texts_in(call.body)) - self.names.keys())
        for then, now in renamed(call.shape, answer):
            if then not in self._own and (then not in self.names or "://" in now):
                self.names[then] = now

    async def _until_ended(self, session: aiohttp.ClientSession, call: RecordedCall, url: str) -> tuple[int, Any]:
        """The answer; where the recording shows a task that has ended, it is asked for until it has."""
        give_up = time.monotonic() + self.patience_s
        while True:
            status, answer = await self._ask(session, call, url)
            if not _ended(call.shape) or not _goes_on(answer, url) or time.monotonic() > give_up:
                return status, answer
            await asyncio.sleep(_ASK_AGAIN_S)

    async def _ask(self, session: aiohttp.ClientSession, call: RecordedCall, url: str) -> tuple[int, Any]:
        headers = dict(call.headers)
        if URL(url).origin() == URL(self.base_url).origin():
            headers["Authorization"] = f"Bearer {self.key}"
        body = self._now(call.body) or None
        async with session.request(call.method, url, headers=headers, data=body, allow_redirects=False) as response:
            data = await _read(response)
        try:
            return response.status, orjson.loads(data)
        except orjson.JSONDecodeError:
            return response.status, None

    def _now(self, text: bytes) -> bytes:
        """A text of the recording in the server's names; longer ones first, for one may hold another."""
        named = {then.encode(): now.encode() for then, now in self.names.items()}
        found = sorted((then for then in named if then in text), key=len, reverse=True)
        return re.sub(b"|".join(map(re.escape, found)), lambda match: named[match[0]], text) if found else text


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The body, up to a length that no JSON has."""
    data = bytearray()
    async for piece in response.content.iter_any():
        data += piece
        if len(data) > _LONGEST_ANSWER:
            break
    return bytes(data)


def _texts_in(body: bytes) -> Iterator[str]:
    """Every text that a JSON body says."""
    try:
        said = [orjson.loads(body)]
    except orjson.JSONDecodeError:
        return
    while said:
        match said.pop():
            case str(text):
                yield text
            case list(elements):
                said += elements
            case dict(fields):
                said += fields.values()


def _compared(call: RecordedCall, status: int, answer: Any) -> list[str]:
    if call.status is not None and status != call.status:
        return [f"status: {call.status} expected, got {status}{_said(answer)}"]
    found = list(differences(call.shape, answer))
    then, now = _status_in(call.shape), _status_in(answer)
    if _ended(call.shape) and now is not None and then != now:
        found.append(f"data.status: {then} expected, got {now}{_why(answer)}")
    return found


def _said(answer: Any) -> str:
    if not isinstance(answer, Mapping):
        return ""
    return f" ({answer.get('code')}: {answer.get('message')} {answer.get('suggestion', '')})".replace(" )", ")")


def _why(answer: Any) -> str:
    reason = answer["data"].get("error_msg") or answer["data"].get("error_message")
    return f" ({reason})" if reason else ""


def _status_in(answer: Any) -> str | None:
    data = answer.get("data") if isinstance(answer, Mapping) else None
    status = data.get("status") if isinstance(data, Mapping) and "task_id" in data else None
    return status if isinstance(status, str) else None


def _goes_on(answer: Any, url: str) -> bool:
    """Whether the task that was asked about has not ended. A call that makes a task does not name it."""
    return _status_in(answer) in _UNFINISHED and str(answer["data"]["task_id"]) in url


def _ended(answer: Any) -> bool:
    status = _status_in(answer)
    return status is not None and status not in _UNFINISHED
