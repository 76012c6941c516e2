"""Calls of the API: authenticated, sent again where that is safe, their errors raised."""

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from limner_client.errors import ServerUnreachable, refusal_of
from limner_client.transport import Answer, Transport, TransportFailed

PREFIX = "/v2/openapi"
SENT_AGAIN = frozenset({408, 409, 429, 500, 502, 503, 504})
"""Statuses after which a request is repeated. 409 says that its twin is still being answered."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0


@dataclass(frozen=True, slots=True)
class Calls:
    """`retries` is how often a request is sent again. A create has an `Idempotency-Key`, so a repeat buys nothing."""

    transport: Transport
    key: str
    retries: int

    @property
    def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    async def get(self, path: str, *, prefix: str = PREFIX) -> Any:
        return await self.data("GET", prefix + path, None, {})

    async def post(self, path: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Any:
        extra = {"Content-Type": "application/json", **(headers or {})}
        return await self.data("POST", PREFIX + path, json.dumps(body).encode(), extra)

    async def upload(self, content: bytes) -> str:
        """The token of a picture."""
        boundary = new_name()
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="picture"\r\n\r\n'
        body = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        return str((await self.data("POST", f"{PREFIX}/upload", body, headers))["image_token"])

    async def data(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Any:
        """What a success brings. Raises `CallRefused` and `ServerUnreachable`."""
        answer = await self._answer(method, path, body, {**self.headers, **headers})
        content = _content(answer)
        if answer.status != 200 or content.get("code") != 0:
            raise refusal_of(answer.status, content, answer.headers)
        return content["data"]

    async def _answer(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        for sent in range(self.retries + 1):
            is_last = sent == self.retries
            try:
                answer = await self.transport.send(method, path, headers, body)
            except TransportFailed as error:
                if is_last:
                    raise ServerUnreachable(f"no answer to {method} {path}: {error}") from error
                await asyncio.sleep(_pause_s(sent, None))
            else:
                if answer.status not in SENT_AGAIN or is_last:
                    return answer
                await asyncio.sleep(_pause_s(sent, answer.headers.get("retry-after")))
        raise AssertionError("unreachable: the last attempt returns or raises")


def new_name() -> str:
    """A name that nothing else has. The modules `uuid` and `random` would lengthen the import of the package."""
    return os.urandom(16).hex()


def _pause_s(sent: int, retry_after: str | None) -> float:
    """As the server asks, else a random part of a doubling time."""
    if retry_after and retry_after.isdecimal():
        return min(float(retry_after), LONGEST_PAUSE_S)
    spread = 0.5 + os.urandom(1)[0] / 510
    pause: float = FIRST_PAUSE_S * 2**sent
    return spread * min(pause, LONGEST_PAUSE_S)


def _content(answer: Answer) -> Mapping[str, Any]:
    try:
        found = json.loads(answer.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
