"""Webhooks, sent in the background as a vendor does."""

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from typing import Any

import aiohttp

log = logging.getLogger(__name__)


class Hooks:
    """Sends in the background; `close` drops what is not sent yet."""

    def __init__(self, retries: tuple[float, ...]) -> None:
        self._retries = retries
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Send until the answer is 2xx, or the retries are used up."""
        for wait in (0.0, *self._retries):
            await asyncio.sleep(wait)
            if await self._posted(url, body, headers):
                return
        log.warning("webhook given up: %s", url)

    async def fetch(self, url: str) -> bytes:
        """Download a linked reference. Raises `aiohttp.ClientError`."""
        async with self._client().get(url) as answer:
            answer.raise_for_status()
            return await answer.read()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session:
            await self._session.close()

    async def _posted(self, url: str, body: bytes, headers: Mapping[str, str]) -> bool:
        try:
            sent = {"Content-Type": "application/json", **headers}
            async with self._client().post(url, data=body, headers=sent) as answer:
                return answer.ok
        except (aiohttp.ClientError, TimeoutError):
            return False

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=30), max_line_size=65_536, max_field_size=65_536
            )
        return self._session
