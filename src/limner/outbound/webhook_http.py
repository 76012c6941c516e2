"""Sends webhook messages to user-given URLs, with the same address checks as downloads."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from limner.domain.refusal import Code, Refusal
from limner.outbound.allowlist import FetchAllow
from limner.outbound.urls import PrivateHostError, UrlError, is_listed, parse
from limner.ports.webhook_http import WebhookAnswered, WebhookHttp, WebhookUnanswered

if TYPE_CHECKING:
    from aiohttp.abc import AbstractResolver
    from yarl import URL

    from limner.outbound.webhook_client import WebhookClient

TIMEOUT_S = 15.0
MAX_URL = 2048


class PlainHttpError(Exception):
    """The URL is public but not https."""


class GuardedWebhookHttp(WebhookHttp):
    """aiohttp is imported on the first message: a process that only checks URLs does not need it.

    `resolver` replaces the default resolver; with `reads_answers` bodies of successes are read.
    Close it on the event loop it sent on.
    """

    def __init__(
        self,
        allow: FetchAllow = FetchAllow(),  # noqa: B008 - a frozen value
        timeout_s: float = TIMEOUT_S,
        resolver: "AbstractResolver | None" = None,
        *,
        reads_answers: bool = False,
    ) -> None:
        self._allow = allow
        self._timeout_s = timeout_s
        self._resolver = resolver
        self._reads_answers = reads_answers
        self._webhook_client: WebhookClient | None = None

    def check(self, url: str) -> None:
        """Refuse URLs that are not public https addresses, without resolving names."""
        try:
            self._parsed_url(url)
        except UrlError as error:
            raise _refused(f"the URL {error}") from error
        except PrivateHostError as error:
            raise _refused(f"the host {str(error)[:200]!r} is not on the public internet") from error
        except PlainHttpError as error:
            raise _refused("the URL is not https") from error

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> WebhookAnswered | WebhookUnanswered:
        """Send once. The URL is checked again: the allowlist may have changed since it was given."""
        try:
            target = self._parsed_url(url)
        except (UrlError, PrivateHostError, PlainHttpError):
            return WebhookUnanswered("the address is not allowed: it is not https, or not public")
        sender = await self._client()
        return await sender.send(target, headers, body)

    async def close(self) -> None:
        if self._webhook_client is not None:
            await self._webhook_client.close()
            self._webhook_client = None

    def _parsed_url(self, url: str) -> "URL":
        parsed = parse(url, self._allow, MAX_URL)
        if parsed.scheme != "https" and not is_listed(parsed, self._allow):
            raise PlainHttpError
        return parsed

    async def _client(self) -> "WebhookClient":
        # The import reads hundreds of files and would block the event loop.
        kind = await asyncio.to_thread(_sender_class)
        if self._webhook_client is None:
            self._webhook_client = kind(self._allow, self._timeout_s, self._resolver, reads_answers=self._reads_answers)
        return self._webhook_client


def why_not_sendable(url: str, allow: FetchAllow) -> str | None:
    """Why no message can be sent to this address, which is no caller's; None for one that may be tried."""
    try:
        GuardedWebhookHttp(allow).check(url)
    except Refusal as refusal:
        return refusal.reason
    return None


def _refused(reason: str) -> Refusal:
    return Refusal(
        Code.INVALID,
        reason,
        suggestion="Give a full https:// address on the public internet. "
        "An operator can allow another host with LIMNER_FETCH_ALLOW.",
        field="url",
    )


def _sender_class() -> "type[WebhookClient]":
    from limner.outbound.webhook_client import WebhookClient  # noqa: PLC0415 - brings aiohttp

    return WebhookClient
